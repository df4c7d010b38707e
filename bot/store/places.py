"""What is held about a server: noting whether the bot is there, showing it to its managers, deleting it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from typing import Any

from bot.store.people import kept_since
from bot.store.pseudonyms import Pseudonyms

# What of a song concerns the server in which everybody could read it, and nobody in particular.
_SONGS = """
    SELECT id, channel, message, created, caption, keywords, lines, seed, style, mood, temperature, spoiler
    FROM outputs WHERE server = ? AND NOT private ORDER BY created
"""
_RATINGS = "SELECT reaction, count(*) FROM ratings WHERE output = ? GROUP BY reaction ORDER BY reaction"


def note_present(connection: sqlite3.Connection, servers: Collection[int], now: float) -> int:
    """Note in which servers the bot is, and since when it is no longer in the others.

    Args:
        connection: in a transaction.
        servers: all of them.
        now: seconds since 1970.

    Returns:
        How many it has left since this was noted last.
    """
    present = json.dumps([*servers])
    connection.execute(
        "INSERT INTO servers (server, choices) SELECT value, '{}' FROM json_each(?) WHERE true"
        " ON CONFLICT DO UPDATE SET left_at = NULL",
        (present,),
    )
    return connection.execute(
        "UPDATE servers SET left_at = ?"
        " WHERE left_at IS NULL AND server NOT IN (SELECT value FROM json_each(?))",
        (now, present),
    ).rowcount


def export(connection: sqlite3.Connection, server: int) -> dict[str, Any]:
    """What is held about a server, ready for JSON: nothing of whose songs and ratings these are.

    Songs that only one person saw are that person's, and not in it.
    """
    row = connection.execute("SELECT * FROM servers WHERE server = ?", (server,)).fetchone()
    quotas = connection.execute("SELECT day, used FROM server_quotas WHERE server = ?", (server,))
    songs = []
    for song in connection.execute(_SONGS, (Pseudonyms(connection).server(server),)).fetchall():
        lists = {key: json.loads(song[key]) for key in ("keywords", "lines")}
        ratings = connection.execute(_RATINGS, (song["id"],)).fetchall()
        songs.append({**song, **lists, "ratings": dict(ratings)})
    return {
        "server": server,
        "settings": {} if row is None else json.loads(row["choices"]),
        "left_at": None if row is None else row["left_at"],
        "quotas": [{**quota} for quota in quotas],
        "songs": songs,
    }


def delete(connection: sqlite3.Connection, server: int, today: str) -> int:
    """Delete a server's settings and all songs that were asked for there, with their ratings.

    What it has used of today's quota is kept: otherwise this would give it back.

    Args:
        connection: in a transaction.
        server: whose.
        today: ISO date in UTC.

    Returns:
        How many songs there were.
    """
    connection.execute("UPDATE servers SET choices = '{}' WHERE server = ?", (server,))
    connection.execute("DELETE FROM server_quotas WHERE server = ? AND day <> ?", (server, today))
    name = Pseudonyms(connection).server(server)
    return connection.execute("DELETE FROM outputs WHERE server = ?", (name,)).rowcount


def purge_left(connection: sqlite3.Connection, now: float, keep_days: int) -> list[int]:
    """Delete everything about the servers that the bot left so many days ago; which they were."""
    rows = connection.execute(
        "SELECT server FROM servers WHERE left_at < ?", (kept_since(now, keep_days),)
    ).fetchall()
    for (server,) in rows:
        delete(connection, server, today="")
        connection.execute("DELETE FROM servers WHERE server = ?", (server,))
    return [server for (server,) in rows]
