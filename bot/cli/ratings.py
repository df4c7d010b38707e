"""Commands of the host: what people's ratings say, and a backup of the database."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bot.cli.console import config_option, load_settings, polite, reading_database
from model.files import write_whole

# The default temperature, 0.4, is the middle of its bucket.
_FIRST_BUCKET, _BUCKET = 0.1, 0.2


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
    from bot.store.rating_queries import rating_rows, reactions_by_server

    config = load_settings(config_path)
    with reading_database(config.store.path) as connection:
        chosen = reactions_by_server(connection)
        found = summarise(rating_rows(connection), chosen, config.discord.reactions)
    click.echo(json.dumps(found) if as_json else _table(found))


@click.command()
@config_option
@click.argument("target", type=click.Path(path_type=Path))
@polite
def backup(config_path: Path | None, target: Path) -> None:
    """Copy the bot's database to the new file TARGET, also while the bot runs."""
    from bot.store.files import back_up

    with reading_database(load_settings(config_path).store.path) as connection:
        back_up(connection, target)


@dataclass(frozen=True)
class Share:
    """How many of some ratings are positive."""

    ratings: int
    positive: int

    def report(self) -> dict[str, float | int | None]:
        """The counts, their quotient and its interval; None where there are no ratings."""
        from training.evaluation.intervals import wilson

        low, high = wilson(self.positive, self.ratings) if self.ratings else (None, None)
        share = self.positive / self.ratings if self.ratings else None
        return {
            "ratings": self.ratings,
            "positive": self.positive,
            "share": share,
            "low": low,
            "high": high,
        }


def summarise(
    rows: Iterable[Mapping[str, Any]],
    chosen: Mapping[str | None, Sequence[str]],
    default: Sequence[str],
) -> dict[str, Any]:
    """Rating rows -> shares of positive ratings.

    Args:
        rows: as `bot.store.rating_queries.rating_rows` gives them.
        chosen: rating reactions by server, for those that chose their own; the best first.
        default: the others' reactions.

    Returns:
        What ``ratings summary --json`` prints.
    """
    left_out = Counter({"self": 0, "bot": 0, "other_reaction": 0})
    by_temperature: Counter[tuple[int, bool]] = Counter()
    by_mood: Counter[tuple[str | None, bool]] = Counter()
    outputs = set()
    for row in rows:
        reactions = chosen.get(row["server"], default)
        if row["bot"] or row["self_rating"]:
            left_out["bot" if row["bot"] else "self"] += 1
        elif row["reaction"] not in reactions:
            left_out["other_reaction"] += 1
        else:
            positive = row["reaction"] == reactions[0]
            by_temperature[_bucket(row["temperature"]), positive] += 1
            by_mood[row["mood"], positive] += 1
            outputs.add(row["output"])
    return {
        "outputs": len(outputs),
        **Share(by_mood.total(), sum(by_mood[key] for key in by_mood if key[1])).report(),
        "left_out": dict(left_out),
        "by_temperature": [
            {
                "from": round(_FIRST_BUCKET + number * _BUCKET, 1),
                "to": round(_FIRST_BUCKET + (number + 1) * _BUCKET, 1),
                **_share(by_temperature, number).report(),
            }
            for number in sorted({number for number, _ in by_temperature})
        ],
        "by_mood": [
            {"mood": mood, **_share(by_mood, mood).report()}
            for mood in sorted({mood for mood, _ in by_mood}, key=lambda mood: mood or "")
        ],
    }


def _share(counts: Counter[Any], key: object) -> Share:
    return Share(counts[key, True] + counts[key, False], counts[key, True])


def _bucket(temperature: float) -> int:
    # 0.3 is stored a hair below three tenths and still belongs to the bucket that starts there.
    return math.floor((temperature - _FIRST_BUCKET) / _BUCKET + 1e-9)


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
