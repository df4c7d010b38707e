"""End rhymes by pronunciation, from the CMU Pronouncing Dictionary as NLTK has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, combinations
from typing import Any

from model.text import NEWLINE, words
from training.collecting.nltk_data import corpus

Sounds = tuple[str, ...]

STRICT, LAST_SYLLABLE, NONE = "strict", "last_syllable", "none"
SAME_WORD, UNKNOWN = "same_word", "out_of_dictionary"


class Rhymes:
    """Whether words rhyme.

    Raises:
        BadInput: NLTK's cmudict is not here.
    """

    def __init__(self) -> None:
        self._pronunciations: dict[str, list[list[str]]] = corpus("cmudict").dict()

    def kind(self, first: str, second: str) -> str:
        """How two words end: the strictest that holds of any of their pronunciations.

        Returns:
            ``strict``: different words, the same sounds from the last stressed vowel (primary or
            secondary) on; ``last_syllable``: the same from the last vowel on, whatever its stress;
            ``none``; ``same_word``; ``out_of_dictionary``: one of them is not in CMUdict.
        """
        if first == second:
            return SAME_WORD
        one, other = self.pronunciations(first), self.pronunciations(second)
        if not one or not other:
            return UNKNOWN
        if {strict_tail(sounds) for sounds in one} & {strict_tail(sounds) for sounds in other}:
            return STRICT
        if {_tail(sounds, "012") for sounds in one} & {_tail(sounds, "012") for sounds in other}:
            return LAST_SYLLABLE
        return NONE

    def pronunciations(self, word: str) -> list[list[str]]:
        """Pronunciations of the word, of its last part ("rose-tree"), of its full form ("wander'd")."""
        last = word.rpartition("-")[2]
        spellings = (word, last, last.removesuffix("'d") + "ed", last.removesuffix("'s"))
        return next((self._pronunciations[s] for s in spellings if s in self._pronunciations), [])


def line_ends(text: str) -> list[str]:
    """The last word of each line of a folded text; lines without a word are left out."""
    return [found[-1] for line in text.split(NEWLINE) if (found := words(line))]


def rhyme_rates(texts: Iterable[str], rhymes: Rhymes) -> dict[str, Any]:
    """How often the lines of stanzas rhyme.

    Returns:
        ``adjacent`` (lines 1-2, 2-3, 3-4) and ``alternate`` (1-3, 2-4): the number of ``pairs`` and
        the share (0..1) of each kind, ``last_syllable`` including ``strict``; and
        ``rhyming_lines``: the share of the lines of stanzas of two lines or more that rhyme strictly
        with another line of theirs. None where there is nothing to count.
    """
    ends = [line_ends(text) for text in texts]
    return {
        "adjacent": _pair_rates(ends, 1, rhymes),
        "alternate": _pair_rates(ends, 2, rhymes),
        "rhyming_lines": _rhyming_lines([found for found in ends if len(found) > 1], rhymes),
    }


def _pair_rates(ends: Sequence[Sequence[str]], distance: int, rhymes: Rhymes) -> dict[str, Any]:
    kinds = Counter(
        rhymes.kind(*pair) for found in ends for pair in zip(found, found[distance:], strict=False)
    )
    kinds[LAST_SYLLABLE] += kinds[STRICT]
    pairs = kinds.total() - kinds[STRICT]
    shares = {
        kind: kinds[kind] / pairs if pairs else None for kind in (STRICT, LAST_SYLLABLE, SAME_WORD, UNKNOWN)
    }
    return {"pairs": pairs, **shares}


def _rhyming_lines(ends: Sequence[Sequence[str]], rhymes: Rhymes) -> float | None:
    rhyming = 0
    for found in ends:
        pairs = combinations(enumerate(found), 2)
        strict = [(n, m) for (n, one), (m, other) in pairs if rhymes.kind(one, other) == STRICT]
        rhyming += len(set(chain.from_iterable(strict)))
    lines = sum(map(len, ends))
    return rhyming / lines if lines else None


def strict_tail(sounds: Sequence[str]) -> Sounds:
    """What strict rhymes share: the sounds from the last stressed vowel on, without stress marks."""
    return _tail(sounds, "12")


def _tail(sounds: Sequence[str], stresses: str) -> Sounds:
    """The sounds from the last vowel of one of the stresses on, all of them where there is none."""
    vowels = [place for place, sound in enumerate(sounds) if sound[-1] in stresses]
    start = vowels[-1] if vowels else 0
    return tuple(sound.rstrip("012") for sound in sounds[start:])
