"""Writes that wait for a database that is away: in their order, bounded, none twice."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from bot.store.records import Output

# Some hundred songs with their ratings; a few megabytes.
MOST_WAITING = 2000

Job = Callable[[sqlite3.Connection], object]


class Backlog:
    """What is to be written once the database is back."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._outputs: dict[str, Output] = {}
        self._done = self._lost = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Keep a write; of those beyond the limit only the number is kept."""
        if len(self._jobs) < MOST_WAITING:
            self._jobs.append(job)
        else:
            self._lost += 1

    def add_output(self, output: Output) -> None:
        """Know a song whose write waits, so that its buttons work."""
        if len(self._jobs) < MOST_WAITING:
            self._outputs[output.id] = replace(output, server=None)

    def output(self, output_id: str) -> Output | None:
        """A song whose write waits."""
        return self._outputs.get(output_id)

    def forget_output(self, output_id: str) -> None:
        """Know a song no longer: it was deleted meanwhile."""
        self._outputs.pop(output_id, None)

    def write(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Do all of it in a transaction, but for what cannot be done any more; see ``written``.

        Returns:
            How many writes this were, and how many of them could not be done.
        """
        jobs, failed = [*self._jobs], 0
        for job in jobs:
            connection.execute("SAVEPOINT waiting")
            try:
                job(connection)
            except sqlite3.IntegrityError:
                # The song that it is about is in no database any more, or it is there already.
                connection.execute("ROLLBACK TO waiting")
                failed += 1
            connection.execute("RELEASE waiting")
        return len(jobs), failed

    def written(self, number: int, failed: int) -> None:
        """Drop what is in the database now; as ``write`` says."""
        for _ in range(number):
            self._jobs.popleft()
        self._done, self._lost = self._done + number - failed, self._lost + failed
        if not self._jobs:
            self._outputs.clear()

    def settle(self) -> tuple[int, int]:
        """How many writes were made up for, and how many are lost, since this was asked last."""
        counts = self._done, self._lost
        self._done = self._lost = 0
        return counts
