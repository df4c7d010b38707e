"""The spelling of what is written: known words and English punctuation, and nothing else."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.lexicon import Entry, Lexicon
from model.rhyme import Pronunciations
from model.text import IN_WORD, words
from model.trie import NOWHERE, Trie, spellable
from model.vocabulary import EOS, CharVocabulary
from tests.shipped import LEXICON, spelling

VOCABULARY = CharVocabulary()
KNOWN = ["a", "i", "o", "sea", "seas", "seashore", "o'er", "don't", "rose", "tree", "'tis", "quiz"]
TRIE = Trie.of(KNOWN, VOCABULARY)
STOPS = [",", ".", ";", ":", "!", "?"]
JOINTS = [" ", "\n", "-", "--", "-- ", "--\n", *(stop + gap for stop in STOPS for gap in " \n")]

known_words = st.sampled_from(KNOWN)
joints = st.sampled_from(JOINTS)
# Of letters that known words have as well, so that they share beginnings.
other_words = st.text("aeorstz'", min_size=1, max_size=6).filter(lambda word: word.strip("'") == word)


def accepts(trie: Trie, text: str) -> bool:
    """Whether each symbol of a text may follow on those before, and the end on all of them."""
    state = trie.START
    for number in [*VOCABULARY.encode(text), EOS]:
        if trie.follow[state, number] == NOWHERE:
            return False
        state = trie.after(state, number)
    return True


def walked(trie: Trie, choices: Sequence[int], state: int = Trie.START) -> str:
    """What is written if any symbol that may come comes, up to the end token or the last choice."""
    text = ""
    for choice in choices:
        allowed = np.flatnonzero(trie.follow[state] != NOWHERE)
        number = int(allowed[choice % len(allowed)])
        if number == EOS:
            break
        text, state = text + VOCABULARY.tokens[number], trie.after(state, number)
    return text


def parts(text: str) -> set[str]:
    """The words of a text and of its compounds, but not one that is under way."""
    whole = text.rstrip("".join(IN_WORD))
    return {part for word in words(whole) for part in word.split("-")}


@given(st.lists(st.tuples(known_words, joints), max_size=8), known_words, st.sampled_from(["", "--", *STOPS]))
def test_known_words_and_english_punctuation_are_accepted(
    pieces: list[tuple[str, str]], last: str, end: str
) -> None:
    assert accepts(TRIE, "".join(word + joint for word, joint in pieces) + last + end)


@pytest.mark.parametrize(
    "text",
    [
        *("", " sea", "sea ", "sea  sea", "sea ,sea", "sea,sea", "sea-", "sea---sea", "sea!!", "\nsea"),
        *("sea\n\nsea", "sea -- sea", "sea'", "'sea", "se", "seaz", "zsea", "sea se", "seas-zzz", "dont"),
    ],
)
def test_other_texts_are_not(text: str) -> None:
    assert not accepts(TRIE, text)


@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=120))
def test_whatever_is_drawn_consists_of_known_words(choices: list[int]) -> None:
    assert parts(walked(TRIE, choices)) <= {word.strip("'") for word in KNOWN}


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=120))
def test_whatever_is_drawn_consists_of_words_that_ship(choices: list[int]) -> None:
    assert parts(walked(spelling().trie, choices)) <= LEXICON.entries.keys()


def test_a_text_can_always_go_on() -> None:
    assert (TRIE.follow != NOWHERE).any(axis=1).all()


@given(other_words.filter(lambda word: not accepts(TRIE, word)))
def test_a_prompts_word_may_be_followed_and_not_lengthened(word: str) -> None:
    state = TRIE.START
    for number in VOCABULARY.encode(f"{word}q"):
        state = TRIE.after(state, number)
    following = {VOCABULARY.tokens[n] for n in np.flatnonzero(TRIE.follow[state] != NOWHERE)}
    assert following == {*" \n-,.;:!?", VOCABULARY.tokens[EOS]}
    assert parts(walked(TRIE, [0] * 40, TRIE.after(state, VOCABULARY.ids[" "]))) <= set(KNOWN)


@given(st.lists(other_words, min_size=1, max_size=4))
def test_more_words_are_added_to_a_new_trie(added: list[str]) -> None:
    follow, ends = TRIE.follow.copy(), TRIE.ends.copy()
    grown = TRIE.extended(added)
    for word in [*added, *KNOWN]:
        assert accepts(grown, word)
        assert accepts(grown, f"{word}, sea")
        assert grown.ends[grown.path(word)[-1]]
    assert (TRIE.follow == follow).all()
    assert (TRIE.ends == ends).all()


@given(st.lists(other_words, max_size=4), st.lists(st.integers(0, 2**32), min_size=1, max_size=120))
def test_what_is_added_is_all_that_is_added(added: list[str], choices: list[int]) -> None:
    assert parts(walked(TRIE.extended(added), choices)) <= {word.strip("'") for word in [*KNOWN, *added]}


def test_a_word_that_nobody_knows_has_no_path() -> None:
    with pytest.raises(LookupError, match="zebra"):
        TRIE.path("zebra")


def test_only_words_that_are_sung_or_seen_are_spelled() -> None:
    rows = {
        "sea": (4, "n"), "zeugma": (3, "n"), "dinna": (4, ""), "dinnae": (150, ""), "frisbee": (0, "n"),
        "yon": (4, ""), "b": (900, "n"), "o": (900, ""), "ll": (900, ""), "rose-tree": (900, "n"),
        "tis": (200, ""),
    }  # fmt: skip
    entries = {word: Entry(count, pos, word, 0.0) for word, (count, pos) in rows.items()}
    lexicon = Lexicon(entries, {}, {}, Pronunciations({"yon": (1, ("AA N",))}))
    assert set(spellable(lexicon)) == {"sea", "dinnae", "frisbee", "yon", "o", "tis", "'tis"}


def test_many_paths_at_once_are_those_of_one_after_another() -> None:
    trie = spelling().trie
    some = spelling().words[:200]
    rows = trie.paths(some)
    assert [[state for state in row if state != NOWHERE] for row in rows.tolist()] == [*map(trie.path, some)]
    assert trie.paths([]).size == 0
    with pytest.raises(LookupError, match="xyzzy"):
        trie.paths([some[0], "xyzzy"])
