"""An engine without processes: one song after another in a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from bot.config import Limits
from bot.engine.admission import Admission, Pace
from bot.engine.requests import EngineError, SongRequest, SongResult, Stopping, WorkerFailed
from bot.engine.sentences import FAILED, STOPPING


class InlineEngine:
    """Args:
    limits: caps, queue and deadline, as for the local engine.
    write: writes a song; an ``EngineError`` that it raises is the request's.
    """

    def __init__(self, limits: Limits, write: Callable[[SongRequest, Sequence[bytes]], SongResult]) -> None:
        self._write = write
        self._admission, self._pace = Admission(limits), Pace()
        self._thread: ThreadPoolExecutor | None = None
        self._closing = False

    async def start(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)

    @asynccontextmanager
    async def admit(self, request: SongRequest) -> AsyncIterator[InlineTicket]:
        if not self.ready:
            raise Stopping(STOPPING)
        async with self._admission.admit(request, self.wait):
            yield InlineTicket(self, request)

    async def write(self, request: SongRequest, pictures: Sequence[bytes]) -> SongResult:
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._attempt, request, pictures
        )

    async def close(self, grace: float) -> None:
        self._closing = True
        await self._admission.empty(grace)
        self._admission.end(Stopping(STOPPING))
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def ready(self) -> bool:
        return self._thread is not None and not self._closing

    @property
    def warming_up(self) -> bool:
        return False

    @property
    def wait(self) -> float:
        return self._pace.wait(len(self._admission), workers=1)

    def _attempt(self, request: SongRequest, pictures: Sequence[bytes]) -> SongResult:
        began = time.monotonic()
        try:
            return self._write(request, pictures)
        except EngineError:
            raise
        except Exception as error:
            raise WorkerFailed(FAILED) from error
        finally:
            self._pace.measured(time.monotonic() - began, 1)


class InlineTicket:
    def __init__(self, engine: InlineEngine, request: SongRequest) -> None:
        self._engine, self._request = engine, request

    async def write(self, pictures: Sequence[bytes] = ()) -> SongResult:
        return await self._engine.write(self._request, pictures)
