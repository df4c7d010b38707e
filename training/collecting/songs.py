"""Song metadata: any shape of the Million Song Dataset -> one table, and that table as CSV.

Bertin-Mahieux, Ellis, Whitman and Lamere, "The Million Song Dataset", ISMIR 2011.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import pandas
from tqdm import tqdm

from model.errors import BadInput

COLUMNS = ["track_id", "song_id", "artist", "title", "release", "year", "duration"]

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SQLITE_SIGNATURE = b"SQLite format 3\x00"
_HDF5_SUFFIXES = {".h5", ".hdf5"}

_TRACK = re.compile(r"TR[A-Z0-9]{16}")
_SONG = re.compile(r"SO[A-Z0-9]{16}")
_SHOWN_LINES = 5

# Some copies kept only the low byte of the dashes and quotation marks U+2013 to U+201D.
_DAMAGED = {0x13: "-", 0x14: "-", 0x18: "'", 0x19: "'", 0x1C: '"', 0x1D: '"'}
# Any other control character would break a line of the CSV or of a terminal.
_TIDY = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233), " ") | _DAMAGED


@dataclass
class Songs:
    """What was read: the table with ``COLUMNS``, and a sentence for everything odd or skipped."""

    table: pandas.DataFrame
    remarks: list[str] = field(default_factory=list)


def read_metadata(path: Path) -> Songs:
    """Read the Million Song Dataset in any of its shapes.

    Args:
        path: ``unique_tracks.txt`` (fields separated by ``<SEP>`` or ``;``), one HDF5 file (of
            one song or a summary of many), a folder with HDF5 files at any depth, or
            ``track_metadata.db``.

    Returns:
        one row a track; ``year`` and ``duration`` (seconds) are missing where not known.

    Raises:
        BadInput: the path cannot be read or holds no songs.
    """
    if path.is_dir():
        songs = _read_tree(path)
    elif (kind := _kind(path)) == "hdf5":
        songs = Songs(_table(list(_hdf5_rows(path))))
    elif kind == "sqlite":
        songs = Songs(_read_sqlite(path))
    else:
        songs = _read_list(path)
    if songs.table.empty:
        raise BadInput(f"{path} holds no songs.")
    return songs


def to_csv(table: pandas.DataFrame) -> bytes:
    """The table as UTF-8 CSV with a header."""
    encoded: bytes = table.to_csv(index=False, lineterminator="\n").encode()
    return encoded


def read_csv(path: Path) -> pandas.DataFrame:
    """Read a table of songs: ours, or any CSV with the columns ``artist`` and ``title``.

    Returns:
        all of ``COLUMNS`` as text, empty where the file does not say; a song without a
        ``track_id`` goes by its names.

    Raises:
        BadInput: the file cannot be read, lacks a column or holds no songs.
    """
    try:
        # Artists called "NA" and titles such as "1999" stay text.
        table = pandas.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text.") from error
    except (ValueError, pandas.errors.ParserError) as error:
        raise BadInput(f"{path} is not a CSV file: {error}.") from error
    missing = [name for name in ("artist", "title") if name not in table]
    if missing:
        raise BadInput(f"{path} has no column {missing[0]!r}.")
    if table.empty:
        raise BadInput(f"{path} holds no songs.")
    # A row shorter than the header leaves gaps even so.
    table = table.fillna("").reindex(columns=COLUMNS, fill_value="")
    table["track_id"] = table["track_id"].where(
        table["track_id"] != "", table["artist"] + " - " + table["title"]
    )
    return table.drop_duplicates("track_id", ignore_index=True)


def parse_list_line(line: str) -> tuple[dict[str, str], bool] | None:
    """One line of a track list -> its fields, and whether it had more than four of them.

    The first field is the track, the second the song, the last the title; what lies between
    is the artist, separator included. None where the line is no such thing.
    """
    separator = "<SEP>" if "<SEP>" in line else ";"
    parts = line.split(separator)
    if len(parts) < 4 or not _TRACK.fullmatch(parts[0]) or not _SONG.fullmatch(parts[1]):
        return None
    artist = ("; " if separator == "<SEP>" else ";").join(parts[2:-1])
    row = {"track_id": parts[0], "song_id": parts[1], "artist": artist, "title": parts[-1]}
    return row, len(parts) > 4


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(len(_SQLITE_SIGNATURE))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if start.startswith(_HDF5_SIGNATURE) or path.suffix.lower() in _HDF5_SUFFIXES:
        return "hdf5"
    return "sqlite" if start == _SQLITE_SIGNATURE else "list"


def _table(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    table = pandas.DataFrame(rows, columns=COLUMNS)
    for name in COLUMNS[:5]:
        table[name] = (
            table[name].astype(object).fillna("").map(lambda text: str(text).translate(_TIDY).strip())
        )
    # The data set writes an unknown year as 0.
    table["year"] = pandas.to_numeric(table["year"], errors="coerce").astype("Int64").replace(0, pandas.NA)
    table["duration"] = pandas.to_numeric(table["duration"], errors="coerce").astype(float)
    return table.drop_duplicates("track_id", ignore_index=True)


def _read_list(path: Path) -> Songs:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text.") from error
    rows: list[dict[str, Any]] = []
    odd, bad = [], []
    # Not splitlines(): the damaged quotation marks 0x1C and 0x1D would end a line.
    for number, line in enumerate(tqdm(text.split("\n"), desc="songs", unit="line", disable=None), start=1):
        if not line.strip():
            continue
        parsed = parse_list_line(line.removesuffix("\r"))
        if parsed is None:
            bad.append(number)
            continue
        rows.append(parsed[0])
        if parsed[1]:
            odd.append(number)
    if bad and not rows:
        raise BadInput(f"{path}, line {bad[0]}: expected track<SEP>song<SEP>artist<SEP>title.")
    remarks = []
    if odd:
        remarks.append(
            f"{path}: {_count(odd, 'row has', 'rows have')} more than four fields ({_lines(odd)}); "
            "what lies between song and title was taken as the artist."
        )
    if bad:
        remarks.append(f"{path}: {_count(bad, 'line is no song and was', 'lines are no songs and were')} "
                       f"skipped ({_lines(bad)}).")  # fmt: skip
    return Songs(_table(rows), remarks)


def _count(numbers: list[int], one: str, many: str) -> str:
    return f"{len(numbers):,} {one if len(numbers) == 1 else many}"


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN_LINES]))
    return f"line{'s' * (len(numbers) > 1)} {shown}{', …' * (len(numbers) > _SHOWN_LINES)}"


def _read_tree(folder: Path) -> Songs:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _HDF5_SUFFIXES)
    if not files:
        raise BadInput(f"{folder} holds no .h5 files; a track list or track_metadata.db is named itself.")
    rows: list[dict[str, Any]] = []
    remarks: list[str] = []
    first = ""
    for path in tqdm(files, desc="songs", unit="file", disable=None):
        try:
            rows += _hdf5_rows(path)
        except BadInput as error:
            first = first or str(error)
            remarks.append(f"{error} It was skipped.")
    if not rows:
        raise BadInput(f"{folder}: not one of {len(files):,} .h5 files could be read; {first}")
    return Songs(_table(rows), remarks)


def _hdf5_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with h5py.File(path, "r") as file:
            names = file["metadata/songs"].fields(["song_id", "artist_name", "title", "release"])[:]
            analysis = file["analysis/songs"].fields(["track_id", "duration"])[:]
            years = file["musicbrainz/songs"].fields(["year"])[:]
            rows = [
                {
                    "track_id": sound["track_id"].decode(),
                    "song_id": name["song_id"].decode(),
                    "artist": name["artist_name"].decode(),
                    "title": name["title"].decode(),
                    "release": name["release"].decode(),
                    "year": int(year["year"]),
                    "duration": float(sound["duration"]),
                }
                for name, sound, year in zip(names, analysis, years, strict=True)
            ]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} holds a name that is not UTF-8 text.") from error
    # h5py raises all of these, for files that are no HDF5, cut short, or of another layout.
    except (OSError, RuntimeError, KeyError, ValueError, AttributeError, TypeError) as error:
        what = "is truncated" if "truncated" in str(error) else "is damaged, or no Million Song file"
        raise BadInput(f"{path} {what}.") from error
    yield from rows


def _read_sqlite(path: Path) -> pandas.DataFrame:
    query = "SELECT track_id, song_id, artist_name AS artist, title, release, year, duration FROM songs"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            rows = [
                dict(row) for row in tqdm(database.execute(query), desc="songs", unit="song", disable=None)
            ]
    except sqlite3.Error as error:
        raise BadInput(f"{path} is no intact Million Song database: {error}.") from error
    return _table(rows)
