"""What the bot's owner can tell it by mentioning it: ``@Songwriter sync``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord.ext import commands

if TYPE_CHECKING:
    from bot.client import SongwriterBot


class Owner(commands.Cog):
    """Owners are the application's owner or team, or those that the configuration names."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot

    @commands.command(help="Register the slash commands with Discord now.")
    @commands.is_owner()
    async def sync(self, context: commands.Context[SongwriterBot]) -> None:
        try:
            await self.bot.sync_if_changed(force=True)
            said = "The commands are registered."
        except discord.HTTPException as error:
            said = f"Discord refused the commands: {error.status} ({error.code})."
        await context.reply(said, mention_author=False)
