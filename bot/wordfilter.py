"""Which words no stanza may contain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from model.text import fold, words

if TYPE_CHECKING:
    # A worker needs this module, and none of the configuration's machinery.
    from bot.config import Filter

_INSIDE_WORD = re.compile("['-]")
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
    """Whether a text has a forbidden word, in any case and accents, also beside a hyphen or apostrophe."""
    found = words(fold(text))
    return not forbidden.isdisjoint({*found, *(part for word in found for part in _INSIDE_WORD.split(word))})
