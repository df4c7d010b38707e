"""What an editor thought of the songbook's stanzas, as ``data/songbook/marks.txt`` has it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from model.errors import BadInput


class Marks(NamedTuple):
    """Ids of stanzas.

    Attributes:
        rough: those over which a reader stumbles: learnt from, and not told again.
        liked: those that are especially good.
    """

    rough: frozenset[str] = frozenset()
    liked: frozenset[str] = frozenset()


def read_marks(path: Path) -> Marks:
    """Read a file of lines such as ``p05_4_039 -``.

    Raises:
        BadInput: it cannot be read, or a line of it is of another kind.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The editor's marks {path} cannot be read: {error}.") from error
    found: dict[str, set[str]] = {"-": set(), "+": set()}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        if len(parts) != 2 or parts[1] not in found:
            raise BadInput(f"{path}, line {number}: expected a stanza's id and a mark, + or -.")
        found[parts[1]].add(parts[0])
    return Marks(frozenset(found["-"]), frozenset(found["+"]))
