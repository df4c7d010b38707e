"""Refusals that are none for whoever can wait."""

from __future__ import annotations

import math

from bot.engine.requests import Busy, Stopping
from bot.ui.refusals import CoolingDown

# A shorter wait for a place in the queue would only ask it too often.
_LEAST_SECONDS = 1.0


def again_in(error: BaseException) -> float | None:
    """Seconds after which what was refused is worth another try; None where it is not.

    Infinite where the program stops: it is for the process after this one.
    """
    if isinstance(error, CoolingDown):
        return error.seconds
    if isinstance(error, Busy):
        return max(_LEAST_SECONDS, error.wait)
    return math.inf if isinstance(error, Stopping) else None
