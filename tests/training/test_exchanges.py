"""Which words of people's lines may give way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.text import words
from tests.shipped import LEXICON
from training.corpora.songbook import Verse
from training.loops.exchanges import Exchange, Exchanger, exchanged
from training.loops.planner import PlannerTrainer

LINES = ["the quick dog runs along the road", "he finds a stick and brings it here"]
VERSE = Verse("p1", "plain", "AA", "happy", ("dog",), tuple(LINES))
CLASSES = dict.fromkeys(("road", "route", "stick", "spoon"), "n") | {"dog": "n", "cat": "n", "quick": "a"}


@pytest.fixture
def judge(tmp_path: Path) -> PlannerTrainer:
    """Untrained: any word is about as likely as any other."""
    book = tmp_path / "book.jsonl"
    rows = [
        {"id": f"p{number}", "voice": "plain", "scheme": "AA", "mood": "happy", "keywords": ["dog"],
         "lines": [LINES[number % 2], "a spoon and a cat on a route to it " + "la " * (number + 1)]}
        for number in range(100)
    ]  # fmt: skip
    book.write_text("\n".join(map(json.dumps, rows)))
    return PlannerTrainer(book, LEXICON)


def test_a_word_gives_way_to_a_synonym_or_to_one_like_it(judge: PlannerTrainer, nltk_data: None) -> None:
    exchanger = Exchanger({"stick": ["spoon"], "dog": ["cat"], "here": ["there"]}, CLASSES, judge, LEXICON)
    tried = set(exchanger.possible(VERSE))
    # "Route" is a road to WordNet; last words stay.
    assert tried == {Exchange(1, "stick", "spoon", close=False), Exchange(0, "dog", "cat", close=True)}
    elsewhere = Verse("p2", "plain", "AA", "happy", ("dog",), ("a road goes on", "the road is long"))
    assert not list(exchanger.possible(elsewhere))
    longer = Verse("p3", "plain", "AA", "happy", ("dog",), ("the road goes on", LINES[1]))
    assert Exchange(0, "road", "route", close=True) in set(exchanger.possible(longer))


def test_the_best_of_each_line_is_taken(judge: PlannerTrainer, nltk_data: None) -> None:
    exchanger = Exchanger({"stick": ["spoon"]}, CLASSES, judge, LEXICON)
    [found] = exchanger.best([VERSE])
    assert len({(one.line, one.close) for one in found}) == len(found) <= 4
    for one in found:
        line = exchanged(VERSE, one).lines[one.line]
        assert one.new in words(line)
        assert one.old not in words(line)
