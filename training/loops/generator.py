"""Training the character network."""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.checkpoint import fill, save_checkpoint
from model.conditioning import STYLES, Conditioning
from model.decoding import MAX_LINE
from model.errors import BadInput
from model.generator import Conditions, Generator, State, conditions_of, load_generator
from model.keywords import sung
from model.lexicon import Lexicon
from model.plan import plan_of, planned_words
from model.precision import native_bfloat16
from model.ranking import Weights
from model.text import fold
from model.vocabulary import CharVocabulary
from training.corpora.corpus import pieces, read_songs, split
from training.corpora.flickr8k import read_split_captions
from training.corpora.songbook import Verse, read_songbook, split_songbook
from training.corpora.songs import collate_pieces, plan_songs, timetable, whole
from training.corpora.stanzas import IGNORE, collate, encode, line_syllables, plan
from training.loops.checkpoint_keeper import CheckpointKeeper
from training.loops.curves import Curves, Panel
from training.loops.options import GeneratorOptions
from training.loops.schedule import Ema, Interrupt, RunState, check_finite, cosine, decay, optimiser
from training.processes import Processes

# Stanzas a batch when measuring; songs, and characters of each at a time.
_BATCH = 64
_PIECE = 256
_PANELS = (Panel("nats a character", ("train", "dev")),)
# A rarer keyword is known to the generator by its letters alone.
_COMMON = 20
# The same of a planned word.
_COMMON_FORM = 3
# So many of the most frequent words make a stanza plain.
_PLAIN_WORDS = 2000


class Batch(NamedTuple):
    """What one step reads."""

    inputs: Tensor  # (batch, time) ids
    targets: Tensor  # (batch, time) ids, or IGNORE
    conditions: Conditions
    fresh: Tensor  # (batch,) which rows forget the state carried over


class GeneratorTrainer:
    """Owns the network, the optimiser and their resumable state."""

    def __init__(
        self,
        corpus: Path,
        lexicon: Lexicon,
        run: Path,
        options: GeneratorOptions,
        processes: Processes | None = None,
        songbook: Path | None = None,
        captions: Path | None = None,
        train_list: Path | None = None,
    ) -> None:
        self.options, self.run, self.lexicon = options, run, lexicon
        self.processes = processes or Processes()
        self.device = self.processes.device
        self.mixed = native_bfloat16(self.device)
        self.vocabulary = CharVocabulary()
        parts = split(read_songs(corpus))
        self.songs = parts["train"]
        verses = split_songbook(read_songbook(songbook)) if songbook else {"train": [], "dev": []}
        self.verses, self.dev_verses = verses["train"], verses["dev"]
        self.captions = told_captions(captions, train_list) if captions and train_list else []
        held_back = [whole(song) for song in parts["dev"]] if self._whole else pieces(parts["dev"])
        self.dev = _sample([text for text in held_back if text], options.validate_characters)
        if not self.songs or not self.dev:
            raise BadInput(f"{corpus} is too small: no song of it falls into the dev split.")
        # The index of songs is told by theirs alone.
        self.songs_hash = hashlib.sha256(corpus.read_bytes()).hexdigest()[:16]
        files = [corpus, *(file for file in (songbook, captions, train_list) if file)]
        self.data_hash = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
        torch.manual_seed(options.seed)
        self.architecture: dict[str, Any] = {
            name: getattr(options, name)
            for name in ("embedding", "control", "hidden", "layers", "word", "cell", "plan")
        }
        self.architecture["styles"] = len(STYLES)
        if options.plain:
            self.architecture.update(control=0, word=0, plan=0)
        self.forms = common_forms(self.verses) if self.architecture["plan"] else []
        self.lemmas = [] if options.plain else common_lemmas(lexicon)
        self.common = common_words(lexicon)
        self.model = Generator(
            len(self.vocabulary), self.lemmas, **self.architecture, forms=self.forms, dropout=options.dropout
        ).to(self.device)
        self.optimiser = optimiser(
            options.optimiser, self.model.parameters(), options.learning_rate, options.weight_decay
        )
        self.ema = Ema(self.model, options.ema)
        self.state = RunState(
            run / "state.safetensors",
            self.model,
            self.optimiser,
            self.ema,
            options,
            self.data_hash,
            self.processes,
        )
        # Every process begins with the same weights and goes on with draws of its own.
        if not self.processes.first:
            torch.manual_seed(options.seed * 1000 + self.processes.rank)
        self.curves = Curves(run, _PANELS)
        self.shelf = CheckpointKeeper(run / "generator.safetensors", options.keep, digits=4, lower=True)
        self.carried: State = ()
        self.progress: dict[str, Any] = {
            "step": 0, "epoch": 0, "batch": 0, "batches": 1,
            "seconds": 0.0, "characters": 0, "best": math.inf, "waited": 0, "kept": [],
        }  # fmt: skip

    @property
    def _whole(self) -> bool:
        return self.options.regime == "songs"

    def start_from(self, path: Path) -> None:
        """Begin with a checkpoint's weights instead of random ones.

        Words and styles that it lacks get random vectors, and a network that was told of no plan
        begins by taking no notice of one.

        Raises:
            BadCheckpoint: it is damaged, or of another architecture.
        """
        fill(self.model, extended(self.model, load_generator(path)[0]), path)
        self.ema.begin(self.model)

    def resume(self) -> bool:
        """Continue from the run's folder, if it holds a state."""
        found = self.state.read()
        if found is None:
            return False
        progress, self.carried = found
        self.progress.update(progress)
        return True

    def train(self) -> float:
        """Run to the end of the schedule or of the patience; return the best dev nats a character.

        Raises:
            BadOption: the loss is no number any more.
            KeyboardInterrupt: after Ctrl-C, once the state is written.
        """
        interrupt = Interrupt(self.processes)
        with interrupt.watched():
            if not self._over():
                if self.processes.first:
                    self.curves.begin(self.progress["step"])
                self._loop(interrupt)
        return float(self.progress["best"])

    def _loop(self, interrupt: Interrupt) -> None:
        bar = tqdm(
            desc="generator", unit="step", initial=self.progress["step"], mininterval=5,
            disable=not self.processes.first,
        )  # fmt: skip
        self.model.train()
        losses: list[float] = []
        batches = self._batches()
        while True:
            started = time.perf_counter()
            batch = next(batches)
            losses.append(self._step(batch))
            seconds, stop = self.processes.greatest(time.perf_counter() - started, float(interrupt.wanted))
            self._account(seconds, int((batch.targets != IGNORE).sum()))
            bar.total = max(self.progress["step"], round(self.progress["step"] / self._done()))
            bar.update()
            bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
            if self.progress["step"] % self.options.validate_every == 0 or self._over():
                self._validate(sum(losses) / len(losses))
                losses = []
            if self._over():
                return
            if stop:
                self._write_state()
                raise KeyboardInterrupt

    def _batches(self) -> Iterator[Batch]:
        """Endless; with several processes each takes its share of every pass."""
        rank, count = self.processes.rank, self.processes.count
        while True:
            seed = self.options.seed * 1000 + self.progress["epoch"]
            groups = self._groups(seed)
            if not groups:
                raise BadInput(
                    "The songs are too few, or too unlike those of the lexicon, for a single step: "
                    "lower --batch, or build a lexicon from them."
                )
            for position in range(self.progress["batch"], len(groups)):
                batch = self._encode(groups[position], (seed * count + rank) * 100_000 + position)
                self.progress.update(batch=position + 1, batches=len(groups))
                yield batch
            self.progress.update(epoch=self.progress["epoch"] + 1, batch=0)

    def _groups(self, seed: int) -> list[Any]:
        """This process's share of one pass, as many steps as every other's."""
        rank, count, rows = self.processes.rank, self.processes.count, self.options.batch
        if self._whole:
            table = plan_songs(self.songs, self.common, rows * count, self.options.sequence, seed)
            return [step[rank::count] for step in table]
        groups = plan(self.songs, self.common, rows, seed, self.verses, self.options.songs, self.captions)
        return groups[rank : len(groups) - len(groups) % count : count]

    def _encode(self, group: Any, seed: int) -> Batch:
        if self._whole:
            inputs, targets, fresh = collate_pieces(group, self.options.sequence, self.vocabulary)
            return Batch(inputs, targets, Conditions.none(*inputs.shape), fresh)
        encoded = encode(group, self.lexicon, self.vocabulary, self.model, seed)
        return Batch(*encoded, fresh=torch.ones(len(group), dtype=torch.bool))

    def _step(self, batch: Batch) -> float:
        targets = batch.targets.to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.learning_rate * self._rate()
        state = tuple(part * ~batch.fresh.to(self.device)[:, None] for part in self.carried)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            logits, after = self.model(
                batch.inputs.to(self.device), batch.conditions.to(self.device), state or None
            )
        loss = nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum"
        )
        # At the end of a pass over songs, a process may have no row left that reads.
        loss = loss / (targets != IGNORE).sum().clamp(min=1)
        self.optimiser.zero_grad()
        loss.backward()
        self.processes.average_gradients(self.model.parameters())
        nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip or math.inf)
        self.optimiser.step()
        self.ema.update(self.model, self.progress["step"])
        if self._whole:
            self.carried = tuple(part.detach().float() for part in after)
        return float(loss.detach())

    def _rate(self) -> float:
        step, warmup = self.progress["step"], self.options.warmup
        if self.options.schedule == "decay":
            return decay(self.progress["epoch"], step, warmup)
        return cosine(self._done(), step, warmup)

    def _account(self, seconds: float, characters: int) -> None:
        self.progress["step"] += 1
        self.progress["seconds"] += seconds
        self.progress["characters"] += characters

    def _done(self) -> float:
        if self.options.minutes:
            return self.progress["seconds"] / 60 / self.options.minutes
        passed = self.progress["epoch"] + self.progress["batch"] / self.progress["batches"]
        return passed / self.options.epochs

    def _over(self) -> bool:
        impatient = 0 < self.options.patience <= self.progress["waited"]
        return impatient or self._done() >= 1

    def _measure(self) -> float:
        """Dev nats a character, the same in every process; the first one measures."""
        if not self.processes.first:
            nats = -math.inf
        elif self.dev_verses:
            nats = self._measure_songbook()
        elif self._whole:
            nats = song_nats(self.model, self.dev, self.vocabulary)
        else:
            nats = nats_per_character(self.model, self.dev, self.vocabulary)
        return self.processes.greatest(nats)[0]

    def _measure_songbook(self) -> float:
        """The mean of both voices, told nothing and told the plan: what is kept is the best at it."""
        self.figures = songbook_nats(self.model, self.dev_verses, self.vocabulary, self.lexicon)
        self.figures["songs"] = nats_per_character(self.model, self.dev, self.vocabulary)
        tqdm.write("  ".join(f"{name} {value:.4f}" for name, value in self.figures.items()))
        told = [value for name, value in self.figures.items() if name != "songs"]
        return sum(told) / len(told)

    def _validate(self, loss: float) -> None:
        with self.ema.swapped(self.model):
            nats = self._measure()
            check_finite(self.progress["step"], loss, nats)
            best = nats < self.progress["best"]
            self.progress.update(
                best=min(nats, self.progress["best"]), waited=0 if best else self.progress["waited"] + 1
            )
            if self.processes.first:
                self._tell(loss, nats)
                self.progress["kept"] = self.shelf.offer(
                    nats, self.progress["kept"], best, lambda path: self._save(path, nats)
                )
        self._write_state()
        self.model.train()

    def _tell(self, loss: float, nats: float) -> None:
        step, characters = self.progress["step"], self.progress["characters"]
        minutes = self.progress["seconds"] / 60
        tqdm.write(
            f"step {step}  characters {characters:,}  minutes {minutes:.1f}  train {loss:.4f}  dev {nats:.4f}"
        )
        self.curves.add(
            {
                "step": step, "epoch": self.progress["epoch"], "minutes": minutes,
                "characters": characters, "rate": self.options.learning_rate * self._rate(),
                "train": loss, "dev": nats,
            }
        )  # fmt: skip

    def _write_state(self) -> None:
        self.state.write(self.progress, self.carried)

    def _save(self, path: Path, nats: float) -> None:
        header = {
            "architecture": self.architecture,
            "lemmas": self.lemmas,
            "forms": self.forms,
            "alphabet": self.vocabulary.alphabet,
            "data": self.songs_hash,
            "training": {**self.progress, **asdict(self.options)},
            "metrics": {"dev_sample_nats_per_char": nats},
            "ranking": asdict(Weights()),
        }
        save_checkpoint(path, "generator", header, self.model.state_dict(), half=True, int8=True)


def nats_per_character(model: Generator, texts: list[str], vocabulary: CharVocabulary) -> float:
    """Mean negative log-likelihood a predicted symbol over the texts; see ``stanza_nats``."""
    return sum(stanza_nats(model, texts, vocabulary)) / sum(len(text) + 1 for text in texts)


def songbook_nats(
    model: Generator, verses: Sequence[Verse], vocabulary: CharVocabulary, lexicon: Lexicon
) -> dict[str, float]:
    """Nats a character of each voice's stanzas, told nothing and told the whole plan and form."""
    found = {}
    for voice in ("plain", "witty"):
        texts = [verse.text for verse in verses if verse.voice == voice]
        if not texts:
            continue
        asked = [told_plan(verse, lexicon) for verse in verses if verse.voice == voice]
        symbols = sum(len(text) + 1 for text in texts)
        found[voice] = sum(stanza_nats(model, texts, vocabulary)) / symbols
        if model.plan:
            found[f"{voice}_planned"] = sum(stanza_nats(model, texts, vocabulary, asked)) / symbols
    return found


def told_plan(verse: Verse, lexicon: Lexicon) -> Conditioning:
    """All that a planner says of a stanza: its plan, style, mood, lines and their syllables."""
    return replace(
        Conditioning.of((), lexicon, verse.style, verse.mood, len(verse.lines)),
        syllables=line_syllables(verse.lines, lexicon.sounds),
        plan=plan_of(verse.lines),
    )


@torch.inference_mode()
def stanza_nats(
    model: Generator,
    texts: list[str],
    vocabulary: CharVocabulary,
    asked: Sequence[Conditioning] = (),
) -> list[float]:
    """Negative log-likelihood of each text in nats, conditioned on nothing or on what each is asked to be.

    It is over the characters of the stanza, line ends and the end token included:
    ``len(text) + 1`` symbols.
    """
    model.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    nats = [0.0] * len(texts)
    for start in range(0, len(order), _BATCH):
        numbers = order[start : start + _BATCH]
        batch = [texts[number] for number in numbers]
        inputs, targets = collate(batch, vocabulary)
        wanted = [asked[number] if asked else Conditioning() for number in numbers]
        conditions = conditions_of(model, list(zip(wanted, batch, strict=True)))
        logits, _ = model(inputs.to(device), conditions.to(device))
        losses = nn.functional.cross_entropy(
            logits.float().transpose(1, 2), targets.to(device), ignore_index=IGNORE, reduction="none"
        )
        for number, loss in zip(numbers, losses.double().sum(1).tolist(), strict=True):
            nats[number] = loss
    return nats


@torch.inference_mode()
def song_nats(model: Generator, songs: list[str], vocabulary: CharVocabulary) -> float:
    """Mean negative log-likelihood a symbol of whole songs, the state carried from end to end.

    It is over every character, empty lines between stanzas and one end token a song included.
    """
    model.eval()
    device = next(model.parameters()).device
    state: State = ()
    nats = 0.0
    for step in timetable(songs, min(_BATCH, len(songs)), _PIECE):
        inputs, targets, fresh = collate_pieces(step, _PIECE, vocabulary)
        kept = tuple(part * ~fresh.to(device)[:, None] for part in state)
        conditions = Conditions.none(*inputs.shape).to(device)
        logits, state = model(inputs.to(device), conditions, kept or None)
        nats += float(
            nn.functional.cross_entropy(
                logits.flatten(0, 1).double(),
                targets.to(device).flatten(),
                ignore_index=IGNORE,
                reduction="sum",
            )
        )
    return nats / sum(len(song) + 1 for song in songs)


@torch.no_grad()
def extended(model: Generator, old: Generator) -> dict[str, Tensor]:
    """The weights of an earlier network in the shape of a new one that knows more.

    Rows of words go by the word, rows of styles by their order; what only the new one has stays as it
    begins, and the input weights of plans begin at 0.
    """
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = old.state_dict()
    rows = {"keyword.weight": (model.lemmas, old.lemmas), "form.weight": (model.forms, old.forms)}
    first = f"{model.cell}.weight_ih_l0"
    for name, tensor in before.items():
        if name in rows:
            new_ids, old_ids = rows[name]
            for word in new_ids.keys() & old_ids.keys():
                weights[name][new_ids[word]] = tensor[old_ids[word]]
        elif name == first and not old.plan:
            weights[name].zero_()[:, : tensor.shape[1]] = tensor
        elif name == "style.weight":
            weights[name][: len(tensor)] = tensor
        else:
            weights[name] = tensor
    return weights


def told_captions(captions: Path, train_list: Path) -> list[str]:
    """Captions of a split's pictures, folded, those that fit into a line.

    Raises:
        BadInput: see ``training.corpora.flickr8k``.
    """
    found = read_split_captions(captions, train_list).values()
    folded = [fold(caption).rstrip(" .") for some in found for caption in some]
    return [caption for caption in folded if 0 < len(caption) <= MAX_LINE]


def common_forms(verses: Sequence[Verse]) -> list[str]:
    """Words that plans name often enough to have a vector of their own."""
    counts = Counter(word for verse in verses for word in planned_words(plan_of(verse.lines)))
    return sorted(word for word, count in counts.items() if count >= _COMMON_FORM)


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
