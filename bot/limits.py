"""Cooldowns and daily quotas: who may ask when; given back when it was not the person's fault."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from discord import app_commands
from discord.ext import commands

from bot import config
from bot.engine.requests import BadPicture
from bot.store import Store, StoreError
from bot.ui.refusals import CoolingDown, DayIsOver
from model.sentence import count

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


@dataclass(frozen=True)
class _Payment:
    """Whose quotas a request was taken from: a person's and, where that has one, a server's, of a day."""

    user: int
    day: str
    server: int | None


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
        self._paid: OrderedDict[str, _Payment] = OrderedDict()

    def pace(self, user: int, cooldown: float) -> tuple[float, float]:
        """Seconds until a person may ask again, and from one time to the next."""
        if user in self._owners:
            return 0.0, 0.0
        return max(0.0, self._last.get(user, -float("inf")) + cooldown - self._clock()), cooldown

    @asynccontextmanager
    async def spent(
        self, request: str, user: int, cooldown: float, server: int | None = None, per_day: int | None = None
    ) -> AsyncIterator[None]:
        """Spend one request for the time of the block.

        Args:
            request: names it, for ``take_back``.
            user: who asks.
            cooldown: seconds between two requests.
            server: where.
            per_day: requests that the server has a day; None for no limit.

        Raises:
            CoolingDown: the last request was too short a time ago.
            DayIsOver: no songs are left today, for the person or the server.
            StoreError: the database failed.
        """
        if user in self._owners:
            yield
            return
        self._cool_down(user, cooldown)
        day = datetime.now(UTC).date().isoformat()
        payment = _Payment(user, day, server if per_day is not None else None)
        self._note(request, payment)
        try:
            await self._pay(payment, per_day)
        except StoreError:
            self._forget(request)
            raise
        except DayIsOver:
            self._paid.pop(request, None)
            raise
        try:
            yield
        except (BadPicture, asyncio.CancelledError):
            # The person's own doing, by a bad picture or by deleting it meanwhile: that was work, too.
            raise
        except BaseException:
            await self.take_back(request)
            raise

    async def take_back(self, request: str) -> None:
        """Give back what a request cost, even if it was answered; nothing if it cost nothing, or long ago."""
        if (paid := self._forget(request)) is not None:
            await self._refund(paid)

    async def _pay(self, payment: _Payment, per_day: int | None) -> None:
        user, day, limit = payment.user, payment.day, self._limits.user_per_day
        if not await self._store.spend(user, day, limit):
            raise DayIsOver(
                count(
                    "You had {n} song today, as many as one person may have: come back {when}.",
                    "You had {n} songs today, as many as one person may have: come back {when}.",
                    limit,
                )
            )
        if payment.server is None or per_day is None:
            return
        if not await self._store.spend_of_server(payment.server, day, per_day):
            await self._refund(replace(payment, server=None))
            raise DayIsOver(
                count(
                    "This server had {n} song today, as many as it may have: come back {when}.",
                    "This server had {n} songs today, as many as it may have: come back {when}.",
                    per_day,
                )
            )

    def _note(self, request: str, payment: _Payment) -> None:
        self._paid[request] = payment
        while len(self._paid) > _REMEMBERED:
            self._paid.popitem(last=False)

    def _forget(self, request: str) -> _Payment | None:
        """What was paid for a request; who did need not wait any more."""
        paid = self._paid.pop(request, None)
        if paid is not None:
            self._last.pop(paid.user, None)
        return paid

    async def _refund(self, paid: _Payment) -> None:
        """Give one back; where the database fails, what went wrong first matters more."""
        try:
            await self._store.refund(paid.user, paid.day, paid.server)
        except StoreError as error:
            _log.warning("nothing refunded: %s", error)

    def _cool_down(self, user: int, cooldown: float) -> None:
        left, _ = self.pace(user, cooldown)
        if left:
            raise CoolingDown(left)
        self._last[user] = self._clock()
        self._last.move_to_end(user)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
