"""What is asked and what is answered: songs, candidates, and the services' JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from training.collecting import names


class Song(NamedTuple):
    """What a question is about, and the key of its answer."""

    artist: str
    title: str


@dataclass(frozen=True)
class Found:
    """A song as a source knows it. ``artist`` and ``title`` are None where it does not say them."""

    artist: str | None
    title: str | None
    lyrics: str
    instrumental: bool = False


@dataclass(frozen=True)
class Match:
    """A candidate and how surely it is the wanted song (0 to 100; None: the source did not say)."""

    found: Found
    score: float | None


class Failed(Exception):
    """A question that got no usable answer, and may be asked again.

    ``busy``: the service, not this song, is the reason; ``wait``: seconds it asked for;
    ``reached``: it did answer something.
    """

    def __init__(
        self, reason: str, *, busy: bool = False, wait: float | None = None, reached: bool = True
    ) -> None:
        super().__init__(reason)
        self.busy = busy
        self.wait = wait
        self.reached = reached


class _Track(BaseModel):
    artist: str | None = Field(alias="artistName")
    title: str | None = Field(alias="trackName")
    instrumental: bool | None = None
    plain: str | None = Field(default=None, alias="plainLyrics")
    synced: str | None = Field(default=None, alias="syncedLyrics")


class _NotFound(BaseModel):
    name: str


class _Words(BaseModel):
    lyrics: str | None


class _NoWords(BaseModel):
    error: str


_tracks = TypeAdapter(list[_Track])


def parse_get(body: bytes) -> list[Found]:
    """LRCLIB's answer to ``/api/get``.

    Raises:
        Failed: it is not JSON of the documented shape.
    """
    try:
        return [_found(_Track.model_validate_json(body))]
    except ValidationError as error:
        raise Failed("an answer that is no song") from error


def parse_search(body: bytes) -> list[Found]:
    """LRCLIB's answer to ``/api/search``. Raises as ``parse_get``."""
    try:
        return [_found(track) for track in _tracks.validate_json(body)]
    except ValidationError as error:
        raise Failed("an answer that is no list of songs") from error


def check_not_found(body: bytes) -> None:
    """Tell LRCLIB's own 404 from that of a wrong address.

    Raises:
        Failed: it is not LRCLIB's.
    """
    try:
        known = _NotFound.model_validate_json(body).name == "TrackNotFound"
    except ValidationError:
        known = False
    if not known:
        raise Failed("HTTP 404 from something that is not LRCLIB")


def parse_words(body: bytes) -> list[Found]:
    """lyrics.ovh's answer. Raises as ``parse_get``."""
    try:
        return [Found(None, None, _Words.model_validate_json(body).lyrics or "")]
    except ValidationError as error:
        raise Failed("an answer without lyrics") from error


def check_no_words(body: bytes) -> None:
    """Tell lyrics.ovh's own 404 from that of a wrong address. Raises as ``check_not_found``."""
    try:
        _NoWords.model_validate_json(body)
    except ValidationError as error:
        raise Failed("HTTP 404 from something that is not lyrics.ovh") from error


def best(song: Song, candidates: Sequence[Found], min_score: float) -> Match | None:
    """The candidate to take: a good match before a bad one, one with words before one without."""
    matches = [Match(found, _score(song, found)) for found in candidates]

    def rank(match: Match) -> tuple[bool, bool, bool, float]:
        found, sure = match.found, 100.0 if match.score is None else match.score
        return sure >= min_score, bool(found.lyrics), found.instrumental, sure

    return max(matches, key=rank, default=None)


def _score(song: Song, found: Found) -> float | None:
    if found.artist is None or found.title is None:
        return None
    return round(names.score(*song, found.artist, found.title), 1)


def _found(track: _Track) -> Found:
    # Words that exist only with time stamps are kept with them: cleaning takes them off.
    # So are those of which the plain form has lost its line ends.
    words, stamped = (track.plain or "").strip(), (track.synced or "").strip()
    if not words or (stamped.count("\n") and not words.count("\n")):
        words = stamped
    return Found(track.artist or "", track.title or "", words, bool(track.instrumental))
