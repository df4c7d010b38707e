"""Deletes what has been kept long enough, and makes backups, once a day."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bot import config
from bot.store import Store, StoreError

_log = logging.getLogger(__name__)

_DAY = 24 * 3600.0
# A week, in which a loss is noticed; each is as large as the database.
BACKUPS_KEPT = 7
# The names of daily backups, which sort by date; other files in the folder are left alone.
_BACKUPS = "songwriter-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].sqlite3"


class Retention:
    """A background task for the time of its block; the first round is at the start."""

    def __init__(self, store: Store, settings: config.Store) -> None:
        self._store, self._settings = store, settings

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._rounds())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _rounds(self) -> None:
        while True:
            try:
                await self.once()
            except (StoreError, OSError) as error:
                _log.error("retention: %s", error)
            await asyncio.sleep(_DAY)

    async def once(self) -> None:
        """Delete what is over its time; back up, if a folder for backups is configured.

        Raises:
            StoreError: the database failed.
            OSError: the backups cannot be read or deleted.
        """
        kept = self._settings
        gone = await self._store.purge(
            time.time(), kept.keep_outputs_days, kept.keep_jobs_days, kept.keep_left_days
        )
        _log.info("retention: %d rows deleted", gone)
        if kept.backups is not None:
            name = datetime.now(UTC).strftime("songwriter-%Y-%m-%d.sqlite3")
            if not (kept.backups / name).exists():
                await self._store.backup(kept.backups / name)
            await asyncio.to_thread(_delete_old, kept.backups)


def _delete_old(backups: Path) -> None:
    """Delete all daily backups but the newest; a backup keeps what people have deleted since."""
    for old in sorted(backups.glob(_BACKUPS))[:-BACKUPS_KEPT]:
        old.unlink()
        _log.info("old backup deleted: %s", old.name)
