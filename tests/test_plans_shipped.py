"""Plans with the models that ship: what a stanza was to say, and what it says."""

from pathlib import Path

import pytest

from model.explanation import explain
from model.known_lines import KnownLines
from model.pen import Pen, Song
from model.rhyme import last_word
from model.text import fold
from model.wish import Wish

SHIPPED = Path("data/checkpoints")


@pytest.fixture(scope="module")
def pen() -> Pen:
    return Pen.load(SHIPPED)


def planned(song: Song) -> tuple[str, ...] | None:
    return song.candidates[0].plan and tuple(line.end for line in song.candidates[0].plan)


def test_lines_end_in_what_was_planned_and_are_nobodys(pen: Pen) -> None:
    song = pen.song("two dogs are running in the grass", Wish(random_seed=3))
    assert tuple(last_word(fold(line)) for line in song.lines) == planned(song)
    lines = KnownLines.load(SHIPPED / "lines.safetensors")
    assert not any(fold(line) in lines for line in song.lines)
    why = explain(song, pen.lexicon, None)
    assert why.plan is not None
    assert [line.split(", ")[-1] for line in why.plan] == list(planned(song) or ())
    assert why.scheme == "AABB"


def test_a_seed_begins_a_planned_stanza(pen: Pen) -> None:
    song = pen.song(None, Wish(random_seed=3, seed="a kiss"))
    assert song.lines[0].lower().startswith("a kiss")
    assert planned(song)


def test_a_line_is_planned_anew(pen: Pen) -> None:
    wish = Wish(random_seed=3)
    before = pen.song("a man rides a bike", wish)
    after = pen.song("a man rides a bike", Wish(random_seed=3, rewritten=((2, 9),)))
    assert [a == b for a, b in zip(before.lines, after.lines, strict=True)] == [True, False, True, True]
    line = after.candidates[0].plan[1]
    assert last_word(fold(after.lines[1])) == line.end


@pytest.mark.parametrize(
    ("keywords", "wish"),
    [
        (("zzxq",), Wish(random_seed=3)),
        ((), Wish(random_seed=3, seed="all through the long and lonely night of winter")),
        (("dog",), Wish(random_seed=3, style="ballad")),
    ],
    ids=["a word that nobody knows", "a seed of many syllables", "an old style"],
)
def test_where_no_plan_fits_it_is_written_without(pen: Pen, keywords: tuple[str, ...], wish: Wish) -> None:
    [song] = pen.sung([(keywords, wish)])
    assert song.lines
    assert not song.candidates[0].plan
    assert explain(song, pen.lexicon, None).plan == (None if wish.style == "ballad" else ())


def test_a_generator_without_planner_writes(pen: Pen) -> None:
    alone = Pen(pen.stepper, pen.vocabulary, pen.lexicon, pen.digest, engine=pen.engine)
    [song] = alone.sung([(("dog", "grass"), Wish(random_seed=3, candidates=8))])
    assert song.lines
    assert not song.candidates[0].plan
