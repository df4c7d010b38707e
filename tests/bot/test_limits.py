"""Who pays for what: a day's songs and the pause between two."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from bot.config import Limits
from bot.engine.requests import BadPicture, EngineError, TooSlow
from bot.limits import Quota
from bot.store import Store, StoreError
from bot.ui.refusals import CoolingDown, DayIsOver

pytestmark = pytest.mark.asyncio

ADA = 100_000_000_000_000_001
COOLDOWN = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "songwriter.sqlite3"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with Store.open(path, busy_seconds=0.05) as opened:
        yield opened


async def used(store: Store) -> int:
    return sum(row["used"] for row in (await store.export_user(ADA))["quotas"])


@pytest.mark.parametrize("failure", [BadPicture("Torn."), asyncio.CancelledError()])
async def test_a_bad_picture_and_a_deleted_one_cost(store: Store, failure: BaseException) -> None:
    quota = Quota(Limits(), store)
    with pytest.raises(type(failure)):
        async with quota.spent("request", ADA, COOLDOWN):
            raise failure
    assert await used(store) == 1
    with pytest.raises(CoolingDown):
        async with quota.spent("request", ADA, COOLDOWN):
            pass


@pytest.mark.parametrize("failure", [TooSlow("Slow."), EngineError("Ill."), StoreError("Locked."), OSError()])
async def test_every_other_failure_is_given_back(store: Store, failure: Exception) -> None:
    quota = Quota(Limits(user_per_day=1), store)
    for _ in range(2):
        with pytest.raises(type(failure)):
            async with quota.spent("request", ADA, COOLDOWN):
                raise failure
    assert await used(store) == 0
    async with quota.spent("request", ADA, COOLDOWN):
        pass
    with pytest.raises(DayIsOver):
        async with quota.spent("request", ADA, 0):
            pass


async def test_a_locked_database_counts_nothing_and_hides_no_failure(store: Store, path: Path) -> None:
    quota = Quota(Limits(), store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with quota.spent("request", ADA, 0):
            pass
        other.execute("ROLLBACK")

        async def fail() -> None:
            async with quota.spent("request", ADA, 0):
                other.execute("BEGIN IMMEDIATE")
                raise TooSlow("Slow.")

        with pytest.raises(TooSlow):
            await fail()
        other.execute("ROLLBACK")
    async with quota.spent("request", ADA, COOLDOWN):
        pass
    assert await used(store) == 2


async def test_a_servers_songs_of_a_day_cost_nobody_more_than_they_had(store: Store) -> None:
    quota = Quota(Limits(), store)
    async with quota.spent("first", ADA, 0, server=7, per_day=1):
        pass
    with pytest.raises(DayIsOver, match="This server had 1 song today"):
        async with quota.spent("second", ADA, 0, server=7, per_day=1):
            pass
    assert await used(store) == 1
    for _ in range(2):
        await quota.take_back("first")
    assert await used(store) == 0
    async with quota.spent("third", ADA, COOLDOWN, server=7, per_day=1):
        pass
