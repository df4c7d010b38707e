"""A picture is posted, a stanza comes back."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import discord
from discord.ext import commands

from bot.images import PictureRef, pictures_of
from bot.ops.log import request_id
from bot.preferences import preferences_of
from bot.store import new_id
from bot.ui.refusals import CoolingDown, sentence
from bot.ui.replies import replied_to
from bot.unanswered import log_unanswered, must_be_silent

if TYPE_CHECKING:
    from bot.client import SongwriterBot

# Messages that are not handled twice, should the gateway deliver one again.
_REMEMBERED = 10_000
_WAIT = "⏳"


class Pictures(commands.Cog):
    """Answers pictures in opted-in channels, in direct messages, and where it is mentioned."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._under_way: dict[int, asyncio.Task[None]] = {}

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.author.bot or message.webhook_id or not self._first_time(message):
            return
        request_id.set(new_id())
        author, pictures = await self._pictures(message)
        if not pictures or await must_be_silent(message, self.bot):
            return
        server = message.guild.id if message.guild else None
        task = asyncio.create_task(self._answer(message, server, author, pictures))
        self._under_way[message.id] = task
        task.add_done_callback(lambda _: self._under_way.pop(message.id, None))
        with suppress(asyncio.CancelledError):
            await task

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self._forget([payload.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        self._forget(payload.message_ids)

    def _forget(self, messages: list[int] | set[int]) -> None:
        for message in messages:
            if task := self._under_way.get(message):
                task.cancel()

    def _first_time(self, message: discord.Message) -> bool:
        if message.id in self._seen:
            return False
        self._seen[message.id] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True

    async def _pictures(self, message: discord.Message) -> tuple[int, list[PictureRef]]:
        """Who posted the pictures that are to be answered, and those.

        They are a message's own, or those of the one that it replies to with a mention.
        """
        config = self.bot.resources.config
        limit, hosts = config.discord.pictures_per_message, config.pictures.hosts
        mentioned = self.bot.user in message.mentions
        if own := pictures_of(message, limit, hosts):
            return message.author.id, own if mentioned or await self._is_open(message) else []
        other = await replied_to(message) if mentioned else None
        if other is None or other.author == self.bot.user:
            return message.author.id, []
        return other.author.id, pictures_of(other, limit, hosts)

    async def _is_open(self, message: discord.Message) -> bool:
        """Whether pictures are answered in the message's channel, or in its thread's parent."""
        server = message.guild.id if message.guild else None
        here = await preferences_of(server, self.bot.store, self.bot.resources.config)
        parent = getattr(message.channel, "parent_id", None)
        return here.everywhere or not here.channels.isdisjoint({message.channel.id, parent})

    async def _answer(
        self, message: discord.Message, server: int | None, author: int, pictures: list[PictureRef]
    ) -> None:
        typing = asyncio.create_task(_type(message.channel))
        songs = self.bot.songs
        try:
            request = await songs.requests.new("picture", message.author.id, server, author=author)
            async with songs.written(request, pictures) as output:
                typing.cancel()
                await self.bot.poster.reply(message, output)
        except CoolingDown as error:
            log_unanswered(message, error)
            with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
                await message.add_reaction(_WAIT)
        except Exception as error:
            log_unanswered(message, error)
            await self.bot.poster.apologise(message, sentence(error, request_id.get()))
        finally:
            typing.cancel()


async def _type(channel: discord.abc.Messageable) -> None:
    """Show that something is coming until this is cancelled; a song does not wait for it or fail with it."""
    with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
        async with channel.typing():
            await asyncio.Event().wait()
