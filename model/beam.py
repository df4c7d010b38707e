"""Beam search for captions, whatever runs the decoder. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from model.vocabulary import BOS, EOS, PAD, UNK, WordVocabulary

Ids = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

MAX_WORDS = 20
BEAM = 3
# Exponent of the length in the beam's score; tuned on dev, see docs/captioner.md.
LENGTH_NORM = 1.0


class Steps(Protocol):
    """A decoder that looks at pictures; rows are pictures times beams, beam fastest.

    Attributes:
        regions: of a picture.
    """

    regions: int

    def step(self, words: Ids, parents: Ids) -> tuple[Singles, Singles]:
        """One word on.

        Args:
            words: (rows,) the last ones.
            parents: (rows,) the row whose state each goes on from.

        Returns:
            log-probabilities (rows, symbols), which the caller may write to, and attention
            (rows, regions).
        """


class Caption(NamedTuple):
    """A caption with its log-probability (nats, end token included) and attention (words, regions)."""

    words: list[str]
    log_probability: float
    attention: Singles

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass
class _Beams:
    """Search state, by rows; scores are (pictures, beam)."""

    tokens: Ids
    scores: Singles
    lengths: Singles
    finished: npt.NDArray[np.bool_]
    attention: Singles


def captions(steps: Steps, pictures: int, vocabulary: WordVocabulary, beam: int = BEAM) -> list[Caption]:
    """The caption of each picture; see ``search``."""
    found = []
    for ids, score, weights in zip(*search(steps, pictures, beam), strict=True):
        words = vocabulary.decode(ids.tolist())
        found.append(Caption(words, float(score), weights[: len(words)]))
    return found


def search(
    steps: Steps,
    pictures: int,
    beam: int = BEAM,
    max_words: int = MAX_WORDS,
    length_norm: float = LENGTH_NORM,
) -> tuple[Ids, Singles, Singles]:
    """Captions for a batch of pictures; a beam of 1 is greedy search.

    No caption holds <unk> or repeats a trigram, and none is empty.

    Args:
        steps: the decoder, before its first word.
        pictures: how many.
        beam: hypotheses a picture.
        max_words: limit, end token not counted.
        length_norm: hypotheses are compared by log-probability / length ** length_norm, the end
            token counted.

    Returns:
        ids (pictures, max_words + 1) with the end token, padded; log-probabilities
        (pictures,); attention (pictures, max_words + 1, regions).
    """
    rows = pictures * beam
    found = _Beams(
        tokens=np.full((rows, max_words + 1), PAD, dtype=np.int64),
        scores=np.full((pictures, beam), -np.inf, dtype=np.float32),
        lengths=np.ones(rows, dtype=np.float32),
        finished=np.zeros(rows, dtype=bool),
        attention=np.zeros((rows, max_words + 1, steps.regions), dtype=np.float32),
    )
    found.scores[:, 0] = 0.0
    words, parents = np.full(rows, BOS, dtype=np.int64), np.arange(rows)
    base = parents[::beam, None]
    for step in range(max_words + 1):
        nats, found.attention[:, step] = steps.step(words, parents)
        _forbid(nats, found, step, max_words)
        symbols = nats.shape[1]
        total = found.scores.reshape(rows, 1) + nats
        lengths = np.where(found.finished, found.lengths, np.float32(step + 1))
        norms = (lengths**length_norm).astype(np.float32)
        ranking = (total / norms[:, None]).reshape(pictures, -1)
        best = _largest(ranking, beam)
        parents = (base + best // symbols).ravel()
        words = (best % symbols).ravel()
        found.scores = np.take_along_axis(total.reshape(pictures, -1), best, 1)
        ended = found.finished[parents]
        found.tokens, found.attention = found.tokens[parents], found.attention[parents]
        found.tokens[:, step] = np.where(ended, PAD, words)
        found.lengths, found.finished = lengths[parents], ended | (words == EOS)
        if found.finished.all():
            break
    # Beams are in order of their normalised score, so the first is the best.
    first = base.ravel()
    return found.tokens[first], found.scores[:, 0], found.attention[first]


def _largest(ranking: Singles, count: int) -> Ids:
    """Where the largest numbers of each row are, the largest first."""
    best = np.argpartition(ranking, -count, axis=1)[:, -count:]
    order = np.argsort(-np.take_along_axis(ranking, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1)


def _forbid(nats: Singles, found: _Beams, step: int, max_words: int) -> None:
    """Set to minus infinity what a hypothesis must not say next."""
    ended = found.finished
    nats[:, [PAD, BOS, UNK]] = -np.inf
    if step == 0:
        nats[:, EOS] = -np.inf
    if step >= max_words:
        nats[:, :EOS] = nats[:, EOS + 1 :] = -np.inf
    for row, word in _repeats(found.tokens[:, :step]):
        nats[row, word] = -np.inf
    nats[ended] = -np.inf
    # An ended hypothesis goes on at no cost.
    nats[ended, PAD] = 0.0


def _repeats(tokens: Ids) -> list[tuple[int, int]]:
    """(row, word) pairs that would repeat one of the row's trigrams."""
    if tokens.shape[1] < 3:
        return []
    found = []
    for row, ids in enumerate(tokens.tolist()):
        pair = ids[-2:]
        found += [
            (row, ids[at + 2]) for at in range(len(ids) - 2) if ids[at : at + 2] == pair and ids[at + 2] > UNK
        ]
    return found
