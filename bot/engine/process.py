"""One worker process, as the parent sees it: start, run a batch, stop."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pebble import CONSTS, ProcessExpired, ProcessPool

from bot.engine import worker
from bot.engine.attempts import Order
from bot.engine.confinement import confine
from bot.engine.requests import EngineError, SongResult
from bot.engine.worker import Ready, Setup

T = TypeVar("T")

# Importing torch for a GPU and reading the checkpoints takes 5 to 10 s, on a cold and busy disk a minute.
START_SECONDS = 120.0
# Beyond a task's own limit, for what pebble's cannot see: a task that no worker fetched.
_GUARD = 5.0
# A worker is killed with SIGKILL within a fraction of a second; longer means a stuck kernel.
_STOP_SECONDS = 10.0
# Workers do not listen to SIGTERM and hold nothing worth saving, so SIGKILL follows soon.
_TERM_SECONDS = 0.1

logger = logging.getLogger(__name__)


class Fault(Exception):
    """A task that came to nothing; after ``Died`` and ``Hung`` the process is gone."""


class Died(Fault):
    """The process ended while it held the task, or before."""


class Hung(Fault):
    """The task took too long, so its process was killed."""


class Raised(Fault):
    """The task as a whole raised; the message says what."""


class WorkerProcess:
    """A pebble pool of one process, given up as soon as that process has ended.

    Not one pool of many: a process that is killed in the middle of a message leaves its
    pool's locks held and its pipes out of step, and only a pool of its own keeps that from
    the other workers. It also says which worker holds what, and lets each start and fail on
    its own.

    A process is used for one ``start``, then any number of ``run`` one after another, then
    ``stop``, which must be called whatever happened.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=1, initializer=confine, context=context)

    @property
    def alive(self) -> bool:
        """Whether the process still runs; it may take 0.1 s to notice."""
        return self._pool.active

    async def start(self) -> Ready:
        """Start the process and load its models.

        Raises:
            Fault: that failed, or took longer than ``START_SECONDS``.
        """
        try:
            future = await asyncio.to_thread(self._launch)
        except (OSError, RuntimeError) as error:
            raise Died(f"The process could not be started: {error}.") from error
        return await _result(future, START_SECONDS)

    async def run(self, orders: Sequence[Order], seconds: float) -> list[SongResult | EngineError]:
        """Have a batch written; see ``worker.write_batch``.

        Args:
            orders: the batch.
            seconds: after so long the process is killed.

        Raises:
            Fault: there is no answer.
        """
        try:
            future = self._pool.schedule(worker.write_batch, args=(orders,), timeout=seconds)
        except RuntimeError as error:
            raise Died("The worker had ended.") from error
        return await _result(future, seconds)

    async def stop(self) -> None:
        """Kill the process and wait until it is gone."""
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.to_thread(self._end)
        except TimeoutError:
            logger.error("worker %d does not end", self._setup.number)

    def _launch(self) -> Future[Ready]:
        """Start the pool, with its process deaf to the signals that are meant for the parent.

        A blocked signal stays blocked in what a thread starts: pebble's threads, and the
        process from its first instruction on.
        """
        CONSTS.term_timeout = _TERM_SECONDS
        if not hasattr(signal, "pthread_sigmask"):  # Windows, where no signal is meant for a whole group.
            return self._pool.schedule(worker.load, args=(self._setup,), timeout=START_SECONDS)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            return self._pool.schedule(worker.load, args=(self._setup,), timeout=START_SECONDS)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _end(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


async def _result(future: Future[T], seconds: float) -> T:
    task = asyncio.wrap_future(future)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds + _GUARD)
    finally:
        task.cancel()
    # Not awaited: what a task raised may be a SystemExit, and that would end this process, too.
    error = task.exception() if done else TimeoutError()
    if error is None:
        return task.result()
    if isinstance(error, TimeoutError):
        raise Hung(f"It took longer than {seconds:g} s.") from error
    if isinstance(error, ProcessExpired):
        raise Died(f"The process ended with {error.exitcode}.") from error
    if isinstance(error, BrokenProcessPool):
        raise Died("The process ended.") from error
    raise Raised(f"{type(error).__name__}: {error}") from error
