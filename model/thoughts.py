"""What a sentence is about, as a vector that its neighbours lie near: skip-thoughts, shifted to a style.

A text is the mean of its words' vectors, seen once more by a small network, of length 1. Trained in
``training.loops.thoughts`` so that sentences are near those that stand beside them (Kiros et al., NIPS 2015;
the training is that of Logeswaran and Lee, ICLR 2018). A caption is turned into the beginning of a song
by taking away what all captions share and adding what a style's stanzas share (neural-storyteller, 2015).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.checkpoint import Checkpoint, described, load_checkpoint
from model.errors import BadOption
from model.text import fold, words

Floats = npt.NDArray[np.float32]

KIND = "thoughts"
# The mean of captions stands beside those of the styles under this name.
CAPTIONS = "captions"
# Words too rare for a vector of their own share one with those that begin alike, as their inflections do.
_STEM = 6


@dataclass(frozen=True)
class Numbering:
    """Words -> rows of the table: one each for those known, then ``buckets`` for all others."""

    known: Mapping[str, int] = field(repr=False)
    buckets: int

    @classmethod
    def of(cls, known: Iterable[str], buckets: int) -> Numbering:
        """Number the words in the order given."""
        return cls({word: row for row, word in enumerate(known)}, buckets)

    def __len__(self) -> int:
        return len(self.known) + self.buckets

    def rows(self, text: str) -> list[int]:
        """Rows of a text's words in order, those of a compound one by one; none where it has no words."""
        return [self._row(part) for word in words(fold(text)) for part in word.split("-")]

    def _row(self, word: str) -> int:
        row = self.known.get(word)
        return len(self.known) + zlib.crc32(word[:_STEM].encode()) % self.buckets if row is None else row


@dataclass(frozen=True)
class Thoughts:
    """The encoder, and the mean vectors of captions and styles.

    Attributes:
        numbering: rows of ``table``.
        table: a vector a word, (words, size).
        inner: (hidden, size) and ``bias`` (hidden,), the small network's first layer.
        outer: its second one, (size, hidden); the result is added to the mean of the words.
        means: a vector a style, (size,), and that of captions under ``CAPTIONS``.
        digest: names the file, as ``Checkpoint.digest``; empty for none.
    """

    numbering: Numbering
    table: Floats = field(repr=False)
    inner: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    outer: Floats = field(repr=False)
    means: Mapping[str, Floats] = field(repr=False)
    digest: str = ""

    @classmethod
    def load(cls, path: Path) -> Thoughts:
        """Read the encoder.

        Raises:
            BadCheckpoint: the file is missing, damaged, of another kind or version.
        """
        checkpoint = load_checkpoint(path, KIND)
        with described(path):
            return _built(checkpoint)

    @property
    def size(self) -> int:
        """Numbers a vector."""
        return int(self.table.shape[1])

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles that a caption can be shifted to."""
        return tuple(name for name in self.means if name != CAPTIONS)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Sentences, lines or stanzas -> vectors of length 1, (texts, ``size``); noughts where no word is.

        Each is computed by itself: its vector is the same to the last bit whatever stands beside it.
        """
        vectors = np.zeros((len(texts), self.size), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            if rows := self.numbering.rows(text):
                vector[:] = self._thought(rows)
        return vectors

    def shifted(self, caption: str, style: str) -> Floats:
        """A caption's vector less the mean of captions plus the mean of a style, (``size``,).

        It is not made of length 1 again: how long it is depends on how far the caption is from others.

        Raises:
            BadOption: the file has no mean of the style.
        """
        if style not in self.styles:
            raise BadOption(f"No thought can be shifted to the style {style}: there are {self.styles}.")
        shifted: Floats = self.encode([caption])[0] - self.means[CAPTIONS] + self.means[style]
        return shifted

    def _thought(self, rows: list[int]) -> Floats:
        mean = self.table[rows].mean(axis=0)
        seen = mean + self.outer @ np.maximum(self.inner @ mean + self.bias, 0)
        length = np.sqrt(seen @ seen)
        thought: Floats = seen / np.maximum(length, np.finfo(np.float32).tiny)
        return thought


def _built(checkpoint: Checkpoint) -> Thoughts:
    """Raises: ValueError, KeyError, TypeError: the arrays do not fit one another or the header."""
    header, arrays = checkpoint.header, checkpoint.arrays
    numbering = Numbering.of(header["words"], header["buckets"])
    table, inner, bias, outer, means = (arrays[n] for n in ("table", "inner", "bias", "outer", "means"))
    hidden, size = inner.shape
    expected = [(len(numbering), size), (hidden,), (size, hidden), (len(header["means"]), size)]
    if [array.shape for array in (table, bias, outer, means)] != expected or CAPTIONS not in header["means"]:
        raise ValueError("arrays of another shape")
    named = dict(zip(header["means"], means, strict=True))
    return Thoughts(numbering, table, inner, bias, outer, named, checkpoint.digest)
