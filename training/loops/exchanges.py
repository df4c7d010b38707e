"""Which words of people's lines may give way to others, so that what is written to their plans says
something else than they did.

A word gives way to a synonym, or to one that stands in the same places and company, where the planner
finds the whole plan about as likely with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from model.agreement import PEOPLE
from model.lexicon import Lexicon
from model.plan import plan_of, planned_words, telling
from model.text import words
from training.collecting.nltk_data import corpus
from training.corpora.songbook import Verse
from training.loops.planner import PlannerTrainer

# Senses of a word that count, by how common they are, and likest words that are tried beside synonyms.
_SENSES, _TRIED = 2, 6
# Nats by which a plan with a synonym may be less likely, and one with another word, beside what their
# words' own shares make.
_DEARER, _DEARER_OTHER = 3.5, 1.0
# A rarer word is excused so many nats at most, and one that fewer stanzas have is not taken.
_EXCUSED, _LEAST = 1.5, 15
# Kept of a line: one of them may be a word that is asked for.
CHOICE = 2
# Plans that are weighed at once.
_BATCH = 256


class Exchange(NamedTuple):
    """One word of a stanza for another.

    Attributes:
        line: of the stanza, from 0.
        old: a word that the stanza has once, and no last one.
        new: what takes its place.
    """

    line: int
    old: str
    new: str


class Exchanger:
    """Finds exchanges.

    Args:
        stand_ins: for each word those that stand in the same places and company, the likest first.
        classes: for each word what a word in its place has to be alike in; None for one that stays.
        judge: weighs plans.
        lexicon: word table.
    """

    def __init__(
        self,
        stand_ins: Mapping[str, Sequence[str]],
        classes: Mapping[str, object],
        judge: PlannerTrainer,
        lexicon: Lexicon,
    ) -> None:
        self._stand_ins, self._classes, self._judge, self._lexicon = stand_ins, classes, judge, lexicon
        self._wordnet = corpus("wordnet")
        self._counts = Counter(
            word for verse in judge.train_verses for word in planned_words(plan_of(verse.lines))
        )
        self._meanings: dict[str, frozenset[str]] = {}
        self._forms: dict[str, list[str]] = {}
        for word in classes:
            self._forms.setdefault(lexicon.lemma(word), []).append(word)

    def best(self, verses: Sequence[Verse]) -> Iterator[list[Exchange]]:
        """For each stanza the best exchanges of each line, of ``CHOICE`` words at most, the best first."""
        for start in range(0, len(verses), _BATCH // 8):
            some = verses[start : start + _BATCH // 8]
            tried = [(number, one) for number, verse in enumerate(some) for one in self.possible(verse)]
            variants = [*some, *(exchanged(some[number], one) for number, one in tried)]
            nats = [
                cost
                for first in range(0, len(variants), _BATCH)
                for cost in self._judge.plan_nats(variants[first : first + _BATCH])
            ]
            found: list[list[tuple[float, Exchange]]] = [[] for _ in some]
            for (number, one), cost in zip(tried, nats[len(some) :], strict=True):
                dearer = cost - nats[number] - self._rarer(one)
                dearer -= _DEARER if self._is_synonym(one.old, one.new) else _DEARER_OTHER
                if dearer < 0:
                    found[number].append((dearer, one))
            yield from (_some_of_each_line([one for _, one in sorted(ranked)]) for ranked in found)

    def possible(self, verse: Verse) -> Iterator[Exchange]:
        """All that may be tried: neither whom the stanza is about, nor what it says twice."""
        lemmas = Counter(self._lexicon.lemma(word) for line in verse.lines for word in words(line))
        for number, line in enumerate(plan_of(verse.lines)):
            for word in line.inner:
                lemma = self._lexicon.lemma(word)
                if lemmas[lemma] > 1 or word in PEOPLE or not telling(word):
                    continue
                for other in [*self._synonyms(word), *self._stand_ins.get(word, ())[:_TRIED]]:
                    known = self._counts[other] >= _LEAST
                    if known and not lemmas[self._lexicon.lemma(other)] and other not in PEOPLE:
                        yield Exchange(number, word, other)

    def _rarer(self, one: Exchange) -> float:
        """Nats by which the new word is less likely wherever it stands."""
        return min(_EXCUSED, math.log((self._counts[one.old] + 1) / (self._counts[one.new] + 1)))

    def _synonyms(self, word: str) -> list[str]:
        """Those in the same form."""
        own = self._classes.get(word)
        names = sorted(self._meaning(self._lexicon.lemma(word))) if own is not None else []
        return [form for name in names for form in self._forms.get(name, ()) if self._classes[form] == own]

    def _meaning(self, lemma: str) -> frozenset[str]:
        """The other lemmas of its commonest senses."""
        if lemma not in self._meanings:
            senses = self._wordnet.synsets(lemma)[:_SENSES]
            self._meanings[lemma] = frozenset(n for sense in senses for n in sense.lemma_names()) - {lemma}
        return self._meanings[lemma]

    def _is_synonym(self, one: str, other: str) -> bool:
        return self._lexicon.lemma(other) in self._meaning(self._lexicon.lemma(one))


def _some_of_each_line(ranked: Sequence[Exchange]) -> list[Exchange]:
    """The best exchange of each word, of few words a line."""
    kept: dict[tuple[int, str], Exchange] = {}
    for one in ranked:
        if sum(line == one.line for line, _ in kept) < CHOICE:
            kept.setdefault((one.line, one.old), one)
    return list(kept.values())


def exchanged(verse: Verse, one: Exchange) -> Verse:
    """The stanza with the word exchanged."""
    lines = list(verse.lines)
    found = [one.new if word == one.old else word for word in words(lines[one.line])]
    lines[one.line] = " ".join(found)
    return replace(verse, lines=tuple(lines))
