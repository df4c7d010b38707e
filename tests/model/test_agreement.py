"""Pronouns of plans keep to who is named."""

import pytest

from model.agreement import disagreement, strangers
from model.plan import LinePlan
from tests.shipped import LEXICON


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["man walks street", "he looks feet"], 0),
        (["man walks street", "she looks feet"], 1),
        (["man woman street", "she looks feet", "he waits day"], 0),
        (["girls stand rain", "they laugh again", "she waits"], 1),
        (["dog runs grass", "he barks", "it stops"], 0),
        (["he rides street", "he waits", "they go"], 1),
        (["bus full street", "i walk feet", "we stop", "it goes"], 0),
        (["flowers red", "they grow bed"], 0),
    ],
)
def test_a_pronoun_stands_for_somebody(lines: list[str], wrong: int) -> None:
    plan = tuple(LinePlan(tuple(words[:-1]), words[-1]) for words in map(str.split, lines))
    assert disagreement(plan, LEXICON) == wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a woman walks across the street her shirt is red", 0),
        ("a woman walks across the street his shirt is red", 1),
        ("two boys run and they laugh with him", 1),
        ("my dog has lost her ball she barks", 0),
        ("he's gone and nobody knows her", 1),
        ("my dog jumps up she barks and licks her nose", 0),
        ("my dog jumps up she barks and licks his nose", 1),
        ("a boy and his dog run she barks and he laughs", 0),
    ],
)
def test_strangers_are_pronouns_of_nobody(text: str, wrong: int) -> None:
    assert strangers(text.split(), LEXICON) == wrong
