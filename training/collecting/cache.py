"""Every answer in SQLite, on the disk before the next question is asked."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pandas

from model.errors import BadInput
from training.collecting.answers import Song
from training.collecting.songs import COLUMNS

Status = Literal["asking", "hit", "instrumental", "miss", "error"]
FINAL = ("hit", "instrumental", "miss")

_SCHEMA = """
CREATE TABLE songs (
    track_id TEXT PRIMARY KEY, song_id TEXT, artist TEXT NOT NULL, title TEXT NOT NULL,
    release TEXT, year TEXT, duration TEXT
);
CREATE INDEX songs_by_name ON songs (artist, title);
CREATE TABLE answers (
    source TEXT NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('asking', 'hit', 'instrumental', 'miss', 'error')),
    step INTEGER NOT NULL, attempts INTEGER NOT NULL, text TEXT,
    found_artist TEXT, found_title TEXT, score REAL,
    reason TEXT, asked_at REAL NOT NULL, retry_at REAL,
    PRIMARY KEY (source, artist, title)
) WITHOUT ROWID;
CREATE TABLE sources (source TEXT PRIMARY KEY, not_before REAL NOT NULL);
-- One row a song: with several sources, what the luckiest said.
CREATE VIEW lyrics AS
    SELECT songs.*, source, status, text, found_artist, found_title, score,
        min(CASE status WHEN 'hit' THEN 0 WHEN 'instrumental' THEN 1 WHEN 'miss' THEN 2 ELSE 3 END) AS luck
    FROM songs JOIN answers USING (artist, title) GROUP BY track_id;
PRAGMA user_version = 1;
"""


@dataclass(frozen=True)
class Answer:
    """One row of ``answers``: what a source said about a song. Times are Unix times.

    ``step`` counts the questions that were answered without success, ``attempts`` the
    failures of the next one.
    """

    source: str
    artist: str
    title: str
    status: Status
    step: int = 0
    attempts: int = 0
    text: str | None = None
    found_artist: str | None = None
    found_title: str | None = None
    score: float | None = None
    reason: str | None = None
    asked_at: float = 0.0
    retry_at: float | None = None


_PUT = f"INSERT OR REPLACE INTO answers VALUES ({', '.join('?' * len(fields(Answer)))})"  # noqa: S608


class Cache:
    """The answers of all sources. One process at a time."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path = path
        self._database = database
        self._batch: list[tuple[Answer, float | None]] = []
        self._lock = asyncio.Lock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, or make it.

        Raises:
            BadInput: it is something else.
            OSError: it cannot be written, or another run is at it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with _clear_errors(path):
            database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                # A run that was killed leaves no lock behind: the system lets go of it.
                database.execute("PRAGMA locking_mode = EXCLUSIVE")
                database.execute("PRAGMA journal_mode = WAL")
                # The disk has an answer before the next question is asked, power cuts included.
                database.execute("PRAGMA synchronous = FULL")
                tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
                if not tables:
                    database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
                elif not tables >= {"songs", "answers", "sources"}:
                    raise BadInput(f"{path} is another program's database.")
            except BaseException:
                database.close()
                raise
        return cls(path, database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, songs: pandas.DataFrame) -> None:
        """Note the songs that are to be asked for; those noted before are brought up to date."""
        with self._transaction():
            self._database.executemany(
                f"INSERT OR REPLACE INTO songs VALUES ({', '.join('?' * len(COLUMNS))})",  # noqa: S608
                songs[COLUMNS].itertuples(index=False, name=None),
            )

    def answers(self, source: str) -> dict[Song, Answer]:
        """What the source has said so far, without the words."""
        query = "SELECT artist, title, status, step, attempts, retry_at FROM answers WHERE source = ?"
        with _clear_errors(self._path):
            return {
                Song(artist, title): Answer(
                    source, artist, title, status, step=step, attempts=attempts, retry_at=retry_at
                )
                for artist, title, status, step, attempts, retry_at in self._database.execute(query, [source])
            }

    def settled_elsewhere(self, source: str) -> dict[Song, Status]:
        """Songs that another source has found: they need not be asked for again."""
        query = (
            "SELECT artist, title, status FROM answers "
            "WHERE source != ? AND status IN ('hit', 'instrumental')"
        )
        with _clear_errors(self._path):
            return {
                Song(artist, title): status
                for artist, title, status in self._database.execute(query, [source])
            }

    def not_before(self, source: str) -> float:
        """Until when the source asked to be left alone."""
        with _clear_errors(self._path):
            row = self._database.execute(
                "SELECT not_before FROM sources WHERE source = ?", [source]
            ).fetchone()
        return float(row[0]) if row else 0.0

    async def save(self, answer: Answer, not_before: float | None = None) -> None:
        """Return when the answer is on the disk.

        Answers that arrive while the disk is busy share the next flush.
        """
        batch = self._batch
        batch.append((answer, not_before))
        async with self._lock:
            if batch is self._batch:  # nobody has written it while we waited
                self._batch = []
                await asyncio.to_thread(self._write, batch)

    def _write(self, batch: Iterable[tuple[Answer, float | None]]) -> None:
        with self._transaction():
            for answer, not_before in batch:
                self._database.execute(_PUT, astuple(answer))
                if not_before is not None:
                    self._database.execute(
                        "INSERT OR REPLACE INTO sources VALUES (?, ?)", [answer.source, not_before]
                    )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _clear_errors(self._path):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._database.in_transaction:  # a full disk has rolled it back already
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = (error.sqlite_errorcode or 0) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise BadInput(f"{path} is not an intact SQLite file.") from error
        if code == sqlite3.SQLITE_BUSY:
            raise OSError(errno.EBUSY, "another run is writing to it", str(path)) from error
        if code == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, "no space left on the disk", str(path)) from error
        raise OSError(errno.EIO, str(error), str(path)) from error
