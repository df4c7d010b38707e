"""/about, /help and /stats."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.config import Host
from bot.language import Language, language_of
from bot.limits import paced
from bot.ui.answers import tell
from bot.ui.deferral import think
from model.sentence import Sentence, count, joined, say

if TYPE_CHECKING:
    from bot.client import SongwriterBot
    from bot.store import Tally

Interaction = discord.Interaction["SongwriterBot"]

_ABOUT = say(
    "I am Neural Songwriter {version}: post a picture where I listen, and I answer with a stanza about it. "
    "One network reads the picture, another one writes, letter by letter; nobody's picture is kept. "
    "Try `/lyrics`, `/seed kiss`, or a long press on a message with a picture. "
    "React to my songs to tell me what you think. `/help` lists my commands, and `/privacy show` says what I "
    "keep about you."
)
_NAMED, _REACHED = say("I am run by {name}."), say("Whoever runs me can be reached at {contact}.")
_NAMED_AND_REACHED = say("I am run by {name}, who can be reached at {contact}.")

_HELP = say(
    "Post a picture where I listen, or mention me with one or in a reply to one, and I answer with a stanza. "
    "In a direct message to me a picture is enough. On a message with pictures: **{menus}**, under Apps. "
    "The buttons under a song write another one, warmer or cooler, or a line anew; **Why this one?** "
    "explains it, and **Delete** is for you and for moderators. My commands:"
)


class About(commands.Cog):
    """Who the bot is, and how much it has written."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot

    @app_commands.command(name="about", description="What I am and what I can do.")
    @paced()
    async def about(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        host = self.bot.resources.config.host
        parts = [_ABOUT.filled(version=version("neural-songwriter")), *_reached(host)]
        await tell(interaction, joined("\n", parts))

    @app_commands.command(name="help", description="How I am used, and all my commands.")
    @paced()
    async def help(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        known = self.bot.tree.get_commands()
        language = language_of(interaction)
        menus = [language.menu(one.name) for one in known if isinstance(one, app_commands.ContextMenu)]
        listed = [_listed(one, language) for one in known if not isinstance(one, app_commands.ContextMenu)]
        await tell(interaction, joined("\n", [_HELP.filled(menus=", ".join(menus)), *listed]))

    @app_commands.command(name="stats", description="How much I have written, and how it was liked.")
    @paced()
    async def stats(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        found = await self.bot.store.stats(interaction.guild_id)
        # Outside servers "here" would be everybody's direct messages.
        here = [] if interaction.guild_id is None else [say("Here: {songs}", songs=_described(found.here))]
        parts = [*here, say("In all: {songs}", songs=_described(found.everywhere))]
        await tell(interaction, joined("\n", parts))


def _reached(host: Host) -> list[Sentence]:
    """Who runs the bot, as far as the configuration says."""
    if host.name and host.contact:
        return [_NAMED_AND_REACHED.filled(name=host.name, contact=host.contact)]
    if host.name:
        return [_NAMED.filled(name=host.name)]
    return [_REACHED.filled(contact=host.contact)] if host.contact else []


def _listed(command: app_commands.Command[Any, ..., Any] | app_commands.Group, language: Language) -> str:
    """A command as one line; of a group, what it can do."""
    text = f"- `/{language.name(command.name)}`: {language.said(command.description)}"
    if isinstance(command, app_commands.Group):
        text += " " + " ".join(f"`{language.name(one.name)}`" for one in command.commands)
    return text


def _described(tally: Tally) -> Sentence:
    ratings = [f"{reaction} {given}" for reaction, given in tally.ratings.items()]
    return joined(" · ", [count("{n} song", "{n} songs", tally.songs), *ratings])
