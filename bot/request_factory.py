"""What somebody asks for, made into a request: something new, or something about a song there was before."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.config import MAX_TEMPERATURE, MIN_TEMPERATURE, Config
from bot.engine.requests import SongRequest
from bot.ops.log import request_id
from bot.preferences import preferences_of
from bot.store import Output, Store
from bot.ui.refusals import Refusal
from model.conditioning import CANDIDATES
from model.recipe import Recipe
from model.request import GenerationRequest
from model.sampling import Sampling

if TYPE_CHECKING:
    import discord

_NO_RECIPE = "That song is from before I kept recipes: I can write another one, but not that one again."


class RequestFactory:
    """Makes requests, from what was said and what holds here otherwise.

    Args:
        config: how songs are where nobody says anything.
        store: the servers' settings.
        forbidden: folded words that no song contains.
    """

    def __init__(self, config: Config, store: Store, forbidden: frozenset[str]) -> None:
        self._config, self._store = config, store
        self._defaults = GenerationRequest(
            style=config.lyrics.style, lines=config.lyrics.lines, forbidden=forbidden
        )

    async def new(
        self,
        kind: str,
        user: int,
        server: int | None,
        *,
        author: int | None = None,
        temperature: float | None = None,
        said: Mapping[str, Any] | None = None,
    ) -> SongRequest:
        """A song that nobody has written yet.

        Args:
            kind: how it is asked for; this and the next three as for ``SongRequest``.
            user: who asks.
            server: where.
            author: who posted the pictures.
            temperature: None for the server's.
            said: of the fields of ``GenerationRequest`` those that somebody said; None where nothing was.

        Raises:
            StoreError: the database failed.
        """
        if temperature is None:
            temperature = (await preferences_of(server, self._store, self._config)).temperature
        given = {name: value for name, value in (said or {}).items() if value is not None}
        generation = replace(self._defaults, sampling=Sampling(temperature), seed=_any_seed(), **given)
        return SongRequest(request_id.get(), user, server, kind, generation, author=author)

    def again(self, before: Output, interaction: discord.Interaction[Any], step: float) -> SongRequest:
        """Another song about the same thing, so much warmer."""
        asked = _asked_before(before)
        temperature = min(MAX_TEMPERATURE, max(MIN_TEMPERATURE, asked.sampling.temperature + step))
        generation = replace(
            asked,
            sampling=Sampling(round(temperature, 2)),
            seed=_any_seed(),
            candidates=CANDIDATES,
            rewritten=(),
            forbidden=self._defaults.forbidden,
        )
        return _about(before, interaction, "again", generation)

    def once_more(
        self, before: Output, interaction: discord.Interaction[Any], kind: str, recipe: Recipe
    ) -> SongRequest:
        """What a recipe of a song says, or one that was made from it."""
        return replace(_about(before, interaction, kind, self._replayed(recipe)), recipe=recipe)

    def replay(self, recipe: Recipe, interaction: discord.Interaction[Any]) -> SongRequest:
        """A song of which nothing but its recipe is known."""
        user, server = interaction.user.id, interaction.guild_id
        return SongRequest(request_id.get(), user, server, "replay", self._replayed(recipe), recipe=recipe)

    def _replayed(self, recipe: Recipe) -> GenerationRequest:
        return replace(recipe.request, forbidden=self._defaults.forbidden)


def recipe_of(output: Output) -> Recipe:
    """The recipe of a song.

    Raises:
        Refusal: it was written before there were recipes.
    """
    if output.recipe is None:
        raise Refusal(_NO_RECIPE)
    return Recipe.parse(output.recipe)


def read_recipe(text: str) -> Recipe:
    """A recipe that somebody brought.

    Raises:
        NotARecipe: it is none.
        Refusal: it asks for more than people may ask for here.
    """
    recipe = Recipe.parse(text)
    if recipe.request.sampling.temperature > MAX_TEMPERATURE:
        raise Refusal(f"That recipe is too wild for me: I go up to temperature {MAX_TEMPERATURE:g}.")
    if recipe.request.candidates > CANDIDATES:
        raise Refusal(f"That recipe takes too long: I draw {CANDIDATES} stanzas at the most.")
    return recipe


def differences(request: SongRequest, output: Output) -> list[str]:
    """What keeps a replay from being the song it was."""
    if request.recipe is None or output.recipe is None:
        return []
    same = Recipe.parse(output.recipe).word_filter == request.recipe.word_filter
    return [] if same else ["another word filter"]


def _asked_before(output: Output) -> GenerationRequest:
    """What a song was asked to be: its recipe says so; one from before there were recipes has columns."""
    if output.recipe is not None:
        return Recipe.parse(output.recipe).request
    return GenerationRequest(
        Sampling(output.temperature),
        prompt=output.prompt,
        style=output.style,
        mood=output.mood,
        lines=output.line_count,
    )


def _about(
    before: Output, interaction: discord.Interaction[Any], kind: str, generation: GenerationRequest
) -> SongRequest:
    """A request about what a song was about."""
    return SongRequest(
        request_id.get(),
        interaction.user.id,
        interaction.guild_id,
        kind,
        generation,
        caption=before.caption,
        captioner=before.captioner,
        author=before.author,
    )


def _any_seed() -> int:
    return secrets.randbelow(2**32)
