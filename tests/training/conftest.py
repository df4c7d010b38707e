"""Fixtures of the offline side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from training.corpora.rhymes import Rhymes
from training.evaluation.verse import Dictionary


@pytest.fixture(scope="session")
def dictionary(nltk_data: None) -> Dictionary:
    return Dictionary()


@pytest.fixture(scope="session")
def rhymes(nltk_data: None) -> Rhymes:
    return Rhymes()


@pytest.fixture(scope="module")
def word_lists_read_once(dictionary: Dictionary, rhymes: Rhymes) -> Iterator[None]:
    """For tests of commands, each of which reads NLTK's word lists, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for made in (dictionary, rhymes):
            patch.setattr(type(made), "__init__", lambda self, made=made: vars(self).update(vars(made)))
        yield
