"""Where the words of songs come from: LRCLIB, lyrics.ovh, or a dump of LRCLIB's database."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import quote

from yarl import URL

from model.errors import BadInput
from training.collecting import answers
from training.collecting.answers import Found, Song
from training.collecting.client import Client
from training.collecting.names import bare_title, first_artist, folded

# Candidates by title alone, or by artist alone; a title such as "Intro" has tens of thousands.
MAX_CANDIDATES = 500

_CANDIDATES = """
SELECT tracks.artist_name, tracks.name, lyrics.plain_lyrics, lyrics.synced_lyrics, lyrics.instrumental
FROM tracks LEFT JOIN lyrics ON lyrics.id = tracks.last_lyrics_id WHERE {} LIMIT ?
"""
_BY_TITLE, _BY_ARTIST = "tracks.name_lower IN (?, ?)", "tracks.artist_name_lower IN (?, ?)"


class Source(Protocol):
    """Something that can be asked for a song, in one or more steps."""

    @property
    def name(self) -> str:
        """How the cache and the command line call it."""

    @property
    def steps(self) -> int:
        """How many questions it may take."""

    async def ask(self, song: Song, step: int) -> list[Found]:
        """Candidates for the song; none where the source does not know it.

        Raises:
            Failed: no usable answer.
        """


class Lrclib:
    """LRCLIB's API: first the exact names, which is cheap for it; then a search with shortened ones."""

    name = "lrclib"
    steps = 2

    def __init__(self, client: Client, base: str) -> None:
        self._client = client
        self._base = URL(base)

    async def ask(self, song: Song, step: int) -> list[Found]:
        artist, title = song if step == 0 else (first_artist(song.artist), bare_title(song.title))
        if not folded(artist) or not folded(title):
            return []  # LRCLIB compares the folded names, and refuses empty ones
        place = self._base / "api" / ("get" if step == 0 else "search")
        status, body = await self._client.get(place, {"track_name": title, "artist_name": artist})
        if status == 404:
            answers.check_not_found(body)
        if status != 200:
            return []
        return answers.parse_get(body) if step == 0 else answers.parse_search(body)


class LyricsOvh:
    """lyrics.ovh's API. It does not say whose words it gives, so there is no score."""

    name = "lyrics-ovh"
    steps = 1

    def __init__(self, client: Client, base: str) -> None:
        self._client = client
        self._base = base.rstrip("/")

    async def ask(self, song: Song, step: int) -> list[Found]:
        del step
        artist, title = first_artist(song.artist), bare_title(song.title)
        if not folded(artist) or not folded(title):
            return []
        # A slash within a name is not one of the path.
        place = URL(f"{self._base}/v1/{quote(artist, safe='')}/{quote(title, safe='')}", encoded=True)
        status, body = await self._client.get(place)
        if status == 404:
            answers.check_no_words(body)
        return answers.parse_words(body) if status == 200 else []


class Dump:
    """A database dump that LRCLIB publishes (tables ``tracks`` and ``lyrics``), read only."""

    name = "lrclib-dump"
    steps = 1

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path = path
        self._database = database

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a dump.

        Raises:
            BadInput: it cannot be read or is no dump of LRCLIB.
        """
        if not path.is_file():
            raise BadInput(f"{path} cannot be read: there is no such file.")
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        dump = cls(path, database)
        try:
            dump._candidates(_BY_TITLE, "", "", limit=0)
        except BadInput:
            database.close()
            raise
        return dump

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    async def ask(self, song: Song, step: int) -> list[Found]:
        del step
        titles = folded(song.title), folded(bare_title(song.title))
        artists = folded(song.artist), folded(first_artist(song.artist))
        exact = self._candidates(f"{_BY_TITLE} AND {_BY_ARTIST}", *titles, *artists)
        if any(found.lyrics for found in exact):
            return exact
        return exact + self._candidates(_BY_TITLE, *titles) + self._candidates(_BY_ARTIST, *artists)

    def _candidates(self, where: str, *names: str, limit: int = MAX_CANDIDATES) -> list[Found]:
        try:
            rows = self._database.execute(_CANDIDATES.format(where), [*names, limit]).fetchall()
        except sqlite3.Error as error:
            raise BadInput(f"{self._path} is no intact dump of LRCLIB: {error}.") from error
        return [
            Found(
                artist or "", title or "", (plain or "").strip() or (synced or "").strip(), bool(instrumental)
            )
            for artist, title, plain, synced, instrumental in rows
        ]
