"""How the lexicon's words sound, from the CMU Pronouncing Dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from model.rhyme import Pronunciations
from training.corpora.rhymes import Rhymes, strict_tail


def pronunciations(words: Iterable[str]) -> Pronunciations:
    """The sounds of words; those that CMUdict does not have are left out.

    Raises:
        BadInput: NLTK's cmudict is not here.
    """
    rhymes = Rhymes()
    parts = {part for word in words for part in word.split("-")}
    found = {part: rhymes.pronunciations(part) for part in parts}
    return Pronunciations({part: _entry(sounds) for part, sounds in found.items() if sounds})


def _entry(found: Sequence[Sequence[str]]) -> tuple[int, tuple[str, ...]]:
    vowels = sum(sound[-1].isdigit() for sound in found[0])
    return vowels, tuple(dict.fromkeys(" ".join(strict_tail(sounds)) for sounds in found))
