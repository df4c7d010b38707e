"""The "refined" data set of the first Neural Songwriter: songs cut into stanzas of a few lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.decoding import MAX_LINE
from model.errors import BadInput
from training.collecting.texts import Text, read_texts, sung_letters
from training.collecting.whole import writing

# Their share among a song's words is its ``archaic``. "Thee" tells a hymn from a song of
# today better than a date does.
ARCHAIC = frozenset(
    """thou thee thy thine thyself ye hath hast hadst doth dost didst shalt shouldst wilt wouldst art wert
    canst couldst mayst saith quoth methinks unto ere oft nay yea lo whilom""".split()
)

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass
class Refined:
    """What came out of one file. ``left_out``: lines that training could not use."""

    songs: int = 0
    stanzas: int = 0
    characters: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        left_out = f"; {self.left_out:,} lines left out (too long, or with digits)" if self.left_out else ""
        return f"{self.songs:,} songs, {self.stanzas:,} stanzas, {self.characters:,} characters{left_out}"


def refine_file(source: Path, target: Path, max_lines: int | None, style: str) -> Refined:
    """Cut the songs of one file into a corpus that `train generator` reads.

    Args:
        source: as for ``read_texts``, cleaned.
        target: JSON lines, packed where the name ends in .xz.
        max_lines: of a stanza; None keeps songs as they are, the first data set of 2016.
        style: of songs that have none.

    Raises:
        BadInput: the source cannot be read or holds no stanzas.
        OSError: the target cannot be written.
    """
    texts = read_texts(source)
    done = Refined()
    with writing(target) as file:
        for song in tqdm(texts, desc="stanzas", unit="song", disable=None):
            whole = stanzas_of(song.text)
            stanzas = whole if max_lines is None else refined(whole, max_lines)
            if stanzas:
                file.write(json.dumps(corpus_row(song, stanzas, style), ensure_ascii=False) + "\n")
                done.songs += 1
                done.stanzas += len(stanzas)
                done.characters += sum(len(line) + 1 for stanza in stanzas for line in stanza)
            if max_lines is not None:
                done.left_out += sum(not _is_usable(line) for stanza in whole for line in stanza)
        if not done.songs:
            raise BadInput(f"{source} holds no stanzas.")
    return done


def stanzas_of(text: str) -> list[list[str]]:
    """The lines between blank lines."""
    lines = [line.strip() for line in text.splitlines()]
    return [list(group) for sung, group in groupby(lines, key=bool) if sung]


def refined(stanzas: Sequence[Sequence[str]], max_lines: int) -> list[list[str]]:
    """Stanzas of at most ``max_lines`` lines, each once.

    A longer stanza is cut into pieces that are as even as they can be: four lines at three
    are two couplets, not three lines and an orphan. A line that training could not use
    costs itself only, and is a cut.
    """
    pieces: dict[str, list[str]] = {}
    for stanza in stanzas:
        for usable, run in groupby(stanza, key=_is_usable):
            if usable:
                for piece in _even(list(run), max_lines):
                    pieces.setdefault(sung_letters("".join(piece)), piece)
    return list(pieces.values())


def archaic(stanzas: Sequence[Sequence[str]]) -> float:
    """Share (0..1, three digits) of ``ARCHAIC`` among the words."""
    lines = (line.lower().replace("’", "'") for stanza in stanzas for line in stanza)
    words = [word for line in lines for word in _WORD.findall(line)]
    return round(sum(word in ARCHAIC for word in words) / max(1, len(words)), 3)


def corpus_row(song: Text, stanzas: Sequence[Sequence[str]], style: str) -> dict[str, Any]:
    """One song as a line of a corpus."""
    about = {"title": song.title, "author": song.artist, "style": style, **song.about}
    return {**about, "archaic": archaic(stanzas), "stanzas": stanzas}


def _even(lines: list[str], size: int) -> Iterator[list[str]]:
    count = -(-len(lines) // size)
    for number in range(count):
        yield lines[number * len(lines) // count : (number + 1) * len(lines) // count]


def _is_usable(line: str) -> bool:
    """Whether ``training.corpora.corpus`` would take the line for verse."""
    return len(line) <= MAX_LINE and not _DIGIT.search(line) and bool(_LETTER.search(line))
