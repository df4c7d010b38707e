"""Drawing symbols from logits: temperature, top-k and nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.conditioning import DEFAULT_TEMPERATURE
from model.errors import BadOption

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 2.0
# Four lines of the longest width that the training songs have; most stanzas end by 180.
MAX_CHARACTERS = 300


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

    temperature: float = DEFAULT_TEMPERATURE
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


def log_probabilities(logits: Floats) -> Floats:
    """(rows, symbols) logits -> log-probabilities at temperature 1, in nats."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    normal: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normal


def draw(weights: Floats, uniforms: Floats) -> Ids:
    """Inverse-CDF draw: (rows, symbols) probabilities and (rows,) numbers in [0, 1) -> (rows,) ids."""
    cumulative = np.cumsum(weights, axis=1)
    # A double below 1 times the sum is rounded to something below the sum, so that symbols of no
    # probability at the end are never selected.
    chosen: Ids = (cumulative <= (uniforms * cumulative[:, -1])[:, None]).sum(axis=1)
    return chosen
