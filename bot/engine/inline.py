"""An engine without processes, for tests and development."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bot.config import Limits
from bot.engine.admission import Admission, Pace
from bot.engine.requests import EngineError, Fetch, SongRequest, SongResult, Stopping, WorkerFailed
from bot.engine.sentences import FAILED, STOPPING
from bot.engine.worker import trace

logger = logging.getLogger(__name__)


class InlineEngine:
    """Writes one stanza after another in a thread.

    Args:
        limits: caps, queue and deadline, as for the local engine.
        write: writes a stanza; an ``EngineError`` that it raises is the request's.
    """

    def __init__(self, limits: Limits, write: Callable[[SongRequest], SongResult]) -> None:
        self._write = write
        self._admission, self._pace = Admission(limits), Pace()
        self._thread: ThreadPoolExecutor | None = None
        self._closing = False

    async def start(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def write(self, request: SongRequest, fetch: Fetch | None = None) -> SongResult:
        if not self.ready:
            raise Stopping(STOPPING)
        async with self._admission.admit(request, self.wait):
            if fetch is not None:
                request = replace(request, pictures=tuple(await fetch()))
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, request)

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
    def wait(self) -> float:
        return self._pace.wait(len(self._admission), workers=1)

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
