"""The "refined" data set of the first Neural Songwriter: songs cut into stanzas of a few lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.errors import BadInput
from training.collecting.lines import lowered, unusable
from training.collecting.texts import Text, read_texts, sung_letters
from training.collecting.whole import writing

# Their share among a song's words is its ``archaic``. "Thee" tells a hymn from a song of
# today better than a date does.
ARCHAIC = frozenset(
    """thou thee thy thine thyself ye hath hast hadst doth dost didst shalt shouldst wilt wouldst art wert
    canst couldst mayst saith quoth methinks unto ere oft nay yea lo whilom""".split()
)

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")


@dataclass
class Refined:
    """What came out of one file.

    ``left_out``: lines that training could not use, by the reason; ``skipped``: rows and files.
    """

    songs: int = 0
    stanzas: int = 0
    characters: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        reasons = ", ".join(f"{times:,} {reason}" for reason, times in self.left_out.most_common())
        done = f"{self.songs:,} songs, {self.stanzas:,} stanzas, {self.characters:,} characters"
        done += f"; lines left out: {reasons}" if reasons else ""
        skipped = (
            f"; {len(self.skipped):,} rows or files skipped, such as {self.skipped[0]}"
            if self.skipped
            else ""
        )
        return done + skipped


def refine_file(
    source: Path, target: Path, max_lines: int | None, style: str, columns: Mapping[str, str] | None = None
) -> Refined:
    """Cut the songs of one file into a corpus that `train generator` reads.

    Args:
        source: as for ``read_texts``, cleaned.
        target: JSON lines, packed where the name ends in .xz.
        max_lines: of a stanza; None keeps stanzas whole, as the first data set of 2016 did.
        style: of songs that have none.
        columns: as for ``read_texts``.

    Raises:
        BadInput: the source cannot be read or holds no stanzas.
        OSError: the target cannot be written.
    """
    done = Refined()
    texts = read_texts(source, columns, done.skipped)
    with writing(target) as file:
        for song in tqdm(texts, desc="stanzas", unit="song", disable=None):
            stanzas = usable(stanzas_of(song.text), done.left_out)
            if max_lines is not None:
                stanzas = refined(stanzas, max_lines)
            if stanzas:
                file.write(json.dumps(corpus_row(song, stanzas, style), ensure_ascii=False) + "\n")
                done.songs += 1
                done.stanzas += len(stanzas)
                done.characters += sum(len(line) + 1 for stanza in stanzas for line in stanza)
        if not done.songs:
            raise BadInput(f"{source} holds no stanzas.")
    return done


def stanzas_of(text: str) -> list[list[str]]:
    """The lines between blank lines."""
    lines = [line.strip() for line in text.splitlines()]
    return [list(group) for sung, group in groupby(lines, key=bool) if sung]


def usable(stanzas: Sequence[Sequence[str]], left_out: Counter[str] | None = None) -> list[list[str]]:
    """Stanzas of lines that training takes, none in capitals.

    A line that it does not take costs itself only, and ends a stanza; ``left_out`` counts it.
    """
    left_out = Counter() if left_out is None else left_out
    kept: list[list[str]] = []
    for stanza in stanzas:
        reasons = {line: unusable(line) for line in stanza}
        left_out.update(reason for line in stanza if (reason := reasons[line]))
        runs = groupby(stanza, key=lambda line: not reasons[line])
        kept += [[lowered(line) for line in run] for good, run in runs if good]
    return kept


def refined(stanzas: Sequence[Sequence[str]], max_lines: int) -> list[list[str]]:
    """Stanzas of at most ``max_lines`` lines, each once.

    A longer stanza is cut into pieces that are as even as they can be: four lines at three
    are two couplets, not three lines and an orphan.
    """
    pieces: dict[str, list[str]] = {}
    for stanza in stanzas:
        for piece in _even(stanza, max_lines):
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


def _even(lines: Sequence[str], size: int) -> Iterator[list[str]]:
    count = -(-len(lines) // size)
    for number in range(count):
        yield list(lines[number * len(lines) // count : (number + 1) * len(lines) // count])
