"""What the word filter stops, however it is spelled, and what it lets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import Filter
from bot.wordfilter import forbidden_words, is_forbidden

FORBIDDEN = forbidden_words(Filter())
_INNOCENT = (
    st.from_regex(r"[a-z]{2,8}", fullmatch=True)
    | st.sampled_from(["I", "a", "O", "I'm", "I'd", "don't", "it's", "o'er", "rock 'n' roll", "merry-go"])
    | st.from_regex(r"[0-9]{1,4}(st|nd|rd|th|s|am|pm|k|m)?", fullmatch=True)
).filter(lambda word: word.lower() not in FORBIDDEN)


@pytest.mark.parametrize(
    "text",
    [
        "shit",
        "SHIT!",
        "oh shit-storm",
        "s-h-i-t",
        "f u c k",
        "what the F U C K is it",
        "f. u. c. k.",
        "a f a g s",
        "sh1t",
        "sh*it",
        "5h1t",
        "sh!t",
        "$hit",
        "d1ckhead",
        "c1it",
        "ｓｈ１ｔ",
        "f4g",
        "s--h  i, t",
        "f'u'c'k",
    ],
)
def test_spelled_to_be_read_it_is_found(text: str) -> None:
    assert is_forbidden(text, FORBIDDEN)


@pytest.mark.parametrize(
    "text",
    [
        "push it",
        "is hit",
        "as so",
        "who're you",
        "the a, b, c",
        "I, I, I",
        "x y z",
        "o a i",
        "bus T17",
        "p 155",
        "the 717s",
        "24/7",
        "4x4",
        "3 o'clock",
        "oh! it! is!",
        "U.S. and U.K.",
        "R.I.P.",
        "s.o.s",
        "",
    ],
)
def test_what_only_looks_a_little_like_it_is_let_through(text: str) -> None:
    assert not is_forbidden(text, FORBIDDEN)


@given(st.lists(_INNOCENT, max_size=12), st.sampled_from([" ", ", ", "\n", "! ", " - "]))
def test_innocent_words_are_never_joined(words: list[str], between: str) -> None:
    assert not is_forbidden(between.join(words), FORBIDDEN)


@given(st.sampled_from(sorted(FORBIDDEN)), st.sampled_from([" ", "-", ".", " - ", "'", "\n"]))
def test_every_word_is_found_letter_by_letter(word: str, between: str) -> None:
    assert is_forbidden(f"oh {between.join(word.upper())} my", FORBIDDEN)


def test_what_is_allowed_or_switched_off_is_let_through() -> None:
    assert not is_forbidden("t i t", forbidden_words(Filter(allowed=("tit",))))
    assert not is_forbidden("sh1t", forbidden_words(Filter(enabled=False)))
