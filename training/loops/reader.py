"""Training the reader: a person's stanza about these words, or something made worse?

Binary classification of people's stanzas, whole and their first lines, against corruptions of them
and, where they are given, against the generator's own: noise-contrastive estimation of a residual
energy where the noise is the generator's (Deng et al., "Residual Energy-Based Models for Text
Generation", ICLR 2020). Both sides have the same weight, so that 0 is even odds. Meanwhile the
network learns to spot which words were changed, and which words people put where (ELECTRA and
Electric; Clark et al., ICLR and EMNLP 2020): a verdict is one bit, a text has thirty words.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from model.checkpoint import save_checkpoint
from model.errors import BadInput
from model.lexicon import Lexicon
from model.reader import KIND, LINE_END, MAX_KEYWORDS, MAX_WORDS, Reader, WordTable
from model.text import NEWLINE, fold_lines
from training.collecting.rows import read_rows
from training.corpora.corpus import cut, read_songs, split
from training.corpora.corruptions import About, Corruptor, about
from training.corpora.songbook import Verse, read_songbook, split_songbook
from training.loops.options import ReaderOptions
from training.loops.wordvectors import word_vectors

KINDS = ("subject", "line", "word", "grammar")
GENERATED = "generated"
HUMAN = "human"

# Of the songbook's stanzas by hash: the rest is the judge's.
_READERS_SHARE = 0.6
# A rarer word shares a row of the table.
_COMMON = 3
_MOST_WORDS = 6000
_BUCKETS = _ENDINGS = 512
# The words' own losses, beside that of the text: many more hints of what is wrong than one a text.
_SPOT_WEIGHT, _CLOZE_WEIGHT = 2.0, 0.3
# Others that a word is told from, drawn by their counts to this power.
_CLOZE_WORDS, _CLOZE_POWER = 512, 0.75
# Of the numbers of a word's vector at first: products of two are to be felt.
_SPREAD = 0.5
# Corruptions of a stanza, each time that it is read.
_NEGATIVES = 2
# Of the generated stanzas, by hash of their keywords.
_HELD_BACK = 0.1
# Of the negatives, where there are generated ones.
_GENERATED_SHARE = 0.4
# The judge's stanzas of songs, for one of the songbook.
_SONGS_SHARE = 0.5
# How often a stanza is read whole, a keyword is left out, and nothing is said of the subject.
_WHOLE, _UNSAID, _UNTOLD = 0.5, 0.3, 0.05
_WORD_DROPOUT = 0.05
# Examples that are sorted by length at once.
_POOL = 8192
_MEASURED = 600


class Example(NamedTuple):
    """What is read, and what it is.

    Attributes:
        one: the text and its keywords.
        kind: one of ``KINDS``, ``GENERATED`` or ``HUMAN``.
        origin: what a person wrote where ``one`` was made of that; its keywords do not matter.
    """

    one: About
    kind: str
    origin: About | None = None


class Batch(NamedTuple):
    """Examples of one length.

    Attributes:
        words: rows of the word table, (batch, words, 2).
        keywords: the same, (batch, keywords, 2).
        missing: where a text has no more keywords, (batch, keywords).
        human: 1 for what people wrote, else 0, (batch,).
        changed: 1 for words that were put in or stand behind what was taken out, 0 for those that a
            person wrote there, NaN where nobody knows, (batch, words).
    """

    words: Tensor
    keywords: Tensor
    missing: Tensor
    human: Tensor
    changed: Tensor


class Reading(NamedTuple):
    """What the network makes of a batch.

    Attributes:
        odds: log-odds that people wrote the texts, (batch,).
        spotted: log-odds that words were changed, (batch, words).
        predicted: the vectors that the words around ask for, (batch, words, size).
        fit: how far the words are what those around ask for, (batch, words).
    """

    odds: Tensor
    spotted: Tensor
    predicted: Tensor
    fit: Tensor


class Network(nn.Module):
    """The reader as ``model.reader`` runs it, for training.

    Args:
        rows: of the word table.
        embedding: size of a word's vector.
        hidden: units each way.
        features: units of the last layer but one.
        dropout: of words' vectors; twice as much before the last layers.
    """

    def __init__(self, rows: int, embedding: int, hidden: int, features: int, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(rows, embedding)
        nn.init.normal_(self.table.weight, std=_SPREAD)
        self.null = nn.Parameter(torch.randn(embedding) * _SPREAD)
        self.ask = nn.Linear(embedding, embedding, bias=False)
        self.gru = nn.GRU(2 * embedding, hidden, batch_first=True, bidirectional=True)
        self.value = nn.Linear(2 * hidden, embedding)
        self.query = nn.Linear(embedding, embedding, bias=False)
        self.predict = nn.Linear(2 * hidden, embedding)
        self.spot = nn.Linear(2 * hidden, 1)
        self.hidden = nn.Linear(4 * hidden + 2 * embedding + 6, features)
        self.out = nn.Linear(features, 1)
        self.dropout, self.late_dropout = nn.Dropout(dropout), nn.Dropout(min(0.9, 2 * dropout))

    def forward(self, batch: Batch) -> Reading:
        """Read texts of one length."""
        vectors = self.dropout(self.table(batch.words).sum(2))
        null = self.null.expand(len(vectors), 1, -1)
        keys = torch.cat([null, self.dropout(self.table(batch.keywords).sum(2))], 1)
        missing = functional.pad(batch.missing, (1, 0))
        scale = vectors.shape[-1] ** -0.5
        logits = vectors @ self.ask(keys).transpose(1, 2) * scale
        heard = logits.masked_fill(missing[:, None], -math.inf).softmax(-1) @ keys
        states = self.gru(torch.cat([vectors, vectors * heard], -1))[0]
        predicted = self.predict(_around(states)) * scale
        fit = (predicted * vectors).sum(-1)
        spotted = self.spot(states)[..., 0] - fit
        values = self.value(states)
        found = (self.query(keys) @ values.transpose(1, 2) * scale).softmax(-1) @ values * keys
        # How near the nearest word comes to each keyword.
        near = (keys @ vectors.transpose(1, 2) * scale).amax(-1, keepdim=True)
        found = torch.cat([found, near], -1)
        peak = found.masked_fill(missing[..., None], -math.inf).amax(1)
        present = (~missing[..., None]).float()
        mean = (found * present).sum(1) / present.sum(1)
        features = self.late_dropout(torch.cat([states.amax(1), states.mean(1), peak, mean], -1))
        words = torch.stack([fit.amin(1), fit.mean(1), spotted.amax(1), spotted.mean(1)], -1)
        hidden = self.hidden(torch.cat([features, words], -1)).relu()
        return Reading(self.out(self.late_dropout(hidden))[:, 0], spotted, predicted, fit)

    def cloze_loss(self, batch: Batch, reading: Reading, others: Tensor) -> Tensor:
        """How hard it is to tell people's words from others where they stand, in nats a word.

        Args:
            batch: what was read.
            reading: what came of it.
            others: rows of words drawn by how common they are, (others, 2).
        """
        human = batch.human > 0
        logits = reading.predicted[human] @ self.table(others).sum(1).T
        same = (batch.words[human][:, :, None] == others).all(-1)
        logits = torch.cat([reading.fit[human][..., None], logits.masked_fill(same, -math.inf)], -1)
        return -logits.log_softmax(-1)[..., 0].mean()


def _around(states: Tensor) -> Tensor:
    """States both ways (batch, words, 2 h) -> what was read up to each word, itself left out."""
    before, behind = states.chunk(2, -1)
    return torch.cat(
        [functional.pad(before[:, :-1], (0, 0, 1, 0)), functional.pad(behind[:, 1:], (0, 0, 0, 1))], -1
    )


class ReaderTrainer:
    """One training run.

    Args:
        songbook: stanzas of people with keywords.
        lexicon: for the corruptions.
        options: what decides the result.
        songs: a corpus whose stanzas are read beside them, as if nothing was told of their subject.
        negatives: files of the generator's stanzas.
        plans: read stanzas' plans instead of the stanzas, and negatives that are plans.

    Attributes:
        network: what is trained.
        words: its word table.
        held_back: examples of the parts "dev" and "test".

    Raises:
        BadInput: a file cannot be read or is malformed.
    """

    def __init__(
        self,
        songbook: Path,
        lexicon: Lexicon,
        options: ReaderOptions,
        songs: Path | None = None,
        negatives: Sequence[Path] = (),
        plans: bool = False,
    ) -> None:
        self.options = options
        self._draw = random.Random(options.seed)
        torch.manual_seed(options.seed)
        parts = split_songbook(read_songbook(songbook))
        if plans:
            parts = {name: [verse.planned for verse in verses] for name, verses in parts.items()}
        if not all(parts.values()):
            raise BadInput(f"{songbook} has too few stanzas for some to be held back.")
        own = [verse for verse in parts["train"] if (_lot(verse.id) < _READERS_SHARE) != options.judge]
        self._people = [_about(verse) for verse in own]
        self._songs = _song_stanzas(songs) if songs else []
        # Songs' words in the songbook's stanzas would be told by their age.
        self._corruptor = Corruptor(self._people, lexicon, self._draw)
        self._song_corruptor = Corruptor(self._songs, lexicon, self._draw)
        generated = [one for path in negatives for one in read_generated(path)]
        # Stanzas about the same stay together.
        held = [one for one in generated if _lot(" ".join(one.one.keywords)) < _HELD_BACK]
        self._generated = [one for one in generated if _lot(" ".join(one.one.keywords)) >= _HELD_BACK]
        self.held_back = {
            name: held_back([_about(verse) for verse in parts[name]], held, lexicon, options.seed)
            for name in ("dev", "test")
        }
        self.words = WordTable.of(_vocabulary(self._people, self._songs), _BUCKETS, _ENDINGS)
        self._data = [songbook, *([songs] if songs else []), *negatives]
        self.network = Network(
            len(self.words), options.embedding, options.hidden, options.features, options.dropout
        )

        self._begin_with_vectors()
        counts = Counter(word for one in self._people for word in _flat(one))
        self._rows = torch.tensor([self.words.rows(word) for word in counts])
        self._common = torch.tensor([float(count) for count in counts.values()]) ** _CLOZE_POWER

    def _begin_with_vectors(self) -> None:
        """The commoner words' rows begin with what company they keep."""
        known = self.words.known
        people = [*self._people, *self._songs]
        texts = [[known[word] for word in _flat(one) if word in known] for one in people]
        subjects = [[known[word] for word in one.keywords if word in known] for one in people]
        vectors = word_vectors(texts, subjects, len(known), self.options.embedding)
        with torch.no_grad():
            # Their endings' rows add little at first.
            self.network.table.weight *= 0.3
            self.network.table.weight[: len(known)] += vectors * _SPREAD * self.options.embedding**0.5

    def train(self, output: Path) -> dict[str, Any]:
        """Train to the end, to Ctrl-C or until nothing gets better; the best weights are written.

        Returns:
            figures of held-back stanzas, as ``measure`` gives them.
        """
        options = self.options
        optimiser = torch.optim.AdamW(self.network.parameters(), weight_decay=0.01)
        best, kept, stale = math.inf, deepcopy(self.network.state_dict()), 0
        total = max(options.validations, round(options.passes * self._batches_a_pass))
        checks = {total * (check + 1) // options.validations for check in range(options.validations)}
        batches = self._batches()
        with tqdm(total=total, unit="step", desc=KIND) as progress:
            try:
                for step in range(1, total + 1):
                    _set_rate(optimiser, options.learning_rate * _cosine(step / total))
                    loss = self._step(next(batches), optimiser)
                    progress.update()
                    if step not in checks:
                        continue
                    dev = self._loss(self.held_back["dev"])
                    tqdm.write(f"step {step}: train {loss:.3f}, dev {dev:.4f} nats")
                    if dev < best:
                        best, kept, stale = dev, deepcopy(self.network.state_dict()), 0
                        self._write(output, {"dev_nats": best})
                    else:
                        stale += 1
                    if stale == options.patience > 0:
                        break
            except KeyboardInterrupt:
                tqdm.write("Interrupted: the best weights so far are kept.")
        self.network.load_state_dict(kept)
        self._write(output, {"dev_nats": best})
        # Measured as it will be used: in bytes, and by the code that serves.
        figures = {"dev_nats": best, **measure(Reader.load(output).scores, self.held_back["test"])}
        self._write(output, figures)
        return figures

    @property
    def _batches_a_pass(self) -> float:
        songs = min(len(self._songs), int(_SONGS_SHARE * len(self._people)))
        return (len(self._people) + songs) * (1 + _NEGATIVES) / self.options.batch

    def _step(self, batch: Batch, optimiser: torch.optim.Optimizer) -> float:
        self.network.train()
        optimiser.zero_grad(set_to_none=True)
        reading = self.network(batch)
        loss = _balanced(reading.odds, batch.human)
        spot = _spot_loss(reading.spotted, batch.changed)
        others = self._rows[torch.multinomial(self._common, _CLOZE_WORDS)]
        cloze = self.network.cloze_loss(batch, reading, others) if batch.human.any() else 0.0
        (loss + _SPOT_WEIGHT * spot + _CLOZE_WEIGHT * cloze).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        optimiser.step()
        return float(loss.detach())

    @torch.inference_mode()
    def _loss(self, examples: Sequence[Example]) -> float:
        """Mean of people's and of the others' loss, in nats."""
        self.network.eval()
        sums: dict[bool, list[float]] = defaultdict(list)
        for batch in self.of_one_length(examples):
            losses = functional.binary_cross_entropy_with_logits(
                self.network(batch).odds, batch.human, reduction="none"
            )
            for human, value in zip(batch.human.tolist(), losses.tolist(), strict=True):
                sums[bool(human)].append(value)
        return sum(sum(values) / len(values) for values in sums.values()) / len(sums)

    def _batches(self) -> Iterator[Batch]:
        """Endless training batches."""
        examples = self._examples()
        while True:
            pool = [next(examples) for _ in range(_POOL)]
            batches = list(self.of_one_length(pool, training=True))
            self._draw.shuffle(batches)
            yield from batches

    def _examples(self) -> Iterator[Example]:
        while True:
            songs = self._draw.sample(
                self._songs, min(len(self._songs), int(_SONGS_SHARE * len(self._people)))
            )
            epoch = [*self._people, *songs]
            self._draw.shuffle(epoch)
            for one in epoch:
                count = self._length(one)
                human = _first(one, count)
                yield Example(self._retold(human), HUMAN, human)
                for _ in range(_NEGATIVES):
                    if found := self._negative(one, count):
                        yield found._replace(one=self._retold(found.one, found.kind == "subject"))

    def _negative(self, one: About, count: int) -> Example | None:
        if self._generated and self._draw.random() < _GENERATED_SHARE:
            other = self._draw.choice(self._generated)
            count = self._length(other.one)
            return Example(_first(other.one, count), GENERATED, other.origin and _first(other.origin, count))
        kind = self._draw.choice(KINDS)
        corruptor = self._corruptor if one.keywords else self._song_corruptor
        worse = corruptor.corrupt(kind, one, count)
        return Example(worse, kind, _first(one, count)) if worse else None

    def _length(self, one: About) -> int:
        lines = len(one.lines)
        return lines if self._draw.random() < _WHOLE else self._draw.randint(1, lines)

    def _retold(self, one: About, needed: bool = False) -> About:
        """Some of the keywords are left out, so that none alone is waited for."""
        if not one.keywords or (not needed and self._draw.random() < _UNTOLD):
            return About(one.voice, (), one.lines)
        kept = tuple(word for word in one.keywords if self._draw.random() >= _UNSAID)
        return About(one.voice, kept or (self._draw.choice(one.keywords),), one.lines)

    def of_one_length(self, examples: Sequence[Example], training: bool = False) -> Iterator[Batch]:
        """Batches of examples with the same number of words, so that none has to be padded."""
        by_length: dict[int, list[Example]] = defaultdict(list)
        for example in examples:
            by_length[min(MAX_WORDS, _size(example.one))].append(example)
        for alike in by_length.values():
            for start in range(0, len(alike), self.options.batch):
                yield self._collated(alike[start : start + self.options.batch], training)

    def _collated(self, examples: Sequence[Example], training: bool) -> Batch:
        texts = [_flat(example.one) for example in examples]
        if training:
            texts = [[self._dropped(word) for word in text] for text in texts]
        told = [sorted(set(example.one.keywords))[:MAX_KEYWORDS] for example in examples]
        width = max(1, *map(len, told))
        keywords = np.zeros((len(told), width, 2), np.int64)
        for row, listed in enumerate(told):
            if listed:
                keywords[row, : len(listed)] = [self.words.rows(word) for word in listed]
        missing = np.arange(width) >= np.array([[len(listed)] for listed in told])
        return Batch(
            torch.tensor([[self.words.rows(word) for word in text] for text in texts]),
            torch.from_numpy(keywords),
            torch.from_numpy(missing),
            torch.tensor([float(example.kind == HUMAN) for example in examples]),
            torch.tensor([_changes(example) for example in examples]),
        )

    def _dropped(self, word: str) -> str:
        """Now and then another spelling: known by its hash and its ending only."""
        if word != LINE_END and self._draw.random() < _WORD_DROPOUT:
            return f"{self._draw.randrange(_BUCKETS)} {word[-3:]}"
        return word

    def _write(self, output: Path, metrics: dict[str, Any]) -> None:
        header = {
            "words": " ".join(list(self.words.known)[1:]),
            "buckets": _BUCKETS,
            "endings": _ENDINGS,
            "judge": self.options.judge,
            "data": [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in self._data],
            "metrics": metrics,
        }
        save_checkpoint(output, KIND, header, self.network.state_dict(), half=True, int8=True)


def held_back(
    people: Sequence[About], generated: Sequence[Example], lexicon: Lexicon, seed: int
) -> list[Example]:
    """People's stanzas of a part that is not trained on, each followed by its corruptions.

    A third of them are first lines only. The same for the same seed.
    """
    draw = random.Random(seed)
    corruptor = Corruptor(people, lexicon, draw)
    examples = []
    for one in draw.sample(people, min(_MEASURED, len(people))):
        count = len(one.lines) if draw.random() < 2 / 3 else draw.randint(1, len(one.lines))
        examples.append(Example(_first(one, count), HUMAN))
        found = ((corruptor.corrupt(kind, one, count), kind) for kind in KINDS)
        examples += [Example(worse, kind) for worse, kind in found if worse]
    return [*examples, *generated[:_MEASURED]]


def measure(
    scores: Callable[[Sequence[Sequence[str]], Sequence[str]], list[float]], examples: Sequence[Example]
) -> dict[str, Any]:
    """How well a reader tells people's stanzas from others.

    Args:
        scores: the reader's.
        examples: as ``held_back`` gives them.

    Returns:
        of each kind: ``count``, ``rejected`` (share with a score below 0) and ``pairs`` (share
        below the stanza that it was made of; None for generated ones); of people's stanzas
        ``accepted`` and the mean score by voice.
    """
    found = scores([each.one.keywords for each in examples], [_text(each.one) for each in examples])
    rejected: dict[str, list[bool]] = defaultdict(list)
    pairs: dict[str, list[bool]] = defaultdict(list)
    voices: dict[str, list[float]] = defaultdict(list)
    person = math.inf
    for (one, kind, _), score in zip(examples, found, strict=True):
        if kind == HUMAN:
            person = score
            voices[one.voice].append(score)
        else:
            rejected[kind].append(score < 0)
            pairs[kind].append(score < person)
    people = [score for values in voices.values() for score in values]
    return {
        "human": {
            "count": len(people),
            "accepted": _mean([score > 0 for score in people]),
            **{f"mean_{voice}": _mean(values) for voice, values in voices.items()},
        },
        **{
            kind: {
                "count": len(values),
                "rejected": _mean(values),
                "pairs": None if kind == GENERATED else _mean(pairs[kind]),
            }
            for kind, values in rejected.items()
        },
    }


def read_generated(path: Path) -> list[Example]:
    """Stanzas that the generator wrote: JSON lines with "keywords" and "lines".

    One that was made of a person's has that as "person", with as many lines.

    Raises:
        BadInput: the file cannot be read, or a line of it is no such object.
    """
    found = []
    for number, row in enumerate(read_rows(path), start=1):
        try:
            if not all(isinstance(word, str) for word in row["keywords"]):
                raise TypeError("keywords are words")
            one = about(GENERATED, row["keywords"], fold_lines(row["lines"]))
            person = about(HUMAN, [], fold_lines(row["person"])) if "person" in row else None
            found.append(Example(one, GENERATED, person))
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"{path}, line {number}: expected an object with 'keywords' and 'lines', lists of texts."
            ) from error
    return [one for one in found if one.one.lines]


def _about(verse: Verse) -> About:
    return about(verse.voice, verse.keywords, verse.lines)


def _song_stanzas(path: Path) -> list[About]:
    """Pieces of training songs, of at least two lines."""
    songs = split(read_songs(path))["train"]
    found = (
        about(song.style, (), piece) for song in songs for stanza in song.stanzas for piece in cut(stanza)
    )
    return [one for one in found if len(one.lines) > 1]


def _vocabulary(people: Sequence[About], songs: Sequence[About]) -> list[str]:
    """The commonest words, the songbook's before the songs', as many as the file has room for."""
    found: dict[str, None] = {}
    for stanzas in (people, songs):
        counts = Counter(word for one in stanzas for line in one.lines for word in line)
        counts.update(word for one in stanzas for word in one.keywords)
        found |= dict.fromkeys(word for word, count in counts.most_common() if count >= _COMMON)
    return list(found)[:_MOST_WORDS]


def _first(one: About, count: int) -> About:
    return About(one.voice, one.keywords, one.lines[:count])


def _flat(one: About) -> list[str]:
    return [word for line in one.lines for word in (*line, LINE_END)][:MAX_WORDS]


def _size(one: About) -> int:
    return sum(len(line) + 1 for line in one.lines)


def _text(one: About) -> str:
    return NEWLINE.join(" ".join(line) for line in one.lines)


def _lot(name: str) -> float:
    """0 to 1 by hash, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"reader {name}".encode()).digest()[:8]) / 2**64


def _changes(example: Example) -> list[float]:
    """What ``Batch.changed`` says of one text."""
    text = _flat(example.one)
    if example.origin is None:
        return [math.nan] * len(text)
    old = _flat(example.origin)
    if text == old:
        return [0.0] * len(text)
    changed = [0.0] * len(text)
    for tag, _, _, start, stop in SequenceMatcher(None, old, text, autojunk=False).get_opcodes():
        if tag != "equal":
            for place in range(start, min(len(text), max(stop, start + 1))):
                changed[place] = 1.0
    return changed


def _spot_loss(logits: Tensor, changed: Tensor) -> Tensor:
    """Cross-entropy of the words of which it is known whether they were changed."""
    known = ~changed.isnan()
    if not known.any():
        return logits.sum() * 0
    return functional.binary_cross_entropy_with_logits(logits[known], changed[known])


def _balanced(logits: Tensor, human: Tensor) -> Tensor:
    """Cross-entropy in which people's stanzas weigh as much as all their corruptions together."""
    weights = 1 + human * (_NEGATIVES - 1)
    return (
        functional.binary_cross_entropy_with_logits(logits, human, weights)
        * 2
        * len(human)
        / weights.sum()
        / 2
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _cosine(done: float) -> float:
    """Up over a twentieth, then down along a cosine."""
    return min(1.0, done * 20 + 0.02) * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
