"""Which of several candidate stanzas is the best, by a score that can be explained."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from model.decoding import Rate, Sample
from model.keywords import used
from model.lexicon import Lexicon
from model.text import NEWLINE, words


@dataclass(frozen=True)
class Weights:
    """What each part of the score counts, in nats a character.

    Attributes:
        keyword: for the first keyword used; each further one counts half of the one before.
        repetition: times the share of repeated words and word pairs beyond a song's own.
        opening: for each line that begins with the same word as an earlier one.
        unknown: times the share of words that the lexicon does not know.
        unfinished: where a limit cut the stanza off.
        missing_line: for each line short of those asked for.
    """

    keyword: float = 0.30
    repetition: float = 1.0
    opening: float = 0.15
    unknown: float = 2.0
    unfinished: float = 2.0
    missing_line: float = 0.15


@dataclass(frozen=True)
class Score:
    """A candidate's score, higher is better, and its parts."""

    likelihood: float
    keywords: float
    repetition: float
    unknown: float
    form: float

    @property
    def total(self) -> float:
        return self.likelihood + self.keywords - self.repetition - self.unknown - self.form


def score(
    candidate: Sample, keywords: Sequence[str], lines: int, lexicon: Lexicon, weights: Weights
) -> Score:
    """Score one candidate, finished or not.

    Keywords count as much as there is of the stanza, and only as many as are due by then: they
    need not all stand in line one.

    Args:
        candidate: a sampled stanza.
        keywords: lemmas it should use.
        lines: how many lines were asked for.
        lexicon: word table.
        weights: what each part counts.
    """
    found = words(candidate.text)
    present = len(used(keywords, candidate.text, lexicon))
    written = candidate.text.count(NEWLINE) + (not candidate.text.endswith(NEWLINE))
    over = candidate.ended or candidate.cut
    share = 1.0 if over else min(1.0, written / lines)
    due = math.ceil(len(keywords) * share)
    short = max(0, lines - written) if over else 0
    return Score(
        likelihood=-candidate.nats,
        keywords=weights.keyword * share * sum(0.5**n for n in range(min(present, due))),
        repetition=weights.repetition * repetition(found) + weights.opening * _same_openings(candidate.text),
        unknown=weights.unknown * unknown_share(found, lexicon),
        form=weights.unfinished * candidate.cut + weights.missing_line * short,
    )


def rater(keywords: Sequence[str], lines: int, lexicon: Lexicon, weights: Weights | None = None) -> Rate:
    """Total scores of candidates for one wish; see ``score``."""
    weights = weights or Weights()
    return lambda found: [score(one, keywords, lines, lexicon, weights).total for one in found]


def repetition(found: Sequence[str]) -> float:
    """Share of word pairs that occurred before in the stanza, plus a third of that of words.

    Songs repeat little words and refrains: the first tenth is free.
    """
    if not found:
        return 0.0
    pairs = list(pairwise(found))
    again = _repeated(found) / len(found) / 3 + _repeated(pairs) / max(1, len(pairs))
    return max(0.0, again - 0.1)


def _same_openings(text: str) -> int:
    return _repeated([line.partition(" ")[0] for line in text.strip(NEWLINE).split(NEWLINE)])


def unknown_share(found: Sequence[str], lexicon: Lexicon) -> float:
    """Share of words that neither the songs nor the captions have."""
    unknown = [word for word in found if not _known(word, lexicon)]
    return len(unknown) / len(found) if found else 1.0


def _known(word: str, lexicon: Lexicon) -> bool:
    return word in lexicon.entries or all(
        part in lexicon.entries for part in word.replace("'s", "").split("-")
    )


def _repeated(items: Sequence[object]) -> int:
    return sum(count - 1 for count in Counter(items).values())
