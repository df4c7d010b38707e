"""Which words of people's lines may give way."""

from __future__ import annotations

from collections.abc import Sequence

from model.text import words
from tests.shipped import LEXICON
from training.corpora.songbook import Verse
from training.corpora.stand_ins import StandIns
from training.loops.exchanges import KEPT, Exchange, Exchanger, exchanged, small_ones

LINES = ("the quick dog runs along the road", "he finds a stick and brings it here")
VERSE = Verse("p1", "plain", "AA", "happy", ("dog",), LINES)
COUNTS = dict.fromkeys(("cat", "spoon", "there", *words(VERSE.text)), 50)


def exchanger(stand_ins: StandIns, liked: Sequence[str] = ()) -> Exchanger:
    """One whose judge likes lines with some words, and all others alike."""

    def judge(texts: Sequence[str]) -> list[float]:
        return [20.0 - 3 * len(set(liked) & set(words(text))) for text in texts]

    return Exchanger(stand_ins, COUNTS, judge, LEXICON)


def sure(**pairs: str) -> StandIns:
    return {word: {other: True} for word, other in pairs.items()}


def test_a_word_gives_way_to_one_that_may_stand_in_its_place() -> None:
    # Last words stay, and nobody knows "route".
    found = {
        one[:3]
        for one in exchanger(
            sure(stick="spoon", dog="cat", here="there", road="way", runs="route")
        ).telling_ones(VERSE)
    }
    assert found == {(1, "stick", "spoon"), (0, "dog", "cat")}
    # What is said twice stays, and so does what has its like in the stanza.
    assert (1, "stick", "spoon") not in {
        one[:3] for one in exchanger({"stick": {"spoon": True, "road": True}}).telling_ones(VERSE)
    }
    twice = Verse("p2", "plain", "AA", "happy", ("dog",), ("a dog goes on", "the dog runs long"))
    assert not [*exchanger(sure(dog="cat")).telling_ones(twice)]


def test_what_mostly_fits_may_cost_less() -> None:
    found = exchanger({"stick": {"spoon": True}, "dog": {"cat": False}}).telling_ones(VERSE)
    costs = {one.new: one.dearer for one in found}
    assert costs["cat"] < costs["spoon"]


def test_the_likeliest_of_each_line_are_taken() -> None:
    some = exchanger({"stick": {"spoon": True, "there": True}, "dog": {"cat": True}}, liked=("spoon", "cat"))
    [found] = some.best([VERSE])
    assert {(one.line, one.new) for one in found} >= {(0, "cat"), (1, "spoon")}
    assert next(one.new for one in found if one.line == 1) == "spoon"
    for number in range(2):
        assert sum(one.line == number for one in found) <= KEPT
    for one in found:
        assert exchanged(LINES[one.line], one) != LINES[one.line]


def test_little_words_give_way_where_no_other_does() -> None:
    [found] = exchanger(sure(stick="spoon"), liked=("spoon", "the", "but")).best([VERSE])
    assert {one.new for one in found if one.line == 1} == {"spoon"}
    [found] = exchanger({}, liked=("but",)).best([VERSE])
    assert found[0][:3] == (1, "and", "but")
    assert {(one.line, one.old) for one in found} == {(1, "and")}
    his = Verse("p4", "plain", "AA", "sad", (), ("his apple fell", "it lay upon my coat"))
    assert {one[1:3] for one in small_ones(his)} == {("upon", "on"), ("my", "our")}


def test_an_article_goes_with_the_word_behind_it() -> None:
    assert exchanged("a cat fell", Exchange(0, "cat", "owl")) == "an owl fell"
