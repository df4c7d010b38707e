"""/privacy: what is kept about a person, for that person."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.language import language_of
from bot.limits import paced
from bot.ui.answers import tell
from bot.ui.data_file import data_file
from bot.ui.deferral import think
from model.sentence import Sentence, count, joined, say

if TYPE_CHECKING:
    from bot.client import SongwriterBot

Interaction = discord.Interaction["SongwriterBot"]

_SHOWN = say(
    "I keep about you: {counts}. I never keep pictures or messages; the seed that you give a command stays "
    "with its song. {page} `/privacy export` gives it to you, `/privacy delete` deletes it, "
    "`/privacy opt-out` makes me ignore you."
)
_PAGE = say("What I keep of whom, why and for how long is written at <{page}>.")
# The host's page is not known: then the host is who can be asked.
_NO_PAGE = say("Whoever runs me, see `/about`, can tell you what it is for and for how long I keep it.")
_IGNORED = say(
    "From now on I ignore you. `/privacy delete` also deletes what I have; `/privacy opt-in` undoes this."
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
        counts = joined(", ", (_counted(table, rows) for table, rows in held.items() if rows))
        address = self.bot.resources.config.host.privacy
        page = _PAGE.filled(page=address) if address else _NO_PAGE
        await tell(interaction, _SHOWN.filled(counts=counts or say("nothing"), page=page))

    @app_commands.command(name="export", description="Everything I keep about you, as a file.")
    @paced()
    async def export(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        held = await self.bot.store.export_user(interaction.user.id)
        about = language_of(interaction).said(say("Your data as JSON"))
        file = await asyncio.to_thread(data_file, held, interaction.filesize_limit, about)
        await tell(interaction, say("This is all I keep about you."), attachments=[file])

    @app_commands.command(name="delete", description="Delete everything I keep about you.")
    @paced()
    async def delete(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        rows = await self.bot.store.delete_user(interaction.user.id)
        await tell(
            interaction,
            count(
                "Done: {n} row deleted. My replies in channels stay till you delete them.",
                "Done: {n} rows deleted. My replies in channels stay till you delete them.",
                rows,
            ),
        )

    @app_commands.command(name="opt-out", description="I ignore your pictures, commands and ratings.")
    @paced()
    async def opt_out(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        await self.bot.store.set_opted_out(interaction.user.id, True)
        await tell(interaction, _IGNORED)

    @app_commands.command(name="opt-in", description="I answer you again.")
    @paced()
    async def opt_in(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        await self.bot.store.set_opted_out(interaction.user.id, False)
        await tell(interaction, say("Welcome back: I answer you again."))


def _counted(table: str, rows: int) -> Sentence:
    """The rows of a table, as people understand them."""
    match table:
        case "opt_outs":
            return count("{n} opt-out", "{n} opt-outs", rows)
        case "ratings":
            return count("{n} rating", "{n} ratings", rows)
        case "outputs":
            return count("{n} output", "{n} outputs", rows)
        case "quotas":
            return count("{n} quota", "{n} quotas", rows)
        case "jobs":
            return count("{n} job", "{n} jobs", rows)
    return count("{n} caption", "{n} captions", rows)
