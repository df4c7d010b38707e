"""From a picture that was posted to bytes that are worth sending to a worker.

Nothing is decoded here: that is the worker's, which has no token and can be killed.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bot.config import Pictures
from bot.engine.requests import BadPicture, EngineError
from model import formats
from model.sentence import Sentence, say, sentence_of

NOT_A_PICTURE = say("That file is not a JPEG, PNG, WebP or GIF picture: post one of those.")
HEIC = say("That picture is a HEIC, which I cannot open here: post it as a JPEG.")
EMPTY = say("That picture is empty: post it again.")
NOT_FROM_DISCORD = say("Only pictures that were posted on Discord are read: post the picture itself.")
LEADS_ELSEWHERE = say("The link to that picture leads somewhere else: post the picture itself.")
EXPIRED = say("The link to that picture has expired: post the picture again.")
TOO_SLOW = say("Discord took too long to hand that picture over: try again in a moment.")
UNREACHABLE = say("Discord could not hand that picture over just now: try again in a moment.")

# A load balancer needs a moment to choose another server.
_RETRY_SECONDS = 0.2
_CHUNK = 2**16
# Bytes that say whether a file is a picture.
_HEAD = 16
# What Discord's proxy is asked for: more than any captioner looks at, and as a PNG at most 1.7 MiB.
_LONGEST_SIDE = 768

_log = logging.getLogger(__name__)


class PictureUnavailable(EngineError):
    """The network or the picture's host failed; it is worth trying again."""


class _Unsuitable(BadPicture):
    """The file is too large or in a format that is not read here; another form of it might do."""


@dataclass(frozen=True)
class PictureRef:
    """Where a picture of a message is, and what is claimed about it.

    Attributes:
        url: where to fetch it; signed, so it expires.
        size: claimed, in bytes, or None where nobody says.
        content_type: claimed, or None; only a hint.
        filename: as it was posted, "" where there is none.
        proxy_url: where Discord's own proxy has it, which can resize it and write it as a PNG; None
            where it does not.
        width: claimed, in pixels, or None.
        height: likewise.
        sure: whether it claims to be a picture; otherwise only its first bytes say so.
        spoiler: whether Discord hides it until somebody presses it.
    """

    url: str
    size: int | None
    content_type: str | None
    filename: str
    proxy_url: str | None = None
    width: int | None = None
    height: int | None = None
    sure: bool = True
    spoiler: bool = False


def too_large(max_bytes: int) -> Sentence:
    """The sentence for a file over the limit, in bytes."""
    size = f"{max_bytes / 2**20:.3g}"
    return say("That picture is larger than {size} MiB: make it smaller.", size=size)


def is_on(url: str, hosts: Collection[str]) -> bool:
    """Whether an address is https on exactly one of ``hosts`` (each a name, or name:port)."""
    # A prefix leaves nothing to interpret: no scheme, user, port or look-alike name that one
    # parser sees and another does not.
    return any(url.startswith(f"https://{host}/") for host in hosts)


def open_session(limits: Pictures, connector: aiohttp.BaseConnector | None = None) -> aiohttp.ClientSession:
    """A session that carries nothing of ours: no token, cookies or proxy settings.

    Certificates are checked against the system's, which ``SSL_CERT_FILE`` can name. Call it
    in the running loop and close it at the end.
    """
    return aiohttp.ClientSession(
        connector=connector or aiohttp.TCPConnector(ssl=ssl.create_default_context()),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=limits.total_seconds, sock_connect=limits.connect_seconds),
        trust_env=False,
    )


class MemoryBudget:
    """Bytes of memory that everybody shares; whoever came first is served first.

    Args:
        size: how many there are.
    """

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    async def take(self, size: int) -> int:
        """Wait for so many bytes, or for all of them where there are fewer; how many were taken."""
        size = min(size, self._size)
        async with self._turn:
            while self._free < size:
                self._freed.clear()
                await self._freed.wait()
            self._free -= size
        return size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._free += size
        self._freed.set()


class PictureFetcher:
    """Downloads pictures from the allowed hosts, within limits of size, time, number and memory."""

    def __init__(self, session: aiohttp.ClientSession, limits: Pictures) -> None:
        self._session = session
        self._limits = limits
        self._places = asyncio.Semaphore(limits.at_once)
        self._room = MemoryBudget(limits.in_flight_bytes)

    @asynccontextmanager
    async def fetched(self, pictures: Sequence[PictureRef]) -> AsyncIterator[tuple[bytes, ...]]:
        """Those of a request's pictures that can be had, for the time of the block.

        Until it ends they count as memory in use. What a picture claims to weigh may be a lie,
        so room for the largest is taken, for all of them at once (whoever waited with half of
        them would keep others waiting for the rest), and the surplus given back.

        Raises:
            EngineError: none can be had; see ``fetch`` for the first of them.
        """
        taken = await self._room.take(len(pictures) * self._limits.max_bytes)
        try:
            found = await self._all(pictures)
            size = min(taken, sum(map(len, found)))
            self._room.give(taken - size)
            taken = size
            yield found
        finally:
            self._room.give(taken)

    async def recognised(self, pictures: Sequence[PictureRef]) -> list[PictureRef]:
        """Those that are pictures: where nobody says what a file is, its first bytes do.

        What cannot be had counts as none: nobody has called it a picture.
        """
        answers = await asyncio.gather(*map(self._is_picture, pictures))
        return [picture for picture, good in zip(pictures, answers, strict=True) if good]

    async def obtain(self, picture: PictureRef) -> bytes:
        """Download a picture; what is too large or not read here is taken from Discord's proxy, as a PNG.

        Raises:
            BadPicture, PictureUnavailable: see ``fetch``; where the proxy fails, too, as without it.
        """
        try:
            return await self.fetch(picture.url, picture.size, picture.content_type, picture.filename)
        except _Unsuitable as error:
            if picture.proxy_url and is_on(picture.proxy_url, self._limits.hosts):
                with suppress(BadPicture, PictureUnavailable):
                    return await self.fetch(_as_png(picture), None, None, "")
            raise BadPicture(sentence_of(error)) from error

    async def fetch(
        self, url: str, claimed_size: int | None, content_type: str | None, filename: str
    ) -> bytes:
        """Download a picture; the time limit runs once one of the places is free.

        Args:
            url: where it is.
            claimed_size: in bytes; a file that says it is too large is not even asked for.
            content_type: a hint, None where nobody says. What says that it is something else,
                by type and by name, is not even asked for; what it is, its first bytes say.
            filename: as it was posted; only its ending matters.

        Raises:
            BadPicture: the address is not allowed or has expired, or the file is too large,
                empty or no picture.
            PictureUnavailable: the network or the host failed, also at the second try.
        """
        address = self._allowed(url)
        self._check_size(claimed_size)
        if content_type is not None and not claims_picture(content_type, filename):
            raise BadPicture(NOT_A_PICTURE)
        async with self._places:
            try:
                async with asyncio.timeout(self._limits.total_seconds):
                    data = await self._download(address)
            except TimeoutError as error:
                raise PictureUnavailable(TOO_SLOW) from error
        if not is_picture(data):
            raise _Unsuitable(HEIC if formats.kind(data) == "HEIF" else NOT_A_PICTURE)
        return data

    async def _all(self, pictures: Sequence[PictureRef]) -> tuple[bytes, ...]:
        outcomes = await asyncio.gather(*map(self.obtain, pictures), return_exceptions=True)
        failed = [one for one in outcomes if isinstance(one, BaseException)]
        for error in failed:
            if len(failed) == len(outcomes) or not isinstance(error, EngineError):
                raise error
        return tuple(one for one in outcomes if isinstance(one, bytes))

    async def _is_picture(self, picture: PictureRef) -> bool:
        if picture.sure:
            return True
        try:
            address = self._allowed(picture.url)
            async with (
                self._places,
                asyncio.timeout(self._limits.total_seconds),
                self._opened(address) as response,
            ):
                head = await response.content.readexactly(_HEAD)
        except (EngineError, TimeoutError, asyncio.IncompleteReadError):
            return False
        # Also one that is not read here: Discord's proxy may have it as another.
        return formats.kind(head) is not None

    def _allowed(self, url: str) -> URL:
        if not is_on(url, self._limits.hosts):
            raise BadPicture(NOT_FROM_DISCORD)
        try:
            return URL(url)
        except ValueError as error:
            raise BadPicture(NOT_FROM_DISCORD) from error

    def _check_size(self, size: int | None) -> None:
        if size is None:
            return
        if size > self._limits.max_bytes:
            raise _Unsuitable(too_large(self._limits.max_bytes))
        if size <= 0:
            raise BadPicture(EMPTY)

    async def _download(self, address: URL) -> bytes:
        """Ask once, and once more when the connection broke or the host was not well."""
        try:
            return await self._ask(address)
        except PictureUnavailable:
            await asyncio.sleep(_RETRY_SECONDS)
            return await self._ask(address)

    async def _ask(self, address: URL) -> bytes:
        async with self._opened(address) as response:
            return await self._read(response)

    @asynccontextmanager
    async def _opened(self, address: URL) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose body can be read; nobody has to read all of it."""
        try:
            # Not decompressed: a small answer must not become a large one here.
            async with self._session.get(
                address,
                allow_redirects=False,
                auto_decompress=False,
                headers={"Accept": "image/*", "Accept-Encoding": "identity"},
            ) as response:
                _check_status(response.status)
                yield response
        except aiohttp.ClientError as error:
            # Its text names the address, which is signed: only its kind may reach the log.
            _log.info("A picture could not be fetched: %s", type(error).__name__)
            raise PictureUnavailable(UNREACHABLE) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        self._check_size(response.content_length)
        data = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            data += chunk
            self._check_size(len(data))
        self._check_size(len(data))
        return bytes(data)


def is_picture(data: bytes) -> bool:
    """Whether a file begins as a picture does that the workers read; see ``model.formats``."""
    return formats.kind(data) in formats.readable(own=False)


def _check_status(status: int) -> None:
    if status == 200:
        return
    _log.info("A picture's host answered %d", status)
    if 300 <= status < 400:
        raise BadPicture(LEADS_ELSEWHERE)
    if 400 <= status < 500 and status != 429:
        raise BadPicture(EXPIRED)
    raise PictureUnavailable(UNREACHABLE)


def claims_picture(content_type: str | None, filename: str) -> bool:
    """Whether a file says by its type or its ending that it is a picture."""
    return (content_type or "").lower().startswith("image/") or filename.lower().endswith(formats.SUFFIXES)


def _as_png(picture: PictureRef) -> str:
    """Where Discord's proxy gives a picture as a PNG that is small enough, its proportions kept."""
    width, height = picture.width or _LONGEST_SIDE, picture.height or _LONGEST_SIDE
    scale = min(1.0, _LONGEST_SIDE / max(width, height))
    size = f"width={max(1, round(width * scale))}&height={max(1, round(height * scale))}"
    url = picture.proxy_url or ""
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{joint}format=png&{size}"
