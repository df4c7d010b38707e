"""The database as the bot uses it: every method is one transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bot.store import files, people, rating_queries
from bot.store.executor import SqliteExecutor
from bot.store.pseudonyms import Pseudonyms
from bot.store.records import COLUMNS, JobRecord, Output, ServerSettings, Stats

# Reads are short; a second thread keeps a long export from holding up the others.
_READERS = 2
# Half of the 20 s in which the program has to stop.
CLOSE_SECONDS = 10.0

_SETTINGS = "SELECT * FROM servers WHERE server = ?"
_OPTED_OUT = "SELECT 1 FROM opt_outs WHERE user = ?"
_OF_MESSAGE = "SELECT * FROM outputs WHERE message = ? ORDER BY rowid DESC LIMIT 1"
_DELETE_RATINGS = "DELETE FROM ratings WHERE output IN (SELECT id FROM outputs WHERE message = ?)"
_INSERT_OUTPUT = f"INSERT INTO outputs VALUES ({', '.join('?' * len(fields(Output)))})"  # noqa: S608


class Store:
    """Settings, outputs, ratings, quotas and jobs in one SQLite file.

    Writes go through one thread with the only connection that can write, reads through others
    that cannot. A write that has returned survives the process and the power. Every method
    raises `StoreError` where the database is locked, full, too slow or closed; the next call
    may work.
    """

    def __init__(self, writer: SqliteExecutor, readers: SqliteExecutor, names: Pseudonyms) -> None:
        self._writer, self._readers, self._names = writer, readers, names

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, busy_seconds: float = files.BUSY_SECONDS) -> AsyncIterator[Store]:
        """Open the database, creating or migrating it first; close it in the end.

        Args:
            path: the file, readable by its owner only from now on.
            busy_seconds: how long to wait for another program's lock; where that was in vain,
                nothing waits for as long again.

        Raises:
            BadStore: it is a folder, not a database, or another program's or a newer version's.
            StoreError: it is locked, or the disk is full.
        """
        writer = SqliteExecutor(path, 1, "BEGIN IMMEDIATE", files.open_writer, busy_seconds)
        readers = SqliteExecutor(path, _READERS, "BEGIN", files.open_reader, busy_seconds)
        try:
            yield cls(writer, readers, await writer.run(Pseudonyms))
        finally:
            # The last connection to close folds the write-ahead log into the file.
            await readers.close(CLOSE_SECONDS / 2)
            await writer.close(CLOSE_SECONDS / 2)

    async def settings(self, server: int) -> ServerSettings:
        """A server's choices, the defaults where it made none."""
        return _settings(await self._row(_SETTINGS, server))

    async def change_settings(
        self, server: int, change: Callable[[ServerSettings], ServerSettings]
    ) -> ServerSettings:
        """Change a server's choices; of changes at once none is lost.

        Args:
            server: whose.
            change: from the choices as they are to what they become. It runs in the writer's
                thread; what it raises undoes the change and is raised here.

        Returns:
            What now holds.
        """

        def apply(connection: sqlite3.Connection) -> ServerSettings:
            before = _settings(connection.execute(_SETTINGS, (server,)).fetchone())
            after = change(before)
            if after != before:
                connection.execute(
                    "INSERT OR REPLACE INTO servers VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        server,
                        json.dumps(after.channels),
                        after.temperature,
                        after.cooldown,
                        None if after.reactions is None else json.dumps(after.reactions),
                        after.ratings,
                    ),
                )
            return after

        return await self._writer.run(apply)

    async def forget_server(self, server: int) -> None:
        """Delete a server's choices; the outputs there stay as long as all outputs do."""
        await self._change("DELETE FROM servers WHERE server = ?", server)

    async def forget_other_servers(self, servers: Collection[int]) -> int:
        """Delete the choices of all servers but these; how many there were."""
        return await self._change(
            "DELETE FROM servers WHERE server NOT IN (SELECT value FROM json_each(?))", json.dumps([*servers])
        )

    async def opted_out(self, user: int) -> bool:
        """Whether a person wants to be left alone."""
        return await self._row(_OPTED_OUT, user) is not None

    async def set_opted_out(self, user: int, opted_out: bool) -> None:
        """Note that a person wants to be left alone, or no longer."""
        if opted_out:
            await self._change("INSERT OR IGNORE INTO opt_outs VALUES (?, ?)", user, time.time())
        else:
            await self._change("DELETE FROM opt_outs WHERE user = ?", user)

    async def add_output(self, output: Output) -> None:
        """Keep a stanza; its server is stored as a pseudonym.

        Raises:
            StoreError: there is an output of this id.
        """
        row = asdict(output) | {
            "server": self._names.server(output.server),
            "keywords": json.dumps(output.keywords, ensure_ascii=False),
            "lines": json.dumps(output.lines, ensure_ascii=False),
        }
        await self._change(_INSERT_OUTPUT, *row.values())

    async def attach_message(self, output_id: str, channel: int, message: int) -> None:
        """Note in which message an output was posted; nothing if it was deleted meanwhile."""
        statement = "UPDATE outputs SET channel = ?, message = ? WHERE id = ?"
        await self._change(statement, channel, message, output_id)

    async def output(self, output_id: str) -> Output | None:
        """An output by its id."""
        return _output(await self._row("SELECT * FROM outputs WHERE id = ?", output_id))

    async def output_of_message(self, message: int) -> Output | None:
        """The output that a message shows: the latest attached to it."""
        return _output(await self._row(_OF_MESSAGE, message))

    async def delete_output(self, output_id: str) -> None:
        """Delete an output and the ratings of it."""
        await self._change("DELETE FROM outputs WHERE id = ?", output_id)

    async def add_rating(
        self,
        message: int,
        user: int,
        reaction: str,
        *,
        is_bot: bool,
        server: int | None = None,
        rates: Callable[[ServerSettings], bool] = lambda _: True,
    ) -> bool:
        """Note a rating reaction. Of several by one person the latest counts.

        Args:
            message: what was reacted to.
            user: who reacted; self-ratings and bots' are kept, and told apart in the export.
            reaction: with what.
            is_bot: whether the user is a bot.
            server: where, None in a direct message.
            rates: whether a server of such choices rates with it; runs in the writer's thread.

        Returns:
            False if the message shows no output, the person has opted out, or it does not rate.
        """

        def rate(connection: sqlite3.Connection) -> bool:
            output = connection.execute(_OF_MESSAGE, (message,)).fetchone()
            if output is None or connection.execute(_OPTED_OUT, (user,)).fetchone():
                return False
            if not rates(_settings(connection.execute(_SETTINGS, (server,)).fetchone())):
                return False
            # The gateway may deliver a reaction twice; the first time holds.
            connection.execute(
                "INSERT INTO ratings (output, user, reaction, bot, rated_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (output["id"], user, reaction, is_bot, time.time()),
            )
            return True

        return await self._writer.run(rate)

    async def remove_rating(self, message: int, user: int, reaction: str) -> None:
        """Take a rating back; the person's one before it counts again."""
        await self._change(f"{_DELETE_RATINGS} AND user = ? AND reaction = ?", message, user, reaction)

    async def clear_ratings(self, message: int, reaction: str | None = None) -> None:
        """Take everybody's ratings of a message back, or only those with one reaction."""
        await self._change(f"{_DELETE_RATINGS} AND reaction = coalesce(?, reaction)", message, reaction)

    async def spend(self, user: int, day: str, limit: int) -> bool:
        """Take one from a person's quota of a day.

        Args:
            user: who asks.
            day: ISO date in UTC.
            limit: how many the day has, at least 1.

        Returns:
            False if none is left.
        """
        changed = await self._change(
            "INSERT INTO quotas VALUES (?, ?, 1)"
            " ON CONFLICT (user, day) DO UPDATE SET used = used + 1 WHERE used < ?",
            user,
            day,
            limit,
        )
        return changed > 0

    async def refund(self, user: int, day: str) -> None:
        """Give one back that was spent in vain."""
        await self._change(
            "UPDATE quotas SET used = used - 1 WHERE user = ? AND day = ? AND used > 0", user, day
        )

    async def add_job(self, job: JobRecord) -> None:
        """Note how a request went."""
        await self._change(
            "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?)",
            job.id,
            job.user,
            job.kind,
            job.status,
            job.created,
            json.dumps(dict(job.seconds)),
        )

    async def get(self, key: str) -> str | None:
        """A value the program keeps for itself."""
        row = await self._row("SELECT value FROM meta WHERE key = ?", key)
        return None if row is None else str(row["value"])

    async def put(self, key: str, value: str) -> None:
        """Keep a value for the program itself."""
        await self._change("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    async def export_user(self, user: int) -> dict[str, Any]:
        """Everything held about a person: rows by table, ready for JSON."""
        return await self._readers.run(partial(people.export_user, user=user))

    async def count_user(self, user: int) -> dict[str, int]:
        """How many rows are held about a person, by table."""
        return await self._readers.run(partial(people.count_user, user=user))

    async def delete_user(self, user: int) -> int:
        """Delete what is held about a person: outputs of theirs and about their pictures, with all ratings
        of them, their ratings, quotas, jobs.

        Whether they opted out is kept, without which the bot would start to answer them again,
        and so is what they used of today's quota, which this would otherwise give back.

        Returns:
            How many rows there were, not counting others' ratings.
        """
        today = datetime.now(UTC).date().isoformat()
        deleted = await self._writer.run(partial(people.delete_user, user=user, today=today))
        await self._writer.run(_fold_log, alone=True)
        return deleted

    async def stats(self, server: int | None) -> Stats:
        """Tallies of a server (None: of direct messages) and of everything."""
        return await self._readers.run(partial(rating_queries.stats, server=server))

    async def purge(self, now: float, keep_outputs_days: int, keep_jobs_days: int) -> int:
        """Delete what has been kept long enough: outputs with their ratings, jobs, quotas of past days.

        Args:
            now: seconds since 1970.
            keep_outputs_days: for outputs and ratings.
            keep_jobs_days: for jobs.

        Returns:
            How many rows were deleted, not counting ratings.
        """
        job = partial(
            people.purge, now=now, keep_outputs_days=keep_outputs_days, keep_jobs_days=keep_jobs_days
        )
        deleted = await self._writer.run(job)
        await self._writer.run(_fold_log, alone=True)
        return deleted

    async def backup(self, target: Path) -> None:
        """Copy the database to a new file while reads and writes go on.

        Raises:
            StoreError: there is such a file already, or it cannot be written.
        """
        await self._readers.run(partial(files.back_up, target=target), alone=True)

    async def _row(self, statement: str, *values: object) -> sqlite3.Row | None:
        def read(connection: sqlite3.Connection) -> sqlite3.Row | None:
            found: sqlite3.Row | None = connection.execute(statement, values).fetchone()
            return found

        return await self._readers.run(read)

    async def _change(self, statement: str, *values: object) -> int:
        """How many rows were changed."""
        return await self._writer.run(lambda connection: connection.execute(statement, values).rowcount)


def _settings(row: sqlite3.Row | None) -> ServerSettings:
    if row is None:
        return ServerSettings()
    return ServerSettings(
        channels=tuple(json.loads(row["channels"])),
        temperature=row["temperature"],
        cooldown=row["cooldown"],
        reactions=None if row["reactions"] is None else tuple(json.loads(row["reactions"])),
        ratings=bool(row["ratings"]),
    )


def _output(row: sqlite3.Row | None) -> Output | None:
    if row is None:
        return None
    values = {field.name: row[COLUMNS.get(field.name, field.name)] for field in fields(Output)}
    lists = {key: tuple(json.loads(values[key])) for key in ("keywords", "lines")}
    return Output(**values | lists | {"server": None})


def _fold_log(connection: sqlite3.Connection) -> None:
    """Empty the write-ahead log into the file, so that no deleted row lingers in it.

    Where a reader still needs the log, a later call does it.
    """
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
