"""Engines with stub models, and what their tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from itertools import count
from pathlib import Path
from typing import Any

from bot.config import Engine, Filter, Limits, Pictures
from bot.engine.local import LocalEngine
from bot.engine.requests import Engine as RequestEngine
from bot.engine.requests import SongRequest, SongResult
from model.request import GenerationRequest

STUB = "tests.bot.engine.stub"

_numbers = count(1)


@dataclass(frozen=True)
class Posted:
    """A request with its pictures."""

    request: SongRequest
    pictures: tuple[bytes, ...] = ()

    @property
    def generation(self) -> GenerationRequest:
        return self.request.generation


def request(*pictures: str | bytes, **options: Any) -> Posted:
    """A request like no other, from somebody else each time; options are of either request."""
    number = next(_numbers)
    own = {field.name for field in fields(SongRequest)}
    about = {name: value for name, value in options.items() if name in own}
    wanted = {name: value for name, value in options.items() if name not in own}
    recipe = about.get("recipe")
    made = recipe.request if recipe else GenerationRequest(seed=number)
    known: dict[str, Any] = {"id": f"r{number}", "user": number, "server": number, "kind": "test"}
    files = tuple(one.encode() if isinstance(one, str) else one for one in pictures)
    return Posted(SongRequest(**(known | about), generation=replace(made, **wanted)), files)


async def write(
    made: RequestEngine, posted: Posted, fetch: Callable[[], Awaitable[Sequence[bytes]]] | None = None
) -> SongResult:
    """Have a request written, with its own pictures or with those that are fetched once it has its place."""
    async with made.admit(posted.request) as ticket:
        return await ticket.write(await fetch() if fetch else posted.pictures)


class Counts:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.stages: list[Mapping[str, float]] = []
        self.restarts = 0

    def batch(self, size: int, seconds: float) -> None:
        self.batches.append(size)

    def answered(self, seconds: Mapping[str, float]) -> None:
        self.stages.append(seconds)

    def restarted(self) -> None:
        self.restarts += 1


def engine(
    limits: Limits | None = None, loader: str = f"{STUB}:load", meter: Counts | None = None, **settings: Any
) -> LocalEngine:
    limits = limits or Limits(server_in_flight=100, user_in_flight=100)
    # Company is waited for long enough that what a test sends together is one batch.
    settings = {"max_wait_ms": 50, "max_batch": 8, "workers": 1} | settings
    return LocalEngine(limits, Engine(**settings), Pictures(), Filter(), loader=loader, meter=meter)


@asynccontextmanager
async def running(*args: Any, **kwargs: Any) -> AsyncIterator[LocalEngine]:
    """A started engine whose pace is known to be quick, closed in the end."""
    made = engine(*args, **kwargs)
    await made.start()
    try:
        await until_ready(made)
        await write(made, request("hello"))
        yield made
    finally:
        await made.close(0)


async def until(true: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


async def until_ready(made: LocalEngine, workers: int = 1, seconds: float = 20) -> None:
    await until(lambda: len(made.workers) >= workers, seconds)


async def outcomes(made: RequestEngine, *requests: Posted) -> list[SongResult | BaseException]:
    """Everything at once; errors are values."""
    return await asyncio.gather(*(write(made, one) for one in requests), return_exceptions=True)


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has collected yet counts."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
