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
# Marks and joiners (Unicode's categories): they belong to the character before them.
_JOINED = frozenset(("Mn", "Mc", "Me", "Cf"))
# Words that may begin with an apostrophe.
ELIDED = ("tis", "twas", "twere", "twill", "twould", "twixt", "tween", "neath", "gainst", "mid", "mong",
          "bout", "cause", "till")  # fmt: skip

_REPLACED = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bb\u02bc\u2032`\u00b4\u0092", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u0096", "-"),
        **dict.fromkeys("\u2014\u2015\u0097", "--"),
        "\u2026": "...", "&": " and ", "\u2122": "*",
        "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th", "ŋ": "ng",
        **dict(zip("øłđðħŧıȷɡƒ", "olddhtijgf", strict=True)),
        **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True)),
    }
)  # fmt: skip
# Letters of Cyrillic, Greek and Armenian that look like ours; see Unicode's confusables (UTS 39).
_LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԌԚԜҮҺӀаеѕіјкорсухԁԛԝүһӏѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧαεηικνορτυωχγϳՕՍօսոհցք",
    "ABESIJKMHOPCTYXGQWYHIaesijkopcyxdqwyhlvABEZHIKMNOPTYXaenikvoptuwxyjOUounhgp",
)
_LOOKALIKE = re.compile("[" + "".join(map(chr, _LOOKALIKES)) + "]")
_OURS = re.compile("[A-Za-z]")
_LETTERS = frozenset(LETTERS)
_WRITTEN = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*")
_OTHERS = re.compile(f"[^{re.escape(ALPHABET)}]+")
_BETWEEN = re.compile(f"(?<=[{LETTERS}']){_OTHERS.pattern}(?=[{LETTERS}'])")
_SPACES = re.compile(r"[^\S\n]+")
_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*")
_AFTER_STOP = re.compile(r"(?<=[A-Za-z]\. )'?[a-z]")
_STRAY = re.compile(r"(?<![a-z])'(?![a-z])")


def fold(text: str, parting: str = " ") -> str:
    """Text -> lower case in ``ALPHABET``, accents stripped, runs of spaces collapsed.

    Letters that look like ours are ours; see ``latin``. Characters without a counterpart
    (digits, emoji, other scripts) are dropped, so the result can be empty. Folding twice
    changes nothing.

    Args:
        text: any.
        parting: what stands for dropped characters between two letters: they part words.
    """
    kept = _decomposed(latin(text))
    if _OTHERS.search(kept):
        kept = _OTHERS.sub("", _BETWEEN.sub(parting, _SPACES.sub(" ", kept)))
    lines = (_SPACES.sub(" ", _STRAY.sub("", line)).strip() for line in kept.split(NEWLINE))
    return NEWLINE.join(line for line in lines if line)


def latin(text: str) -> str:
    """A text with letters of ours for those of other alphabets that only look like them.

    A word is read so where it has letters of ours as well, or where its line has some and can
    be read whole: "thе" and "а cat" with Cyrillic vowels, but no word of a Russian line.
    """
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text)
    if not _LOOKALIKE.search(decomposed):
        return text
    return NEWLINE.join(map(_read_as_ours, decomposed.split(NEWLINE)))


def lost(text: str) -> float:
    """Share (0..1) of a text's letters that folding drops."""
    if text.isascii():
        return 0.0
    letters = [character for character in _decomposed(latin(text)) if character.isalpha()]
    return sum(letter not in _LETTERS for letter in letters) / len(letters) if letters else 0.0


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


def _decomposed(text: str) -> str:
    """Lower case, each accent apart from its letter and left out."""
    if text.isascii():
        return text.lower().translate(_REPLACED)
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(_REPLACED)).casefold()
    return "".join(c for c in decomposed if c.isascii() or unicodedata.category(c) not in _JOINED)


def _read_as_ours(line: str) -> str:
    readings = {word: word.translate(_LOOKALIKES) for word in _WRITTEN.findall(line)}
    whole = bool(_OURS.search(line)) and all(map(_is_ours, readings.values()))
    return _WRITTEN.sub(
        lambda match: readings[match[0]] if whole or _OURS.search(match[0]) else match[0], line
    )


def _is_ours(word: str) -> bool:
    return all(c in _LETTERS for c in _decomposed(word) if c.isalpha())
