"""Whether a text has a word that it must not have, however that is spelled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import groupby

from model.text import fold, words

_INSIDE_WORD = re.compile("['-]")
# What stands for a letter in "sh1t": the digit one may be an "i" or an "l".
_LOOKALIKES = [str.maketrans("013457@$!", f"o{one}eastas{one}") for one in "il"]
# Its last word has two letters or more, and no lookalikes: no letter behind it is read with it.
_CLOSED = re.compile("[^!]*[a-z]{2}[,.;:?]*")
# Ends of words whose judgement is kept.
_KEPT = 4096


def is_forbidden(text: str, forbidden: frozenset[str]) -> bool:
    """Whether a text has a forbidden word, in any case and accents, also beside a hyphen or apostrophe.

    It is found with digits for letters ("sh1t") and letter by letter ("s-h-i-t", "f u c k") as
    well. Parts of two letters and more are never joined: "push it" is no word of the list.
    """
    return any(not forbidden.isdisjoint(_found(view)) for view in _views(text))


def _views(text: str) -> set[str]:
    """A text, folded, as it stands and as it reads where lookalikes are letters and "fu*ck" one word."""
    written = unicodedata.normalize("NFKC", text).split()
    read = {text, *(" ".join(_read(word, table) for word in written) for table in _LOOKALIKES)}
    return {fold(view, parting) for view in read for parting in (" ", "")}


def _read(word: str, table: Mapping[int, str | int]) -> str:
    # With a single letter it is a number: the bus T17, the 717s.
    return word.translate(table) if sum(map(str.isalpha, word)) > 1 else word


def _found(folded: str) -> Iterator[str]:
    """The words of a folded text, their parts, and what its letters that stand alone spell."""
    whole = words(folded)
    parts = [part for word in whole for part in _INSIDE_WORD.split(word)]
    yield from whole
    yield from parts
    for alone, run in groupby(parts, lambda part: len(part) == 1):
        letters = "".join(run) if alone else ""
        for start in range(len(letters)):
            yield from (letters[start:end] for end in range(start + 2, len(letters) + 1))


class Forbidden:
    """Judges a stanza word by word, as it grows.

    Args:
        forbidden: folded words, as for ``is_forbidden``.
    """

    def __init__(self, forbidden: frozenset[str] = frozenset()) -> None:
        self.words = forbidden
        # What an exclamation mark, read as a letter, would make a word of the list.
        self._almost = frozenset(word[:-1] for word in forbidden if word[-1] in "il")
        self._is_bad = lru_cache(_KEPT)(self._judge)

    def ends(self, text: str) -> bool:
        """Whether a folded text, clean up to its last word, has a forbidden one if that ends here.

        It has one, too, if only an exclamation mark behind the word makes it read so.
        """
        last = text.rsplit(None, 1)[-1]
        if len(last) > 1 and last.isalpha():
            return last in self.words or last in self._almost
        return self._is_bad(_tail(text))

    def _judge(self, tail: str) -> bool:
        return is_forbidden(tail, self.words) or is_forbidden(tail + "!", self.words)


def _tail(text: str) -> str:
    """The last word of a folded text, with those before whose letters may be read with its own."""
    written = text.split()
    first = len(written) - 1
    while first and not _CLOSED.fullmatch(written[first - 1]):
        first -= 1
    return " ".join(written[first:])
