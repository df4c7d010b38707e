"""What the parts of the candidate score are worth to people, learnt from their votes.

Of two stanzas the likelier to be liked is the one with the higher score: a logistic regression on the
differences between those that a person liked and those that the same person did not (R. A. Bradley and
M. E. Terry, Biometrika 39, 1952). How easily somebody is pleased falls out of a difference.

Votes on a stanza hang together, whoever casts them, so stanzas are what is held back and resampled:
intervals are of these people's taste, on other stanzas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.taught import LEAST, MOST
from training.evaluation.intervals import CONFIDENCE
from training.evaluation.results import table
from training.evaluation.votes import PARTS, Votes

# Ten for and ten against a part: fewer mislead (Peduzzi et al., Journal of Clinical Epidemiology 49, 1996).
# What holds for other stanzas can be learnt from many.
MIN_VOTES, MIN_PEOPLE, MIN_STANZAS = 20 * len(PARTS), 5, 50
TOO_FEW = "too few"

_FOLDS = 5
_RESAMPLES = 200
# How firmly worths are held to that of the whole score, chosen on held-back stanzas; hardly, for what the
# votes say by themselves.
_PENALTIES = (1.0, 10.0, 100.0, 1000.0)
_HARDLY = 0.1
# Pairs a vote that are drawn of one person's: beyond that they say the same again.
_PAIRS = 10
_STEPS, _NEAR = 30, 1e-4


@dataclass(frozen=True)
class _Pairs:
    """A stanza that a person liked beside one that the same person did not.

    Attributes:
        differences: (pairs, parts), of the parts of their scores.
        stanzas: (pairs, 2), their numbers.
        weights: (pairs,), which make a vote count alike in however many pairs it is.
    """

    differences: np.ndarray
    stanzas: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, votes: Votes, draw: np.random.Generator) -> _Pairs:
        good, bad, weights = [], [], []
        for person in np.unique(votes.person):
            whose = votes.person == person
            liked, not_ = np.flatnonzero(whose & votes.liked), np.flatnonzero(whose & ~votes.liked)
            count = len(liked) * len(not_)
            pairs = draw.choice(count, min(count, _PAIRS * (len(liked) + len(not_))), replace=False)
            if len(pairs):
                good.append(liked[pairs // len(not_)])
                bad.append(not_[pairs % len(not_)])
                weights.append(np.full(len(pairs), (len(liked) + len(not_)) / 2 / len(pairs)))
        one, other = (np.concatenate([np.empty(0, int), *some]) for some in (good, bad))
        return cls(
            votes.parts[one] - votes.parts[other],
            np.stack([votes.stanza[one], votes.stanza[other]], axis=1),
            np.concatenate([np.empty(0), *weights]),
        )

    def resampled(self, times: int, draw: np.random.Generator) -> Iterator[np.ndarray]:
        """The pairs' weights where stanzas are drawn with replacement."""
        numbers, places = np.unique(self.stanzas, return_inverse=True)
        places = places.reshape(self.stanzas.shape)
        for _ in range(times):
            drawn = np.bincount(draw.integers(0, len(numbers), len(numbers)), minlength=len(numbers))
            yield self.weights * drawn[places].prod(axis=1)


def study(votes: Votes, seed: int = 1) -> dict[str, Any]:
    """What votes teach, and whether it holds on stanzas that were held back.

    Args:
        votes: of people, as ``votes_of`` makes them.
        seed: of the folds and resamples.

    Returns:
        ``votes``, ``people`` and ``stanzas`` that can be compared, and with too few of them only a ``note``.
        ``before`` and ``after``: shares of held-back pairs in which the score is higher for the stanza that
        was liked, and ``gain``, the difference, each with its interval. ``parts``: rows with the
        ``factor`` that is taken and what the votes say by themselves, ``worth``, with its interval; None
        for a part that is always the same.
    """
    votes = votes.comparable()
    size = {"votes": len(votes), "people": votes.people, "stanzas": votes.stanzas}
    least = {"votes": MIN_VOTES, "people": MIN_PEOPLE, "stanzas": MIN_STANZAS}
    if any(size[name] < number for name, number in least.items()):
        return {**size, "minimum": least, "note": TOO_FEW}
    draw = np.random.default_rng(seed)
    return {**size, "minimum": least, **_held_back(votes, draw), "parts": _worths(votes, draw)}


def factors_of(found: Mapping[str, Any]) -> dict[str, float]:
    """What each part of the score is taken times, by what ``study`` found."""
    return {row["part"]: row["factor"] for row in found["parts"]}


def _held_back(votes: Votes, draw: np.random.Generator) -> dict[str, Any]:
    held, better = [], []
    for rest, fold in _folds(votes, draw):
        factors = _taught(rest, draw)
        pairs = _Pairs.of(fold, draw)
        held.append(pairs)
        better.append(np.stack([_right(pairs, np.ones(len(PARTS))), _right(pairs, factors)], axis=1))
    right = np.concatenate(better)
    pairs = _Pairs(*(np.concatenate([getattr(one, name) for one in held]) for name in _Pairs.__annotations__))
    shares = np.array([_mean(right, weights) for weights in pairs.resampled(_RESAMPLES, draw)])
    before, after = _mean(right, pairs.weights)
    return {
        "before": _figure(before, shares[:, 0]),
        "after": _figure(after, shares[:, 1]),
        "gain": _figure(after - before, shares[:, 1] - shares[:, 0]),
    }


def _folds(votes: Votes, draw: np.random.Generator) -> Iterator[tuple[Votes, Votes]]:
    """The votes on most stanzas and those on the rest, several times, each stanza once among the rest."""
    numbers, places = np.unique(votes.stanza, return_inverse=True)
    fold = draw.permutation(len(numbers))[places] % _FOLDS
    for number in range(_FOLDS):
        yield votes.only(fold != number), votes.only(fold == number)


def _taught(votes: Votes, draw: np.random.Generator) -> np.ndarray:
    """What votes make of the factors: (parts,)."""
    losses = np.zeros(len(_PENALTIES))
    for rest, fold in _folds(votes, draw):
        learnt, held = _Pairs.of(rest, draw), _Pairs.of(fold, draw)
        for number, penalty in enumerate(_PENALTIES):
            odds = held.differences @ _fit(learnt, learnt.weights, penalty)
            losses[number] += held.weights @ np.logaddexp(0, -odds)
    pairs = _Pairs.of(votes, draw)
    factors = _scaled(_fit(pairs, pairs.weights, _PENALTIES[int(losses.argmin())]), pairs)
    factors[~_varied(pairs)] = 1.0
    return np.clip(factors, LEAST, MOST)


def _fit(pairs: _Pairs, weights: np.ndarray, penalty: float) -> np.ndarray:
    """What a unit of each part adds to the log-odds that a stanza is the liked one: (parts,).

    It is what a unit of the whole score adds, and a penalised difference from that (Newton's method).
    """
    spreads = np.sqrt((pairs.differences**2).mean(axis=0)) if len(pairs.weights) else np.zeros(len(PARTS))
    spreads[spreads == 0] = 1.0
    whole = pairs.differences.sum(axis=1, keepdims=True)
    scale = float(np.sqrt((whole**2).mean())) if len(whole) else 0.0
    inputs = np.hstack([whole / (scale or 1.0), pairs.differences / spreads])
    held = np.array([1e-3, *[penalty] * len(PARTS)])
    worth = np.zeros(len(held))
    for _ in range(_STEPS):
        surprise = 1 / (1 + np.exp(np.clip(inputs @ worth, -30, 30)))
        slope = inputs.T @ (weights * surprise) - held * worth
        curve = (inputs * (weights * surprise * (1 - surprise))[:, None]).T @ inputs + np.diag(held)
        step = np.linalg.solve(curve, slope)
        worth += step
        if np.abs(step).max() < _NEAR:
            break
    return np.asarray(worth[0] / (scale or 1.0) + worth[1:] / spreads)


def _scaled(worth: np.ndarray, pairs: _Pairs) -> np.ndarray:
    """Worths as factors: scores then differ as much as before, as beside parts that are not learnt."""
    if not len(pairs.weights):
        return np.ones(len(PARTS))
    before = np.sqrt(np.mean(pairs.differences.sum(axis=1) ** 2))
    after = np.sqrt(np.mean((pairs.differences @ worth) ** 2))
    return worth * before / after if after else np.ones(len(PARTS))


def _varied(pairs: _Pairs) -> np.ndarray:
    return np.asarray((pairs.differences != 0).any(axis=0))


def _worths(votes: Votes, draw: np.random.Generator) -> list[dict[str, Any]]:
    factors, pairs = _taught(votes, draw), _Pairs.of(votes, draw)
    worth = _scaled(_fit(pairs, pairs.weights, _HARDLY), pairs)
    resampled = pairs.resampled(_RESAMPLES, draw)
    worths = np.array([_scaled(_fit(pairs, weights, _HARDLY), pairs) for weights in resampled])
    nothing = {"worth": None, "low": None, "high": None}
    return [
        {"part": part, "factor": float(factors[place]), "worth": float(worth[place])}
        | dict(zip(("low", "high"), _interval(worths[:, place]), strict=True))
        if varied
        else {"part": part, "factor": float(factors[place]), **nothing}
        for place, (part, varied) in enumerate(zip(PARTS, _varied(pairs), strict=True))
    ]


def _right(pairs: _Pairs, factors: np.ndarray) -> np.ndarray:
    """For each pair 1 where the score is higher for the stanza that was liked, 0 where it is lower."""
    return np.asarray(np.sign(pairs.differences @ factors) / 2 + 0.5)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = weights.sum()
    return np.asarray(weights @ values / total if total else np.full(values.shape[1], 0.5))


def _figure(value: float, resampled: np.ndarray) -> dict[str, float]:
    low, high = _interval(resampled)
    return {"share": float(value), "low": low, "high": high}


def _interval(resampled: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def readable(found: Mapping[str, Any]) -> str:
    """What ``study`` found, for people."""
    said = (
        f"Votes that can be compared: {found['votes']}, by people: {found['people']}, "
        f"of stanzas: {found['stanzas']}."
    )
    if "note" in found:
        least = found["minimum"]
        needed = f"{least['votes']} votes by {least['people']} people on {least['stanzas']} stanzas"
        return f"{said} Too few: it takes {needed}."
    held = [(name, f"{found[name]['share']:.3f}", _said(found[name])) for name in ("before", "after", "gain")]
    parts = [(row["part"], f"{row['factor']:.2f}", *_alone(row)) for row in found["parts"]]
    return "\n\n".join(
        [
            said,
            table([("score agrees, on held-back stanzas", "share", "95 % interval"), *held]),
            table([("part of the score", "times", "by the votes alone", "95 % interval"), *parts]),
        ]
    )


def _alone(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["worth"] is None:
        return "", "always the same"
    return f"{row['worth']:.2f}", _said(row)


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['low']:.2f} to {row['high']:.2f}"
