"""A long measurement that is interrupted goes on where it was, and comes to the same figures."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.cli.evaluate import resumed
from bot.cli.main import main
from model.lyrics_generator import LyricsGenerator
from model.request import GenerationRequest
from tests.tiny import write_songs
from training.evaluation import evaluation
from training.evaluation.journal import Journal
from training.evaluation.samples import write_all

ABOUT = {"count": 3}


def squares(some: Sequence[int]) -> list[int]:
    return [number * number for number in some]


class Interrupted:
    """Work that is stopped before its n-th batch."""

    def __init__(self, batches: int) -> None:
        self.left = batches
        self.done: list[int] = []

    def __call__(self, some: Sequence[int]) -> list[int]:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self.done += some
        return squares(some)


@given(count=st.integers(0, 9), batch=st.integers(1, 4), batches=st.integers(0, 9), torn=st.integers(0, 30))
def test_nothing_is_done_twice_and_nothing_is_left_out(
    tmp_path_factory: pytest.TempPathFactory, count: int, batch: int, batches: int, torn: int
) -> None:
    result = tmp_path_factory.mktemp("journal") / "result.json"
    wanted = list(range(count))
    first = Interrupted(batches)
    journal = Journal(result, ABOUT)
    try:
        journal.each("squares", wanted, first, batch)
    except KeyboardInterrupt:
        # The program may have ended while it wrote.
        line = json.dumps(["squares", len(first.done), squares(wanted[len(first.done) :][:batch])]).encode()
        if journal.path and journal.path.exists():
            journal.path.open("ab").write(line[:torn])
    second = Interrupted(99)
    again = Journal(result, ABOUT)
    assert again.each("squares", wanted, second, batch) == squares(wanted)
    assert first.done + second.done == wanted
    third = Interrupted(0)
    assert Journal(result, ABOUT).each("squares", wanted, third, batch) == squares(wanted)
    again.remove()
    assert list(result.parent.iterdir()) == []


def kept(folder: Path) -> tuple[Path, Path]:
    """A journal of two of four squares, and the result that it is beside."""
    result = folder / "result.json"
    with pytest.raises(KeyboardInterrupt):
        Journal(result, ABOUT).each("squares", range(4), Interrupted(2))
    [journal] = folder.iterdir()
    return journal, result


def left(result: Path, of: dict[str, Any]) -> list[int]:
    """What a program that goes on still has to do."""
    work = Interrupted(9)
    assert Journal(result, of).each("squares", range(4), work) == squares(range(4))
    return work.done


@pytest.mark.parametrize("of", [{"count": 4}, {}, {"count": 3, "inputs": {"generator": "0"}}])
def test_another_measurements_journal_is_not_taken_for_ones_own(tmp_path: Path, of: dict[str, Any]) -> None:
    _, result = kept(tmp_path)
    assert left(result, of) == [0, 1, 2, 3]


def test_another_measurements_journal_stays_until_there_is_something_to_keep(tmp_path: Path) -> None:
    journal, result = kept(tmp_path)
    before = journal.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        Journal(result, {}).each("squares", range(4), Interrupted(0))
    assert journal.read_bytes() == before
    assert left(result, ABOUT) == [2, 3]


@pytest.mark.parametrize("harm", [b"", b"\n", b"\xff\xfe\n", b"[]\n{}\n"])
def test_a_garbled_journal_is_begun_anew(tmp_path: Path, harm: bytes) -> None:
    journal, result = kept(tmp_path)
    journal.write_bytes(harm)
    assert left(result, ABOUT) == [0, 1, 2, 3]


def test_two_programs_at_once_do_not_mix(tmp_path: Path) -> None:
    journal, result = kept(tmp_path)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines, *lines[1:]]))
    assert left(result, ABOUT) == [0, 1, 2, 3]


def test_without_a_result_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Journal().each("squares", range(4), squares) == squares(range(4))
    assert list(tmp_path.iterdir()) == []


def songwriter(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def figures(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    found.pop("provenance")
    return found


# So many that on a busy machine, too, they are not done before the signal comes.
WALLS = 120


@pytest.fixture
def walls(tmp_path: Path) -> tuple[str | Path, ...]:
    """A command that captions some pictures, one of which is none; behind it comes the result."""
    names = [f"{number}.png" for number in range(WALLS)]
    for number, name in enumerate(names):
        Image.new("RGB", (40, 40), (number % 256, 90, 200)).save(tmp_path / name)
    (tmp_path / "3.png").write_bytes(b"no picture")
    (tmp_path / "token.txt").write_text("".join(f"{name}#0\tA wall of one colour .\n" for name in names))
    (tmp_path / "list.txt").write_text("\n".join(names) + "\n")
    return (
        *("evaluate", "captions", "--images", tmp_path, "--captions", tmp_path / "token.txt", "--no-meteor"),
        *("--split", tmp_path / "list.txt", "--beam", "1", "--save"),
    )


def test_ctrl_c_and_the_same_command_again(
    tmp_path: Path, nltk_data: None, walls: tuple[str | Path, ...]
) -> None:
    halves = tmp_path / "halves.json"
    command = [sys.executable, "-c", "from bot.cli.main import main; main()", *map(str, walls), str(halves)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "halves.json.unfinished"
    while not journal.exists() and running.poll() is None:
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert said.endswith("songwriter: interrupted. The same command goes on from here.\n")
    assert "Traceback" not in said
    assert not halves.exists()
    assert journal.exists()
    again = songwriter(*walls, halves)
    assert again.exit_code == 0, again.output
    # The bar begins where the pictures are that were not captioned yet.
    assert re.search(rf"captions: +\d+%.*?\| (\d+)/{WALLS}", again.stderr)[1] != "0"  # type: ignore[index]
    # What could not be read was in the first half.
    assert (figures(halves)["pictures"], figures(halves)["skipped"]) == (WALLS - 1, 1)
    assert not journal.exists()


def test_options_and_files_decide_what_goes_on(tmp_path: Path) -> None:
    songs, result = tmp_path / "songs", tmp_path / "result.json"
    songs.write_text("la")

    def kept(**options: Any) -> list[int]:
        """What is left of four squares by an interruption after one more of them."""
        work = Interrupted(1)
        with click.Context(click.Command("samples")) as context, suppress(SystemExit):
            context.params = {"count": 3, "as_json": False, "save": result} | options
            with resumed(result, {"songs": songs}) as journal:
                journal.each("squares", range(4), work)
        return work.done

    assert kept() == [0]
    assert kept(as_json=True) == [1]
    assert kept(count=4) == [0]
    assert kept(count=4) == [1]
    songs.write_text("la la")
    assert kept(count=4) == [0]


def test_stanzas_go_on_as_they_would_have_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.evaluation.samples._ROWS", 4)
    writer = LyricsGenerator.load()
    wanted = [(("sea",), GenerationRequest(seed=number, candidates=2)) for number in range(6)]
    whole = write_all(writer, wanted)
    compose, calls = writer.compose, []

    def interrupted(some: Sequence[Any]) -> list[Any]:
        calls.append(len(some))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return compose(some)

    monkeypatch.setattr(writer, "compose", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_all(writer, wanted, Journal(tmp_path / "result.json"))
    assert write_all(writer, wanted, Journal(tmp_path / "result.json")) == whole
    assert calls == [2, 2, 2, 2]


def test_losses_go_on(tmp_path: Path, nltk_data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_songs(tmp_path)
    monkeypatch.setattr(evaluation, "_KEPT", 200)
    words = ("evaluate", "lyrics", corpus, "--engine", "int8", "--split", "train")
    whole, halves = tmp_path / "whole.json", tmp_path / "halves.json"
    assert songwriter(*words, "--save", whole).exit_code == 0
    measure, calls = evaluation.stepped_nats, []

    def interrupted(stepper: Any, texts: Sequence[str], vocabulary: Any) -> list[float]:
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(stepper, texts, vocabulary)

    monkeypatch.setattr(evaluation, "stepped_nats", interrupted)
    assert songwriter(*words, "--save", halves).exit_code == 1
    assert songwriter(*words, "--save", halves).exit_code == 0
    assert sum(calls) == figures(whole)["stanzas"] + calls[1]
    assert figures(halves) == figures(whole)
    # Without --save there is nowhere to keep anything.
    calls.clear()
    assert songwriter(*words).stderr.endswith("songwriter: interrupted. Nothing is kept.\n")
