"""Cleaning lyrics: what is not sung goes, what is sung again or found again is kept once."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from textwrap import shorten
from typing import Any

from tqdm import tqdm

from model.errors import BadInput
from model.files import write_whole
from training.collecting.english import FOREIGN, English
from training.collecting.furniture import MAX_LINE, speakers, tidy_line, tidy_name, without_speaker
from training.collecting.lines import lowered, unusable
from training.collecting.texts import COLUMNS, Text, read_texts, sung_letters
from training.collecting.whole import writing

# The longest poem of a corpus of 23,625 has 26,000 characters.
MAX_TEXT = 100_000
# This share of a song's lines in one earlier song makes it the same song.
SAME = 0.8
# Dropped songs that the report names; it counts all of them.
MAX_NAMED = 10_000
# Characters of a line that stands for its kind.
_SHOWN = 40

_BREAK = re.compile(r"(?:<|&lt;)br\s*/?(?:>|&gt;)[^\S\r\n]*(?:\r\n|\r|\n)?", re.IGNORECASE)
_SUNG = re.compile(r"[^\W_]")


@dataclass
class Report:
    """What became of the songs of one file.

    Attributes:
        read: songs.
        kept: songs.
        dropped: songs, by the reason.
        stripped: lines that something was taken from, by what it was.
        left_out: lines that training could not use, by the reason.
        examples: one line for each kind of ``stripped`` and ``left_out``.
        skipped: rows and files that could not be read, each in a sentence.
        songs: artist, title and reason of those dropped, at most ``MAX_NAMED``.
    """

    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    stripped: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    songs: list[dict[str, str]] = field(default_factory=list)

    def drop(self, song: Text, reason: str) -> None:
        """Count a song that was not kept, and name it."""
        self.dropped[reason] += 1
        if len(self.songs) < MAX_NAMED:
            self.songs.append({"artist": song.artist, "title": song.title, "reason": reason})

    def strip(self, what: Iterable[str], line: str) -> None:
        """Count a line that something was taken from."""
        for name in what:
            self.stripped[name] += 1
            self.examples.setdefault(name, line.strip())

    def leave_out(self, reason: str, line: str) -> None:
        """Count a line that was not kept."""
        self.left_out[reason] += 1
        self.examples.setdefault(reason, line)

    def __str__(self) -> str:
        parts = [f"{self.kept:,} of {self.read:,} songs kept"]
        for name, counts in (("songs dropped", self.dropped), ("stripped", self.stripped),
                             ("lines left out", self.left_out)):  # fmt: skip
            if counts:
                parts.append(f"{name}: " + ", ".join(self._told(*one) for one in counts.most_common()))
        if self.skipped:
            parts.append(f"{len(self.skipped):,} rows or files skipped, such as {self.skipped[0]}")
        return "\n".join(parts)

    def _told(self, what: str, times: int) -> str:
        example = self.examples.get(what)
        return f"{times:,} {what}" + (f" ({shorten(example, _SHOWN)!r})" if example else "")


class Sieve:
    """Decides on songs one by one; remembers the lines of those it kept."""

    def __init__(self, english: English) -> None:
        self._english = english
        self._first: dict[int, int] = {}
        self._kept = 0

    def sift(self, song: Text, report: Report) -> dict[str, int] | None:
        """The song's stanzas with their counts, or None where it is dropped (and why: the report)."""
        report.read += 1
        stanzas = clean_text(song.text, report) if song.status == "hit" else {}
        reason = self._reason(song, stanzas)
        if reason:
            report.drop(song, reason)
            return None
        report.kept += 1
        return stanzas

    def _reason(self, song: Text, stanzas: dict[str, int]) -> str:
        if song.status != "hit":
            return song.status
        if len(song.text) > MAX_TEXT:
            return "too long"
        if "\ufffd" in song.text:
            return "wrong encoding"
        if not stanzas:
            return self._nothing(song.text)
        if self._english.foreign_share("\n".join(stanzas)) > FOREIGN:
            return "not English"
        return "duplicate" if self._is_known(stanzas) else ""

    def _nothing(self, text: str) -> str:
        """Why nothing is left of a text."""
        if "instrumental" in text.lower():
            return "instrumental"
        lines = [tidy_line(line)[0] for line in text.splitlines() if len(line) <= MAX_LINE]
        if not any(map(_SUNG.search, lines)):
            return "empty"
        foreign = self._english.foreign_share("\n".join(lines)) > FOREIGN
        return "not English" if foreign else "without a line that training takes"

    def _is_known(self, stanzas: dict[str, int]) -> bool:
        lines = {hash(sung_letters(line)) for stanza in stanzas for line in stanza.split("\n")}
        homes = Counter(self._first[line] for line in lines if line in self._first)
        if homes and max(homes.values()) >= SAME * len(lines):
            return True
        for line in lines:
            self._first.setdefault(line, self._kept)
        self._kept += 1
        return False


def clean_file(
    source: Path, target: Path, report_path: Path | None = None, columns: Mapping[str, str] | None = None
) -> Report:
    """Clean the songs of one file into a CSV file with ``texts.COLUMNS``.

    ``counts`` says how often each stanza of ``text`` was sung, in their order.

    Args:
        source: as for ``read_texts``.
        target: the CSV file.
        report_path: where to put the report as JSON, dropped songs by name.
        columns: as for ``read_texts``.

    Raises:
        BadInput: the source cannot be read or holds no song, or NLTK's corpora are missing.
        OSError: the target cannot be written.
    """
    report = Report()
    texts = read_texts(source, columns, report.skipped)
    sieve = Sieve(English())
    with writing(target) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for song in tqdm(texts, desc="cleaning", unit="song", disable=None):
            stanzas = sieve.sift(song, report)
            if stanzas is not None:
                rows.writerow(_row(song, stanzas))
        if not report.read:
            raise BadInput(f"{source} holds no songs.")
    if report_path:
        about: dict[str, Any] = {"input": str(source), "output": str(target), **vars(report)}
        write_whole(report_path, json.dumps(about, indent=1).encode())
    return report


def clean_text(text: str, report: Report | None = None) -> dict[str, int]:
    """The stanzas that are sung, each once in the order of their first time, and how often.

    A line that training could not use is left out, and ends a stanza. Cleaning what was cleaned
    changes nothing, and nothing gets longer.

    Args:
        text: as a service or a web page gave it.
        report: counts what was taken away.
    """
    report = Report() if report is None else report
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for stanza in _stanzas(text[:MAX_TEXT], report):
        name = first.setdefault(sung_letters(stanza), stanza)
        counts[name] = counts.get(name, 0) + 1
    if again := sum(counts.values()) - len(counts):
        report.stripped["repeated stanzas"] += again
    return counts


def _stanzas(text: str, report: Report) -> Iterator[str]:
    raw = _BREAK.sub("\n", text).splitlines()
    lines = (_usable(line, report) for line in _unnamed(list(_tidied(raw, report)), report))
    for sung, group in groupby(lines, key=bool):
        if sung:
            yield "\n".join(group)


def _tidied(lines: Iterable[str], report: Report) -> Iterator[str]:
    """Lines without what is not sung; an empty one ends a stanza."""
    for raw in lines:
        if len(raw) > MAX_LINE:
            report.leave_out("overlong", raw)
            continue
        line, found = tidy_line(raw)
        report.strip(found, raw)
        if _SUNG.search(line):
            yield line
        elif "credits" not in found:
            yield ""


def _unnamed(lines: list[str], report: Report) -> list[str]:
    """Lines without the names of who sings them; a line of nothing else ends no stanza."""
    while names := speakers(lines):
        bare = [(line, tidy_line(without_speaker(line, names))[0]) for line in lines]
        found = [line for line, rest in bare if line != rest]
        if not found:
            break
        for line in found:
            report.strip(["singers' names"], line)
        lines = [rest for line, rest in bare if rest or not line]
    return lines


def _usable(line: str, report: Report) -> str:
    """A line as training takes it, empty where it does not."""
    small = lowered(line)
    if small != line:
        report.strip(["capitals"], line)
        small = tidy_line(small)[0]
    reason = unusable(small) if small else ""
    if reason:
        report.leave_out(reason, line)
    return "" if reason else small


def _row(song: Text, stanzas: dict[str, int]) -> list[str]:
    artist, title = (tidy_name(name) for name in (song.artist, song.title))
    counts = " ".join(map(str, stanzas.values()))
    about = (song.about.get(name, "") for name in COLUMNS[5:])
    return [song.track_id, artist, title, "\n\n".join(stanzas), counts, *about]
