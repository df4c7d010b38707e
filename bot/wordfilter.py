"""Which words no stanza may contain."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from model.text import fold, words

if TYPE_CHECKING:
    # A worker needs this module, and none of the configuration's machinery.
    from bot.config import Filter

_INSIDE_WORD = re.compile("['-]")
# What stands for a letter in "sh1t": the digit one may be an "i" or an "l".
_LOOKALIKES = [str.maketrans("013457@$!", f"o{one}eastas{one}") for one in "il"]
SHIPPED = Path(__file__).parent.parent / "data" / "filter" / "english.txt"


def forbidden_words(settings: Filter, shipped: Path = SHIPPED) -> frozenset[str]:
    """The shipped list and the configured words with their plain plurals, less the allowed ones."""
    if not settings.enabled:
        return frozenset()
    lines = shipped.read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if not line.startswith("#")]
    given = {word for line in [*listed, *settings.words] for word in words(fold(line))}
    allowed = {word for line in settings.allowed for word in words(fold(line))}
    return frozenset(given | {word + "s" for word in given}) - allowed


def is_forbidden(text: str, forbidden: frozenset[str]) -> bool:
    """Whether a text has a forbidden word, in any case and accents, also beside a hyphen or apostrophe.

    It is found with digits for letters ("sh1t") and letter by letter ("s-h-i-t", "f u c k") as
    well. Parts of two letters and more are never joined: "push it" is no word of the list.
    """
    return any(not forbidden.isdisjoint(_found(view)) for view in _views(text))


def _views(text: str) -> set[str]:
    """A text as it stands, and as it reads where lookalikes are letters."""
    written = unicodedata.normalize("NFKC", text).split()
    return {text, *(" ".join(_read(word, table) for word in written) for table in _LOOKALIKES)}


def _read(word: str, table: Mapping[int, str | int]) -> str:
    # With a single letter it is a number: the bus T17, the 717s.
    return word.translate(table) if sum(map(str.isalpha, word)) > 1 else word


def _found(text: str) -> Iterator[str]:
    """The words of a text, their parts, and what its letters that stand alone spell."""
    whole = words(fold(text))
    parts = [part for word in whole for part in _INSIDE_WORD.split(word)]
    yield from whole
    yield from parts
    for alone, run in groupby(parts, lambda part: len(part) == 1):
        letters = "".join(run) if alone else ""
        for start in range(len(letters)):
            yield from (letters[start:end] for end in range(start + 2, len(letters) + 1))
