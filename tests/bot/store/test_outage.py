"""The database goes away while the bot runs, and comes back: nothing that people did is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bot.store import BadStore, ServerSettings, Store, StoreError, claimed
from bot.store import backlog as backlog_module
from bot.store.errors import DatabaseInUse
from tests.bot.store.test_store import ADA, BOB, EVE, MESSAGE, SERVER, counted, stanza
from tests.discord.traffic import wait_until

pytestmark = pytest.mark.asyncio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "songwriter.sqlite3"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with Store.open(path, busy_seconds=0.05, patience=60, retry_seconds=0.05) as opened:
        yield opened


def logged(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [line for record in caplog.records if text in (line := record.getMessage())]


async def back(caplog: pytest.LogCaptureFixture) -> str:
    await wait_until(lambda: logged(caplog, "is back"))
    [line] = logged(caplog, "is back")
    return line


async def sung_and_rated(store: Store, message: int) -> str:
    """As the bot does it: a song that is stored, posted and rated."""
    song = stanza(channel=None, message=None)
    assert await store.spend(ADA, "2026-12-01", 200)
    await store.add_output(song)
    await store.attach_message(song.id, 5, message)
    await store.add_rating(message, BOB, "👍", is_bot=False)
    await store.add_rating(message, EVE, "👎", is_bot=False)
    await store.remove_rating(message, EVE, "👎")
    return song.id


# Ways for a database to go, each with a way back.


def deleted(path: Path) -> Callable[[], None]:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    return lambda: None


def deleted_alone(path: Path) -> Callable[[], None]:
    """Its log stays, and must not be read as that of the file that comes in its place."""
    path.unlink()
    return lambda: None


def moved_away_for_a_moment(path: Path) -> Callable[[], None]:
    aside = path.with_name("aside")
    path.rename(aside)
    return lambda: aside.rename(path) and None


def replaced_by_something_else(path: Path) -> Callable[[], None]:
    aside = path.with_name("aside")
    path.rename(aside)
    path.write_bytes(b"no database at all, but rather long" * 100)
    return lambda: aside.replace(path) and None


def replaced_by_a_folder(path: Path) -> Callable[[], None]:
    path.unlink()
    path.mkdir()
    return lambda: path.rmdir()


def locked(path: Path) -> Callable[[], None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


@pytest.mark.parametrize(
    "goes",
    [
        deleted,
        deleted_alone,
        moved_away_for_a_moment,
        replaced_by_something_else,
        replaced_by_a_folder,
        locked,
    ],
)
async def test_what_people_do_meanwhile_is_written_when_it_is_back(
    path: Path, caplog: pytest.LogCaptureFixture, goes: Callable[[Path], Callable[[], None]]
) -> None:
    # Only a file that does not come back is written anew.
    patience = 0.3 if goes in (deleted, deleted_alone, replaced_by_a_folder) else 60
    async with Store.open(path, busy_seconds=0.05, patience=patience, retry_seconds=0.05) as store:
        await goes_and_comes_back(store, path, caplog, goes)


async def goes_and_comes_back(
    store: Store, path: Path, caplog: pytest.LogCaptureFixture, goes: Callable[[Path], Callable[[], None]]
) -> None:
    before = await sung_and_rated(store, MESSAGE)
    await store.set_opted_out(EVE, True)
    await store.change_settings(SERVER, lambda own: replace(own, temperature=0.9))
    comes_back = goes(path)
    await store.add_rating(MESSAGE, 77, "👎", is_bot=False)
    meanwhile = [await sung_and_rated(store, MESSAGE + number) for number in range(1, 4)]
    # Who wants to be left alone is, and what a server chose holds; buttons work.
    assert await store.opted_out(EVE)
    assert not await store.opted_out(BOB)
    assert (await store.settings(SERVER)).temperature == 0.9
    assert await store.output(meanwhile[0]) is not None
    comes_back()
    line = await back(caplog)
    assert "0 are lost" in line
    assert len(logged(caplog, "is away")) == 1
    with closing(sqlite3.connect(path)) as connection:
        held = {row[0] for row in connection.execute("SELECT id FROM outputs")}
        assert [*connection.execute("PRAGMA integrity_check")] == [("ok",)]
        rated = [*connection.execute("SELECT user, count(*) FROM ratings GROUP BY user ORDER BY user")]
    assert {before, *meanwhile} <= held
    assert rated == [(77, 1), (BOB, 4)]
    assert await store.opted_out(EVE)
    await store.put("after", "here")
    assert await store.get("after") == "here"


async def test_a_backup_that_takes_its_place_is_used_from_then_on(
    store: Store, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = await sung_and_rated(store, MESSAGE)
    backup = path.with_name("backup.sqlite3")
    await store.backup(backup)
    second = await sung_and_rated(store, MESSAGE + 1)
    # As `mv` does it, with the old log left lying there.
    backup.replace(path)
    assert await store.add_rating(MESSAGE, 77, "👍", is_bot=False)
    assert await store.output(first) is not None
    assert await store.output(second) is None
    with closing(sqlite3.connect(path)) as connection:
        assert [*connection.execute("PRAGMA integrity_check")] == [("ok",)]
    assert len(counted(path)) == 2
    assert logged(caplog, "is away") == []


async def test_a_backup_that_is_just_being_copied_is_waited_for(
    store: Store, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    song = await sung_and_rated(store, MESSAGE)
    backup = path.with_name("backup.sqlite3")
    await store.backup(backup)
    path.unlink()
    path.touch()
    await store.add_rating(MESSAGE, 77, "👍", is_bot=False)
    path.unlink()
    shutil.copy(backup, path)
    assert "1 writes" in await back(caplog)
    assert await store.output(song) is not None
    assert len(counted(path)) == 2


@pytest.mark.parametrize("code", ["query_only = 1", "max_page_count = 1"], ids=["read-only", "full"])
async def test_a_disk_that_takes_nothing_for_a_while(
    store: Store, path: Path, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    """The two pragmas have SQLite say what it says of a read-only file and of a full disk."""
    old = await sung_and_rated(store, MESSAGE)
    run = store._database._writer.run
    await run(lambda connection: connection.execute(f"PRAGMA {code}") and None, alone=True)
    long = stanza(caption="x" * 100_000, message=MESSAGE + 1)
    await store.add_output(long)
    await store.add_rating(MESSAGE + 1, BOB, "👍", is_bot=False)
    with pytest.raises(StoreError):
        await store.put("key", "x" * 100_000)
    assert await store.output(long.id) is not None
    assert await store.output(old) is not None
    cure = {"query_only = 1": "query_only = 0", "max_page_count = 1": "max_page_count = 1000000"}[code]
    await run(lambda connection: connection.execute(f"PRAGMA {cure}") and None, alone=True)
    await back(caplog)
    assert len(counted(path)) == 2
    assert len(logged(caplog, "is away")) == 1


async def test_what_waits_is_bounded_and_the_log_says_what_is_lost(
    store: Store, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "MOST_WAITING", 4)
    song = stanza()
    await store.add_output(song)
    release = locked(path)
    for person in range(10):
        await store.add_rating(MESSAGE, 100 + person, "👍", is_bot=False)
    release()
    assert "4 writes that waited are done, 6 are lost" in await back(caplog)
    assert len(counted(path)) == 4


async def test_what_still_waits_at_the_end_is_written_if_it_can_be(path: Path) -> None:
    async with Store.open(path, busy_seconds=0.05, retry_seconds=60) as store:
        await store.add_output(stanza())
        release = locked(path)
        await store.add_rating(MESSAGE, BOB, "👍", is_bot=False)
        release()
    assert len(counted(path)) == 1


async def test_a_deletion_also_deletes_what_waited(store: Store, path: Path) -> None:
    release = locked(path)
    await sung_and_rated(store, MESSAGE)
    with pytest.raises(StoreError):
        await store.delete_user(ADA)
    release()
    await store.delete_user(ADA)
    assert (await store.count_user(ADA))["outputs"] == 0


async def test_an_id_that_is_taken_is_no_outage(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    song = stanza()
    await store.add_output(song)
    with pytest.raises(StoreError, match="refused"):
        await store.add_output(song)
    assert logged(caplog, "is away") == []


async def test_only_one_claim_holds_and_none_outlives_its_block(path: Path, tmp_path: Path) -> None:
    with claimed(path):
        with pytest.raises(DatabaseInUse, match="in use by another bot, process"), claimed(path):
            pass
        # What only reads or writes for a moment does not ask.
        async with Store.open(path) as store:
            await store.change_settings(1, lambda _: ServerSettings(temperature=0.5))
    with claimed(path):
        pass
    with pytest.raises(BadStore), claimed(tmp_path / "nowhere" / "songwriter.sqlite3"):
        pass
