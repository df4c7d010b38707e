"""What a stanza starts with, and the number that its draws start from."""

from __future__ import annotations

import secrets

from model.errors import BadOption
from model.sentence import say
from model.text import ELIDED, LETTERS, NEWLINE, fold, words

# A prompt is a word or a phrase; a line of a song is hardly longer.
MAX_PROMPT = 100
MAX_SEED = 2**32 - 1


def check_prompt(prompt: str) -> str:
    """Fold a prompt, which people know as the seed.

    Returns:
        its folded text, one line.

    Raises:
        BadOption: it is too long, empty, or has no letter that a song can start with.
    """
    folded = fold(prompt[: MAX_PROMPT + 1].replace(NEWLINE, " ").replace("\r", " "))
    # Folding can lengthen a text: "&" becomes "and".
    if max(len(prompt), len(folded)) > MAX_PROMPT:
        raise BadOption(say("The seed is too long: at most {most} characters are allowed.", most=MAX_PROMPT))
    if not any(character in LETTERS for character in folded):
        raise BadOption(say("The seed has no letter from A to Z: give a word or a phrase in Latin letters."))
    return _begun(folded)


def _begun(folded: str) -> str:
    """A folded text from its first word on: a stanza that starts with a comma starts badly."""
    bare = folded.lstrip(" '-,.;:!?")
    before = folded.removesuffix(bare)
    if not before.endswith("'"):
        return bare
    # It is a part of the word, or an opening quotation mark, to which there may be a closing one.
    return "'" + bare if words(bare)[0] in ELIDED else bare.removesuffix("'")


def check_seed(number: int | None) -> int:
    """The number itself, or a fresh one for None.

    Raises:
        BadOption: it is out of range.
    """
    if number is None:
        return secrets.randbelow(MAX_SEED + 1)
    if not 0 <= number <= MAX_SEED:
        raise BadOption(f"The random seed must be between 0 and {MAX_SEED}, not {number}.")
    return number
