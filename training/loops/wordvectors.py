"""Word vectors to begin with: a factorised matrix of positive pointwise mutual information.

Skip-gram with negative sampling factorises such a matrix, too (Levy and Goldberg, NeurIPS 2014);
this takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

# Words so near to each other count as neighbours.
_WINDOW = 2
# Contexts are counted to this power, so that rare ones say less (Levy, Goldberg and Dagan, TACL 2015).
_SMOOTHING = 0.75
_CHUNK = 4_000_000


def word_vectors(
    texts: Sequence[Sequence[int]], subjects: Sequence[Sequence[int]], count: int, size: int
) -> Tensor:
    """Vectors of length 1, half for what a word is said with and half for what stands beside it.

    Args:
        texts: words of each text, 0 to ``count - 1``.
        subjects: words that each text is about.
        count: distinct words.
        size: of a vector.

    Returns:
        (count, size).
    """
    half = size // 2
    themes = _factor(_counts(_together(texts, subjects), count), half)
    places = _factor(_counts(_beside(texts), count), size - half)
    return torch.nn.functional.normalize(torch.cat([themes, places], 1), dim=1)


def _together(texts: Sequence[Sequence[int]], subjects: Sequence[Sequence[int]]) -> Iterator[np.ndarray]:
    """Pairs of different words of a text or its subject, (pairs, 2)."""
    for text, about in zip(texts, subjects, strict=True):
        found = np.unique([*text, *about])
        one, other = np.meshgrid(found, found)
        yield np.stack([one, other], -1)[one != other]


def _beside(texts: Iterable[Sequence[int]]) -> Iterator[np.ndarray]:
    for text in texts:
        row = np.asarray(text)
        for distance in range(1, min(_WINDOW, len(row) - 1) + 1):
            pair = np.stack([row[:-distance], row[distance:]], -1)
            yield pair
            yield pair[:, ::-1]


def _counts(pairs: Iterable[np.ndarray], count: int) -> np.ndarray:
    total = np.zeros(count * count, np.float32)
    waiting: list[np.ndarray] = []
    size = 0
    for pair in pairs:
        waiting.append(pair[:, 0] * count + pair[:, 1])
        size += len(pair)
        if size > _CHUNK:
            total += np.bincount(np.concatenate(waiting), minlength=count * count)
            waiting, size = [], 0
    if waiting:
        total += np.bincount(np.concatenate(waiting), minlength=count * count)
    return total.reshape(count, count)


def _factor(counts: np.ndarray, size: int) -> Tensor:
    """Symmetric counts (words, words) -> vectors of length 1 of their positive information."""
    words = counts.sum(1, keepdims=True)
    contexts = words.T**_SMOOTHING
    share = contexts / max(1.0, contexts.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts / (words * share))
    positive = torch.from_numpy(np.nan_to_num(np.maximum(information, 0), posinf=0.0))
    left, weight, _ = torch.svd_lowrank(positive, min(size, len(counts)), niter=3)
    found = torch.nn.functional.normalize(left * weight.sqrt(), dim=1)
    return torch.nn.functional.pad(found, (0, size - found.shape[1]))
