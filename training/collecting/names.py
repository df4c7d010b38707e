"""Whether two names of an artist or a title mean the same: folding, and a fuzzy score."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz import fuzz

# Longer names are compared by their beginning; the longest real titles have some 400 characters.
MAX_NAME = 500
# Every one is compared with every one of the other side.
MAX_ARTISTS = 8

# One of several artists is enough, but counts a little less than the whole list.
_PART_WEIGHT = 0.95
# "Part 1" and "Part 2" differ by one character and are two songs.
_OTHER_NUMBER = 0.75

_MARKS = re.compile("[\u0300-\u036f]")
_PUNCTUATION = re.compile(r"""[`~!@#$%^&*()_|+\-=?;:",.<>{}\[\]\\/]""")
_APOSTROPHES = re.compile("['’]")
_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
_VERSION = re.compile(
    r"\s-\s[^-]*\b(?:remaster(?:ed)?|version|live|mix|remix|edit|mono|stereo|demo|take|single|acoustic)\b.*",
    re.IGNORECASE,
)
_FEATURING = re.compile(r"\b(?:feat|ft|featuring)\b.*", re.IGNORECASE)
_ARTISTS = re.compile(r"[;,/&+]|\b(?:and|with|vs|feat|ft|featuring)\b", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")


def folded(text: str) -> str:
    """Lower case, without accents, apostrophes and punctuation: the form LRCLIB indexes names by."""
    plain = _MARKS.sub("", unicodedata.normalize("NFD", text[:MAX_NAME]))
    plain = _PUNCTUATION.sub(" ", unicodedata.normalize("NFC", plain).lower())
    return " ".join(_APOSTROPHES.sub("", plain).split())


def bare_title(title: str) -> str:
    """The title without brackets, guests and a version after a dash: "Help! (Live)" -> "Help!"."""
    short = _BRACKETS.sub(" ", title[:MAX_NAME])
    short = _FEATURING.sub("", _VERSION.sub("", short))
    return " ".join(short.split()) or title[:MAX_NAME]


def first_artist(artist: str) -> str:
    """The first of several artists: "Nick Ingman;Gavyn Wright" -> "Nick Ingman"."""
    return next(iter(_artists(artist)), artist[:MAX_NAME])


def score(artist: str, title: str, found_artist: str, found_title: str) -> float:
    """How surely the found song is the wanted one, 0 to 100: the worse of artist and title."""
    return min(_artist_score(artist, found_artist), _title_score(title, found_title))


def _artist_score(one: str, other: str) -> float:
    whole = fuzz.token_sort_ratio(_key(one), _key(other))
    parts = [fuzz.token_sort_ratio(_key(a), _key(b)) for a in _artists(one) for b in _artists(other)]
    return max(whole, _PART_WEIGHT * max(parts, default=0.0))


def _title_score(one: str, other: str) -> float:
    similar = max(
        fuzz.ratio(_key(a), _key(b)) for a in (one, bare_title(one)) for b in (other, bare_title(other))
    )
    return similar if _numbers(one) == _numbers(other) else similar * _OTHER_NUMBER


def _artists(artist: str) -> list[str]:
    parts = _ARTISTS.split(_BRACKETS.sub(" ", artist[:MAX_NAME]))
    return [part.strip() for part in parts if part.strip()][:MAX_ARTISTS]


def _key(text: str) -> str:
    # Names of nothing but punctuation, such as "!!!", are compared as they are.
    return folded(text).removeprefix("the ") or text[:MAX_NAME].strip().lower()


def _numbers(title: str) -> set[str]:
    """Numbers that tell songs apart; years in brackets or after a dash are those of a remaster."""
    return set(re.findall(r"\d+", title[:MAX_NAME])) - (
        set(_YEAR.findall(title)) - set(_YEAR.findall(bare_title(title)))
    )
