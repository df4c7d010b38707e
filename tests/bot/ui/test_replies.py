"""What becomes of text in a message, whatever it is."""

from __future__ import annotations

import re
import unicodedata
from types import SimpleNamespace

import aiohttp
import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ui.replies import MAX_MESSAGE, replied_to, shown, stanza_message

NASTY = [
    "@everyone", "@here", "<@123>", "<@!123>", "<@&123>", "<#123>", "<:kiss:123>", "<a:kiss:123>", "<t:0:R>",
    "</lyrics:123>", "<id:home>", "https://example.org/a", "HTTP://example.org", "www.example.org",
    "discord.gg/abc", "[a](https://example.org)", "```", "||", "**", "# ", "> ", "-# ", "- ", "1. ", "\u202e",
    "\u200b", "\x00", "\n", "\u2028", "\\", " ", "a", "<", ">", "@",
]  # fmt: skip
ALIVE = re.compile(r"@(everyone|here)\b|<(@|#|a?:|t:|/|id:)|https?://|\bwww\.\S|discord\.gg/", re.IGNORECASE)
texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=5), max_size=12).map("".join)


@given(texts)
def test_no_text_pings_links_or_breaks_its_line(text: str) -> None:
    line = shown(text)
    assert not ALIVE.search(line), line
    assert len(line.splitlines()) <= 1
    # The zero-width space is ours: it keeps what it stands in from being read as a mention.
    assert not [c for c in line if unicodedata.category(c)[0] == "C" and c != "\u200b"]


@given(texts)
def test_no_text_is_markup(text: str) -> None:
    line = shown(text)
    assert not re.match(r"(#{1,3}|-#|>|[-*+]|\d+\.)(\s|$)", line), line
    # Every mark of Discord's has a backslash before it that is not itself escaped.
    assert not re.search(r"(?<!\\)(\\\\)*[*_~`|]", line), line


@given(st.lists(st.text(max_size=500) | texts, min_size=1, max_size=4), st.none() | st.text(max_size=900))
def test_a_stanza_fits_into_a_message_and_ends_with_its_facts(lines: list[str], caption: str | None) -> None:
    text = stanza_message(lines, caption, 0.4, "Zk3_-dA9xQ2b", ["another word filter"])
    assert len(text) <= MAX_MESSAGE
    assert text.rpartition("\n")[2].startswith("-# ")
    assert text.endswith("temperature 0.4 · another word filter · `Zk3_-dA9xQ2b`")


@pytest.mark.asyncio
async def test_a_broken_connection_hides_no_message_that_is_replied_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.ui.retries._PAUSES", (0.0, 0.0))
    asked: list[int] = []

    async def fetch(number: int) -> str:
        asked.append(number)
        if len(asked) == 1:
            raise aiohttp.ServerDisconnectedError
        return "the picture"

    reference = discord.MessageReference(message_id=7, channel_id=8)
    message = SimpleNamespace(reference=reference, channel=SimpleNamespace(fetch_message=fetch))
    assert await replied_to(message) == "the picture"  # type: ignore[arg-type]
    assert asked == [7, 7]
