"""How far messages have been looked at, and which pictures still wait: for the process after this one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol

from bot.store import Store

_KEY = "progress"
# Messages of different channels may come out of order: by a second, as ids count it.
_OVERLAP = 1000 << 22


class _Message(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def channel(self) -> _Channel: ...


class _Channel(Protocol):
    @property
    def id(self) -> int: ...


class Progress:
    """One note in the database: per shard a message's id, and the pictures that wait, with their channels.

    A shard's mark stands still from the moment when its connection began anew until what it missed
    has been caught up.

    Args:
        store: keeps the note.
        start: the mark of a database without a note: nothing before it is caught up.
    """

    def __init__(self, store: Store, start: int) -> None:
        self._store, self._oldest = store, start
        self._marks: dict[int, int] = {}
        self._newest: dict[int, int] = {}
        self._current: set[int] = set()
        self._waiting: dict[int, int] = {}
        self._saved = ""

    async def load(self) -> None:
        """Read what the process before this one noted.

        Raises:
            StoreError: the database failed.
        """
        self._saved = await self._store.get(_KEY) or "{}"
        found = json.loads(self._saved)
        self._marks = {int(shard): mark for shard, mark in found.get("seen", {}).items()}
        self._waiting = {int(message): channel for message, channel in found.get("waiting", {}).items()}
        # Shards may have been numbered anew.
        self._oldest = min(self._marks.values(), default=self._oldest)

    async def save(self) -> None:
        """Note how far it is now.

        Raises:
            StoreError: the database failed.
        """
        note = json.dumps({"seen": self._marks, "waiting": self._waiting})
        if note != self._saved:
            await self._store.put(_KEY, note)
            self._saved = note

    def saw(self, shard: int, message: int) -> None:
        """A message has been looked at."""
        self._newest[shard] = max(message, self._newest.get(shard, 0))
        if shard in self._current:
            self._marks[shard] = max(self._newest[shard] - _OVERLAP, self._marks.get(shard, 0))

    def began_anew(self, shard: int) -> None:
        """A shard has a new connection: what came before it may be missed."""
        self._marks[shard] = self.since(shard)
        self._current.discard(shard)

    def caught_up(self, shard: int) -> None:
        """Nothing of a shard's is missed any more."""
        self._current.add(shard)
        self.saw(shard, self._marks.get(shard, 0))

    def since(self, shard: int) -> int:
        """The id up to which every message of a shard has been looked at."""
        return self._marks.get(shard, self._oldest)

    def waiting(self) -> dict[int, set[int]]:
        """The pictures that wait, by channel; those of the process before are among them."""
        found: dict[int, set[int]] = {}
        for message, channel in self._waiting.items():
            found.setdefault(channel, set()).add(message)
        return found

    def wait(self, message: _Message) -> None:
        """A picture waits for its answer."""
        self._waiting[message.id] = message.channel.id

    def done(self, messages: Iterable[int]) -> None:
        """Messages wait no longer."""
        for message in messages:
            self._waiting.pop(message, None)
