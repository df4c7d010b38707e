"""What an editor thought of the songbook's stanzas, as ``data/songbook/marks.txt`` has it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from model.errors import BadInput
from training.corpora.lists import entries


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
    found: dict[str, set[str]] = {"-": set(), "+": set()}
    for number, line in entries(path):
        parts = line.split()
        if len(parts) != 2 or parts[1] not in found:
            raise BadInput(f"{path}, line {number}: expected a stanza's id and a mark, + or -.")
        found[parts[1]].add(parts[0])
    return Marks(frozenset(found["-"]), frozenset(found["+"]))
