"""Which words of people's lines may give way to others, so that what is written to their plans says
something else than they did.

A word gives way to one that may stand in its place where the generator finds the line about as likely with
it. Where none will do, a little word gives way, such as one between two sentences.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from model.agreement import PEOPLE, articled
from model.lexicon import Lexicon
from model.plan import telling
from model.text import words
from training.corpora.songbook import Verse
from training.corpora.stand_ins import StandIns

# Folded texts -> how unlikely each is, in nats.
Judge = Callable[[Sequence[str]], Sequence[float]]

# Little words that may stand for one another. Articles stay, and whose a thing is: nobody shakes the head,
# and a game is not the game.
_SMALL = tuple(
    frozenset(group.split())
    for group in (
        "and but then", "on upon", "beside by near", "above over", "around round", "until till",
        "so very too", "while when as", "because for since as", "will can", "just only", "into in",
        "across through", "my our",
    )
)  # fmt: skip
# Nats by which a line may be less likely with a word that fits nearly all sentences, with another one and
# with a little one, beside what the words' own shares make, and how many more where nothing costs less.
_DEARER, _DEARER_OTHER, _DEARER_SMALL, _AT_MOST = 2.0, 0.3, 1.0, 0.3
# Exchanges that are tried in a line.
_TRIED = 8
# A rarer word is excused so many nats at most, and one that fewer stanzas have is not taken.
_EXCUSED, _LEAST = 1.5, 15
# Exchanges that are kept of a line.
KEPT = 2
# Stanzas that are weighed at once.
_BATCH = 256


class Exchange(NamedTuple):
    """One word of a line for another.

    Attributes:
        line: of the stanza, from 0.
        old: a word that the line has once, and no last one.
        new: what takes its place.
        dearer: nats by which the line may be less likely with it; once it is weighed, by how many it is less
            likely than it may be.
    """

    line: int
    old: str
    new: str
    dearer: float = 0.0


class Exchanger:
    """Finds exchanges.

    Args:
        stand_ins: for each word those that may stand in its place.
        counts: stanzas that have each word.
        judge: weighs lines.
        lexicon: word table.
    """

    def __init__(
        self, stand_ins: StandIns, counts: Mapping[str, int], judge: Judge, lexicon: Lexicon
    ) -> None:
        self._stand_ins, self._counts = stand_ins, counts
        self._judge, self._lexicon = judge, lexicon

    def best(self, verses: Sequence[Verse]) -> Iterator[list[Exchange]]:
        """For each stanza the ``KEPT`` best exchanges of each line; the best first."""
        for start in range(0, len(verses), _BATCH):
            some = verses[start : start + _BATCH]
            found = self._weighed(some, [list(self.telling_ones(verse)) for verse in some])
            # A line that says the same in other little words is the second best.
            lines = [{one.line for one in weighed if one.dearer < 0} for weighed in found]
            small = [
                [one for one in small_ones(verse) if one.line not in done]
                for verse, done in zip(some, lines, strict=True)
            ]
            more = self._weighed(some, small)
            yield from (_some_of_each_line(one, other) for one, other in zip(found, more, strict=True))

    def telling_ones(self, verse: Verse) -> Iterator[Exchange]:
        """Exchanges of words that tell something: not whom a stanza is about, nor what it says twice.

        A big dog beside a small one does not get old: what has its like in the stanza stays.
        """
        said = set(words(verse.text))
        lemmas = Counter(self._lexicon.lemma(word) for word in words(verse.text))
        for number, line in enumerate(verse.lines):
            tried = []
            for word in words(line)[:-1]:
                lemma = self._lexicon.lemma(word)
                alike = self._stand_ins.get(word, {})
                if lemmas[lemma] > 1 or word in PEOPLE or not telling(word) or said & alike.keys():
                    continue
                for other, sure in alike.items():
                    known = self._counts.get(other, 0) >= _LEAST
                    if known and not lemmas[self._lexicon.lemma(other)] and other not in PEOPLE:
                        tried.append((not sure, self._rarer(word, other), word, other))
            for far, excused, word, other in sorted(tried)[:_TRIED]:
                yield Exchange(number, word, other, excused + (_DEARER_OTHER if far else _DEARER))

    def _weighed(self, verses: Sequence[Verse], tried: Sequence[Sequence[Exchange]]) -> list[list[Exchange]]:
        """Those that cost not far more than they may, with by how much, the best first."""
        pairs = [(number, one) for number, some in enumerate(tried) for one in some]
        lines = list(dict.fromkeys((number, one.line) for number, one in pairs))
        before = [" ".join(words(verses[number].lines[line])) for number, line in lines]
        after = [exchanged(verses[number].lines[one.line], one) for number, one in pairs]
        nats = self._judge([*before, *after])
        usual = dict(zip(lines, nats, strict=False))
        found: list[list[Exchange]] = [[] for _ in verses]
        for (number, one), cost in zip(pairs, nats[len(lines) :], strict=True):
            dearer = cost - usual[number, one.line] - one.dearer
            if dearer < _AT_MOST:
                found[number].append(one._replace(dearer=dearer))
        return [sorted(some, key=lambda one: one.dearer) for some in found]

    def _rarer(self, old: str, new: str) -> float:
        """Nats by which the new word is less likely wherever it stands."""
        return min(_EXCUSED, math.log((self._counts[old] + 1) / (self._counts[new] + 1)))


def small_ones(verse: Verse) -> Iterator[Exchange]:
    """Exchanges of little words that a line has once."""
    for number, line in enumerate(verse.lines):
        found = words(line)
        for word in found[:-1]:
            if found.count(word) == 1:
                others = {other for group in _SMALL if word in group for other in group} - {word}
                for other in sorted(others):
                    yield Exchange(number, word, other, _DEARER_SMALL)


def _some_of_each_line(telling: Sequence[Exchange], small: Sequence[Exchange]) -> list[Exchange]:
    """The ``KEPT`` best of each line: telling ones, little ones, and only then those that cost too much."""
    cheap = [one for some in (telling, small) for one in some if one.dearer < 0]
    dear = sorted((one for one in (*telling, *small) if one.dearer >= 0), key=lambda one: one.dearer)
    kept: list[Exchange] = []
    for one in [*cheap, *dear]:
        before = [other for other in kept if other.line == one.line]
        if len(before) < (KEPT if one.dearer < 0 else 1):
            kept.append(one)
    return kept


def exchanged(line: str, one: Exchange) -> str:
    """The words of a folded line with one exchanged."""
    return " ".join(articled([one.new if word == one.old else word for word in words(line)]))
