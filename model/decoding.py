"""Sampling from a character model: free of torch, so that any backend can serve.

A backend is anything that steps a batch of rows by one symbol and returns logits; every
row has its own state in the backend and its own random generator here, so a row's text
does not depend on its neighbours' draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from model.errors import BadOption
from model.steering import Progress, State, Steering
from model.text import NEWLINE
from model.vocabulary import BOS, EOS, CharVocabulary

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 2.0
# Four lines of the longest width that the training songs have; most stanzas end by 180.
MAX_CHARACTERS = 300
# No line of the training songs is longer; one that goes on and on is given up.
MAX_LINE = 72
# Rows that are gone on with after each line.
SURVIVORS = 4


class Context(NamedTuple):
    """What a batch is told beside the symbols: one ``Progress`` a row."""

    lines_left: Ids  # (rows,)
    waiting: Floats  # (rows, keywords)
    written: Ids  # (rows, 2)

    @classmethod
    def of(cls, states: Sequence[State]) -> Context:
        left, waiting, written = zip(*states, strict=True)
        return cls(
            np.array(left), np.array(waiting, dtype=float).reshape(len(states), -1), np.array(written)
        )


class Stepper(Protocol):
    """A batch of independent rows, each with its own recurrent state."""

    def start(self, steering: Steering) -> None:
        """Forget everything; begin one fresh row. Every row that follows is asked for this."""

    def step(self, ids: Ids, context: Context) -> Floats:
        """Feed one symbol a row, (rows,), and what is so after it -> logits (rows, symbols)."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""

    def states(self, rows: Sequence[int]) -> list[object]:
        """The recurrent states of these rows, to come back to with ``resume``."""

    def resume(self, states: Sequence[object]) -> None:
        """Go on with one row a state; a state may be named more than once."""


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
        ended: the model ended it.
        cut: it met a limit before that. A stanza that is neither is still being written.
        nats: mean negative log-likelihood a drawn symbol at temperature 1.
    """

    text: str
    ended: bool
    cut: bool
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
    """Draw one text a seed in one batch, each on its own.

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
    drawing = _Drawing(stepper, vocabulary, sampling)
    rows = drawing.begin(steering, seeds, prime)
    drawing.draw(rows, lambda row: False)
    return [row.sample for row in rows]


def compose(
    stepper: Stepper,
    vocabulary: CharVocabulary,
    steering: Steering,
    seeds: Sequence[int],
    sampling: Sampling,
    prime: str = "",
    *,
    rate: Callable[[Sequence[Sample]], Sequence[float]],
    survivors: int = SURVIVORS,
) -> list[Sample]:
    """Draw one text a seed, line by line: after each line the best rows replace the others.

    A stanza is only as good as its worst line, and among sixteen whole stanzas hardly one
    has four good ones; among sixteen continuations of a good beginning several are good.

    Args:
        rate: scores unfinished stanzas, higher is better.
        survivors: rows that are gone on with after a line.

    Returns:
        as from ``sample``, the best first.
    """
    drawing = _Drawing(stepper, vocabulary, sampling)
    rows = drawing.begin(steering, seeds, prime)
    while True:
        drawing.draw(rows, lambda row: row.at_line_end)
        scores = rate([row.sample for row in rows])
        order = sorted(range(len(rows)), key=lambda number: -scores[number])
        if all(row.over for row in rows):
            return [rows[number].sample for number in order]
        rows = _branch(rows, order[:survivors])


def _branch(rows: list[_Row], kept: Sequence[int]) -> list[_Row]:
    """As many rows as before, continuing the kept ones in turn, each with its own draws."""
    return [rows[kept[slot % len(kept)]].child(row.random) for slot, row in enumerate(rows)]


class _Row:
    """A stanza as it grows."""

    def __init__(self, random: np.random.Generator, progress: Progress, text: list[str]) -> None:
        self.random, self.progress, self.text = random, progress, text
        self.nats, self.drawn = 0.0, 0
        self.ended = self.cut = False
        self.line = 0
        # The model's state before the last symbol, which is yet to be fed.
        self.state: object = None
        self.symbol = BOS

    def child(self, random: np.random.Generator) -> _Row:
        """The same stanza so far, to be continued by other draws."""
        twin = copy(self)
        twin.random, twin.progress, twin.text = random, copy(self.progress), list(self.text)
        twin.progress.waiting = list(self.progress.waiting)
        return twin

    @property
    def at_line_end(self) -> bool:
        return self.text[-1:] == [NEWLINE]

    @property
    def sample(self) -> Sample:
        return Sample("".join(self.text), self.ended, self.cut, self.nats / max(1, self.drawn))

    @property
    def over(self) -> bool:
        return self.ended or self.cut

    def add(self, symbol: int, character: str | None, loss: float) -> None:
        """Take in a drawn character, or None for the end token.

        A line end after the last line that was asked for ends the stanza, too.
        """
        self.nats += loss
        self.drawn += 1
        if character is None or (character == NEWLINE and self.progress.lines_left == 1):
            self.ended = True
            return
        self.symbol = symbol
        self.line = 0 if character == NEWLINE else self.line + 1
        self.text.append(character)
        self.progress.add(character)


class _Drawing:
    """Draws symbols for a batch of rows, until each pauses or is over."""

    def __init__(self, stepper: Stepper, vocabulary: CharVocabulary, sampling: Sampling) -> None:
        self.stepper, self.vocabulary, self.sampling = stepper, vocabulary, sampling

    def begin(self, steering: Steering, seeds: Sequence[int], prime: str) -> list[_Row]:
        """Run the common beginning once; its state is every row's."""
        progress, symbol = Progress(steering), BOS
        self.stepper.start(steering)
        for character, number in zip(prime, self.vocabulary.encode(prime), strict=True):
            self.stepper.step(np.array([symbol]), _context([progress]))
            progress.add(character)
            symbol = number
        first = _Row(np.random.default_rng(), progress, list(prime))
        first.state, first.symbol = self.stepper.states([0])[0], symbol
        return [first.child(np.random.default_rng(seed)) for seed in seeds]

    def draw(self, rows: Sequence[_Row], paused: Callable[[_Row], bool]) -> None:
        """Draw at least one symbol a row that is not over."""
        alive = [row for row in rows if not row.over]
        self.stepper.resume([row.state for row in alive])
        while alive:
            logits = self.stepper.step(
                np.array([row.symbol for row in alive]), _context([row.progress for row in alive])
            )
            self._add(alive, logits)
            for row in alive:
                row.cut = not row.ended and (
                    len(row.text) >= self.sampling.max_characters or row.line > MAX_LINE
                )
            going = [n for n, row in enumerate(alive) if not (row.over or paused(row))]
            if len(going) < len(alive):
                resting = [n for n, row in enumerate(alive) if not row.over and paused(row)]
                for n, state in zip(resting, self.stepper.states(resting), strict=True):
                    alive[n].state = state
                self.stepper.keep(going)
                alive = [alive[n] for n in going]

    def _add(self, rows: Sequence[_Row], logits: Floats) -> None:
        logits[:, :EOS] = -np.inf
        for number, row in enumerate(rows):
            if not row.text:
                logits[number, EOS] = -np.inf
        uniforms = np.array([row.random.random() for row in rows])
        ids = draw(probabilities(logits, self.sampling), uniforms).tolist()
        for row, number, loss in zip(rows, ids, _losses(logits, ids).tolist(), strict=True):
            row.add(number, self.vocabulary.tokens[number] if number != EOS else None, loss)


def _context(progress: Sequence[Progress]) -> Context:
    return Context.of([row.state for row in progress])


def _losses(logits: Floats, ids: Sequence[int]) -> Floats:
    """Negative log-likelihood of the drawn symbols at temperature 1, (rows,)."""
    top = logits.max(axis=1)
    total = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top
    losses: Floats = total - logits[np.arange(len(ids)), ids]
    return losses
