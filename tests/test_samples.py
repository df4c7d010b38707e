import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import main
from training.samples import CopyIndex

LETTERS = st.text(alphabet="ab", max_size=60)


def brute_force(text: str, collection: list[str]) -> int:
    spans = [text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)]
    return max((len(s) for s in spans if any(s in other for other in collection)), default=0)


@given(LETTERS, st.lists(LETTERS, min_size=1, max_size=4))
def test_the_longest_copied_span_is_the_longest(text: str, collection: list[str]) -> None:
    expected = brute_force(text, collection)
    found = CopyIndex([*collection, "c" * 20]).longest(text)
    # Spans below the indexed length are not counted.
    assert found == (expected if expected >= 12 else 0)


def test_a_copy_is_found_within_other_words() -> None:
    index = CopyIndex(["the silver moon is on the sea", "and i am far from home"])
    assert index.longest("oh the silver moon is gone") == len("the silver moon is ")


@pytest.fixture
def nltk_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import nltk

    monkeypatch.setattr(nltk.data, "path", [str(data / "nltk"), *nltk.data.path])
    return data


def test_the_shipped_generator_keeps_its_promises(nltk_data: Path) -> None:
    """A small draw of what the model card measures on 500 stanzas, with room for chance."""
    if os.environ.get("SONGWRITER_SLOW") is None:
        pytest.skip("indexing the corpus takes half a minute: set SONGWRITER_SLOW to run this")
    corpus = nltk_data / "lyrics" / "pd_songs.jsonl.xz"
    result = CliRunner().invoke(main, ["evaluate", "samples", "--corpus", str(corpus), "-n", "40", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["dictionary_words"] > 0.95
    assert found["ended"] > 0.9
    assert found["one_keyword"] > 0.5
    assert found["copied_span_median"] <= 25
