"""What a person may ask of the database: to see it, to have it deleted, to have it end."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

# Every table with a column `user`. The choice to be left alone outlives a deletion.
_OPT_OUTS = "opt_outs"
_TABLES = (_OPT_OUTS, "ratings", "outputs", "quotas", "jobs")
_JSON = ("keywords", "lines", "seconds")
# Today's and, as people live in other time zones, yesterday's.
_QUOTA_DAYS = 2
_DAY = 24 * 60 * 60


def export_user(connection: sqlite3.Connection, user: int) -> dict[str, Any]:
    """Everything held about a person: rows by table, ready for JSON."""
    held: dict[str, Any] = {"user": user}
    for table in _TABLES:
        rows = connection.execute(f"SELECT * FROM {table} WHERE user = ?", (user,))  # noqa: S608
        held[table] = [_readable(row) for row in rows]
    return held


def delete_user(connection: sqlite3.Connection, user: int) -> int:
    """Delete what is held about a person, ratings by others of their outputs included.

    Whether they opted out is kept: without it the bot would start to answer them again.

    Returns:
        How many rows there were, not counting others' ratings.
    """
    return sum(
        connection.execute(f"DELETE FROM {table} WHERE user = ?", (user,)).rowcount  # noqa: S608
        for table in _TABLES
        if table != _OPT_OUTS
    )


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
    oldest_quota = datetime.fromtimestamp(now, UTC).date() - timedelta(days=_QUOTA_DAYS - 1)
    return sum(
        connection.execute(statement, (oldest,)).rowcount
        for statement, oldest in (
            ("DELETE FROM outputs WHERE created < ?", now - keep_outputs_days * _DAY),
            ("DELETE FROM jobs WHERE created < ?", now - keep_jobs_days * _DAY),
            ("DELETE FROM quotas WHERE day < ?", oldest_quota.isoformat()),
        )
    )


def _readable(row: sqlite3.Row) -> dict[str, Any]:
    return {key: json.loads(row[key]) if key in _JSON else row[key] for key in row.keys()}  # noqa: SIM118
