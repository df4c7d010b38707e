"""Whether the bot is alive, ready and how it fares, over HTTP for probes and Prometheus."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from bot.config import BadConfiguration
from bot.config import Health as HealthConfig

Check = Callable[[], Awaitable[bool]]

STAGES = ("fetch", "queue", "decode", "caption", "write", "reply")

# An interaction is lost after 3 s, the gateway's heartbeat after some 40: a loop this late is stuck.
LIVE_SECONDS = 5.0
# Probes give up after a few seconds themselves.
CHECK_SECONDS = 2.0
# Idle connections of a scraper must not hold the shutdown up.
_CLOSE_SECONDS = 1.0

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60)
_LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_SIZES = (1, 2, 4, 8, 16, 32, 64)

_log = logging.getLogger(__name__)


class Metrics:
    """What is counted, in a registry of its own.

    A label's value comes from a small fixed set: never an id, a name or a text. Gauges are best
    given a function (``set_function``), which is asked when somebody scrapes.

    Attributes:
        queue_depth: requests that wait.
        batch_size: requests that went to a worker together.
        batch_seconds: seconds from a batch's start to its answers.
        stages: seconds by ``stage``, one of ``STAGES``.
        rejects: requests without a stanza by ``reason``, the error's class.
        worker_restarts: worker processes that had to be replaced.
        gateway_latency: seconds between a heartbeat and its answer.
        loop_lag: seconds that the event loop was late.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.queue_depth = Gauge("songwriter_queue_depth", "Requests that wait.", registry=self.registry)
        self.batch_size = self._histogram("batch_size", "Requests in a batch.", _SIZES)
        self.batch_seconds = self._histogram(
            "batch_seconds", "From a batch's start to its answers.", _SECONDS
        )
        self.stages = self._histogram("stage_seconds", "How long a stage took.", _SECONDS, "stage")
        self.rejects = Counter(
            "songwriter_rejects", "Requests without a stanza.", ("reason",), registry=self.registry
        )
        self.worker_restarts = Counter(
            "songwriter_worker_restarts", "Workers that were replaced.", registry=self.registry
        )
        self.gateway_latency = Gauge(
            "songwriter_gateway_latency_seconds", "Heartbeat to answer.", registry=self.registry
        )
        self.loop_lag = self._histogram("loop_lag_seconds", "The event loop's lateness.", _LAG_SECONDS)
        for stage in STAGES:
            self.stages.labels(stage=stage)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"songwriter_{name}", about, labels, buckets=buckets, registry=self.registry)


class LoopLag:
    """How late the event loop wakes those who sleep, over the last minute.

    An asynchronous context manager: it measures inside its block.

    Args:
        observe: told every sample, in seconds.
    """

    INTERVAL = 0.1
    SAMPLES = 600

    def __init__(self, observe: Callable[[float], None] | None = None) -> None:
        self._observe = observe
        self._samples: deque[float] = deque(maxlen=self.SAMPLES)
        self._due = math.inf
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._measure(), name="loop lag")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    @property
    def now(self) -> float:
        """Seconds: the last sample, or how overdue the next one is, if that is more."""
        last = self._samples[-1] if self._samples else 0.0
        return max(last, asyncio.get_running_loop().time() - self._due)

    @property
    def p99(self) -> float:
        """Seconds that 99 of 100 samples do not exceed; 0 before the first."""
        ranked = sorted(self._samples)
        return ranked[math.ceil(0.99 * len(ranked)) - 1] if ranked else 0.0

    @property
    def max(self) -> float:
        """Seconds of the worst sample; 0 before the first."""
        return max(self._samples, default=0.0)

    async def _measure(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._due = clock() + self.INTERVAL
            await asyncio.sleep(self.INTERVAL)
            late = max(0.0, clock() - self._due)
            self._samples.append(late)
            if self._observe:
                self._observe(late)


class Health:
    """Serves ``/livez``, ``/readyz`` and ``/metrics`` inside its block, where the configuration says so.

    Args:
        config: whether and where.
        metrics: what ``/metrics`` shows; the loop's lag is added to it.
        checks: what readiness takes, by name. One that raises, or takes longer than
            ``CHECK_SECONDS``, is not met.
        live_seconds: a loop that is later than this is not alive.
    """

    def __init__(
        self,
        config: HealthConfig,
        metrics: Metrics,
        checks: Mapping[str, Check],
        live_seconds: float = LIVE_SECONDS,
    ) -> None:
        self._config = config
        self._metrics = metrics
        self._checks = checks
        self._live_seconds = live_seconds
        self._draining = False
        self._unmet: set[str] = set()
        self._lag = LoopLag(metrics.loop_lag.observe)
        self._stack = AsyncExitStack()
        self.port: int | None = None

    async def __aenter__(self) -> Self:
        """Start to serve; ``port`` is where.

        Raises:
            BadConfiguration: the address cannot be used.
        """
        if self._config.enabled:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._lag)
                self.port = await self._serve(stack)
                self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def drain(self) -> None:
        """Say from now on that the bot is not ready: it takes no new work."""
        self._draining = True

    async def _serve(self, stack: AsyncExitStack) -> int:
        app = web.Application()
        app.add_routes(
            [web.get("/livez", self._live), web.get("/readyz", self._ready), web.get("/metrics", self._show)]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        host, port = self._config.host, self._config.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise BadConfiguration(_no_address(host, port, error)) from error
        bound = int(runner.addresses[0][1])
        _log.info("Health is served on %s, port %d", host, bound)
        return bound

    async def _live(self, _: web.Request) -> web.Response:
        late = self._lag.now
        alive = late <= self._live_seconds
        lag = {"now": late, "p99": self._lag.p99, "max": self._lag.max}
        return _answer(alive, {"alive": alive, "loop_lag_seconds": lag})

    async def _ready(self, _: web.Request) -> web.Response:
        met = await asyncio.gather(*(self._met(name, check) for name, check in self._checks.items()))
        ready = all(met) and not self._draining
        checks = dict(zip(self._checks, met, strict=True))
        return _answer(ready, {"ready": ready, "draining": self._draining, "checks": checks})

    async def _met(self, name: str, check: Check) -> bool:
        """Ask one check; that it fails is logged once, not at every probe, until it is met again."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                met = bool(await check())
            self._unmet.discard(name)
            return met
        except Exception as error:
            if name not in self._unmet:
                _log.warning("The check of the %s failed: %s", name, type(error).__name__)
            self._unmet.add(name)
            return False

    async def _show(self, _: web.Request) -> web.Response:
        text = generate_latest(self._metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(good: bool, body: Mapping[str, object]) -> web.Response:
    return web.json_response(body, status=200 if good else 503)


def _no_address(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"health.port: {port} is in use already on {host}: choose another, or 0 for any free one."
    return f"health.host, health.port: {host}, port {port} cannot be used: {error.strerror or error}."
