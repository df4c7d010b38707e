"""The bot with a stub for its models, in a simulated Discord."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from bot.client import Resources, SongwriterBot
from bot.config import Config, Pictures, parse
from bot.engine.requests import Engine, SongRequest, SongResult
from bot.images import PictureFetcher
from bot.limits import Quota
from bot.ops.health import Metrics
from bot.songs import Songs
from bot.store import Store
from bot.wordfilter import forbidden_words
from tests.bot.songs import song

SEED_WORDS = (("kind", 200), ("king", 900), ("kiss", 500), ("sea", 800))


@dataclass
class StubEngine:
    """Writes at once, and says what it was asked; ``failure`` is raised instead, if set."""

    asked: list[SongRequest] = field(default_factory=list)
    pictures: list[tuple[bytes, ...]] = field(default_factory=list)
    failure: Exception | None = None
    ready: bool = True
    warming_up: bool = False
    wait: float = 0.0
    gate: asyncio.Event | None = None

    async def start(self) -> None:
        pass

    @asynccontextmanager
    async def admit(self, request: SongRequest) -> AsyncIterator[StubTicket]:
        yield StubTicket(self, request)

    async def close(self, grace: float) -> None:
        pass


@dataclass
class StubTicket:
    engine: StubEngine
    request: SongRequest

    async def write(self, pictures: Sequence[bytes] = ()) -> SongResult:
        engine, request = self.engine, self.request
        engine.asked.append(request)
        engine.pictures.append(tuple(pictures))
        if engine.gate is not None:
            await engine.gate.wait()
        if engine.failure is not None:
            raise engine.failure
        caption = f"picture {zlib.crc32(b''.join(pictures))}" if pictures else request.caption
        lines = [f"Line {number} of a song" for number in range(1, request.generation.lines + 1)]
        return song(request, caption, lines, pictures)


class StubFetcher(PictureFetcher):
    """Downloads nothing: the address is the picture."""

    def __init__(self) -> None:
        super().__init__(None, Pictures())  # type: ignore[arg-type]

    async def fetch(
        self, url: str, claimed_size: int | None, content_type: str | None, filename: str
    ) -> bytes:
        return url.encode()


@pytest.fixture
def engine() -> StubEngine:
    return StubEngine()


@pytest.fixture
def config() -> Config:
    return parse({"limits": {"cooldown_seconds": 0}, "pictures": {"hosts": ["cdn.simcord.invalid"]}})


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path / "songwriter.sqlite3") as opened:
        yield opened


@pytest_asyncio.fixture
async def simcord_bot(store: Store, engine: Engine, config: Config) -> SongwriterBot:
    return make_bot(store, engine, config)


def make_bot(store: Store, engine: Engine, config: Config) -> SongwriterBot:
    quota = Quota(config.limits, store, config.discord.owners)
    songs = Songs(config, store, engine, StubFetcher(), quota, forbidden_words(config.filter), Metrics())
    resources = Resources(config, store, songs, SEED_WORDS)
    return SongwriterBot(resources, message_content=config.discord.message_content, shard_count=1)
