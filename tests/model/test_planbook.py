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
from model.generator import Generator
from model.mood import MOODS
from model.plan import outline, plan_of, planned_words, whole_line
from model.planbook import KIND, PlanBook, exchanged, relinked
from model.planner import Brief
from model.rhyme import SCHEMES, last_word
from model.text import words
from tests.shipped import LEXICON, VOCABULARY
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
    for plan, lines, person, syllables, *_ in found:
        assert len(plan) == len(lines) == len(person) == len(syllables) == query.lines
        assert all(line.end and 1 <= count <= 16 for line, count in zip(plan, syllables, strict=True))
    assert found == book.near(query, 6, np.random.default_rng(seed))


def test_what_is_near_names_what_was_asked_for(book: PlanBook) -> None:
    found = book.near(Brief(("dog", "snow", "run"), "modern"), 8, np.random.default_rng(1))
    assert len(found) == 8
    for one in found:
        assert 1 < one.nats < 8
        lemmas = {LEXICON.lemma(word) for word in planned_words(one.plan)}
        assert len(lemmas & {"dog", "snow", "run"}) >= 2
    assert not book.near(Brief(("zzxq",), "modern"), 8, np.random.default_rng(1))
    assert not book.near(Brief(("dog",), "ballad"), 8, np.random.default_rng(1))


def test_lines_with_another_word_are_planned_whole(book: PlanBook) -> None:
    people = {" ".join(words(line)) for verse in read_songbook(SONGBOOK) for line in verse.lines}
    found = book.near(Brief(("dog", "sofa"), "modern"), 32, np.random.default_rng(1))
    for one in found:
        assert people.issuperset(one.person)
        assert one.syllables == tuple(map(LEXICON.sounds.spoken, one.lines))
        for line, said, other in zip(one.plan, one.lines, one.changed, strict=True):
            assert line == (whole_line(said) if other else plan_of([said])[0])
    assert sum(map(all, (one.changed for one in found))) > 3


def test_chance_decides_among_plans_that_are_as_near(book: PlanBook) -> None:
    query = Brief(("dog", "grass"), "modern")
    first = {book.near(query, 1, np.random.default_rng(seed))[0].plan for seed in range(8)}
    assert len(first) > 4


def test_a_word_takes_the_place_of_another() -> None:
    plan = tuple(map(whole_line, ["a man walks home", "he's late he says"]))
    assert outline(exchanged(plan, "man", "woman") or ()) == ("a woman walks home", "she's late she says")
    # The rhyme would be gone.
    assert exchanged(plan, "home", "house") is None


def test_a_sentence_may_begin_with_and_or_without() -> None:
    def said(*lines: str) -> list[str]:
        plan = tuple(map(whole_line, lines))
        return [outline([relinked(plan, line)])[0] for line in range(len(plan))]

    assert said("a man walks home", "and he is late") == ["now a man walks home", "he is late"]
    # One line is joined; what begins with no subject stays, and what is as long as a plan may be.
    assert said("home at last", "he is late", "and glad") == ["home at last", "he is late", "and glad"]
    assert said("home at last", "he is late") == ["home at last", "and he is late"]
    longest = "he sees a big red kite up there"
    assert said("home", longest) == ["home", longest]


def test_the_command_keeps_plans(tmp_path: Path) -> None:
    book, output = tmp_path / "book.jsonl", tmp_path / "planbook.safetensors"
    rows = lzma.decompress(SONGBOOK.read_bytes()).decode().splitlines()[::50]
    book.write_text("\n".join(rows))
    told = [str(book), "--lexicon", str(SHIPPED / "lexicon.json.xz"), "--output", str(output)]
    judge = _small_generator(tmp_path / "generator.safetensors")
    models = ["--stand-ins", str(SONGBOOK.parent / "stand_ins.txt"), "--generator", str(judge)]
    models += ["--marks", str(SONGBOOK.parent / "marks.txt")]
    done = CliRunner().invoke(main, ["train", "planbook", *told, *models])
    assert done.exit_code == 0, done.output
    kept = PlanBook.load(output, LEXICON)
    # Words of few stanzas are no use to anybody.
    assert 10 < len(kept) < 500
    assert f"{len(kept)} plans" in done.output
    people = {tuple(last_word(line) for line in verse.lines) for verse in read_songbook(book)}
    near = kept.near(Brief(("dog",), "modern"), 5, np.random.default_rng(1))
    assert near
    assert all(tuple(line.end for line in plan) in people for plan, *_ in near)


def _small_generator(path: Path) -> Path:
    sizes = {"embedding": 8, "control": 4, "hidden": 8, "layers": 1, "word": 4, "cell": "lstm", "styles": 7}
    model = Generator(len(VOCABULARY), [], 8, 4, 8, 1, word=4, styles=7)
    header = {"architecture": sizes, "lemmas": [], "alphabet": VOCABULARY.alphabet, "data": ""}
    save_checkpoint(path, "generator", header, model.state_dict())
    return path


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
