"""Weights averaged over the steps of a run: they are what is measured and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of a module's floating-point weights."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.begin(model)

    def begin(self, model: nn.Module) -> None:
        """Forget everything but the current weights."""
        self.weights = {name: p.detach().clone().float() for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the current weights; the average follows faster in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in model.named_parameters():
            self.weights[name].lerp_(parameter.detach().float(), 1 - decay)

    @contextmanager
    def swapped(self, model: nn.Module) -> Iterator[None]:
        """Put the averaged weights into the model for as long as the block lasts."""
        kept = {name: p.detach().clone() for name, p in model.named_parameters()}
        _assign(model, self.weights)
        try:
            yield
        finally:
            _assign(model, kept)


@torch.no_grad()
def _assign(model: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[name])
