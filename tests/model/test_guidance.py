"""Leading captions away from what is said of any picture."""

from __future__ import annotations

import numpy as np
import pytest

from model.beam import Ids, Singles, search
from model.guidance import Guided
from model.vocabulary import EOS

MAN, CLIMBER, ODD = 4, 5, 6


class Says:
    """One word, with chances of the pictures and of those that show nothing, then the end."""

    regions = 1

    def __init__(self, picture: dict[int, float], nothing: dict[int, float]) -> None:
        self.chances = [picture, nothing]

    def step(self, words: Ids, parents: Ids) -> tuple[Singles, Singles]:
        shares = np.full((2, len(words) // 2, 7), 1e-6, dtype=np.float32)
        for rows, chances in zip(shares, self.chances, strict=True):
            for word, chance in chances.items():
                rows[:, word] = chance
        self.chances = [{EOS: 1.0}] * 2
        shares /= shares.sum(2, keepdims=True)
        return np.log(shares.reshape(len(words), 7)), np.ones((len(words), 1), np.float32)


def said(strength: float, picture: dict[int, float], nothing: dict[int, float]) -> int:
    ids, _, _ = search(Guided(Says(picture, nothing), strength), 1, 2)
    return int(ids[0, 0])


def test_what_only_the_picture_suggests_wins() -> None:
    picture, nothing = {MAN: 0.55, CLIMBER: 0.45}, {MAN: 0.9, CLIMBER: 0.1}
    assert said(0.0, picture, nothing) == MAN
    assert said(0.5, picture, nothing) == CLIMBER


def test_what_is_unlikely_with_the_picture_too_is_not_said() -> None:
    assert said(2.0, {MAN: 0.99, ODD: 0.01}, {MAN: 0.5, CLIMBER: 0.5}) == MAN


def test_log_probabilities_stay_log_probabilities() -> None:
    guided = Guided(Says({MAN: 0.6, CLIMBER: 0.4}, {MAN: 0.8, CLIMBER: 0.2}), 0.7)
    nats, _ = guided.step(np.zeros(3, np.int64), np.arange(3))
    assert np.exp(nats).sum(1) == pytest.approx(np.ones(3), abs=1e-5)
