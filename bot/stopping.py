"""SIGTERM and SIGINT, from the first lines of the program to its last."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from typing import NoReturn

# What hangs after a signal is given up then.
STOP_SECONDS = 19.0

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# A process that gets SIGKILL is gone within milliseconds; longer means a stuck kernel.
_KILL_SECONDS = 1.0


def end_quietly() -> None:
    """Have a signal end the process with 0: nothing has begun that would have to be finished."""
    for number in _SIGNALS:
        signal.signal(number, lambda *_: os._exit(0))


def end_hard() -> None:
    """Have a signal end the process at once: everything is closed, or should be."""
    for number in _SIGNALS:
        signal.signal(number, lambda *_: end_at_once())


def stop_signals() -> asyncio.Event:
    """Set by the first signal; the second, or too long a time, ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def signalled() -> None:
        if stop.is_set():
            end_at_once()
        stop.set()
        loop.call_later(STOP_SECONDS, end_at_once)

    for number in _SIGNALS:
        try:
            loop.add_signal_handler(number, signalled)
        except NotImplementedError:  # Windows.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(signalled))
    return stop


def end_at_once() -> NoReturn:
    """End the process with 1, its workers before it: alone they would live on for a moment."""
    children = multiprocessing.active_children()
    for child in children:
        child.kill()
    for child in children:
        child.join(_KILL_SECONDS)
    os._exit(1)
