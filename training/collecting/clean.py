"""Cleaning lyrics: what is not sung goes, what is sung again or found again is kept once."""

from __future__ import annotations

import csv
import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.errors import BadInput
from model.files import write_whole
from training.collecting.english import FOREIGN, English
from training.collecting.texts import COLUMNS, Text, read_texts, sung_letters
from training.collecting.whole import writing

# No line that is sung is as long; it also bounds the work on one line.
MAX_LINE = 500
# The longest poem of a corpus of 23,625 has 26,000 characters.
MAX_TEXT = 100_000
# This share of a song's lines in one earlier song makes it the same song.
SAME = 0.8
# Dropped songs that the report names; it counts all of them.
MAX_NAMED = 10_000

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff]"
)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SECTION = (
    r"(?:repeat\s+)?(?:(?:pre|post)[\s-]?)?"
    r"(?:chorus|verse|bridge|refrain|intro|outro|interlude|instrumental|hook|coda)(?:es|s)?"
)
_TIMES = r"(?:[x×]\s?\d{1,2}|\d{1,2}\s?[x×])"
_WORK = r"(?:lyrics|words|music|text|arrangement)"
_DONE = (
    r"(?:written|composed|produced|performed|arranged|transcribed|submitted|corrected|translated|published|"
    r"recorded|provided|powered|licensed|contributed)"
)
_BY = rf"(?:{_WORK}(?:\s*(?:,|&|and)\s*{_WORK})*(?:\s+{_DONE})?|{_DONE})\s+by"


def _any(*patterns: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(patterns), flags)


# What is taken out of a line, in this order; a line of nothing else ends a stanza.
_STRIPPED = (
    (
        "time stamps",
        _any(r"\[\d{1,3}:\d{2}(?::\d{2})?(?:[.:,]\d{1,3})?\]", r"<\d{1,3}:\d{2}(?:[.:,]\d{1,3})?>"),
    ),
    ("markup", _any(r"</?[a-z][^<>]{0,80}>", r"<!--.{0,400}?-->")),
    (
        "marks",
        _any(
            r"\[[^\[\]]{0,80}\]",
            r"\{[^{}]{0,80}\}",
            rf"\(\s*(?:{_SECTION}\s*\d*\s*|{_TIMES}|\d+ times|repeat[^()]{{0,30}}|fades? out)\s*\)",
            rf"^\W*{_SECTION}\s*\d*\s*(?:\([^()]{{0,40}}\))?\s*{_TIMES}?\W*$",
            rf"^{_SECTION}\s*\d*\s*:",
            rf"(?:^|\s){_TIMES}$",
        ),
    ),
    (
        "junk",
        _any(
            r"^\d+\s*contributors?.*$",
            r"^see .{1,80} live\s*get tickets as low as.*$",
            r"^(?:lyrics|submit corrections)$",
            r"^you might also like$",
            r"^paroles de la chanson .* par .*$",
            r"^unfortunately, we are not (?:licensed|authorized).*$",
            r"^\W*this lyrics is not for commercial use\W*$",
            r"^\(\d{8,}\)$",
            r"(?:https?://|www\.)\S+",
        ),
    ),
    # Glued to the last word by a page's layout: the capital tells it from a word that is sung.
    ("junk", _any(r"(?:(?<=\S)|^)\d*K?Embed$", r"(?<=\S)You might also like$", flags=0)),
    (
        "credits",
        _any(
            rf"^\W*(?:{_BY}|(?:song)?writers?|writer\(s\)|lyricists?|"
            r"composers?|producers?|publishers?|paroliers|album|artist|title|source)\s*:.*$",
            r"^\W*(?:©|\(c\)\s*(?:\d{4}|[a-z])|copyright\b|all rights reserved\b|lyrics\s*©).*$",
        ),
    ),
    # "Written by Jane Roe" is a credit, "written by the stars" is sung.
    (
        "credits",
        re.compile(rf"^\W*(?i:{_BY})(?:\s+(?:and|&|[A-Z]\S*))+$"),
    ),
)
_WHITE = re.compile(r"\s+")
_SUNG = re.compile(r"[^\W_]")


@dataclass
class Report:
    """What became of the songs of one file."""

    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    stripped: Counter[str] = field(default_factory=Counter)
    songs: list[dict[str, str]] = field(default_factory=list)

    def drop(self, song: Text, reason: str) -> None:
        """Count a song that was not kept, and name it."""
        self.dropped[reason] += 1
        if len(self.songs) < MAX_NAMED:
            self.songs.append({"artist": song.artist, "title": song.title, "reason": reason})

    def __str__(self) -> str:
        parts = [f"{self.kept:,} of {self.read:,} songs kept"]
        for name, counts in (("dropped", self.dropped), ("stripped", self.stripped)):
            if counts:
                parts.append(f"{name}: " + ", ".join(f"{n:,} {what}" for what, n in counts.most_common()))
        return "\n".join(parts)


class Sieve:
    """Decides on songs one by one; remembers the lines of those it kept."""

    def __init__(self, english: English) -> None:
        self._english = english
        self._first: dict[int, int] = {}
        self._kept = 0

    def sift(self, song: Text, report: Report) -> dict[str, int] | None:
        """The song's stanzas with their counts, or None where it is dropped (and why: the report)."""
        report.read += 1
        stanzas = clean_text(song.text, report.stripped) if song.status == "hit" else {}
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
            return "instrumental" if "instrumental" in song.text.lower() else "empty"
        if self._english.foreign_share("\n".join(stanzas)) > FOREIGN:
            return "not English"
        return "duplicate" if self._is_known(stanzas) else ""

    def _is_known(self, stanzas: dict[str, int]) -> bool:
        lines = {hash(sung_letters(line)) for stanza in stanzas for line in stanza.split("\n")}
        homes = Counter(self._first[line] for line in lines if line in self._first)
        if homes and max(homes.values()) >= SAME * len(lines):
            return True
        for line in lines:
            self._first.setdefault(line, self._kept)
        self._kept += 1
        return False


def clean_file(source: Path, target: Path, report_path: Path | None = None) -> Report:
    """Clean the songs of one file into a CSV file with ``texts.COLUMNS``.

    ``counts`` says how often each stanza of ``text`` was sung, in their order.

    Args:
        source: as for ``read_texts``.
        target: the CSV file.
        report_path: where to put the report as JSON, dropped songs by name.

    Raises:
        BadInput: the source cannot be read or holds no song, or NLTK's corpora are missing.
        OSError: the target cannot be written.
    """
    texts = read_texts(source)
    report = Report()
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


def clean_text(text: str, stripped: Counter[str] | None = None) -> dict[str, int]:
    """The stanzas that are sung, each once in the order of their first time, and how often.

    Cleaning what was cleaned changes nothing, and nothing gets longer.

    Args:
        text: as a service or a web page gave it.
        stripped: counts the lines that something was taken from, by what it was.
    """
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for stanza in _stanzas(text[:MAX_TEXT], Counter() if stripped is None else stripped):
        name = first.setdefault(sung_letters(stanza), stanza)
        counts[name] = counts.get(name, 0) + 1
    if stripped is not None and (again := sum(counts.values()) - len(counts)):
        stripped["repeated stanzas"] += again
    return counts


def tidy_line(line: str) -> tuple[str, set[str]]:
    """One line without what is not sung, and the names of what was taken away."""
    found: set[str] = set()
    # Taking one thing away can lay bare another: "[[x2] 3x]".
    while (tidied := _tidy_once(line, found)) != line:
        line = tidied
    return line, found


def _stanzas(text: str, stripped: Counter[str]) -> Iterator[str]:
    lines: list[str] = []
    for raw in _BREAK.sub("\n", text).splitlines():
        if len(raw) > MAX_LINE:
            stripped["overlong lines"] += 1
            continue
        line, found = tidy_line(raw)
        stripped.update(found)
        if _SUNG.search(line):
            lines.append(line)
        elif lines and "credits" not in found:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _tidy_once(line: str, found: set[str]) -> str:
    line = _WHITE.sub(" ", _INVISIBLE.sub("", html.unescape(line))).strip()
    for name, pattern in _STRIPPED:
        line, times = pattern.subn(" ", line)
        if times:
            found.add(name)
    return _WHITE.sub(" ", line).strip()


def _row(song: Text, stanzas: dict[str, int]) -> list[str]:
    artist, title = (_WHITE.sub(" ", _INVISIBLE.sub("", name)).strip() for name in (song.artist, song.title))
    counts = " ".join(map(str, stanzas.values()))
    about = (song.about.get(name, "") for name in COLUMNS[5:])
    return [song.track_id, artist, title, "\n\n".join(stanzas), counts, *about]
