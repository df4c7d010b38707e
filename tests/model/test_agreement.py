"""Pronouns keep to who is named, articles to what is behind them."""

import pytest

from model.agreement import articled, regendered, strangers
from model.plan import outline, whole_line
from tests.shipped import LEXICON


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
        ("man woman street she looks feet he waits day", 0),
        ("he rides street he waits they go", 1),
        ("bus full street i walk feet we stop it goes", 0),
        ("flowers red they grow bed", 0),
    ],
)
def test_strangers_are_pronouns_of_nobody(text: str, wrong: int) -> None:
    assert strangers(text.split(), LEXICON) == wrong


@pytest.mark.parametrize(
    ("lines", "old", "new", "turned"),
    [
        (["a man walks home", "he's late with his bag"], "man", "woman", "she's late with her bag"),
        (["a girl sings loud", "we see her in her hat"], "girl", "boy", "we see him in his hat"),
        (["a dog runs fast", "she drops her ball then"], "dog", "boy", "he drops his ball then"),
        (["a dog runs fast", "she drops her ball then"], "dog", "cat", "she drops her ball then"),
        # Who "he" is cannot be told any more, and a rhyme stays.
        (["a man and a boy go", "he runs away"], "man", "woman", None),
        (["a man walks home", "i wait for him"], "man", "woman", None),
    ],
)
def test_pronouns_follow_a_person(lines: list[str], old: str, new: str, turned: str | None) -> None:
    plan = tuple(whole_line(line.replace(old, new)) for line in lines)
    found = regendered(plan, old, new)
    assert (found and outline(found)[1]) == turned


def test_articles_go_by_the_next_word() -> None:
    assert articled("a old dog and an umbrella and an unicorn".split()) == (
        "an old dog and an umbrella and a unicorn".split()
    )
    assert articled(["an"]) == ["an"]
