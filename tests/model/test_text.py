from hypothesis import given
from hypothesis import strategies as st

from model.text import ALPHABET, fold, fold_lines, print_line, print_lines, words

NAMES = {"god": "God", "mary": "Mary"}


@given(st.text())
def test_folding_stays_in_the_alphabet_and_changes_nothing_twice(text: str) -> None:
    folded = fold(text)
    assert set(folded) <= set(ALPHABET)
    assert fold(folded) == folded


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
