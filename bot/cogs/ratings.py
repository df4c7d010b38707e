"""People rate songs by reacting; the ratings are kept for evaluation."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import aiohttp
import discord
from discord.ext import commands

from bot.preferences import in_force
from bot.store import ServerSettings, StoreError
from bot.store.reactions import kept
from bot.ui.buttons import output_shown
from bot.ui.retries import persistently
from model.emoji import plain

if TYPE_CHECKING:
    from bot.client import SongwriterBot

_log = logging.getLogger(__name__)


class Ratings(commands.Cog):
    """Counts reactions, also on replies from before a restart: raw events need no cache.

    Those on one message are dealt with one after the other, in the order in which they came.
    """

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        if self._is_own(payload.user_id):
            return
        server, meant = payload.guild_id, plain(str(payload.emoji))

        def rates(own: ServerSettings) -> bool:
            here = in_force(server, own, self.bot.resources.config)
            return own.ratings and meant in map(plain, here.reactions)

        is_bot = payload.member is not None and payload.member.bot
        async with self._turn(payload.message_id):
            await self._attach(payload)
            await self.bot.store.add_rating(
                payload.message_id, payload.user_id, _kept(payload), is_bot=is_bot, server=server, rates=rates
            )

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        if self._is_own(payload.user_id):
            return
        async with self._turn(payload.message_id):
            await self.bot.store.remove_rating(payload.message_id, payload.user_id, _kept(payload))

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        async with self._turn(payload.message_id):
            await self.bot.store.clear_ratings(payload.message_id)

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, payload: discord.RawReactionClearEmojiEvent) -> None:
        async with self._turn(payload.message_id):
            for burst in (False, True):
                reaction = kept(str(payload.emoji), burst=burst)
                await self.bot.store.clear_ratings(payload.message_id, reaction)

    def _turn(self, message: int) -> asyncio.Lock:
        """Held by the event of a message that is dealt with; the others wait in their order."""
        return self._turns.setdefault(message, asyncio.Lock())

    async def _attach(self, payload: discord.RawReactionActionEvent) -> None:
        """Find out which output a reply of ours shows, where that was not noted when it was posted.

        Somebody may be faster than the answer to the post, and a process that is killed right after
        it never gets one.
        """
        if payload.message_author_id is None or not self._is_own(payload.message_author_id):
            return
        # Where the database is away, nothing is known: then Discord is asked.
        with suppress(StoreError):
            if await self.bot.store.output_of_message(payload.message_id) is not None:
                return
        channel = self.bot.get_partial_messageable(payload.channel_id)
        try:
            message = await persistently(lambda: channel.fetch_message(payload.message_id))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            _log.info("message %s cannot be rated: %s", payload.message_id, type(error).__name__)
            return
        if output := output_shown(message):
            await self.bot.store.attach_message(output, payload.channel_id, payload.message_id)

    def _is_own(self, user: int) -> bool:
        return self.bot.user is not None and user == self.bot.user.id


def _kept(payload: discord.RawReactionActionEvent) -> str:
    return kept(str(payload.emoji), burst=payload.burst)
