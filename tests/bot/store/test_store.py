"""The database: nothing acknowledged is lost, ratings count once, and people can see and leave."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sqlite3
import stat
import string
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from bot.config import Config
from bot.store import BadStore, JobRecord, Output, ServerSettings, Stats, Store, StoreError, Tally, new_id
from bot.store import executor as executor_module
from bot.store.executor import SqliteExecutor
from bot.store.pseudonyms import Pseudonyms
from bot.store.rating_queries import rating_rows
from bot.store.schema import migrations
from model.emoji import plain

ROOT = Path(__file__).parents[3]
ADA, BOB, EVE = 100_000_000_000_000_001, 100_000_000_000_000_002, 100_000_000_000_000_003
SERVER, CHANNEL, MESSAGE = 200_000_000_000_000_001, 300_000_000_000_000_001, 400_000_000_000_000_001
NOON = 1_800_000_000.0
DAY = 86_400.0

pytestmark = pytest.mark.asyncio


def stanza(**changes: Any) -> Output:
    return replace(
        Output(
            id=new_id(),
            user=ADA,
            server=SERVER,
            channel=CHANNEL,
            message=MESSAGE,
            caption="a dog runs on the beach",
            keywords=("dog", "beach"),
            lines=("The dog ran down to the naïve sea,", "And never looked at me."),
            prompt="the dog",
            style="song",
            mood="happy",
            line_count=2,
            temperature=0.4,
            seed=4_294_967_295,
            captioner="0123456789ab",
            generator="ba9876543210",
            created=NOON,
            recipe="040j6hb7h6nxxbdyxw00mt3fe9spa83jd5j6a3dcv330",
            spoiler=True,
        ),
        **changes,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "songwriter.sqlite3"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with Store.open(path, busy_seconds=60) as opened:
        yield opened


def counted(path: Path) -> dict[tuple[str, str], str]:
    """The rating that counts, for each output and person."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {(row["output"], row["person"]): row["reaction"] for row in rating_rows(connection)}


def all_tables(path: Path) -> dict[str, set[str]]:
    """The columns of every table."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} for name in names}


def bytes_on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


# Settings, outputs, quotas, jobs, meta


async def test_settings_are_the_defaults_until_saved_and_after_forgetting(store: Store) -> None:
    assert await store.settings(SERVER) == ServerSettings()
    chosen = ServerSettings((CHANNEL, 5), 0.9, 2.5, ("❤️", "<:meh:1>"), False, "skip", age_restricted=True)
    await store.change_settings(SERVER, lambda _: chosen)
    await store.change_settings(SERVER + 1, lambda _: ServerSettings(channels=(1,)))
    assert await store.settings(SERVER) == chosen
    await store.change_settings(SERVER, lambda _: replace(chosen, reactions=None))
    assert (await store.settings(SERVER)).reactions is None
    await store.delete_server(SERVER)
    assert await store.settings(SERVER) == ServerSettings()
    assert (await store.settings(SERVER + 1)).channels == (1,)


async def test_no_change_of_settings_at_once_is_lost(store: Store) -> None:
    def add(channel: int) -> Callable[[ServerSettings], ServerSettings]:
        return lambda before: replace(before, channels=(*before.channels, channel))

    await asyncio.gather(*(store.change_settings(SERVER, add(channel)) for channel in range(20)))
    assert sorted((await store.settings(SERVER)).channels) == list(range(20))

    def refuse(_: ServerSettings) -> ServerSettings:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.change_settings(SERVER, refuse)
    assert len((await store.settings(SERVER)).channels) == 20


async def test_what_is_held_about_a_server_goes_some_days_after_it_was_left(store: Store, path: Path) -> None:
    today, now = datetime.now(UTC).date().isoformat(), time.time()
    for server in range(1, 5):
        await store.change_settings(server, lambda _: ServerSettings(temperature=0.9))
        await store.add_output(
            stanza(id=f"song {server}", server=server, caption=f"secret {server}", created=now)
        )
        await store.spend_of_server(server, today, 10)
    await store.note_servers({1, 2, 3, 4})
    # Server 5 has chosen nothing; 4 is left, and joined again.
    assert await store.note_servers({1, 3, 5, 1_456_074_443_980_800_012}) == 2
    assert await store.note_servers({1, 3, 4, 1_456_074_443_980_800_012}) == 1
    for days, left in ((29, {1, 2, 3, 4}), (31, {1, 3, 4})):
        await store.purge(now + days * DAY, 365, 30, 30)
        assert {server for server in range(1, 5) if await store.output(f"song {server}")} == left
        assert {server for server in range(1, 6) if await store.settings(server) != ServerSettings()} == left
    assert b"secret 2" not in bytes_on_disk(path)
    with closing(sqlite3.connect(path)) as connection:
        assert {row[0] for row in connection.execute("SELECT server FROM servers")} == {
            1, 3, 4, 1_456_074_443_980_800_012,
        }  # fmt: skip


async def test_a_servers_data_is_exported_without_whose_it_is(store: Store) -> None:
    await store.change_settings(SERVER, lambda _: ServerSettings(words=("sausage",)))
    await store.spend_of_server(SERVER, "2020-11-22", 10)
    await store.add_output(stanza(id="open", message=1, author=BOB))
    await store.add_output(stanza(id="private", message=2, private=True))
    await store.add_output(stanza(id="elsewhere", message=3, server=SERVER + 1))
    for user in (ADA, BOB):
        await store.add_rating(1, user, "👍", is_bot=False)
    held = json.loads(json.dumps(await store.export_server(SERVER)))
    assert held["server"] == SERVER
    assert held["settings"] == {"words": ["sausage"]}
    assert held["quotas"] == [{"day": "2020-11-22", "used": 1}]
    [song] = held["songs"]
    assert (song["id"], song["message"], song["ratings"]) == ("open", 1, {"👍": 2})
    assert song["lines"] == list(stanza().lines)
    assert not {str(ADA), str(BOB)} & set(json.dumps(held).replace(",", " ").replace("}", " ").split())


async def test_a_servers_data_is_deleted(store: Store, path: Path) -> None:
    today = datetime.now(UTC).date().isoformat()
    await store.change_settings(SERVER, lambda _: ServerSettings(words=("sausage",)))
    for day in ("2020-11-22", today):
        await store.spend_of_server(SERVER, day, 1)
    for name, more in (("open", {}), ("private", {"private": True}), ("elsewhere", {"server": SERVER + 1})):
        await store.add_output(stanza(id=name, message=len(name), caption=f"secret of {name}", **more))
        await store.add_rating(len(name), BOB, "👍", is_bot=False)
    assert await store.delete_server(SERVER) == 2
    assert await store.export_server(SERVER) == {
        "server": SERVER, "settings": {}, "left_at": None, "quotas": [{"day": today, "used": 1}], "songs": [],
    }  # fmt: skip
    assert await store.output("elsewhere")
    assert len((await store.export_user(BOB))["ratings"]) == 1
    # A deletion gives no songs back.
    assert not await store.spend_of_server(SERVER, today, 1)
    for name in ("open", "private"):
        assert f"secret of {name}".encode() not in bytes_on_disk(path)


async def test_an_output_comes_back_whole_but_for_its_server(store: Store, path: Path) -> None:
    written = stanza()
    await store.add_output(written)
    assert await store.output(written.id) == replace(written, server=None)
    assert await store.output("nobody knows") is None
    with closing(sqlite3.connect(path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert written.lines[0] in dump
    assert str(SERVER) not in dump


async def test_servers_stay_apart_under_their_pseudonyms(store: Store, path: Path) -> None:
    for server in (SERVER, SERVER, SERVER + 1, None):
        await store.add_output(stanza(server=server))
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT server FROM outputs ORDER BY rowid")]
    assert names[0] == names[1] != names[2]
    assert names[3] is None


async def test_the_message_is_attached_after_posting(store: Store) -> None:
    output = stanza(channel=None, message=None)
    await store.add_output(output)
    assert await store.output_of_message(MESSAGE) is None
    await store.attach_message(output.id, CHANNEL, MESSAGE)
    assert await store.output_of_message(MESSAGE) == replace(
        output, server=None, channel=CHANNEL, message=MESSAGE
    )
    later = stanza()
    await store.add_output(later)
    found = await store.output_of_message(MESSAGE)
    assert found is not None
    assert found.id == later.id


async def test_a_deleted_output_takes_its_ratings_along(store: Store, path: Path) -> None:
    output = stanza()
    await store.add_output(output)
    await store.add_rating(MESSAGE, BOB, "👍", is_bot=False)
    await store.delete_output(output.id)
    assert await store.output(output.id) is None
    assert counted(path) == {}


async def test_ids_fit_a_button_and_differ() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    allowed = set(string.ascii_letters + string.digits + "-_")
    assert all(len(name) == 12 and set(name) <= allowed for name in ids)


async def test_an_output_id_is_not_taken_twice(store: Store) -> None:
    output = stanza()
    await store.add_output(output)
    with pytest.raises(StoreError):
        await store.add_output(replace(output, user=BOB))
    kept = await store.output(output.id)
    assert kept is not None
    assert kept.user == ADA


async def test_a_quota_is_never_overdrawn_by_requests_at_once(store: Store) -> None:
    spent = await asyncio.gather(*(store.spend(ADA, "2026-11-22", 7) for _ in range(30)))
    assert sum(spent) == 7
    await store.refund(ADA, "2026-11-22")
    assert await store.spend(ADA, "2026-11-22", 7)
    assert not await store.spend(ADA, "2026-11-22", 7)
    assert await store.spend(ADA, "2026-11-23", 7)
    assert await store.spend(BOB, "2026-11-22", 7)


async def test_a_refund_gives_no_more_than_was_spent(store: Store) -> None:
    await store.refund(ADA, "2026-11-22")
    assert await store.spend(ADA, "2026-11-22", 1)
    for _ in range(3):
        await store.refund(ADA, "2026-11-22")
    assert await store.spend(ADA, "2026-11-22", 1)
    assert not await store.spend(ADA, "2026-11-22", 1)


async def test_meta_values(store: Store) -> None:
    assert await store.get("commands") is None
    await store.put("commands", "a")
    await store.put("commands", "b")
    assert await store.get("commands") == "b"


# Ratings


class Model:
    """Ratings as they should count: for each person, reactions in the order they were given."""

    def __init__(self) -> None:
        self.given: dict[tuple[int, int], list[str]] = {}

    def add(self, message: int, user: int, reaction: str) -> None:
        given = self.given.setdefault((message, user), [])
        if reaction not in given:
            given.append(reaction)

    def remove(self, message: int, user: int, reaction: str) -> None:
        given = self.given.get((message, user), [])
        if reaction in given:
            given.remove(reaction)

    def clear(self, message: int, reaction: str | None) -> None:
        for (where, _), reactions in self.given.items():
            if where == message:
                reactions[:] = [one for one in reactions if reaction is not None and one != reaction]

    def counted(self) -> list[tuple[int, int, str]]:
        return [(message, user, given[-1]) for (message, user), given in self.given.items() if given]


MESSAGES, PEOPLE, REACTIONS = (1, 2), (ADA, BOB, EVE), ("👍", "👎", "❤️")
_message, _user = st.sampled_from(MESSAGES), st.sampled_from(PEOPLE)
_reaction = st.sampled_from(REACTIONS)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _message, _user, _reaction),
        st.tuples(st.just("remove"), _message, _user, _reaction),
        st.tuples(st.just("clear"), _message, st.none() | _reaction),
    ),
    max_size=30,
)


@given(steps=_steps)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_ratings_count_once_a_person_and_the_latest(
    store: Store, path: Path, steps: list[tuple[Any, ...]]
) -> None:
    model = Model()
    for message in MESSAGES:
        await store.delete_output(str(message))
        await store.add_output(stanza(id=str(message), message=message))
    for kind, *values in steps:
        if kind == "add":
            assert await store.add_rating(*values, is_bot=False)
            model.add(*values)
        elif kind == "remove":
            await store.remove_rating(*values)
            model.remove(*values)
        else:
            await store.clear_ratings(*values)
            model.clear(*values)
    with closing(sqlite3.connect(path)) as connection:
        names = Pseudonyms(connection)
    assert counted(path) == {
        (str(message), names.person(user)): plain(reaction) for message, user, reaction in model.counted()
    }


async def test_what_is_no_output_of_ours_cannot_be_rated(store: Store, path: Path) -> None:
    await store.add_output(stanza())
    assert not await store.add_rating(MESSAGE + 1, BOB, "👍", is_bot=False)
    assert counted(path) == {}


async def test_opted_out_people_leave_no_ratings(store: Store, path: Path) -> None:
    await store.add_output(stanza())
    assert not await store.opted_out(BOB)
    await store.set_opted_out(BOB, True)
    await store.set_opted_out(BOB, True)
    assert await store.opted_out(BOB)
    assert not await store.add_rating(MESSAGE, BOB, "👍", is_bot=False)
    assert counted(path) == {}
    await store.set_opted_out(BOB, False)
    assert await store.add_rating(MESSAGE, BOB, "👍", is_bot=False)
    assert len(counted(path)) == 1


async def test_self_ratings_and_bots_are_marked(store: Store, path: Path) -> None:
    await store.add_output(stanza())
    await store.add_rating(MESSAGE, ADA, "👍", is_bot=False)
    await store.add_rating(MESSAGE, BOB, "👍", is_bot=False)
    await store.add_rating(MESSAGE, EVE, "👎", is_bot=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        rows = list(rating_rows(connection))
    assert sorted((row["self_rating"], row["bot"]) for row in rows) == [
        (False, False), (False, True), (True, False),
    ]  # fmt: skip
    assert len({row["person"] for row in rows}) == 3
    assert not any(str(user) in json.dumps(rows) for user in PEOPLE)


async def test_stats_of_this_server_and_of_all(store: Store) -> None:
    await store.add_output(stanza(message=1))
    await store.add_output(stanza(message=2, server=SERVER + 1))
    await store.add_output(stanza(message=3, server=None))
    await store.add_rating(1, BOB, "👎", is_bot=False)
    await store.add_rating(1, BOB, "👍", is_bot=False)
    await store.add_rating(1, ADA, "👍", is_bot=False)
    await store.add_rating(1, EVE, "👍", is_bot=True)
    await store.add_rating(2, BOB, "👍", is_bot=False)
    await store.add_rating(3, BOB, "👎", is_bot=False)
    everywhere = Tally(3, {"👍": 2, "👎": 1})
    assert await store.stats(SERVER) == Stats(Tally(1, {"👍": 1}), everywhere)
    assert await store.stats(None) == Stats(Tally(1, {"👎": 1}), everywhere)
    assert await store.stats(7) == Stats(Tally(0, {}), everywhere)


# Privacy


async def fill(store: Store) -> None:
    """Rows of Ada's in every table, and Bob's beside them."""
    await store.add_output(stanza(id="by-ada", message=1, caption="ada secret"))
    await store.add_output(stanza(id="by-bob", message=2, user=BOB, author=BOB, caption="bob caption"))
    await store.add_output(stanza(id="for-bob", message=3, user=BOB, author=ADA, caption="ada unseen"))
    for message in (1, 2):
        for user in (ADA, BOB):
            await store.add_rating(message, user, "👍", is_bot=False)
    for user in (ADA, BOB):
        await store.spend(user, "2020-11-22", 10)
        await store.add_job(JobRecord(f"job-{user % 10}", user, "lyrics", "done", NOON, {"write": 0.25}))
        await store.set_opted_out(user, True)


async def test_the_export_covers_every_table_with_a_user_column(store: Store, path: Path) -> None:
    await fill(store)
    personal = {table for table, columns in all_tables(path).items() if "user" in columns}
    held = json.loads(json.dumps(await store.export_user(ADA)))
    assert set(held) - {"user", "captions"} == personal
    assert held["captions"] == [{"id": "for-bob", "caption": "ada unseen", "created": NOON}]
    for table in personal:
        assert held[table], table
        assert {row["user"] for row in held[table]} == {ADA}
    assert held["outputs"][0]["lines"] == list(stanza().lines)
    assert held["jobs"][0]["seconds"] == {"write": 0.25}
    assert str(BOB) not in json.dumps(held)
    nothing = await store.export_user(EVE)
    assert nothing.pop("user") == EVE
    assert set(map(len, nothing.values())) == {0}


async def test_deletion_leaves_nothing_of_a_person(store: Store, path: Path) -> None:
    await fill(store)
    await store.set_opted_out(ADA, False)
    assert await store.delete_user(ADA) == 6
    # Not even in freed pages or the write-ahead log.
    assert b"ada secret" not in bytes_on_disk(path)
    assert b"ada unseen" not in bytes_on_disk(path)
    assert b"bob caption" in bytes_on_disk(path)
    with closing(sqlite3.connect(path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert str(ADA) not in dump
    assert "by-ada" not in dump
    held = await store.export_user(BOB)
    assert {table: len(rows) for table, rows in held.items() if table != "user"} == {
        "opt_outs": 1, "outputs": 1, "ratings": 1, "quotas": 1, "jobs": 1, "captions": 0,
    }  # fmt: skip


async def test_deletion_gives_no_songs_back(store: Store) -> None:
    today = datetime.now(UTC).date().isoformat()
    await store.spend(ADA, today, 1)
    await store.spend(ADA, "2020-11-22", 1)
    assert await store.delete_user(ADA) == 1
    assert not await store.spend(ADA, today, 1)


async def test_rows_are_counted_as_they_are_exported(store: Store) -> None:
    await fill(store)
    for user in (ADA, EVE):
        held = await store.export_user(user)
        held.pop("user")
        assert await store.count_user(user) == {table: len(rows) for table, rows in held.items()}


async def test_opting_out_outlives_the_deletion(store: Store) -> None:
    await fill(store)
    await store.delete_user(ADA)
    held = await store.export_user(ADA)
    assert held.pop("opt_outs")[0]["user"] == ADA
    assert await store.opted_out(ADA)
    assert {table: rows for table, rows in held.items() if rows} == {"user": ADA}


async def test_purge_deletes_what_was_kept_long_enough(store: Store, path: Path) -> None:
    for age in (9, 11):
        await store.add_output(stanza(id=f"{age}-days", message=age, created=NOON - age * DAY))
        await store.add_rating(age, BOB, "👍", is_bot=False)
    for age in (2, 4):
        await store.add_job(JobRecord(f"{age}-days", ADA, "lyrics", "done", NOON - age * DAY))
    # NOON is on 15 January 2027 in UTC.
    for day in ("2027-01-15", "2027-01-14", "2027-01-13"):
        await store.spend(ADA, day, 1)
    assert await store.purge(NOON, keep_outputs_days=10, keep_jobs_days=3, keep_left_days=5) == 4
    held = await store.export_user(ADA)
    assert [row["id"] for row in held["outputs"]] == ["9-days"]
    assert [row["id"] for row in held["jobs"]] == ["2-days"]
    assert [row["day"] for row in held["quotas"]] == ["2027-01-15"]
    assert [output for output, _ in counted(path)] == ["9-days"]


async def test_the_privacy_statement_names_every_table_and_the_real_days(store: Store, path: Path) -> None:
    text = (ROOT / "PRIVACY.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", text, re.MULTILINE))
    assert set(rows) == set(all_tables(path))
    kept = {table: re.findall(r"(\d+) days", row) for table, row in rows.items()}
    defaults = Config().store
    expected: dict[str, list[str]] = {table: [] for table in rows}
    expected["outputs"] = expected["ratings"] = [str(defaults.keep_outputs_days)]
    expected["jobs"] = [str(defaults.keep_jobs_days)]
    expected["servers"] = [str(defaults.keep_left_days)]
    assert f"deleted {defaults.keep_left_days} days later" in text
    assert kept == expected
    for command in ("show", "export", "delete", "opt-out", "opt-in"):
        assert f"`/privacy {command}`" in text


# The file


async def test_only_the_owner_can_read_it(path: Path) -> None:
    path.touch(0o644)
    async with Store.open(path) as store:
        await store.put("key", "value")
        files = list(path.parent.iterdir())
        assert len(files) == 3
        assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


async def test_closing_leaves_one_whole_file(path: Path) -> None:
    async with Store.open(path) as store:
        await store.put("key", "value")
        await store.get("key")
    assert list(path.parent.iterdir()) == [path]


async def test_opening_again_changes_nothing(path: Path) -> None:
    async with Store.open(path) as store:
        await store.add_output(stanza(id="kept"))
        schema = all_tables(path)
    async with Store.open(path) as store, Store.open(path) as second:
        assert await store.output("kept") == await second.output("kept") != None  # noqa: E711
        await store.add_output(stanza(server=SERVER))
        assert (await second.stats(SERVER)).here.songs == 2
        assert all_tables(path) == schema


async def test_an_older_database_is_brought_up_to_date(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        migrations.apply(Database(connection), stop_before="authors")
        for key, caption in (("seen", "a dog"), ("seeded", None)):
            values = (
                key,
                ADA,
                None,
                None,
                None,
                caption,
                "[]",
                '["La"]',
                "",
                "song",
                None,
                4,
                0.4,
                1,
                "",
                "",
                NOON,
            )
            connection.execute(f"INSERT INTO outputs VALUES ({', '.join('?' * 17)})", values)  # noqa: S608
        for row in ((SERVER, "[5, 6]", 0.9, None, '["❤️", "👎"]', 0), (SERVER + 1, "[]", None, 2.5, None, 1)):
            connection.execute("INSERT INTO servers VALUES (?, ?, ?, ?, ?, ?)", row)
    async with Store.open(path) as store:
        assert await store.settings(SERVER) == ServerSettings((5, 6), 0.9, None, ("❤️", "👎"), ratings=False)
        assert await store.settings(SERVER + 1) == ServerSettings(cooldown=2.5)
        outputs = [await store.output(key) for key in ("seen", "seeded")]
        assert [output and output.author for output in outputs] == [ADA, None]
        assert await store.count_user(ADA) == dict.fromkeys(await store.count_user(EVE), 0) | {"outputs": 2}


async def test_a_new_database_opened_twice_at_once_is_made_once(path: Path) -> None:
    async def use(number: int) -> None:
        async with Store.open(path) as store:
            await store.put(str(number), "here")

    await asyncio.gather(*(use(number) for number in range(5)))
    async with Store.open(path) as store:
        assert [await store.get(str(number)) for number in range(5)] == ["here"] * 5


async def _refused(path: Path) -> str:
    with pytest.raises(BadStore) as caught:
        async with Store.open(path):
            pass
    sentence = str(caught.value)
    assert str(path) in sentence
    assert sentence.endswith(".")
    return sentence


async def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("Remember the milk. " * 100)
    text.chmod(0o644)
    assert "not a database" in await _refused(text)
    assert text.read_text() == "Remember the milk. " * 100
    assert stat.S_IMODE(text.stat().st_mode) == 0o644
    assert "folder" in await _refused(tmp_path)
    assert "No such file" in await _refused(tmp_path / "nowhere" / "songwriter.sqlite3")


async def test_another_programs_database_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE outputs (recipe TEXT)")
    before = path.read_bytes()
    assert "no database of this program" in await _refused(path)
    assert path.read_bytes() == before


async def test_a_newer_schema_is_refused(path: Path) -> None:
    async with Store.open(path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            f"INSERT INTO {migrations.migrations_table} (migration_set, name, applied_at)"  # noqa: S608
            " VALUES (?, 'of_the_future', '2030-01-01')",
            (migrations.name,),
        )
    assert "newer version" in await _refused(path)


async def test_a_backup_restores(store: Store, tmp_path: Path) -> None:
    await fill(store)
    target = tmp_path / "backup of today?.sqlite3"
    await store.backup(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = await store.export_user(ADA)
    await store.delete_user(ADA)
    restored = tmp_path / "restored.sqlite3"
    shutil.copy(target, restored)
    async with Store.open(restored) as copy:
        assert await copy.export_user(ADA) == before
        # The same key, so the same pseudonyms.
        assert (await copy.stats(SERVER)).here.songs == 3


async def test_a_backup_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    with pytest.raises(StoreError, match="exists already"):
        await store.backup(target)
    assert target.read_text() == "mine"
    with pytest.raises(StoreError, match="nowhere"):
        await store.backup(tmp_path / "nowhere" / "backup")
    assert not list(tmp_path.glob("*.partial"))


async def test_a_backup_is_consistent_while_others_write(store: Store, tmp_path: Path) -> None:
    async def write() -> None:
        for number in range(40):
            await store.add_output(stanza(id=f"{number}", message=number))
            await store.add_rating(number, BOB, "👍", is_bot=False)

    writing = asyncio.create_task(write())
    for number in range(5):
        await store.backup(tmp_path / f"{number}.backup")
    await writing
    for backup in tmp_path.glob("*.backup"):
        with closing(sqlite3.connect(backup)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            outputs, ratings = connection.execute(
                "SELECT (SELECT count(*) FROM outputs), (SELECT count(*) FROM ratings)"
            ).fetchone()
        assert outputs - ratings in (0, 1)


# Faults

_ACKNOWLEDGE = """
import asyncio, sys
from pathlib import Path
from bot.store import Store
from tests.bot.store.test_store import stanza

async def main():
    async with Store.open(Path(sys.argv[1])) as store:
        number = 0
        while True:
            await asyncio.gather(*(acknowledged(store, number + i) for i in range(3)))
            number += 3

async def acknowledged(store, number):
    await store.add_output(stanza(id=str(number), message=number))
    print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 40])
async def test_nothing_acknowledged_is_lost_on_kill(path: Path, after: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _ACKNOWLEDGE, path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    names = [line.strip() for line in acknowledged if line.endswith("\n")]
    assert len(names) >= after
    async with Store.open(path) as store:
        held = {row["id"] for row in (await store.export_user(ADA))["outputs"]}
        assert set(names) <= held
        await store.add_output(stanza())


async def test_a_lock_by_another_program_passes(path: Path) -> None:
    async with Store.open(path, busy_seconds=0.1) as store:
        await store.put("before", "here")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked by another program"):
                await store.put("during", "lost")
            # Readers are not held up.
            assert await store.get("before") == "here"
            other.execute("ROLLBACK")
        await store.put("after", "here")
        assert [await store.get(key) for key in ("before", "during", "after")] == ["here", None, "here"]


async def test_only_the_first_of_many_writes_waits_for_a_lock(path: Path) -> None:
    async with Store.open(path, busy_seconds=1) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            # One after the other they would take half a minute.
            async with asyncio.timeout(15):
                done = await asyncio.gather(
                    *(store.put("during", "lost") for _ in range(30)), return_exceptions=True
                )
            assert all(isinstance(error, StoreError) and "locked" in str(error) for error in done)
            other.execute("ROLLBACK")
            # None is refused for a lock that has gone, and the next lock is waited for again.
            await store.put("after", "here")
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(store.put("later", "here"))
            waited, _ = await asyncio.wait({writing}, timeout=0.05)
            assert not waited
            other.execute("ROLLBACK")
            await writing
        assert [await store.get(key) for key in ("during", "after", "later")] == [None, "here", "here"]


async def test_a_short_lock_is_waited_for_while_the_loop_goes_on(path: Path) -> None:
    async with Store.open(path, busy_seconds=60) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(store.put("key", "value"))
            # A loop that waited with the database would be here only when that has given up.
            done, _ = await asyncio.wait({writing}, timeout=0.05)
            assert not done
            other.execute("COMMIT")
            await writing
        assert await store.get("key") == "value"


# The kernel refuses to let files grow past the limit, as a full disk does.
_FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from bot.store import Store, StoreError
from tests.bot.store.test_store import stanza

async def main():
    path = Path(sys.argv[1])
    async with Store.open(path) as store:
        await store.put("key", "before")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
        # Songs go on: what does not fit waits.
        for number in range(100):
            await store.add_output(stanza(id=str(number), caption="x" * 10_000, message=number))
        try:
            await store.put("key", "between")
        except StoreError as error:
            print(str(error).replace(str(path), "PATH"))
        assert await store.get("key") == "before"
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await store.put("key", "after")
        assert await store.get("key") == "after"
        assert (await store.stats(None)).everywhere.songs == 100

asyncio.run(main())
"""


async def test_a_full_disk_is_one_sentence_and_passes(path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1
    assert ended.stdout.startswith("PATH cannot ")
    assert "disk" in ended.stdout


async def test_a_full_database_undoes_only_the_write_that_did_not_fit(tmp_path: Path) -> None:
    def connect(path: Path, _busy_seconds: float) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA max_page_count = 10")
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text)")
        return connection

    def write(*texts: str) -> Callable[[sqlite3.Connection], int]:
        return lambda connection: (
            connection.executemany("INSERT INTO notes VALUES (?)", [(text,) for text in texts]).rowcount
        )

    executor = SqliteExecutor(tmp_path / "small", 1, "BEGIN IMMEDIATE", connect, 5)
    with pytest.raises(StoreError, match="disk is full"):
        await executor.run(write("a", "x" * 100_000))
    assert await executor.run(write("b")) == 1
    rows = await executor.run(lambda connection: connection.execute("SELECT text FROM notes").fetchall())
    assert rows == [("b",)]
    await executor.close(5)


async def test_a_hundred_writers_at_once(store: Store, path: Path) -> None:
    async def use(number: int) -> None:
        await store.add_output(stanza(id=str(number), message=number, user=number))
        assert await store.add_rating(number, BOB, "👍", is_bot=False)
        assert (await store.export_user(number))["outputs"][0]["id"] == str(number)

    await asyncio.gather(*(use(number) for number in range(100)))
    assert len(counted(path)) == 100


async def test_an_error_in_a_job_undoes_it(store: Store) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('half', 'done')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._database.write(half)
    assert await store.get("half") is None
    await store.put("half", "whole")


async def test_a_cancelled_write_that_waits_is_not_done(store: Store, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first = asyncio.create_task(store.put("first", "x"))
        second = asyncio.create_task(store.put("second", "x"))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        other.execute("ROLLBACK")
        await first
    assert await store.get("first") == "x"
    assert await store.get("second") is None


async def test_the_queue_is_bounded(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "MAX_WAITING", 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.create_task(store.put(str(number), "x")) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="waiting"):
            await store.put("one too many", "x")
        other.execute("ROLLBACK")
        await asyncio.gather(*waiting)
    await store.put("later", "x")


async def test_closing_finishes_what_is_queued(path: Path) -> None:
    async with Store.open(path) as store:
        writes = [asyncio.create_task(store.put(str(number), "x")) for number in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*writes)
    with pytest.raises(StoreError, match="closed"):
        await store.put("late", "x")
    async with Store.open(path) as store:
        assert await store.get("49") == "x"


async def test_closing_gives_up_at_its_limit(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    def connect(path: Path, _busy_seconds: float) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    executor = SqliteExecutor(path, 1, "BEGIN", connect, 5)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def run_on(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        connection.execute(endless).fetchone()

    stuck = asyncio.create_task(executor.run(run_on))
    behind = asyncio.create_task(executor.run(lambda connection: None))
    await begun.wait()
    await executor.close(0.1)
    for task in (stuck, behind):
        with pytest.raises(StoreError, match="stopping"):
            await task
    assert "lost" in caplog.text
