"""Ratings as votes on what the score of candidates counts: each rated stanza is written again for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from model.errors import BadOption
from model.lyrics_generator import LyricsGenerator, Song
from model.pipeline import write_again
from model.recipe import OtherModels, Recipe
from model.taught import WEIGHTS, read_factors
from training.evaluation.journal import Journal
from training.evaluation.ratings import Counted, Rating

PARTS = tuple(WEIGHTS)

# Why a stanza's score is not known.
NO_RECIPE, OTHER, REWRITTEN, ELSE = "no recipe", "other models", "rewritten", "another text"


@dataclass(frozen=True)
class Votes:
    """What people thought of stanzas, and what the score counted there.

    Attributes:
        parts: (votes, parts), parts of the stanza's score with the generator's own weights.
        person: (votes,), twice a number for each person, and one more where the stanza has no plan: such
            scores lack the likelihood, which has no weight there, and are compared among themselves.
        stanza: (votes,), a number for each stanza.
        liked: (votes,), whether the person liked the stanza.
    """

    parts: np.ndarray
    person: np.ndarray
    stanza: np.ndarray
    liked: np.ndarray

    def __len__(self) -> int:
        return len(self.liked)

    def only(self, which: np.ndarray) -> Votes:
        """Those of a mask."""
        return Votes(self.parts[which], self.person[which], self.stanza[which], self.liked[which])

    def comparable(self) -> Votes:
        """Those of people who liked some stanzas and not others: who likes all compares nothing."""
        likes = np.bincount(self.person, self.liked)
        all_ = np.bincount(self.person)
        return self.only(((likes > 0) & (likes < all_))[self.person])

    @property
    def people(self) -> int:
        return len(np.unique(self.person // 2))

    @property
    def stanzas(self) -> int:
        return len(np.unique(self.stanza))


def votes_of(counted: Counted, scores: Mapping[str, Mapping[str, float]]) -> Votes:
    """Ratings of stanzas whose score is known.

    Args:
        counted: ratings that count.
        scores: stanza -> its score's parts, without "likelihood" where it has no plan.
    """
    known = [(rating, liked) for rating, liked in counted if rating.output in scores]
    unplanned = np.array(["likelihood" not in scores[rating.output] for rating, _ in known], int)
    return Votes(
        np.array([[scores[one.output].get(part, 0.0) for part in PARTS] for one, _ in known]).reshape(
            -1, len(PARTS)
        ),
        2 * _numbered([rating.person for rating, _ in known]) + unplanned,
        _numbered([rating.output for rating, _ in known]),
        np.array([liked for _, liked in known], bool),
    )


def _numbered(names: Iterable[str]) -> np.ndarray:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], int)


def scores_again(
    counted: Counted, checkpoints: Path, forbidden: frozenset[str], journal: Journal
) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Write rated stanzas again, to have their scores.

    Args:
        counted: ratings that count.
        checkpoints: folder of the generator.
        forbidden: words that could not be written.
        journal: keeps what is done.

    Returns:
        stanza -> its score's parts with the generator's own weights, as ``votes_of`` takes them; and how
        many stanzas are not there, by the reason.

    Raises:
        BadCheckpoint: a file of the folder is missing or damaged.
        BadInstallation: a stanza was written with torch, which is not installed.
    """
    stanzas = [*{rating.output: rating for rating, _ in counted}.values()]
    again = _Again(checkpoints, forbidden)
    found = journal.each("stanzas again", stanzas, again.scores)
    names = [stanza.output for stanza in stanzas]
    scores = {name: one for name, one in zip(names, found, strict=True) if isinstance(one, dict)}
    return scores, dict(Counter(one for one in found if isinstance(one, str)))


class _Again:
    """Writes stanzas again, with the weights that held for each: the generator's own, or those in force."""

    def __init__(self, checkpoints: Path, forbidden: frozenset[str]) -> None:
        self.checkpoints, self.forbidden = checkpoints, forbidden
        self.factors = read_factors(checkpoints)
        self._writers = cache(self._load)

    def scores(self, stanzas: Sequence[Rating]) -> list[dict[str, float] | str]:
        """For each the parts of its score, or why they are not known."""
        return [self._score(stanza) for stanza in stanzas]

    def _score(self, stanza: Rating) -> dict[str, float] | str:
        if not stanza.recipe:
            return NO_RECIPE
        try:
            recipe = Recipe.parse(stanza.recipe)
        except BadOption:
            return OTHER
        # What is chosen last then is a line.
        if recipe.request.rewritten:
            return REWRITTEN
        for writer, factors in self._writers(recipe.backend):
            try:
                song = write_again(writer, recipe, self.forbidden)
            except OtherModels:
                continue
            except BadOption:
                return ELSE
            return _parts(song, factors) if song.text == stanza.text else ELSE
        return OTHER

    def _load(self, backend: str) -> list[tuple[LyricsGenerator, Mapping[str, float]]]:
        own = LyricsGenerator.load(self.checkpoints, backend=backend, taught=False)
        if not self.factors:
            return [(own, {})]
        return [(LyricsGenerator.load(self.checkpoints, backend=backend), self.factors), (own, {})]


def _parts(song: Song, factors: Mapping[str, float]) -> dict[str, float]:
    chosen = song.candidates[0]
    parts = {part: value / factors.get(part, 1.0) for part, value in chosen.score.parts.items()}
    if not chosen.plan:
        del parts["likelihood"]
    return parts
