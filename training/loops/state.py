"""The file that a run goes on from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.checkpoint import fill, load_checkpoint, save_checkpoint
from model.errors import BadOption
from training.loops.averages import Ema
from training.processes import Processes

# Options that may change when a run goes on: its length, and what is kept of it.
_MAY_CHANGE = ("epochs", "minutes", "patience", "keep")


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


def _same_options(path: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    for name, value in old.items():
        if name not in _MAY_CHANGE and new.get(name) != value:
            raise BadOption(
                f"The run in {path.parent} was started with {name} = {value}, not {new.get(name)}: "
                "give the same options, or another folder."
            )
