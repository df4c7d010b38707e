"""Measures on sampled stanzas: words, endings, keywords, spans copied from the corpus."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from model.decoding import Sample, Sampling
from model.errors import BadInput
from model.keywords import MAX_KEYWORDS, extract, used
from model.songwriter import Pen, Wish
from model.text import words
from training.corpus import pieces, read_songs, split

# Corpus positions indexed a gram; a span is searched only where its first letters stand.
_GRAM = 12
# Stanzas drawn at once.
_BATCH = 4


def evaluate_samples(
    pen: Pen, corpus: Path, count: int, temperature: float, candidates: int, random_seed: int
) -> dict[str, Any]:
    """Write stanzas for keywords of held-back songs and measure them.

    Args:
        pen: generator and lexicon.
        corpus: the corpus that the generator was trained on.
        count: stanzas.
        temperature: as in ``Sampling``.
        candidates: drawn for each stanza; 1 measures the bare generator.
        random_seed: decides keywords and draws.

    Returns:
        shares (0..1) and lengths in characters; the copied span is the longest that a
        stanza shares with any training stanza, line ends included.

    Raises:
        BadInput: the corpus cannot be read, or NLTK's word list is not here.
    """
    parts = split(read_songs(corpus))
    dictionary = Dictionary()
    copies = CopyIndex(pieces(parts["train"]))
    draw = random.Random(random_seed)
    held_back = pieces(parts["dev"])
    if len(held_back) < count:
        raise BadInput(f"{corpus} has {len(held_back)} held-back stanzas: ask for no more.")
    wanted = [
        (
            extract(text, pen.lexicon, MAX_KEYWORDS),
            Wish(Sampling(temperature), random_seed=draw.randrange(2**32), candidates=candidates),
        )
        for text in draw.sample(held_back, count)
    ]
    found: list[tuple[list[str], Sample]] = []
    for start in tqdm(range(0, count, _BATCH), desc="stanzas", unit_scale=_BATCH):
        batch = wanted[start : start + _BATCH]
        found += zip([keywords for keywords, _ in batch], pen.compose(batch), strict=True)
    texts = [chosen.text for _, chosen in found]
    spoken = [word for text in texts for word in words(text)]
    spans = [copies.longest(text) for text in texts]
    return {
        "stanzas": count,
        "temperature": temperature,
        "candidates": candidates,
        "dictionary_words": sum(word in dictionary for word in spoken) / len(spoken),
        "ended": sum(chosen.ended for _, chosen in found) / count,
        "one_keyword": sum(bool(used(k, c.text, pen.lexicon)) for k, c in found) / count,
        "two_keywords": sum(len(used(k, c.text, pen.lexicon)) > 1 for k, c in found) / count,
        "copied_span_median": statistics.median(spans),
        "copied_span_p99": float(np.quantile(spans, 0.99)),
        "copied_span_longest": max(spans),
        "characters_median": statistics.median(map(len, texts)),
        "distinct_2": _distinct(texts, 2),
        "generator": pen.digest,
        "random_seed": random_seed,
    }


class Dictionary:
    """English words: NLTK's ``words`` and ``cmudict``, and WordNet's inflections of them.

    Independent of the lexicon that generation uses.

    Raises:
        BadInput: NLTK's corpora are not here.
    """

    def __init__(self) -> None:
        from nltk.corpus import cmudict, wordnet
        from nltk.corpus import words as listed

        try:
            self._words = {word.lower() for word in listed.words()} | set(cmudict.dict())
            wordnet.ensure_loaded()
        except LookupError as error:
            raise BadInput(
                "NLTK's word lists are not here: run "
                "`python -m nltk.downloader words cmudict wordnet` or set NLTK_DATA."
            ) from error
        self._wordnet = wordnet

    def __contains__(self, word: str) -> bool:
        return all(self._knows(part) for part in word.split("-") if part)

    def _knows(self, word: str) -> bool:
        if word in self._words or self._wordnet.morphy(word) is not None:
            return True
        # Possessives and the contractions of verse: "heart's", "o'er", "wander'd".
        stem, apostrophe, ending = word.rpartition("'")
        if not apostrophe:
            return False
        return ending in ("s", "d", "ll", "ve", "re", "t", "m", "er") and (
            len(stem) < 2 or stem in self._words or stem + "e" in self._words
        )


class CopyIndex:
    """Longest span that a text shares with a collection, by hashed starts and extension."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._text = "\x00".join(texts)
        codes = np.frombuffer(self._text.encode("ascii"), dtype=np.uint8).astype(np.uint64)
        keys = np.zeros(max(0, len(codes) - _GRAM + 1), dtype=np.uint64)
        for offset in range(_GRAM):
            keys = keys * np.uint64(131) + codes[offset : offset + len(keys)]
        self._order = np.argsort(keys, kind="stable").astype(np.uint32)
        self._keys = keys[self._order]

    def longest(self, text: str) -> int:
        """Characters of the longest span of the text that the collection contains."""
        length = 0
        for start in range(len(text)):
            # Only a span longer than the best so far is of interest.
            if start + max(length + 1, _GRAM) > len(text):
                break
            for position in self._positions(text[start : start + _GRAM]):
                if self._text.startswith(text[start : start + length + 1], position):
                    length = max(length, self._extend(text, start, int(position)))
        return length

    def _positions(self, gram: str) -> np.ndarray:
        key = np.uint64(0)
        with np.errstate(over="ignore"):
            for code in gram.encode("ascii"):
                key = key * np.uint64(131) + np.uint64(code)
        low, high = np.searchsorted(self._keys, [key, key + np.uint64(1)])
        return self._order[low:high]

    def _extend(self, text: str, start: int, position: int) -> int:
        length = 0
        limit = min(len(text) - start, len(self._text) - position)
        while length < limit and text[start + length] == self._text[position + length]:
            length += 1
        return length


def _distinct(texts: Sequence[str], n: int) -> float:
    """Share of distinct word n-grams over all the texts."""
    grams = [gram for text in texts for gram in zip(*(words(text)[k:] for k in range(n)), strict=False)]
    return len(set(grams)) / max(1, len(grams))
