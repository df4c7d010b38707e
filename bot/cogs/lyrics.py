"""Songs on demand: /lyrics, /seed, and "Write lyrics" on a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.config import MAX_TEMPERATURE, MIN_TEMPERATURE
from bot.engine.requests import SongRequest
from bot.finding import attached
from bot.images import PictureRef
from bot.prompt_words import starting_with
from bot.request_factory import differences, read_recipe, recipe_of
from bot.rules import Asker
from bot.ui.deferral import think
from bot.ui.refusals import Refusal
from bot.unwritten import note, without_own_emoji
from model.conditioning import LEAST_SYLLABLES, MAX_LINES, MOST_SYLLABLES, STYLES
from model.mood import MOODS, NONE, PICTURE
from model.prompts import MAX_PROMPT
from model.recipe import LONGEST_RECIPE, SHORTEST_RECIPE
from model.rhyme import SCHEMES
from model.sentence import Sentence, say

if TYPE_CHECKING:
    from bot.client import SongwriterBot

_NO_PICTURE = say("There is no picture in that message that I can read: JPEG, PNG, WebP and GIF are fine.")
_NO_MOOD = say("There is no picture whose mood I could take: attach one, or choose another mood.")
_UNKNOWN = say(
    "I know no such song: give me what stands at the end of one of mine, or the recipe from its Why this one?"
)

Temperature = Range[float, MIN_TEMPERATURE, MAX_TEMPERATURE]
Interaction = discord.Interaction["SongwriterBot"]


class Lyrics(commands.Cog):
    """Commands that write a stanza."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot
        self.menu = app_commands.ContextMenu(name="Write lyrics", callback=self.write_lyrics)

    async def cog_load(self) -> None:
        self.bot.tree.add_command(self.menu)

    async def cog_unload(self) -> None:
        self.bot.tree.remove_command(self.menu.name, type=self.menu.type)

    @app_commands.command(name="lyrics", description="A stanza about a picture, a word, or nothing at all.")
    @app_commands.describe(
        temp="0.1 is safe, 1.2 is wild",
        picture="what to sing about",
        prompt="a word or phrase to start with",
        mood="how it should feel; picture: as the picture does",
        style="what it should read like",
        lines="how many lines",
        scheme="which lines rhyme",
        syllables="how long each line is",
        private="only you see it",
    )
    @app_commands.rename(prompt="seed")
    @app_commands.choices(
        mood=[Choice(name=mood, value=mood) for mood in (*MOODS, PICTURE, NONE)],
        style=[Choice(name=style, value=style) for style in STYLES],
        scheme=[Choice(name=scheme, value=scheme) for scheme in SCHEMES],
    )
    async def lyrics(
        self,
        interaction: Interaction,
        temp: Temperature | None = None,
        picture: discord.Attachment | None = None,
        prompt: Range[str, 1, MAX_PROMPT] | None = None,
        mood: str | None = None,
        style: str | None = None,
        lines: Range[int, 1, MAX_LINES] | None = None,
        scheme: str | None = None,
        syllables: Range[int, LEAST_SYLLABLES, MOST_SYLLABLES] | None = None,
        private: bool = False,
    ) -> None:
        await think(interaction, ephemeral=private)
        if mood == PICTURE and picture is None:
            raise Refusal(_NO_MOOD)
        said = {
            "mood": mood, "style": style, "lines": lines, "scheme": scheme,
            "syllables": syllables,
        }  # fmt: skip
        author, pictures = (interaction.user.id, [attached(picture)]) if picture else (None, [])
        await self._write(
            interaction,
            "lyrics",
            pictures,
            prompt,
            said=said,
            author=author,
            temperature=temp,
            private=private,
        )

    @app_commands.command(name="seed", description="A stanza that starts with your word or phrase.")
    @app_commands.describe(words="a word or phrase to start with", temp="0.1 is safe, 1.2 is wild")
    async def from_prompt(
        self, interaction: Interaction, words: Range[str, 1, MAX_PROMPT], temp: Temperature | None = None
    ) -> None:
        await think(interaction)
        await self._write(interaction, "seed", prompt=words, temperature=temp)

    @lyrics.autocomplete("prompt")
    @from_prompt.autocomplete("words")
    async def complete(self, _: Interaction, current: str) -> list[Choice[str]]:
        found = starting_with(current, self.bot.resources.prompt_words)
        return [Choice(name=word, value=word) for word in found]

    async def write_lyrics(self, interaction: Interaction, message: discord.Message) -> None:
        """The context menu of a message."""
        await think(interaction)
        found = await self.bot.songs.pictures(message)
        if not found:
            raise Refusal(_NO_PICTURE)
        await self._write(interaction, "menu", found.pictures, author=message.author.id, notes=found.notes)

    @app_commands.command(name="replay", description="The same song once more, letter by letter.")
    @app_commands.describe(
        recipe="what stands at the end of a song, or its recipe from Why this one?", private="only you see it"
    )
    async def replay(
        self, interaction: Interaction, recipe: Range[str, 1, LONGEST_RECIPE], private: bool = False
    ) -> None:
        await think(interaction, ephemeral=private)
        request = await self._named(interaction, recipe.strip("` "))
        async with self.bot.songs.written(replace(request, private=private)) as output:
            await self.bot.poster.answer(interaction, output, differences(request, output))

    async def _write(
        self,
        interaction: Interaction,
        kind: str,
        pictures: Sequence[PictureRef] = (),
        prompt: str | None = None,
        *,
        said: Mapping[str, Any] | None = None,
        notes: Sequence[Sentence] = (),
        **asked: Any,
    ) -> None:
        songs = self.bot.songs
        if prompt is not None:
            said, notes = {**(said or {}), "prompt": without_own_emoji(prompt)}, [*notes, *note(prompt)]
        request = await songs.requests.new(kind, Asker.of(interaction), pictures, said=said, **asked)
        async with songs.written(request, pictures) as output:
            await self.bot.poster.answer(interaction, output, notes)

    async def _named(self, interaction: Interaction, name: str) -> SongRequest:
        """What to write again: a song by its number, or what a recipe describes."""
        requests = self.bot.songs.requests
        if len(name) < SHORTEST_RECIPE:
            before = await self.bot.store.output(name)
            if before is None:
                raise Refusal(_UNKNOWN)
            return await requests.once_more(before, interaction, "replay", recipe_of(before))
        return await requests.replay(read_recipe(name), interaction)
