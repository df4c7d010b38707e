"""Fetching from a real HTTPS server that misbehaves, and opening everything in the zoo."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import discord
import pytest
import pytest_asyncio
import trustme
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from bot import images
from bot.config import Pictures
from bot.engine.requests import BadPicture
from bot.finding import Found, candidates
from bot.images import (
    PictureFetcher,
    PictureRef,
    PictureUnavailable,
    is_on,
    is_picture,
    open_session,
)
from model.errors import BadInput
from model.pictures import open_picture
from tests import zoo
from tests.zoo import ZOO

ROOT = Path(__file__).parent.parent.parent
CAP = 2**16
HOSTS = Pictures().hosts
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Cdn:
    """A picture host whose answer each test chooses."""

    def __init__(self) -> None:
        self.answer: Answer = serve(zoo.photograph())
        self.requests: list[web.Request] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answer(request)

    def url(self, path: str = "attachments/1/2/picture.jpg?ex=1&hm=abcdef") -> str:
        return f"https://localhost:{self.port}/{path}"

    def limits(self, **changes: object) -> Pictures:
        return Pictures(hosts=(f"localhost:{self.port}",), max_bytes=CAP).model_copy(update=changes)

    @asynccontextmanager
    async def fetcher(self, **changes: object) -> AsyncIterator[PictureFetcher]:
        limits = self.limits(**changes)
        async with open_session(limits) as session:
            yield PictureFetcher(session, limits)

    async def fetch(self, url: str | None = None, claimed: int | None = 1000, **changes: object) -> bytes:
        async with self.fetcher(**changes) as fetcher:
            return await fetcher.fetch(url or self.url(), claimed, "image/jpeg", "picture.jpg")


def serve(body: bytes, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return answer


def raw(whole: bytes) -> Answer:
    """Exactly these bytes, then the connection is cut."""

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.write(whole)
        request.transport.close()
        return web.Response()

    return answer


async def reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def in_turn(*answers: Answer) -> Answer:
    left = list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await left.pop(0)(request)

    return answer


@pytest_asyncio.fixture
async def cdn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Cdn]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    host = Cdn()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    host.port = runner.addresses[0][1]
    yield host
    await runner.cleanup()


# Fetching: what works


@pytest.mark.asyncio
async def test_a_picture_arrives_as_it_was_posted(cdn: Cdn) -> None:
    assert await cdn.fetch() == zoo.photograph()


@pytest.mark.asyncio
async def test_claims_are_optional(cdn: Cdn) -> None:
    async with cdn.fetcher() as fetcher:
        assert await fetcher.fetch(cdn.url(), None, None, "") == zoo.photograph()


@pytest.mark.asyncio
async def test_a_chunked_answer_without_length_arrives_whole(cdn: Cdn) -> None:
    picture = zoo.photograph()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(picture), 100):
            await response.write(picture[start : start + 100])
        return response

    cdn.answer = answer
    assert await cdn.fetch() == picture


@pytest.mark.asyncio
async def test_the_request_carries_nothing_of_ours(cdn: Cdn, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookies though the host sets some, no authorisation, and no proxy of the environment."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    cdn.answer = serve(zoo.photograph(), **{"Set-Cookie": "who=you"})
    async with cdn.fetcher() as fetcher:
        for _ in range(2):
            await fetcher.fetch(cdn.url(), 1000, "image/jpeg", "picture.jpg")
    for request in cdn.requests:
        assert not {"Authorization", "Cookie", "Proxy-Authorization", "Referer"} & set(request.headers)


# Fetching: where it refuses to look


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/a.png",
        "https://localhost/a.png",
        "https://localhost:1{port}/a.png",
        "https://127.0.0.1:{port}/a.png",
        "https://user:password@localhost:{port}/a.png",
        "https://localhost:{port}@169.254.169.254/a.png",
        "https://localhost:{port}.example.com/a.png",
        "https://example.com/https://localhost:{port}/a.png",
        "https://ｌocalhost:{port}/a.png",
        "https://locaⅼhost:{port}/a.png",
        "https:\\\\localhost:{port}\\a.png",
        " https://localhost:{port}/a.png",
        "//localhost:{port}/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,iVBORw0KGgo=",
        "",
    ],
)
@pytest.mark.asyncio
async def test_other_addresses_are_not_asked(cdn: Cdn, url: str) -> None:
    async with cdn.fetcher() as fetcher:
        with pytest.raises(BadPicture, match="posted on Discord"):
            await fetcher.fetch(url.format(port=cdn.port), 1000, "image/png", "a.png")
    assert not cdn.requests


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/latest/meta-data", "https://localhost:{port}/private", "/private"]
)
@pytest.mark.asyncio
async def test_redirects_are_not_followed(cdn: Cdn, place: str) -> None:
    cdn.answer = serve(b"", 302, Location=place.format(port=cdn.port))
    with pytest.raises(BadPicture, match="somewhere else"):
        await cdn.fetch()
    assert len(cdn.requests) == 1


_PARTS = st.sampled_from(
    r"""
    https:// http:// https:/ HTTPS:// // \\ \ / : @ ? # . .. %2f %40 :443 :8443 user:x@ a.png
    cdn.discordapp.com media.discordapp.net cdn.discordapp.com. CDN.discordapp.com
    evil.example 169.254.169.254 [::1] localhost ｃdn.discordapp.com cdn。discordapp.com cdn.discordapp.сom
    """.split()
    + list("\t\n\0 \u200b")
)


@given(st.one_of(st.lists(_PARTS, max_size=8).map("".join), st.text()))
@example("https://cdn.discordapp.com/attachments/1/2/a.png")
@example("https://cdn.discordapp.com/@evil.example/")
@example("https://cdn.discordapp.com\\@evil.example/")
def test_what_is_allowed_is_so_for_every_parser(url: str) -> None:
    if not is_on(url, HOSTS):
        return
    plain = urlsplit(url)
    assert plain.scheme == "https"
    assert plain.netloc in HOSTS
    parsed = URL(url)
    assert parsed.raw_authority in HOSTS
    assert (parsed.scheme, parsed.port, parsed.user, parsed.password) == ("https", 443, None, None)


@given(st.sampled_from(HOSTS), st.text(st.characters(codec="ascii", exclude_categories=["C"])))
def test_every_path_on_an_allowed_host_is_allowed(host: str, path: str) -> None:
    assert is_on(f"https://{host}/{path}", HOSTS)
    assert not is_on(f"https://{host}{path.replace('/', '')}", HOSTS)


# Fetching: sizes


@pytest.mark.parametrize(
    ("claimed", "words"), [(CAP + 1, "larger than"), (200 * 2**20, "larger"), (0, "empty")]
)
@pytest.mark.asyncio
async def test_a_claimed_size_is_believed_when_it_is_bad(cdn: Cdn, claimed: int, words: str) -> None:
    with pytest.raises(BadPicture, match=words):
        await cdn.fetch(claimed=claimed)
    assert not cdn.requests


@pytest.mark.asyncio
async def test_a_content_length_over_the_limit_is_not_read(cdn: Cdn) -> None:
    cdn.answer = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n\xff\xd8\xff")
    with pytest.raises(BadPicture, match="larger than"):
        await cdn.fetch()
    assert len(cdn.requests) == 1


@pytest.mark.asyncio
async def test_an_endless_stream_that_claimed_to_be_small_is_cut(cdn: Cdn) -> None:
    sent, cut = 0, asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"\xff\xd8\xff" + bytes(2**16))
                sent += 2**16
        except (ConnectionError, asyncio.CancelledError):
            cut.set()
            raise

    cdn.answer = endless
    async with cdn.fetcher() as fetcher:
        with pytest.raises(BadPicture, match="larger than"):
            await fetcher.fetch(cdn.url(), 1000, "image/jpeg", "small.jpg")
        await asyncio.wait_for(cut.wait(), 20)
    # The cap, and what the buffers of two sockets hold.
    assert sent < 32 * 2**20


@pytest.mark.asyncio
async def test_more_than_the_content_length_says_is_not_read(cdn: Cdn) -> None:
    cdn.answer = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\xff\xd8\xff1234567" + bytes(CAP * 2))
    # The HTTP client may also take offence at the surplus.
    with contextlib.suppress(PictureUnavailable):
        assert await cdn.fetch() == b"\xff\xd8\xff1234567"


@pytest.mark.parametrize("size", [CAP, CAP + 1])
@pytest.mark.asyncio
async def test_the_limit_is_exact(cdn: Cdn, size: int) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"\xff\xd8\xff".ljust(size, b"\0"))
        return response

    cdn.answer = answer
    if size <= CAP:
        assert len(await cdn.fetch()) == size
    else:
        with pytest.raises(BadPicture, match=r"larger than 0\.0625 MiB"):
            await cdn.fetch()


@pytest.mark.parametrize("body", [gzip.compress(bytes(50 * 2**20)), gzip.compress(zoo.photograph())])
@pytest.mark.asyncio
async def test_nothing_is_decompressed(cdn: Cdn, body: bytes) -> None:
    cdn.answer = serve(body, **{"Content-Encoding": "gzip", "Content-Type": "image/png"})
    with pytest.raises(BadPicture, match="not a JPEG"):
        await cdn.fetch()
    assert cdn.requests[0].headers["Accept-Encoding"] == "identity"


# Fetching: formats


@pytest.mark.parametrize("name", ["svg", "page", "pdf", "tiff", "nothing"])
@pytest.mark.asyncio
async def test_other_files_are_refused_whatever_they_claim(cdn: Cdn, name: str) -> None:
    cdn.answer = serve(ZOO[name][0](), **{"Content-Type": "image/jpeg"})
    with pytest.raises(BadPicture, match=r"not a JPEG|empty"):
        await cdn.fetch()


@pytest.mark.asyncio
async def test_a_wrong_type_does_not_hide_a_picture(cdn: Cdn) -> None:
    cdn.answer = serve(zoo.photograph(), **{"Content-Type": "text/html"})
    async with cdn.fetcher() as fetcher:
        assert is_picture(await fetcher.fetch(cdn.url(), 1000, "application/octet-stream", "A.JPG"))


@pytest.mark.asyncio
async def test_what_says_it_is_something_else_is_not_asked_for(cdn: Cdn) -> None:
    async with cdn.fetcher() as fetcher:
        with pytest.raises(BadPicture, match="not a JPEG"):
            await fetcher.fetch(cdn.url(), 1000, "video/mp4", "film.mp4")
    assert not cdn.requests


def test_every_picture_of_the_zoo_would_be_sent_on() -> None:
    assert all(is_picture(make()) for make, ok in ZOO.values() if ok)


@given(st.binary(max_size=32))
@example(b"RIFF\0\0\0\0WAVE")
@example(b"GIF88a")
@example(b"\0\0\0\x0cftypavif")
@example(b"\0\0\0\x14ftypmp42\0\0\0\0isom")
@example(b"BM words")
@example(b"%PDF-1.7\xff\xd8\xff")
def test_what_begins_differently_is_no_picture(data: bytes) -> None:
    begins = data[:3] == b"\xff\xd8\xff" or data[:6] in (b"GIF87a", b"GIF89a")
    assert is_picture(data) == (
        begins
        or data[:8] == b"\x89PNG\r\n\x1a\n"
        or data[:4] + data[8:12] == b"RIFFWEBP"
        or data[4:12] == b"ftypavif"
    )


# Fetching: another form of a picture


@pytest.mark.asyncio
async def test_what_is_too_large_is_asked_for_smaller_and_once(cdn: Cdn) -> None:
    wide = PictureRef(
        cdn.url(),
        CAP + 1,
        "image/jpeg",
        "wide.jpg",
        proxy_url=cdn.url("p.jpg?ex=1&hm=ab&"),
        width=4000,
        height=10,
    )
    async with cdn.fetcher() as fetcher:
        assert await fetcher.obtain(wide) == zoo.photograph()
    [request] = cdn.requests
    assert request.path == "/p.jpg"
    assert {**request.query} == {"ex": "1", "hm": "ab", "format": "png", "width": "768", "height": "2"}


@pytest.mark.parametrize("proxy", [None, "https://localhost/p.png", "http://localhost:{port}/p.png"])
@pytest.mark.asyncio
async def test_no_other_proxy_than_discords_is_asked(cdn: Cdn, proxy: str | None) -> None:
    address = proxy and proxy.format(port=cdn.port)
    async with cdn.fetcher() as fetcher:
        with pytest.raises(BadPicture, match="larger than"):
            await fetcher.obtain(PictureRef(cdn.url(), CAP + 1, None, "a.png", proxy_url=address))
        unsure = PictureRef("https://localhost/a", 9, None, "a", sure=False)
        assert await fetcher.recognised([unsure]) == []
    assert not cdn.requests


# Fetching: troubles


@pytest.mark.parametrize("status", [400, 403, 404, 410])
@pytest.mark.asyncio
async def test_an_expired_link_says_so(cdn: Cdn, status: int) -> None:
    cdn.answer = serve(b"", status)
    with pytest.raises(BadPicture, match="expired"):
        await cdn.fetch()
    assert len(cdn.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        serve(b"", 500),
        serve(b"", 503),
        reset,
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n\xff\xd8\xff"),
    ],
    ids=["500", "503", "reset", "cut short"],
)
@pytest.mark.asyncio
async def test_one_trouble_is_tried_again_and_lasting_ones_are_reported(cdn: Cdn, trouble: Answer) -> None:
    cdn.answer = in_turn(trouble, serve(zoo.photograph()))
    assert await cdn.fetch() == zoo.photograph()
    cdn.requests.clear()
    cdn.answer = trouble
    with pytest.raises(PictureUnavailable, match="try again"):
        await cdn.fetch()
    # The HTTP client asks again by itself when a connection ends without a word.
    assert len(cdn.requests) == (4 if trouble is reset else 2)


@pytest.mark.asyncio
async def test_a_slow_drip_ends_in_time(cdn: Cdn) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"\xff\xd8\xff")
        while True:
            await response.write(b"\0")
            await asyncio.sleep(0.02)

    cdn.answer = drip
    with pytest.raises(PictureUnavailable, match="too long"):
        await cdn.fetch(total_seconds=0.3)


@pytest.mark.asyncio
async def test_a_host_that_accepts_and_says_nothing_is_given_up() -> None:
    """The time limit of the connection covers the TLS handshake."""
    silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    limits = Pictures(hosts=(f"localhost:{port}",), connect_seconds=0.1, total_seconds=60)
    began = time.monotonic()
    async with silent, open_session(limits) as session:
        with pytest.raises(PictureUnavailable, match="try again"):
            await PictureFetcher(session, limits).fetch(f"https://localhost:{port}/a.png", 9, None, "a.png")
        assert time.monotonic() - began < 30


@pytest.mark.asyncio
async def test_an_unknown_authority_is_not_trusted(cdn: Cdn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(PictureUnavailable):
        await cdn.fetch()
    assert not cdn.requests


@pytest.mark.asyncio
async def test_only_so_many_are_fetched_at_once(cdn: Cdn) -> None:
    now, most = 0, 0

    async def busy(request: web.Request) -> web.StreamResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return await serve(zoo.photograph())(request)

    cdn.answer = busy
    async with cdn.fetcher(at_once=2) as fetcher:
        jobs = [fetcher.fetch(cdn.url(str(number)), 1000, None, "a.png") for number in range(8)]
        assert len(await asyncio.gather(*jobs)) == 8
    assert most == 2


@pytest.mark.asyncio
async def test_a_refusal_gives_its_place_back(cdn: Cdn) -> None:
    cdn.answer = in_turn(serve(b"", 404), serve(b"GIF8"), serve(zoo.photograph()))
    async with cdn.fetcher(at_once=1) as fetcher:
        for _ in range(2):
            with pytest.raises(BadPicture):
                await fetcher.fetch(cdn.url(), 1000, None, "a.png")
        assert await asyncio.wait_for(fetcher.fetch(cdn.url(), 1000, None, "a.png"), 20)


# Fetching: memory


class Stalled:
    """Answers once the gate is open; ``asked`` counts who waits or waited."""

    def __init__(self) -> None:
        self.asked, self.gate = 0, asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.gate.wait()
        return await serve(zoo.photograph())(request)


def posted(cdn: Cdn, number: int = 1) -> list[PictureRef]:
    """What says that it is small: nobody believes it."""
    return [PictureRef(cdn.url(str(one)), 1000, None, "a.png") for one in range(number)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_a_slow_host_holds_only_so_much_memory(cdn: Cdn) -> None:
    cdn.answer = host = Stalled()
    arrived, sung = 0, asyncio.Event()
    async with cdn.fetcher(in_flight_bytes=3 * CAP, at_once=64) as fetcher:

        async def sing() -> None:
            nonlocal arrived
            async with fetcher.fetched(posted(cdn)):
                arrived += 1
                await sung.wait()

        songs = [asyncio.create_task(sing()) for _ in range(8)]
        await until(lambda: host.asked == 3)
        await asyncio.sleep(0.1)
        assert host.asked == 3
        host.gate.set()
        # What has arrived counts with what it really weighs.
        await until(lambda: arrived == 8)
        sung.set()
        await asyncio.gather(*songs)


@pytest.mark.asyncio
async def test_pictures_count_until_their_song_is_written(cdn: Cdn) -> None:
    size = len(zoo.photograph())
    async with cdn.fetcher(max_bytes=size, in_flight_bytes=2 * size) as fetcher:

        async def sing() -> int:
            async with fetcher.fetched(posted(cdn)) as pictures:
                return len(pictures)

        async with fetcher.fetched(posted(cdn, 2)) as first:
            assert first == (zoo.photograph(),) * 2
            song = asyncio.create_task(sing())
            await asyncio.sleep(0.1)
            assert len(cdn.requests) == 2
        assert await asyncio.wait_for(song, 20) == 1


@pytest.mark.asyncio
async def test_what_needs_more_than_all_the_memory_goes_alone(cdn: Cdn) -> None:
    cdn.answer = host = Stalled()
    async with cdn.fetcher(in_flight_bytes=2 * CAP) as fetcher:

        async def sing(number: int) -> int:
            async with fetcher.fetched(posted(cdn, number)) as pictures:
                return len(pictures)

        songs = [asyncio.create_task(sing(number)) for number in (4, 1)]
        await until(lambda: host.asked == 4)
        await asyncio.sleep(0.05)
        assert host.asked == 4
        host.gate.set()
        assert await asyncio.gather(*songs) == [4, 1]


@pytest.mark.asyncio
async def test_memory_is_given_back_whatever_happens(cdn: Cdn) -> None:
    async with cdn.fetcher(in_flight_bytes=CAP) as fetcher:

        async def sing() -> int:
            async with fetcher.fetched(posted(cdn)) as pictures:
                return len(pictures)

        cdn.answer = serve(b"", 404)
        with pytest.raises(BadPicture):
            await sing()
        cdn.answer = host = Stalled()
        songs = [asyncio.create_task(sing()) for _ in range(3)]
        await until(lambda: host.asked == 1)
        # One that is served and one that waits for room.
        songs[0].cancel()
        songs[1].cancel()
        host.gate.set()
        assert await asyncio.wait_for(songs[2], 20) == 1


@pytest.mark.asyncio
async def test_neither_the_log_nor_the_sentence_names_the_file(
    cdn: Cdn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot")
    secret = cdn.url("attachments/1/2/me-at-home.jpg?hm=5161")
    said = []
    for trouble in (
        serve(b"", 404),
        serve(b"", 500),
        serve(b"", 302),
        raw(b"nonsense\r\n\r\n"),
        serve(b"text"),
    ):
        cdn.answer = trouble
        async with cdn.fetcher() as fetcher:
            with pytest.raises((BadPicture, PictureUnavailable)) as refusal:
                await fetcher.fetch(secret, 1000, "image/jpeg", "me-at-home.jpg")
        said.append(str(refusal.value))
    assert caplog.records
    for word in ("me-at-home", "5161", "localhost", "https"):
        assert word not in caplog.text + " ".join(said)


@pytest.mark.parametrize(
    "sentence",
    [
        images.NOT_A_PICTURE,
        images.HEIC,
        images.EMPTY,
        images.NOT_FROM_DISCORD,
        images.LEADS_ELSEWHERE,
        images.EXPIRED,
        images.TOO_SLOW,
        images.UNREACHABLE,
        images.too_large(8 * 2**20),
    ],
)
def test_every_refusal_is_one_sentence_with_advice(sentence: str) -> None:
    what, advice = sentence.split(": ")
    assert what[0].isupper()
    assert advice.endswith(".")
    assert sentence.count(".") == 1


def test_the_parent_never_decodes() -> None:
    script = "import bot.images, json, sys; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=True)
    assert not {"PIL", "torch", "discord"} & set(json.loads(ended.stdout))


# Which pictures of a message


def attachment(name: str, content_type: str | None = None, url: str | None = None) -> discord.Attachment:
    address = url or f"https://cdn.discordapp.com/attachments/1/2/{name}"
    data = {"id": "1", "filename": name, "size": 5, "url": address, "proxy_url": address}
    if content_type:
        data["content_type"] = content_type
    return discord.Attachment(data=data, state=SimpleNamespace(http=None))  # type: ignore[arg-type]


def embed(kind: str, address: str, proxy: str | None) -> discord.Embed:
    return discord.Embed.from_dict({"type": "image", kind: {"url": address, "proxy_url": proxy}})  # type: ignore[arg-type,misc]


def message(*attachments: discord.Attachment, embeds: tuple[discord.Embed, ...] = ()) -> Any:
    return SimpleNamespace(
        content="",
        attachments=list(attachments),
        embeds=list(embeds),
        stickers=[],
        components=[],
        message_snapshots=[],
    )


def names(found: Sequence[PictureRef]) -> list[str]:
    return [picture.url.rpartition("/")[2] for picture in found]


def test_pictures_are_known_by_type_or_by_name() -> None:
    posted = message(
        attachment("a.bin", "image/png"),
        attachment("b.JPEG"),
        attachment("c.txt", "text/plain"),
        attachment("d.mp4", "video/mp4"),
        attachment("SPOILER_e.webp"),
        attachment("f"),
        attachment("g.bin", "application/octet-stream"),
    )
    found = candidates(posted, HOSTS)
    assert names([one for one in found if one.sure]) == ["a.bin", "b.JPEG", "SPOILER_e.webp"]
    # Nobody says what they are.
    assert names([one for one in found if not one.sure]) == ["f", "g.bin"]


def test_a_reference_says_what_was_claimed() -> None:
    (found,) = candidates(message(attachment("a.png", "image/png")), HOSTS)
    assert (found.size, found.content_type, found.filename) == (5, "image/png", "a.png")


def test_the_first_ones_are_taken_and_none_twice() -> None:
    found = candidates(message(*(attachment(f"{number % 5}.png") for number in range(9))), HOSTS)
    assert names(found) == [f"{number}.png" for number in range(5)]
    assert names(Found.of(found, 3).pictures) == ["0.png", "1.png", "2.png"]
    assert not Found.of(candidates(message(), HOSTS), 4)


@pytest.mark.parametrize("kind", ["image", "thumbnail"])
def test_an_embed_counts_through_its_proxy_only(kind: str) -> None:
    allowed, other = "https://media.discordapp.net/p.png", "https://images-ext-1.discordapp.org/q.png"
    posted = message(
        embeds=(
            embed(kind, "https://evil.example/x.png", allowed),
            embed(kind, "https://cdn.discordapp.com/y.png", None),
            embed(kind, "https://cdn.discordapp.com/z.png", other),
        )
    )
    assert names(candidates(posted, HOSTS)) == ["p.png"]
    assert candidates(posted, ()) == []


# Opening what was fetched

# Above what the interpreter, Pillow and numpy take: a picture of 25 megapixels, twice.
_MEMORY = 256 * 2**20

_OPEN_ALL = f"""
import json, pathlib, resource, sys, time
from model.errors import BadInput
from model.pictures import open_picture
files = {{path.name: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}}
size = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + {_MEMORY}, size + {_MEMORY}))
for name, data in files.items():
    began = time.perf_counter()
    try:
        end = {{"mode": open_picture(data, {Pictures().max_pixels}).mode}}
    except Exception as error:
        end = {{"error": type(error).__name__, "sentence": str(error)}}
    print(json.dumps({{"name": name, "seconds": time.perf_counter() - began, **end}}), flush=True)
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What became of each animal, in a process that may take little more memory than it has."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("the memory of a process is read from /proc")
    folder = tmp_path_factory.mktemp("zoo")
    zoo.keep(folder)
    ended = subprocess.run([sys.executable, "-c", _OPEN_ALL, str(folder)], capture_output=True, cwd=ROOT)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return {line["name"]: line for line in lines}


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_is_opened_or_refused(name: str, opened: dict[str, dict[str, object]]) -> None:
    found = opened[name]
    assert float(str(found["seconds"])) < 2
    if ZOO[name][1]:
        assert found["mode"] == "RGB"
    else:
        assert found["error"] == "BadInput"
        sentence = str(found["sentence"])
        assert sentence.startswith("The picture ")
        assert sentence.endswith(".")
        assert sentence.count(".") == 1
        assert "SECRET" not in sentence


def test_the_pixel_cap_can_be_lower_than_the_default() -> None:
    data = zoo.png_36_megapixels()
    assert open_picture(data).size == (6000, 6000)
    with pytest.raises(BadInput, match=r"more than 25 million pixels"):
        open_picture(data, 25_000_000)
    with pytest.raises(BadInput, match=r"more than 0\.01 million pixels"):
        open_picture(zoo.photograph(), 10_000)


def test_a_bomb_is_one() -> None:
    """Small as a file, and complete: it would unpack to 400 million pixels."""
    assert len(zoo.png_bomb()) < 100_000
