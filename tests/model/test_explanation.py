"""Why a stanza is as it is: said of what it says, not of what was asked."""

from __future__ import annotations

from dataclasses import fields

from model.explanation import Placed, described, explain, scheme_of
from model.lexicon import Entry, Lexicon
from model.lyrics_generator import Song
from model.ranking import Candidate, Score
from model.request import GenerationRequest
from model.rhyme import Pronunciations

SOUNDS = Pronunciations({
    "day": (1, ("EY",)), "way": (1, ("EY",)), "sea": (1, ("IY",)), "me": (1, ("IY",)), "moon": (1, ("UW N",)),
})  # fmt: skip
NOUNS = ("wheel", "dog", "day", "way", "sea", "moon")
LEXICON = Lexicon(
    {word: Entry(500, "n", word, 0.0) for word in NOUNS}
    | {"wheels": Entry(90, "n", "wheel", 0.0), "skateboard": Entry(0, "n", "skateboard", 0.0)},
    names={},
    substitutes={"skateboard": "wheel"},
    sounds=SOUNDS,
)


def score(likelihood: float) -> Score:
    """A score of which only the likelihood is anything."""
    return Score(**{field.name: 0.0 for field in fields(Score)} | {"likelihood": likelihood})


def song(*lines: str, caption: str | None, candidates: tuple[str, ...] = ()) -> Song:
    found = ["\n".join(lines).lower(), *candidates]
    ranked = tuple(Candidate(text, score(-1.0 - n), True) for n, text in enumerate(found))
    return Song(caption, ("wheel", "dog"), lines, GenerationRequest(mood="sad"), "", "0123456789ab", ranked)


def test_a_word_of_the_caption_is_followed_to_its_lines() -> None:
    why = explain(
        song("The wheels of day", "A moon, the way", caption="A dog on a skateboard"), LEXICON, None
    )
    assert why.words == (Placed("wheel", ("skateboard",), (1,)), Placed("dog", ("dog",), ()))
    assert described(why.words) == "wheel, for skateboard (line 1), dog (in no line)"
    assert (why.mood, why.scheme, why.syllables, why.copied) == ("sad", "AA", (4, 4), None)


def test_without_a_caption_nothing_is_said_to_stand_for_anything() -> None:
    why = explain(song("The wheel", "The wheels", caption=None), LEXICON, None)
    assert why.words[0] == Placed("wheel", (), (1, 2))


def test_candidates_that_ended_alike_are_one() -> None:
    told = [f"the sea {number}" for number in "abcdefg" for _ in range(2)]
    why = explain(song("The sea", caption=None, candidates=tuple(told)), LEXICON, None)
    assert why.candidates == 8
    assert [rival.lines for rival in why.rivals][:2] == [("the sea",), ("the sea a",)]
    assert len(why.rivals) == 5
    assert all(sum(rival.parts.values()) == rival.score for rival in why.rivals)


def test_candidates_that_differ_in_a_comma_are_one() -> None:
    told = ("the sea,\nthe moon", "the sea\nthe moon!", "the sea\nthe wheel")
    why = explain(song("The dog", caption=None, candidates=told), LEXICON, None)
    assert [rival.lines for rival in why.rivals] == [
        ("the dog",),
        ("the sea,", "the moon"),
        ("the sea", "the wheel"),
    ]
    assert why.candidates == 3


def test_a_scheme_is_heard_not_asked_for() -> None:
    assert scheme_of(["the day", "to me", "a moon", "the sea"], LEXICON) == "ABCB"
    assert scheme_of(["the day", "the way", "oh me", "the sea"], LEXICON) == "AABB"
    # The same word is no rhyme, and what nobody can pronounce rhymes with nothing.
    assert scheme_of(["the day", "a day", "xyzzy", "xyzzy"], LEXICON) == "ABCD"
