"""Songs with their words, from any file that this program writes or reads."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.errors import BadInput
from training.collecting.rows import read_rows

# What else a file may say about a song, and a corpus keeps.
ABOUT = ("style", "source", "licence")
COLUMNS = ("track_id", "artist", "title", "text", "counts", *ABOUT)

_SQLITE = b"SQLite format 3\x00"
_LINES = (".jsonl", ".xz")
_TABLES = {".csv": ",", ".tsv": "\t"}
_SHEETS = (".txt", ".lrc")

# What other programs call the columns, folded; the first that a table has is taken.
NAMES = {
    "artist": ("artist", "artistname", "artists", "singer", "band", "performer", "author"),
    "title": ("title", "song", "songtitle", "songname", "track", "trackname", "tracktitle", "name"),
    "text": ("text", "lyrics", "lyric", "songlyrics", "words", "plainlyrics"),
}

_NOT_SUNG = re.compile(r"[\W_]+")
_TAG = re.compile(r"^\s*\[(ar|ti):([^\]\n]*)\]", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Text:
    """One song's words, stanzas apart by blank lines. ``status`` as `data lyrics` notes it."""

    artist: str
    title: str
    text: str
    status: str = "hit"
    track_id: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


def read_texts(
    path: Path, columns: Mapping[str, str] | None = None, skipped: list[str] | None = None
) -> Iterator[Text]:
    """Songs in the file's order.

    Args:
        path: the SQLite file of `data lyrics` (table or view ``lyrics`` with ``track_id``,
            ``artist``, ``title``, ``status``, ``text``, ``source``); a CSV or TSV file; a corpus as
            JSON lines, plain or .xz; the JSON file of lyricsgenius; a .txt or .lrc file, or a folder
            of them at any depth.
        columns: of a CSV file, for "artist", "title" and "text", where they are not called so or as
            in ``NAMES``.
        skipped: gets a sentence for each row or file that cannot be used; the others are read.

    Raises:
        BadInput: the file cannot be read, or is none of these.
    """
    skipped = [] if skipped is None else skipped
    if path.is_dir():
        return _from_folder(path, skipped)
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise BadInput(f"{path} is empty.")
    if head == _SQLITE:
        return _from_sqlite(path)
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        return _from_table(path, columns or {}, skipped)
    if suffix in _SHEETS:
        return iter([_sheet(path)])
    if suffix == ".json":
        return _from_genius(path)
    if suffix in _LINES:
        return _from_corpus(path)
    raise BadInput(
        f"{path} is no SQLite file, and its name ends neither in .csv, .tsv, .jsonl, .jsonl.xz, .json, .txt "
        "nor .lrc."
    )


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


def _from_table(path: Path, columns: Mapping[str, str], skipped: list[str]) -> Iterator[Text]:
    # A longer field is a song too long to be kept, and that is its own fault only.
    csv.field_size_limit(2**31 - 1)
    read = begins = 0
    wrong = False
    try:
        # What is not UTF-8 is passed on as surrogates, so that it costs its own row only.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = csv.reader(file, delimiter=_TABLES[path.suffix.lower()], strict=True)
            header = next(rows, [])
            places = _places(path, header, columns)
            about = {name: header.index(name) for name in (*ABOUT, "track_id") if name in header}
            while True:
                begins = rows.line_num + 1
                try:
                    row = next(rows)
                except StopIteration:
                    break
                except csv.Error as error:
                    if "end of data" in str(error):
                        raise
                    skipped.append(f"{path}, line {begins}: {error}")
                    continue
                if not row:
                    continue
                if len(row) != len(header):
                    skipped.append(f"{path}, line {begins}: not as many fields as columns")
                elif not _is_utf8(row):
                    wrong = True
                    skipped.append(f"{path}, line {begins}: not UTF-8 text")
                else:
                    read += 1
                    names = {name: row[place] for name, place in about.items() if row[place]}
                    found = {name: row[place] for name, place in places.items()}
                    yield Text(**found, track_id=names.pop("track_id", ""), about=names)
    except csv.Error as error:
        raise BadInput(f"{path}, line {begins}: a quotation mark opens here and never closes.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if wrong and not read:
        raise BadInput(f"{path} is not UTF-8 text.")
    if skipped and not read:
        raise BadInput(f"{skipped[0]}.")


def _places(path: Path, header: list[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Where a table has artist, title and text."""
    known = {_NOT_SUNG.sub("", name.casefold()): place for place, name in reversed([*enumerate(header)])}
    places = {}
    for what, usual in NAMES.items():
        wanted = [columns[what].casefold()] if what in columns else usual
        found = (known.get(_NOT_SUNG.sub("", name)) for name in wanted)
        places[what] = next((place for place in found if place is not None), -1)
    if lacking := [what for what, place in places.items() if place < 0]:
        named = " and no column ".join(columns.get(what, what) for what in lacking)
        raise BadInput(f"{path} has no column {named}: it has {', '.join(header)}. Name them with --columns.")
    return places


def _is_utf8(row: list[str]) -> bool:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_folder(folder: Path, skipped: list[str]) -> Iterator[Text]:
    sheets = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SHEETS and path.is_file())
    if not sheets:
        raise BadInput(f"{folder} has no .txt and no .lrc files.")
    for path in sheets:
        try:
            yield _sheet(path)
        except BadInput as error:
            skipped.append(str(error).removesuffix("."))


def _sheet(path: Path) -> Text:
    """One song in a file, called as it is: "The Kettles - Tea Time.txt"."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text.") from error
    tags = {name.lower(): value.strip() for name, value in _TAG.findall(text)}
    artist, _, title = path.stem.rpartition(" - ")
    return Text(tags.get("ar") or artist, tags.get("ti") or title, text)


def _from_genius(path: Path) -> Iterator[Text]:
    """Songs that lyricsgenius saved: of an artist, an album, or one alone."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON: {error}.") from error
    try:
        songs = found if isinstance(found, list) else found.get("songs") or found.get("tracks") or [found]
        texts = [_genius_song(song.get("song", song), found) for song in songs]
    except (AttributeError, TypeError) as error:
        raise BadInput(
            f"{path}: expected songs with 'title' and 'lyrics', as lyricsgenius saves them."
        ) from error
    if not any(text.text for text in texts):
        raise BadInput(f"{path} has no song with 'lyrics', as lyricsgenius saves them.")
    yield from texts


def _genius_song(song: Any, whole: Any) -> Text:
    artist = song.get("artist") or song.get("primary_artist") or (
        whole.get("name") if isinstance(whole, dict) else ""
    )  # fmt: skip
    name = artist.get("name", "") if isinstance(artist, dict) else artist or ""
    return Text(str(name), str(song.get("title") or ""), str(song.get("lyrics") or ""))


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
