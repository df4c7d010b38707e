"""Training the character LSTM."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.checkpoint import fill, load_checkpoint, save_checkpoint
from model.errors import BadCheckpoint, BadInput
from model.generator import Conditions, Generator, conditions_of
from model.keywords import sung
from model.lexicon import Lexicon
from model.steering import Steering
from model.vocabulary import CharVocabulary
from training.corpus import pieces, read_songs, split
from training.options import GeneratorOptions
from training.schedule import Ema, Interrupt, best_device, cosine, mixed_precision, read_state, write_state
from training.stanzas import IGNORE, collate, encode, plan

# Stanzas a batch when measuring.
_BATCH = 64
# A rarer keyword is known to the generator by its letters alone.
_COMMON = 20
# So many of the most frequent words make a stanza plain.
_PLAIN_WORDS = 2000


class GeneratorTrainer:
    """Owns the network, the optimiser and their resumable state."""

    def __init__(self, corpus: Path, lexicon: Lexicon, run: Path, options: GeneratorOptions) -> None:
        self.options, self.run, self.lexicon = options, run, lexicon
        self.device = best_device()
        self.mixed = mixed_precision(self.device)
        self.vocabulary = CharVocabulary()
        parts = split(read_songs(corpus))
        self.songs = parts["train"]
        self.dev = _sample(pieces(parts["dev"]), options.validate_characters)
        if not self.songs or not self.dev:
            raise BadInput(f"{corpus} is too small: no song of it falls into the dev split.")
        self.data_hash = hashlib.sha256(corpus.read_bytes()).hexdigest()[:16]
        torch.manual_seed(options.seed)
        self.architecture = {
            name: getattr(options, name) for name in ("embedding", "control", "hidden", "layers", "word")
        }
        self.lemmas = common_lemmas(lexicon)
        self.common = common_words(lexicon)
        self.model = Generator(
            len(self.vocabulary), self.lemmas, **self.architecture, dropout=options.dropout
        ).to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(),
            lr=options.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=options.weight_decay,
        )
        self.ema = Ema(self.model, options.ema)
        self.progress: dict[str, Any] = {
            "step": 0, "epoch": 0, "batch": 0, "batches": 1,
            "seconds": 0.0, "characters": 0, "best": math.inf,
        }  # fmt: skip

    def start_from(self, path: Path) -> None:
        """Begin with a checkpoint's weights instead of random ones.

        Raises:
            BadCheckpoint: it is damaged, or of another architecture or lexicon.
        """
        checkpoint = load_checkpoint(path, "generator")
        if checkpoint.header.get("lemmas") != self.lemmas:
            raise BadCheckpoint(f"{path} was trained with another lexicon: give that one to --lexicon.")
        fill(self.model, checkpoint.weights, path)
        self.ema = Ema(self.model, self.options.ema)

    def resume(self) -> bool:
        """Continue from the run's folder, if it holds a state."""
        path = self.run / "state.safetensors"
        state = read_state(path, self.model, self.optimiser, self.ema, self.options, self.data_hash)
        if state is None:
            return False
        self.progress = state
        return True

    def train(self) -> float:
        """Run to the end of the schedule; return the best dev nats a character.

        Raises:
            KeyboardInterrupt: after Ctrl-C, once the state is written.
        """
        interrupt = Interrupt()
        with interrupt.watched():
            if self._done() < 1:
                self._loop(interrupt)
        return float(self.progress["best"])

    def _loop(self, interrupt: Interrupt) -> None:
        bar = tqdm(desc="generator", unit="step", initial=self.progress["step"], mininterval=5)
        self.model.train()
        loss_mean = math.nan
        for inputs, targets, conditions in self._batches():
            started = time.perf_counter()
            loss = self._step(inputs, targets, conditions)
            self._account(time.perf_counter() - started, int((targets != IGNORE).sum()))
            loss_mean = loss if math.isnan(loss_mean) else 0.98 * loss_mean + 0.02 * loss
            done = self._done()
            bar.update()
            bar.set_postfix(loss=f"{loss_mean:.3f}", done=f"{done:.1%}", refresh=False)
            if self.progress["step"] % self.options.validate_every == 0 or done >= 1:
                self._validate(loss_mean)
            if done >= 1:
                return
            if interrupt.wanted:
                self._write_state()
                raise KeyboardInterrupt

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Conditions]]:
        while True:
            seed = self.options.seed * 1000 + self.progress["epoch"]
            groups = plan(self.songs, self.common, self.options.batch, seed)
            for position in range(self.progress["batch"], len(groups)):
                number = seed * 100_000 + position
                batch = encode(groups[position], self.lexicon, self.vocabulary, self.model, number)
                self.progress.update(batch=position + 1, batches=len(groups))
                yield batch
            self.progress.update(epoch=self.progress["epoch"] + 1, batch=0)

    def _step(self, inputs: Tensor, targets: Tensor, conditions: Conditions) -> float:
        inputs, targets = inputs.to(self.device), targets.to(self.device)
        rate = self.options.learning_rate * cosine(self._done(), self.progress["step"], self.options.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            logits, _ = self.model(inputs, conditions.to(self.device))
        loss = nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE
        )
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        self.optimiser.step()
        self.ema.update(self.model, self.progress["step"])
        return float(loss.detach())

    def _account(self, seconds: float, characters: int) -> None:
        self.progress["step"] += 1
        self.progress["seconds"] += seconds
        self.progress["characters"] += characters

    def _done(self) -> float:
        if self.options.minutes:
            return self.progress["seconds"] / 60 / self.options.minutes
        passed = self.progress["epoch"] + self.progress["batch"] / self.progress["batches"]
        return passed / self.options.epochs

    def _validate(self, loss: float) -> None:
        with self.ema.swapped(self.model):
            nats = nats_per_character(self.model, self.dev, self.vocabulary)
            tqdm.write(
                f"step {self.progress['step']}  characters {self.progress['characters']:,}  "
                f"minutes {self.progress['seconds'] / 60:.1f}  train {loss:.4f}  dev {nats:.4f}"
            )
            if nats < self.progress["best"]:
                self.progress["best"] = nats
                self._save_best(nats)
        self._write_state()
        self.model.train()

    def _write_state(self) -> None:
        path = self.run / "state.safetensors"
        write_state(path, self.model, self.optimiser, self.ema, self.progress, self.options, self.data_hash)

    def _save_best(self, nats: float) -> None:
        header = {
            "architecture": self.architecture,
            "lemmas": self.lemmas,
            "alphabet": self.vocabulary.alphabet,
            "data": self.data_hash,
            "training": {**self.progress, **asdict(self.options)},
            "metrics": {"dev_sample_nats_per_char": nats},
        }
        save_checkpoint(
            self.run / "generator.safetensors", "generator", header, self.model.state_dict(), half=True
        )


def nats_per_character(model: Generator, texts: list[str], vocabulary: CharVocabulary) -> float:
    """Mean negative log-likelihood a predicted symbol over the texts; see ``stanza_nats``."""
    return sum(stanza_nats(model, texts, vocabulary)) / sum(len(text) + 1 for text in texts)


@torch.inference_mode()
def stanza_nats(
    model: Generator, texts: list[str], vocabulary: CharVocabulary, progress: bool = False
) -> list[float]:
    """Negative log-likelihood of each text in nats, conditioned on nothing.

    It is over the characters of the stanza, line ends and the end token included:
    ``len(text) + 1`` symbols.
    """
    model.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    nats = [0.0] * len(texts)
    for start in tqdm(range(0, len(order), _BATCH), desc="nats", disable=not progress):
        numbers = order[start : start + _BATCH]
        batch = [texts[number] for number in numbers]
        inputs, targets = collate(batch, vocabulary)
        conditions = conditions_of(model, [(Steering(), text) for text in batch])
        logits, _ = model(inputs.to(device), conditions.to(device))
        losses = nn.functional.cross_entropy(
            logits.float().transpose(1, 2), targets.to(device), ignore_index=IGNORE, reduction="none"
        )
        for number, loss in zip(numbers, losses.double().sum(1).tolist(), strict=True):
            nats[number] = loss
    return nats


def common_lemmas(lexicon: Lexicon) -> list[str]:
    """Lemmas that are sung often enough to have a vector of their own."""
    return sorted(lemma for lemma in lexicon.inflections if sung(lemma, lexicon) >= _COMMON)


def common_words(lexicon: Lexicon) -> frozenset[str]:
    """The words that are sung most."""
    return frozenset(sorted(lexicon.entries, key=lambda word: (-lexicon.count(word), word))[:_PLAIN_WORDS])


def _sample(texts: list[str], characters: int) -> list[str]:
    """Evenly spread texts of about so many characters in all."""
    total = sum(map(len, texts))
    step = max(1, total // max(characters, 1))
    return texts[::step]
