"""Whose turn it is in the line."""

from __future__ import annotations

import asyncio
import itertools
import math
from dataclasses import dataclass, field

import pytest

from bot.config import Limits
from bot.line import Full, Line

pytestmark = pytest.mark.asyncio

_IDS = itertools.count(1)


@dataclass(frozen=True)
class Posted:
    name: str
    user: int
    server: int | None = 1
    id: int = field(default_factory=lambda: next(_IDS))


@dataclass
class Turns:
    """Notes who had a turn; what ``later`` names is put off as often as it says."""

    had: list[str] = field(default_factory=list)
    later: dict[str, list[float]] = field(default_factory=dict)

    async def __call__(self, posted: Posted) -> float | None:
        await asyncio.sleep(0)
        if seconds := self.later.get(posted.name):
            return seconds.pop()
        self.had.append(posted.name)
        return None

    async def all(self, number: int) -> list[str]:
        async with asyncio.timeout(20):
            while len(self.had) < number:
                await asyncio.sleep(0.001)
        return self.had


async def test_people_and_servers_take_turns() -> None:
    turns = Turns()
    line = Line(Limits(), turns, 1)
    # Ann is very busy, Bob of her server less so; Cleo of a small server comes last.
    for name, user, server in (
        ("ann 1", 1, 7), ("ann 2", 1, 7), ("ann 3", 1, 7), ("bob 1", 2, 7), ("bob 2", 2, 7),
        ("cleo 1", 3, 8), ("cleo 2", 3, 8), ("dan 1", 4, None),
    ):  # fmt: skip
        line.put(Posted(name, user, server))
    assert await turns.all(8) == ["ann 1", "cleo 1", "dan 1", "bob 1", "cleo 2", "ann 2", "bob 2", "ann 3"]


async def test_one_persons_are_never_at_once_and_in_their_order_also_when_put_off() -> None:
    turns = Turns(later={"first": [0.01, 0.01]})
    line = Line(Limits(), turns, 8)
    first, second, third = (Posted(name, 1) for name in ("first", "second", "third"))
    # Events may arrive a moment out of order.
    for posted in (first, third, second):
        line.put(posted)
    line.put(Posted("other", 2))
    assert await turns.all(4) == ["other", "first", "second", "third"]
    assert [*line] == []


async def test_what_was_taken_out_gets_no_turn() -> None:
    turns = Turns(later={"stopped": [math.inf]})
    line = Line(Limits(), turns, 8)
    under_way, waiting = Posted("under way", 1), Posted("waiting", 1)
    for posted in (under_way, waiting, Posted("last", 1), Posted("stopped", 2)):
        line.put(posted)
    line.remove(under_way.id)
    line.remove(waiting.id)
    assert await turns.all(1) == ["last"]
    await asyncio.sleep(0.01)
    # This process never comes back to it.
    assert [one.name for one in line] == ["stopped"]
    await line.close()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"user_waiting": 2}, "You have 2 pictures waiting"),
        ({"server_waiting": 2}, "This server has 2 pictures waiting"),
        ({"waiting": 2}, "Too many pictures are waiting"),
    ],
)
async def test_a_line_has_an_end(limits: dict[str, int], said: str) -> None:
    turns = Turns()
    line = Line(Limits(**limits), turns, 1)
    for name in ("one", "two"):
        line.put(Posted(name, 1))
    with pytest.raises(Full, match=said):
        line.put(Posted("three", 1))
    await turns.all(2)
    line.put(Posted("three", 1))
    assert await turns.all(3) == ["one", "two", "three"]
