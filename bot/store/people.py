"""What a person may ask of the database: to see it, to have it deleted, to have it end."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

# Every table with a column `user`. The choice to be left alone outlives a deletion.
_OPT_OUTS = "opt_outs"
_QUOTAS = "quotas"
_TABLES = (_OPT_OUTS, "ratings", "outputs", _QUOTAS, "jobs")
_JSON = ("keywords", "lines", "seconds")
# What is held about somebody in outputs that others asked for. The rest of those rows is the others'.
_CAPTIONS = "FROM outputs WHERE author = :user AND user <> :user"
_DAY = 24 * 60 * 60


def export_user(connection: sqlite3.Connection, user: int) -> dict[str, Any]:
    """Everything held about a person: rows by table, ready for JSON."""
    held: dict[str, Any] = {"user": user}
    for table in _TABLES:
        rows = connection.execute(f"SELECT * FROM {table} WHERE user = ?", (user,))  # noqa: S608
        held[table] = [_readable(row) for row in rows]
    captions = connection.execute(f"SELECT id, caption, created {_CAPTIONS}", {"user": user})
    held["captions"] = [_readable(row) for row in captions]
    return held


def count_user(connection: sqlite3.Connection, user: int) -> dict[str, int]:
    """How many rows are held about a person, by table."""
    counts = {}
    for table in _TABLES:
        found = connection.execute(f"SELECT count(*) FROM {table} WHERE user = ?", (user,))  # noqa: S608
        (counts[table],) = found.fetchone()
    (counts["captions"],) = connection.execute(f"SELECT count(*) {_CAPTIONS}", {"user": user}).fetchone()
    return counts


def delete_user(connection: sqlite3.Connection, user: int, today: str) -> int:
    """Delete what is held about a person, with outputs about their pictures, and all ratings of both.

    Two things are kept. Whether they opted out: without it the bot would start to answer them
    again. And how much of today's quota is used: otherwise this would give it back.

    Args:
        connection: in a transaction.
        user: whose.
        today: ISO date in UTC.

    Returns:
        How many rows there were, not counting others' ratings.
    """
    deleted = connection.execute("DELETE FROM quotas WHERE user = ? AND day <> ?", (user, today)).rowcount
    deleted += connection.execute(f"DELETE {_CAPTIONS}", {"user": user}).rowcount
    return deleted + sum(
        connection.execute(f"DELETE FROM {table} WHERE user = ?", (user,)).rowcount  # noqa: S608
        for table in _TABLES
        if table not in (_OPT_OUTS, _QUOTAS)
    )


def kept_since(now: float, days: int) -> float:
    """When the oldest row was made that is kept for so many days, in seconds since 1970 as ``now``."""
    return now - days * _DAY


def purge(connection: sqlite3.Connection, now: float, keep_outputs_days: int, keep_jobs_days: int) -> int:
    """Delete what has been kept long enough; ratings go with their output.

    Args:
        connection: in a transaction.
        now: seconds since 1970.
        keep_outputs_days: for outputs and ratings.
        keep_jobs_days: for jobs.

    Returns:
        How many rows were deleted, not counting ratings.
    """
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    return sum(
        connection.execute(statement, (oldest,)).rowcount
        for statement, oldest in (
            ("DELETE FROM outputs WHERE created < ?", kept_since(now, keep_outputs_days)),
            ("DELETE FROM jobs WHERE created < ?", kept_since(now, keep_jobs_days)),
            ("DELETE FROM quotas WHERE day < ?", today),
            ("DELETE FROM server_quotas WHERE day < ?", today),
        )
    )


def _readable(row: sqlite3.Row) -> dict[str, Any]:
    return {key: json.loads(row[key]) if key in _JSON else row[key] for key in row.keys()}  # noqa: SIM118
