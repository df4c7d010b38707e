"""An engine without processes, for tests and development."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bot.config import Limits
from bot.engine.admission import Admission, Pace
from bot.engine.requests import EngineError, SongRequest, SongResult, Stopping, TooSlow, WorkerFailed
from bot.engine.sentences import FAILED, STOPPING, TOO_SLOW
from bot.engine.worker import trace

logger = logging.getLogger(__name__)


class InlineEngine:
    """Writes one stanza after another in a thread.

    Args:
        limits: caps, queue and deadline, as for the local engine.
        write: writes a stanza; an ``EngineError`` that it raises is the request's.
    """

    def __init__(self, limits: Limits, write: Callable[[SongRequest], SongResult]) -> None:
        self._limits, self._write = limits, write
        self._admission, self._pace = Admission(limits), Pace()
        self._thread: ThreadPoolExecutor | None = None
        self._stopped = asyncio.Event()
        self._closing = False
        self._waiting = 0

    async def start(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def write(self, request: SongRequest) -> SongResult:
        if self._closing or self._thread is None:
            raise Stopping(STOPPING)
        with self._admission.admit(request, self.wait):
            self._waiting += 1
            try:
                return await self._answer(self._thread, request)
            finally:
                self._waiting -= 1

    async def close(self, grace: float) -> None:
        self._closing = True
        await self._admission.empty(grace)
        self._stopped.set()
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def ready(self) -> bool:
        return self._thread is not None and not self._closing

    @property
    def wait(self) -> float:
        return self._pace.wait(self._waiting, workers=1)

    async def _answer(self, thread: ThreadPoolExecutor, request: SongRequest) -> SongResult:
        work = asyncio.get_running_loop().run_in_executor(thread, self._attempt, request)
        stop = asyncio.create_task(self._stopped.wait())
        both: list[asyncio.Future[Any]] = [work, stop]
        try:
            await asyncio.wait(
                both, timeout=self._limits.deadline_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if work.done() and not work.cancelled():
                return work.result()
            raise Stopping(STOPPING) if stop.done() else TooSlow(TOO_SLOW)
        finally:
            work.cancel()
            stop.cancel()

    def _attempt(self, request: SongRequest) -> SongResult:
        began = time.monotonic()
        try:
            return self._write(request)
        except EngineError:
            raise
        except Exception as error:
            logger.error("request %s failed: %s", request.request_id, trace(error))
            raise WorkerFailed(FAILED) from error
        finally:
            self._pace.measured(time.monotonic() - began, 1)
