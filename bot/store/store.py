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

from bot.store import files, people, places, rating_queries
from bot.store.errors import StoreError, is_outage
from bot.store.executor import SqliteExecutor
from bot.store.outage import RETRY_SECONDS, Outage
from bot.store.records import COLUMNS, JobRecord, Output, ServerSettings, Stats
from bot.store.remembered import Remembered, settings_of
from bot.store.reopening import PATIENCE_SECONDS

# Reads are short; a second thread keeps a long export from holding up the others.
_READERS = 2
# Half of the 20 s in which the program has to stop.
CLOSE_SECONDS = 10.0

_SETTINGS = "SELECT * FROM servers WHERE server = ?"
_OPTED_OUT = "SELECT 1 FROM opt_outs WHERE user = ?"
_OF_MESSAGE = "SELECT * FROM outputs WHERE message = ? ORDER BY rowid DESC LIMIT 1"
_DIRECT = (
    "SELECT channel FROM outputs WHERE server IS NULL AND channel IS NOT NULL AND created > ?"
    " GROUP BY channel ORDER BY max(created) DESC LIMIT ?"
)
_DELETE_RATINGS = "DELETE FROM ratings WHERE output IN (SELECT id FROM outputs WHERE message = ?)"
_INSERT_OUTPUT = f"INSERT INTO outputs VALUES ({', '.join('?' * len(fields(Output)))})"  # noqa: S608


class Store:
    """Settings, outputs, ratings, quotas and jobs in one SQLite file.

    Writes go through one thread with the only connection that can write, reads through others
    that cannot. A write that has returned survives the process and the power, unless the
    database is away: deleted, replaced by what is none, read-only, locked, or its disk full. Then
    what songs and ratings need does not fail: it waits in memory, as ``bot.store.outage`` says,
    and who opted out and what servers chose is known from before. Every other method raises
    `StoreError`; the next call may work.
    """

    def __init__(self, database: Outage, readers: SqliteExecutor, known: Remembered) -> None:
        self._database, self._readers, self._known = database, readers, known

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        busy_seconds: float = files.BUSY_SECONDS,
        patience: float = PATIENCE_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> AsyncIterator[Store]:
        """Open the database, creating or migrating it first; close it in the end.

        Args:
            path: the file, readable by its owner only from now on.
            busy_seconds: how long to wait for another program's lock; where that was in vain,
                nothing waits for as long again.
            patience: seconds for which a file that was deleted is waited for, before it is written anew.
            retry_seconds: between two looks whether a database that is away is back.

        Raises:
            BadStore: it is a folder, not a database, or another program's or a newer version's.
            StoreError: it is locked, or the disk is full.
        """
        known = Remembered()

        def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
            connection = files.open_writer(path, busy_seconds)
            known.load(connection)
            return connection

        writer = SqliteExecutor(path, 1, "BEGIN IMMEDIATE", connect, busy_seconds, patience)
        readers = SqliteExecutor(path, _READERS, "BEGIN", files.open_reader, busy_seconds)
        database = Outage(writer, readers, retry_seconds)
        try:
            await writer.run(lambda _: None)
            yield cls(database, readers, known)
        finally:
            await database.close()
            # The last connection to close folds the write-ahead log into the file.
            await readers.close(CLOSE_SECONDS / 2)
            await writer.close(CLOSE_SECONDS / 2)

    async def settings(self, server: int) -> ServerSettings:
        """A server's choices, the defaults where it made none."""
        try:
            return settings_of(await self._row(_SETTINGS, server))
        except StoreError as error:
            if not is_outage(error):
                raise
            return self._known.servers.get(server, ServerSettings())

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
            before = settings_of(connection.execute(_SETTINGS, (server,)).fetchone())
            after = change(before)
            if after != before:
                connection.execute(
                    "INSERT INTO servers (server, choices) VALUES (?, ?)"
                    " ON CONFLICT DO UPDATE SET choices = excluded.choices",
                    (server, after.to_json()),
                )
            return after

        after = await self._database.write(apply)
        self._known.servers[server] = after
        return after

    async def note_servers(self, servers: Collection[int]) -> int:
        """Note in which servers the bot is: those and no others.

        Returns:
            How many it has left since this was noted last. What is held about them is deleted some
            days later, see ``purge``, unless it is back by then.
        """
        return await self._database.write(partial(places.note_present, servers=servers, now=time.time()))

    async def export_server(self, server: int) -> dict[str, Any]:
        """What is held about a server, and about no person, ready for JSON."""
        return await self._database.read(partial(places.export, server=server))

    async def delete_server(self, server: int) -> int:
        """Delete a server's choices and the outputs there, with their ratings; how many outputs."""
        today = datetime.now(UTC).date().isoformat()
        deleted = await self._database.write(partial(places.delete, server=server, today=today))
        self._known.servers.pop(server, None)
        await self._database.write(_fold_log, alone=True)
        return deleted

    async def opted_out(self, user: int) -> bool:
        """Whether a person wants to be left alone."""
        try:
            return await self._row(_OPTED_OUT, user) is not None
        except StoreError as error:
            if not is_outage(error):
                raise
            return user in self._known.opted_out

    async def set_opted_out(self, user: int, opted_out: bool) -> None:
        """Note that a person wants to be left alone, or no longer."""
        if opted_out:
            await self._change("INSERT OR IGNORE INTO opt_outs VALUES (?, ?)", user, time.time())
        else:
            await self._change("DELETE FROM opt_outs WHERE user = ?", user)
        self._known.set_opted_out(user, opted_out)

    async def add_output(self, output: Output) -> None:
        """Keep a stanza; its server is stored as a pseudonym.

        Raises:
            StoreError: there is an output of this id.
        """
        row = asdict(output) | {
            "keywords": json.dumps(output.keywords, ensure_ascii=False),
            "lines": json.dumps(output.lines, ensure_ascii=False),
        }

        def add(connection: sqlite3.Connection) -> bool:
            # The key of the database that it comes into, which may be another one by then.
            row["server"] = self._known.names.server(output.server)
            connection.execute(_INSERT_OUTPUT, [*row.values()])
            return True

        if not await self._database.write_sometime(add, meanwhile=False):
            self._database.backlog.add_output(output)

    async def attach_message(self, output_id: str, channel: int, message: int) -> None:
        """Note in which message an output was posted; nothing if it was deleted meanwhile."""
        statement = "UPDATE outputs SET channel = ?, message = ? WHERE id = ?"
        await self._sometime(statement, channel, message, output_id)

    async def output(self, output_id: str) -> Output | None:
        """An output by its id."""
        waiting = self._database.backlog.output(output_id)
        return waiting or _output(await self._row("SELECT * FROM outputs WHERE id = ?", output_id))

    async def output_of_message(self, message: int) -> Output | None:
        """The output that a message shows: the latest attached to it."""
        return _output(await self._row(_OF_MESSAGE, message))

    async def direct_channels(self, since: float, most: int) -> list[int]:
        """The direct messages with songs since a time (seconds since 1970), the latest first."""

        def read(connection: sqlite3.Connection) -> list[int]:
            return [row["channel"] for row in connection.execute(_DIRECT, (since, most))]

        return await self._database.read(read)

    async def delete_output(self, output_id: str) -> None:
        """Delete an output and the ratings of it."""
        await self._sometime("DELETE FROM outputs WHERE id = ?", output_id)
        self._database.backlog.forget_output(output_id)

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
            False if the message shows no output, the person has opted out, it does not rate, or
            the database is away, so that nobody knows yet.
        """
        rated_at = time.time()

        def rate(connection: sqlite3.Connection) -> bool:
            output = connection.execute(_OF_MESSAGE, (message,)).fetchone()
            if output is None or connection.execute(_OPTED_OUT, (user,)).fetchone():
                return False
            if not rates(settings_of(connection.execute(_SETTINGS, (server,)).fetchone())):
                return False
            # The gateway may deliver a reaction twice; the first time holds.
            connection.execute(
                "INSERT INTO ratings (output, user, reaction, bot, rated_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (output["id"], user, reaction, is_bot, rated_at),
            )
            return True

        return await self._database.write_sometime(rate, meanwhile=False)

    async def remove_rating(self, message: int, user: int, reaction: str) -> None:
        """Take a rating back; the person's one before it counts again."""
        await self._sometime(f"{_DELETE_RATINGS} AND user = ? AND reaction = ?", message, user, reaction)

    async def clear_ratings(self, message: int, reaction: str | None = None) -> None:
        """Take everybody's ratings of a message back, or only those with one reaction."""
        await self._sometime(f"{_DELETE_RATINGS} AND reaction = coalesce(?, reaction)", message, reaction)

    async def spend(self, user: int, day: str, limit: int) -> bool:
        """Take one from a person's quota of a day.

        Args:
            user: who asks.
            day: ISO date in UTC.
            limit: how many the day has, at least 1.

        Returns:
            False if none is left. Where the database is away, nobody's songs are counted.
        """
        changed = await self._database.try_to_write(
            _statement(
                "INSERT INTO quotas VALUES (?, ?, 1)"
                " ON CONFLICT (user, day) DO UPDATE SET used = used + 1 WHERE used < ?",
                user,
                day,
                limit,
            ),
            otherwise=1,
        )
        return changed > 0

    async def spend_of_server(self, server: int, day: str, limit: int) -> bool:
        """As ``spend``, from a server's quota."""
        changed = await self._database.try_to_write(
            _statement(
                "INSERT INTO server_quotas VALUES (?, ?, 1)"
                " ON CONFLICT (server, day) DO UPDATE SET used = used + 1 WHERE used < ?",
                server,
                day,
                limit,
            ),
            otherwise=1,
        )
        return changed > 0

    async def refund(self, user: int, day: str, server: int | None = None) -> None:
        """Give one back that was spent in vain; where the database is away, none was.

        Args:
            user: whose quota it goes to.
            day: that it was taken from.
            server: whose quota it goes to as well.
        """
        for table, key, whose in (("quotas", "user", user), ("server_quotas", "server", server)):
            statement = f"UPDATE {table} SET used = used - 1 WHERE {key} = ? AND day = ? AND used > 0"  # noqa: S608
            if whose is not None:
                await self._database.try_to_write(_statement(statement, whose, day), otherwise=0)

    async def add_job(self, job: JobRecord) -> None:
        """Note how a request went; where the database is away, nothing is noted."""
        row = (job.id, job.user, job.kind, job.status, job.created, json.dumps(dict(job.seconds)))
        insert = _statement("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?)", *row)
        await self._database.try_to_write(insert, otherwise=0)

    async def get(self, key: str) -> str | None:
        """A value the program keeps for itself."""
        row = await self._row("SELECT value FROM meta WHERE key = ?", key)
        return None if row is None else str(row["value"])

    async def put(self, key: str, value: str) -> None:
        """Keep a value for the program itself."""
        await self._change("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    async def export_user(self, user: int) -> dict[str, Any]:
        """Everything held about a person: rows by table, ready for JSON."""
        return await self._database.read(partial(people.export_user, user=user))

    async def count_user(self, user: int) -> dict[str, int]:
        """How many rows are held about a person, by table."""
        return await self._database.read(partial(people.count_user, user=user))

    async def delete_user(self, user: int) -> int:
        """Delete what is held about a person: outputs of theirs and about their pictures, with all ratings
        of them, their ratings, quotas, jobs.

        Whether they opted out is kept, without which the bot would start to answer them again,
        and so is what they used of today's quota, which this would otherwise give back.

        Returns:
            How many rows there were, not counting others' ratings.
        """
        today = datetime.now(UTC).date().isoformat()
        deleted = await self._database.write(partial(people.delete_user, user=user, today=today))
        await self._database.write(_fold_log, alone=True)
        return deleted

    async def stats(self, server: int | None) -> Stats:
        """Tallies of a server (None: of direct messages) and of everything."""
        return await self._database.read(partial(rating_queries.stats, server=server))

    async def purge(
        self, now: float, keep_outputs_days: int, keep_jobs_days: int, keep_left_days: int
    ) -> int:
        """Delete what has been kept long enough: outputs with their ratings, jobs, quotas of past days.

        Args:
            now: seconds since 1970.
            keep_outputs_days: for outputs and ratings.
            keep_jobs_days: for jobs.
            keep_left_days: for all that is held about a server, once the bot has left it.

        Returns:
            How many rows were deleted, not counting ratings and servers that the bot has left.
        """
        left = partial(places.purge_left, now=now, keep_days=keep_left_days)
        for server in await self._database.write(left):
            self._known.servers.pop(server, None)
        job = partial(
            people.purge, now=now, keep_outputs_days=keep_outputs_days, keep_jobs_days=keep_jobs_days
        )
        deleted = await self._database.write(job)
        await self._database.write(_fold_log, alone=True)
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

        return await self._database.read(read)

    async def _change(self, statement: str, *values: object) -> int:
        """How many rows were changed."""
        return await self._database.write(_statement(statement, *values))

    async def _sometime(self, statement: str, *values: object) -> None:
        """Change rows now, or once the database is back."""
        await self._database.write_sometime(_statement(statement, *values), meanwhile=0)


def _statement(statement: str, *values: object) -> Callable[[sqlite3.Connection], int]:
    """A job that changes rows; it gives how many."""
    return lambda connection: connection.execute(statement, values).rowcount


def _output(row: sqlite3.Row | None) -> Output | None:
    if row is None:
        return None
    values = {field.name: row[COLUMNS.get(field.name, field.name)] for field in fields(Output)}
    lists = {key: tuple(json.loads(values[key])) for key in ("keywords", "lines")}
    flags = {key: bool(values[key]) for key in ("spoiler", "private")}
    return Output(**values | lists | flags | {"server": None})


def _fold_log(connection: sqlite3.Connection) -> None:
    """Empty the write-ahead log into the file, so that no deleted row lingers in it.

    Where a reader still needs the log, a later call does it.
    """
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
