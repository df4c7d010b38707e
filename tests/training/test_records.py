"""What a run leaves in its folder: a log, curves, the best checkpoints; and when it stops by itself."""

import csv
import math
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model.errors import BadInput, BadOption
from model.generator import load_generator
from tests.tiny import TINY, trainer, write_songs
from training.loops.checkpoint_keeper import CheckpointKeeper
from training.loops.curves import Curves, Panel

PANELS = (Panel("nats", ("train", "dev")),)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"))


def logged(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def row(step: int, dev: float = 1.5) -> dict[str, float]:
    return {"step": step, "minutes": step / 10, "train": math.nan, "dev": dev}


def test_a_run_logs_and_draws_every_validation_and_goes_on_with_it(corpus: Path, tmp_path: Path) -> None:
    options = replace(TINY, validate_every=12)
    trainer(corpus, tmp_path, options).train()
    first = logged(tmp_path)
    steps = [int(one["step"]) for one in first]
    assert steps[:2] == [12, 24]
    assert all(1 < float(one["dev"]) < 4 and 1 < float(one["train"]) < 4 for one in first)
    assert float(first[0]["rate"]) > float(first[-1]["rate"])
    width = Image.open(tmp_path / "curves.png").width
    more = trainer(corpus, tmp_path, replace(options, epochs=2))
    assert more.resume()
    more.train()
    both = logged(tmp_path)
    assert both[: len(first)] == first
    assert len(both) > len(first)
    assert [int(one["step"]) for one in both] == sorted({int(one["step"]) for one in both})
    assert Image.open(tmp_path / "curves.png").width == width


def test_a_row_that_comes_again_is_there_once(tmp_path: Path) -> None:
    curves = Curves(tmp_path, PANELS)
    for step in (1, 2, 3):
        curves.add(row(step))
    curves.begin(2)
    curves.add(row(3, dev=1.25))
    assert [(one["step"], one["dev"]) for one in logged(tmp_path)] == [
        ("1", "1.5"),
        ("2", "1.5"),
        ("3", "1.25"),
    ]
    assert logged(tmp_path)[0]["train"] == ""
    curves.begin(0)
    assert not (tmp_path / "log.csv").exists()


def test_a_picture_is_drawn_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    now = 0.0
    curves = Curves(tmp_path, PANELS, lambda: now)
    picture = tmp_path / "curves.png"

    def drawn() -> bool:
        found = picture.exists()
        picture.unlink(missing_ok=True)
        return found

    curves.add(row(1))
    assert drawn()
    now = 9.0
    curves.add(row(2))
    assert not drawn()
    now = 11.0
    curves.add(row(3))
    assert drawn()
    curves.finish()
    assert not drawn()
    curves.add(row(4))
    curves.finish()
    assert drawn()


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "step,minutes\nx,1\n", "step,minutes\n1\n"])
def test_another_files_log_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(BadInput, match=r"log\.csv is no log"):
        Curves(tmp_path, PANELS).begin(5)


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    curves = Curves(tmp_path, PANELS)
    curves.add(row(1))
    before = (tmp_path / "log.csv").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 3, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            curves.add(row(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "log.csv").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_known_before_the_first_step(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    learner = trainer(corpus, tmp_path / "file" / "run")
    with pytest.raises(OSError, match="Not a directory"):
        learner.train()
    assert learner.run.progress.step == 0


def test_a_run_that_diverges_says_so_and_keeps_nothing_of_it(corpus: Path, tmp_path: Path) -> None:
    learner = trainer(corpus, tmp_path, replace(TINY, validate_every=5))
    with torch.no_grad():
        next(learner.model.parameters()).fill_(math.inf)
    with pytest.raises(BadOption, match="At step 5 the loss is no number any more"):
        learner.train()
    assert not list(tmp_path.glob("*.safetensors"))


@given(st.lists(st.floats(0, 3), min_size=1, max_size=12), st.integers(0, 3), st.booleans())
def test_the_best_stay_on_the_shelf(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float], count: int, lower: bool
) -> None:
    folder = tmp_path_factory.mktemp("shelf")
    shelf = CheckpointKeeper(folder / "generator.safetensors", count, 4, lower)
    kept: list[float] = []
    first = min if lower else max
    for number, score in enumerate(scores):
        best = score == first(scores[: number + 1])
        kept = shelf.offer(score, kept, best, lambda path, score=score: path.write_text(repr(score)))
    rounded = sorted({round(score, 4) for score in scores}, reverse=not lower)
    assert {path.name for path in folder.iterdir()} == {
        "generator.safetensors",
        *(f"generator-{score:.4f}.safetensors" for score in rounded[:count]),
    }
    assert shelf.plain.read_text() == repr(first(scores))


def test_a_run_keeps_its_best_under_their_losses(corpus: Path, tmp_path: Path) -> None:
    best = trainer(corpus, tmp_path, replace(TINY, validate_every=3, keep=2)).train()
    named = sorted(path.name for path in tmp_path.glob("generator-*.safetensors"))
    losses = sorted(f"{float(one['dev']):.4f}" for one in logged(tmp_path))
    assert named == [f"generator-{loss}.safetensors" for loss in losses[:2]]
    assert named[0] == f"generator-{best:.4f}.safetensors"
    plain = load_generator(tmp_path / "generator.safetensors")[2]
    assert plain.digest == load_generator(tmp_path / named[0])[2].digest
    assert plain.header["metrics"]["dev_sample_nats_per_char"] == best


def test_a_run_stops_when_it_has_waited_long_enough(corpus: Path, tmp_path: Path) -> None:
    options = replace(TINY, validate_every=1, epochs=50, patience=2, learning_rate=0.0, ema=0.0)
    learner = trainer(corpus, tmp_path, options)
    learner.train()
    # The first is the best; without learning none is better.
    assert learner.run.progress.step == 3
    again = trainer(corpus, tmp_path, options)
    assert again.resume()
    again.train()
    assert again.run.progress.step == 3


def test_a_later_one_with_the_same_score_takes_no_name(tmp_path: Path) -> None:
    shelf = CheckpointKeeper(tmp_path / "captioner.safetensors", 2, 2, lower=False)
    kept = shelf.offer(60.0, [], True, lambda path: path.write_text("first"))
    assert shelf.offer(60.001, kept, False, lambda path: path.write_text("second")) == [60.0]
    assert shelf.named(60.0).read_text() == shelf.plain.read_text() == "first"
