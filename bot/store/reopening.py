"""A connection for as long as its file is the one at its path; then one to the file that is there."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bot.store.errors import StoreError
from bot.store.files import back_up, check_whole

# Whoever deletes a database may be about to put another one there.
PATIENCE_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Reopening:
    """Opens a database when it is first asked for, and again where another file has taken its place.

    SQLite itself goes on with a file that was deleted or renamed, whose every write is lost with
    the process.

    Args:
        path: where the file is.
        connect: opens it.
        patience: seconds after which a file that was deleted is written anew, from the connection
            that still has it all; None for one that only reads, and can go on with what it has.
    """

    def __init__(
        self, path: Path, connect: Callable[[], sqlite3.Connection], patience: float | None = None
    ) -> None:
        self._path, self._connect, self._patience = path, connect, patience
        self._held: sqlite3.Connection | None = None
        self._file: object = None
        self._log_file: object = None
        self._missing_since: float | None = None

    @property
    def _reads_only(self) -> bool:
        return self._patience is None

    def connection(self) -> sqlite3.Connection:
        """Of the file that is there now.

        Raises:
            StoreError: there is none, or none that can be used.
            OSError, sqlite3.Error: it cannot be looked at or opened.
        """
        there = _file(self._path)
        if self._held is not None:
            if there == self._file or (there is None and self._reads_only):
                self._note(there)
                return self._held
            try:
                self._make_room(self._held, there)
            except StoreError:
                if self._reads_only:
                    return self._held
                raise
        return self._opened()

    def interrupt(self) -> None:
        """Have what runs at the moment fail."""
        if self._held is not None:
            self._held.interrupt()

    def close(self) -> None:
        """Disconnect; the next ``connection`` opens the file again."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _opened(self) -> sqlite3.Connection:
        new = self._connect()
        self.close()
        self._held, self._file = new, _file(self._path)
        self._note(self._file)
        return new

    def _note(self, there: object) -> None:
        """While the file is the one that was opened, so is the write-ahead log beside it."""
        if there is not None:
            self._log_file, self._missing_since = _file(_beside(self._path, "wal")), None

    def _make_room(self, old: sqlite3.Connection, there: object) -> None:
        """Let another file take the place of the one that was opened, or put that one back.

        Raises:
            StoreError: neither can be done yet.
        """
        if there is None:
            self._wait()
        else:
            # Until there is a better one, nothing of the old file is touched: it may come back.
            check_whole(self._path)
        # Whoever moved the old file away gets all of it, not only what its log had been folded into.
        with suppress(sqlite3.Error):
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # The old log would be read as the new file's.
        if self._log_file is not None and _file(_beside(self._path, "wal")) == self._log_file:
            for kind in ("wal", "shm"):
                _beside(self._path, kind).unlink(missing_ok=True)
        if there is None:
            back_up(old, self._path)
            _log.warning("%s had been deleted: I have written it anew, whole", self._path)

    def _wait(self) -> None:
        now = time.monotonic()
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < (self._patience or 0):
            raise StoreError(f"{self._path} has been deleted or moved.")


def _file(path: Path) -> object:
    """Which file is at a path; None where there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f"{path.name}-{kind}")
