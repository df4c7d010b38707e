"""People rate songs by reacting; the ratings are kept for evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.preferences import in_force
from bot.store import ServerSettings

if TYPE_CHECKING:
    from bot.client import SongwriterBot


class Ratings(commands.Cog):
    """Counts reactions, also on replies from before a restart: raw events need no cache.

    Each goes straight to the database's one writer, so that what was given and taken back at once
    is dealt with in that order.
    """

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        if self._is_own(payload.user_id):
            return
        reaction, server = str(payload.emoji), payload.guild_id

        def rates(own: ServerSettings) -> bool:
            here = in_force(server, own, self.bot.resources.config)
            return here.ratings and reaction in here.reactions

        is_bot = payload.member is not None and payload.member.bot
        await self.bot.store.add_rating(
            payload.message_id, payload.user_id, reaction, is_bot=is_bot, server=server, rates=rates
        )

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        if not self._is_own(payload.user_id):
            await self.bot.store.remove_rating(payload.message_id, payload.user_id, str(payload.emoji))

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        await self.bot.store.clear_ratings(payload.message_id)

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, payload: discord.RawReactionClearEmojiEvent) -> None:
        await self.bot.store.clear_ratings(payload.message_id, str(payload.emoji))

    def _is_own(self, user: int) -> bool:
        return self.bot.user is not None and user == self.bot.user.id
