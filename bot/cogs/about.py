"""/about and /stats."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.limits import paced
from bot.ui.deferral import think
from bot.ui.replies import counted

if TYPE_CHECKING:
    from bot.client import SongwriterBot
    from bot.store import Tally

Interaction = discord.Interaction["SongwriterBot"]

_ABOUT = (
    "I am Neural Songwriter {version}: post a picture where I listen, and I answer with a stanza about it. "
    "One network reads the picture, another one writes, letter by letter; nobody's picture is kept. "
    "Try `/lyrics`, `/seed kiss`, or a long press on a message with a picture. "
    "React to my songs to tell me what you think. `/privacy show` says what I keep about you."
)


class About(commands.Cog):
    """Who the bot is, and how much it has written."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot

    @app_commands.command(name="about", description="What I am and what I can do.")
    @paced()
    async def about(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        text = _ABOUT.format(version=version("neural-songwriter"))
        await interaction.edit_original_response(content=text)

    @app_commands.command(name="stats", description="How much I have written, and how it was liked.")
    @paced()
    async def stats(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        found = await self.bot.store.stats(interaction.guild_id)
        # Outside servers "here" would be everybody's direct messages.
        here = "" if interaction.guild_id is None else f"Here: {_described(found.here)}\n"
        await interaction.edit_original_response(content=f"{here}In all: {_described(found.everywhere)}")


def _described(tally: Tally) -> str:
    ratings = " · ".join(f"{reaction} {count}" for reaction, count in tally.ratings.items())
    return counted(tally.songs, "song") + (f" · {ratings}" if ratings else "")
