"""Threads that own connections: callers hand in a function of the connection and await its result."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bot.store.errors import StoreError, store_error

T = TypeVar("T")

# More than any burst the bot lets in; past it the disk has stopped, and waiting helps nobody.
MAX_WAITING = 1000

_log = logging.getLogger(__name__)


class Lane:
    """A bounded queue before one or more threads, each with a connection of its own.

    With one thread and ``BEGIN IMMEDIATE`` it is the writer: no write ever meets another of
    this process. An error undoes its own function's transaction and nothing else.
    """

    def __init__(
        self, path: Path, threads: int, begin: str, connect: Callable[[], sqlite3.Connection]
    ) -> None:
        self._path, self._begin, self._connect = path, begin, connect
        self._executor = ThreadPoolExecutor(threads, "store")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
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
            raise StoreError(f"{self._path} is closed: the program is stopping.")
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
            raise StoreError(f"{self._path} is closed: the program is stopping.")
        try:
            connection = self._connection()
            return job(connection) if alone else self._transact(connection, job)
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error

    def _transact(self, connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], T]) -> T:
        connection.execute(self._begin)
        try:
            result = job(connection)
            connection.execute("COMMIT")
        finally:
            # A full disk may have ended the transaction already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return result

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
            self._connections.append(self._local.connection)
        found: sqlite3.Connection = self._local.connection
        return found
