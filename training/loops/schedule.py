"""How fast to learn: learning rates over a run, and optimisers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

# The cosine ends here, as a share of the top rate.
FLOOR = 0.02
# The rate has risen after so much of a run at the latest.
_WARMUP_SHARE = 0.05
# char-rnn's: full rate in so many epochs, then so much of it from each epoch to the next.
_FULL_EPOCHS, _DECAY = 10, 0.97


def decay(epoch: int, step: int, warmup: int) -> float:
    """Linear warm-up over ``warmup`` steps times char-rnn's decay from epoch to epoch (from 0)."""
    return _rise(step, warmup) * _DECAY ** max(0, epoch + 1 - _FULL_EPOCHS)


def cosine(done: float, step: int, warmup: int) -> float:
    """Linear warm-up times a cosine from 1 to ``FLOOR`` at ``done`` = 1.

    The warm-up takes ``warmup`` steps, but no more than a twentieth of the run: of a run of minutes
    a hundred steps would be half.
    """
    rise = max(_rise(step, warmup), min(1.0, done / _WARMUP_SHARE))
    return rise * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def _rise(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / max(1, warmup))


def optimiser(
    name: str, parameters: Iterable[Any], learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """One of ``training.loops.options.OPTIMISERS``; RMSProp forgets as char-rnn's does."""
    if name == "adagrad":
        return torch.optim.Adagrad(parameters, learning_rate, weight_decay=weight_decay)
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, learning_rate, alpha=0.95, weight_decay=weight_decay)
    return torch.optim.AdamW(parameters, learning_rate, betas=(0.9, 0.99), weight_decay=weight_decay)
