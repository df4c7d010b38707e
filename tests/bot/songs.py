"""What engines without models answer: lines that say their number, with a recipe and, on demand, why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.engine.requests import SongRequest, SongResult
from model.explanation import Explanation, Placed, Rival
from model.mood import NONE, PICTURE
from model.recipe import Recipe

GENERATOR = "0123456789ab"
KEYWORDS = ("song",)


def song(
    request: SongRequest, caption: str | None, lines: Sequence[str], pictures: Sequence[bytes] = ()
) -> SongResult:
    """A result for a request: its lines, of which a recipe may have replaced some."""
    recipe = recipe_of(request)
    written = [*lines]
    for line, seed in recipe.request.rewritten:
        written[line - 1] = f"Line {line} anew by {seed}"
    explanation = None
    if request.explain:
        rivals = (Rival(tuple(written), -0.5, {"likelihood": -0.9, "keywords": 0.4}),)
        explanation = Explanation((Placed("song", (), (1, 2)),), "sad", "AB", (5, 5), 0, rivals, 48)
    return SongResult(
        caption, recipe.keywords, tuple(written), recipe.request, "eye" if pictures else "", GENERATOR,
        {"write": 0.01}, recipe.text, explanation,
    )  # fmt: skip


def recipe_of(request: SongRequest) -> Recipe:
    """As a worker makes it."""
    asked = request.generation.mood
    mood = {PICTURE: "dreamy", NONE: None}.get(asked, asked)
    generation = replace(request.generation, mood=mood)
    keywords = request.recipe.keywords if request.recipe else KEYWORDS
    return Recipe.of(keywords, generation, GENERATOR, "torch")
