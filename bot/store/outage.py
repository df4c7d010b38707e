"""A writer that survives its database: what has to be written waits, in memory, until it is back."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.store.backlog import Backlog
from bot.store.errors import StoreError, is_outage
from bot.store.executor import SqliteExecutor

T = TypeVar("T")

# How often it is tried whether the database is back.
RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Outage:
    """Reads and writes of a database that may be away for a while; the log hears of it twice.

    Args:
        writer: the only one.
        readers: others.
        retry_seconds: see ``RETRY_SECONDS``.
    """

    def __init__(
        self, writer: SqliteExecutor, readers: SqliteExecutor, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._writer, self._readers, self._retry_seconds = writer, readers, retry_seconds
        self.backlog = Backlog()
        self._turn = asyncio.Lock()
        self._trying: asyncio.Task[None] | None = None

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Have a reader do something.

        Raises:
            StoreError: it failed.
        """
        return await self._noticed(self._readers.run(job))

    async def write(self, job: Callable[[sqlite3.Connection], T], *, alone: bool = False) -> T:
        """Write something after everything that waits; ``alone`` is as for ``SqliteExecutor.run``.

        Raises:
            StoreError: it is not written.
        """
        return await self._noticed(self._in_order(job, alone))

    async def write_sometime(self, job: Callable[[sqlite3.Connection], T], meanwhile: T) -> T:
        """Write something now, or once the database is back; what to answer then is ``meanwhile``.

        Raises:
            StoreError: it can never be written, or the store is closed.
        """

        def wait() -> T:
            self.backlog.add(job)
            return meanwhile

        return await self._written_or(job, wait)

    async def try_to_write(self, job: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Write something that can be done without.

        Raises:
            StoreError: it can never be written, or the store is closed.
        """
        return await self._written_or(job, lambda: otherwise)

    async def close(self) -> None:
        """Write what waits, if that is possible now."""
        if self._trying is not None:
            self._trying.cancel()
        try:
            await self._catch_up()
        except StoreError:
            _log.error("%d writes that waited for the database are lost", len(self.backlog))

    async def _written_or(self, job: Callable[[sqlite3.Connection], T], away: Callable[[], T]) -> T:
        """What a write gives, or else, while the database is away, what ``away`` gives."""
        try:
            return await self.write(job)
        except StoreError as error:
            if not is_outage(error):
                raise
            return away()

    async def _in_order(self, job: Callable[[sqlite3.Connection], T], alone: bool) -> T:
        await self._catch_up()
        return await self._writer.run(job, alone=alone)

    async def _catch_up(self) -> None:
        """Write what waits. Whoever is cancelled meanwhile must not leave it half noted."""
        if self.backlog:
            await asyncio.shield(asyncio.create_task(self._flush()))

    async def _flush(self) -> None:
        async with self._turn:
            if self.backlog:
                self.backlog.written(*await self._writer.run(self.backlog.write))

    async def _noticed(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except StoreError as error:
            if is_outage(error) and self._trying is None:
                _log.error(
                    "The database is away: %s Songs go on; they and their ratings wait in memory.", error
                )
                self._trying = asyncio.create_task(self._until_back(), name="database is away")
            raise

    async def _until_back(self) -> None:
        while True:
            await asyncio.sleep(self._retry_seconds)
            try:
                await self._catch_up()
                await self._writer.run(_touch)
                await self._readers.run(_look)
                break
            except StoreError as error:
                if not is_outage(error):
                    return
        self._trying = None
        done, lost = self.backlog.settle()
        _log.warning("The database is back: %d writes that waited are done, %d are lost", done, lost)


def _touch(connection: sqlite3.Connection) -> None:
    """Only a real write finds that the disk is full."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('back', ?)", (str(time.time()),))


def _look(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT count(*) FROM opt_outs").fetchone()
