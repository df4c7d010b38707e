"""How a stanza and its facts are put into a message: plain text that pings nobody; and what is replied to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress

import discord

from bot.language import ENGLISH, Language
from bot.ui.retries import persistently
from model.sentence import Sentence, say

# Discord's limit for a message.
MAX_MESSAGE = 2000
# A caption is a sentence; what is longer has gone wrong.
MAX_CAPTION = 300
# Markdown that Discord adds beyond what ``escape_markdown`` knows: headings, lists, subtext, links.
_LINE_MARKUP = re.compile(r"^(\s*)([#>*+-]|\d+\.)", re.MULTILINE)
# Discord makes a link of an address also where it follows a letter; "awww." is none.
_ADDRESS = re.compile(r"(?i)(?:https?://|\bwww\.|discord\.gg/)\S*")
# Mentions, custom emoji, timestamps and slash commands: <@1>, <#1>, <:a:1>, <t:1:R>, </a:1>.
_REFERENCE = re.compile(r"<(?=[@#:a-z/]|t:)")


def stanza_message(
    lines: Sequence[str],
    caption: str | None,
    temperature: float,
    number: str,
    notes: Sequence[Sentence] = (),
    language: Language = ENGLISH,
    *,
    spoiler: bool = False,
    quiet: bool = True,
) -> str:
    """A stanza with a quiet line under it.

    Args:
        lines: the stanza.
        caption: what was seen, None without a picture.
        temperature: of the stanza.
        number: what `/replay` knows the song by.
        notes: what else is to be said.
        language: of all but the stanza and the caption.
        spoiler: hide what tells of the picture until somebody presses it.
        quiet: show the quiet line; without it only the notes are shown, if there are any.
    """
    cover = hidden if spoiler else str
    seen = [cover(shown(caption)[:MAX_CAPTION])] if caption else []
    warmth, told = say("temperature {value}", value=f"{temperature:g}"), [*map(language.said, notes)]
    facts = [*seen, language.said(warmth), *told, f"`{number}`"] if quiet else told
    verse = "\n".join(shown(line) for line in lines)
    line = f"\n-# {' · '.join(facts)}" if facts else ""
    return cover(verse[: MAX_MESSAGE - 2 * MAX_CAPTION]) + line


def hidden(text: str) -> str:
    """A text that is shown, behind Discord's marks of a spoiler; ``shown`` leaves none of them in it."""
    return f"||{text}||"


def shown(text: str) -> str:
    """Somebody's text as one harmless line: no markup, mention, link, or invisible character."""
    visible = "".join(" " if c.isspace() else c for c in text if c.isspace() or _is_visible(c))
    bare = _REFERENCE.sub("<\u200b", _ADDRESS.sub("…", visible))
    escaped = discord.utils.escape_mentions(discord.utils.escape_markdown(bare))
    return _LINE_MARKUP.sub(r"\1\\\2", escaped).strip()


async def replied_to(message: discord.Message) -> discord.Message | None:
    """The message that another one replies to, if there is one that can be read."""
    reference = message.reference
    # A forward refers to what it forwards.
    if (
        reference is None
        or reference.message_id is None
        or reference.type is discord.MessageReferenceType.forward
    ):
        return None
    if isinstance(reference.resolved, discord.Message):
        return reference.resolved
    wanted = reference.message_id
    with suppress(discord.HTTPException):
        return await persistently(lambda: message.channel.fetch_message(wanted))
    return None


def _is_visible(character: str) -> bool:
    # Control, format (zero-width and bidirectional marks), surrogate and private-use characters.
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
