"""What can go wrong with the database, each as one sentence for whoever hosts the bot."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from model.errors import BadInput, SongwriterError


class StoreError(SongwriterError):
    """A read or write that did not happen; the next one may."""


class BadStore(StoreError, BadInput):
    """A database that cannot be used at all: missing, damaged, of another program or version."""


class Refused(StoreError):
    """What cannot be done whatever the state of the database, such as an id that is taken."""


class Closed(StoreError):
    """The program is stopping."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is closed: the program is stopping.")


class DatabaseInUse(SongwriterError):
    """Another bot runs on the same database.

    Args:
        path: of the database.
        process: the other one's id, as its lock file says.
    """

    def __init__(self, path: Path, process: str) -> None:
        super().__init__(
            f"{path} is in use by another bot, process {process or 'unknown'}: stop that one, or give this "
            "one a database of its own."
        )


_UNUSABLE = {
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that its folder exists and is yours",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore a backup",
    sqlite3.SQLITE_NOTADB: "is not a database; name another file",
    sqlite3.SQLITE_PERM: "cannot be opened; check its permissions",
    sqlite3.SQLITE_READONLY: "cannot be written; check its permissions and those of its folder",
}
_PASSING = {
    sqlite3.SQLITE_BUSY: "is locked by another program; end that program and try again",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; make room on it",
    sqlite3.SQLITE_INTERRUPT: "was interrupted: the program is stopping",
    sqlite3.SQLITE_IOERR: "cannot be read or written; check that the disk is neither full nor failing",
}


_OWN_FAULTS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


def is_outage(error: StoreError) -> bool:
    """Whether the same may succeed later: the database is away, locked, full or too slow."""
    return not isinstance(error, Refused | Closed)


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """SQLite's error -> ours, by its primary result code (https://sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _UNUSABLE:
        return BadStore(f"{path} {_UNUSABLE[code]}.")
    if isinstance(error, _OWN_FAULTS):
        return Refused(f"{path} refused: {error}.")
    return StoreError(f"{path} {_PASSING.get(code, f'refused: {error}')}.")
