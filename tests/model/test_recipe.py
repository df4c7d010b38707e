"""A recipe is short, comes back whole, and is never mistaken for another one."""

from __future__ import annotations

import base64
import zlib
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.conditioning import LEAST_SYLLABLES, MAX_LINES, MOST_SYLLABLES, STYLES
from model.errors import BadInput, BadOption
from model.mood import MOODS
from model.prompts import check_prompt
from model.recipe import LONGEST_RECIPE, SHORTEST_RECIPE, NotARecipe, OtherModels, Recipe, filter_mark
from model.request import MAX_REWRITTEN, GenerationRequest
from model.rhyme import SCHEMES
from model.sampling import Sampling

GENERATOR, BACKEND = "0123456789ab", "int8"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PLAIN = Recipe.of(("horse", "ride"), GenerationRequest(seed=3_735_928_559, style="song"), GENERATOR, BACKEND)

seeds = st.integers(0, 2**32 - 1)
# Temperatures to any place after the point: byte for byte means that none is rounded.
temperatures = st.floats(0.1, 2.0) | st.integers(1, 20).map(lambda tenths: tenths / 10)
lemmas = st.from_regex("[a-z][a-z'-]{1,15}", fullmatch=True)


@st.composite
def prompts(draw: st.DrawFn) -> str:
    text = draw(st.text("abcdefghijklmnopqrstuvwxyz '-,.;:!?", min_size=1, max_size=100))
    try:
        return check_prompt(text)
    except BadOption:
        return ""


@st.composite
def requests(draw: st.DrawFn) -> GenerationRequest:
    lines = draw(st.integers(1, MAX_LINES))
    rewritten = st.lists(st.tuples(st.integers(1, lines), seeds), max_size=MAX_REWRITTEN)
    return GenerationRequest(
        Sampling(draw(temperatures), draw(st.integers(0, 1000)), draw(st.floats(0.01, 1.0))),
        draw(prompts()),
        draw(seeds),
        draw(st.integers(1, 256)),
        draw(st.sampled_from(STYLES)),
        draw(st.none() | st.sampled_from(MOODS)),
        lines,
        draw(st.none() | st.sampled_from(SCHEMES)),
        draw(st.none() | st.integers(LEAST_SYLLABLES, MOST_SYLLABLES)),
        tuple(draw(rewritten)),
        draw(st.frozensets(lemmas, max_size=3)),
    )


recipes = st.builds(
    Recipe.of,
    st.lists(lemmas, max_size=4),
    requests(),
    st.binary(min_size=6, max_size=6).map(bytes.hex),
    st.sampled_from(("int8", "float32", "torch")),
)


OTHER = {
    "sampling": Sampling(0.9), "prompt": "oh", "seed": 7, "candidates": 9, "style": "song", "mood": "sad",
    "lines": 2, "scheme": "ABAB", "syllables": 9, "rewritten": ((1, 4),), "forbidden": frozenset({"damn"}),
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(GenerationRequest)])
def test_whatever_a_request_says_is_in_its_recipe(name: str) -> None:
    """A field that is new has to be added here, and to the recipe: a replay would forget it."""
    plain = Recipe.of((), GenerationRequest(), GENERATOR, BACKEND)
    other = Recipe.of((), GenerationRequest(**{name: OTHER[name]}), GENERATOR, BACKEND)  # type: ignore[arg-type]
    assert other.text != plain.text
    assert Recipe.parse(other.text) == other


@given(recipes)
def test_every_recipe_comes_back_whole(recipe: Recipe) -> None:
    text = recipe.text
    assert Recipe.parse(text) == recipe
    assert SHORTEST_RECIPE <= len(text) <= LONGEST_RECIPE
    assert set(text) <= set(ALPHABET)


@given(recipes)
def test_it_survives_being_read_aloud(recipe: Recipe) -> None:
    text = recipe.text.upper().replace("0", "O").replace("1", "l")
    assert Recipe.parse(f" `{text}`\n") == recipe


@given(recipes, st.data())
def test_a_changed_letter_is_refused(recipe: Recipe, data: st.DataObject) -> None:
    text = recipe.text
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([*ALPHABET, "u", "-", "é"]).filter(lambda c: c != text[place]))
    with pytest.raises(NotARecipe):
        Recipe.parse(text[:place] + other + text[place + 1 :])


@given(recipes, st.data())
def test_missing_doubled_and_swapped_letters_are_refused(recipe: Recipe, data: st.DataObject) -> None:
    text = recipe.text
    place = data.draw(st.integers(0, len(text) - 2))
    start, one, two, end = text[:place], text[place], text[place + 1], text[place + 2 :]
    for slip in (start + two + end, start + one + one + two + end, start + two + one + end):
        if slip != text:
            with pytest.raises(NotARecipe):
                Recipe.parse(slip)


@given(st.text(max_size=60) | st.text(ALPHABET, max_size=900))
def test_no_other_text_is_a_recipe(text: str) -> None:
    with pytest.raises(NotARecipe) as refused:
        Recipe.parse(text)
    assert str(refused.value).count(".") == 1


def test_a_plain_one_is_short() -> None:
    assert len(PLAIN.text) <= 45
    with_filter = Recipe.of(
        PLAIN.keywords, replace(PLAIN.request, forbidden=frozenset({"damn"})), GENERATOR, BACKEND
    )
    assert len(with_filter.text) <= 52


def test_a_recipe_of_today_is_read_for_ever() -> None:
    """The text is pinned: whoever has noted it keeps a recipe that means the same."""
    assert PLAIN.text == "040j6hb7h6nxxbdyxw00mt3fe9spa83jd5j6a3dcv330"


def forged(body: bytes) -> str:
    """A text whose check is right, whatever it holds."""
    coded = base64.b32encode(body + zlib.crc32(body).to_bytes(4, "big")).decode().rstrip("=")
    return coded.translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET))


HEAD = b"\x01" + bytes(6) + bytes(4)


@pytest.mark.parametrize(
    "fields",
    [
        b"\x00\x05horse\x00\x04ride", b"\x00\x05Horse", b"\x00\x0cdog' OR 1=1 ", b"\x01\x04\xf0\x9f\x8e\xb5",
        b"\x01\x03a\nb", b"\x02\x03nan", b"\x02\x030.4", b"\x02\x039.9", b"\x05\x00", b"\x05\xff\xff\x7f",
        b"\x06\x04jazz", b"\x08\x09", b"\x09\x04AABA", b"\x0a\x80\x00", b"\x0b\x19", b"\x0a", b"\x0c\xff\x00",
        b"\x63\x00", b"\x0a\xff", b"\x08\x03\x05\x08",
    ],
)  # fmt: skip
def test_what_somebody_made_up_is_refused(fields: bytes) -> None:
    assert Recipe.parse(forged(HEAD)).keywords == ()
    with pytest.raises(NotARecipe):
        Recipe.parse(forged(HEAD + fields))


def test_a_newer_version_is_named() -> None:
    with pytest.raises(BadOption, match="version 2, this program reads 1"):
        Recipe.parse(forged(b"\x02" + HEAD[1:]))


def test_other_models_are_told_from_a_typing_error() -> None:
    PLAIN.check(GENERATOR, BACKEND)
    for other in (("ba9876543210", BACKEND), (GENERATOR, "torch")):
        with pytest.raises(OtherModels, match=rf"{GENERATOR}, {BACKEND}\) than these \({', '.join(other)}\)"):
            PLAIN.check(*other)
    assert issubclass(OtherModels, BadInput)
    assert not issubclass(OtherModels, BadOption)


def test_rewriting_adds_up_and_ends() -> None:
    recipe = PLAIN.rewriting(2, 5).rewriting(4, 6)
    assert recipe.request.rewritten == ((2, 5), (4, 6))
    assert Recipe.parse(recipe.text) == recipe != PLAIN
    with pytest.raises(BadOption, match="line to rewrite must be between 1 and 4, not 5"):
        PLAIN.rewriting(5, 0)
    for number in range(MAX_REWRITTEN - 2):
        recipe = recipe.rewriting(1, number)
    with pytest.raises(BadOption, match=f"rewritten {MAX_REWRITTEN} times in all"):
        recipe.rewriting(1, 0)


def test_a_word_filter_is_told_apart_and_not_told() -> None:
    marks = {filter_mark(words) for words in ((), ("damn",), ("damn", "hell"), ("hell",))}
    assert len(marks) == 4
    assert filter_mark(()) == 0
    assert filter_mark(["b", "a"]) == filter_mark(frozenset({"a", "b"}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scheme", "AABA"), ("scheme", "aabb"), ("syllables", 2), ("syllables", 15), ("lines", 5),
        ("mood", "blue"), ("style", "rap"), ("candidates", 0), ("seed", -1), ("rewritten", ((5, 0),)),
        ("rewritten", ((1, -1),)),
    ],
)  # fmt: skip
def test_a_wish_says_what_would_be_right(field: str, value: object) -> None:
    with pytest.raises(BadOption, match="must be"):
        replace(GenerationRequest(), **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("letters", [41, 100])
def test_a_long_word_of_a_seed_survives_the_recipe(letters: int) -> None:
    word = "z" * letters
    recipe = Recipe.of((word,), GenerationRequest(prompt=word), "0123456789ab", "int8")
    assert Recipe.parse(recipe.text) == recipe


def test_a_stranger_names_no_engine_of_their_own() -> None:
    text = Recipe(("dog",), GenerationRequest(), "0123456789ab", "@everyone").text
    with pytest.raises(NotARecipe):
        Recipe.parse(text)
