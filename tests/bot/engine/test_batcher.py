"""The batcher in virtual time: a loop whose clock jumps to whatever is due next."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.batcher import Batcher

MAX_WAIT = 0.01


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        due = [timer.when() for timer in self._scheduled if not timer.cancelled()]
        if due and not self._ready:
            self._now = max(self._now, min(due))
        super()._run_once()


class Thing:
    def __init__(self, number: int, alone: bool = False) -> None:
        self.number, self.alone = number, alone


def virtually(scene: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene)


Batches = list[tuple[float, list[Thing]]]


async def worker(batcher: Batcher[Thing], most: int, seconds: float, taken: Batches) -> None:
    loop = asyncio.get_running_loop()
    while True:
        if batch := await batcher.take(most, 100.0):
            taken.append((loop.time(), batch))
            await asyncio.sleep(seconds)


def numbers(batches: Batches) -> list[list[int]]:
    return [[thing.number for thing in batch] for _, batch in batches]


arrivals = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 0.001, 0.02, 0.5]), st.booleans(), st.booleans()), max_size=40
)


@settings(deadline=None, max_examples=60)
@given(arrivals, st.integers(1, 8), st.integers(1, 3), st.sampled_from([0.0, 0.005, 0.1]))
def test_nothing_is_lost_doubled_or_overtaken(
    things: list[tuple[float, bool, bool]], most: int, workers: int, seconds: float
) -> None:
    async def scene() -> None:
        batcher: Batcher[Thing] = Batcher(MAX_WAIT)
        taken: Batches = []
        tasks = [asyncio.create_task(worker(batcher, most, seconds, taken)) for _ in range(workers)]
        put, discarded = [], set()
        for number, (pause, alone, leaves) in enumerate(things):
            await asyncio.sleep(pause)
            put.append(Thing(number, alone))
            batcher.put(put[-1])
            if leaves:
                batcher.discard(put[-1])
                discarded.add(number)
        await asyncio.sleep(10)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        order = [number for batch in numbers(taken) for number in batch]
        assert order == [thing.number for thing in put if thing.number not in discarded]
        for _, batch in taken:
            assert 1 <= len(batch) <= most
            assert len(batch) == 1 or not any(thing.alone for thing in batch)
        assert len(batcher) == 0

    virtually(scene())


def test_the_last_idle_worker_waits_for_company_but_not_for_long() -> None:
    async def scene() -> Batches:
        batcher: Batcher[Thing] = Batcher(MAX_WAIT)
        taken: Batches = []
        task = asyncio.create_task(worker(batcher, 8, 1.0, taken))
        batcher.put(Thing(0))
        await asyncio.sleep(MAX_WAIT / 2)
        batcher.put(Thing(1))
        await asyncio.sleep(MAX_WAIT)
        batcher.put(Thing(2))
        await asyncio.sleep(5)
        task.cancel()
        return taken

    taken = virtually(scene())
    assert numbers(taken) == [[0, 1], [2]]
    assert taken[0][0] == MAX_WAIT


def test_a_full_batch_leaves_at_once() -> None:
    async def scene() -> Batches:
        batcher: Batcher[Thing] = Batcher(MAX_WAIT)
        taken: Batches = []
        task = asyncio.create_task(worker(batcher, 3, 1.0, taken))
        for number in range(3):
            batcher.put(Thing(number))
        await asyncio.sleep(1)
        task.cancel()
        return taken

    assert [(when, len(batch)) for when, batch in virtually(scene())] == [(0.0, 3)]


def test_with_another_worker_idle_nobody_waits_and_the_line_is_shared() -> None:
    async def scene() -> Batches:
        batcher: Batcher[Thing] = Batcher(MAX_WAIT)
        taken: Batches = []
        tasks = [asyncio.create_task(worker(batcher, 8, 1.0, taken)) for _ in range(2)]
        await asyncio.sleep(0)
        for number in range(4):
            batcher.put(Thing(number))
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        return taken

    taken = virtually(scene())
    assert taken[0][0] == 0.0
    assert numbers(taken) == [[0, 1], [2, 3]]


def test_what_is_put_first_is_taken_first() -> None:
    async def scene() -> Batches:
        batcher: Batcher[Thing] = Batcher(MAX_WAIT)
        taken: Batches = []
        batcher.put(Thing(3))
        batcher.put_first([Thing(1), Thing(2)])
        task = asyncio.create_task(worker(batcher, 8, 1.0, taken))
        await asyncio.sleep(1)
        task.cancel()
        return taken

    assert numbers(virtually(scene())) == [[1, 2, 3]]


def test_patience_ends() -> None:
    async def scene() -> tuple[list[Thing], float]:
        batcher: Batcher[Thing] = Batcher(MAX_WAIT)
        return await batcher.take(8, 2.5), asyncio.get_running_loop().time()

    assert virtually(scene()) == ([], 2.5)


def test_a_worker_that_is_cancelled_takes_nothing_along() -> None:
    async def scene() -> int:
        batcher: Batcher[Thing] = Batcher(MAX_WAIT)
        taking = asyncio.create_task(batcher.take(8, 1.0))
        await asyncio.sleep(0)
        batcher.put(Thing(0))
        await asyncio.sleep(MAX_WAIT / 2)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        return len(await batcher.take(8, 1.0))

    assert virtually(scene()) == 1
