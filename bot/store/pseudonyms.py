"""Names that tell servers and people apart without saying who they are."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3

from bot.store.schema import PSEUDONYM_KEY

# 64 bits: far too many for two servers to share a name.
_DIGITS = 16


class Pseudonyms:
    """HMAC-SHA256 under the database's own key, cut short.

    Discord's ids can be counted through, so that a hash without a key would hide nothing.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (PSEUDONYM_KEY,)).fetchone()
        self._key = bytes.fromhex(row[0])

    def server(self, server: int | None) -> str | None:
        """A server's name, None for a direct message."""
        return None if server is None else self._name("server", server)

    def person(self, user: int) -> str:
        """A person's name."""
        return self._name("person", user)

    def _name(self, kind: str, number: int) -> str:
        digest = hmac.new(self._key, f"{kind} {number}".encode(), hashlib.sha256).hexdigest()
        # The prefix keeps a table reader from taking a name such as 12345e6 for a number.
        return f"{kind}-{digest[:_DIGITS]}"
