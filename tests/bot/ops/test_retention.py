"""Once a day: what is over its time goes, a backup comes, and nothing ends it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import config
from bot.ops.retention import BACKUPS_KEPT, Retention
from bot.store import JobRecord, Store

pytestmark = pytest.mark.asyncio


async def test_the_newest_backups_are_kept_and_other_files_left_alone(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in range(1, 15):
        (folder / f"songwriter-2020-01-{day:02}.sqlite3").touch()
    others = {"songwriter-old.sqlite3", "songwriter-2020-01-01.sqlite3.partial", "notes"}
    for name in others:
        (folder / name).touch()
    await Retention(store, config.Store(backups=folder)).once()
    names = {file.name for file in folder.iterdir()} - others
    assert len(names) == BACKUPS_KEPT
    assert max(names) == datetime.now(UTC).strftime("songwriter-%Y-%m-%d.sqlite3")
    assert min(names) == "songwriter-2020-01-09.sqlite3"
    assert {file.name for file in folder.iterdir()} > others


async def test_a_folder_that_cannot_be_used_ends_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.ops.retention._DAY", 0.01)
    # Too long for a name: even to look for it fails.
    async with Retention(store, config.Store(backups=tmp_path / ("x" * 300))):
        async with asyncio.timeout(20):
            while caplog.text.count("retention: ") < 2:
                await asyncio.sleep(0.01)
        await store.add_job(JobRecord("old", 1, "lyrics", "done", time.time() - 40 * 86_400))
        async with asyncio.timeout(20):
            while (await store.export_user(1))["jobs"]:
                await asyncio.sleep(0.01)
