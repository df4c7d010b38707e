"""Measures on folded stanzas, sampled or sung: words, variety, repetition, form, rhyme."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from model.text import NEWLINE, words
from training.collecting.nltk_data import corpus
from training.corpora.rhymes import Rhymes, rhyme_rates

_ENDINGS = frozenset("s d ll ve re t m er".split())
# The lists have every letter of the alphabet as a word.
_LETTERS = frozenset("aio")


class Dictionary:
    """English words: NLTK's ``words`` and ``cmudict``, and WordNet's inflections of them.

    Independent of the lexicon that generation uses.

    Raises:
        BadInput: NLTK's corpora are not here.
    """

    def __init__(self) -> None:
        self._words = {word.lower() for name in ("words", "cmudict") for word in corpus(name).words()}
        self._wordnet = corpus("wordnet")

    def __contains__(self, word: str) -> bool:
        return all(self._knows(part) for part in word.split("-") if part)

    def _knows(self, word: str) -> bool:
        if len(word) == 1:
            return word in _LETTERS
        if word in self._words or self._wordnet.morphy(word) is not None:
            return True
        # Possessives and the contractions of verse: "heart's", "o'er", "wander'd".
        stem, apostrophe, ending = word.rpartition("'")
        if not apostrophe:
            return False
        return ending in _ENDINGS and (len(stem) < 2 or stem in self._words or stem + "e" in self._words)


def describe(texts: Sequence[str], dictionary: Dictionary, rhymes: Rhymes) -> dict[str, Any]:
    """Figures of a set of stanzas; shares are 0..1, lengths means unless they say median.

    ``distinct_n`` (Li et al., NAACL 2016) falls with the number of words: compare sets of one size.
    """
    lines = [line for text in texts for line in text.split(NEWLINE) if words(line)]
    return {
        "dictionary_words": dictionary_share(texts, dictionary),
        **{f"distinct_{n}": distinct(texts, n) for n in (1, 2, 3)},
        "repeated_4grams": repeated_ngrams(texts, 4),
        "words": count_words(texts),
        "characters_median": statistics.median(map(len, texts)),
        "lines_per_stanza": len(lines) / len(texts),
        "characters_per_line": statistics.fmean(map(len, lines)),
        "words_per_line": statistics.fmean(len(words(line)) for line in lines),
        "rhymes": rhyme_rates(texts, rhymes),
    }


def as_many_words(texts: Iterable[str], count: int) -> list[str]:
    """The first of the texts, up to the one that makes the count of words full."""
    chosen, found = [], 0
    for text in texts:
        if found >= count:
            break
        chosen.append(text)
        found += count_words([text])
    return chosen


def count_words(texts: Iterable[str]) -> int:
    """Words of all the texts together."""
    return sum(len(words(text)) for text in texts)


def dictionary_share(texts: Sequence[str], dictionary: Dictionary) -> float:
    """Share of the words that are English; 0 where there are none."""
    found = [word for text in texts for word in words(text)]
    return sum(word in dictionary for word in found) / max(1, len(found))


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct word n-grams over all the texts, as a share of all n-grams."""
    grams = [gram for text in texts for gram in _grams(text, n)]
    return len(set(grams)) / max(1, len(grams))


def repeated_ngrams(texts: Sequence[str], n: int) -> float:
    """Share of word n-grams that occurred before in the same stanza (Welleck et al., ICLR 2020)."""
    grams = [_grams(text, n) for text in texts]
    total = sum(map(len, grams))
    return sum(len(found) - len(set(found)) for found in grams) / max(1, total)


def _grams(text: str, n: int) -> list[tuple[str, ...]]:
    found = words(text)
    return list(zip(*(found[start:] for start in range(n)), strict=False))
