"""Results that say where they come from: written, read and put side by side.

``stamped`` adds one key, ``provenance``, to the figures of a measurement. Undefined figures are
``None``, never NaN: a result is strict JSON. ``bot/cli/measurement.py`` prints and saves them.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.files import write_whole

PROVENANCE = "provenance"
# Hex digits of a SHA-256 that are kept.
_DIGITS = 16
_MISSING = "-"
# Characters of a cell; of longer ones (paths) the end says most.
_WIDTH = 32


def stamped(
    figures: Mapping[str, Any],
    inputs: Mapping[str, Path | Sequence[Path]],
    seed: int | None = None,
) -> dict[str, Any]:
    """The figures, and what somebody needs to get them again.

    Args:
        figures: what was measured; must be JSON.
        inputs: role -> file, or files that count as one (the pictures of a folder). Checkpoints
            and lexicon included.
        seed: of all draws; None where nothing was drawn.

    Returns:
        the figures and ``"provenance": {"command", "seed", "version", "inputs": {role:
        {"path", "sha256"}}}``; ``sha256`` has the first 16 hex digits.

    Raises:
        BadInput: an input cannot be read.
    """
    return {
        **figures,
        PROVENANCE: {
            "command": _printable(shlex.join(["songwriter", *sys.argv[1:]])),
            "random_seed": seed,
            "version": version("neural-songwriter"),
            "inputs": {role: _described(files) for role, files in inputs.items()},
        },
    }


def digest(files: Path | Sequence[Path]) -> str:
    """First 16 hex digits of a file's SHA-256; of several files, that of their names and digests.

    Raises:
        BadInput: a file cannot be read.
    """
    if isinstance(files, Path):
        return _sha256(files)[:_DIGITS]
    listing = "".join(f"{_sha256(path)}  {path.name}\n" for path in sorted(files))
    return hashlib.sha256(listing.encode(errors="surrogateescape")).hexdigest()[:_DIGITS]


def save(result: Mapping[str, Any], path: Path) -> None:
    """Write a result whole, as indented JSON."""
    write_whole(path, (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows whole, as JSON lines."""
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def load(path: Path) -> dict[str, Any]:
    """Read what ``save`` or ``--json`` wrote.

    Raises:
        BadInput: the file cannot be read or is no such object.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not a JSON file.") from error
    if not isinstance(result, dict) or not isinstance(result.get(PROVENANCE), dict):
        raise BadInput(f"{path} is not the result of an evaluate command: write one with --save.")
    return result


def compare(results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Results by name -> figure -> name -> value, nested figures as ``outer.inner``.

    A list of objects counts by the first member of each (``temperature 0.4.distinct_2``), other
    lists do not count. Of the provenance only what differs between the results is kept. A figure
    that a result lacks is None.
    """
    flat = {name: dict(_flat(result)) for name, result in results.items()}
    keys = dict.fromkeys(key for figures in flat.values() for key in figures)
    rows = {key: {name: figures.get(key) for name, figures in flat.items()} for key in keys}
    return {
        key: values
        for key, values in rows.items()
        if not key.startswith(f"{PROVENANCE}.") or len(set(map(str, values.values()))) > 1
    }


def readable(result: Mapping[str, Any]) -> str:
    """A result as people read it, without its provenance.

    Under ``corpus`` is what people wrote: it stands in a second column, or, where ``rows`` hold one
    experiment each, in the last row of their table.
    """
    figures = {key: value for key, value in result.items() if key != PROVENANCE}
    rows, human = figures.pop("rows", []), figures.pop("corpus", None) or {}
    own, theirs = dict(_flat(figures)), dict(_flat(human))
    beside = theirs if theirs and not rows else None
    lines: list[Sequence[Any]] = [("figure", "value", "corpus")] if beside else []
    lines += [(key, value, *([beside.get(key, "")] if beside else [])) for key, value in own.items()]
    parts = [table(lines)]
    if rows:
        names = list(rows[0])
        last = [["corpus", *(human.get(name) for name in names[1:])]] if human else []
        parts.append(table([names, *([row[name] for name in names] for row in rows), *last]))
    return "\n\n".join(parts)


def table(rows: Iterable[Sequence[Any]]) -> str:
    """Rows, the first of them headings -> aligned text; the first column to the left.

    Of long cells the end is shown.
    """
    cells = [
        [first, *map(_shortened, rest)] for first, *rest in ([text(cell) for cell in row] for row in rows)
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        for first, *rest in cells
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def text(value: Any) -> str:
    """A figure as people read it: four decimals, a dash for none."""
    if value is None:
        return _MISSING
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _shortened(cell: str) -> str:
    return cell if len(cell) <= _WIDTH else f"…{cell[1 - _WIDTH :]}"


def _described(files: Path | Sequence[Path]) -> dict[str, Any]:
    if isinstance(files, Path):
        return {"path": _printable(str(files)), "sha256": digest(files)}
    return {
        "path": _printable(str(files[0].parent)) if files else "",
        "files": len(files),
        "sha256": digest(files),
    }


def _printable(name: str) -> str:
    # A file name that is not UTF-8 must not make the result unwritable.
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _flat(result: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in result.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield from _flat_rows(value, prefix)
        else:
            yield f"{prefix}{key}", value


def _flat_rows(rows: Sequence[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Rows of a table by their first column: ``temperature 0.4.distinct_2``."""
    for row in rows:
        if isinstance(row, Mapping) and row:
            (name, value), *rest = row.items()
            yield from _flat(dict(rest), f"{prefix}{name} {value}.")
