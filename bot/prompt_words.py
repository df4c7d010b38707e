"""Words to offer while somebody types a seed: those the songs sing most."""

from __future__ import annotations

from bisect import bisect_left
from heapq import nlargest
from pathlib import Path

from model.lexicon import Lexicon
from model.prompts import MAX_PROMPT
from model.text import fold

# As many as Discord shows.
_SHOWN = 25
# Rarer words start a stanza badly; function words start it without a theme.
_COMMON = 100
_KINDS = ("n", "v", "a")

# (word, how often it is sung), by word.
PromptWords = tuple[tuple[str, int], ...]


def prompt_words(lexicon: Path, forbidden: frozenset[str]) -> PromptWords:
    """The lexicon's common content words, less the forbidden ones.

    Raises:
        BadCheckpoint: the lexicon is missing or damaged.
    """
    entries = Lexicon.load(lexicon).entries.items()
    return tuple(
        sorted(
            (word, entry.count)
            for word, entry in entries
            if entry.count >= _COMMON and entry.pos in _KINDS and word not in forbidden
        )
    )


def starting_with(typed: str, words: PromptWords) -> list[str]:
    """The commonest words that start with what was typed last, after what was typed before it."""
    *before, last = fold(typed).split(" ") if typed.strip() else [""]
    first = bisect_left(words, (last, 0))
    end = bisect_left(words, (last + "\x7f", 0))
    found = nlargest(_SHOWN, words[first:end], key=lambda pair: pair[1])
    seeds = [" ".join([*before, word]) for word, _ in found]
    return [prompt for prompt in seeds if len(prompt) <= MAX_PROMPT]
