"""What has to hold even where the database cannot be read: who opted out, and what servers chose."""

from __future__ import annotations

import sqlite3

from bot.store.pseudonyms import Pseudonyms
from bot.store.records import ServerSettings


class Remembered:
    """A copy of two small tables, of the time when the database was last connected or changed.

    Attributes:
        names: pseudonyms under the database's key.
        opted_out: people who want to be left alone.
        servers: the choices of servers that made any.
    """

    names: Pseudonyms

    def __init__(self) -> None:
        self.opted_out: set[int] = set()
        self.servers: dict[int, ServerSettings] = {}

    def load(self, connection: sqlite3.Connection) -> None:
        """Read everything; it runs in the thread of a connection that was just made."""
        self.names = Pseudonyms(connection)
        self.opted_out = {row["user"] for row in connection.execute("SELECT user FROM opt_outs")}
        rows = connection.execute("SELECT * FROM servers").fetchall()
        self.servers = {row["server"]: settings_of(row) for row in rows}

    def set_opted_out(self, user: int, opted_out: bool) -> None:
        """Note what was just stored."""
        (self.opted_out.add if opted_out else self.opted_out.discard)(user)


def settings_of(row: sqlite3.Row | None) -> ServerSettings:
    """A row of the table of servers; the defaults where there is none."""
    return ServerSettings() if row is None else ServerSettings.from_json(row["choices"])
