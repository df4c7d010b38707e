"""Folding any text into the generator's alphabet, and back into print.

The generator writes lower case: a line's first letter and a name's capital carry little,
and the lexicon puts them back. Folding is the same for the corpus, seeds and keywords.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PUNCTUATION = " '-,.;:!?"
NEWLINE = "\n"
ALPHABET = NEWLINE + PUNCTUATION + LETTERS
# What a word is written with, as long as it goes on.
IN_WORD = frozenset(LETTERS + "'")
# Words that may begin with an apostrophe.
ELIDED = ("tis", "twas", "twere", "twill", "twould", "twixt", "tween", "neath", "gainst", "mid", "mong",
          "bout", "cause", "till")  # fmt: skip

_REPLACED = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201b": "'", "\u02bc": "'", "`": "'", "\u00b4": "'",
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "--", "\u2015": "--",
        "\u2026": "...", "&": " and ", "\u00e6": "ae", "\u0153": "oe", "\u00df": "ss", "\u00f8": "o",
        "\u0142": "l", "\u0111": "d", "\u00fe": "th", "\u00f0": "d",
    }
)  # fmt: skip
_KEPT = frozenset(ALPHABET)
_SPACES = re.compile(r"[^\S\n]+")
_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*")
_AFTER_STOP = re.compile(r"(?<=[A-Za-z]\. )'?[a-z]")
_STRAY = re.compile(r"(?<![a-z])'(?![a-z])")


def fold(text: str) -> str:
    """Text -> lower case in ``ALPHABET``, accents stripped, runs of spaces collapsed.

    Characters without a counterpart (digits, emoji, other scripts) are dropped, so the
    result can be empty. Folding twice changes nothing.
    """
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(_REPLACED))
    kept = "".join(c if c in _KEPT else " " if c.isspace() else "" for c in decomposed.casefold())
    lines = (_SPACES.sub(" ", _STRAY.sub("", line)).strip() for line in kept.split(NEWLINE))
    return NEWLINE.join(line for line in lines if line)


def words(folded: str) -> list[str]:
    """The words of a folded text, apostrophes and hyphens inside a word kept."""
    return _WORD.findall(folded)


def print_line(line: str, names: Mapping[str, str]) -> str:
    """A folded line as it is shown: trimmed, its sentences, names and "I" with their capitals.

    Args:
        line: one folded line.
        names: folded word -> its spelling with capitals ("god" -> "God").
    """
    line = _SPACES.sub(" ", line).strip(" ,;:-")
    cased = _WORD.sub(lambda match: _cased(match.group(), names), line)
    cased = _AFTER_STOP.sub(lambda match: match.group().upper(), cased)
    for position, character in enumerate(cased):
        if character.isalpha():
            return cased[:position] + character.upper() + cased[position + 1 :]
    return cased


def print_lines(text: str, names: Mapping[str, str]) -> list[str]:
    """A folded stanza as the lines that are shown; lines without a letter are dropped."""
    printed = (print_line(line, names) for line in text.split(NEWLINE))
    return [line for line in printed if any(c.isalpha() for c in line)]


def fold_lines(lines: Iterable[str]) -> list[str]:
    """Fold lines one by one and drop those that come out empty."""
    return [folded for line in lines if (folded := fold(line.replace(NEWLINE, " ")))]


def _cased(word: str, names: Mapping[str, str]) -> str:
    if word == "i" or word.startswith("i'"):
        return "I" + word[1:]
    return names.get(word, word)
