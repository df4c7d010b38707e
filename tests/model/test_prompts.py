"""What a stanza may start with."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.main import main
from model.errors import BadOption
from model.prompts import check_prompt
from model.recipe import Recipe


@pytest.mark.parametrize(
    ("typed", "prompt"),
    [
        ("'tis", "'tis"), ("’Twas the night", "'twas the night"), ("...'neath the moon", "'neath the moon"),
        ("tis", "tis"), ("'kiss", "kiss"), ("'kiss me'", "kiss me"), ("- '", None),
        ("-,kiss", "kiss"), ("o'er the sea", "o'er the sea"), ("dancin'", "dancin'"),
    ],
)  # fmt: skip
def test_an_apostrophe_stays_where_a_word_begins_with_it(typed: str, prompt: str | None) -> None:
    if prompt is None:
        with pytest.raises(BadOption, match="no letter"):
            check_prompt(typed)
    else:
        assert check_prompt(typed) == prompt


@given(st.text(max_size=110) | st.text("'tiswa -,.", max_size=12))
def test_a_checked_seed_is_checked_already(typed: str) -> None:
    """A recipe and a button check it again, and must find the same."""
    try:
        prompt = check_prompt(typed)
    except BadOption:
        return
    assert check_prompt(prompt) == prompt


@pytest.mark.usefixtures("models_read_once")
def test_a_stanza_starts_with_the_word_as_it_was_typed() -> None:
    words = ["lyrics", "-s", "'tis the", "-r", "1", "--candidates", "2", "--json"]
    [stanza] = json.loads(CliRunner().invoke(main, words).stdout)["stanzas"]
    assert stanza["text"].startswith("'Tis the")
    assert Recipe.parse(stanza["recipe"]).request.prompt == "'tis the"
