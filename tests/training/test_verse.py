import pytest

from training.corpora.rhymes import (
    LAST_SYLLABLE,
    NONE,
    SAME_WORD,
    STRICT,
    UNKNOWN,
    Rhymes,
    line_ends,
    rhyme_rates,
)
from training.evaluation.verse import Dictionary, as_many_words, describe, distinct, repeated_ngrams

# abab, and one end word that no dictionary has.
QUATRAINS = ["the moon is high\nthe sea is wide\ni see the sky\nand here i'll bide", "oh my\noh grumpfy"]


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("high", "sky", STRICT),
        ("nation", "station", STRICT),
        ("read", "bed", STRICT),  # in one of its pronunciations
        ("rose-tree", "sea", STRICT),
        ("wander'd", "squandered", STRICT),
        ("singing", "running", LAST_SYLLABLE),
        ("moon", "sea", NONE),
        ("love", "move", NONE),  # to the eye only
        ("sea", "sea", SAME_WORD),
        ("grumpfy", "grumpfy", SAME_WORD),
        ("grumpfy", "sea", UNKNOWN),
    ],
)
def test_how_two_words_rhyme(rhymes: Rhymes, first: str, second: str, kind: str) -> None:
    assert rhymes.kind(first, second) == rhymes.kind(second, first) == kind


def test_rates_count_every_kind_apart(rhymes: Rhymes) -> None:
    found = rhyme_rates(QUATRAINS, rhymes)
    assert found["adjacent"] == {
        "pairs": 4,
        "strict": 0.0,
        "last_syllable": 0.0,
        "same_word": 0.0,
        "out_of_dictionary": 0.25,
    }
    assert found["alternate"]["pairs"] == 2
    assert found["alternate"]["strict"] == found["alternate"]["last_syllable"] == 1.0
    assert found["rhyming_lines"] == pytest.approx(4 / 6)


def test_nothing_to_rhyme_is_no_rate(rhymes: Rhymes) -> None:
    found = rhyme_rates(["one line", "--\n!"], rhymes)
    assert found["adjacent"]["pairs"] == 0
    assert found["adjacent"]["strict"] is found["rhyming_lines"] is None


def test_a_line_ends_in_its_last_word() -> None:
    assert line_ends("o sea!\n--\nmy heart's, my own...") == ["sea", "own"]


def test_inflections_and_contractions_are_english(dictionary: Dictionary) -> None:
    for word in ("wolves", "singing", "heart's", "wander'd", "o'er", "rose-tree"):
        assert word in dictionary, word
    for word in ("grumpfy", "rose-grumpfy", "grumpf'd", "x"):
        assert word not in dictionary, word


def test_a_stanza_described(dictionary: Dictionary, rhymes: Rhymes) -> None:
    found = describe(QUATRAINS, dictionary, rhymes)
    assert found["words"] == 20
    assert found["dictionary_words"] == pytest.approx(19 / 20)
    assert found["lines_per_stanza"] == 3
    assert found["words_per_line"] == pytest.approx(20 / 6)


def test_repetition_is_within_a_stanza_and_variety_over_all() -> None:
    loop = "the sun is still and the sun is still"
    assert repeated_ngrams([loop], 4) == pytest.approx(1 / 6)
    assert repeated_ngrams(["the sun is still", "the sun is still"], 4) == 0
    assert distinct(["the sun is still", "the sun is still"], 2) == 0.5
    assert distinct([""], 3) == repeated_ngrams(["one two"], 4) == 0


def test_as_many_words_stops_where_the_count_is_full() -> None:
    assert as_many_words(["a b", "c", "d e f"], 3) == ["a b", "c"]
    assert as_many_words(["a b"], 9) == ["a b"]
