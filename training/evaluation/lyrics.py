"""What songs cost the generator, in nats and bits a character, beside two baselines."""

from __future__ import annotations

import lzma
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model.conditioning import Conditioning, ConditioningState
from model.decoding import Context, Stepper, packed
from model.errors import BadInput
from model.generator import load_generator
from model.onnx_stepper import load_stepper
from model.sampling import log_probabilities
from model.text import ALPHABET
from model.vocabulary import BOS, EOS, CharVocabulary
from training.corpora.corpus import Song, pieces, read_songs, split
from training.evaluation.journal import Journal
from training.evaluation.losses import stanza_nats
from training.evaluation.ngram import AdaptiveNgram

# Stands for the end token where plain text is compressed or counted.
_END = "\x03"
# Stanzas after which a journal is written: some seconds' work.
_KEPT = 512
# Stanzas that are stepped through side by side.
_ROWS = 256


def evaluate_lyrics(
    checkpoints: Path,
    file: Path,
    part: str = "all",
    primer: Path | None = None,
    engine: str = "torch",
    journal: Journal | None = None,
) -> dict[str, Any]:
    """Nats and bits a character of the generator, conditioned on nothing, beside two baselines.

    Stanzas are folded, cut to at most four lines and counted once each. Every line end and
    one end a stanza count as characters, for the model and for the baselines.

    Args:
        checkpoints: folder with ``generator.safetensors``.
        file: a corpus such as ``pd_songs.jsonl.xz``.
        part: "all", or one side of the training split.
        primer: a corpus whose training songs the 6-gram model learns first. Without it
            that model, like xz, knows only the text itself.
        engine: one of ``model.request.BACKENDS``: what runs the generator.
        journal: of the generator's losses.

    Raises:
        BadInput: the corpus cannot be read or holds nothing for the part.
    """
    songs = _part(read_songs(file), part, file)
    styles = _styles(songs)
    texts = list(styles)
    if not texts:
        raise BadInput(f"{file} holds no stanzas in the part '{part}'.")
    ngram = AdaptiveNgram(len(ALPHABET) + 1)
    if primer is not None:
        ngram.bits(_ended(pieces(split(read_songs(primer))["train"])))
    path = checkpoints / "generator.safetensors"
    if engine == "torch":
        model, vocabulary, checkpoint = load_generator(path)
        measure = partial(stanza_nats, model, vocabulary=vocabulary)
    else:
        stepper, vocabulary, checkpoint = load_stepper(path, int8=engine == "int8")
        measure = partial(stepped_nats, stepper, vocabulary=vocabulary)
    losses = _losses(measure, texts, journal or Journal())
    nats, characters = math.fsum(losses), sum(len(text) + 1 for text in texts)
    ngram_bits, ngram_characters = ngram.bits(_ended(texts))
    packed = lzma.compress("".join(_ended(texts)).encode(), preset=9 | lzma.PRESET_EXTREME)
    return {
        "nats_per_char": nats / characters,
        "bits_per_char": nats / characters / math.log(2),
        "characters": characters,
        "xz_bits_per_char": 8 * len(packed) / characters,
        "ngram6_bits_per_char": ngram_bits / ngram_characters,
        "stanzas": len(texts),
        "songs": len(songs),
        "nats_per_char_by_style": _by_style(styles, losses),
        "generator": checkpoint.digest,
        "engine": engine,
    }


def _losses(
    measure: Callable[[Sequence[str]], list[float]], texts: Sequence[str], journal: Journal
) -> list[float]:
    """The loss of each text; those of a length side by side, as batches are padded."""
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    found = journal.each("nats", [texts[number] for number in order], measure, _KEPT)
    losses = [0.0] * len(texts)
    for number, loss in zip(order, found, strict=True):
        losses[number] = loss
    return losses


def stepped_nats(stepper: Stepper, texts: Sequence[str], vocabulary: CharVocabulary) -> list[float]:
    """What ``generator.stanza_nats`` measures, through a stepper as drawing uses it."""
    order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
    nats = [0.0] * len(texts)
    [fresh] = stepper.start([Conditioning()])
    for start in range(0, len(order), _ROWS):
        numbers = order[start : start + _ROWS]
        rows = [_Read(texts[number], vocabulary) for number in numbers]
        states = [fresh] * len(rows)
        while rows:
            stepper.resume(states)
            context = Context.of([packed(0, row.progress.state) for row in rows])
            logits = stepper.step(np.array([row.symbol for row in rows]), context)
            for row, logs in zip(rows, log_probabilities(logits).tolist(), strict=True):
                row.read(logs)
            # The longest come first.
            going = [row for row in rows if row.coming]
            states = stepper.states(range(len(going)))
            for number, row in zip(numbers[len(going) : len(rows)], rows[len(going) :], strict=True):
                nats[number] = row.nats
            rows = going
    return nats


class _Read:
    """A text on its way through a stepper."""

    def __init__(self, text: str, vocabulary: CharVocabulary) -> None:
        self.vocabulary = vocabulary
        self.progress = ConditioningState(Conditioning())
        self.symbol = BOS
        # The last one first.
        self.coming = [EOS, *reversed(vocabulary.encode(text))]
        self.nats = 0.0

    def read(self, log_probabilities: Sequence[float]) -> None:
        self.symbol = self.coming.pop()
        self.nats -= log_probabilities[self.symbol]
        if self.symbol != EOS:
            self.progress.add(self.vocabulary.tokens[self.symbol])


def _part(songs: Sequence[Song], part: str, file: Path) -> Sequence[Song]:
    chosen = songs if part == "all" else split(songs)[part]
    if not chosen:
        raise BadInput(f"{file} holds no songs in the part '{part}'.")
    return chosen


def _styles(songs: Sequence[Song]) -> dict[str, str]:
    """Stanza -> the style of the first song that has it."""
    found: dict[str, str] = {}
    for song in songs:
        for text in pieces([song]):
            found.setdefault(text, song.style)
    return found


def _by_style(styles: dict[str, str], losses: Sequence[float]) -> dict[str, float]:
    nats: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for (text, style), loss in zip(styles.items(), losses, strict=True):
        nats[style] += loss  # type: ignore[assignment]
        characters[style] += len(text) + 1
    return {style: nats[style] / characters[style] for style in nats}


def _ended(texts: Sequence[str]) -> list[str]:
    return [text + _END for text in texts]
