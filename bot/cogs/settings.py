"""/settings: what people who manage a server decide for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.config import MAX_TEMPERATURE, MIN_TEMPERATURE, is_word
from bot.language import language_of
from bot.limits import paced
from bot.preferences import in_force, preferences_of
from bot.store import ServerSettings
from bot.ui.answers import tell
from bot.ui.data_file import data_file
from bot.ui.deferral import think
from bot.ui.overview import ANSWERS, BUTTONS, SPOILERS, Overview
from bot.ui.refusals import Refusal
from model.conditioning import MAX_LINES, STYLES
from model.emoji import plain
from model.mood import MOODS, NONE, PICTURE
from model.rhyme import SCHEMES
from model.sentence import Sentence, choice, count, say
from model.text import fold

if TYPE_CHECKING:
    from bot.client import SongwriterBot

Interaction = discord.Interaction["SongwriterBot"]
Place = discord.TextChannel | discord.ForumChannel | discord.Thread | discord.VoiceChannel

_MAX_COOLDOWN = 3600
_MAX_PER_DAY = 100_000
# A server with more channels than this opts in by the configuration's "all".
_MAX_CHANNELS = 100
_MAX_ROLES, _MAX_WORDS, _LONGEST = 25, 100, 40

_TOO_MANY_CHANNELS = say("That would be more than {most} channels: take one out first.")
_TOO_MANY_ROLES = say("That would be more than {most} roles: take one out first.")
_TOO_MANY_WORDS = say("That would be more than {most} words: take one out first.")
_EXPORTED = say(
    "This is all I keep about this server. Whose songs and ratings these are is not in it, and neither are "
    "songs that only one person saw: `/privacy export` gives everybody their own."
)

MAY, MAY_NOT, LIKE_OTHERS = choice("may"), choice("may not"), choice("like the others")


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

    @app_commands.command(name="show", description="What holds in this server, and what has no effect.")
    @paced()
    async def show(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        await self._say(interaction, _server(interaction))

    # Where, for whom, and when

    @app_commands.command(name="channel", description="Answer pictures in a channel, or stop doing so.")
    @app_commands.describe(channel="where, its threads included", on="answer pictures there")
    @paced()
    async def channel(self, interaction: Interaction, channel: Place, on: bool = True) -> None:
        config, parent = self.bot.resources.config, getattr(channel, "parent_id", None)

        def change(before: ServerSettings) -> ServerSettings:
            after = replace(
                before,
                channels=_with(before.channels, channel.id, on),
                excluded=_with(before.excluded, channel.id, False),
            )
            # What the host's list or the channel of a thread has stays out only by being excluded.
            if not on and in_force(interaction.guild_id, after, config).listens(channel.id, parent):
                after = replace(after, excluded=_with(after.excluded, channel.id, True))
            _check_length(max(after.channels, after.excluded, key=len), _MAX_CHANNELS, _TOO_MANY_CHANNELS)
            return after

        await self._change(interaction, change)

    @app_commands.command(name="answer", description="Answer pictures always, or only when I am mentioned.")
    @app_commands.describe(when="without a mention, only in the channels that are chosen")
    @app_commands.choices(when=[Choice(name=said, value=rule) for rule, said in ANSWERS.items()])
    @paced()
    async def answer(self, interaction: Interaction, when: str) -> None:
        await self._set(interaction, answer=when)

    @app_commands.command(name="role", description="Who may have songs here, by their roles.")
    @app_commands.describe(role="whose members", may="once some roles may, all others may not")
    @app_commands.choices(may=[Choice(name=said, value=said) for said in (MAY, MAY_NOT, LIKE_OTHERS)])
    @paced()
    async def role(self, interaction: Interaction, role: discord.Role, may: str) -> None:
        def change(before: ServerSettings) -> ServerSettings:
            after = replace(
                before,
                allowed_roles=_with(before.allowed_roles, role.id, may == MAY),
                barred_roles=_with(before.barred_roles, role.id, may == MAY_NOT),
            )
            _check_length(max(after.allowed_roles, after.barred_roles, key=len), _MAX_ROLES, _TOO_MANY_ROLES)
            return after

        await self._change(interaction, change)

    @app_commands.command(name="spoilers", description="What I do with pictures that are spoilers.")
    @app_commands.describe(rule="hide the song as well, or do not answer")
    @app_commands.choices(rule=[Choice(name=said, value=rule) for rule, said in SPOILERS.items()])
    @paced()
    async def spoilers(self, interaction: Interaction, rule: str) -> None:
        await self._set(interaction, spoilers=rule)

    @app_commands.command(name="age-restricted", description="Whether I answer in age-restricted channels.")
    @app_commands.describe(on="answer pictures there, too")
    @paced()
    async def age_restricted(self, interaction: Interaction, on: bool) -> None:
        await self._set(interaction, age_restricted=on)

    @app_commands.command(name="proxies", description="Whether I answer PluralKit, Tupperbox and the like.")
    @app_commands.describe(on="answer what webhooks post, instead of what they repeat")
    @paced()
    async def proxies(self, interaction: Interaction, on: bool) -> None:
        await self._set(interaction, proxies=on)

    # What songs are like where nobody says

    @app_commands.command(name="temperature", description="How wild songs are where nobody says.")
    @app_commands.describe(value="0.1 is safe, 1.2 is wild; leave it out for the default")
    @paced()
    async def temperature(
        self, interaction: Interaction, value: Range[float, MIN_TEMPERATURE, MAX_TEMPERATURE] | None = None
    ) -> None:
        await self._set(interaction, temperature=value)

    @app_commands.command(name="mood", description="How songs feel where nobody says.")
    @app_commands.describe(mood="picture: as the picture does; leave it out for the default")
    @app_commands.choices(mood=[Choice(name=mood, value=mood) for mood in (*MOODS, PICTURE, NONE)])
    @paced()
    async def mood(self, interaction: Interaction, mood: str | None = None) -> None:
        await self._set(interaction, mood=mood)

    @app_commands.command(name="style", description="What songs read like where nobody says.")
    @app_commands.describe(style="leave it out for the default")
    @app_commands.choices(style=[Choice(name=style, value=style) for style in STYLES])
    @paced()
    async def style(self, interaction: Interaction, style: str | None = None) -> None:
        await self._set(interaction, style=style)

    @app_commands.command(name="lines", description="How many lines songs have where nobody says.")
    @app_commands.describe(number="leave it out for the default")
    @paced()
    async def lines(self, interaction: Interaction, number: Range[int, 1, MAX_LINES] | None = None) -> None:
        await self._set(interaction, lines=number)

    @app_commands.command(name="scheme", description="Which lines rhyme where nobody says.")
    @app_commands.describe(scheme="leave it out for the default")
    @app_commands.choices(scheme=[Choice(name=scheme, value=scheme) for scheme in SCHEMES])
    @paced()
    async def scheme(self, interaction: Interaction, scheme: str | None = None) -> None:
        await self._set(interaction, scheme=scheme)

    @app_commands.command(name="word", description="A word that no song contains here.")
    @app_commands.describe(word="a single word in Latin letters", on="never sing it; off: take it back")
    @paced()
    async def word(self, interaction: Interaction, word: Range[str, 1, _LONGEST], on: bool = True) -> None:
        if not is_word(word.strip()):
            raise Refusal(say("Name a single word in Latin letters, without spaces and digits."))

        def change(before: ServerSettings) -> ServerSettings:
            after = replace(before, words=_with(before.words, fold(word.strip()), on))
            _check_length(after.words, _MAX_WORDS, _TOO_MANY_WORDS)
            return after

        await self._change(interaction, change)

    # How they are posted

    @app_commands.command(name="threads", description="Whether songs about pictures go into threads.")
    @app_commands.describe(on="start a thread under the picture, instead of replying")
    @paced()
    async def threads(self, interaction: Interaction, on: bool) -> None:
        await self._set(interaction, threads=on)

    @app_commands.command(name="quiet-line", description="The small line under a song.")
    @app_commands.describe(on="say what I saw, the temperature, and the song's name for /replay")
    @paced()
    async def quiet_line(self, interaction: Interaction, on: bool) -> None:
        await self._set(interaction, quiet_line=on)

    @app_commands.command(name="buttons", description="Who may press the buttons under a song.")
    @app_commands.describe(who="moderators may in any case")
    @app_commands.choices(who=[Choice(name=said, value=rule) for rule, said in BUTTONS.items()])
    @paced()
    async def buttons(self, interaction: Interaction, who: str) -> None:
        await self._set(interaction, buttons=who)

    @app_commands.command(name="reactions", description="The two reactions that rate a song.")
    @app_commands.describe(good="an emoji for a good song", bad="an emoji for a bad one")
    @paced()
    async def reactions(
        self, interaction: Interaction, good: Range[str, 1, 64], bad: Range[str, 1, 64]
    ) -> None:
        pair = (_emoji(good), _emoji(bad))
        if plain(pair[0]) == plain(pair[1]):
            raise Refusal(say("Name two different emoji."))
        await self._set(interaction, reactions=pair)

    @app_commands.command(name="ratings", description="Whether songs are rated by reactions.")
    @app_commands.describe(on="set and count rating reactions")
    @paced()
    async def ratings(self, interaction: Interaction, on: bool) -> None:
        await self._set(interaction, ratings=on)

    # How many

    @app_commands.command(name="cooldown", description="Seconds between two songs for one person.")
    @app_commands.describe(seconds="leave it out for the default")
    @paced()
    async def cooldown(
        self, interaction: Interaction, seconds: Range[int, 0, _MAX_COOLDOWN] | None = None
    ) -> None:
        await self._set(interaction, cooldown=None if seconds is None else float(seconds))

    @app_commands.command(name="quota", description="Songs a day for everybody in this server together.")
    @app_commands.describe(songs="leave it out for the default")
    @paced()
    async def quota(self, interaction: Interaction, songs: Range[int, 1, _MAX_PER_DAY] | None = None) -> None:
        await self._set(interaction, per_day=songs)

    # What is kept about the server

    @app_commands.command(name="export", description="What I keep about this server, as a file.")
    @paced()
    async def export(self, interaction: Interaction) -> None:
        await think(interaction, ephemeral=True)
        held = await self.bot.store.export_server(_server(interaction))
        about = language_of(interaction).said(say("The server's data as JSON"))
        file = await asyncio.to_thread(data_file, held, interaction.filesize_limit, about)
        await tell(interaction, _EXPORTED, attachments=[file])

    @app_commands.command(name="delete", description="Delete all settings and songs of this server.")
    @app_commands.describe(sure="yes: this cannot be undone")
    @paced()
    async def delete(self, interaction: Interaction, sure: bool) -> None:
        if not sure:
            raise Refusal(say("I have deleted nothing: say `sure:True` if you mean it."))
        await think(interaction, ephemeral=True)
        songs = await self.bot.store.delete_server(_server(interaction))
        await tell(
            interaction,
            count(
                "Done: {n} song of this server deleted, with their ratings, and its settings are the host's "
                "again. What I have posted in channels stays till you delete it.",
                "Done: {n} songs of this server deleted, with their ratings, and its settings are the host's "
                "again. What I have posted in channels stays till you delete it.",
                songs,
            ),
        )

    async def _set(self, interaction: Interaction, **chosen: Any) -> None:
        await self._change(interaction, lambda before: replace(before, **chosen))

    async def _change(
        self, interaction: Interaction, change: Callable[[ServerSettings], ServerSettings]
    ) -> None:
        await think(interaction, ephemeral=True)
        server = _server(interaction)
        await self.bot.store.change_settings(server, change)
        await self._say(interaction, server)

    async def _say(self, interaction: Interaction, server: int) -> None:
        config = self.bot.resources.config
        here = await preferences_of(server, self.bot.store, config)
        guild, language = self.bot.get_guild(server), language_of(interaction)
        seen = Overview(here, config, guild, self.bot.intents.message_content, language)
        await interaction.edit_original_response(content=seen.text())


def _server(interaction: Interaction) -> int:
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    return interaction.guild_id


def _with(known: tuple[Any, ...], one: Any, on: bool) -> tuple[Any, ...]:
    """A list with something at its end, once, or without it."""
    kept = tuple(other for other in known if other != one)
    return (*kept, one) if on else kept


def _check_length(chosen: tuple[object, ...], most: int, refusal: Sentence) -> None:
    if len(chosen) > most:
        raise Refusal(refusal.filled(most=most))


def _emoji(text: str) -> str:
    """An emoji as Discord names it in events.

    Raises:
        Refusal: the text is no emoji.
    """
    emoji = discord.PartialEmoji.from_str(text.strip())
    is_unicode = emoji.is_unicode_emoji()
    # Letters and digits alone are no emoji; Discord itself refuses the rest when I react with it.
    if is_unicode and (emoji.name.isascii() or any(c.isalnum() for c in emoji.name)):
        raise Refusal(say("{text} is not an emoji.", text=discord.utils.escape_markdown(text[:20])))
    return str(emoji)
