"""Micro-batching: what waits in line leaves in small batches, first come, first served."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar


class Item(Protocol):
    """What can be batched; two items are the same only where they are one object.

    Attributes:
        alone: it must not share a batch.
    """

    alone: bool


ItemT = TypeVar("ItemT", bound=Item)


class Batcher(Generic[ItemT]):
    """A line that several workers take batches from.

    Args:
        max_wait: seconds that a worker waits for company for a first item.
    """

    def __init__(self, max_wait: float) -> None:
        self._max_wait = max_wait
        # Ordered for the line, a mapping so that whoever gives up leaves it at once.
        self._line: OrderedDict[ItemT, None] = OrderedDict()
        self._changed = asyncio.Event()
        self._idle = 0

    def __len__(self) -> int:
        return len(self._line)

    def put(self, item: ItemT) -> None:
        self._line[item] = None
        self._changed.set()

    def put_first(self, items: Iterable[ItemT]) -> None:
        """Put items before all others, in their order."""
        for item in reversed(list(items)):
            self._line[item] = None
            self._line.move_to_end(item, last=False)
        self._changed.set()

    def discard(self, item: ItemT) -> None:
        self._line.pop(item, None)

    async def take(self, most: int, patience: float) -> list[ItemT]:
        """Wait for the next batch; called only by a worker that has nothing to do.

        Where another worker is idle too, or the batch is full, there is no waiting for
        company: what comes next has somebody. What waits is spread over idle workers.

        Args:
            most: the largest batch.
            patience: seconds to wait for a first item.

        Returns:
            items in line order; none where ``patience`` ended or another worker was quicker.
        """
        self._idle += 1
        try:
            if not await self._waited(1, patience):
                return []
            if self._idle == 1 and not next(iter(self._line)).alone:
                await self._waited(most, self._max_wait)
            return self._leave(most)
        finally:
            self._idle -= 1

    async def _waited(self, length: int, seconds: float) -> bool:
        """Wait until the line has a length, at most so long; whether it has."""
        try:
            async with asyncio.timeout(seconds):
                while len(self._line) < length:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        return len(self._line) >= length

    def _leave(self, most: int) -> list[ItemT]:
        share = -(-len(self._line) // self._idle)
        batch: list[ItemT] = []
        for item in self._line:
            if len(batch) == min(most, share) or (batch and item.alone):
                break
            batch.append(item)
            if item.alone:
                break
        for item in batch:
            del self._line[item]
        return batch
