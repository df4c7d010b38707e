"""The line in which pictures wait for their turn: bounded, in order, fair between people and servers."""

from __future__ import annotations

import asyncio
import itertools
import math
from bisect import insort
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from bot.config import Limits
from bot.ui.refusals import Refusal
from model.sentence import count, say

# Name of the tasks in which somebody has a turn.
TURN = "turn in the line"


class Full(Refusal):
    """As much waits as may wait, of one person, of one server, or in all."""


class Waiting(Protocol):
    """What can stand in a line.

    Attributes:
        id: names it, and grows with time.
        user: whose it is.
        server: where it is from, None for a direct message.
    """

    @property
    def id(self) -> int: ...
    @property
    def user(self) -> int: ...
    @property
    def server(self) -> int | None: ...


W = TypeVar("W", bound=Waiting)


@dataclass
class _Person(Generic[W]):
    """One person's part of the line; ``last`` is when they last had a turn, as turns are counted."""

    last: int
    waiting: list[W] = field(default_factory=list)
    served: W | None = None
    task: asyncio.Task[float | None] | None = None
    not_before: float = 0.0


class Line(Generic[W]):
    """Gives turns: to one thing of each person at a time, the oldest first.

    Among people it goes round: first the server whose last turn was longest ago, then the person.
    Whoever comes new stands behind those who wait, as if they had just had a turn.

    Args:
        limits: how much may wait.
        serve: has a turn; gives the seconds after which to try again (infinite: not any more in
            this process), None where it is over. It does not raise.
        at_once: turns at a time.
    """

    def __init__(
        self, limits: Limits, serve: Callable[[W], Coroutine[Any, Any, float | None]], at_once: int
    ) -> None:
        self._limits, self._serve, self._at_once = limits, serve, at_once
        self._people: dict[int, _Person[W]] = {}
        self._servers: dict[int, int] = {}
        self._turns = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __iter__(self) -> Iterator[W]:
        """Everything that waits or has its turn."""
        for person in self._people.values():
            yield from person.waiting
            if person.served is not None:
                yield person.served

    def __contains__(self, number: int) -> bool:
        return any(one.id == number for one in self)

    def before(self, user: int) -> int:
        """How much of a person's waits or has its turn."""
        return sum(one.user == user for one in self)

    def serves(self, user: int) -> bool:
        """Whether something of a person's has its turn."""
        return user in self._people and self._people[user].served is not None

    def put(self, one: W) -> None:
        """Let something wait for its turn, which may be now.

        Raises:
            Full: there is no room.
        """
        self._check(one)
        person = self._people.setdefault(one.user, _Person(next(self._turns)))
        self._servers.setdefault(_server(one), next(self._turns))
        insort(person.waiting, one, key=lambda other: other.id)
        self._go()

    def remove(self, number: int) -> None:
        """Take something out of the line, also while it has its turn."""
        for person in self._people.values():
            person.waiting = [one for one in person.waiting if one.id != number]
            if person.task is not None and person.served is not None and person.served.id == number:
                person.task.cancel()
        self._go()

    async def close(self) -> None:
        """End all turns, and begin no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = [person.task for person in self._people.values() if person.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _check(self, one: W) -> None:
        limits, everything = self._limits, [*self]
        own = self.before(one.user)
        if own >= limits.user_waiting:
            raise Full(
                count(
                    "You have {n} picture waiting: post this one again in a while.",
                    "You have {n} pictures waiting: post this one again in a while.",
                    own,
                )
            )
        here = sum(other.server == one.server for other in everything)
        if one.server is not None and here >= limits.server_waiting:
            raise Full(
                count(
                    "This server has {n} picture waiting: post this one again in a while.",
                    "This server has {n} pictures waiting: post this one again in a while.",
                    here,
                )
            )
        if len(everything) >= limits.waiting:
            raise Full(say("Too many pictures are waiting: post this one again in a while."))

    def _go(self) -> None:
        """Give as many turns as there may be now, and see to the next that come with time."""
        self._people = {key: one for key, one in self._people.items() if one.waiting or one.served}
        if not self._people:
            self._servers.clear()
        while not self._closed and (person := self._next()):
            self._begin(person)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [one.not_before for one in self._people.values() if one.waiting and one.served is None]
        now = asyncio.get_running_loop().time()
        if later := [moment for moment in due if now < moment < math.inf]:
            self._timer = asyncio.get_running_loop().call_at(min(later), self._go)

    def _next(self) -> _Person[W] | None:
        """Whose turn it is; None where nobody can have one now."""
        now, people = asyncio.get_running_loop().time(), self._people.values()
        if sum(one.served is not None for one in people) >= self._at_once:
            return None
        free = [one for one in people if one.waiting and one.served is None and one.not_before <= now]
        return min(free, key=lambda one: (self._servers[_server(one.waiting[0])], one.last), default=None)

    def _begin(self, person: _Person[W]) -> None:
        person.served = one = person.waiting.pop(0)
        self._go_last(person, one)
        person.task = asyncio.create_task(self._serve(one), name=TURN)
        person.task.add_done_callback(partial(self._end, person, one))

    def _go_last(self, person: _Person[W], one: W) -> None:
        person.last = self._servers[_server(one)] = next(self._turns)

    def _end(self, person: _Person[W], one: W, task: asyncio.Task[float | None]) -> None:
        person.served = person.task = None
        # Behind those who have come meanwhile, too.
        self._go_last(person, one)
        seconds = None if task.cancelled() else task.result()
        if seconds is not None:
            insort(person.waiting, one, key=lambda other: other.id)
            person.not_before = asyncio.get_running_loop().time() + seconds
        if not self._closed:
            self._go()


def _server(one: Waiting) -> int:
    """Where something is from; a person's direct messages are a server of their own."""
    return one.user if one.server is None else one.server
