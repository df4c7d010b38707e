"""Public-domain songbooks of Project Gutenberg: the verse in them, as a corpus."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yarl import URL

from model.decoding import MAX_LINE
from model.errors import BadInput, Unavailable
from model.files import write_whole
from training.collecting.answers import Failed
from training.collecting.client import Backoff, Client, Pace
from training.collecting.refine import corpus_row
from training.collecting.texts import Text
from training.collecting.whole import writing

# Project Gutenberg asks programs to take books from a mirror, not from www.gutenberg.org.
BASE_URL = "https://gutenberg.pglaf.org"
# Questions before a mirror counts as away.
_ATTEMPTS = 4
_TIMEOUT = 60.0
# The longest wait between two questions that a person at the keyboard will sit through.
_MAX_WAIT = 60.0

_START = re.compile(
    r"^[ \t]*\*{3}[ \t]*START OF (?:THE|THIS) PROJECT GUTENBERG(?:[^*]{0,400}\*{3}[^\n]*$|[^*\n]*$)"
    r"|^[ \t]*\*?END ?\*?[ \t]?THE SMALL PRINT![^\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(
    r"^[ \t]*\*{3}[ \t]*END OF (?:THE|THIS) PROJECT GUTENBERG"
    r"|^[ \t]*(?:\*{3}[ \t]*)?END OF (?:(?:THE|THIS) )?PROJECT GUTENBERG(?:'S|’S)?\b",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(r"^(Title|Author|Language|Editor|Compiler):[ \t]*(.+(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_OLD_TITLE = re.compile(
    r"^\W*The Project Gutenberg E(?:text|book) of ([^\n*]+?)(?:,? by ([^\n*]+?))?\W*$",
    re.IGNORECASE | re.MULTILINE,
)
# No header reaches as far.
_HEADER = 20_000
_COPYRIGHTED = re.compile(r"This is a COPYRIGHTED Project Gutenberg", re.IGNORECASE)

_ASIDE = re.compile(r"\[[^\[\]]{0,4000}\]|\{\d{1,4}\}")
_MARKS = re.compile(r"[_=*]")
_MARGIN = re.compile(r"(?<=\S)[ \t]{2,}\d{1,4}$")
_VERSE_NUMBER = re.compile(r"^\d{1,2}[.)]?\s+(?=\S)")
# "--Gone, &c." stands for a chorus that was printed above.
_AND_SO_ON = re.compile(r"\s*(?:--|—)?\s*(?:[A-Z][\w' ]{0,40},?\s*)?&c\.?$")
_WHITE = re.compile(r"\s+")
_NUMERAL = re.compile(r"^[\dIVXLC]+\.?$")
_MADE_BY = re.compile(
    r"^\W*(?:(?:produced|scanned|transcribed|prepared|printed|published|composed|edited|arranged|words"
    r"|music|lyrics) by|e-?text|copyright|entered according|transcriber|all rights reserved)\b",
    re.IGNORECASE,
)
_NOT_SONGS = re.compile(
    r"^\W*(?:preface|introduct|foreword|contents|table of|index|notes?\b|footnotes|glossary|list of|errata"
    r"|advertisement|appendix|bibliography|transcriber|biograph|dedication|acknowledg|publisher)",
    re.IGNORECASE,
)
# Blank lines before a new piece of a book, and before a heading inside one.
_NEW_PIECE, _HEADING = 3, 2
# Wrapped prose fills its lines this far; verse seldom does, and then every line has its capital.
_FULL_LINE = 58


@dataclass(frozen=True)
class Block:
    """Lines between blank lines, and how many of those stand before them in a row."""

    gap: int
    lines: tuple[str, ...]


@dataclass
class Collected:
    """What came out of the books."""

    books: int = 0
    songs: int = 0
    stanzas: int = 0
    refusals: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.songs:,} songs, {self.stanzas:,} stanzas from {self.books:,} books"


def default_cache() -> Path:
    """Where downloaded books are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "songwriter" / "gutenberg"


def collect(
    books: Sequence[str], target: Path, cache: Path, base_url: str, pause: float, style: str
) -> Collected:
    """Write the verse of books into a corpus. A bad book is a refusal in the result.

    Args:
        books: numbers of Project Gutenberg, or names of text files.
        target: JSON lines, packed where the name ends in .xz.
        cache: folder of downloaded books; those in it are not asked for again.
        base_url: a mirror.
        pause: seconds between two downloads.
        style: of all songs.

    Raises:
        BadInput: the address is none, or no book has a song.
        Unavailable: the mirror cannot be reached or refuses.
        OSError: the cache or the target cannot be written.
    """
    found = Collected()
    books = list(dict.fromkeys(str(int(book)) if _is_number(book) else book for book in books))
    wanted = [int(book) for book in books if _is_number(book)]
    lost = asyncio.run(download(wanted, cache, base_url, pause))
    with writing(target) as file:
        for book in books:
            try:
                if book in lost:
                    raise BadInput(lost[book])
                path = _place(cache, int(book)) if _is_number(book) else Path(book)
                rows = parse(read_book(path), book if _is_number(book) else "", path.stem, style)
            except BadInput as error:
                found.refusals.append(str(error))
                continue
            found.books += 1
            found.songs += len(rows)
            found.stanzas += sum(len(row["stanzas"]) for row in rows)
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        if not found.songs:
            raise BadInput(" ".join(found.refusals) or "There is no verse in these books.")
    return found


async def download(numbers: Sequence[int], cache: Path, base_url: str, pause: float) -> dict[str, str]:
    """Fetch the books that the cache lacks, one after the other.

    Returns:
        number -> a sentence, for the books that the mirror does not have.

    Raises:
        BadInput: the address is none.
        Unavailable: the mirror cannot be reached or refuses.
    """
    url = URL(base_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise BadInput(f"{base_url} is no address of a mirror: it starts with https://.")
    missing = [number for number in numbers if not _place(cache, number).exists()]
    lost: dict[str, str] = {}
    if not missing:
        return lost
    pace = Pace(1 / max(pause, 1e-6))
    async with Client.open(concurrency=1, timeout=_TIMEOUT) as client:
        for number in missing:
            await pace.turn()
            status, body = await _ask(client, url / f"cache/epub/{number}/pg{number}.txt", pause)
            if status == 200 and b"gutenberg" in body.lower():
                write_whole(_place(cache, number), body)
            else:
                lost[str(number)] = f"{url.host} has no book {number} as plain text."
    return lost


def read_book(path: Path) -> str:
    """The text of a book: UTF-8, or Latin-1 as the older ones are.

    Raises:
        BadInput: the file cannot be read, or is no plain text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if b"\x00" in data or data.lstrip()[:1] == b"<":
        raise BadInput(f"{path} is no plain text: take the book's .txt file.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if not text.strip():
        raise BadInput(f"{path} is empty.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def strip_boilerplate(text: str) -> str:
    """What stands between Project Gutenberg's header and footer, of any year's form.

    Stripping twice changes nothing.
    """
    first = _START.search(text)
    end = _END.search(text, first.end() if first else 0)
    stop = end.start() if end else len(text)
    starts = [match.end() for match in _START.finditer(text, 0, stop)]
    return text[starts[-1] if starts else 0 : stop]


def parse(text: str, number: str, name: str, style: str) -> list[dict[str, Any]]:
    """The songs of a book as lines of a corpus.

    Args:
        text: the whole book, header and footer too.
        number: of Project Gutenberg, or "".
        name: of the book where its header has none.
        style: of the songs.

    Raises:
        BadInput: the book is not in English or not free.
    """
    body = strip_boilerplate(text)
    header = text[: min(text.find(body), _HEADER)]
    about = {key: _WHITE.sub(" ", value).strip() for key, value in _FIELD.findall(header)}
    if old := _OLD_TITLE.search(header):
        about = {"Title": old[1], "Author": old[2] or ""} | about
    title = about.get("Title", name)
    if _COPYRIGHTED.search(header):
        raise BadInput(f"{title} is under copyright: it cannot be used.")
    if "english" not in about.get("Language", "English").lower():
        raise BadInput(f"{title} is not in English but in {about['Language']}.")
    author = about.get("Author") or about.get("Editor") or about.get("Compiler", "")
    more = {"source": f"PG{number} {title}" if number else title, "style": style}
    if number:
        more |= {"licence": "public domain (US)", "gid": number}
    return [
        corpus_row(Text(author, heading or title, "", about=more), stanzas, style)
        for heading, stanzas in songs_of(blocks_of(body))
    ]


def blocks_of(body: str) -> list[Block]:
    """A book's text -> its blocks, without pictures, footnotes, page and verse numbers."""
    blocks: list[Block] = []
    lines: list[str] = []
    gap = blank = before = 0
    for raw in [*_ASIDE.sub("*", body).split("\n"), ""]:
        line = _MARGIN.sub("", _MARKS.sub("", raw).rstrip())
        line = _AND_SO_ON.sub("", _VERSE_NUMBER.sub("", line.strip()))
        if any(c.isalnum() for c in line):
            if not lines:
                before = gap
            lines.append(_WHITE.sub(" ", line))
            gap = blank = 0
            continue
        if lines:
            blocks.append(Block(before, tuple(lines)))
            lines = []
        # A picture or a row of stars neither makes the gap around it longer nor fills it.
        blank = 0 if raw.strip() else blank + 1
        gap = max(gap, blank)
    return blocks


def songs_of(blocks: Sequence[Block]) -> Iterator[tuple[str, list[list[str]]]]:
    """Blocks -> (heading or "", stanzas) of each song."""
    heading, skipping = "", False
    stanzas: list[list[str]] = []
    for block in blocks:
        title = _title(block)
        new_piece, no_songs = block.gap >= _NEW_PIECE, bool(_NOT_SONGS.match(title))
        # Between a title and its first stanza stand the poet's name, the tune, a motto.
        if new_piece or no_songs or (title and (stanzas or not heading)):
            if stanzas:
                yield heading, stanzas
                stanzas = []
            if new_piece or not skipping:
                heading, skipping = title, no_songs
        if not skipping:
            # A title may stand right on top of its first stanza.
            lines = block.lines[1:] if title and len(block.lines) > 3 else block.lines
            if not (title and lines is block.lines) and is_verse(lines):
                stanzas.append(list(lines))
    if stanzas:
        yield heading, stanzas


def is_verse(lines: Sequence[str]) -> bool:
    """Whether a block is a stanza: short lines with a capital each, that are no list or credit."""
    if len(lines) < 2 or any(len(line) > MAX_LINE for line in lines) or _MADE_BY.match(lines[0]):
        return False
    capitals = sum(_first_letter(line).isupper() for line in lines) / len(lines)
    full = sum(len(line) >= _FULL_LINE for line in lines[:-1]) / (len(lines) - 1)
    shouted = sum(line.isupper() for line in lines)
    numbered = sum(any(c.isdigit() for c in line) for line in lines)
    return (
        capitals >= (0.95 if full > 0.5 else 0.65)
        and 3 * shouted <= len(lines)
        and 3 * numbered <= len(lines)
    )


def _title(block: Block) -> str:
    """The heading that a block is, or begins with; "" where it is none."""
    first = block.lines[0]
    if _NUMERAL.match(first) or _MADE_BY.match(first):
        return ""
    if len(block.lines) <= 3:
        shouted = all(line.isupper() for line in block.lines)
        alone = len(block.lines) == 1 and block.gap >= _HEADING
        apart = block.gap >= _NEW_PIECE and not any(line.endswith((",", ";", ":")) for line in block.lines)
        found = shouted or alone or apart
    else:
        found = first.isupper() and not block.lines[1].isupper()
    if not found:
        return ""
    titled = block.lines if len(block.lines) <= 3 else block.lines[:1]
    return " ".join(titled).rstrip(".")[:200]


def _first_letter(line: str) -> str:
    return next((c for c in line if c.isalpha()), "")


async def _ask(client: Client, url: URL, pause: float) -> tuple[int, bytes]:
    backoff = Backoff(base=max(pause, 0.01), cap=_MAX_WAIT)
    for attempt in range(_ATTEMPTS):
        try:
            return await client.get(url)
        except Failed as error:
            wait = backoff.delay(attempt) if error.wait is None else error.wait
            if attempt == _ATTEMPTS - 1 or wait > _MAX_WAIT:
                raise Unavailable(
                    f"{url.host} does not give out books now ({error}): try again later, or name "
                    "another mirror with --base-url."
                ) from error
            await asyncio.sleep(wait)
    raise AssertionError


def _is_number(book: str) -> bool:
    return book.isascii() and book.isdigit() and len(book) < 8


def _place(cache: Path, number: int) -> Path:
    return cache / f"pg{number}.txt"
