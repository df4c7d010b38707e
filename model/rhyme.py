"""How words sound: syllables and rhyme classes, and the schemes in which lines rhyme.

The table is computed from the CMU Pronouncing Dictionary (see ``training/corpora/pronunciations.py``).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from model.text import words

FREE = "free"
SCHEMES = ("AABB", "ABAB", "ABBA", "ABCB", FREE)
# The generator knows a rhyme class by a hash, as it knows the words before.
RHYMES = 4096
# A longer line is not counted.
MAX_SYLLABLES = 16

_VOWELS = re.compile("[aeiouy]+")
# An "e" that is not spoken: at the end ("drove"), before "s" ("groves"), in "ed" ("roved").
_SILENT = re.compile("(?<=[^aeioul])e$|(?<=[aeiou]l)e$|(?<=[^aeiouxszh])es$|(?<=[^aeioutd])ed$")


@dataclass(frozen=True)
class Pronunciations:
    """Words by spelling.

    Attributes:
        table: folded word without hyphens -> syllables and rhyme classes. A class is the sounds
            from the last stressed vowel on, without stress marks ("AY T"); a word has one a
            pronunciation.
    """

    table: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)

    def syllables(self, word: str) -> int:
        """Syllables of a word; counted in its letters where the table does not have it."""
        return sum(
            self.table[part][0] if part in self.table else _spelt_syllables(part) for part in word.split("-")
        )

    def spoken(self, text: str) -> int:
        """Syllables of all words of a folded text."""
        return sum(map(self.syllables, words(text)))

    def classes(self, word: str) -> tuple[str, ...]:
        """Rhyme classes of a word or of a compound's last part, the likeliest first; none if unknown."""
        known = self.table.get(_last_part(word))
        return known[1] if known else ()

    def rhyme(self, one: str, other: str) -> bool:
        """Whether two words rhyme strictly: another word, the same sounds from the last stress on."""
        return _last_part(one) != _last_part(other) and not set(self.classes(one)).isdisjoint(
            self.classes(other)
        )


def partner(scheme: str, line: int) -> int | None:
    """The earlier line that a line rhymes with, both counted from 0; None where it is free."""
    letters = scheme[: line + 1] if scheme != FREE else ""
    earlier = letters.find(letters[-1]) if len(letters) == line + 1 else line
    return earlier if earlier < line else None


def last_word(line: str) -> str:
    """The word a folded line ends with, "" for a line without one."""
    found = words(line)
    return found[-1] if found else ""


def rhyme_bucket(sounds: str) -> int:
    """1 to ``RHYMES`` for a rhyme class, the same on every machine."""
    return 1 + zlib.crc32(sounds.encode()) % RHYMES


def _last_part(word: str) -> str:
    return word.rpartition("-")[2]


def _spelt_syllables(word: str) -> int:
    """Groups of vowels, less those that are silent."""
    spoken = _SILENT.sub("", word.replace("'", ""))
    return max(1, len(_VOWELS.findall(spoken)))
