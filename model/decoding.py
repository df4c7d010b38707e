"""Sampling from a character model: free of torch, so that any backend can serve.

A backend is anything that steps a batch of rows by one symbol and returns logits; every
row has its own state in the backend and its own random generator here, so a row's text
does not depend on its neighbours' draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from model.errors import BadOption
from model.steering import Progress, Steering
from model.text import NEWLINE
from model.vocabulary import BOS, EOS, CharVocabulary

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 2.0
# Four lines of the longest width that the training songs have; most stanzas end by 180.
MAX_CHARACTERS = 300


class Stepper(Protocol):
    """A batch of independent rows, each with its own recurrent state."""

    def start(self, steering: Steering, rows: int) -> None:
        """Forget everything; begin ``rows`` fresh rows that are asked for the same."""

    def step(self, ids: Ids, lines_left: Ids, waiting: Floats) -> Floats:
        """Feed one symbol a row, (rows,) -> logits of the next, (rows, symbols).

        ``lines_left`` (rows,) and ``waiting`` (rows, keywords) are what is open after it.
        """

    def keep(self, rows: Ids) -> None:
        """Go on with these rows only, in this order; a row may be named more than once."""


@dataclass(frozen=True)
class Sampling:
    """How symbols are drawn.

    Attributes:
        temperature: divides the logits; below 1 safer, above 1 wilder.
        top_k: only the k likeliest symbols may be drawn; 0 for all.
        top_p: only the smallest set of symbols with this much probability (nucleus
            sampling, Holtzman et al., ICLR 2020); 1 for all.
        max_characters: a stanza is cut off there.

    Raises:
        BadOption: a value outside its range.
    """

    temperature: float = 0.4
    top_k: int = 0
    top_p: float = 1.0
    max_characters: int = MAX_CHARACTERS

    def __post_init__(self) -> None:
        if not MIN_TEMPERATURE <= self.temperature <= MAX_TEMPERATURE:
            raise BadOption(
                f"The temperature must be between {MIN_TEMPERATURE} and {MAX_TEMPERATURE}, "
                f"not {self.temperature:g}."
            )
        if self.top_k < 0:
            raise BadOption(f"top-k must be 0 (off) or more, not {self.top_k}.")
        if not 0 < self.top_p <= 1:
            raise BadOption(f"top-p must be above 0 and at most 1, not {self.top_p:g}.")
        if self.max_characters < 1:
            raise BadOption("A stanza must be allowed at least one character.")


@dataclass(frozen=True)
class Sample:
    """One drawn text.

    Attributes:
        text: folded characters, the prime included.
        ended: the model ended it; otherwise it met the limit.
        nats: mean negative log-likelihood a drawn symbol at temperature 1.
    """

    text: str
    ended: bool
    nats: float


def probabilities(logits: Floats, sampling: Sampling) -> Floats:
    """(rows, symbols) logits -> probabilities after temperature, top-k and nucleus."""
    scaled = logits / sampling.temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    if 0 < sampling.top_k < scaled.shape[1]:
        least = np.sort(scaled, axis=1)[:, -sampling.top_k, None]
        scaled = np.where(scaled < least, -np.inf, scaled)
    weights: Floats = np.exp(scaled)
    weights /= weights.sum(axis=1, keepdims=True)
    if sampling.top_p < 1:
        order = np.argsort(-weights, axis=1)
        ranked = np.take_along_axis(weights, order, axis=1)
        # A symbol stays while those likelier than it hold less than top_p.
        outside = np.cumsum(ranked, axis=1) - ranked >= sampling.top_p
        np.put_along_axis(weights, order, np.where(outside, 0.0, ranked), axis=1)
        weights /= weights.sum(axis=1, keepdims=True)
    return weights


def draw(weights: Floats, uniforms: Floats) -> Ids:
    """Inverse-CDF draw: (rows, symbols) probabilities and (rows,) numbers in [0, 1) -> (rows,) ids."""
    cumulative = np.cumsum(weights, axis=1)
    ids: Ids = (cumulative <= (uniforms * cumulative[:, -1])[:, None]).sum(axis=1)
    # Rounding must not select a symbol of no probability at the end.
    last = weights.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=1)
    chosen: Ids = np.minimum(ids, last)
    return chosen


def sample(
    stepper: Stepper,
    vocabulary: CharVocabulary,
    steering: Steering,
    seeds: Sequence[int],
    sampling: Sampling,
    prime: str = "",
) -> list[Sample]:
    """Draw one text a seed in one batch.

    Args:
        stepper: the model.
        vocabulary: its symbols.
        steering: what every stanza is asked to be.
        seeds: a random seed a row.
        sampling: how to draw.
        prime: folded text that every stanza starts with.

    Returns:
        one sample a seed, in order.
    """
    rows = [_Row(np.random.default_rng(seed), Progress(steering), prime) for seed in seeds]
    logits = _feed(stepper, vocabulary, steering, prime, len(rows))
    alive = rows
    limit = max(1, sampling.max_characters - len(prime))
    for position in range(limit):
        logits[:, :EOS] = -np.inf
        if position == 0 and not prime:
            logits[:, EOS] = -np.inf
        uniforms = np.array([row.random.random() for row in alive])
        ids = draw(probabilities(logits, sampling), uniforms)
        for row, number, loss in zip(alive, ids.tolist(), _losses(logits, ids).tolist(), strict=True):
            row.add(vocabulary.tokens[number] if number != EOS else None, loss)
        going = np.array([not row.ended for row in alive])
        if position == limit - 1 or not going.any():
            break
        if not going.all():
            stepper.keep(np.flatnonzero(going))
            alive, ids = [row for row in alive if not row.ended], ids[going]
        logits = stepper.step(ids, *_open([row.progress for row in alive]))
    return [Sample("".join(row.text), row.ended, row.nats / max(1, row.drawn)) for row in rows]


class _Row:
    """A stanza as it grows."""

    def __init__(self, random: np.random.Generator, progress: Progress, prime: str) -> None:
        self.random, self.progress = random, progress
        self.text: list[str] = []
        self.nats, self.drawn, self.ended = 0.0, 0, False
        for character in prime:
            self.text.append(character)
            progress.add(character)

    def add(self, character: str | None, loss: float) -> None:
        """Take in a drawn character, or None for the end token.

        A line end after the last line that was asked for ends the stanza, too.
        """
        self.nats += loss
        self.drawn += 1
        if character is None or (character == NEWLINE and self.progress.lines_left == 1):
            self.ended = True
            return
        self.text.append(character)
        self.progress.add(character)


def _feed(stepper: Stepper, vocabulary: CharVocabulary, steering: Steering, prime: str, rows: int) -> Floats:
    """Run the common beginning once, then spread its state over the rows."""
    progress = Progress(steering)
    stepper.start(steering, 1)
    logits = stepper.step(np.array([BOS]), *_open([progress]))
    for character, number in zip(prime, vocabulary.encode(prime), strict=True):
        progress.add(character)
        logits = stepper.step(np.array([number]), *_open([progress]))
    stepper.keep(np.zeros(rows, dtype=np.int64))
    return np.repeat(logits, rows, axis=0)


def _open(progress: Sequence[Progress]) -> tuple[Ids, Floats]:
    """Lines left (rows,) and keywords waiting (rows, keywords)."""
    left = np.array([row.lines_left for row in progress])
    return left, np.array([row.waiting for row in progress], dtype=float).reshape(len(progress), -1)


def _losses(logits: Floats, ids: Ids) -> Floats:
    """Negative log-likelihood of the drawn symbols at temperature 1, (rows,)."""
    top = logits.max(axis=1)
    total = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top
    losses: Floats = total - logits[np.arange(len(ids)), ids]
    return losses
