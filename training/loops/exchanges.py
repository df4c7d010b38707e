"""Which words of people's lines may give way to others, so that what is written to their plans says
something else than they did.

A word gives way to one that stands in the same places and company, where the planner finds the whole
plan about as likely with it. Closest is a synonym, or another thing of the same kind; of verbs, on which a
sentence hangs, only a synonym that stands in the same places, too.
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

# Senses of a word that count, by how common they are.
_SENSES = 2
# Kinds of things, as WordNet calls them: a person may see one as well as another.
_KINDS = (
    "color.n.01 chromatic_color.n.01 animal.n.01 clothing.n.01 footwear.n.01 headdress.n.01 food.n.01 "
    "food.n.02 vehicle.n.01 furniture.n.01 musical_instrument.n.01 plant.n.02 tool.n.01 relative.n.01"
).split()
# Nats by which a plan may be less likely with a close word, and with another one, beside what the words'
# own shares make; and others that are tried.
_DEARER, _DEARER_OTHER, _OTHERS = 2.0, 0.5, 2
# A rarer word is excused so many nats at most, and one that fewer stanzas have is not taken.
_EXCUSED, _LEAST = 1.5, 15
# Plans that are weighed at once.
_BATCH = 256


class Exchange(NamedTuple):
    """One word of a stanza for another.

    Attributes:
        line: of the stanza, from 0.
        old: a word that the stanza has once, and no last one.
        new: what takes its place.
        close: whether it means about the same, or is the same kind of thing.
    """

    line: int
    old: str
    new: str
    close: bool


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
        self._kinds_of: dict[str, frozenset[str]] = {}
        self._forms: dict[str, list[str]] = {}
        for word in classes:
            self._forms.setdefault(lexicon.lemma(word), []).append(word)

    def best(self, verses: Sequence[Verse]) -> Iterator[list[Exchange]]:
        """For each stanza the best close exchange of each line, and the best other one; the best first."""
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
                dearer -= _DEARER if one.close else _DEARER_OTHER
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
                close = [*self._synonyms(word), *self._alike(word)]
                for other in dict.fromkeys([*close, *self._stand_ins.get(word, ())[:_OTHERS]]):
                    known = self._counts[other] >= _LEAST
                    if known and not lemmas[self._lexicon.lemma(other)] and other not in PEOPLE:
                        yield Exchange(number, word, other, other in close)

    def _alike(self, word: str) -> list[str]:
        """Other things of the same kind, in the same places and company."""
        kinds = self._kinds(self._lexicon.lemma(word))
        near = self._stand_ins.get(word, ())
        return [other for other in near if kinds & self._kinds(self._lexicon.lemma(other))]

    def _kinds(self, lemma: str) -> frozenset[str]:
        """Which of the ``_KINDS`` its commonest sense as a noun is."""
        if lemma not in self._kinds_of:
            above = {
                one.name()
                for sense in self._wordnet.synsets(lemma, "n")[:1]
                for one in [sense, *sense.closure(lambda one: one.hypernyms())]
            }
            self._kinds_of[lemma] = frozenset(above.intersection(_KINDS))
        return self._kinds_of[lemma]

    def _rarer(self, one: Exchange) -> float:
        """Nats by which the new word is less likely wherever it stands."""
        return min(_EXCUSED, math.log((self._counts[one.old] + 1) / (self._counts[one.new] + 1)))

    def _synonyms(self, word: str) -> list[str]:
        """Those in the same form, and of a verb those that stand in its places, too."""
        own = self._classes.get(word)
        names = sorted(self._meaning(self._lexicon.lemma(word))) if own is not None else []
        forms = [form for name in names for form in self._forms.get(name, ()) if self._classes[form] == own]
        entry = self._lexicon.entries.get(word)
        if entry and entry.pos == "v":
            return [form for form in forms if form in self._stand_ins.get(word, ())]
        return forms

    def _meaning(self, lemma: str) -> frozenset[str]:
        """The other lemmas of its commonest senses."""
        if lemma not in self._meanings:
            senses = self._wordnet.synsets(lemma)[:_SENSES]
            self._meanings[lemma] = frozenset(n for sense in senses for n in sense.lemma_names()) - {lemma}
        return self._meanings[lemma]


def _some_of_each_line(ranked: Sequence[Exchange]) -> list[Exchange]:
    """The best close exchange of each line, and the best other one."""
    kept: dict[tuple[int, bool], Exchange] = {}
    for one in ranked:
        kept.setdefault((one.line, one.close), one)
    return list(kept.values())


def exchanged(verse: Verse, one: Exchange) -> Verse:
    """The stanza with the word exchanged."""
    lines = list(verse.lines)
    found = [one.new if word == one.old else word for word in words(lines[one.line])]
    lines[one.line] = " ".join(found)
    return replace(verse, lines=tuple(lines))
