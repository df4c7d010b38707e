"""The songbook, and that none of its lines is sung again."""

import json
from pathlib import Path

import pytest

from model.errors import BadCheckpoint, BadInput
from model.known_lines import KnownLines
from training.corpora.songbook import known_lines, read_songbook, split_songbook

SONGBOOK = Path("data/songbook/stanzas.jsonl.xz")
ROW = {
    "id": "p1", "voice": "plain", "scheme": "AA", "mood": "happy", "keywords": ["dog"],
    "lines": ["The dog is in the Sea,", "and looks at me"],
}  # fmt: skip


def test_the_shipped_songbook_is_read_and_split() -> None:
    verses = read_songbook(SONGBOOK)
    assert len(verses) > 30_000
    parts = split_songbook(verses)
    assert sum(map(len, parts.values())) == len(verses)
    assert len(parts["train"]) > 0.9 * len(verses)
    assert {verse.voice for verse in parts["dev"]} == {"plain", "witty"}


def test_a_stanza_is_folded(tmp_path: Path) -> None:
    book = tmp_path / "book.jsonl"
    book.write_text(json.dumps(ROW))
    [verse] = read_songbook(book)
    assert verse.lines == ("the dog is in the sea,", "and looks at me")
    assert (verse.style, verse.song.mood) == ("modern", "happy")


@pytest.mark.parametrize(
    "row",
    [{}, ROW | {"voice": "loud"}, ROW | {"mood": "blue"}, ROW | {"lines": []}, ROW | {"lines": "one"}, []],
)
def test_what_is_no_stanza_is_named(tmp_path: Path, row: object) -> None:
    book = tmp_path / "book.jsonl"
    book.write_text(json.dumps(ROW) + "\n" + json.dumps(row))
    with pytest.raises(BadInput, match=r"book\.jsonl, line 2: expected a stanza"):
        read_songbook(book)


def test_a_line_is_known_whatever_its_stops(tmp_path: Path) -> None:
    book = tmp_path / "book.jsonl"
    book.write_text(json.dumps(ROW))
    known_lines(book).save(tmp_path / "lines.safetensors")
    lines = KnownLines.load(tmp_path / "lines.safetensors")
    assert "the dog is, in the sea!" in lines
    assert "the dog is in the sea and" not in lines
    # Too short to be anybody's.
    assert "looks at me" not in lines


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.safetensors"
    path.write_bytes(b"nothing at all")
    with pytest.raises(BadCheckpoint, match="is damaged"):
        KnownLines.load(path)
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        KnownLines.load(tmp_path / "none.safetensors")
