"""Who may queue, and how long it will take: caps on what is in flight, and a measured pace."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from bot.config import Limits
from bot.engine.requests import Busy, EngineError, SongRequest, TooSlow
from bot.engine.sentences import TOO_SLOW
from model.sentence import count, say

# Seconds that a stanza is taken to need before one was measured: a CPU's.
FIRST_GUESS = 1.0
# The first measurements count alike; then the newest has this weight, so that the pace
# follows a change within about ten batches.
_NEWEST = 0.2


class Pace:
    """Moving averages of what a batch takes, whole and a request.

    Attributes:
        batch_seconds: a batch, from handing it over to its answers.
        item_seconds: the same divided by the batch's size; the inverse of the throughput.
    """

    def __init__(self) -> None:
        self.batch_seconds = self.item_seconds = FIRST_GUESS
        self._measurements = 0

    def measured(self, seconds: float, size: int) -> None:
        """Take in a batch of ``size`` requests that took ``seconds``."""
        self._measurements += 1
        newest = max(_NEWEST, 1 / self._measurements)
        self.batch_seconds += newest * (seconds - self.batch_seconds)
        self.item_seconds += newest * (seconds / size - self.item_seconds)

    def wait(self, in_front: int, workers: int) -> float:
        """Seconds until a request with ``in_front`` others before it would be done."""
        return self.batch_seconds + in_front * self.item_seconds / max(1, workers)


class Admission:
    """Counts who has how much in flight, refuses what is over a limit, and ends what takes too long.

    A request is in flight from its admission to its answer, the download of its pictures
    included, so ``limits.queue`` bounds everything that people wait for.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._in_flight: Counter[Hashable] = Counter()
        self._clocks: set[asyncio.Timeout] = set()
        self._end: EngineError | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        """How many requests are in flight."""
        return len(self._clocks)

    @asynccontextmanager
    async def admit(self, request: SongRequest, wait: float) -> AsyncIterator[float]:
        """Hold a place for a request for the time of the block, and end the block at its deadline.

        Args:
            request: who asks, and where.
            wait: seconds until it would be done, estimated.

        Yields:
            The deadline, in the loop's time.

        Raises:
            Busy: the queue, the person or the server has as much in flight as it may; or
                so much is in front that the deadline would pass.
            TooSlow: the deadline passed.
            EngineError: see ``end``.
        """
        held = self._check(request, wait)
        self._in_flight.update(held)
        self._empty.clear()
        deadline = asyncio.get_running_loop().time() + self._limits.deadline_seconds
        clock = asyncio.timeout_at(deadline)
        self._clocks.add(clock)
        try:
            async with clock:
                yield deadline
        except TimeoutError:
            raise self._end or TooSlow(TOO_SLOW) from None
        finally:
            self._clocks.discard(clock)
            self._in_flight.subtract(held)
            for key in held:
                if not self._in_flight[key]:
                    del self._in_flight[key]
            if not self._clocks:
                self._empty.set()

    def end(self, error: EngineError) -> None:
        """End everything in flight with an error."""
        self._end = error
        for clock in self._clocks:
            if not clock.expired():
                clock.reschedule(0)

    async def empty(self, seconds: float) -> bool:
        """Wait until nothing is in flight, at most so long; whether that came true."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def _check(self, request: SongRequest, wait: float) -> list[Hashable]:
        """The counters that a request adds to."""
        limits, user, server = self._limits, ("user", request.user), ("server", request.server)
        seconds = max(1, math.ceil(wait))
        if self._in_flight[user] >= limits.user_in_flight:
            raise Busy(
                count(
                    "You are waiting for a request already: ask again in about {seconds} s.",
                    "You are waiting for {n} requests already: ask again in about {seconds} s.",
                    limits.user_in_flight,
                    seconds=seconds,
                ),
                wait,
            )
        if request.server is None:
            held: list[Hashable] = [user]
        elif self._in_flight[server] < limits.server_in_flight:
            held = [user, server]
        else:
            raise Busy(
                count(
                    "This server is waiting for a request already: ask again in about {seconds} s.",
                    "This server is waiting for {n} requests already: ask again in about {seconds} s.",
                    limits.server_in_flight,
                    seconds=seconds,
                ),
                wait,
            )
        late = self._clocks and wait > limits.deadline_seconds
        if late or len(self._clocks) >= limits.queue:
            many = say("Too many people are waiting: ask again in about {seconds} s.", seconds=seconds)
            raise Busy(many, wait)
        return held
