"""Which words of people's lines may give way."""

from __future__ import annotations

from collections.abc import Sequence

from model.text import words
from tests.shipped import LEXICON
from training.corpora.songbook import Verse
from training.loops.exchanges import KEPT, Exchanger, exchanged, small_ones

LINES = ("the quick dog runs along the road", "he finds a stick and brings it here")
VERSE = Verse("p1", "plain", "AA", "happy", ("dog",), LINES)
CLASSES = dict.fromkeys(("road", "route", "stick", "spoon"), "n") | {"dog": "n", "cat": "n", "quick": "a"}
COUNTS = dict.fromkeys((*CLASSES, *words(VERSE.text)), 50)


def exchanger(stand_ins: dict[str, list[str]], liked: Sequence[str] = ()) -> Exchanger:
    """One whose judge likes lines with some words, and all others alike."""

    def judge(texts: Sequence[str]) -> list[float]:
        return [20.0 - 3 * len(set(liked) & set(words(text))) for text in texts]

    return Exchanger(stand_ins, CLASSES, COUNTS, judge, LEXICON)


def pairs(verse: Verse, stand_ins: dict[str, list[str]]) -> set[tuple[int, str, str]]:
    return {one[:3] for one in exchanger(stand_ins).telling_ones(verse)}


def test_a_word_gives_way_to_a_synonym_or_to_one_like_it(nltk_data: None) -> None:
    # Last words stay.
    found = pairs(VERSE, {"stick": ["spoon"], "dog": ["cat"], "here": ["there"]})
    assert found == {(1, "stick", "spoon"), (0, "dog", "cat")}
    # What is said twice stays; "route" is a road to WordNet.
    assert not pairs(
        Verse("p2", "plain", "AA", "happy", ("dog",), ("a road goes on", "the road is long")), {}
    )
    longer = Verse("p3", "plain", "AA", "happy", ("dog",), ("the road goes on", LINES[1]))
    assert (0, "road", "route") in pairs(longer, {})


def test_the_likeliest_of_each_line_are_taken(nltk_data: None) -> None:
    some = exchanger({"stick": ["spoon", "road"], "dog": ["cat"]}, liked=("spoon", "cat"))
    [found] = some.best([VERSE])
    assert {(one.line, one.new) for one in found} >= {(0, "cat"), (1, "spoon")}
    assert next(one.new for one in found if one.line == 1) == "spoon"
    for number in range(2):
        assert sum(one.line == number for one in found) <= KEPT
    for one in found:
        assert exchanged(LINES[one.line], one) != LINES[one.line]


def test_little_words_give_way_where_no_other_does(nltk_data: None) -> None:
    [found] = exchanger({"stick": ["spoon"]}, liked=("spoon", "the", "but")).best([VERSE])
    assert {one.new for one in found if one.line == 1} == {"spoon"}
    [found] = exchanger({}, liked=("but",)).best([VERSE])
    assert found[0][:3] == (1, "and", "but")
    assert {(one.line, one.old) for one in found} == {(1, "and")}
    his = Verse("p4", "plain", "AA", "sad", (), ("his apple fell", "it lay upon it"))
    tried = {(one.old, one.new): one for one in small_ones(his)}
    assert set(tried) == {("his", "a"), ("his", "the"), ("his", "one"), ("upon", "on")}
    assert exchanged(his.lines[0], tried["his", "a"]) == "an apple fell"
