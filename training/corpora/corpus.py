"""Songs on disk -> folded stanzas, split by song."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from model.conditioning import MAX_LINES
from model.errors import BadInput
from model.text import fold_lines
from training.collecting.lines import DIGITS, TOO_LONG, unusable
from training.collecting.rows import read_rows

DEV_SHARE = TEST_SHARE = 0.025


@dataclass(frozen=True)
class Song:
    """One song: folded stanzas, and what its weight in training depends on."""

    key: str
    style: str
    archaic: float
    stanzas: tuple[tuple[str, ...], ...]
    mood: str | None = None


def read_songs(path: Path) -> list[Song]:
    """Read a corpus such as ``pd_songs.jsonl.xz`` (also uncompressed ``.jsonl``).

    Stanzas repeated within a song (choruses) are kept once. Prose, speaker names,
    numbered lines and lines that cannot be written are dropped; see ``training.collecting.lines``.

    Raises:
        BadInput: the file cannot be read, or a line of it is no song.
    """
    songs = []
    for number, row in enumerate(read_rows(path), start=1):
        try:
            songs.append(_song(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(
                f"{path}, line {number}: expected an object with 'stanzas', a list of lists of lines."
            ) from error
    if not any(song.stanzas for song in songs):
        raise BadInput(f"{path} holds no stanzas.")
    return songs


def split(songs: Sequence[Song]) -> dict[str, list[Song]]:
    """Songs -> train, dev and test, by song.

    Anthologies print the same song again: songs that share a stanza go to the same side,
    chosen by a hash, so that the split is the same on every machine.
    """
    parts: dict[str, list[Song]] = {"train": [], "dev": [], "test": []}
    for song, root in zip(songs, _families(songs), strict=True):
        # JSON can hold half a surrogate pair.
        name = root.encode(errors="surrogatepass")
        draw = int.from_bytes(hashlib.sha256(name).digest()[:8]) / 2**64
        dev, test = draw < DEV_SHARE, draw < DEV_SHARE + TEST_SHARE
        parts["dev" if dev else "test" if test else "train"].append(song)
    return parts


def cut(stanza: Sequence[str], size: int = MAX_LINES, offset: int = 0) -> Iterator[tuple[str, ...]]:
    """A stanza -> pieces of at most ``size`` lines, the first of ``offset`` lines if not 0."""
    bounds = [0, *range(offset or size, len(stanza), size), len(stanza)]
    for start, stop in pairwise(bounds):
        if start < stop:
            yield tuple(stanza[start:stop])


def pieces(songs: Sequence[Song]) -> list[str]:
    """Every stanza of the songs as texts of at most four lines, each text once."""
    texts = ("\n".join(piece) for song in songs for stanza in song.stanzas for piece in cut(stanza))
    return list(dict.fromkeys(texts))


def training_weight(song: Song) -> float:
    """Chance that a song's stanzas are used in one epoch: songs before poems, modern before old."""
    style = {"song": 1.0, "nursery": 1.0, "ballad": 0.8, "poem": 0.65, "hymn": 0.35}
    return style.get(song.style, 1.0) * float(np.exp(-song.archaic / 0.025))


def _song(row: dict[str, Any]) -> Song:
    if any(isinstance(lines, str) for lines in row["stanzas"]):
        raise TypeError("A stanza is a list of lines.")
    stanzas = map(_verse, row["stanzas"])
    unique = dict.fromkeys(stanza for stanza in stanzas if stanza)
    key = f"{row.get('title', '')}\n{row.get('author', '')}"
    return Song(key, str(row.get("style", "song")), float(row.get("archaic", 0.0)), tuple(unique))


def _verse(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines of a stanza that can be learnt, folded; none where it is no verse."""
    reasons = list(map(unusable, lines))
    # In books these are prose and pages' furniture, and spoil what stands with them.
    if TOO_LONG in reasons or DIGITS in reasons or sum(line.isupper() for line in lines) > len(lines) / 3:
        return ()
    return tuple(fold_lines(line for line, reason in zip(lines, reasons, strict=True) if not reason))


def _families(songs: Sequence[Song]) -> list[str]:
    """For each song the name of the group it shares stanzas with (union-find)."""
    parent = list(range(len(songs)))

    def find(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    first: dict[str, int] = {}
    for number, song in enumerate(songs):
        for stanza in song.stanzas:
            # Two lines are enough to recognise a stanza, and survive another printer's spelling.
            mark = re.sub("[^a-z]", "", "".join(stanza[:2]))
            if len(mark) >= 30:
                parent[find(number)] = find(first.setdefault(mark, number))
    return [songs[find(number)].key for number in range(len(songs))]
