"""Commands of the host: what people's ratings say, and a backup of the database."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.console import config_option, load_settings, polite, reading_database
from model.errors import BadInput
from model.files import write_whole

if TYPE_CHECKING:
    from training.evaluation.ratings import Counted, Rating, Scale

# https://sqlite.org/fileformat2.html#magic_header_string
_SQLITE = b"SQLite format 3\0"

# The rating reactions of the servers that chose their own, the best first.
Chosen = Mapping[str | None, Sequence[str]]


@click.group()
def ratings() -> None:
    """What people thought of the stanzas."""


@ratings.command("export")
@config_option
@click.option(
    "--format", "kind", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True,
    help="A table, or one JSON object a line.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None,
    help="Write to this file, whole or not at all. Default: to the terminal.",
)  # fmt: skip
@polite
def export(config_path: Path | None, kind: str, output: Path | None) -> None:
    """Write one row for each person who rated a stanza: what they thought, and how to write it again.

    People and servers appear under pseudonyms. Columns that look like numbers but are
    names, and words such as "none", stay what they are if pandas reads the rows with

    \b
    pandas.read_csv(FILE, keep_default_na=False, parse_dates=["rated_at", "created"],
                    dtype={"output": str, "captioner": str, "generator": str})
    pandas.read_json(FILE, lines=True, dtype=False).astype(
        {"rated_at": "datetime64[ms, UTC]", "created": "datetime64[ms, UTC]"})
    """  # noqa: D301 - a real backspace: click leaves the paragraph after it as it is
    from bot.store.rating_queries import COLUMNS, rating_rows

    with reading_database(load_settings(config_path).store.path) as connection:
        rows = list(rating_rows(connection))
    data = (_csv(rows, COLUMNS) if kind == "csv" else _jsonl(rows)).encode()
    if output is None:
        click.echo(data, nl=False)
    else:
        write_whole(output, data)


@ratings.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@polite
def summary(config_path: Path | None, as_json: bool) -> None:
    """Say how many ratings are positive, by temperature and mood.

    Positive is the first of the server's rating reactions. Self-ratings, bots' and
    those with other reactions are left out and counted. The intervals are Wilson's at 95 %
    and take ratings as independent, which several by one person are not quite.
    """
    from training.evaluation.ratings import Scale

    config = load_settings(config_path)
    found, chosen = _read_database(config.store.path)
    best, *others = config.discord.reactions
    summarised = summarise(found, Scale(chosen, (best,), others))
    click.echo(json.dumps(summarised) if as_json else _table(summarised))


@click.command()
@config_option
@click.argument("target", type=click.Path(path_type=Path))
@polite
def backup(config_path: Path | None, target: Path) -> None:
    """Copy the bot's database to the new file TARGET, also while the bot runs."""
    from bot.store.files import back_up

    with reading_database(load_settings(config_path).store.path) as connection:
        back_up(connection, target)


def read_ratings(file: Path) -> tuple[list[Rating], Chosen]:
    """The ratings of a file: the bot's database, or an export of it.

    Returns:
        the ratings, and the reactions of the servers that chose their own; an export does not
        know of these.

    Raises:
        BadInput: the file cannot be read, or is neither.
        BadStore: the database cannot be used.
    """
    from training.evaluation.ratings import read_export

    return _read_database(file) if _is_database(file) else (read_export(file), {})


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from error


def _read_database(file: Path) -> tuple[list[Rating], Chosen]:
    from bot.store.rating_queries import rating_rows, reactions_by_server
    from training.evaluation.ratings import ratings_of

    with reading_database(file) as connection:
        return ratings_of(rating_rows(connection), file), reactions_by_server(connection)


def summarise(found: Iterable[Rating], scale: Scale) -> dict[str, Any]:
    """Ratings -> what ``ratings summary --json`` prints: shares of positive ones."""
    from training.evaluation.ratings import Count, cells, temperature_range

    count = Count.of(found, scale)
    return {
        "outputs": count.stanzas,
        **_share(count.counted),
        "left_out": {
            "self": count.self_ratings,
            "bot": count.bots,
            "other_reaction": sum(count.other_reactions.values()),
        },
        "by_temperature": [
            {"from": low, "to": high, **_share(cell)}
            for (low, high), cell in cells(count.counted, temperature_range).items()
        ],
        "by_mood": [
            {"mood": mood or None, **_share(cell)}
            for mood, cell in cells(count.counted, lambda rating: rating.mood).items()
        ],
    }


def _share(counted: Counted) -> dict[str, Any]:
    from training.evaluation.ratings import positive_share

    return {"ratings": len(counted), **positive_share(counted)}


def _table(found: Mapping[str, Any]) -> str:
    out = found["left_out"]
    lines = [
        f"Ratings: {found['ratings']}, of stanzas: {found['outputs']}. Left out: self-ratings {out['self']}, "
        f"bots' {out['bot']}, other reactions {out['other_reaction']}.",
    ]
    if found["ratings"]:
        rows = [("all", found)]
        rows += [(f"temperature {row['from']} to {row['to']}", row) for row in found["by_temperature"]]
        rows += [(f"mood {row['mood'] or 'none'}", row) for row in found["by_mood"]]
        lines += ["", f"{'':24}{'ratings':>8}{'positive':>10}{'share':>8}  95 % interval"]
        lines += [
            f"{name:24}{row['ratings']:8}{row['positive']:10}{row['share']:8.0%}"
            f"  {row['low']:.0%} to {row['high']:.0%}"
            for name, row in rows
        ]
    return "\n".join(lines)


def _csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "keywords": ", ".join(row["keywords"])} for row in rows)
    return text.getvalue()


def _jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
