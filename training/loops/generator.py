"""Training the character network."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.checkpoint import fill, save_checkpoint
from model.conditioning import STYLES
from model.decoding import MAX_LINE
from model.errors import BadInput
from model.generator import Conditions, Generator, load_generator
from model.keywords import sung
from model.lexicon import Lexicon
from model.plan import planned_words, whole_line
from model.precision import native_bfloat16
from model.ranking import Weights
from model.text import fold
from model.vocabulary import CharVocabulary
from training.corpora.corpus import pieces, read_songs, split
from training.corpora.flickr8k import read_split_captions
from training.corpora.songbook import Verse, read_songbook, split_songbook
from training.corpora.songs import collate_pieces, plan_songs, whole
from training.corpora.stanzas import IGNORE, encode, plan
from training.evaluation.losses import nats_per_character, song_nats, songbook_nats
from training.loops.curves import Panel
from training.loops.options import GeneratorOptions
from training.loops.run import Measured, TrainingRun
from training.loops.schedule import cosine, decay, optimiser
from training.processes import Processes

_PANELS = (Panel("nats a character", ("train", "dev")),)
# A rarer keyword is known to the generator by its letters alone.
_COMMON = 20
# The same of a planned word.
_COMMON_FORM = 3
# So many of the most frequent words make a stanza plain.
_PLAIN_WORDS = 2000


class Group(NamedTuple):
    """What one step reads, before it is made into tensors."""

    # Stanzas, or a row's piece of a song each.
    examples: Sequence[Any]
    # Of what is asked for.
    seed: int


class GeneratorTrainer:
    """The network, what it reads, and how well it knows what is held back.

    Args:
        corpus: file of songs.
        lexicon: word table.
        folder: of the run.
        options: what decides the result.
        processes: this one among those that train the network together.
        songbook: file of stanzas, read beside the songs.
        captions: Flickr8k's, read beside them, too; only together with ``train_list``.
        train_list: the pictures whose captions are read.

    Raises:
        BadInput: a file cannot be read, or no song of the corpus is held back.
    """

    def __init__(
        self,
        corpus: Path,
        lexicon: Lexicon,
        folder: Path,
        options: GeneratorOptions,
        processes: Processes | None = None,
        songbook: Path | None = None,
        captions: Path | None = None,
        train_list: Path | None = None,
    ) -> None:
        self.options, self.lexicon = options, lexicon
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
        self.songs_hash = _fingerprint([corpus])
        self.common = common_words(lexicon)
        torch.manual_seed(options.seed)
        self.architecture = _architecture(options)
        self.forms = common_forms(self.verses) if self.architecture["plan"] else []
        self.lemmas = [] if options.plain else common_lemmas(lexicon)
        self.model = Generator(
            len(self.vocabulary), self.lemmas, **self.architecture, forms=self.forms, dropout=options.dropout
        ).to(self.device)
        self.run = TrainingRun(
            folder=folder,
            kind="generator",
            title="generator",
            network=self.model,
            optimiser=optimiser(
                options.optimiser, self.model.parameters(), options.learning_rate, options.weight_decay
            ),
            options=options,
            data=_fingerprint([corpus, *(file for file in (songbook, captions, train_list) if file)]),
            processes=self.processes,
            panels=_PANELS,
            digits=4,
            lower=True,
            every=options.validate_every,
        )

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
        self.run.averages.begin(self.model)

    def resume(self) -> bool:
        """Continue from the run's folder, if it holds a state; see ``TrainingRun.resume``."""
        return self.run.resume()

    def train(self, max_steps: int | None = None) -> float:
        """Train to the end, or so many steps; return the best dev nats a character.

        See ``TrainingRun.train``.
        """
        return self.run.train(self, max_steps)

    def batches(self, epoch: int) -> list[Group]:
        """This process's share of one pass, as many steps as every other's.

        Raises:
            BadInput: there is not one.
        """
        rank, count = self.processes.rank, self.processes.count
        seed = self.options.seed * 1000 + epoch
        groups = self._groups(seed)
        if not groups:
            raise BadInput(
                "The songs are too few, or too unlike those of the lexicon, for a single step: "
                "lower --batch, or build a lexicon from them."
            )
        return [
            Group(examples, (seed * count + rank) * 100_000 + position)
            for position, examples in enumerate(groups)
        ]

    def _groups(self, seed: int) -> list[Any]:
        rank, count, rows = self.processes.rank, self.processes.count, self.options.batch
        if self._whole:
            table = plan_songs(self.songs, self.common, rows * count, self.options.sequence, seed)
            return [step[rank::count] for step in table]
        groups = plan(self.songs, self.common, rows, seed, self.verses, self.options.songs, self.captions)
        return groups[rank : len(groups) - len(groups) % count : count]

    def loss(self, batch: Group) -> Tensor:
        """Mean nats a predicted symbol of a group, a number.

        Over whole songs the rows' states are carried on from the step before (``TrainingRun.carried``)
        but where a song begins.
        """
        inputs, targets, conditions, fresh = self._encode(batch)
        self.run.progress.characters += int((targets != IGNORE).sum())
        targets = targets.to(self.device)
        state = tuple(part * ~fresh.to(self.device)[:, None] for part in self.run.carried)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            logits, after = self.model(inputs.to(self.device), conditions.to(self.device), state or None)
        if self._whole:
            self.run.carried = tuple(part.detach().float() for part in after)
        total = nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum"
        )
        # At the end of a pass over songs, a process may have no row left that reads.
        return total / (targets != IGNORE).sum().clamp(min=1)

    def _encode(self, group: Group) -> tuple[Tensor, Tensor, Conditions, Tensor]:
        """Inputs and targets (batch, time), conditions, and which rows forget what they carry, (batch,)."""
        if self._whole:
            inputs, targets, fresh = collate_pieces(group.examples, self.options.sequence, self.vocabulary)
            return inputs, targets, Conditions.none(*inputs.shape), fresh
        encoded = encode(group.examples, self.lexicon, self.vocabulary, self.model, group.seed)
        return *encoded, torch.ones(len(group.examples), dtype=torch.bool)

    def rate(self) -> float:
        """The share of the highest learning rate, by the schedule."""
        step, warmup = self.run.progress.step, self.options.warmup
        if self.options.schedule == "decay":
            return decay(self.run.progress.epoch, step, warmup)
        return cosine(self.done(), step, warmup)

    def done(self) -> float:
        """The share of the minutes, or of the passes, that is over."""
        progress = self.run.progress
        if self.options.minutes:
            return progress.seconds / 60 / self.options.minutes
        return (progress.epoch + progress.batch / progress.batches) / self.options.epochs

    def measure(self, loss: float) -> Measured:
        """Dev nats a character."""
        if self.dev_verses:
            nats = self._measure_songbook()
        elif self._whole:
            nats = song_nats(self.model, self.dev, self.vocabulary)
        else:
            nats = nats_per_character(self.model, self.dev, self.vocabulary)
        progress = self.run.progress
        minutes = progress.seconds / 60
        line = (
            f"step {progress.step}  characters {progress.characters:,}  minutes {minutes:.1f}  "
            f"train {loss:.4f}  dev {nats:.4f}"
        )
        row = {
            "step": progress.step, "epoch": progress.epoch, "minutes": minutes,
            "characters": progress.characters, "rate": self.options.learning_rate * self.rate(),
            "train": loss, "dev": nats,
        }  # fmt: skip
        return Measured(nats, line, row, {"dev_sample_nats_per_char": nats})

    def _measure_songbook(self) -> float:
        """The mean of both voices, told nothing and told the plan: what is kept is the best at it."""
        told = songbook_nats(self.model, self.dev_verses, self.vocabulary, self.lexicon)
        figures = {**told, "songs": nats_per_character(self.model, self.dev, self.vocabulary)}
        tqdm.write("  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        return sum(told.values()) / len(told)

    def save(self, path: Path, measured: Measured) -> None:
        """Write the network with all that a reader of the file needs."""
        header = {
            "architecture": self.architecture,
            "lemmas": self.lemmas,
            "forms": self.forms,
            "alphabet": self.vocabulary.alphabet,
            "data": self.songs_hash,
            "training": {**asdict(self.run.progress), **asdict(self.options)},
            "metrics": measured.metrics,
            "ranking": asdict(Weights()),
        }
        save_checkpoint(path, "generator", header, self.model.state_dict(), half=True, int8=True)


def _fingerprint(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _architecture(options: GeneratorOptions) -> dict[str, Any]:
    names = ("embedding", "control", "hidden", "layers", "word", "cell", "plan")
    found = {name: getattr(options, name) for name in names}
    found["styles"] = len(STYLES)
    if options.plain:
        found.update(control=0, word=0, plan=0)
    return found


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
    counts = Counter(word for verse in verses for word in planned_words(tuple(map(whole_line, verse.lines))))
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
