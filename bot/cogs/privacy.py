"""/privacy: what is kept about a person, for that person."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.limits import paced
from bot.ui.data_file import data_file
from bot.ui.deferral import think
from bot.ui.replies import counted

if TYPE_CHECKING:
    from bot.client import SongwriterBot

Interaction = discord.Interaction["SongwriterBot"]

_SHOWN = (
    "I keep about you: {counts}. I never keep pictures or messages; the seed that you give a command stays "
    "with its song. {page} `/privacy export` gives it to you, `/privacy delete` deletes it, "
    "`/privacy opt-out` makes me ignore you."
)
_PAGE = "What I keep of whom, why and for how long is written at <{}>."
# The host's page is not known: then the host is who can be asked.
_NO_PAGE = "Whoever runs me, see `/about`, can tell you what it is for and for how long I keep it."


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class Privacy(commands.GroupCog, group_name="privacy", group_description="What I keep about you."):
    """Every answer is for the person alone."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot

    @app_commands.command(name="show", description="What I keep about you, in short.")
    @paced()
    async def show(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        held = await self.bot.store.count_user(interaction.user.id)
        nouns = {table: table.removesuffix("s").replace("_", "-") for table in held}
        counts = ", ".join(counted(rows, nouns[table]) for table, rows in held.items() if rows)
        address = self.bot.resources.config.host.privacy
        page = _PAGE.format(address) if address else _NO_PAGE
        text = _SHOWN.format(counts=counts or "nothing", page=page)
        await interaction.edit_original_response(content=text)

    @app_commands.command(name="export", description="Everything I keep about you, as a file.")
    @paced()
    async def export(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        held = await self.bot.store.export_user(interaction.user.id)
        file = await asyncio.to_thread(data_file, held, interaction.filesize_limit, "Your data as JSON")
        await interaction.edit_original_response(content="This is all I keep about you.", attachments=[file])

    @app_commands.command(name="delete", description="Delete everything I keep about you.")
    @paced()
    async def delete(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        rows = await self.bot.store.delete_user(interaction.user.id)
        await interaction.edit_original_response(
            content=f"Done: {counted(rows, 'row')} deleted. My replies in channels stay till you delete them."
        )

    @app_commands.command(name="opt-out", description="I ignore your pictures, commands and ratings.")
    @paced()
    async def opt_out(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        await self.bot.store.set_opted_out(interaction.user.id, True)
        await interaction.edit_original_response(
            content="From now on I ignore you. `/privacy delete` also deletes what I have; "
            "`/privacy opt-in` undoes this."
        )

    @app_commands.command(name="opt-in", description="I answer you again.")
    @paced()
    async def opt_in(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        await self.bot.store.set_opted_out(interaction.user.id, False)
        await interaction.edit_original_response(content="Welcome back: I answer you again.")
