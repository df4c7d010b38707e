"""What every training loop shares: learning rate, averaged weights, resumable state."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from model.checkpoint import fill, load_checkpoint, save_checkpoint
from model.errors import BadOption
from training.processes import Processes

# The cosine ends here, as a share of the top rate.
FLOOR = 0.02
# The rate has risen after so much of a run at the latest.
_WARMUP_SHARE = 0.05
# char-rnn's: full rate in so many epochs, then so much of it from each epoch to the next.
_FULL_EPOCHS, _DECAY = 10, 0.97
# Options that may change when a run goes on: its length, and what is kept of it.
_MAY_CHANGE = ("epochs", "minutes", "patience", "keep")


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


def _same_options(path: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    for name, value in old.items():
        if name not in _MAY_CHANGE and new.get(name) != value:
            raise BadOption(
                f"The run in {path.parent} was started with {name} = {value}, not {new.get(name)}: "
                "give the same options, or another folder."
            )


@torch.no_grad()
def _assign(model: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[name])


def check_finite(step: int, *losses: float) -> None:
    """End a run whose weights have grown beyond all numbers.

    Raises:
        BadOption: a loss is none any more.
    """
    if not all(map(math.isfinite, losses)):
        raise BadOption(
            f"At step {step} the loss is no number any more: begin again in another folder, "
            "with a lower --learning-rate or --clip."
        )


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
        before = signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted and self._alone:
            raise KeyboardInterrupt
        self.wanted = True


@dataclass
class RunState:
    """What a run needs to go on: weights, optimiser moments, averages, random states, progress.

    Attributes:
        path: a safetensors file.
        model: its weights.
        optimiser: its moments.
        ema: averaged weights.
        options: what may not change while a run goes on; a dataclass.
        data: fingerprint of what is learnt from; may not change either.
        processes: each has its own random and carried state.
    """

    path: Path
    model: nn.Module
    optimiser: torch.optim.Optimizer
    ema: Ema
    options: Any
    data: str
    processes: Processes

    def write(self, progress: dict[str, Any], carried: Sequence[Tensor] = ()) -> None:
        """Write everything, in the first process; all must call it.

        Args:
            progress: JSON-able.
            carried: recurrent state of this process, if it goes on from step to step.
        """
        tensors = {"random": self.processes.together(torch.get_rng_state())}
        if torch.cuda.is_available():
            tensors["random_cuda"] = self.processes.together(torch.cuda.get_rng_state())
        tensors |= {f"carried.{n}": self.processes.together(part) for n, part in enumerate(carried)}
        if not self.processes.first:
            return
        tensors |= {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"ema.{name}": tensor for name, tensor in self.ema.weights.items()}
        for number, slot in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{key}": torch.as_tensor(value) for key, value in slot.items()}
        header = {
            "progress": progress,
            "options": asdict(self.options),
            "data": self.data,
            "processes": self.processes.count,
        }
        save_checkpoint(self.path, "training", header, tensors)

    def read(self) -> tuple[dict[str, Any], tuple[Tensor, ...]] | None:
        """Restore what ``write`` wrote; return progress and carried state, or None where there is no file.

        Raises:
            BadCheckpoint: the state is damaged.
            BadOption: the run was started on other data, with other options (its length may
                change), or by another number of processes.
        """
        if not self.path.exists():
            return None
        state = load_checkpoint(self.path, "training")
        if "processes" not in state.header:
            raise BadOption(f"The run in {self.path.parent} is an earlier version's: name another folder.")
        started, count = state.header["processes"], self.processes.count
        _same_options(self.path, state.header["options"], asdict(self.options))
        if started != count:
            raise BadOption(
                f"The run in {self.path.parent} was started by {started} processes, not {count}: "
                "go on with as many, or name another folder."
            )
        if state.header["data"] != self.data:
            raise BadOption(f"The run in {self.path.parent} was started on other data: name another folder.")
        fill(self.model, state.part("model"), self.path)
        self.ema.weights = {
            name: t.to(self.ema.weights[name].device) for name, t in state.part("ema").items()
        }
        self._restore_optimiser(state.part("optimiser"))
        torch.set_rng_state(state.weights["random"][self.processes.rank])
        if torch.cuda.is_available() and "random_cuda" in state.weights:
            torch.cuda.set_rng_state(state.weights["random_cuda"][self.processes.rank])
        carried = (part[self.processes.rank] for _, part in sorted(state.part("carried").items()))
        return state.header["progress"], tuple(part.to(self.processes.device) for part in carried)

    def _restore_optimiser(self, moments: dict[str, Tensor]) -> None:
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in moments.items():
            number, _, key = name.partition(".")
            slots.setdefault(int(number), {})[key] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
