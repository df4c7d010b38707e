"""What an editor thought of the songbook's stanzas."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import BadInput
from training.corpora.marks import read_marks
from training.corpora.songbook import read_songbook

SONGBOOK = Path("data/songbook")


def test_rough_and_liked_ones(tmp_path: Path) -> None:
    path = tmp_path / "marks.txt"
    path.write_text("# what\n\np1 -\np2 +\n")
    assert read_marks(path) == ({"p1"}, {"p2"})


def test_a_line_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "marks.txt"
    with pytest.raises(BadInput, match="cannot be read"):
        read_marks(path)
    for line in ("p2", "p2 *", "p2 - +"):
        path.write_text(f"p1 -\n{line}\n")
        with pytest.raises(BadInput, match="line 2: expected a stanza's id and a mark"):
            read_marks(path)


def test_ours_are_about_stanzas_of_ours() -> None:
    found, ids = (
        read_marks(SONGBOOK / "marks.txt"),
        {v.id for v in read_songbook(SONGBOOK / "stanzas.jsonl.xz")},
    )
    assert found.rough <= ids
    assert found.liked <= ids
    assert not found.rough & found.liked
