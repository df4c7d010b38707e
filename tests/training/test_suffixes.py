from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.suffixes import longest, novel, shared_spans

LETTERS = st.text(alphabet="abé\n", max_size=30)
TEXTS = st.lists(LETTERS, max_size=4)


def brute_force(text: str, collection: list[str]) -> list[int]:
    def span(end: int) -> int:
        lengths = (n for n in range(end, 0, -1) if any(text[end - n : end] in one for one in collection))
        return next(lengths, 0)

    return [span(end) for end in range(1, len(text) + 1)]


@given(TEXTS, TEXTS)
def test_spans_are_those_of_a_search_for_each(texts: list[str], collection: list[str]) -> None:
    found = [spans.tolist() for spans in shared_spans(texts, collection)]
    assert found == [brute_force(text, collection) for text in texts]


def test_many_texts_are_searched_in_parts() -> None:
    texts, collection = (
        ["the silver moon", "", "is on", "the sea, the sea"],
        ["silver sea", "moon is on the sea"],
    )
    whole = shared_spans(texts, collection)
    parts = shared_spans(texts, collection, chunk=10)
    assert [spans.tolist() for spans in parts] == [spans.tolist() for spans in whole]


def test_a_copy_is_found_within_other_words() -> None:
    [spans] = shared_spans(
        ["oh the silver moon is gone"], ["the silver moon is on the sea", "and i am far from home"]
    )
    assert longest(spans) == len("the silver moon is ")


def test_a_span_does_not_run_on_into_the_next_stanza() -> None:
    [spans] = shared_spans(["far from home"], ["far fr", "om home"])
    assert longest(spans) == len("om home")


def test_a_gram_is_novel_where_no_stanza_has_it() -> None:
    [spans] = shared_spans(["abcdx"], ["abc", "bcd"])
    assert novel(spans, 3) == (1, 3)
    assert novel(spans, 9) == (0, 0)
