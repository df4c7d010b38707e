"""What is asked for where there was a song before: another one, the same one, or one with a new line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.config import MAX_TEMPERATURE, MIN_TEMPERATURE
from bot.songs import Ask
from bot.store import Output
from bot.ui.refusals import Refusal
from model.conditioning import CANDIDATES
from model.recipe import Recipe
from model.request import GenerationRequest

if TYPE_CHECKING:
    import discord

_NO_RECIPE = "That song is from before I kept recipes: I can write another one, but not that one again."


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


def again(before: Output, interaction: discord.Interaction[Any], step: float) -> Ask:
    """Another song about the same thing, so much warmer."""
    temperature = min(MAX_TEMPERATURE, max(MIN_TEMPERATURE, before.temperature + step))
    request = GenerationRequest() if before.recipe is None else Recipe.parse(before.recipe).request
    return Ask(
        user=interaction.user.id,
        server=interaction.guild_id,
        kind="again",
        caption=before.caption,
        prompt=before.prompt,
        temperature=round(temperature, 2),
        style=before.style,
        mood=before.mood,
        lines=before.line_count,
        scheme=request.scheme,
        syllables=request.syllables,
        captioner=before.captioner,
        author=before.author,
    )


def differences(ask: Ask, output: Output) -> list[str]:
    """What keeps a replay from being the song it was."""
    if ask.recipe is None or output.recipe is None:
        return []
    same = Recipe.parse(output.recipe).word_filter == ask.recipe.word_filter
    return [] if same else ["another word filter"]


def once_more(before: Output, interaction: discord.Interaction[Any], kind: str, recipe: Recipe) -> Ask:
    """What a recipe of a song says, or one that was made from it."""
    return Ask(
        user=interaction.user.id,
        server=interaction.guild_id,
        kind=kind,
        caption=before.caption,
        recipe=recipe,
        captioner=before.captioner,
        author=before.author,
    )
