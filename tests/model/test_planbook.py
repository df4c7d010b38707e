"""The plan book: people's plans for what is near to theirs."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cli.main import main
from model.checkpoint import save_checkpoint
from model.errors import BadCheckpoint
from model.mood import MOODS
from model.plan import outline, plan_of, planned_words
from model.planbook import KIND, PlanBook, exchanged
from model.planner import Brief
from model.rhyme import SCHEMES, last_word
from tests.shipped import LEXICON
from training.corpora.songbook import read_songbook

SHIPPED = Path("data/checkpoints")
SONGBOOK = Path("data/songbook/stanzas.jsonl.xz")


@pytest.fixture(scope="module")
def book() -> PlanBook:
    return PlanBook.load(SHIPPED / "planbook.safetensors", LEXICON)


queries = st.builds(
    Brief,
    keywords=st.lists(
        st.sampled_from(["dog", "man", "woman", "beach", "skateboard", "snow", "zzxq"]),
        max_size=4,
        unique=True,
    ).map(tuple),
    style=st.sampled_from(["modern", "witty"]),
    mood=st.sampled_from([None, *MOODS]),
    lines=st.integers(1, 4),
    scheme=st.sampled_from(SCHEMES),
)


@settings(deadline=None, max_examples=40)
@given(query=queries, seed=st.integers(0, 1000))
def test_near_plans_have_the_form_asked_for(book: PlanBook, query: Brief, seed: int) -> None:
    found = book.near(query, 6, np.random.default_rng(seed))
    assert len(found) <= 6
    for plan, syllables, *_ in found:
        assert len(plan) == len(syllables) == query.lines
        assert all(line.end and 1 <= count <= 16 for line, count in zip(plan, syllables, strict=True))
    assert found == book.near(query, 6, np.random.default_rng(seed))


def test_what_is_near_names_what_was_asked_for(book: PlanBook) -> None:
    found = book.near(Brief(("dog", "snow", "run"), "modern"), 8, np.random.default_rng(1))
    assert len(found) == 8
    for plan, _, nats, _ in found:
        assert 1 < nats < 6
        lemmas = {LEXICON.lemma(word) for word in planned_words(plan)}
        assert len(lemmas & {"dog", "snow", "run"}) >= 2
    assert not book.near(Brief(("zzxq",), "modern"), 8, np.random.default_rng(1))
    assert not book.near(Brief(("dog",), "ballad"), 8, np.random.default_rng(1))


def test_a_plan_says_something_else_than_its_person(book: PlanBook) -> None:
    people = {said for verse in read_songbook(SONGBOOK) for said in outline(plan_of(verse.lines))}
    found = book.near(Brief(("dog", "sofa"), "modern"), 32, np.random.default_rng(1))
    for plan, syllables, _, changed in found:
        assert sum(line not in people for line in outline(plan)) <= changed <= 4
        spoken = [LEXICON.sounds.spoken(line) for line in outline(plan)]
        assert all(planned <= whole for planned, whole in zip(spoken, syllables, strict=True))
    assert sum(one.changed >= 2 for one in found) > 8


def test_chance_decides_among_plans_that_are_as_near(book: PlanBook) -> None:
    query = Brief(("dog", "grass"), "modern")
    first = {book.near(query, 1, np.random.default_rng(seed))[0].plan for seed in range(8)}
    assert len(first) > 4


def test_a_person_takes_the_pronouns_along() -> None:
    plan = plan_of(["a man walks home", "he's late, he says", "the dog is glad"])
    turned = exchanged(plan, "man", "woman")
    assert outline(turned) == ("woman walks home", "she's late she says", "dog is glad")
    seen = plan_of(["a boy waits", "we look at him there"])
    assert outline(exchanged(seen, "boy", "girl"))[1] == "we look at her there"
    # Who "he" is cannot be told any more.
    two = plan_of(["a man and boy", "he runs"])
    assert outline(exchanged(two, "man", "woman"))[1] == "he runs"
    assert outline(exchanged(plan, "dog", "cat"))[1] == "he's late he says"


def test_the_command_keeps_plans(tmp_path: Path) -> None:
    book, output = tmp_path / "book.jsonl", tmp_path / "planbook.safetensors"
    rows = lzma.decompress(SONGBOOK.read_bytes()).decode().splitlines()[::50]
    book.write_text("\n".join(rows))
    planner = tmp_path / "planner.safetensors"
    told = [str(book), "--lexicon", str(SHIPPED / "lexicon.json.xz"), "--output"]
    made = CliRunner().invoke(main, ["train", "planner", *told, str(planner), "--passes", "1"])
    assert made.exit_code == 0, made.output
    done = CliRunner().invoke(main, ["train", "planbook", *told, str(output), "--planner", str(planner)])
    assert done.exit_code == 0, done.output
    kept = PlanBook.load(output, LEXICON)
    # Words of few stanzas are no use to anybody.
    assert 20 < len(kept) < 500
    assert f"{len(kept)} plans" in done.output
    people = {tuple(last_word(line) for line in verse.lines) for verse in read_songbook(book)}
    near = kept.near(Brief(("dog",), "modern"), 5, np.random.default_rng(1))
    assert near
    assert all(tuple(line.end for line in plan) in people for plan, *_ in near)


def test_a_damaged_book_is_named(tmp_path: Path) -> None:
    path = tmp_path / "planbook.safetensors"
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        PlanBook.load(path, LEXICON)
    path.write_bytes(b"nothing at all")
    with pytest.raises(BadCheckpoint, match="is damaged"):
        PlanBook.load(path, LEXICON)
    save_checkpoint(path, KIND, {"words": "dog", "schemes": ["AABB"]}, {})
    with pytest.raises(BadCheckpoint, match="planbook"):
        PlanBook.load(path, LEXICON)
