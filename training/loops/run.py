"""One training run of any network: it steps, measures, keeps the best, stops, and goes on where it stopped.

A trainer knows its network and its data; a run knows time. ``Learner`` is all that the one has to be told
of the other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.errors import BadOption
from training.loops.averages import Ema
from training.loops.checkpoint_keeper import CheckpointKeeper
from training.loops.curves import Curves, Panel
from training.loops.interrupt import Interrupt
from training.loops.options import CaptionerOptions, GeneratorOptions
from training.loops.state import RunState
from training.processes import Processes

Batch = TypeVar("Batch")


class Measured(NamedTuple):
    """What held-back data say of a network.

    Attributes:
        score: what the best one is the best at.
        line: what to print.
        row: of the log.
        metrics: for the header of a checkpoint.
    """

    score: float
    line: str
    row: dict[str, Any]
    metrics: dict[str, Any]


class Learner(Protocol[Batch]):
    """What a run has to know of what it trains."""

    def batches(self, epoch: int) -> Sequence[Batch]:
        """This process's batches of one pass, from 0: at least one, and as many as every other's."""

    def loss(self, batch: Batch) -> Tensor:
        """The loss of a batch, a number, with its graph."""

    def rate(self) -> float:
        """The learning rate of the step to come, as a share of the highest."""

    def done(self) -> float:
        """The share of the schedule that is over, 1 at its end."""

    def measure(self, loss: float) -> Measured:
        """Measure the network on held-back data. ``loss`` is the mean one of the steps before, or NaN."""

    def save(self, path: Path, measured: Measured) -> None:
        """Write a checkpoint."""


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        best: score so far.
        step: optimiser steps that were taken.
        epoch: the pass under way, from 0.
        batch: batches that were read of it.
        batches: how many it has.
        seconds: of training; measuring does not count.
        characters: that were read, where they are counted.
        waited: measurements since the best one.
        kept: scores of the checkpoints that are kept under them.
    """

    best: float
    step: int = 0
    epoch: int = 0
    batch: int = 0
    batches: int = 1
    seconds: float = 0.0
    characters: int = 0
    waited: int = 0
    kept: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Progress:
        """As a state has it. Captioners of before noted the best epoch, and measured after each."""
        known = dict(found)
        if "best_epoch" in known:
            known["waited"] = known["epoch"] - known.pop("best_epoch")
        return cls(**known)


@dataclass
class TrainingRun:
    """The loop around a network, and everything of it that outlives the process.

    Attributes:
        folder: where it leaves its files.
        kind: of network, the name of its checkpoints: ``generator.safetensors``.
        title: of the progress bar.
        network: what is trained.
        optimiser: with the highest learning rate of each group.
        options: what may not change while it goes on, but for its length.
        data: fingerprint of what is learnt from.
        processes: this one among those that train the same network.
        panels: of the picture of its log.
        digits: of a score in a checkpoint's name.
        lower: whether lower scores are better.
        every: steps from one measurement to the next.
        measures_first: whether it measures before the first step, too.
        clock: gives the time in seconds.
        carried: recurrent state that goes on from step to step, (layers, batch, hidden) each.
    """

    folder: Path
    kind: str
    title: str
    network: nn.Module
    optimiser: torch.optim.Optimizer
    options: GeneratorOptions | CaptionerOptions
    data: str
    processes: Processes
    panels: Sequence[Panel]
    digits: int
    lower: bool
    every: int
    measures_first: bool = False
    clock: Callable[[], float] = time.perf_counter
    carried: tuple[Tensor, ...] = ()

    def __post_init__(self) -> None:
        self.progress = Progress(best=math.inf if self.lower else -math.inf)
        self.curves = Curves(self.folder, self.panels)
        self.keeper = CheckpointKeeper(
            self.folder / f"{self.kind}.safetensors", self.options.keep, self.digits, self.lower
        )
        self.averages = Ema(self.network, self.options.ema)
        self._state = RunState(
            self.folder / "state.safetensors",
            self.network,
            self.optimiser,
            self.averages,
            self.options,
            self.data,
            self.processes,
        )
        self._rates = [float(group["lr"]) for group in self.optimiser.param_groups]
        self._interrupt = Interrupt(self.processes)
        self._stopped = False
        # Every process begins with the same weights and goes on with draws of its own.
        if not self.processes.first:
            torch.manual_seed(self.options.seed * 1000 + self.processes.rank)

    def resume(self) -> bool:
        """Go on from the folder's state; False where there is none.

        Raises:
            BadCheckpoint: the state is damaged.
            BadOption: it is of other data, other options or another number of processes.
        """
        found = self._state.read()
        if found is None:
            return False
        progress, self.carried = found
        self.progress = Progress.of(progress)
        return True

    def train(self, learner: Learner[Batch], max_steps: int | None = None) -> float:
        """Learn to the end of the schedule or of the patience; return the best score.

        Args:
            learner: who trains the network.
            max_steps: stop after so many steps of this call at the latest. The state is written,
                and the run goes on when it is trained again.

        Raises:
            BadOption: the loss is no number any more.
            KeyboardInterrupt: after Ctrl-C, once the state is written.
        """
        with self._interrupt.watched():
            for _ in islice(self.steps(learner), max_steps):
                if self._stopped:
                    break
            if not self._over(learner):
                self._write_state()
            self.curves.finish()
            if self._stopped:
                raise KeyboardInterrupt
        return self.progress.best

    def steps(self, learner: Learner[Batch]) -> Iterator[int]:
        """Learn to the end, and pause after every step but the last one: its number.

        Raises:
            BadOption: the loss is no number any more.
        """
        if self._over(learner):
            return
        if self.processes.first:
            self.curves.begin(self.progress.step)
        if self.measures_first and self.progress.step == 0:
            self._validate(learner, math.nan)
        losses: list[float] = []
        batches = self._batches(learner)
        self.network.train()
        with self._bar() as bar:
            while True:
                losses.append(self._step(learner, batches))
                bar.total = max(self.progress.step, round(self.progress.step / learner.done()))
                bar.update()
                bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
                if self.progress.step % self.every == 0 or self._over(learner):
                    mean = sum(losses) / len(losses)
                    check_finite(self.progress.step, mean)
                    self._validate(learner, mean)
                    losses = []
                if self._over(learner):
                    return
                yield self.progress.step

    def _over(self, learner: Learner[Batch]) -> bool:
        impatient = 0 < self.options.patience <= self.progress.waited
        return impatient or learner.done() >= 1

    def _bar(self) -> Any:
        return tqdm(
            desc=self.title, unit="step", initial=self.progress.step, mininterval=5,
            disable=not self.processes.first,
        )  # fmt: skip

    def _batches(self, learner: Learner[Batch]) -> Iterator[Batch]:
        """Pass after pass, from where the progress is."""
        while True:
            batches = learner.batches(self.progress.epoch)
            for position in range(self.progress.batch, len(batches)):
                self.progress.batch, self.progress.batches = position + 1, len(batches)
                yield batches[position]
            self.progress.epoch, self.progress.batch = self.progress.epoch + 1, 0

    def _step(self, learner: Learner[Batch], batches: Iterator[Batch]) -> float:
        """Learn from the next batch; return its loss."""
        started = self.clock()
        batch = next(batches)
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * learner.rate()
        loss = learner.loss(batch)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.processes.average_gradients(self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip or math.inf)
        self.optimiser.step()
        self.averages.update(self.network, self.progress.step)
        lost = float(loss.detach())
        # All processes go by the slowest one's clock, and stop where one is to.
        seconds, stop = self.processes.greatest(self.clock() - started, float(self._interrupt.wanted))
        self._stopped = bool(stop)
        self.progress.step += 1
        self.progress.seconds += seconds
        return lost

    def _validate(self, learner: Learner[Batch], loss: float) -> None:
        """The averaged weights are measured by the first process, and kept if they are among the best."""
        progress = self.progress
        with self.averages.swapped(self.network):
            measured = learner.measure(loss) if self.processes.first else None
            [score] = self.processes.greatest(measured.score if measured else -math.inf)
            check_finite(progress.step, score)
            best = score < progress.best if self.lower else score > progress.best
            progress.best = score if best else progress.best
            progress.waited = 0 if best else progress.waited + 1
            if measured:
                tqdm.write(measured.line)
                self.curves.add(measured.row)
                progress.kept = self.keeper.offer(
                    score, progress.kept, best, lambda path: learner.save(path, measured)
                )
        self._write_state()
        self.network.train()

    def _write_state(self) -> None:
        self._state.write(asdict(self.progress), self.carried)


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
