"""``songwriter train ranking``, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bot.cli.main import main
from model.description import Description
from model.files import CHECKPOINTS
from model.lyrics_generator import LyricsGenerator, Song
from model.pipeline import write
from model.request import GenerationRequest
from model.taught import RANKING, WEIGHTS, read_factors
from tests.refusals import refused
from training.evaluation.journal import Journal
from training.evaluation.ratings import Count, Rating, Scale
from training.evaluation.votes import scores_again, votes_of

SCALE = Scale({}, ("👍",), ("👎",))


def row(output: str, person: str, reaction: str, **known: Any) -> dict[str, Any]:
    return {
        "output": output, "person": person, "server": "home", "reaction": reaction, "self_rating": False,
        "bot": False, "text": "A red fox", "keywords": ["fox"], "captioner": "", "seed": "", "mood": None,
        "temperature": 0.4, "generator": "aaaaaaaaaaaa", "recipe": None,
    } | known  # fmt: skip


def write_export(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path = folder / "ratings.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def train(export: Path) -> Result:
    return run("train", "ranking", export, "--output", export.with_name(RANKING))


# Stanzas written again


@pytest.fixture(scope="module")
def songs(lyrics_generator: LyricsGenerator) -> list[Song]:
    wanted = [
        (Description(keywords=("fox",)), GenerationRequest(seed=seed, candidates=4, lines=1, rewritten=lines))
        for seed, lines in enumerate([(), ((1, 5),)])
    ]
    return write(lyrics_generator, wanted)


@pytest.mark.usefixtures("models_read_once")
def test_scores_are_those_with_which_stanzas_were_chosen(
    songs: list[Song], lyrics_generator: LyricsGenerator
) -> None:
    (known, rewritten), recipe = songs, lyrics_generator.recipe
    other = replace(recipe(known), origin="0123456789ab").text
    rows = [
        row("known", "ann", "👍", text=known.text, recipe=recipe(known).text),
        row("known", "bob", "👎", text=known.text, recipe=recipe(known).text),
        row("filtered", "ann", "👍", text="What another filter left", recipe=recipe(known).text),
        row("rewritten", "ann", "👍", text=rewritten.text, recipe=recipe(rewritten).text),
        row("foreign", "ann", "👍", recipe=other),
        row("old", "ann", "👍"),
    ]
    counted = Count.of(map(Rating.of, rows), SCALE).counted
    scores, left_out = scores_again(counted, CHECKPOINTS, frozenset(), Journal())
    assert left_out == {"another text": 1, "rewritten": 1, "other models": 1, "no recipe": 1}
    chosen = known.candidates[0]
    assert chosen.plan
    assert scores == {"known": chosen.score.parts}
    votes = votes_of(counted, scores)
    assert votes.liked.tolist() == [True, False]
    assert votes.parts[0] == pytest.approx([*chosen.score.parts.values()])


# Votes


@pytest.fixture
def rated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """An export of votes on stanzas whose scores are invented; people care for their rhymes so much."""

    def make(care: float) -> Path:
        draw = np.random.default_rng(1)
        parts = draw.normal(0, 0.5, (60, len(WEIGHTS)))
        worth = np.array([care if part == "rhyme" else 0.0 for part in WEIGHTS])
        scores = {str(n): dict(zip(WEIGHTS, one, strict=True)) for n, one in enumerate(parts.tolist())}
        monkeypatch.setattr("training.loops.ranking.scores_again", lambda *_: (scores, {}))
        liked = draw.random((6, 60)) < 1 / (1 + np.exp(-parts @ worth))
        return write_export(
            tmp_path,
            [
                row(str(stanza), str(person), "👍" if good else "👎")
                for person, votes in enumerate(liked)
                for stanza, good in enumerate(votes)
            ],
        )

    return make


def test_votes_are_written_beside_the_generator(rated: Callable[..., Path]) -> None:
    export = rated(6.0)
    result = train(export)
    assert result.exit_code == 0, result.output
    assert "rhyme" in result.stdout
    assert f"written: {export.with_name(RANKING)}" in result.stderr
    factors = read_factors(export.parent)
    assert max(factors, key=lambda part: factors[part]) == "rhyme"


def test_votes_that_teach_nothing_write_nothing(rated: Callable[..., Path]) -> None:
    export = rated(0.0)
    assert "The votes teach nothing that holds" in refused(train(export), 65)
    assert not export.with_name(RANKING).exists()


def test_too_few_votes_are_refused_before_anything_is_written_again(tmp_path: Path) -> None:
    export = write_export(tmp_path, [row(str(n), "ann", "👍") for n in range(30)])
    assert "There are 30 votes: it takes 240 on 50 stanzas, by 5 people" in refused(train(export), 65)


def test_votes_without_recipes_are_too_few(tmp_path: Path) -> None:
    export = write_export(tmp_path, [row(str(n), str(n % 6), "👍👎"[n % 2]) for n in range(300)])
    result = train(export)
    assert result.exit_code == 65
    # Behind the progress bar.
    assert "not written again (300 no recipe): it takes 240" in result.stderr.splitlines()[-1]


def test_a_damaged_export_is_one_sentence(tmp_path: Path) -> None:
    export = tmp_path / "ratings.csv"
    export.write_text("output,person\n1,2\n")
    assert "is no export of ratings" in refused(train(export), 65)
