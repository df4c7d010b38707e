"""Words that may stand in another's place, as ``data/songbook/stand_ins.txt`` has them."""

from __future__ import annotations

from pathlib import Path

from model.errors import BadInput
from training.corpora.lists import entries

# Before a word that fits most sentences, and not nearly all of them.
_MOST = "~"

# Word -> others in the same form, the surest first, and whether each fits nearly all of its sentences.
StandIns = dict[str, dict[str, bool]]


def read_stand_ins(path: Path) -> StandIns:
    """Read a file of lines such as ``big: large small ~old``.

    Raises:
        BadInput: it cannot be read, or a line of it is of another kind.
    """
    found: StandIns = {}
    for number, line in entries(path):
        word, colon, others = line.partition(":")
        if not colon or not word.strip() or " " in word.strip():
            raise BadInput(f"{path}, line {number}: expected a word, a colon and others: big: large ~old.")
        sure = {other.removeprefix(_MOST): not other.startswith(_MOST) for other in others.split()}
        found[word.strip()] = dict(sorted(sure.items(), key=lambda one: not one[1]))
    return found
