"""What votes taught is read beside the generator, changes the score, and is told in recipes."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from model.decoding import Sample
from model.errors import BadCheckpoint
from model.lyrics_generator import LyricsGenerator
from model.plan import LinePlan
from model.ranking import Scorer, Weights
from model.taught import RANKING, WEIGHTS, read_factors, save_factors, weighed
from tests.shipped import LEXICON

EVEN = dict.fromkeys(WEIGHTS, 1.0)


def test_every_weight_belongs_to_one_part() -> None:
    named = [name for names in WEIGHTS.values() for name in names]
    assert sorted(named) == sorted(field.name for field in fields(Weights))


@pytest.mark.parametrize("part", WEIGHTS)
def test_a_factor_is_what_its_part_is_taken_times(part: str) -> None:
    sample = Sample("the red red zzxq\nthe red him sea", False, True, 2.0, (("sea", 9.0),))
    one, other = (
        Scorer(
            ["sea"], 4, LEXICON, "sad", "AABB", (9, 9), weights, (LinePlan(("red",), "sea"),), worth=1.5
        ).score(sample, 1.5)
        for weights in (Weights(), weighed(Weights(), EVEN | {part: 2.0}))
    )
    assert other.parts == pytest.approx(one.parts | {part: 2 * one.parts[part]})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_factors(tmp_path) == {}
    save_factors(EVEN | {"rhyme": 2.5}, tmp_path / RANKING)
    assert read_factors(tmp_path) == EVEN | {"rhyme": 2.5}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"factors": []}', '{"factors": {"rhyme": 1.0}}', "[" * 100_000, "\udcff",
     json.dumps({"factors": EVEN | {"rhyme": -1}}), json.dumps({"factors": EVEN | {"rhyme": float("nan")}})],
)  # fmt: skip
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / RANKING).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(BadCheckpoint, match=rf"{RANKING} is damaged: write it again with songwriter train"):
        read_factors(tmp_path)


def test_a_generator_that_was_taught_has_another_origin(checkpoints: Path, tmp_path: Path) -> None:
    for file in checkpoints.iterdir():
        (tmp_path / file.name).symlink_to(file)
    save_factors(EVEN | {"rhyme": 2.0}, tmp_path / RANKING)
    taught, own = LyricsGenerator.load(tmp_path), LyricsGenerator.load(tmp_path, taught=False)
    assert taught.origin != own.origin
    shipped = asdict(own.tools.weights)
    assert asdict(taught.tools.weights) == shipped | {"rhyme": 2 * shipped["rhyme"]}
