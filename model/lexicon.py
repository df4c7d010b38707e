"""What the program knows about words: a table computed once from the corpus and WordNet."""

from __future__ import annotations

import json
import lzma
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from model.errors import BadCheckpoint
from model.files import write_whole
from model.rhyme import Pronunciations

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One word.

    Attributes:
        count: occurrences in the training songs.
        pos: the commonest part of speech: n, v, a, r (adverb) or "" (unknown to WordNet).
        lemma: dictionary form.
        valence: VADER's mean sentiment, -4..4, 0 where it has none.
    """

    count: int
    pos: str
    lemma: str
    valence: float


@dataclass(frozen=True)
class Lexicon:
    """Words by spelling.

    Attributes:
        entries: folded word -> entry.
        names: folded word -> spelling with capitals, for names.
        substitutes: lemma the songs hardly know -> one they sing often ("frisbee" -> "toy").
        sounds: syllables and rhyme classes.
        inflections: lemma -> the words that have it.
    """

    entries: dict[str, Entry]
    names: dict[str, str]
    substitutes: dict[str, str]
    sounds: Pronunciations = field(default_factory=Pronunciations, repr=False)
    inflections: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        forms: dict[str, list[str]] = {}
        for word, entry in self.entries.items():
            forms.setdefault(entry.lemma, []).append(word)
        object.__setattr__(self, "inflections", forms)

    def lemma(self, word: str) -> str:
        entry = self.entries.get(word)
        return entry.lemma if entry else word

    def count(self, word: str) -> int:
        entry = self.entries.get(word)
        return entry.count if entry else 0

    @cached_property
    def size(self) -> int:
        """Words of the training songs, each as often as it is sung."""
        return sum(entry.count for entry in self.entries.values())

    def rarity(self, word: str) -> float:
        """Negative logarithm of a word's share of all that is sung, in nats."""
        return math.log((self.size + 1) / (self.count(word) + 0.5))

    def forms(self, lemma: str) -> frozenset[str]:
        """Every spelling that counts as the word, itself included."""
        return frozenset((*self.inflections.get(lemma, ()), lemma, lemma + "s", lemma + "'s"))

    def save(self, path: Path) -> None:
        table = {
            "format": FORMAT,
            "words": {w: [e.count, e.pos, e.lemma, e.valence] for w, e in self.entries.items()},
            "names": self.names,
            "substitutes": self.substitutes,
            "sounds": {w: [count, *classes] for w, (count, classes) in self.sounds.table.items()},
        }
        text = json.dumps(table, separators=(",", ":"), sort_keys=True)
        write_whole(path, lzma.compress(text.encode(), preset=9))

    @classmethod
    def load(cls, path: Path) -> Lexicon:
        """Read a lexicon.

        Raises:
            BadCheckpoint: it is missing, damaged or of another format.
        """
        try:
            table = json.loads(lzma.decompress(path.read_bytes()))
            if table["format"] != FORMAT:
                raise BadCheckpoint(f"The lexicon {path} has format {table['format']}, not {FORMAT}.")
            entries = {w: Entry(*row) for w, row in table["words"].items()}
            sounds = {w: (count, tuple(classes)) for w, (count, *classes) in table["sounds"].items()}
            return cls(entries, table["names"], table["substitutes"], Pronunciations(sounds))
        except OSError as error:
            raise BadCheckpoint(f"The lexicon {path} cannot be read: {error.strerror}.") from error
        except (lzma.LZMAError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadCheckpoint(f"The lexicon {path} is damaged: install it again.") from error
