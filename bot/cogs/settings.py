"""/settings: what people who manage a server decide for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.config import MAX_TEMPERATURE, MIN_TEMPERATURE
from bot.limits import paced
from bot.preferences import Preferences, preferences_of
from bot.store import ServerSettings
from bot.ui.deferral import think
from bot.ui.permissions import may_reply
from bot.ui.refusals import Refusal
from model.emoji import plain

if TYPE_CHECKING:
    from bot.client import SongwriterBot

Interaction = discord.Interaction["SongwriterBot"]

_MAX_COOLDOWN = 3600
# A server with more channels than this opts in by the configuration's "all".
_MAX_CHANNELS = 100
# All of them would be longer than a message may be.
_CHANNELS_SHOWN = 50
_SILENT = (
    "\nBut I am silent in {channel.mention} until somebody gives me the permissions to see it, "
    "to write there and to read its history."
)


@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Settings(commands.GroupCog, group_name="settings", group_description="How I behave in this server."):
    """Every answer shows what now holds."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot

    async def interaction_check(self, interaction: Interaction, /) -> bool:  # type: ignore[override]
        """Servers can open commands to anybody; these stay with those who manage the server."""
        if not interaction.permissions.manage_guild:
            raise app_commands.MissingPermissions(["manage_guild"])
        return True

    @app_commands.command(name="show", description="What holds in this server.")
    @paced()
    async def show(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        await self._say(interaction, _server(interaction))

    @app_commands.command(name="channel", description="Answer pictures in a channel, or stop doing so.")
    @paced()
    @app_commands.describe(channel="where", on="answer pictures there")
    async def channel(
        self,
        interaction: Interaction,
        channel: discord.TextChannel | discord.ForumChannel | discord.Thread | discord.VoiceChannel,
        on: bool = True,
    ) -> None:
        def change(settings: ServerSettings) -> ServerSettings:
            kept = tuple(known for known in settings.channels if known != channel.id)
            if on and len(kept) >= _MAX_CHANNELS:
                raise Refusal(f"That would be more than {_MAX_CHANNELS} channels: take one out first.")
            return replace(settings, channels=(*kept, channel.id) if on else kept)

        silent = on and not may_reply(channel)
        await self._change(interaction, change, _SILENT.format(channel=channel) if silent else "")

    @app_commands.command(name="temperature", description="How wild songs are where nobody says.")
    @paced()
    @app_commands.describe(value="0.1 is safe, 1.2 is wild; leave it out for the default")
    async def temperature(
        self, interaction: Interaction, value: Range[float, MIN_TEMPERATURE, MAX_TEMPERATURE] | None = None
    ) -> None:
        await self._change(interaction, lambda settings: replace(settings, temperature=value))

    @app_commands.command(name="cooldown", description="Seconds between two songs for one person.")
    @paced()
    @app_commands.describe(seconds="leave it out for the default")
    async def cooldown(
        self, interaction: Interaction, seconds: Range[int, 0, _MAX_COOLDOWN] | None = None
    ) -> None:
        value = None if seconds is None else float(seconds)
        await self._change(interaction, lambda settings: replace(settings, cooldown=value))

    @app_commands.command(name="reactions", description="The two reactions that rate a song.")
    @paced()
    @app_commands.describe(good="an emoji for a good song", bad="an emoji for a bad one")
    async def reactions(
        self, interaction: Interaction, good: Range[str, 1, 64], bad: Range[str, 1, 64]
    ) -> None:
        pair = (_emoji(good), _emoji(bad))
        if plain(pair[0]) == plain(pair[1]):
            raise Refusal("Name two different emoji.")
        await self._change(interaction, lambda settings: replace(settings, reactions=pair))

    @app_commands.command(name="ratings", description="Whether songs are rated by reactions.")
    @app_commands.describe(on="set and count rating reactions")
    @paced()
    async def ratings(self, interaction: Interaction, on: bool) -> None:
        await self._change(interaction, lambda settings: replace(settings, ratings=on))

    async def _change(
        self, interaction: Interaction, change: Callable[[ServerSettings], ServerSettings], but: str = ""
    ) -> None:
        await think(interaction, ephemeral=True)
        server = _server(interaction)
        await self.bot.store.change_settings(server, change)
        await self._say(interaction, server, but)

    async def _say(self, interaction: Interaction, server: int, but: str = "") -> None:
        here = await preferences_of(server, self.bot.store, self.bot.resources.config)
        await interaction.edit_original_response(content=_described(here) + but)


def _server(interaction: Interaction) -> int:
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    return interaction.guild_id


def _described(here: Preferences) -> str:
    named = [f"<#{one}>" for one in sorted(here.channels)]
    more = f" and {len(named) - _CHANNELS_SHOWN} more" if len(named) > _CHANNELS_SHOWN else ""
    channels = "every channel" if here.everywhere else " ".join(named[:_CHANNELS_SHOWN]) + more
    return (
        f"Pictures are answered in: {channels or 'no channel yet (use `/settings channel`)'}\n"
        f"Temperature: {here.temperature:g}\n"
        f"Seconds between two songs for one person: {here.cooldown:g}\n"
        f"Ratings: {' '.join(here.reactions) if here.ratings else 'off'}"
    )


def _emoji(text: str) -> str:
    """An emoji as Discord names it in events.

    Raises:
        Refusal: the text is no emoji.
    """
    emoji = discord.PartialEmoji.from_str(text.strip())
    is_unicode = emoji.is_unicode_emoji()
    # Letters and digits alone are no emoji; Discord itself refuses the rest when I react with it.
    if is_unicode and (emoji.name.isascii() or any(c.isalnum() for c in emoji.name)):
        raise Refusal(f"{discord.utils.escape_markdown(text[:20])} is not an emoji.")
    return str(emoji)
