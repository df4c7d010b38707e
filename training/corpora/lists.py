"""Lists in plain text, written by hand: an entry a line, and remarks behind a "#"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from model.errors import BadInput


def entries(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are neither empty nor a remark, with their numbers from 1.

    Raises:
        BadInput: the file cannot be read.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The list {path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            yield number, line
