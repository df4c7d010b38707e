"""What engines without models answer: lines that say their number, with a recipe and, on demand, why."""

from __future__ import annotations

from collections.abc import Sequence

from bot.engine.requests import SongRequest, SongResult
from model.explanation import Explanation, Placed, Rival
from model.mood import NONE, PICTURE
from model.recipe import Recipe
from model.request import GenerationRequest
from model.sampling import Sampling

GENERATOR = "0123456789ab"
KEYWORDS = ("song",)


def song(request: SongRequest, caption: str | None, lines: Sequence[str]) -> SongResult:
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
        caption, recipe.keywords, tuple(written), request.seed, request.temperature,
        "eye" if request.pictures else "", GENERATOR, {"write": 0.01}, recipe.text, recipe.request.mood,
        explanation,
    )  # fmt: skip


def recipe_of(request: SongRequest) -> Recipe:
    """As a worker makes it."""
    kept = GenerationRequest(
        Sampling(request.temperature), request.prompt, request.seed, style=request.style,
        mood={PICTURE: "dreamy", NONE: None}.get(request.mood, request.mood), lines=request.lines,
        scheme=request.scheme, syllables=request.syllables,
        rewritten=request.replay.request.rewritten if request.replay else (), forbidden=request.forbidden,
    )  # fmt: skip
    return Recipe.of(request.replay.keywords if request.replay else KEYWORDS, kept, GENERATOR, "torch")
