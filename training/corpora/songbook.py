"""The songbook: short stanzas in today's English, with what each is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.known_lines import KnownLines
from model.mood import MOODS
from model.plan import outline, plan_of
from model.rhyme import FREE
from model.text import fold, fold_lines
from training.collecting.rows import read_rows
from training.corpora.corpus import Song, split

# How a voice's stanzas are called where a style is asked for.
STYLES = {"plain": "modern", "witty": "witty"}


@dataclass(frozen=True)
class Verse:
    """One stanza of the songbook.

    Attributes:
        id: names it; the split hangs on it.
        voice: "plain" or "witty".
        scheme: which lines rhyme, such as "ABAB" or "AAB", or "free".
        mood: one of ``model.mood.MOODS``.
        keywords: lemmas of what it is about, in no order.
        lines: folded.
    """

    id: str
    voice: str
    scheme: str
    mood: str
    keywords: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def style(self) -> str:
        return STYLES[self.voice]

    @property
    def planned(self) -> Verse:
        """The stanza's plan in its stead: the words of each line."""
        return replace(self, lines=outline(plan_of(self.lines)))

    @property
    def song(self) -> Song:
        """The stanza as a song of its own."""
        return Song(f"{self.id}\n", self.style, 0.0, (self.lines,), self.mood)


def read_songbook(path: Path) -> list[Verse]:
    """Read a songbook such as ``data/songbook/stanzas.jsonl.xz``.

    Raises:
        BadInput: the file cannot be read, or a line of it is no stanza.
    """
    verses = []
    for number, row in enumerate(read_rows(path), start=1):
        try:
            verses.append(_verse(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(
                f"{path}, line {number}: expected a stanza with 'id', 'voice' (plain or witty), 'scheme', "
                "'mood', 'keywords' and 'lines'."
            ) from error
    if not verses:
        raise BadInput(f"{path} holds no stanzas.")
    return verses


def split_songbook(verses: list[Verse]) -> dict[str, list[Verse]]:
    """Stanzas -> train, dev and test, as songs are split: the same on every machine."""
    found = {verse.song.key: verse for verse in verses}
    parts = split([verse.song for verse in verses])
    return {name: [found[song.key] for song in songs] for name, songs in parts.items()}


def known_lines(path: Path) -> KnownLines:
    """The index of a songbook's lines, held-back ones included.

    Raises:
        BadInput: see ``read_songbook``.
    """
    lines = (line for verse in read_songbook(path) for line in verse.lines)
    return KnownLines.of(lines, hashlib.sha256(path.read_bytes()).hexdigest()[:16])


def _verse(row: dict[str, Any]) -> Verse:
    lines = tuple(fold_lines(row["lines"]))
    known = row["voice"] in STYLES and row["mood"] in MOODS
    if not (lines and known and isinstance(row["lines"], list)):
        raise ValueError("no stanza")
    keywords = tuple(fold(str(word)) for word in row["keywords"])
    return Verse(str(row["id"]), row["voice"], str(row["scheme"] or FREE), row["mood"], keywords, lines)
