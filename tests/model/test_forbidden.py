"""What the word filter stops as a stanza grows: neither less nor more than in one that is whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import ALPHABET, IN_WORD, LETTERS
from model.wordfilter import Forbidden, is_forbidden

BEHIND_A_WORD = [character for character in ALPHABET if character not in LETTERS]
# Few letters, so that many texts have a word of the list.
TEXTS = st.text(alphabet="aail ,!-'\n", max_size=25)
LISTS = st.frozensets(st.text(alphabet="ail", min_size=1, max_size=4) | st.just("a-il"), max_size=4)


@given(TEXTS, LISTS)
def test_a_word_may_end_where_the_whole_text_may_have_it(text: str, listed: frozenset[str]) -> None:
    judge = Forbidden(listed)
    for end in range(1, len(text) + 1):
        written, following = text[:end], text[end : end + 1]
        if written[-1] not in IN_WORD or not written.strip("' \n"):
            continue
        stopped = judge.ends(written)
        assert stopped == any(is_forbidden(written + character, listed) for character in BEHIND_A_WORD)
        if stopped and following not in IN_WORD:
            return


@given(st.lists(st.sampled_from("a i il ail a-l l ia! i' 'a i, a\n".split(" ")), max_size=12), LISTS)
def test_what_is_let_through_word_by_word_is_let_through_whole(
    words: list[str], listed: frozenset[str]
) -> None:
    judge, text = Forbidden(listed), ""
    for word in words:
        longer = f"{text} {word}".lstrip()
        if not any(
            judge.ends(longer[:end]) for end in range(len(text) + 1, len(longer) + 1) if longer[:end].strip()
        ):
            text = longer
    assert not is_forbidden(text, listed)


@pytest.mark.parametrize("text", ["cock", "oh peacock-cock", "c o c k", "my c-o-c-k", "a hen and cock's"])
def test_a_listed_word_is_not_finished(text: str) -> None:
    assert Forbidden(frozenset({"cock"})).ends(text)


@pytest.mark.parametrize("text", ["co", "cocked", "the peacock", "c o c", "the coc\nk", "rock", "cocks"])
def test_other_words_are(text: str) -> None:
    assert not Forbidden(frozenset({"cock"})).ends(text)
