"""A polite HTTP client: paced, patient, bounded, and it says who it is."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib import metadata

import aiohttp
from yarl import URL

from training.collecting.answers import Failed

# Twenty songs of a search are some 200 kB; nothing honest is near this.
MAX_BYTES = 4 * 2**20
MAX_REDIRECTS = 3
# A service that wants more than a day says something else than "wait".
MAX_RETRY_AFTER = 86_400.0

_BUSY = {429, 503}
# Answers about this question, which asking again would not change.
_ABOUT_THE_QUESTION = {200, 400, 404, 414, 422}


class Pace:
    """Turns at most ``per_second`` a second, evenly spread, over all who ask."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next = 0.0
        self._lock = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for a turn."""
        async with self._lock:
            # A pause may be ordered while we sleep.
            while (wait := self._next - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self._next = time.monotonic() + self._interval

    def pause(self, seconds: float) -> None:
        """Nobody gets a turn for so long."""
        self._next = max(self._next, time.monotonic() + seconds)


@dataclass(frozen=True)
class Backoff:
    """Exponential back-off with jitter, so that many clients do not come back at once (seconds)."""

    base: float = 1.0
    cap: float = 60.0
    rng: random.Random = field(default_factory=random.Random)

    def delay(self, failures: int) -> float:
        """How long to wait after so many failures in a row: half to all of ``base * 2 ** n``."""
        whole = min(self.cap, self.base * 2.0 ** min(failures, 30))
        return whole * self.rng.uniform(0.5, 1.0)


def user_agent() -> str:
    """Name and version of this program, and its home page where the package names one."""
    about = metadata.metadata("neural-songwriter")
    pages = [entry.rpartition(",")[2].strip() for entry in about.get_all("Project-URL", [])]
    return f"neural-songwriter/{about['Version']}" + (f" (+{pages[0]})" if pages else "")


def retry_after(value: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, as a number or a date; None where it is neither.

    Raises nothing; at most ``MAX_RETRY_AFTER``.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # A longer number is over the limit anyway, and int() refuses thousands of digits.
        return MAX_RETRY_AFTER if len(text) > 9 else min(float(text), MAX_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


class Client:
    """One service, asked over one session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, concurrency: int, timeout: float) -> AsyncIterator[Client]:
        """A client with at most so many connections; ``timeout`` (seconds) is for a whole answer."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency),
            timeout=aiohttp.ClientTimeout(total=timeout),
            headers={"User-Agent": user_agent(), "Accept": "application/json"},
        ) as session:
            yield cls(session)

    async def get(self, url: URL, query: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of an answer that is about the question.

        Raises:
            Failed: anything else: no connection, too slow, too long, cut short, 429, 5xx, …
        """
        try:
            async with self._session.get(url, params=query, max_redirects=MAX_REDIRECTS) as response:
                if response.status not in _ABOUT_THE_QUESTION:
                    raise Failed(
                        f"HTTP {response.status}",
                        busy=response.status in _BUSY,
                        wait=retry_after(response.headers.get("Retry-After")),
                    )
                return response.status, await _bounded(response)
        except TimeoutError as error:
            raise Failed("no answer in time", reached=False) from error
        except aiohttp.ClientPayloadError as error:
            raise Failed("an answer cut short") from error
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise Failed(f"no connection ({error})", reached=False) from error
        except (aiohttp.ClientError, ValueError) as error:
            raise Failed(f"no usable answer ({type(error).__name__})") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(2**16):
        body += chunk
        if len(body) > MAX_BYTES:
            raise Failed(f"an answer of more than {MAX_BYTES:,} bytes")
    return bytes(body)
