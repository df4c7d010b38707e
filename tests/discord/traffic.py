"""What went over the wires, kept for assertions and for the conformance check."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Enough for a burst of pictures; a test that needs more is a bench.
MOST_KEPT = 100_000


def matches(pattern: str, path: str) -> bool:
    """``*`` stands for one step of a path, ``**`` for any number of them."""
    steps = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]+")
    return re.fullmatch(steps, path) is not None


@dataclass
class Exchange:
    """One request and its answer.

    Attributes:
        path: decoded, without ``/api/v10``.
        body: JSON as parsed; of a multipart request, its ``payload_json``.
        files: file name -> bytes, of a multipart request.
        status: 0 while it is handled, 499 where it was cut off without an answer.
        injected: a fault answered, or kept the answer back.
        started, ended: seconds of ``time.monotonic``.
    """

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    started: float
    body: Any = None
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    status: int = 0
    answer: Any = None
    injected: bool = False
    ended: float = 0.0


@dataclass(frozen=True)
class Frame:
    """One gateway payload."""

    from_bot: bool
    shard: int | None
    payload: dict[str, Any]


class Traffic:
    """Both records, in the order things happened; and the loopback's own mistakes."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.frames: list[Frame] = []
        self.mistakes: list[Exception] = []

    def add(self, item: Exchange | Frame) -> None:
        kept: list[Any] = self.exchanges if isinstance(item, Exchange) else self.frames
        if len(kept) >= MOST_KEPT:
            raise OverflowError(f"more than {MOST_KEPT} recorded; what loops?")
        kept.append(item)

    def requests(self, method: str = "*", pattern: str = "**") -> list[Exchange]:
        """Requests so far, oldest first, by method and path (see ``matches``)."""
        return [
            exchange
            for exchange in self.exchanges
            if method in ("*", exchange.method) and matches(pattern, exchange.path)
        ]

    def sent_by_bot(self, op: int) -> list[dict[str, Any]]:
        """Gateway payloads of one opcode that the bot sent."""
        return [frame.payload for frame in self.frames if frame.from_bot and frame.payload["op"] == op]

    def dispatched(self, event: str) -> list[dict[str, Any]]:
        """Data of the gateway events of one name that went out to the bot, replays included."""
        return [
            frame.payload["d"]
            for frame in self.frames
            if not frame.from_bot and frame.payload.get("t") == event
        ]


# Short beside anything that is waited for, long beside a turn of the loop.
_GLANCE_SECONDS = 0.005
# Longer than anything takes on a busy machine; only a test that fails waits so long.
PATIENCE = 20.0


async def wait_until(condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
    """What a condition gives once it gives something true.

    Raises:
        TimeoutError: it did not, in so many seconds.
    """
    async with asyncio.timeout(timeout):
        while not (found := condition()):
            await asyncio.sleep(_GLANCE_SECONDS)
    return found
