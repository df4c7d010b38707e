"""Threads that own connections: callers hand in a function of the connection and await its result."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from bot.store.errors import Closed, StoreError, store_error
from bot.store.files import translated
from bot.store.reopening import Reopening

T = TypeVar("T")

# More than any burst the bot lets in; past it the disk has stopped, and waiting helps nobody.
MAX_WAITING = 1000
# Somebody has copied another file over the database, or its disk fails.
_SPOILT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_log = logging.getLogger(__name__)


class SqliteExecutor:
    """A bounded queue before one or more threads, each with a connection of its own.

    With one thread and ``BEGIN IMMEDIATE`` it is the writer: no write ever meets another of
    this process. An error undoes its own function's transaction and nothing else.

    Another program's lock is waited for. Where that was in vain, what follows in the next
    seconds does not wait: many behind one lock would each wait behind those before it.

    Where another file has taken the database's place, it is that one that is read and written from
    then on; ``patience`` is as for ``Reopening``.
    """

    def __init__(
        self,
        path: Path,
        threads: int,
        begin: str,
        connect: Callable[[Path, float], sqlite3.Connection],
        busy_seconds: float,
        patience: float | None = None,
    ) -> None:
        self._path, self._begin, self._connect = path, begin, connect
        self._busy_seconds, self._hasty_until = busy_seconds, 0.0
        self._patience = patience
        self._executor = ThreadPoolExecutor(threads, "store")
        self._local = threading.local()
        self._connections: list[Reopening] = []
        self._waiting = 0
        self._closed = self._hurried = False

    async def run(self, job: Callable[[sqlite3.Connection], T], *, alone: bool = False) -> T:
        """Queue a function; its transaction is committed when this returns.

        A caller that is cancelled takes its function out of the queue if it has not begun.

        Args:
            job: runs in a thread, inside a transaction.
            alone: run it outside a transaction, for statements that want none.

        Raises:
            StoreError: the queue is full, the store closed, or the database refused.
        """
        if self._closed:
            raise Closed(self._path)
        if self._waiting >= MAX_WAITING:
            raise StoreError(f"{self._path} is too slow: {MAX_WAITING} requests are waiting for it.")
        self._waiting += 1
        try:
            return await asyncio.wrap_future(self._executor.submit(self._work, job, alone))
        finally:
            self._waiting -= 1

    async def close(self, limit: float) -> None:
        """Finish what is queued within ``limit`` seconds, fail the rest, and disconnect."""
        self._closed = True
        draining = asyncio.create_task(asyncio.to_thread(self._drain))
        done, _ = await asyncio.wait({draining}, timeout=limit)
        if not done:
            _log.warning("The database did not finish in %g s; %d requests are lost.", limit, self._waiting)
            self._hurried = True
            for connection in self._connections:
                connection.interrupt()

    def _drain(self) -> None:
        self._executor.shutdown()
        for connection in self._connections:
            connection.close()

    def _work(self, job: Callable[[sqlite3.Connection], T], alone: bool) -> T:
        if self._hurried:
            raise Closed(self._path)
        try:
            with translated(self._path):
                connection = self._reopening().connection()
            return job(connection) if alone else self._transact(connection, job)
        except sqlite3.Error as error:
            self._note_lock(error)
            if _code(error) in _SPOILT:
                # What it has read of the file is of another one, or worth nothing.
                self._reopening().close()
            raise store_error(error, self._path) from error

    def _transact(self, connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], T]) -> T:
        seconds = 0.0 if self._is_hasty() else self._busy_seconds
        connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
        connection.execute(self._begin)
        try:
            result = job(connection)
            connection.execute("COMMIT")
            self._hasty_until = 0.0
        finally:
            # A full disk may have ended the transaction already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return result

    def _is_hasty(self) -> bool:
        return time.monotonic() < self._hasty_until

    def _note_lock(self, error: sqlite3.Error) -> None:
        locked = _code(error) == sqlite3.SQLITE_BUSY
        # One that did not wait says nothing new: now and then one has to.
        if locked and not self._is_hasty():
            self._hasty_until = time.monotonic() + self._busy_seconds

    def _reopening(self) -> Reopening:
        if not hasattr(self._local, "reopening"):
            connect = partial(self._connect, self._path, self._busy_seconds)
            self._local.reopening = Reopening(self._path, connect, self._patience)
            self._connections.append(self._local.reopening)
        found: Reopening = self._local.reopening
        return found


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code
