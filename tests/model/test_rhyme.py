"""How words sound, on the lexicon that ships and beside the dictionary that it was computed from."""

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.rhyme import FREE, RHYMES, SCHEMES, Pronunciations, last_word, partner, rhyme_bucket
from tests.shipped import LEXICON
from training.corpora.rhymes import STRICT, Rhymes

SOUNDS = LEXICON.sounds
UNKNOWN = Pronunciations()
PARTS = st.text("aeioubdlnrsty'", min_size=1, max_size=8).filter(lambda part: part.strip("'") == part)
WORDS = st.lists(PARTS, min_size=1, max_size=3).map("-".join)
KNOWN = st.sampled_from(sorted(SOUNDS.table)[::50])


@pytest.mark.parametrize(
    ("scheme", "partners"),
    [
        ("AABB", [None, 0, None, 2]),
        ("ABAB", [None, None, 0, 1]),
        ("ABBA", [None, None, 1, 0]),
        ("ABCB", [None, None, None, 1]),
        (FREE, [None, None, None, None]),
    ],
)
def test_each_scheme_says_which_earlier_line_a_line_rhymes_with(
    scheme: str, partners: list[int | None]
) -> None:
    assert [partner(scheme, line) for line in range(4)] == partners


@given(st.sampled_from(SCHEMES), st.integers(4, 20))
def test_lines_behind_a_scheme_are_free(scheme: str, line: int) -> None:
    assert partner(scheme, line) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("light", "night"), ("nation", "station"), ("sea", "see"), ("rose-tree", "sea")),
        # A word with several pronunciations rhymes with what any of them rhymes with.
        *(("read", "bed"), ("read", "need"), ("wind", "kind"), ("wind", "sinned")),
    ],
)
def test_words_with_the_same_sounds_from_the_last_stress_on_rhyme(one: str, other: str) -> None:
    assert SOUNDS.rhyme(one, other)
    assert SOUNDS.rhyme(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("light", "light"), ("rose-tree", "tree"), ("tree", "apple-tree"), ("rose-tree", "apple-tree")),
        *(("love", "move"), ("singing", "bring"), ("zzxq", "xzzq"), ("zzxq", "light")),
    ],
)
def test_the_same_word_and_words_that_only_look_alike_do_not(one: str, other: str) -> None:
    assert not SOUNDS.rhyme(one, other)
    assert not SOUNDS.rhyme(other, one)


@given(KNOWN, KNOWN)
def test_rhyming_is_mutual_and_never_with_oneself(one: str, other: str) -> None:
    assert SOUNDS.rhyme(one, other) == SOUNDS.rhyme(other, one)
    assert not SOUNDS.rhyme(one, one)


@pytest.mark.parametrize(
    ("word", "syllables"),
    [("sea", 1), ("fire", 2), ("water", 2), ("beautiful", 3), ("rose-tree", 2), ("water-lily", 4)],
)
def test_syllables_of_known_words(word: str, syllables: int) -> None:
    assert SOUNDS.syllables(word) == syllables


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        *(("drove", 1), ("groves", 1), ("roved", 1), ("wanted", 2), ("roses", 2), ("table", 2)),
        *(("banana", 3), ("the", 1), ("hmm", 1), ("o'er", 1), ("zzxq-banana", 4)),
    ],
)
def test_syllables_of_unknown_words_are_counted_in_their_letters(word: str, syllables: int) -> None:
    assert UNKNOWN.syllables(word) == syllables


@given(WORDS)
def test_no_part_of_a_word_is_silent(word: str) -> None:
    assert UNKNOWN.syllables(word) >= 1 + word.count("-")
    assert SOUNDS.syllables(word) >= 1


def test_letters_tell_the_syllables_of_most_words() -> None:
    told = [UNKNOWN.syllables(word) == count for word, (count, _) in SOUNDS.table.items()]
    assert sum(told) > 0.88 * len(told)


@given(WORDS.filter(lambda word: word.rpartition("-")[2] not in SOUNDS.table), KNOWN)
def test_unknown_words_rhyme_with_none(word: str, other: str) -> None:
    assert SOUNDS.classes(word) == ()
    assert not SOUNDS.rhyme(word, other)


@pytest.mark.parametrize(
    ("line", "word"),
    [("beneath the rose-tree, ", "rose-tree"), ("i don't;", "don't"), ("--!", ""), ("", "")],
)
def test_a_line_ends_with_its_last_word(line: str, word: str) -> None:
    assert last_word(line) == word


def test_a_rhyme_has_the_same_bucket_in_every_program() -> None:
    assert rhyme_bucket("AY T") == 1077
    buckets = {rhyme_bucket(sounds) for _, found in SOUNDS.table.values() for sounds in found}
    assert min(buckets) >= 1
    assert max(buckets) <= RHYMES


@pytest.mark.usefixtures("nltk_data")
def test_the_lexicon_that_ships_sounds_as_cmudict_does() -> None:
    """Also between words that end alike, which hardly a random pair does."""
    rhymes, draw = Rhymes(), Random(0)
    some = draw.sample(sorted(word for word in SOUNDS.table if "'" not in word), 60)
    similar = [word for word in sorted(SOUNDS.table) if word.endswith(("ight", "ite", "ough", "ear", "ove"))]
    for word in some:
        spoken = rhymes.pronunciations(word)[0]
        assert SOUNDS.syllables(word) == sum(sound[-1].isdigit() for sound in spoken), word
    pairs = [*combinations(some, 2), *combinations(similar, 2)]
    found = {pair for pair in pairs if SOUNDS.rhyme(*pair)}
    assert found == {pair for pair in pairs if rhymes.kind(*pair) == STRICT}
    assert len(found) > 100
