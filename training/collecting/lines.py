"""Which lines training takes, and why not the others. Cleaning, cutting and training all ask here."""

from __future__ import annotations

import re
from unicodedata import normalize

from ftfy import fix_encoding
from ftfy.badness import is_bad

from model.decoding import MAX_LINE
from model.text import latin, lost

# A line that loses more than one letter in fifty is no longer what was sung.
MAX_LOST = 0.02
TOO_LONG, DIGITS = "too long", "with digits"

_FANCY = re.compile("[\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff]+")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
# "Hurrah, &c.": the printer's sign for a chorus that he did not set again.
_AND_SO_ON = re.compile(r"&\s?c\b", re.IGNORECASE)


def unusable(line: str) -> str:
    """Why training does not take a line; empty where it does."""
    if len(line) > MAX_LINE:
        return TOO_LONG
    if _DIGIT.search(line):
        return DIGITS
    if not _LETTER.search(line):
        return "without letters"
    if _AND_SO_ON.search(line):
        return "cut short with &c."
    if line.isascii():
        return ""
    if "\ufffd" in line or is_bad(line):
        return "in a wrong encoding"
    return "in letters that cannot be written" if lost(line) > MAX_LOST else ""


def repaired(text: str) -> str:
    """A text whose UTF-8 was taken for another encoding, as it was meant: "donâ€™t" -> "don’t"."""
    return text if text.isascii() else fix_encoding(text)


def plain(text: str) -> str:
    """A text with our letters for wide and mathematical ones and other alphabets' look-alikes."""
    if text.isascii():
        return text
    near = _FANCY.sub(lambda match: normalize("NFKC", match[0]), text)
    read = latin(near)
    return near if read == near else normalize("NFC", read)


def lowered(line: str) -> str:
    """A line in lower case if it is all in capitals: training takes those for headings."""
    # Capital i with a dot would become two characters.
    return line.replace("İ", "I").lower() if line.isupper() else line
