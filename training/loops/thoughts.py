"""Training the sentence encoder of ``model.thoughts``: a text is to be near its neighbours.

Not by writing the neighbours, as skip-thought vectors did (Kiros et al., NIPS 2015), but by telling
them from the other texts of a batch: "quick thoughts" (Logeswaran and Lee, ICLR 2018), with one
encoder for both sides, so that captions, keywords and stanzas lie in one space. Only texts of one
kind are told apart (see ``training.corpora.neighbours``), or a caption would be known from a line by its
manner.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from model.checkpoint import quantised, save_checkpoint, widened
from model.errors import BadOption
from model.text import fold, words
from model.thoughts import KIND, Numbering, Thoughts
from training.corpora.neighbours import Neighbours, Pair, Readings, Sources
from training.corpora.songbook import STYLES
from training.loops.averages import Ema
from training.loops.run import check_finite
from training.loops.schedule import cosine

Ints = npt.NDArray[np.int64]

# Held-back texts that the true neighbour is looked for among, itself included.
AMONG = 100
# Texts at most that a mean is taken of, and sets of ``AMONG`` that a figure is taken of.
_SAMPLE, _SETS = 5_000, 20
_EXAMPLES = 5
# Steps over which the rate rises.
_WARMUP = 100
# The means are no weights, and bytes would coarsen what is added to every caption.
_SPARED = ("means",)


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result, the files apart.

    Raises:
        BadOption: there is no time.

    Attributes:
        minutes: of training, over which the rate falls.
        steps: so many instead where they are not 0, which gives the same result on every machine.
        words: the commonest get vectors of their own, as many as this.
        buckets: vectors that all other words share.
        size: numbers a vector.
        hidden: units of the small network.
        batch: pairs of each kind a step.
        rate: highest learning rate.
        temperature: of the softmax over a batch's texts.
        unread: share of the words that are left out while training, others in every step.
        ema: decay of the averaged weights that are measured and kept.
        measured: times that it is measured, at even distances.
        seed: of weights, draws and words left out.
    """

    minutes: float = 8.0
    steps: int = 0
    words: int = 7_000
    buckets: int = 512
    size: int = 96
    hidden: int = 192
    batch: int = 256
    rate: float = 3e-3
    temperature: float = 0.07
    unread: float = 0.15
    ema: float = 0.998
    measured: int = 16
    seed: int = 1

    def __post_init__(self) -> None:
        if self.minutes <= 0:
            raise BadOption("--minutes must be above 0.")

    def done(self, step: int, spent: float) -> float:
        """The share of the training that is over after so many steps and seconds."""
        return step / self.steps if self.steps else spent / (60 * self.minutes)


class Encoder(nn.Module):
    """``Thoughts.encode`` for many texts at once."""

    def __init__(self, count: int, settings: Settings) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(count, settings.size))
        self.inner = nn.Parameter(torch.randn(settings.hidden, settings.size) / settings.size**0.5)
        self.bias = nn.Parameter(torch.zeros(settings.hidden))
        # The small network begins by adding nothing.
        self.outer = nn.Parameter(torch.zeros(settings.size, settings.hidden))

    def forward(self, rows: Tensor, starts: Tensor) -> Tensor:
        """Rows of all texts in one, and where each text begins -> vectors of length 1, (texts, size)."""
        mean = functional.embedding_bag(rows, self.table, starts, mode="mean")
        hidden = functional.relu(functional.linear(mean, self.inner, self.bias))
        return functional.normalize(mean + hidden @ self.outer.T, dim=1)


class Drawn:
    """Neighbours as numbers, from which batches are drawn."""

    def __init__(self, neighbours: Neighbours, numbering: Numbering) -> None:
        texts = list(dict.fromkeys(text for pair in neighbours.pairs for text in pair))
        number = {text: n for n, text in enumerate(texts)}
        self.pairs = np.array([[number[one], number[other]] for one, other in neighbours.pairs])
        self.rows = [np.array(numbering.rows(text), dtype=np.int64) for text in texts]
        self.rising = np.cumsum(neighbours.chances)

    def batch(self, count: int, unread: float, draw: np.random.Generator) -> list[tuple[Tensor, Tensor]]:
        """``count`` pairs as ``Encoder`` takes texts, the one side and the other."""
        chosen = self.pairs[np.searchsorted(self.rising[:-1], draw.random(count))]
        return [_read([self.rows[n] for n in side], unread, draw) for side in chosen.T]


def train(sources: Sources, output: Path, settings: Settings) -> list[str]:
    """Train an encoder and write it whenever it is better than before; Ctrl-C ends the training early.

    Returns:
        what to tell of the one that is kept: a line a figure (see ``ranks``), then for a few
        held-back captions the nearest line of the songbook.

    Raises:
        BadInput: a file cannot be read.
        BadOption: the loss is no number any more.
        KeyboardInterrupt: Ctrl-C before the first one was kept.
    """
    readings = sources.read()
    figures = Trainer(readings, sources.digest, output, settings).train()
    told = [f"{name}: first of {AMONG} in {share:.1%}" for name, share in figures.items()]
    return told + examples(Thoughts.load(output), readings)


class Trainer:
    """One run, and the best encoder that it has kept so far."""

    def __init__(self, readings: Readings, data: str, output: Path, settings: Settings) -> None:
        torch.manual_seed(settings.seed)
        self.readings, self.data, self.output, self.settings = readings, data, output, settings
        self.numbering = Numbering.of(_vocabulary(readings, settings.words), settings.buckets)
        self.drawn = {kind: Drawn(some, self.numbering) for kind, some in readings.train.items()}
        self.encoder = Encoder(len(self.numbering), settings)
        self.ema = Ema(self.encoder, settings.ema)
        self.figures: dict[str, float] = {}

    def train(self) -> dict[str, float]:
        """Train until the time is over or Ctrl-C; figures of what was kept.

        Raises:
            KeyboardInterrupt: nothing was kept yet.
        """
        try:
            for losses in self._rounds():
                self._offer(losses)
        except KeyboardInterrupt:
            if not self.figures:
                raise
            tqdm.write("stopped; the best so far is kept", file=sys.stderr)
        return self.figures

    def _rounds(self) -> Iterator[dict[str, float]]:
        """Train, and give the mean losses by kind whenever it is time to measure, and at the end."""
        settings, draw = self.settings, np.random.default_rng(self.settings.seed)
        optimiser = torch.optim.Adam(self.encoder.parameters(), settings.rate, betas=(0.9, 0.99))
        bar = tqdm(total=100, desc="thoughts", unit="%", mininterval=5)
        step, spent = 0, 0.0
        for until in np.linspace(0, 1, settings.measured + 1)[1:]:
            sums, first = Counter[str](), step
            while (done := settings.done(step, spent)) < until:
                began = time.monotonic()
                for group in optimiser.param_groups:
                    group["lr"] = settings.rate * cosine(done, step, _WARMUP)
                sums.update(self._step(optimiser, draw))
                step += 1
                self.ema.update(self.encoder, step)
                spent += time.monotonic() - began
                bar.update(int(100 * done) - bar.n)
            check_finite(step, *sums.values())
            # On a slow machine one step can take longer than it is from one measurement to the next.
            if step > first:
                yield {kind: total / (step - first) for kind, total in sums.items()}
        bar.update(100 - bar.n)
        bar.close()

    def _step(self, optimiser: torch.optim.Optimizer, draw: np.random.Generator) -> dict[str, float]:
        losses = {}
        for kind, drawn in self.drawn.items():
            one, other = drawn.batch(self.settings.batch, self.settings.unread, draw)
            losses[kind] = contrast(self.encoder(*one), self.encoder(*other), self.settings.temperature)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        return {kind: loss.item() for kind, loss in losses.items()}

    def _offer(self, losses: Mapping[str, float]) -> None:
        """Measure the averaged weights, and write them where they are the best."""
        with self.ema.swapped(self.encoder):
            weights = {name: tensor.detach().clone() for name, tensor in self.encoder.named_parameters()}
        thoughts = _as_read(weights, self.numbering)
        figures = {name: ranks(thoughts, pairs) for name, pairs in self.readings.dev.items()}
        found = {name: share for name, (share, _) in figures.items()}
        told = "  ".join(f"{name} {share:.1%}, {middle:g}" for name, (share, middle) in figures.items())
        lost = "  ".join(f"{kind} {loss:.3f}" for kind, loss in losses.items())
        tqdm.write(f"loss: {lost} | first of {AMONG}, middle rank: {told}", file=sys.stderr)
        if not self.figures or sum(found.values()) > sum(self.figures.values()):
            self._write(thoughts, weights, found)
            self.figures = found

    def _write(self, thoughts: Thoughts, weights: dict[str, Tensor], figures: dict[str, float]) -> None:
        means = {
            style: thoughts.encode(_sample(texts)).mean(axis=0)
            for style, texts in self.readings.manners.items()
        }
        header = {
            "words": list(self.numbering.known),
            "buckets": self.numbering.buckets,
            "means": list(means),
            "data": self.data,
            "first of 100": {name: round(share, 4) for name, share in figures.items()},
        }
        tensors = weights | {"means": torch.from_numpy(np.stack(list(means.values())))}
        save_checkpoint(self.output, KIND, header, tensors, int8=True, spared=_SPARED)


def contrast(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Loss of picking each text's neighbour among those of the batch, from either side, in nats."""
    scores = one @ other.T / temperature
    own = torch.arange(len(scores))
    return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2


def ranks(thoughts: Thoughts, pairs: Sequence[Pair]) -> tuple[float, float]:
    """How well texts find their neighbours among ``AMONG``, or among all where there are fewer.

    Returns:
        the share that finds it first, and the middle rank, from 1; of chance 0.01 and 50.5.
    """
    order = np.random.default_rng(0).permutation(len(pairs))[: AMONG * _SETS]
    sets = [order[n : n + AMONG] for n in range(0, max(1, len(order) - AMONG + 1), AMONG)]
    found = np.concatenate([_ranks(thoughts, [pairs[n] for n in chosen]) for chosen in sets])
    return float((found == 1).mean()), float(np.median(found))


def _ranks(thoughts: Thoughts, pairs: Sequence[Pair]) -> Ints:
    one, other = (thoughts.encode(side) for side in zip(*pairs, strict=True))
    scores = one @ other.T
    better: Ints = (scores > scores.diagonal()[:, None]).sum(1)
    return better + 1


def examples(thoughts: Thoughts, readings: Readings) -> list[str]:
    """A few held-back captions, shifted to each style of the songbook, with the line nearest to each."""
    lines = list(dict.fromkeys(readings.lines))
    encoded = thoughts.encode(lines)
    told = []
    for caption in readings.asked[:_EXAMPLES]:
        for style in (style for style in thoughts.styles if style in STYLES.values()):
            best = int((encoded @ thoughts.shifted(caption, style)).argmax())
            told.append(f"{caption} -> {style}: {lines[best]}")
    return told


def _as_read(weights: Mapping[str, Tensor], numbering: Numbering) -> Thoughts:
    """The encoder as it will be read from a file, its matrices in bytes, without means."""
    table, inner, outer = (widened(*quantised(weights[n].numpy())) for n in ("table", "inner", "outer"))
    return Thoughts(numbering, table, inner, weights["bias"].numpy(), outer, means={})


def _vocabulary(readings: Readings, count: int) -> list[str]:
    """The commonest words of what is learnt from, each kind counting alike."""
    counts: Counter[str] = Counter()
    for neighbours in readings.train.values():
        for (one, other), chance in zip(neighbours.pairs, neighbours.chances, strict=True):
            for word in words(fold(f"{one} {other}")):
                for part in word.split("-"):
                    counts[part] += chance
    return [word for word, _ in counts.most_common(count)]


def _read(texts: Sequence[Ints], unread: float, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Rows of the texts in one, a share of them left out, and where each text begins."""
    rows, begins = np.concatenate(texts), np.cumsum([0, *map(len, texts[:-1])])
    kept = draw.random(len(rows)) >= unread
    before: Ints = np.cumsum(kept) - kept
    return torch.from_numpy(rows[kept]), torch.from_numpy(np.append(before, kept.sum())[begins])


def _sample(texts: Sequence[str]) -> list[str]:
    chosen = np.random.default_rng(0).permutation(len(texts))[:_SAMPLE]
    return [texts[n] for n in chosen]
