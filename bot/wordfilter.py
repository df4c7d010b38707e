"""Which words no stanza may contain."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from model.text import fold, words
from model.wordfilter import is_forbidden as is_forbidden

if TYPE_CHECKING:
    # A worker needs this module, and none of the configuration's machinery.
    from bot.config import Filter

SHIPPED = Path(__file__).parent.parent / "data" / "filter" / "english.txt"


def forbidden_words(settings: Filter, shipped: Path = SHIPPED) -> frozenset[str]:
    """The shipped list and the configured words with their plain plurals, less the allowed ones."""
    if not settings.enabled:
        return frozenset()
    lines = shipped.read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if not line.startswith("#")]
    given = with_plurals(word for line in [*listed, *settings.words] for word in words(fold(line)))
    allowed = {word for line in settings.allowed for word in words(fold(line))}
    return given - allowed


def with_plurals(given: Iterable[str]) -> frozenset[str]:
    """Folded words and their plain plurals."""
    return frozenset(form for word in given for form in (word, word + "s"))
