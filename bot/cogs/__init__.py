"""What the bot does on Discord: one module a feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cogs.about import About
from bot.cogs.lyrics import Lyrics
from bot.cogs.owner import Owner
from bot.cogs.pictures import Pictures
from bot.cogs.privacy import Privacy
from bot.cogs.ratings import Ratings
from bot.cogs.settings import Settings
from bot.cogs.welcome import Welcome

if TYPE_CHECKING:
    from discord.ext import commands

    from bot.client import SongwriterBot


def every_cog(bot: SongwriterBot) -> list[commands.Cog]:
    """One of each feature."""
    return [kind(bot) for kind in (Pictures, Lyrics, Ratings, Settings, Privacy, About, Welcome, Owner)]
