"""Ratings as they count: once a person and output, the latest one."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bot.store.pseudonyms import Pseudonyms
from bot.store.reactions import given, meant
from bot.store.records import ServerSettings, Stats, Tally

# The other columns are those of the row with max(id): https://sqlite.org/lang_select.html#bareagg.
_COUNTED = "SELECT max(id), output, user, reaction, bot, rated_at FROM ratings GROUP BY output, user"
_ROWS = f"""
    SELECT outputs.*, rating.user AS rater, reaction, bot, rated_at
    FROM ({_COUNTED}) AS rating JOIN outputs ON outputs.id = rating.output
    ORDER BY rated_at, outputs.id, rater
"""  # noqa: S608
_SONGS = "SELECT count(*), coalesce(sum(server IS ?), 0) FROM outputs"
_REACTIONS = f"""
    SELECT reaction, count(*), sum(server IS ?)
    FROM ({_COUNTED}) AS rating JOIN outputs ON outputs.id = rating.output
    WHERE NOT bot AND rating.user <> outputs.user
    GROUP BY reaction ORDER BY count(*) DESC, reaction
"""  # noqa: S608

COLUMNS = (
    "output", "person", "server", "reaction", "self_rating", "bot", "rated_at", "created", "caption",
    "keywords", "text", "line_count", "seed", "style", "mood", "temperature", "random_seed", "captioner",
    "generator", "recipe",
)  # fmt: skip


def rating_rows(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """One row for each person who rated an output, oldest first, with the keys of `COLUMNS`.

    People and servers are pseudonyms that stay the same from export to export; times are ISO
    8601 in UTC.
    """
    names = Pseudonyms(connection)
    for row in connection.execute(_ROWS):
        lines = json.loads(row["lines"])
        known = {
            "output": row["id"],
            "person": names.person(row["rater"]),
            "reaction": meant(row["reaction"]),
            "self_rating": row["rater"] == row["user"],
            "bot": bool(row["bot"]),
            "rated_at": _iso(row["rated_at"]),
            "created": _iso(row["created"]),
            "keywords": json.loads(row["keywords"]),
            "text": "\n".join(lines),
        }
        yield {column: known[column] if column in known else row[column] for column in COLUMNS}


def reactions_by_server(connection: sqlite3.Connection) -> dict[str | None, tuple[str, ...]]:
    """The rating reactions of the servers that chose their own, by the server's pseudonym."""
    names = Pseudonyms(connection)
    rows = connection.execute("SELECT server, choices FROM servers")
    chosen = {names.server(row["server"]): ServerSettings.from_json(row["choices"]).reactions for row in rows}
    return {server: reactions for server, reactions in chosen.items() if reactions is not None}


def stats(connection: sqlite3.Connection, server: int | None) -> Stats:
    """Tallies of a server (None: of direct messages) and of everything."""
    name = Pseudonyms(connection).server(server)
    songs, songs_here = connection.execute(_SONGS, (name,)).fetchone()
    ratings = connection.execute(_REACTIONS, (name,)).fetchall()
    return Stats(
        here=Tally(songs_here, _tallied((reaction, here) for reaction, _, here in ratings if here)),
        everywhere=Tally(songs, _tallied((reaction, total) for reaction, total, _ in ratings)),
    )


def _tallied(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Reactions that count as one together, shown as the first of them was given."""
    shown: dict[str, str] = {}
    found: Counter[str] = Counter()
    for reaction, count in counts:
        found[shown.setdefault(meant(reaction), given(reaction))] += count
    return dict(found.most_common())


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
