import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadInput
from model.text import ALPHABET, fold
from model.vocabulary import BOS, EOS, UNK, CharVocabulary, WordVocabulary

CAPTIONS = [["a", "dog"]] * 5 + [["a", "cat"]] * 4


def test_words_below_the_threshold_are_unknown() -> None:
    vocabulary = WordVocabulary.count(CAPTIONS, threshold=5)
    assert vocabulary.words == ["a", "dog"]
    assert vocabulary.encode(["a", "cat"])[1:] == [UNK, EOS]


def test_decoding_stops_at_the_end_token_and_drops_specials() -> None:
    vocabulary = WordVocabulary(["a", "dog"])
    assert vocabulary.decode([BOS, 4, UNK, 5, EOS, 4]) == ["a", "dog"]


@given(st.text(alphabet=ALPHABET))
def test_characters_survive_the_round_trip(text: str) -> None:
    vocabulary = CharVocabulary()
    assert vocabulary.decode(vocabulary.encode(text)) == text


@given(st.text(max_size=50))
def test_any_folded_text_can_be_encoded(text: str) -> None:
    CharVocabulary().encode(fold(text))


def test_unfolded_text_is_refused() -> None:
    with pytest.raises(BadInput, match="'K'"):
        CharVocabulary().encode("Kiss")
