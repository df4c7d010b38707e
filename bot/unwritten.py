"""What of a prompt no song is written with: emoji, digits, other scripts."""

from __future__ import annotations

import re
import unicodedata

from bot.ui.replies import shown
from model.sentence import Sentence, say
from model.text import fold, latin

# A server's own emoji, as Discord writes it into a text; its name is nothing that somebody wanted to say.
_OWN_EMOJI = re.compile(r"<a?:(\w{2,32}):\d{15,20}>")
# Marks, joiners and variation selectors: they belong to the sign before them.
_JOINED = ("Mn", "Mc", "Me", "Cf")
_ALPHABETIC = ("Lu", "Ll", "Lt", "Lo")
# Quotation marks and brackets stand around words: nobody misses them.
_AROUND = ("Ps", "Pe", "Pi", "Pf")


def without_own_emoji(prompt: str) -> str:
    """A prompt with a space in place of each emoji of a server's own."""
    return _OWN_EMOJI.sub(" ", prompt)


def unwritten(prompt: str) -> list[str]:
    """The signs of a prompt that are left out of the song, those side by side together, each once."""
    own = [f":{name}:" for name in _OWN_EMOJI.findall(prompt)]
    runs = [""]
    for character in latin(without_own_emoji(prompt)):
        if _is_dropped(character) or (runs[-1] and unicodedata.category(character) in _JOINED):
            runs[-1] += character
        elif runs[-1]:
            runs.append("")
    return [*dict.fromkeys(filter(None, [*runs, *own]))]


def note(prompt: str) -> list[Sentence]:
    """What is said under a song about the signs that it was asked to begin with and does not."""
    signs = unwritten(prompt)
    return [say("I cannot write {signs}", signs=shown(" ".join(signs)))] if signs else []


def _is_dropped(character: str) -> bool:
    category = unicodedata.category(character)
    if character == '"' or character.isspace() or category in (*_AROUND, *_JOINED):
        return False
    if category in _ALPHABETIC:
        # Alone, as beside a letter of ours another alphabet's may look like one.
        return not fold(character)
    return fold(f"a{character}a", "") == "aa"
