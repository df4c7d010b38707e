"""A long measurement that is interrupted goes on where it was, and comes to the same figures."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cli.measurement import Measurement, measurement
from tests.tiny import write_songs
from training.evaluation.journal import Journal
from training.evaluation.lyrics import evaluate_lyrics

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


@settings(max_examples=50)
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


def runs(*words: str | Path, work: Interrupted, beside: Path | None = None) -> Result:
    """A command that measures four squares."""
    group = click.Group()

    @measurement(
        group,
        "squares",
        click.option("--songs", type=click.Path(path_type=Path)),
        click.option("--count", default=3),
        click.option("-r", "seed", default=1),
        needs=(),
    )
    def squared(checkpoints: Path, songs: Path, count: int, seed: int) -> Measurement:
        """Squares of numbers."""
        return Measurement(
            {"songs": songs},
            lambda journal: {"squares": journal.each("squares", range(4), work)},
            show=lambda result: f"{count} times {result['squares']}",
            write=beside and (lambda result: beside.write_text(f"also {result['squares']}")),
        )

    return CliRunner().invoke(group, ["squares", *map(str, words)])


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    path = tmp_path / "songs"
    path.write_text("la")
    return path


def test_options_and_files_decide_what_goes_on(tmp_path: Path, songs: Path) -> None:
    def done(*options: str) -> list[int]:
        """Which of four squares a run makes that is interrupted after one more of them."""
        work = Interrupted(1)
        stopped = runs("--songs", songs, "--save", tmp_path / "result.json", *options, work=work)
        assert stopped.exit_code == 1
        assert stopped.stderr.endswith("songwriter: interrupted. The same command goes on from here.\n")
        return work.done

    assert done() == [0]
    assert done("--json") == [1]
    assert done("--count", "4") == [0]
    assert done("--count", "4") == [1]
    songs.write_text("la la")
    assert done("--count", "4") == [0]


def test_without_a_place_to_keep_it_an_interruption_says_that_all_is_lost(songs: Path) -> None:
    stopped = runs("--songs", songs, work=Interrupted(1))
    assert stopped.exit_code == 1
    assert stopped.stderr.endswith("songwriter: interrupted. Nothing is kept.\n")


def test_a_result_is_shown_written_and_saved_with_where_it_comes_from(tmp_path: Path, songs: Path) -> None:
    folder, also = tmp_path / "new", tmp_path / "also"
    words = ("--songs", songs, "-r", "7", "--save", folder / "result.json")
    assert runs(*words, work=Interrupted(9), beside=also).stdout == "3 times [0, 1, 4, 9]\n"
    assert also.read_text() == "also [0, 1, 4, 9]"
    assert [path.name for path in folder.iterdir()] == ["result.json"]
    saved = json.loads((folder / "result.json").read_text())
    assert saved["provenance"]["random_seed"] == 7
    assert saved["provenance"]["inputs"]["songs"]["path"] == str(songs)
    assert json.loads(runs(*words, "--json", work=Interrupted(9)).stdout) == saved


# Squares of numbers, of which the second one takes for ever where the environment says so.
SQUARES = """
import os, signal, time, click
from bot.cli.measurement import Measurement, measurement

def work(some):
    if "HANGS" in os.environ and some[0]:
        time.sleep(3600)
    return [number * number for number in some]

# A shell that starts the tests in the background has its children ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
group = click.Group()

@measurement(group, "squares", needs=())
def squares(checkpoints):
    return Measurement({}, lambda journal: {"squares": journal.each("squares", range(60), work)})

group()
"""


def test_ctrl_c_and_the_same_command_again(tmp_path: Path) -> None:
    result, journal = tmp_path / "result.json", tmp_path / "result.json.unfinished"
    command = [sys.executable, "-c", SQUARES, "squares", "--save", str(result)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "HANGS": ""})
    # Of the two lines, the first one says what the second one is of.
    while running.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") == 2):
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert said.endswith("songwriter: interrupted. The same command goes on from here.\n")
    assert "Traceback" not in said
    assert not result.exists()
    assert journal.exists()
    again = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    # The bar begins where the first run stopped.
    assert re.search(r"squares: +\d+%.*?\| (\d+)/60", again.stderr)[1] == "1"  # type: ignore[index]
    assert json.loads(result.read_text())["squares"] == squares(range(60))
    assert not journal.exists()


class Short(Journal):
    """A journal of small batches, the third of which is interrupted."""

    batches = 2

    def each(self, stage: str, wanted: Sequence[Any], work: Any, batch: int = 1, unit: str = "") -> list[Any]:
        def some(items: Sequence[Any]) -> Any:
            if not self.batches:
                raise KeyboardInterrupt
            self.batches -= 1
            return work(items)

        return super().each(stage, wanted, some, 2, unit)


def test_losses_that_went_on_are_those_of_one_run(tmp_path: Path, checkpoints: Path) -> None:
    def measured(journal: Journal) -> dict[str, Any]:
        return evaluate_lyrics(checkpoints, corpus, "test", engine="int8", journal=journal)

    corpus, result = write_songs(tmp_path), tmp_path / "result.json"
    whole = measured(Journal())
    with pytest.raises(KeyboardInterrupt):
        measured(Short(result, ABOUT))
    assert len(Journal(result, ABOUT).done("nats")) == 4 < whole["stanzas"]
    assert measured(Journal(result, ABOUT)) == whole
