"""Intervals that say how far a measured figure can be trusted, all at 95 % unless told otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95
_RESAMPLES = 2000

Interval = tuple[float, float]


def wilson(positive: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of a proportion by E. B. Wilson, JASA 22 (1927), 209-212; total > 0."""
    z = _z(confidence)
    share, weight = positive / total, z * z / total
    middle = share + weight / 2
    spread = z * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    # Rounding may leave the ends of 0 and 1 by a hair.
    return max(0.0, (middle - spread) / (1 + weight)), min(1.0, (middle + spread) / (1 + weight))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rho of two columns, ties at their mean rank; None where one column is constant."""
    one, other = _ranks(first), _ranks(second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def rank_correlation_interval(rho: float, pairs: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of Spearman's rho by D. G. Bonett and T. A. Wright, Psychometrika 65 (2000), 23-28.

    Args:
        rho: Spearman's rho.
        pairs: how many pairs it comes from, at least 4.
        confidence: how often such an interval holds the true value.
    """
    if abs(rho) == 1:
        return rho, rho
    spread = _z(confidence) * math.sqrt((1 + rho * rho / 2) / (pairs - 3))
    return math.tanh(math.atanh(rho) - spread), math.tanh(math.atanh(rho) + spread)


def bootstrap(values: np.ndarray, seed: int) -> Interval:
    """The percentile interval of a mean (Efron, Annals of Statistics 7, 1979).

    Args:
        values: (n,), independent of each other.
        seed: of the resamples.
    """
    draw = np.random.default_rng(seed)
    means = draw.choice(values, (_RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _ranks(values: Sequence[float]) -> np.ndarray:
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    return (last - (sizes - 1) / 2)[group]
