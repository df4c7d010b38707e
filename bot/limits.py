"""Cooldowns and daily quotas: who may ask when; given back when it was not the person's fault."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from discord import app_commands
from discord.ext import commands

from bot import config
from bot.engine.requests import BadPicture
from bot.store import Store, StoreError
from bot.ui.refusals import CoolingDown, DayIsOver

_log = logging.getLogger(__name__)

# For commands that write no song: nobody needs one of them more than three times in ten seconds.
_TIMES, _SECONDS = 3, 10.0
paced = partial(app_commands.checks.cooldown, _TIMES, _SECONDS)

# People whose last request is remembered; the one longest ago is forgotten first.
_REMEMBERED = 50_000


class ButtonCooldown:
    """As ``paced``, for a button that writes no song."""

    def __init__(self) -> None:
        self._people: commands.CooldownMapping[int] = commands.CooldownMapping.from_cooldown(
            _TIMES, _SECONDS, lambda user: user
        )

    def count(self, user: int) -> None:
        """Count one press.

        Raises:
            CommandOnCooldown: it is one too many.
        """
        own = self._people.get_bucket(user)
        if own is not None and (left := own.update_rate_limit()):
            raise app_commands.CommandOnCooldown(own, left)


class OnceInAWhile:
    """Says yes to a person, and then no for a while.

    Args:
        seconds: how long.
        clock: seconds that only grow.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._last: OrderedDict[int, float] = OrderedDict()

    def due(self, user: int) -> bool:
        """Whether it is this person's turn; a yes begins the while."""
        now = self._clock()
        if now - self._last.get(user, -float("inf")) < self._seconds:
            return False
        self._last[user] = now
        self._last.move_to_end(user)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return True


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
    async def spent(self, user: int, cooldown: float) -> AsyncIterator[None]:
        """Spend one request for the time of the block.

        Args:
            user: who asks.
            cooldown: seconds between two requests.

        Raises:
            CoolingDown: the last request was too short a time ago.
            DayIsOver: no songs are left today.
            StoreError: the database failed.
        """
        if user in self._owners:
            yield
            return
        self._cool_down(user, cooldown)
        day = datetime.now(UTC).date().isoformat()
        try:
            left = await self._store.spend(user, day, self._limits.user_per_day)
        except StoreError:
            self._last.pop(user, None)
            raise
        if not left:
            raise DayIsOver(self._limits.user_per_day)
        try:
            yield
        except (BadPicture, asyncio.CancelledError):
            # The person's own doing, by a bad picture or by deleting it meanwhile: that was work, too.
            raise
        except BaseException:
            self._last.pop(user, None)
            await self._refund(user, day)
            raise

    async def _refund(self, user: int, day: str) -> None:
        """Give one back; where the database fails, what went wrong first matters more."""
        try:
            await self._store.refund(user, day)
        except StoreError as error:
            _log.warning("nothing refunded: %s", error)

    def _cool_down(self, user: int, seconds: float) -> None:
        now = self._clock()
        left = self._last.get(user, -float("inf")) + seconds - now
        if left > 0:
            raise CoolingDown(left)
        self._last[user] = now
        self._last.move_to_end(user)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
