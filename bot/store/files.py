"""The database as a file: opening it to write or to read, checking whose it is, copying it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlite_utils import Database

from bot.store.errors import BadStore, StoreError, store_error
from bot.store.schema import APPLICATION_ID, migrations

# How long a statement waits for another program's lock.
BUSY_SECONDS = 5.0
_PRIVATE = 0o600
# A long read can make the write-ahead log grow; afterwards it is cut back to this.
_LOG_BYTES = 16 * 2**20
# FULL flushes the disk at every commit. NORMAL would already survive the death of the process
# (kill -9), as what was committed is in the system's cache by then, but not a power cut. A
# commit costs 2 ms instead of 0.03 ms on an SSD, and a reply needs about four of them.
# Deleted rows are overwritten with zeros: what somebody deletes is gone from the file too.
_WRITER = f"""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA journal_size_limit = {_LOG_BYTES};
"""


def open_writer(path: Path, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Create the file or bring its schema up to date, and connect to it.

    Raises:
        BadStore: it is a folder, not a database, or another program's or a newer version's.
        StoreError: it is locked, or the disk is full.
    """
    with translated(path):
        if path.is_dir():
            raise _folder(path)
        # Nobody but the owner may read it; SQLite's side files take its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))
        return _connect(path, "rw", busy_seconds, _migrate)


def open_reader(path: Path, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Connect to an existing database; the connection cannot write.

    Raises:
        BadStore: it is missing, not a database, another program's, or of another version.
        StoreError: it is locked.
    """
    if not path.is_file():
        raise BadStore(f"There is no database at {path}: `songwriter run` makes it.")
    with translated(path):
        return _connect(path, "ro", busy_seconds, _check_current)


def check_usable(path: Path) -> None:
    """Do nothing where ``open_writer`` would open or make the database.

    Raises:
        BadStore: it would not.
        StoreError: it is locked.
    """
    with translated(path):
        if path.is_dir():
            raise _folder(path)
        needed = path if path.exists() else path.absolute().parent
        if not needed.exists():
            raise BadStore(f"{path} cannot be made: there is no folder {needed}.")
        if not os.access(needed, os.W_OK):
            raise BadStore(f"{path} cannot be written.")
        if path.exists():
            _connect(path, "ro", BUSY_SECONDS, _check_known).close()


def check_whole(path: Path) -> None:
    """Do nothing where a file is a database of this program; neither it nor a log beside it is touched.

    Raises:
        BadStore: it is not; also where it is empty, or only half copied.
    """
    with translated(path):
        # "Immutable" has SQLite read the file alone, without locks.
        _connect(path, "ro&immutable=1", 0, _check_schema).close()


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, closed in the end.

    Raises:
        StoreError: see `open_reader`; or a read failed.
    """
    with closing(open_reader(path)) as connection, translated(path):
        yield connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into ours, as one sentence about a file."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    except OSError as error:
        raise BadStore(f"{path} cannot be opened: {error.strerror}.") from error


def back_up(connection: sqlite3.Connection, target: Path) -> None:
    """Copy the database of a connection that is in no transaction; writers go on meanwhile.

    The copy is readable by its owner only, and is there whole or not at all.

    Raises:
        StoreError: there is such a file already, or it cannot be written.
    """
    if target.exists():
        raise _taken(target)
    with translated(target):
        descriptor, name = tempfile.mkstemp(".partial", f"{target.name}.", target.parent)
        try:
            connection.execute("VACUUM INTO ?", (name,))
            # VACUUM INTO does not flush what it writes.
            os.fsync(descriptor)
            # Claims the name, so that a file made there meanwhile is not overwritten either.
            target.touch(exist_ok=False)
            Path(name).replace(target)
        except FileExistsError as error:
            raise _taken(target) from error
        finally:
            os.close(descriptor)
            Path(name).unlink(missing_ok=True)


def _folder(path: Path) -> BadStore:
    return BadStore(f"{path} is a folder, not a database: name a file.")


def _taken(target: Path) -> StoreError:
    return StoreError(f"{target} exists already: a backup never overwrites a file.")


def _connect(
    path: Path, mode: str, busy_seconds: float, prepare: Callable[[sqlite3.Connection, Path], None]
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        busy_seconds,
        uri=True,
        isolation_level=None,  # the caller begins and commits
        check_same_thread=False,  # whoever closes the store closes its threads' connections
    )
    try:
        prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def _check_known(connection: sqlite3.Connection, path: Path) -> None:
    if not _is_new(connection):
        _check_schema(connection, path)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    _check_known(connection, path)
    path.chmod(_PRIVATE)
    connection.executescript(_WRITER)
    # The lock makes two processes that start at once take turns.
    connection.execute("BEGIN IMMEDIATE")
    try:
        migrations.apply(_wrap(connection))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check_current(connection: sqlite3.Connection, path: Path) -> None:
    _check_schema(connection, path)
    if migrations.pending(_wrap(connection)):
        raise BadStore(f"{path} was written by an older version: start `songwriter run` once.")


def _is_new(connection: sqlite3.Connection) -> bool:
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(objects == 0)


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise BadStore(f"{path} is no database of this program: name another file.")
    known = {step.name for step in migrations.pending(Database(memory=True))}
    if not known.issuperset(step.name for step in migrations.applied(_wrap(connection))):
        raise BadStore(f"{path} was written by a newer version of this program: install that one.")


def _wrap(connection: sqlite3.Connection) -> Database:
    """For the migrations, with neither plug-ins nor changed settings."""
    return Database(connection, recursive_triggers=False, execute_plugins=False)
