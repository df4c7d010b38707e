"""/privacy: what is kept about a person, for that person."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.limits import paced
from bot.ui.deferral import think
from bot.ui.replies import counted

if TYPE_CHECKING:
    from bot.client import SongwriterBot

Interaction = discord.Interaction["SongwriterBot"]

_SHOWN = (
    "I keep about you: {counts}. I never keep pictures or messages; the seed that you give a command stays "
    "with its song. PRIVACY.md, which came with this bot, lists it all. `/privacy export` gives it to you, "
    "`/privacy delete` deletes it, `/privacy opt-out` makes me ignore you."
)


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
        await interaction.edit_original_response(content=_SHOWN.format(counts=counts or "nothing"))

    @app_commands.command(name="export", description="Everything I keep about you, as a file.")
    @paced()
    async def export(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        held = await self.bot.store.export_user(interaction.user.id)
        file = await asyncio.to_thread(_file, held, interaction.filesize_limit)
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


def _file(held: dict[str, Any], limit: int) -> discord.File:
    """Everything as JSON, packed where Discord would not take it otherwise; ``limit`` is in bytes."""
    name, data = "songwriter-data.json", json.dumps(held, indent=2, ensure_ascii=False).encode()
    file = io.BytesIO(data)
    if len(data) > limit:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(name, data)
        file.seek(0)
        name += ".zip"
    return discord.File(file, name, description="Your data as JSON")
