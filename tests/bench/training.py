"""How fast the generator's trainer learns beside a plain char-rnn, on one core. Run by hand:

    python -m tests.bench.training songs.jsonl.xz --minutes 10

The plain one is what a char-rnn is everywhere: an embedding, ``nn.LSTM`` of the same size, a
linear layer, float32, Adam at 2e-3, truncated backpropagation over one running text, the state
carried over. Ours has the options of the preset for ten minutes, but the shipped network's size,
once with all of the minutes and once with half of them. First both learn stanzas, then whole
songs as one text, ours without wishes. The learners take turns and their minutes are of CPU time,
so that what else the machine does counts little; measuring does not count. Nats are on the same
held-back characters; the plain one carries its state through them, too.
"""

from __future__ import annotations

import argparse
import itertools
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.checkpoint import load_checkpoint
from model.files import CHECKPOINTS
from model.lexicon import Lexicon
from model.vocabulary import BOS, EOS, CharVocabulary
from training.corpora.corpus import pieces, read_songs, split
from training.corpora.songs import whole
from training.loops.generator import GeneratorTrainer
from training.loops.presets import generator_options

ROWS, TIME, RATE, CLIP = 64, 128, 2e-3, 5.0


class Learner(Protocol):
    minutes: float

    def step(self) -> tuple[float, int]:
        """Learn from a batch; return the CPU seconds that it took, and its characters."""

    def nats(self) -> float: ...


class Ours:
    """The trainer, a step at a time."""

    def __init__(self, trainer: GeneratorTrainer) -> None:
        self.trainer, self.minutes = trainer, trainer.options.minutes
        trainer.run.clock = time.process_time
        self.steps = trainer.run.steps(trainer)

    def step(self) -> tuple[float, int]:
        before = replace(self.trainer.run.progress)
        next(self.steps, None)
        after = self.trainer.run.progress
        return after.seconds - before.seconds, after.characters - before.characters

    def nats(self) -> float:
        with self.trainer.run.averages.swapped(self.trainer.model):
            return self.trainer.measure(math.nan).score


class Plain(nn.Module):
    """A char-rnn."""

    def __init__(
        self, train: Sequence[str], dev: Sequence[str], hidden: int, layers: int, minutes: float
    ) -> None:
        super().__init__()
        self.vocabulary, self.minutes = CharVocabulary(), minutes
        symbols = len(self.vocabulary)
        self.embedding = nn.Embedding(symbols, 64)
        self.lstm = nn.LSTM(64, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, symbols)
        self.optimiser = torch.optim.Adam(self.parameters(), RATE)
        stream = self._stream(train)
        rows = stream[: len(stream) // ROWS * ROWS].view(ROWS, -1)
        self.windows = self._windows(rows)
        self.dev, self.counted = self._stream(dev), sum(len(text) + 1 for text in dev)
        self.state: Any = None

    def _stream(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor(
            list(itertools.chain.from_iterable((BOS, *self.vocabulary.encode(text), EOS) for text in texts))
        )

    def _windows(self, rows: Tensor) -> Iterator[Tensor]:
        while True:
            self.state = None
            for start in range(0, rows.shape[1] - TIME, TIME):
                yield rows[:, start : start + TIME + 1]

    def _loss(self, window: Tensor, reduction: str = "mean") -> Tensor:
        hidden, state = self.lstm(self.embedding(window[:, :-1]), self.state)
        self.state = tuple(part.detach() for part in state)
        # That a text begins after another's end is nothing to learn.
        return nn.functional.cross_entropy(
            self.output(hidden).flatten(0, 1), window[:, 1:].flatten(), ignore_index=BOS, reduction=reduction
        )

    def step(self) -> tuple[float, int]:
        started = time.process_time()
        window = next(self.windows)
        loss = self._loss(window)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), CLIP)
        self.optimiser.step()
        return time.process_time() - started, int((window[:, 1:] != BOS).sum())

    @torch.inference_mode()
    def nats(self) -> float:
        kept, self.state = self.state, None
        parts = self.dev[None].split(1000, 1)
        windows = [torch.cat([part, after[:, :1]], 1) for part, after in itertools.pairwise(parts)] + [
            parts[-1]
        ]
        total = sum(float(self._loss(window, "sum")) for window in windows if window.shape[1] > 1)
        self.state = kept
        return total / self.counted


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--text", choices=["stanzas", "songs"], help="Only this one.")
    asked = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        for regime in [asked.text] if asked.text else ["stanzas", "songs"]:
            _compare(asked.corpus, regime, asked.minutes, Path(folder) / regime)


def _compare(corpus: Path, regime: str, minutes: float, folder: Path) -> None:
    trainers = {share: _trainer(corpus, regime, share * minutes, folder / f"{share}") for share in (1.0, 0.5)}
    songs = split(read_songs(corpus))["train"]
    train = [whole(song) for song in songs] if regime == "songs" else pieces(songs)
    first = trainers[1.0]
    learners: dict[str, Learner] = {
        "plain char-rnn": Plain(train, first.dev, first.options.hidden, first.options.layers, minutes),
        "our trainer": Ours(first),
        "our trainer, half the time": Ours(trainers[0.5]),
    }
    seconds, characters = _take_turns(learners, regime)
    plain = characters["plain char-rnn"] / seconds["plain char-rnn"]
    print(f"{regime:<28}{'CPU minutes':>12}{'characters':>12}{'a second':>18}{'dev nats':>10}")
    for name, learner in learners.items():
        rate = characters[name] / seconds[name]
        speed = f"{rate:,.0f} ({rate / plain:.2f}x)"
        print(f"{name:<28}{seconds[name] / 60:>12.2f}{characters[name]:>12,}{speed:>18}", end="", flush=True)
        print(f"{learner.nats():>10.4f}", flush=True)


def _trainer(corpus: Path, regime: str, minutes: float, run: Path) -> GeneratorTrainer:
    shipped = load_checkpoint(CHECKPOINTS / "generator.safetensors", "generator").header["architecture"]
    given = {"minutes": minutes, "regime": regime, "plain": regime == "songs", "validate_characters": 50_000}
    given |= {name: shipped[name] for name in ("embedding", "control", "word", "hidden", "layers")}
    # It is measured here, in the end.
    options = generator_options("cpu-10min", {**given, "validate_every": 10**9})
    return GeneratorTrainer(corpus, Lexicon.load(CHECKPOINTS / "lexicon.json.xz"), run, options)


def _take_turns(learners: dict[str, Learner], title: str) -> tuple[dict[str, float], dict[str, int]]:
    """CPU seconds and characters of each; whoever is furthest behind learns next."""
    seconds, characters = dict.fromkeys(learners, 0.0), dict.fromkeys(learners, 0)
    with tqdm(total=round(60 * sum(one.minutes for one in learners.values())), desc=title, unit="s") as bar:
        while True:
            name = min(learners, key=lambda name: seconds[name] / learners[name].minutes)
            if seconds[name] >= 60 * learners[name].minutes:
                return seconds, characters
            spent, read = learners[name].step()
            seconds[name] += spent
            characters[name] += read
            bar.update(round(sum(seconds.values())) - bar.n)


if __name__ == "__main__":
    main()
