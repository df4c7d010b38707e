"""What a stanza is asked to be, and what of it is still to come at each character.

A header in front of the stanza has to be remembered for a hundred characters, and a
character LSTM learns that late: after 7.5 million characters four keywords in a header
lowered its loss by 0.0015 nats. So the wish is given anew with every character, and it is
the part that is still open: lines left to write, keywords not yet written.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from model.keywords import MAX_KEYWORDS
from model.lexicon import Lexicon
from model.text import IN_WORD, LETTERS, NEWLINE

STYLES = ("song", "nursery", "hymn", "ballad", "poem")
MAX_LINES = 4
# Stanzas drawn for a wish, of which the best is kept.
CANDIDATES = 48
# Letters of a keyword that the generator is shown.
SPELLED = 10
# Words written before are told apart by a hash (Weinberger et al., ICML 2009): no list of
# words has to be kept, and a rare word that shares a bucket does little harm.
BUCKETS = 8192

State = tuple[int, tuple[bool, ...], tuple[int, int]]


@dataclass(frozen=True)
class Steering:
    """A wish that the generator understands; every part may be missing.

    Attributes:
        style: one of ``STYLES``.
        mood: one of ``mood.MOODS``.
        lines: 1 to ``MAX_LINES``.
        keywords: at most ``MAX_KEYWORDS`` lemmas.
        forms: for each keyword the spellings that count as it.
    """

    style: str | None = None
    mood: str | None = None
    lines: int | None = None
    keywords: tuple[str, ...] = ()
    forms: tuple[frozenset[str], ...] = ()

    @classmethod
    def of(
        cls,
        keywords: Sequence[str],
        lexicon: Lexicon,
        style: str | None = None,
        mood: str | None = None,
        lines: int | None = None,
    ) -> Steering:
        """A wish with the inflections that the lexicon knows."""
        kept = tuple(keywords[:MAX_KEYWORDS])
        return cls(style, mood, lines, kept, tuple(lexicon.forms(word) for word in kept))


class Progress:
    """What of a wish is open, as a stanza grows by characters.

    Attributes:
        lines_left: lines still to write, the one under way included; 0 where none were asked for.
        waiting: for each keyword whether it is still to be written.
        written: buckets of the last two whole words, the last one first; 0 for none yet.
    """

    def __init__(self, steering: Steering) -> None:
        self.lines_left = steering.lines or 0
        self.waiting = [True] * len(steering.keywords)
        self.written = (0, 0)
        self._forms = steering.forms
        self._word = ""

    @property
    def state(self) -> State:
        """``lines_left``, ``waiting`` and ``written`` as they are now."""
        return self.lines_left, tuple(self.waiting), self.written

    def copy(self) -> Progress:
        """The same progress, to go on from independently."""
        twin = copy(self)
        twin.waiting = list(self.waiting)
        return twin

    def let_off(self) -> None:
        """Wait for no keyword any more."""
        self.waiting = [False] * len(self.waiting)

    def add(self, character: str) -> None:
        """Take in the next character. A keyword is written once the character after it is there."""
        if character in IN_WORD:
            self._word += character
            return
        if word := self._word.strip("'"):
            self.written = (bucket(word), self.written[0])
            for number, forms in enumerate(self._forms):
                if self.waiting[number] and word in forms:
                    self.waiting[number] = False
        self._word = ""
        if character == NEWLINE and self.lines_left > 1:
            self.lines_left -= 1


def bucket(word: str) -> int:
    """1 to ``BUCKETS``, the same on every machine."""
    return 1 + zlib.crc32(word.encode()) % BUCKETS


def spelling(word: str) -> list[int]:
    """A keyword's first ``SPELLED`` letters as ids that name letter and place; 0 is no letter."""
    ids = [
        1 + place * len(LETTERS) + LETTERS.index(letter) if letter in LETTERS else 0
        for place, letter in enumerate(word[:SPELLED])
    ]
    return ids + [0] * (SPELLED - len(ids))
