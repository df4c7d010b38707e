"""Songs with their words, from any file that this program writes or reads."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from model.errors import BadInput
from training.collecting.rows import read_rows

# What else a file may say about a song, and a corpus keeps.
ABOUT = ("style", "source", "licence")
COLUMNS = ("track_id", "artist", "title", "text", "counts", *ABOUT)

_SQLITE = b"SQLite format 3\x00"
_JSON = (".jsonl", ".xz")


_NOT_SUNG = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Text:
    """One song's words, stanzas apart by blank lines. ``status`` as `data lyrics` notes it."""

    artist: str
    title: str
    text: str
    status: str = "hit"
    track_id: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


def read_texts(path: Path) -> Iterator[Text]:
    """Songs in the file's order.

    Args:
        path: the SQLite file of `data lyrics` (table or view ``lyrics`` with ``track_id``,
            ``artist``, ``title``, ``status``, ``text``, ``source``), a CSV file with at least
            ``artist``, ``title`` and ``text``, or a corpus as JSON lines, plain or .xz.

    Raises:
        BadInput: the file cannot be read, or is none of these.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise BadInput(f"{path} is empty.")
    if head == _SQLITE:
        return _from_sqlite(path)
    if path.suffix in _JSON:
        return _from_corpus(path)
    if path.suffix == ".csv":
        return _from_csv(path)
    raise BadInput(f"{path} is no SQLite file, and its name ends neither in .csv, .jsonl nor .jsonl.xz.")


def _from_sqlite(path: Path) -> Iterator[Text]:
    columns = ("artist", "title", "text", "status", "track_id", "source")
    query = f"SELECT {', '.join(f'CAST({name} AS TEXT)' for name in columns)} FROM lyrics"  # noqa: S608
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            # One song in a wrong encoding must not end the reading of all.
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for row in database.execute(query):
                artist, title, text, status, track, source = (value or "" for value in row)
                yield Text(artist, title, text, status, track, {"source": source})
    except sqlite3.Error as error:
        raise BadInput(f"{path} cannot be read as a file of `songwriter data lyrics`: {error}.") from error


def _from_csv(path: Path) -> Iterator[Text]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            lacking = {"artist", "title", "text"} - set(rows.fieldnames or ())
            if lacking:
                raise BadInput(f"{path} has no column {' and no column '.join(sorted(lacking))}.")
            for row in rows:
                if None in row or None in row.values():
                    raise BadInput(f"{path}, line {rows.line_num}: not as many fields as columns.")
                about = {name: row[name] for name in ABOUT if row.get(name)}
                yield Text(
                    row["artist"], row["title"], row["text"], track_id=row.get("track_id", ""), about=about
                )
    except csv.Error as error:
        raise BadInput(f"{path}, line {rows.line_num}: {error}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _from_corpus(path: Path) -> Iterator[Text]:
    for number, row in enumerate(read_rows(path), start=1):
        try:
            text = "\n\n".join("\n".join(lines) for lines in row["stanzas"])
            about = {name: str(row[name]) for name in ABOUT if row.get(name)}
            yield Text(str(row.get("author", "")), str(row.get("title", "")), text, about=about)
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{path}, line {number}: expected an object with 'stanzas'.") from error


def sung_letters(text: str) -> str:
    """What two printings of the same words share."""
    return _NOT_SUNG.sub("", text.casefold())
