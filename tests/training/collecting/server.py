"""A local server that answers as LRCLIB and lyrics.ovh do, and fails as services do.

Response shapes follow LRCLIB's own server: ``/api/get`` compares folded names and gives 404
``TrackNotFound``, ``/api/search`` matches words and gives at most twenty songs.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate

from aiohttp import web

FAULTS = ("500", "502 page", "429", "429 number", "429 date", "503", "truncated", "reset", "no JSON",
          "wrong shape", "another 404", "403", "hang", "endless", "redirects", "empty")  # fmt: skip


@dataclass
class Track:
    artist: str
    title: str
    plain: str | None = None
    synced: str | None = None
    instrumental: bool = False


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower().replace("'", "").replace("_", " "))


def _key(artist: str, title: str) -> tuple[tuple[str, ...], ...]:
    return tuple(words(artist)), tuple(words(title))


@dataclass
class LyricsServer:
    """``faults``: for a title, what goes wrong with the next questions about it, in order."""

    tracks: Sequence[Track]
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    delay: float = 0.0
    url: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    answered: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    user_agents: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    # Set when so many questions have come in.
    alarm_at: int = 0
    alarm: threading.Event = field(default_factory=threading.Event)
    _index: dict[tuple[tuple[str, ...], ...], Track] = field(default_factory=dict)
    _indexed: int = 0

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/api/get", self._get)
        application.router.add_get("/api/search", self._search)
        application.router.add_get("/v1/{artist:[^/]+}/{title:[^/]+}", self._ovh)
        return application

    async def _get(self, request: web.Request) -> web.StreamResponse:
        artist, title = request.query["artist_name"], request.query["track_name"]
        found = self._known(artist, title)
        body = self._json(found) if found else None
        return await self._answer(request, ("get", artist, title), body)

    async def _search(self, request: web.Request) -> web.StreamResponse:
        artist, title = request.query["artist_name"], request.query["track_name"]
        wanted = " ".join(words(title))
        found = [
            t
            for t in self.tracks
            if wanted in " ".join(words(t.title)) and set(words(artist)) <= set(words(t.artist))
        ]
        return await self._answer(request, ("search", artist, title), [self._json(t) for t in found[:20]])

    async def _ovh(self, request: web.Request) -> web.StreamResponse:
        artist, title = request.match_info["artist"], request.match_info["title"]
        found = self._known(artist, title)
        body = {"lyrics": found.plain} if found else None
        return await self._answer(request, ("ovh", artist, title), body)

    def _known(self, artist: str, title: str) -> Track | None:
        if self._indexed != len(self.tracks):
            self._indexed = len(self.tracks)
            self._index = {_key(track.artist, track.title): track for track in reversed(self.tracks)}
        return self._index.get(_key(artist, title))

    def _json(self, track: Track) -> dict[str, object]:
        return {
            "id": 1, "name": track.title, "trackName": track.title, "artistName": track.artist,
            "albumName": "An Album", "duration": 148.0, "instrumental": track.instrumental,
            "plainLyrics": track.plain, "syncedLyrics": track.synced,
        }  # fmt: skip

    async def _answer(
        self, request: web.Request, question: tuple[str, str, str], body: object
    ) -> web.StreamResponse:
        self.asked.append(question)
        self.times.append(time.monotonic())
        self.user_agents.add(request.headers.get("User-Agent", ""))
        if self.alarm_at and len(self.asked) >= self.alarm_at:
            self.alarm.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            title = question[2]
            if self.faults[title]:
                return await self._fail(request, self.faults[title].pop(0))
            await asyncio.sleep(self.delay)
            self.answered[question] += 1
            if body is not None:
                return web.json_response(body)
            if question[0] == "ovh":
                return web.json_response({"error": "No lyrics found"}, status=404)
            missing = {
                "message": "Failed to find specified track",
                "name": "TrackNotFound",
                "statusCode": 404,
            }
            return web.json_response(missing, status=404)
        finally:
            self.at_once -= 1

    async def _fail(self, request: web.Request, fault: str) -> web.StreamResponse:
        if fault in ("500", "503", "403", "429"):
            return web.json_response({"name": "UnknownError"}, status=int(fault))
        if fault.startswith("429 in "):
            return web.Response(status=429, headers={"Retry-After": fault.removeprefix("429 in ")})
        if fault in ("429 number", "429 date"):
            wait = "1" if fault == "429 number" else formatdate(time.time() + 1, usegmt=True)
            return web.Response(status=429, headers={"Retry-After": wait})
        if fault == "502 page":
            return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
        if fault == "no JSON":
            return web.Response(text="<html>Just a moment...</html>", content_type="text/html")
        if fault == "wrong shape":
            return web.json_response({"artistName": 7, "trackName": ["a"], "plainLyrics": {}})
        if fault == "another 404":
            return web.Response(status=404, text="404 page not found")
        if fault == "redirects":
            return web.Response(status=302, headers={"Location": str(request.rel_url)})
        if fault == "empty":
            return web.Response()
        if fault == "hang":
            await asyncio.sleep(30)
        if fault == "reset":
            assert request.transport
            request.transport.abort()
            return web.Response()
        length = "100000" if fault == "truncated" else str(2**33)
        response = web.StreamResponse(headers={"Content-Length": length, "Content-Type": "application/json"})
        await response.prepare(request)
        if fault == "truncated":
            await response.write(b'{"artistName": "The B')
            assert request.transport
            request.transport.close()
            return response
        assert fault == "endless", fault
        while True:
            await response.write(b'{"artistName": "' + b"a" * 2**16)


@contextmanager
def serving(tracks: Sequence[Track]) -> Iterator[LyricsServer]:
    """Run the server in a thread of its own, on a free port."""
    server = LyricsServer(tracks)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(
        server.application(), shutdown_timeout=0.1, access_log=None, handler_cancellation=True
    )

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
