"""What other commands wrote down, read for the page: training logs, result files, ratings."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import BadInput
from training.evaluation.report.charts import (
    Curve,
    Estimate,
    IntervalChart,
    LineChart,
    interval_chart,
    line_chart,
    number,
    percent,
)
from training.evaluation.results import compare, load

# What a loss may be drawn over, the most telling first, and what a column of losses is called.
_PROGRESS = ("characters", "steps", "step", "epochs", "epoch", "minutes")
_LOSSES = ("train", "dev", "val", "test", "loss", "nats", "bits")
_SCORES = ("bleu1", "bleu4", "rouge", "cider")
# What a temperature study measures, and which measures can share a scale.
_MEASURES = {
    "Quality": {
        "dictionary_words": "English words",
        "whole": "hold together",
        "ended": "end by themselves",
        "repeated_4grams": "repeated 4-grams",
    },
    "Diversity": {
        "distinct_1": "distinct words",
        "distinct_2": "distinct pairs",
        "novel_20grams": "novel 20-grams",
    },
    "Surprise, nats a character": {"nats_per_char": "by the model itself"},
}
_SHARES = ((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %"))
_RHOS = ((-1.0, "−1"), (0.0, "0"), (1.0, "1"))
# Of anything that can be drawn: differences of larger numbers overflow.
_LARGEST = 1e100
_CORRELATIONS = "Rank correlation with the share of positive ratings"

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """Cells as they are shown; the first column names the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Study:
    """A temperature study: a chart a measure, and all figures."""

    heading: str
    charts: tuple[LineChart, ...]
    table: Table


@dataclass(frozen=True)
class Ratings:
    """What people thought: how many they were, estimates with intervals, and tables."""

    counts: str
    charts: tuple[IntervalChart, ...]
    tables: tuple[Table, ...]


def read_log(path: Path) -> list[LineChart]:
    """The losses of a training log, and its caption scores: a CSV file with headings, as runs keep it.

    Raises:
        BadInput: the file cannot be read, or has no losses.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a CSV file.") from error
    columns = [name for name in rows[0] if name] if rows else []
    x = next((name for request in _PROGRESS for name in columns if name.strip().lower() == request), None)
    run = path.parent.name if path.name == "log.csv" and path.parent.name else path.stem
    charts = []
    for title, words in ((run, _LOSSES), (f"{run}: dev, times 100", _SCORES)):
        curves = [
            Curve(name.strip().replace("_", " "), points)
            for name in columns
            if name != x and any(word in name.lower() for word in words)
            if (points := list(_points(rows, x, name)))
        ]
        if curves:
            charts.append(line_chart(title, (x or "row").strip().lower(), curves))
    if not charts:
        raise BadInput(f"{path} has no losses: expected a CSV file with columns such as step, train and dev.")
    return charts


def read_results(paths: Sequence[Path]) -> tuple[list[Study], Table | None]:
    """Result files -> their temperature studies, and their single figures side by side.

    Raises:
        BadInput: a file cannot be read or is no result.
    """
    results = {name: load(path) for name, path in zip(_names(paths), paths, strict=True)}
    studies = [_study(name, result) for name, result in results.items() if _is_study(result)]
    # What a study found is in its charts.
    plain = {name: result for name, result in results.items() if not _is_study(result)}
    rows = tuple(
        (key.replace("_", " "), *map(_text, values.values()))
        for key, values in compare(plain).items()
        if any(_finite(value) is not None for value in values.values())
    )
    return studies, Table("Figures by result file", ("measure", *plain), rows) if rows else None


def _is_study(result: Mapping[str, Any]) -> bool:
    rows = _lists(result).get("rows", [])
    return any("temperature" in row for row in rows)


def _study(name: str, result: Mapping[str, Any]) -> Study:
    """See ``training.evaluation.temperature.study``."""
    rows, human = result["rows"], result.get("corpus")
    lost = _finite(result.get("structure_lost_at"))
    charts = []
    for title, measures in _MEASURES.items():
        curves = [
            Curve(label, points, _finite(human.get(key)) if isinstance(human, Mapping) else None)
            for key, label in measures.items()
            if (points := list(_points(rows, "temperature", key)))
        ]
        if curves:
            mark = None if lost is None else (lost, "structure lost")
            charts.append(line_chart(title, "temperature", curves, mark))
    return Study(name, tuple(charts), _table("All figures by temperature", rows))


def read_ratings(path: Path) -> Ratings:
    """The result of ``evaluate ratings``; see ``training.evaluation.rating_analysis.study``.

    Raises:
        BadInput: the file cannot be read or is no result.
    """
    result = load(path)
    lists = {name: rows for name, rows in _lists(result).items() if rows}
    charts = []
    for name, rows in lists.items():
        if any("share" in row for row in rows):
            shares = [_estimate(row, "share", "ratings", percent) for row in rows]
            charts.append(interval_chart(_title(name), shares, (0, 1), _SHARES))
        elif any("rho" in row for row in rows):
            rhos = [_estimate(row, "rho", "stanzas", "{:.2f}".format) for row in rows]
            charts.append(interval_chart(_CORRELATIONS, rhos, (-1, 1), _RHOS))
    if not charts:
        raise BadInput(f"{path} holds no ratings: expected the result of `songwriter evaluate ratings`.")
    counts = [
        f"{result[key]:,} {key}" for key in ("ratings", "stanzas", "people") if _is_count(result.get(key))
    ]
    return Ratings(
        ", ".join(counts), tuple(charts), tuple(_table(_title(name), rows) for name, rows in lists.items())
    )


def _estimate(row: Mapping[str, Any], key: str, size: str, shown: Callable[[float], str]) -> Estimate:
    """One row: its first cell is its name; without figures it has a note that says why."""
    label = _text(next(iter(row.values()))).replace("_", " ")
    low, middle, high = (_finite(row.get(name)) for name in ("low", key, "high"))
    if low is None or middle is None or high is None:
        return Estimate(label, None, f"{_text(row.get('note'))}: {_text(row.get(size))}")
    return Estimate(label, (low, middle, high), f"{shown(middle)} of {_text(row.get(size))}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _lists(result: Mapping[str, Any], prefix: str = "") -> dict[str, Rows]:
    """Lists of objects by name, also of nested objects."""
    found: dict[str, Rows] = {}
    for key, value in result.items():
        if isinstance(value, Mapping):
            found |= _lists(value, f"{prefix}{key} ")
        elif isinstance(value, list) and value and all(isinstance(row, Mapping) and row for row in value):
            found[prefix + key] = value
    return found


def _table(title: str, rows: Rows) -> Table:
    keys = tuple(dict.fromkeys(key for row in rows for key in row))
    cells = tuple(tuple(_text(row.get(key)) for key in keys) for row in rows)
    return Table(title, tuple(key.replace("_", " ") for key in keys), cells)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "–" if _finite(value) is None else number(value)
    if isinstance(value, list):
        return " to ".join(map(_text, value))
    return str(value)


def _names(paths: Sequence[Path]) -> list[str]:
    """What tells the files apart: their stems, or whole paths where stems are alike."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]


def _points(rows: Rows, x: str | None, y: str) -> Iterator[tuple[float, float]]:
    """Where both are finite numbers; a line that was cut off is none."""
    for place, row in enumerate(rows):
        at, value = (place + 1.0 if x is None else _finite(row.get(x))), _finite(row.get(y))
        if at is not None and value is not None:
            yield at, value


def _finite(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) <= _LARGEST and not isinstance(value, bool) else None
