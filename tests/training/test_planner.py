"""Plans: what lines are to say before they are written."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import BadCheckpoint
from model.lexicon import Entry, Lexicon
from model.mood import MOODS
from model.plan import MAX_INNER, PRONOUNS, LinePlan, plan_of, planned_words
from model.planner import Brief, Planner
from model.rhyme import SCHEMES, Pronunciations, partner
from training.loops.planner import PlannerNet, PlannerTrainer

_SOUNDS = {
    "tree": "IY", "sea": "IY", "me": "IY", "free": "IY", "see": "IY", "knee": "IY", "bee": "IY",
    "day": "EY", "way": "EY", "play": "EY", "say": "EY", "stay": "EY", "grey": "EY", "may": "EY",
    "dog": "AO G", "runs": "AH N Z", "run": "AH N", "boy": "OY", "he": "IY", "she": "IY", "grass": "AE S",
}  # fmt: skip
_LEMMAS = {"runs": "run"}
LEXICON = Lexicon(
    {word: Entry(100, "n", _LEMMAS.get(word, word), 0.0) for word in _SOUNDS},
    {},
    {},
    Pronunciations({word: (1, (sound,)) for word, sound in _SOUNDS.items()}),
)
WORDS = sorted(_SOUNDS)
LEMMAS = ["boy", "dog", "grass", "run"]


@pytest.fixture(scope="module")
def planner() -> Planner:
    """Of random weights: what holds of its plans holds of any."""
    torch.manual_seed(3)
    weights = PlannerNet(len(WORDS), len(LEMMAS), embedding=8, form=4, hidden=12).state_dict()
    return Planner({name: tensor.numpy() for name, tensor in weights.items()}, WORDS, LEMMAS, LEXICON)


def test_a_written_stanza_has_a_plan() -> None:
    lines = [
        "the dog runs through the grass",
        "and he would like to see",
        "a very long line of long lines to go",
    ]
    assert plan_of(lines) == (
        LinePlan(("dog", "runs", "through"), "grass"),
        LinePlan(("and", "he", "like", "to"), "see"),
        LinePlan(("very", "long", "line", "of", "long", "lines", "to"), "go"),
    )
    assert planned_words(plan_of(lines[:1])) == ("dog", "runs", "through", "grass")
    assert plan_of(["--"]) == (LinePlan((), ""),)


briefs = st.builds(
    Brief,
    keywords=st.lists(st.sampled_from([*LEMMAS, "unheard"]), max_size=4, unique=True).map(tuple),
    style=st.sampled_from(["modern", "witty"]),
    mood=st.sampled_from([None, *MOODS]),
    lines=st.integers(1, 4),
    scheme=st.sampled_from(SCHEMES),
)


@settings(deadline=None, max_examples=40)
@given(brief=briefs, seed=st.integers(0, 1000), temperature=st.sampled_from([0.4, 1.0, 1.6]))
def test_plans_have_the_form_asked_for(planner: Planner, brief: Brief, seed: int, temperature: float) -> None:
    barred = frozenset({"bee", "knee"})
    drafts = planner.draw(brief, 8, temperature, np.random.default_rng(seed), barred)
    assert drafts
    for draft in drafts:
        plan = draft.plan
        assert len(plan) == brief.lines
        assert all(line.end and len(line.inner) <= MAX_INNER for line in plan)
        assert not barred & set(planned_words(plan))
        for number, line in enumerate(plan):
            other = partner(brief.scheme, number)
            if other is not None and LEXICON.sounds.classes(plan[other].end) and _rhymes(plan[other].end):
                assert LEXICON.sounds.rhyme(line.end, plan[other].end), plan
        assert draft.nats > 0


def _rhymes(word: str) -> bool:
    return any(LEXICON.sounds.rhyme(word, other) for other in WORDS)


def test_a_word_that_is_planned_does_not_come_back_in_another_form(planner: Planner) -> None:
    brief = Brief(("dog",), "modern", scheme="free")
    for draft in planner.draw(brief, 40, 1.0, np.random.default_rng(1)):
        lemmas = [LEXICON.lemma(word) for word in planned_words(draft.plan) if word not in PRONOUNS]
        # There are so few words here that a long plan may have to say one again.
        if len(lemmas) <= 12:
            assert len(lemmas) == len(set(lemmas)), draft.plan


def test_the_same_random_numbers_give_the_same_plans(planner: Planner) -> None:
    brief = Brief(("dog", "grass"), "modern")
    first, again = (planner.draw(brief, 8, 0.7, np.random.default_rng(5)) for _ in range(2))
    assert first == again


def test_another_line_is_planned_beside_those_that_are_there(planner: Planner) -> None:
    brief = Brief(("dog",), "modern", scheme="ABAB")
    before = (LinePlan(("dog", "runs"), "tree"), LinePlan((), "day"))
    for draft in planner.draw_line(brief, before, "", 8, 1.0, np.random.default_rng(2)):
        [line] = draft.plan
        assert LEXICON.sounds.rhyme(line.end, "tree")
    for draft in planner.draw_line(brief, (), "way", 8, 1.0, np.random.default_rng(2)):
        [line] = draft.plan
        assert LEXICON.sounds.rhyme(line.end, "way")


def test_it_learns_what_stanzas_say(tmp_path: Path) -> None:
    rows = [
        {"id": f"s{number}", "voice": "plain", "scheme": "AABB", "mood": "happy", "keywords": [kind],
         "lines": [f"a {kind} can see", f"it likes the {end}", "it runs all day", "and likes to play"]}
        for number in range(200)
        for kind, end in [(("dog", "tree"), ("boy", "sea"))[number % 2]]
    ]  # fmt: skip
    book = tmp_path / "songbook.jsonl"
    book.write_text("\n".join(map(json.dumps, rows)))
    trainer = PlannerTrainer(book, LEXICON)
    path = tmp_path / "planner.safetensors"
    trainer.train(path, epochs=6, batch=8, rate=1e-2)
    found = Planner.load(path, LEXICON)
    for keyword, end in (("dog", "tree"), ("boy", "sea")):
        drafts = found.draw(Brief((keyword,), "modern", "happy"), 16, 0.5, np.random.default_rng(1))
        words = [word for draft in drafts for word in planned_words(draft.plan)]
        others = {"dog": ("boy", "sea"), "boy": ("dog", "tree")}[keyword]
        assert words.count(keyword) > 2 * words.count(others[0])
        assert words.count(end) > 2 * words.count(others[1])


def test_a_damaged_planner_is_named(tmp_path: Path) -> None:
    path = tmp_path / "planner.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(BadCheckpoint, match=r"planner\.safetensors"):
        Planner.load(path, LEXICON)
