"""Moods of pictures and of words, and steering towards one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.conditioning import Conditioning, ConditioningState
from model.lexicon import Lexicon
from model.mood import MOODS, SIGNS, leaning, light, mood_of, signs, suggested
from tests.shipped import LEXICON


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return LEXICON


def suggested_by(lexicon: Lexicon, caption: str | None, *colour: int) -> str | None:
    return suggested(caption, *light(np.full((4, 4, 3), colour, dtype=np.uint8)), lexicon)


@pytest.mark.parametrize(
    ("colour", "mood"),
    [
        ((10, 10, 40), "dreamy"),
        ((255, 200, 40), "happy"),
        ((240, 210, 200), "tender"),
        ((90, 95, 100), "sad"),
        ((200, 20, 20), "angry"),
        ((120, 140, 110), None),
    ],
)
def test_light_and_colour_have_a_mood(
    lexicon: Lexicon, colour: tuple[int, int, int], mood: str | None
) -> None:
    assert suggested_by(lexicon, None, *colour) == mood
    assert suggested_by(lexicon, "a man is standing", *colour) == mood


def test_what_a_caption_says_goes_before_colour(lexicon: Lexicon) -> None:
    assert suggested_by(lexicon, "two dogs fight in a living room", 255, 200, 40) == "angry"
    assert suggested_by(lexicon, "a woman is kissing her baby", 10, 10, 40) == "tender"


@given(st.text(max_size=80), st.floats(0, 1), st.floats(-1, 1), st.floats(0, 1))
def test_any_picture_has_a_mood_or_none(
    lexicon: Lexicon, text: str, brightness: float, warmth: float, saturation: float
) -> None:
    assert suggested(text, brightness, warmth, saturation, lexicon) in (*MOODS, None)


def test_light_is_measured_between_its_bounds() -> None:
    white, black, blue = (
        light(np.full((2, 3, 3), colour, dtype=np.uint8)) for colour in ((255,) * 3, (0,) * 3, (0, 0, 255))
    )
    assert white == pytest.approx((1, 0, 0))
    assert black == (0, 0, 0)
    assert blue == pytest.approx((0.114, -1, 1))


def test_a_moods_words_count_in_any_form(lexicon: Lexicon) -> None:
    assert {"weep", "weeping", "sorrows"} <= signs("sad", lexicon)
    assert signs(None, lexicon) == frozenset()
    for mood in MOODS:
        assert SIGNS[mood] <= signs(mood, lexicon)
        text = " ".join(sorted(SIGNS[mood])[:3])
        assert mood_of(text, lexicon) == mood
        assert leaning(text, mood, lexicon) > 0 > leaning(text, MOODS[MOODS.index(mood) - 1], lexicon)


def test_a_line_is_moody_from_its_first_word_of_the_mood(lexicon: Lexicon) -> None:
    progress = ConditioningState(Conditioning.of([], lexicon, mood="sad", lines=4))
    seen = []
    for character in "the weeping, weeping child\nis glad\nof sorrow\n":
        progress.add(character)
        seen.append(len(progress.moody))
    assert seen == [*[0] * 11, *[1] * 33, *[2]]
    assert progress.moody == {0, 2}
