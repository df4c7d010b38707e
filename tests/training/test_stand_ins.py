"""The list of words that may stand in another's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import BadInput
from tests.shipped import LEXICON
from training.corpora.stand_ins import read_stand_ins

LIST = Path("data/songbook/stand_ins.txt")


def test_the_surest_come_first(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# what\n\nbig: ~old large\nsnow:\n")
    found = read_stand_ins(path)
    assert found == {"big": {"large": True, "old": False}, "snow": {}}
    assert [*found["big"]] == ["large", "old"]


def test_a_line_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    with pytest.raises(BadInput, match="cannot be read"):
        read_stand_ins(path)
    for line in ("big large", ": large", "big dog: large"):
        path.write_text(f"small: little\n{line}\n")
        with pytest.raises(BadInput, match="line 2: expected a word, a colon and others"):
            read_stand_ins(path)


def test_ours_is_sorted_and_in_words_that_songs_have() -> None:
    found = read_stand_ins(LIST)
    assert [*found] == sorted(found)
    assert all(word not in others for word, others in found.items())
    named = {word for word, others in found.items() for word in (word, *others)}
    assert len(named & LEXICON.entries.keys()) > 0.97 * len(named)
