"""Ctrl-C while a network is trained."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from training.processes import Processes


class Interrupt:
    """Ctrl-C as a wish: the step under way is finished and the state written. A second one is an order,
    but not under ``torchrun``, which sends each on: there it would come twice.
    """

    def __init__(self, processes: Processes) -> None:
        self.wanted, self._alone = False, processes.count == 1

    @contextmanager
    def watched(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self.wanted = False
        before = signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted and self._alone:
            raise KeyboardInterrupt
        self.wanted = True
