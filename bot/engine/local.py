"""The default engine: worker processes on this machine, supervised."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from bot.config import Engine, Filter, Limits, Pictures
from bot.engine.admission import Admission, Pace
from bot.engine.attempts import Order
from bot.engine.batcher import Batcher
from bot.engine.meter import Meter, Unmeasured
from bot.engine.process import Died, Fault, Hung, Raised, WorkerProcess
from bot.engine.requests import (
    BadPicture,
    Broken,
    EngineError,
    SongRequest,
    SongResult,
    Stopping,
    TooSlow,
    WarmingUp,
    WorkerFailed,
)
from bot.engine.sentences import BROKEN, CRASHED, FAILED, STOPPING, TOO_SLOW, WARMING_UP
from bot.engine.worker import Ready, Setup
from model.eye import Eye

MODELS = "bot.engine.models:load"

# Two answer a picture a second without a queue; on a third core the bot itself has its place.
_CPU_WORKERS = 2
# A start that fails three times in a row fails for a reason that a fourth will not cure.
MAX_FAILED_STARTS = 3
# Seconds before a failed start is tried again, doubled each time.
_FIRST_PAUSE = 0.5
# A worker that dies idle within this many seconds has not really started.
_SETTLED_SECONDS = 5.0
# The same where an error of this program's own ended its supervision, from the start on.
_LASTED_SECONDS = 60.0
# How often an idle worker is looked after, in seconds.
_HEARTBEAT = 0.5
# A batch's answers come together with its last, so a batch of slow requests only delays.
_BATCH_SECONDS = 1.0
# A picture may kill two workers: the first time it may be its batch's fault, or chance.
_MAX_DEATHS = 2
# Where a machine's graphics cards show.
DEVICES = Path("/dev")
# Pictures that crashed a worker are remembered while they are likely to be posted again.
_MAX_DENIED = 128

Digests = frozenset[bytes]

logger = logging.getLogger(__name__)


class QueuedRequest:
    """One stanza to write.

    Attributes:
        request: what is asked for.
        pictures: files as they were posted.
        digests: SHA-256 of the pictures.
        deadline: in the loop's time.
        outcome: a stanza or an error, once there is one; cancelled where nobody waits any more.
        alone: it must not share a batch.
        deaths: workers that ended while they held it.
        begun: when it first left the queue, or None; in the loop's time.
    """

    def __init__(
        self, request: SongRequest, pictures: tuple[bytes, ...], digests: Digests, deadline: float
    ) -> None:
        self.request, self.pictures, self.digests, self.deadline = request, pictures, digests, deadline
        loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[SongResult | EngineError] = loop.create_future()
        self.entered = loop.time()
        self.begun: float | None = None
        self.alone, self.deaths = False, 0

    def order(self, now: float) -> Order:
        """What a worker is sent."""
        return Order(self.request, self.pictures, self.deadline - now)

    def settle(self, outcome: SongResult | EngineError) -> None:
        if isinstance(outcome, SongResult):
            queued = (self.begun or self.entered) - self.entered
            outcome = replace(outcome, seconds={"queue": queued, **outcome.seconds})
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class Ticket:
    """A place in the queue of a local engine."""

    def __init__(self, engine: LocalEngine, request: SongRequest, deadline: float) -> None:
        self._engine, self._request, self._deadline = engine, request, deadline

    async def write(self, pictures: Sequence[bytes] = ()) -> SongResult:
        """Wait for the song; see ``bot.engine.requests.Ticket``."""
        return await self._engine.write(self._request, pictures, self._deadline)


class LocalEngine:
    """Writes stanzas in worker processes (``bot.engine.requests.Engine``).

    Args:
        limits: caps, queue and deadline.
        settings: workers, device, batches.
        pictures: what a worker accepts as a picture.
        words: how often the word filter has another try.
        eye: what else looks at pictures; None for nothing.
        loader: importable name of what loads the models; see ``worker.Setup``.
        meter: receives measurements.
    """

    def __init__(
        self,
        limits: Limits,
        settings: Engine,
        pictures: Pictures,
        words: Filter,
        *,
        eye: Eye | None = None,
        loader: str = MODELS,
        meter: Meter | None = None,
    ) -> None:
        self._limits, self._settings = limits, settings
        self._meter: Meter = meter or Unmeasured()
        self._setups = [
            Setup(
                loader,
                number,
                settings.device,
                settings.checkpoints,
                pictures.max_pixels,
                words.attempts,
                eye or Eye(),
            )
            for number in range(_how_many(settings))
        ]
        self._admission, self._pace = Admission(limits), Pace()
        self._batcher: Batcher[QueuedRequest] = Batcher(settings.max_wait_ms / 1000)
        self._hashing = asyncio.Lock()
        self._jobs: set[QueuedRequest] = set()
        self._denied: OrderedDict[Digests, None] = OrderedDict()
        self._workers: dict[int, Ready] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._start_seconds = 0.0
        self._given_up = 0
        self._loaded = self._closing = False

    async def start(self) -> None:
        """Start the workers; return without waiting for them to be ready."""
        self._tasks = [asyncio.create_task(self._supervise(setup)) for setup in self._setups]

    @asynccontextmanager
    async def admit(self, request: SongRequest) -> AsyncIterator[Ticket]:
        """Hold a place for a request; see ``bot.engine.requests.Engine``."""
        self._check_open()
        async with self._admission.admit(request, self.wait) as deadline:
            yield Ticket(self, request, deadline)

    async def write(self, request: SongRequest, pictures: Sequence[bytes], deadline: float) -> SongResult:
        """Queue an admitted request and wait for its song; see ``bot.engine.requests.Ticket``."""
        digests = await self._digests(pictures)
        result = await self._answer(QueuedRequest(request, tuple(pictures), digests, deadline))
        self._meter.answered(result.seconds)
        return result

    async def close(self, grace: float) -> None:
        """Refuse new requests, give those under way ``grace`` seconds, then end the workers."""
        self._closing = True
        if not await self._admission.empty(grace):
            logger.warning("%d requests were given up at the end", len(self._admission))
        self._admission.end(Stopping(STOPPING))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def ready(self) -> bool:
        """Whether at least one worker can take a request now."""
        return bool(self._workers) and not self._closing

    @property
    def warming_up(self) -> bool:
        """Whether no worker was ready yet, but one may be soon."""
        return not (self._loaded or self._broken or self._closing)

    @property
    def wait(self) -> float:
        """Seconds until a request that is queued now would be done, estimated."""
        start = 0.0 if self._workers else self._start_seconds
        return start + self._pace.wait(len(self._admission), len(self._workers))

    @property
    def in_flight(self) -> int:
        """Requests in the queue or with a worker; not those whose pictures are on their way."""
        return len(self._jobs)

    @property
    def depth(self) -> int:
        """Those of them that no worker has taken yet."""
        return len(self._batcher)

    @property
    def workers(self) -> Sequence[Ready]:
        """The workers that are up: process, device, digests of the models."""
        return tuple(self._workers.values())

    async def _digests(self, pictures: Sequence[bytes]) -> Digests:
        if not pictures:
            return frozenset()
        # In a thread, as a large picture takes longer than the loop may stall; one after
        # another, so that whoever came first stays first.
        async with self._hashing:
            return await asyncio.to_thread(_digests, pictures)

    async def _answer(self, job: QueuedRequest) -> SongResult:
        """Put a job in the queue and wait for its outcome."""
        if any(denied <= job.digests for denied in self._denied):
            raise BadPicture(CRASHED)
        self._jobs.add(job)
        self._batcher.put(job)
        try:
            outcome = await job.outcome
        finally:
            self._jobs.discard(job)
            self._batcher.discard(job)
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    def _check_open(self) -> None:
        if self._closing:
            raise Stopping(STOPPING)
        if self._broken:
            raise Broken(BROKEN)
        if self.warming_up:
            raise WarmingUp(WARMING_UP)

    @property
    def _broken(self) -> bool:
        return self._given_up == len(self._setups)

    def _settle(self, job: QueuedRequest, outcome: SongResult | EngineError) -> None:
        if isinstance(outcome, WorkerFailed):
            notes = getattr(outcome, "__notes__", [])
            logger.error("request %s failed: %s", job.request.id, "\n".join(notes) or outcome)
        elif isinstance(outcome, SongResult):
            for note in outcome.notes:
                logger.warning("request %s: %s", job.request.id, note)
        job.settle(outcome)

    async def _supervise(self, setup: Setup) -> None:
        """Keep one worker running, until it fails to start too often."""
        clock, failures = asyncio.get_running_loop().time, 0
        while True:
            began = clock()
            try:
                useful = await self._live(setup)
            except Exception:
                # The fault is not the process's, but here: another one may fare better.
                logger.exception("worker %d was lost to an error", setup.number)
                useful = clock() - began > _LASTED_SECONDS
            failures = 0 if useful else failures + 1
            if failures == MAX_FAILED_STARTS:
                break
            self._meter.restarted()
            await asyncio.sleep(_FIRST_PAUSE * 2 ** (failures - 1) if failures else 0)
        logger.critical("worker %d does not start; it is not tried again", setup.number)
        self._given_up += 1
        if self._broken:
            self._admission.end(Broken(BROKEN))

    async def _live(self, setup: Setup) -> bool:
        """One process from its start to its end; whether it was of any use."""
        clock = asyncio.get_running_loop().time
        process = WorkerProcess(setup)
        began = clock()
        try:
            ready = await process.start()
            self._start_seconds = clock() - began
            logger.info("worker %d is ready: process %d on %s", setup.number, ready.process, ready.device)
            self._workers[setup.number], self._loaded = ready, True
            born = clock()
            worked = await self._serve(process)
            logger.warning("worker %d ended after %.1f s", setup.number, clock() - born)
            return worked or clock() - born > _SETTLED_SECONDS
        except Fault as error:
            logger.error("worker %d did not start: %s", setup.number, error)
            return False
        finally:
            self._workers.pop(setup.number, None)
            await process.stop()

    async def _serve(self, process: WorkerProcess) -> bool:
        """Feed a process until it ends; whether it was ever given anything."""
        worked = False
        while process.alive:
            jobs = await self._batcher.take(self._most(), _HEARTBEAT)
            if not jobs:
                continue
            worked = True
            try:
                alive = await self._write(process, jobs)
            except Exception:
                # Whatever is wrong with one batch, the next one is served.
                logger.exception("a batch failed")
                alive = False
                for job in jobs:
                    self._settle(job, WorkerFailed(FAILED))
            if not alive:
                break
        return worked

    def _most(self) -> int:
        """The largest batch whose first answer need not wait long for the last."""
        budget = min(_BATCH_SECONDS, self._settings.hard_seconds / 2)
        affordable = int(budget / max(self._pace.item_seconds, 1e-3))
        return max(1, min(self._settings.max_batch, affordable))

    async def _write(self, process: WorkerProcess, jobs: Sequence[QueuedRequest]) -> bool:
        """Have a batch written; whether the process can go on."""
        began = asyncio.get_running_loop().time()
        for job in jobs:
            job.begun = job.begun or began
        try:
            outcomes = await process.run([job.order(began) for job in jobs], self._settings.hard_seconds)
        except Died:
            self._after_death(jobs)
            return False
        except Hung:
            self._again_or(TooSlow(TOO_SLOW), jobs)
            return False
        except Raised as error:
            # Not its message, which may quote a request.
            ids = " ".join(job.request.id for job in jobs)
            logger.error("the batch of requests %s raised %s", ids, type(error.__cause__).__name__)
            self._again_or(WorkerFailed(FAILED), jobs)
            return True
        seconds = asyncio.get_running_loop().time() - began
        self._pace.measured(seconds, len(jobs))
        self._meter.batch(len(jobs), seconds)
        for job, outcome in zip(jobs, outcomes, strict=True):
            self._settle(job, outcome)
        return True

    def _after_death(self, jobs: Sequence[QueuedRequest]) -> None:
        """Try each job once more on its own; what kills again is guilty."""
        again = []
        for job in jobs:
            job.deaths += 1
            if job.deaths < _MAX_DEATHS:
                again.append(job)
                continue
            logger.error("request %s ended %d workers", job.request.id, job.deaths)
            if job.digests:
                self._deny(job.digests)
            self._settle(job, BadPicture(CRASHED) if job.digests else WorkerFailed(FAILED))
        self._singly(again)

    def _again_or(self, error: EngineError, jobs: Sequence[QueuedRequest]) -> None:
        """Try the jobs of a batch on their own; one that was alone has failed."""
        if len(jobs) == 1:
            self._settle(jobs[0], error)
        else:
            self._singly(jobs)

    def _singly(self, jobs: Sequence[QueuedRequest]) -> None:
        for job in jobs:
            job.alone = True
        self._batcher.put_first(job for job in jobs if not job.outcome.done())

    def _deny(self, digests: Digests) -> None:
        """Remember pictures; of several in one request nobody knows which it was."""
        self._denied[digests] = None
        while len(self._denied) > _MAX_DENIED:
            self._denied.popitem(last=False)


def _how_many(settings: Engine) -> int:
    """Workers as they are configured; else one a GPU, or two, or as many as there are cores."""
    if settings.workers != "auto":
        return settings.workers
    # Only torch knows for sure which GPUs can be used, and it stays out of this process.
    gpus = 0 if settings.device == "cpu" else len([*DEVICES.glob("nvidia[0-9]*")])
    if gpus and find_spec("torch") is None:
        gpus = 0
    return gpus or min(_CPU_WORKERS, os.cpu_count() or 1)


def _digests(pictures: Sequence[bytes]) -> Digests:
    return frozenset(hashlib.sha256(picture).digest() for picture in pictures)
