"""Cooldowns and daily quotas: who may ask when; given back when it was not the person's fault."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot import config
from bot.engine.requests import BadPicture
from bot.refusals import CoolingDown, DayIsOver
from bot.store import Store
from model.errors import SongwriterError

# People whose last request is remembered; the one longest ago is forgotten first.
_REMEMBERED = 50_000


class Quota:
    """Lets a request through, or raises; a failure that is ours costs nothing.

    Args:
        limits: cooldown and songs a day.
        store: keeps the day's count.
        owners: people without limits.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        limits: config.Limits,
        store: Store,
        owners: tuple[int, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._store, self._owners, self._clock = limits, store, frozenset(owners), clock
        self._last: OrderedDict[int, float] = OrderedDict()

    @asynccontextmanager
    async def spent(self, user: int, cooldown: float | None = None) -> AsyncIterator[None]:
        """Spend one request for the time of the block.

        Args:
            user: who asks.
            cooldown: seconds between two requests; None for the configured ones.

        Raises:
            CoolingDown: the last request was too short a time ago.
            DayIsOver: no songs are left today.
        """
        if user in self._owners:
            yield
            return
        self._cool_down(user, self._limits.cooldown_seconds if cooldown is None else cooldown)
        day = datetime.now(UTC).date().isoformat()
        if not await self._store.spend(user, day, self._limits.user_per_day):
            raise DayIsOver(self._limits.user_per_day)
        try:
            yield
        except (BadPicture, SongwriterError):
            # The person's own mistake: looking at a bad picture was work, too.
            raise
        except BaseException:
            self._last.pop(user, None)
            await self._store.refund(user, day)
            raise

    def _cool_down(self, user: int, seconds: float) -> None:
        now = self._clock()
        left = self._last.get(user, -float("inf")) + seconds - now
        if left > 0:
            raise CoolingDown(left)
        self._last[user] = now
        self._last.move_to_end(user)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
