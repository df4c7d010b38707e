"""Wishes that pull less hard: a model asked for keywords, tempered by itself asked for none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from model.decoding import Context, Floats, Ids, Stepper, log_probabilities
from model.steering import Steering

# How much of the log-probability comes from the model that is asked for keywords. With all of it
# a keyword bends the words around it.
PULL = 0.7

Pair = tuple[object, object]


class Guided:
    """A stepper whose every row has a shadow that is asked for no keywords.

    Their log-probabilities are mixed, ``PULL`` to ``1 - PULL``: classifier-free guidance (Ho and
    Salimans, 2022) with a weight below one.
    """

    def __init__(self, stepper: Stepper, pull: float = PULL) -> None:
        self.stepper, self.pull = stepper, pull
        self._rows = self._steerings = 0

    def start(self, steerings: Sequence[Steering]) -> list[object]:
        self._steerings = len(steerings)
        shadows = [replace(steering, keywords=(), forms=()) for steering in steerings]
        states = self.stepper.start([*steerings, *shadows])
        return list(zip(states[: len(steerings)], states[len(steerings) :], strict=True))

    def resume(self, states: Sequence[object]) -> None:
        pairs = cast("Sequence[Pair]", states)
        self._rows = len(pairs)
        self.stepper.resume([asked for asked, _ in pairs] + [free for _, free in pairs])

    def step(self, ids: Ids, context: Context) -> Floats:
        both = Context(
            np.concatenate([context.asked, context.asked + self._steerings]),
            np.concatenate([context.lines_left, context.lines_left]),
            np.concatenate([context.waiting, np.zeros_like(context.waiting)]),
            np.concatenate([context.written, context.written]),
        )
        asked, free = np.split(log_probabilities(self.stepper.step(np.concatenate([ids, ids]), both)), 2)
        mixed: Floats = self.pull * asked + (1 - self.pull) * free
        return mixed

    def keep(self, rows: Sequence[int]) -> None:
        self.stepper.keep(self._both(rows))
        self._rows = len(rows)

    def states(self, rows: Sequence[int]) -> list[object]:
        found = self.stepper.states(self._both(rows))
        return list(zip(found[: len(rows)], found[len(rows) :], strict=True))

    def _both(self, rows: Sequence[int]) -> list[int]:
        return [*rows, *(self._rows + row for row in rows)]
