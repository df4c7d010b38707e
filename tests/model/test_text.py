import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import ALPHABET, LETTERS, fold, fold_lines, lost, print_line, print_lines, words

WORDS = st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=1, max_size=6)
# No letter, mark or joiner, and nothing that belongs into a word or makes one longer.
SIGNS = st.characters(
    exclude_categories=("L", "M", "Cf", "Cs"), exclude_characters="&'`-–‐‑‒\x91\x92\x96‘’‛′´\n"
).filter(lambda sign: not any(map(str.isalpha, unicodedata.normalize("NFKD", sign))))
NAMES = {"god": "God", "mary": "Mary"}


@given(st.text())
def test_folding_stays_in_the_alphabet_and_changes_nothing_twice(text: str) -> None:
    folded = fold(text)
    assert set(folded) <= set(ALPHABET)
    assert fold(folded) == folded


@given(WORDS, st.data())
def test_folding_joins_no_words(given_words: list[str], data: st.DataObject) -> None:
    signs = [data.draw(st.text(SIGNS, min_size=1, max_size=3)) for _ in given_words]
    text = "".join(word + sign for word, sign in zip(given_words, signs, strict=True))
    assert words(fold(text)) == given_words


@given(st.text(LETTERS, max_size=12))
def test_letters_in_another_width_or_hand_lose_nothing(text: str) -> None:
    for style in ("\uff41", "\U0001d41a", "\U0001d4ea", "\U0001d5ba"):
        fancy = "".join(chr(ord(style) + LETTERS.index(letter)) for letter in text)
        assert fold(fancy) == fold(text)
        assert lost(fancy) == 0


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Wе paintеd thе kitchеn wall", "we painted the kitchen wall"),
        ("Τhe rοοm, а cat аnd І", "the room, a cat and i"),
        ("ｗide letters and 𝓯ancy ones", "wide letters and fancy ones"),
        ("ᴀ sᴍᴀʟʟ ᴋɪᴛᴄʜᴇɴ", "a small kitchen"),
        ("ſmørgåsbord, Łukasz, Þór", "smorgasbord, lukasz, thor"),
        ("AC/DC sh*t\x07now don\x92t", "ac dc sh t now don't"),
        ("so\u00adft z\u200bero ze\u0301ro", "soft zero zero"),
        ("the _sea_, the *sea*!", "the sea, the sea!"),
        # A word of another language stays one, whatever letters it has.
        ("это сор и рис", ""),
        ("мы с тобой in love", "in love"),
    ],
)
def test_letters_that_look_like_ours_are_ours_and_signs_part_words(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_the_share_of_letters_that_folding_drops() -> None:
    assert lost("Café “Œuvre” 12 💔, thе") == 0
    assert lost("日本 ab") == 0.5
    assert lost("日本語") == 1
    assert lost("... 12") == 0


@given(st.text())
def test_folding_leaves_no_space_at_a_lines_edge(text: str) -> None:
    assert all(line == line.strip() and line for line in fold(text).split("\n") if fold(text))


def test_accents_ligatures_and_printers_quotes_are_folded() -> None:
    assert fold("Café “Œuvre” — l’été ſtraße") == "cafe oeuvre -- l'ete strasse"


def test_other_scripts_and_emoji_leave_nothing() -> None:
    assert fold("日本語 🎵 12") == ""


def test_words_keep_inner_apostrophes_and_hyphens() -> None:
    assert words("o'er the sea-green 'wave', don't") == ["o'er", "the", "sea-green", "wave", "don't"]


def test_a_printed_line_is_capitalised_and_names_get_their_capitals() -> None:
    assert print_line(" and mary said i'm god's own, ", NAMES) == "And Mary said I'm god's own"
    assert print_line("'tis i -", NAMES) == "'Tis I"


def test_a_sentence_within_a_line_begins_with_a_capital() -> None:
    assert print_line("they come. he said", NAMES) == "They come. He said"
    assert print_line("so am i. 'tis mary", NAMES) == "So am I. 'Tis Mary"
    # An ellipsis ends none, and verse goes on behind a cry.
    assert print_line("so... and oh! the sea", NAMES) == "So... and oh! the sea"


@given(st.text(alphabet=ALPHABET, max_size=200))
def test_printed_lines_are_trimmed_capitalised_and_never_empty(text: str) -> None:
    for line in print_lines(text, NAMES):
        assert line == line.strip()
        first = next(c for c in line if c.isalpha())
        assert first.isupper()


def test_fold_lines_drops_what_folds_to_nothing() -> None:
    assert fold_lines(["One", " 2 ", "Three\nFour"]) == ["one", "three four"]
