"""Stanza cutting, through the command. Every song here is made up."""

import csv
import json
import lzma
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.prepare import stanzas
from tests.refusals import refused
from training.collecting.refine import archaic, refined, stanzas_of, usable
from training.collecting.rows import read_rows
from training.corpora.corpus import read_songs

VERSE = ["The kettle sings upon the stove", "The rain is at the door", "I put away my winter glove",
         "And sweep the kitchen floor"]  # fmt: skip
CHORUS = ["Oh, turn the lamp a little down", "And let the evening in"]


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(stanzas, [str(word) for word in words])


@pytest.fixture
def lyrics(tmp_path: Path) -> Path:
    text = "\n\n".join("\n".join(stanza) for stanza in (VERSE, CHORUS, [*VERSE[:2], "In 1999"], CHORUS))
    path = tmp_path / "lyrics.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("artist", "title", "text"), ("Jane Roe", "Kettle", text)])
    return path


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.xz"])
def test_training_reads_what_is_written(lyrics: Path, tmp_path: Path, name: str) -> None:
    result = run(lyrics, "-o", tmp_path / name)
    assert result.exit_code == 0, result.output
    (row,) = read_rows(tmp_path / name)
    assert row == {
        "title": "Kettle",
        "author": "Jane Roe",
        "style": "song",
        "archaic": 0.0,
        "stanzas": [VERSE[:2], VERSE[2:], CHORUS],
    }
    (song,) = read_songs(tmp_path / name)
    assert len(song.stanzas) == 3
    assert "1 songs, 3 stanzas" in result.stderr
    assert "lines left out: 1 with digits" in result.stderr


@pytest.mark.parametrize(("size", "lengths"), [(1, [1, 1, 1, 1, 1, 1]), (2, [2, 2, 2]), (4, [4, 2, 2])])
def test_the_size_can_be_chosen(lyrics: Path, tmp_path: Path, size: int, lengths: list[int]) -> None:
    assert run(lyrics, "-o", tmp_path / "o.jsonl", "--max-lines", size).exit_code == 0
    (row,) = read_rows(tmp_path / "o.jsonl")
    assert [len(stanza) for stanza in row["stanzas"]] == lengths


def test_full_songs_keep_every_line_that_training_takes(lyrics: Path, tmp_path: Path) -> None:
    assert run(lyrics, "-o", tmp_path / "o.jsonl", "--full-songs", "--style", "ballad").exit_code == 0
    (row,) = read_rows(tmp_path / "o.jsonl")
    assert row["stanzas"] == [VERSE, CHORUS, VERSE[:2], CHORUS]
    assert row["style"] == "ballad"


def test_a_corpus_keeps_its_styles_and_sources(tmp_path: Path) -> None:
    song = {"title": "T", "author": "A", "style": "hymn", "source": "PG1", "licence": "free", "archaic": 9,
            "stanzas": [["Thou art the light", "And I the lamp"]]}  # fmt: skip
    (tmp_path / "in.jsonl.xz").write_bytes(lzma.compress(json.dumps(song).encode()))
    assert run(tmp_path / "in.jsonl.xz", "-o", tmp_path / "o.jsonl").exit_code == 0
    (row,) = read_rows(tmp_path / "o.jsonl")
    assert row == song | {"archaic": 0.25}


LINES = st.text(alphabet="ab 1", max_size=90).map(str.strip).filter(bool)


@given(st.lists(st.lists(LINES, min_size=1, max_size=9), max_size=6), st.integers(1, 4))
def test_pieces_are_short_even_distinct_and_in_order(songs: list[list[str]], size: int) -> None:
    pieces = refined(usable(songs), size)
    assert all(0 < len(piece) <= size for piece in pieces)
    keys = ["".join(piece).replace(" ", "") for piece in pieces]
    assert len(set(keys)) == len(keys)
    lines = iter([line for stanza in songs for line in stanza])
    assert all(line in lines for piece in pieces for line in piece)
    good = [line for stanza in songs for line in stanza if len(line) <= 72 and "1" not in line]
    assert {line for piece in pieces for line in piece} <= set(good)


@given(st.lists(st.sampled_from(["", "a", "b "]), max_size=20))
def test_stanzas_are_what_stands_between_blank_lines(lines: list[str]) -> None:
    found = stanzas_of("\n".join(lines))
    assert all(found)
    assert [line for stanza in found for line in stanza] == [line.strip() for line in lines if line]


def test_old_words_are_counted() -> None:
    assert archaic([["Where art thou, my love?", "Thou’st gone"]]) == round(2 / 7, 3)
    assert archaic([["..."]]) == 0


def test_archaic_is_the_corpus_own_measure(data: Path) -> None:
    rows = [
        row for number, row in enumerate(read_rows(data / "lyrics" / "pd_songs.jsonl.xz")) if number % 20 == 0
    ]
    same = sum(abs(archaic(row["stanzas"]) - row["archaic"]) < 0.0011 for row in rows)
    assert same > 0.95 * len(rows)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, "cannot be read"),
        ("empty.csv", b"", "is empty"),
        ("nothing.csv", b"artist,title,text\nA,T,  \n", "holds no stanzas"),
        ("latin.csv", "artist,title,text\nA,T,caf\xe9\n".encode("latin-1"), "not UTF-8"),
        ("bad.jsonl", b'{"stanzas": [3]}\n', "line 1"),
        ("not.jsonl", b"{'stanzas'\n", "not JSON"),
    ],
)
def test_bad_input_leaves_no_output(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert words in refused(run(tmp_path / name, "-o", tmp_path / "o.jsonl.xz"), 65)
    assert not list(tmp_path.glob("o.*"))


@pytest.mark.parametrize("options", [["--max-lines", "0"], ["--max-lines", "5"], ["--style", "opera"],
                                     ["--full-songs", "--max-lines", "2"]])  # fmt: skip
def test_options_out_of_range(lyrics: Path, tmp_path: Path, options: list[str]) -> None:
    refused(run(lyrics, "-o", tmp_path / "o.jsonl", *options), 2)


def test_an_interrupted_run_leaves_the_old_output(
    lyrics: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "o.jsonl.xz"
    out.write_text("what was here")
    monkeypatch.setattr("training.collecting.refine.corpus_row", stop)
    assert "interrupted" in refused(run(lyrics, "-o", out), 1)
    assert out.read_text() == "what was here"
    assert not list(tmp_path.glob("*.partial"))
