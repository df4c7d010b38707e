"""What the index of songs notices of a copy, and what it takes for one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.main import main
from model.errors import BadCheckpoint
from model.files import CHECKPOINTS
from model.image_describer import ImageDescriber
from model.lyrics_generator import LyricsGenerator
from model.novelty import LONGEST, SPAN, Novelty, ends, fingerprint, remark

WORDS = st.lists(st.text(alphabet="abe'", min_size=1, max_size=24), min_size=12, max_size=20)
BETWEEN = st.sampled_from([" ", ", ", "\n", "-", "--", "! ", ",\n", "..\n"])
SONG = "the silver moon is on the silver sea,\nand i am far from home, my dear, and far from thee"


def index(*stanzas: str) -> Novelty:
    return Novelty.of((fingerprint(text, end) for text in stanzas for end in ends(text)), "data")


def words_of(seed: int, count: int) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghij", k=draw.randint(1, 9))) for _ in range(count))


def noticed(novelty: Novelty, text: str) -> bool:
    """Whether a text was stopped at the end of one of its words."""
    return any(novelty.copies(text[:end]) for end in ends(text))


@st.composite
def stanzas(draw: st.DrawFn) -> str:
    first, *others = draw(WORDS)
    return first + "".join(draw(BETWEEN) + word for word in others)


@given(stanzas(), st.data())
def test_no_long_copy_goes_unnoticed_wherever_it_begins(song: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, max(0, len(song) - LONGEST - 1)))
    copy = song[begin : begin + LONGEST + 1]
    assert len(copy) <= LONGEST or noticed(index(song), "q" + copy + "q")


@given(stanzas(), stanzas())
def test_asked_word_by_word_it_notices_what_the_whole_text_has(song: str, text: str) -> None:
    novelty = index(song)
    assert noticed(novelty, text + song[:30]) == (novelty.span(text + song[:30]) > 0)


def test_a_copy_is_noticed_at_the_word_that_completes_it() -> None:
    novelty = index(SONG)
    assert not novelty.copies("my silver moon is on the")
    assert novelty.copies("my silver moon is on the silver")
    assert novelty.span("my silver moon is on the silver") == SPAN
    assert novelty.span(SONG) > LONGEST
    assert novelty.span("my silver moon is on the") == 0


def test_what_is_no_copy_is_seldom_taken_for_one() -> None:
    novelty = index(words_of(1, 5_000))
    strange = words_of(2, 5_000)
    found = sum(novelty.has(strange, end) for end in ends(strange))
    assert found <= 5_000 / 64


def test_an_index_is_read_as_it_was_written(tmp_path: Path) -> None:
    for stanza in ("", SONG, words_of(3, 2_000)):
        novelty = index(stanza)
        novelty.save(tmp_path / "novelty.safetensors")
        assert Novelty.load(tmp_path / "novelty.safetensors") == novelty


@pytest.mark.parametrize("damage", ["absent", "empty", "short", "flipped", "foreign", "older"])
def test_a_damaged_index_is_refused_in_a_sentence(tmp_path: Path, damage: str, checkpoints: Path) -> None:
    path = tmp_path / "novelty.safetensors"
    index(SONG).save(path)
    data = path.read_bytes()
    if damage == "absent":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "short":
        path.write_bytes(data[:-1])
    elif damage == "flipped":
        path.write_bytes(data.replace(b'"keys', b'"kexs'))
    elif damage == "foreign":
        path.write_bytes((checkpoints / "generator.safetensors").read_bytes()[:2_000_000])
    else:
        path.write_bytes(data.replace(b'format\\": 1', b'format\\": 0'))
    with pytest.raises(BadCheckpoint, match=r"index of songs .*novelty\.safetensors .*\.$"):
        Novelty.load(path)


@pytest.fixture
def models(tmp_path: Path, checkpoints: Path) -> Path:
    """The shipped models, the index of songs apart."""
    for path in checkpoints.glob("*.*"):
        if path.name != "novelty.safetensors":
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def shipped(read: Callable[..., Any], _folder: Path, *more: Any, **named: Any) -> Any:
    return read(CHECKPOINTS, *more, **named)


@pytest.mark.usefixtures("models_read_once")
def test_an_index_of_other_songs_is_told(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever tells it has not read the models yet: those that are read already will do.
    for kind in (LyricsGenerator, ImageDescriber):
        monkeypatch.setattr(kind, "load", partial(shipped, kind.load))
    index(SONG).save(models / "novelty.safetensors")
    said = "is of other songs than its generator learnt from, and their copies go unnoticed"
    words = ["lyrics", "-r", "1", "--candidates", "2", "--checkpoints", str(models)]
    sung = CliRunner().invoke(main, words)
    # It is told, and no reason to write nothing.
    assert sung.exit_code == 0, sung.output
    assert sung.stderr.count(said) == 1
    assert said not in sung.stdout
    (models / "config.toml").write_text('[engine]\ncheckpoints = "."\n')
    checked = CliRunner().invoke(main, ["check", "--config", str(models / "config.toml")])
    assert checked.exit_code == 0
    [line] = [line for line in checked.stdout.splitlines() if said in line]
    assert line.startswith("# ")


def test_nothing_is_told_of_an_index_that_fits(models: Path, checkpoints: Path) -> None:
    # None at all is a matter of choice.
    assert remark(models) is None
    assert remark(checkpoints) is None
    # Of one that cannot be read, whoever reads it says so.
    (models / "novelty.safetensors").write_bytes(b"")
    assert remark(models) is None


def test_the_command_makes_the_index_of_the_training_songs(tmp_path: Path) -> None:
    corpus, output = tmp_path / "songs.jsonl", tmp_path / "novelty.safetensors"
    songs = [{"title": str(n), "stanzas": [words_of(n, 8).splitlines()]} for n in range(200)]
    corpus.write_text("".join(json.dumps(song) + "\n" for song in songs))
    result = CliRunner().invoke(main, ["train", "novelty", str(corpus), "--output", str(output)])
    assert result.exit_code == 0, result.output
    novelty = Novelty.load(output)
    known = sum(novelty.span(words_of(n, 8)) > 0 for n in range(200))
    # The others are held back.
    assert 170 <= known < 200


def test_a_corpus_that_is_none_makes_no_index(tmp_path: Path) -> None:
    corpus, output = tmp_path / "songs.jsonl", tmp_path / "novelty.safetensors"
    corpus.write_text("[]\n")
    result = CliRunner().invoke(main, ["train", "novelty", str(corpus), "--output", str(output)])
    assert result.exit_code == 65
    assert not output.exists()
    assert "Traceback" not in result.output


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "novelty.safetensors"
    index(SONG).save(path)
    whole = path.read_bytes()
    for place in range(len(whole) - 20, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BadCheckpoint, match="damaged"):
            Novelty.load(path)
