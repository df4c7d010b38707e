"""A picture is posted, a stanza comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
from discord.ext import commands

from bot.answered import Answered
from bot.finding import NOTHING, Found, candidates
from bot.hints import Hints
from bot.ops.log import request_id
from bot.preferences import preferences_of
from bot.store import new_id
from bot.ui.refusals import CoolingDown, sentence
from bot.ui.replies import replied_to
from bot.unanswered import log_unanswered, must_be_silent

if TYPE_CHECKING:
    from bot.client import SongwriterBot

_WAIT = "⏳"


class Pictures(commands.Cog):
    """Answers pictures in opted-in channels, in direct messages, and where it is mentioned."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot
        now = discord.utils.utcnow()
        self._answered = Answered(since=discord.utils.time_snowflake(now))
        self._hints = Hints(bot, self._answered)
        self._under_way: dict[int, asyncio.Task[None]] = {}

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        await self._consider(message, spoken=True)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Somebody mentions the bot after all, or Discord adds the preview of a link."""
        if self._answered.may_still_be(payload.message_id):
            # What Discord adds by itself is no edit of the author's, and bears no time of one.
            await self._consider(payload.message, spoken=payload.message.edited_at is not None)

    async def _consider(self, message: discord.Message, *, spoken: bool) -> None:
        """Answer a message if it wants to be answered and was not yet.

        Args:
            message: as it is now.
            spoken: whether its author has just written or edited it.
        """
        if message.author.bot or message.webhook_id or message.id in self._answered:
            return
        addressed = self._is_addressed(message)
        if not addressed and not candidates(message, self.bot.resources.config.pictures.hosts):
            return
        request_id.set(new_id())
        author, found = await self._pictures(message, addressed)
        if not (found or (addressed and spoken)) or await must_be_silent(message, self.bot):
            return
        if not found:
            await self._hints.give(message, here=await self._is_open(message))
        elif self._answered.claim(message.id):
            await self._until_deleted(message, self._answer(message, author, found))

    async def _until_deleted(self, message: discord.Message, answer: Coroutine[Any, Any, None]) -> None:
        """Go on with an answer for as long as its message is there."""
        task = asyncio.create_task(answer)
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

    def _is_addressed(self, message: discord.Message) -> bool:
        """Whether a message is for the bot: a mention, a reply to it, or a direct message."""
        reference = message.reference
        before = reference.resolved if reference else None
        replies = isinstance(before, discord.Message) and before.author == self.bot.user
        # A server that is not known has no guild either, but another kind of channel.
        direct = isinstance(message.channel, discord.DMChannel)
        return replies or direct or self.bot.user in message.mentions

    async def _pictures(self, message: discord.Message, addressed: bool) -> tuple[int, Found]:
        """Who posted the pictures that are to be answered, and those.

        They are a message's own, or those of the one that it replies to where it is for the bot.
        """
        songs, own = self.bot.songs, message.author.id
        listens = addressed or await self._is_open(message)
        if listens and (found := await songs.pictures(message)):
            return own, found
        other = await replied_to(message) if addressed else None
        if other is None or other.author == self.bot.user:
            return own, NOTHING
        return other.author.id, await songs.pictures(other)

    async def _is_open(self, message: discord.Message) -> bool:
        """Whether pictures are answered in the message's channel, or in its thread's parent."""
        server = message.guild.id if message.guild else None
        here = await preferences_of(server, self.bot.store, self.bot.resources.config)
        parent = getattr(message.channel, "parent_id", None)
        return here.everywhere or not here.channels.isdisjoint({message.channel.id, parent})

    async def _answer(self, message: discord.Message, author: int, found: Found) -> None:
        typing = asyncio.create_task(_type(message.channel))
        songs, server = self.bot.songs, message.guild.id if message.guild else None
        try:
            request = await songs.requests.new("picture", message.author.id, server, author=author)
            async with songs.written(request, found.pictures) as output:
                typing.cancel()
                await self.bot.poster.reply(message, output, found.notes)
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
