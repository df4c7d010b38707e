"""People rate songs by reacting; the ratings are kept for evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.preferences import preferences_of

if TYPE_CHECKING:
    from bot.client import SongwriterBot


class Ratings(commands.Cog):
    """Counts reactions, also on replies from before a restart: raw events need no cache."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        if self._is_own(payload.user_id) or not await self._rates(payload.guild_id, payload.emoji):
            return
        is_bot = payload.member is not None and payload.member.bot
        await self.bot.store.add_rating(
            payload.message_id, payload.user_id, str(payload.emoji), is_bot=is_bot
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

    async def _rates(self, server: int | None, emoji: discord.PartialEmoji) -> bool:
        here = await preferences_of(server, self.bot.store, self.bot.resources.config)
        return here.ratings and str(emoji) in here.reactions
