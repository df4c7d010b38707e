"""How a song that was posted is written again, for whoever hosts the bot."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

_SONG = """
    SELECT recipe, author IS NOT NULL AND author IN (SELECT user FROM opt_outs) AS left_alone
    FROM outputs WHERE id = ? AND created >= ?
"""


@dataclass(frozen=True)
class Kept:
    """What is kept of a song.

    Attributes:
        recipe: see ``model.recipe``; None for those from before there were any.
        left_alone: whoever posted its picture has opted out since.
    """

    recipe: str | None
    left_alone: bool


def find(connection: sqlite3.Connection, output: str, since: float) -> Kept | None:
    """A song by its id; None where it is not there, or older than ``since``, in seconds since 1970."""
    row = connection.execute(_SONG, (output, since)).fetchone()
    return None if row is None else Kept(row["recipe"], bool(row["left_alone"]))
