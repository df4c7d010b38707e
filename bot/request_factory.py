"""What somebody asks for, made into a request: something new, or something about a song there was before."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.config import MAX_TEMPERATURE, MIN_TEMPERATURE, Config
from bot.engine.requests import SongRequest
from bot.images import PictureRef
from bot.ops.log import request_id
from bot.preferences import Preferences, preferences_of
from bot.rules import Asker, check_person, check_picture
from bot.store import Output, Store
from bot.ui.refusals import Refusal
from model.conditioning import CANDIDATES
from model.mood import PICTURE
from model.recipe import Recipe
from model.request import GenerationRequest
from model.sampling import Sampling
from model.sentence import Sentence, say

if TYPE_CHECKING:
    import discord

_NO_RECIPE = say("That song is from before I kept recipes: I can write another one, but not that one again.")
_TOO_WILD = say("That recipe is too wild for me: I go up to temperature {most}.")
_TOO_LONG = say("That recipe takes too long: I draw {most} stanzas at the most.")


class RequestFactory:
    """Makes requests, from what was said and what holds here otherwise.

    Args:
        config: how songs are where nobody says anything.
        store: the servers' settings.
        forbidden: folded words that no song contains.
    """

    def __init__(self, config: Config, store: Store, forbidden: frozenset[str]) -> None:
        self._config, self._store = config, store
        self._defaults = GenerationRequest(forbidden=forbidden)

    async def new(
        self,
        kind: str,
        asker: Asker,
        pictures: Sequence[PictureRef] = (),
        *,
        author: int | None = None,
        private: bool = False,
        temperature: float | None = None,
        said: Mapping[str, Any] | None = None,
    ) -> SongRequest:
        """A song that nobody has written yet.

        Args:
            kind: how it is asked for, as for ``SongRequest``.
            asker: who asks, and where.
            pictures: what it is to be about.
            author: who posted the pictures, as for ``SongRequest``; so is the next.
            private: whether only who asks sees it.
            temperature: None for the server's.
            said: of the fields of ``GenerationRequest`` those that somebody said; None where nothing was.

        Raises:
            NotHere: the server's rules do not allow it.
            StoreError: the database failed.
        """
        here = await self._here(asker)
        if pictures:
            check_picture(asker, here, pictures)
        generation = replace(
            self._defaults,
            sampling=Sampling(here.temperature if temperature is None else temperature),
            seed=_any_seed(),
            mood=None if here.mood == PICTURE and not pictures else here.mood,
            style=here.style,
            lines=here.lines,
            scheme=here.scheme,
            forbidden=self._forbidden(here),
        )
        generation = replace(generation, **{key: one for key, one in (said or {}).items() if one is not None})
        spoiler = any(picture.spoiler for picture in pictures)
        return SongRequest(
            request_id.get(),
            asker.user,
            asker.server,
            kind,
            generation,
            author=author,
            spoiler=spoiler,
            private=private,
        )

    async def again(self, before: Output, interaction: discord.Interaction[Any], step: float) -> SongRequest:
        """Another song about the same thing, so much warmer.

        Raises:
            NotHere, StoreError: as for ``new``.
        """
        asked = _asked_before(before)
        temperature = min(MAX_TEMPERATURE, max(MIN_TEMPERATURE, asked.sampling.temperature + step))
        generation = replace(
            asked,
            sampling=Sampling(round(temperature, 2)),
            seed=_any_seed(),
            candidates=CANDIDATES,
            rewritten=(),
        )
        return await self._about(before, interaction, "again", generation)

    async def once_more(
        self, before: Output, interaction: discord.Interaction[Any], kind: str, recipe: Recipe
    ) -> SongRequest:
        """What a recipe of a song says, or one that was made from it.

        Raises:
            NotHere, StoreError: as for ``new``.
        """
        return replace(await self._about(before, interaction, kind, recipe.request), recipe=recipe)

    async def replay(self, recipe: Recipe, interaction: discord.Interaction[Any]) -> SongRequest:
        """A song of which nothing but its recipe is known.

        Raises:
            NotHere, StoreError: as for ``new``.
        """
        asker = Asker.of(interaction)
        generation = replace(recipe.request, forbidden=self._forbidden(await self._here(asker)))
        return SongRequest(request_id.get(), asker.user, asker.server, "replay", generation, recipe=recipe)

    async def _here(self, asker: Asker) -> Preferences:
        """What holds for somebody who may ask."""
        here = await preferences_of(asker.server, self._store, self._config)
        check_person(asker, here)
        return here

    def _forbidden(self, here: Preferences) -> frozenset[str]:
        return self._defaults.forbidden | here.words

    async def _about(
        self, before: Output, interaction: discord.Interaction[Any], kind: str, generation: GenerationRequest
    ) -> SongRequest:
        """A request about what a song was about."""
        asker = Asker.of(interaction)
        here = await self._here(asker)
        if before.caption is not None:
            check_picture(asker, here)
        return SongRequest(
            request_id.get(),
            asker.user,
            asker.server,
            kind,
            replace(generation, forbidden=self._forbidden(here)),
            caption=before.caption,
            captioner=before.captioner,
            author=before.author,
            spoiler=before.spoiler,
        )


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
        raise Refusal(_TOO_WILD.filled(most=f"{MAX_TEMPERATURE:g}"))
    if recipe.request.candidates > CANDIDATES:
        raise Refusal(_TOO_LONG.filled(most=CANDIDATES))
    return recipe


def differences(request: SongRequest, output: Output) -> list[Sentence]:
    """What keeps a replay from being the song it was."""
    if request.recipe is None or output.recipe is None:
        return []
    same = Recipe.parse(output.recipe).word_filter == request.recipe.word_filter
    return [] if same else [say("another word filter")]


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


def _any_seed() -> int:
    return secrets.randbelow(2**32)
