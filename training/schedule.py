"""What every training loop shares: learning rate, averaged weights, resumable state."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from model.checkpoint import fill, load_checkpoint, save_checkpoint
from model.errors import BadOption

# The cosine ends here, as a share of the top rate.
FLOOR = 0.02


def cosine(done: float, step: int, warmup: int) -> float:
    """Linear warm-up over ``warmup`` steps times a cosine from 1 to ``FLOOR`` at ``done`` = 1."""
    rise = min(1.0, (step + 1) / max(1, warmup))
    return rise * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def best_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device) -> bool:
    """Whether bfloat16 pays: on GPUs, and on CPUs that have instructions for it."""
    if device.type == "cuda":
        return True
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(supported())


class Ema:
    """Exponential moving average of a module's floating-point weights."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
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


def _same_options(path: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    for name, value in old.items():
        if name not in ("epochs", "minutes", "patience") and new.get(name) != value:
            raise BadOption(
                f"The run in {path.parent} was started with {name} = {value}, not {new.get(name)}: "
                "give the same options, or another folder."
            )


@torch.no_grad()
def _assign(model: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[name])


class Interrupt:
    """Ctrl-C as a wish: the step under way is finished and the state written. A second one is an order."""

    def __init__(self) -> None:
        self.wanted = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True


def write_state(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    ema: Ema,
    progress: dict[str, Any],
    options: Any,
    data: str,
) -> None:
    """Weights, optimiser moments, averages, random state and progress in one safetensors file."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"ema.{name}": tensor for name, tensor in ema.weights.items()}
    for number, slot in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{key}": torch.as_tensor(value) for key, value in slot.items()}
    tensors["random"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random_cuda"] = torch.cuda.get_rng_state()
    header = {"progress": progress, "options": asdict(options), "data": data}
    save_checkpoint(path, "training", header, tensors)


def read_state(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    ema: Ema,
    options: Any,
    data: str,
) -> dict[str, Any] | None:
    """Restore what ``write_state`` wrote; return the progress, or None where there is no file.

    Raises:
        BadCheckpoint: the state is damaged.
        BadOption: the run was started on other data or with other options (its length may
            change).
    """
    if not path.exists():
        return None
    state = load_checkpoint(path, "training")
    _same_options(path, state.header["options"], asdict(options))
    if state.header["data"] != data:
        raise BadOption(f"The run in {path.parent} was started on other data: name another folder.")
    fill(model, state.part("model"), path)
    ema.weights = {name: t.to(ema.weights[name].device) for name, t in state.part("ema").items()}
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.part("optimiser").items():
        number, _, key = name.partition(".")
        slots.setdefault(int(number), {})[key] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": slots, "param_groups": groups})
    torch.set_rng_state(state.weights["random"])
    if torch.cuda.is_available() and "random_cuda" in state.weights:
        torch.cuda.set_rng_state(state.weights["random_cuda"])
    progress: dict[str, Any] = state.header["progress"]
    return progress
