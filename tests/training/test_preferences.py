"""Votes teach the score: what was planted is found, what was not is not, and too few say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model.taught import LEAST, MOST
from training.evaluation.preferences import MIN_VOTES, factors_of, readable, study
from training.evaluation.votes import PARTS, Votes

# What the invented people care for, as factors of what the score counts. Some of it is never counted.
CARED = dict.fromkeys(PARTS, 1.0) | {"likelihood": 4.0, "rhyme": 0.1, "novelty": 2.0, "endings": 0.2}
SPREAD = dict.fromkeys(PARTS, 1.0) | {"mood": 0.0, "unknown": 0.0, "form": 0.0}


def invented(seed: int, people: int = 10, each: int = 100, stanzas: int = 400, cared: Any = None) -> Votes:
    """Votes of people who are pleased more or less easily, all by the same taste."""
    draw = np.random.default_rng(seed)
    parts = draw.normal(0, [0.4 * SPREAD[part] for part in PARTS], (stanzas, len(PARTS)))
    person = np.repeat(np.arange(people), each)
    stanza = np.concatenate([draw.choice(stanzas, each, replace=False) for _ in range(people)])
    worth = [(cared or CARED)[part] for part in PARTS]
    odds = parts[stanza] @ worth + draw.normal(0.5, 1, people)[person]
    return Votes(parts[stanza], 2 * person, stanza, draw.random(len(odds)) < 1 / (1 + np.exp(-odds)))


def true_factors(votes: Votes) -> dict[str, float]:
    """What was planted, so that scores differ as much as before."""
    stanzas = votes.parts[np.unique(votes.stanza, return_index=True)[1]]
    worth = np.array([CARED[part] for part in PARTS])
    scale = stanzas.sum(axis=1).std() / (stanzas @ worth).std()
    return {part: scale * CARED[part] for part in PARTS}


@pytest.fixture(scope="module")
def votes() -> Votes:
    return invented(1)


@pytest.fixture(scope="module")
def found(votes: Votes) -> dict[str, Any]:
    return study(votes)


def test_the_direction_of_people_s_taste_is_found(found: dict[str, Any], votes: Votes) -> None:
    taken, planted = factors_of(found), true_factors(votes)
    counted = [part for part in PARTS if SPREAD[part]]
    one, other = (np.array([some[part] for part in counted]) for some in (taken, planted))
    assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 0.95
    assert all(LEAST <= factor <= MOST for factor in taken.values())


def test_intervals_hold_what_was_planted(found: dict[str, Any], votes: Votes) -> None:
    planted = true_factors(votes)
    rows = [row for row in found["parts"] if SPREAD[row["part"]]]
    held = [row["low"] <= planted[row["part"]] <= row["high"] for row in rows]
    assert sum(held) >= len(held) - 1
    # They are no wider than they have to be: what is planted strongly is told from what is not.
    by_part = {row["part"]: row for row in rows}
    assert by_part["likelihood"]["low"] > by_part["rhyme"]["high"]


def test_a_part_that_is_always_the_same_stays(found: dict[str, Any]) -> None:
    rows = [row for row in found["parts"] if not SPREAD[row["part"]]]
    assert len(rows) == 3
    assert all((row["factor"], row["worth"]) == (1.0, None) for row in rows)


def test_held_back_votes_agree_more_with_what_was_learnt(found: dict[str, Any]) -> None:
    assert found["gain"]["low"] > 0
    assert found["after"]["share"] - found["before"]["share"] == pytest.approx(found["gain"]["share"])
    said = readable(found)
    assert all(word in said for word in ("before", "after", "gain", "always the same"))


def test_votes_by_chance_change_little() -> None:
    votes = invented(2, people=6, each=50, cared=dict.fromkeys(PARTS, 0.0))
    found = study(votes)
    assert found["gain"]["low"] < 0
    assert found["after"]["low"] < 0.5


def test_too_few_votes_are_a_note() -> None:
    few = invented(3, people=6, each=MIN_VOTES // 6 - 1)
    assert study(few)["note"] == "too few"
    assert f"Too few: it takes {MIN_VOTES} votes by 5 people on 50 stanzas" in readable(study(few))
    # Many votes of those who like everything compare nothing.
    pleased = invented(3)
    everything = Votes(pleased.parts, pleased.person, pleased.stanza, np.ones(len(pleased), bool))
    assert (study(everything)["note"], study(everything)["votes"]) == ("too few", 0)
