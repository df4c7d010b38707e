"""The sampler is tested with small stand-in models: it knows logits, not networks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.decoding import Floats, Ids, Sampling, draw, probabilities, sample
from model.errors import BadOption
from model.steering import Progress, Steering
from model.vocabulary import EOS, CharVocabulary

VOCABULARY = CharVocabulary()
FREE = Steering()


class Uniform:
    """Every symbol is equally likely, but for the end token."""

    def __init__(self, end: float = 0.0) -> None:
        self.end = end
        self.rows = 0
        self.seen: list[tuple[list[int], list[list[float]]]] = []

    def start(self, steering: Steering, rows: int) -> None:
        self.rows = rows

    def step(self, ids: Ids, lines_left: Ids, waiting: Floats) -> Floats:
        assert len(ids) == len(lines_left) == len(waiting) == self.rows
        self.seen.append((lines_left.tolist(), waiting.tolist()))
        logits = np.zeros((len(ids), len(VOCABULARY)))
        logits[:, EOS] = self.end
        return logits

    def keep(self, rows: Ids) -> None:
        self.rows = len(rows)


# Steps of a thousandth: differences that a float cannot carry through exp() are no differences.
logits_strategy = st.lists(st.integers(-20_000, 20_000), min_size=2, max_size=30).map(
    lambda row: np.array([row]) / 1000
)


@given(logits_strategy, st.floats(0.1, 2), st.integers(0, 10), st.floats(0.05, 1))
def test_probabilities_sum_to_one_and_keep_the_likeliest(
    logits: Floats, temperature: float, top_k: int, top_p: float
) -> None:
    weights = probabilities(logits, Sampling(temperature, top_k, top_p))
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    # Among equals a nucleus may keep any.
    assert weights[logits == logits.max()].max() == weights.max()


@given(logits_strategy, st.integers(1, 10))
def test_top_k_leaves_k_unless_there_are_ties(logits: Floats, top_k: int) -> None:
    kept = int((probabilities(logits, Sampling(1.0, top_k)) > 0).sum())
    if len(np.unique(logits)) == logits.size:
        assert kept <= top_k


@given(logits_strategy, st.floats(0.05, 0.99))
def test_nucleus_is_the_smallest_set_that_holds_top_p(logits: Floats, top_p: float) -> None:
    full = probabilities(logits, Sampling(1.0))[0]
    kept = probabilities(logits, Sampling(1.0, top_p=top_p))[0] > 0
    assert full[kept].sum() >= top_p - 1e-9
    assert full[kept].sum() - full[kept].min() < top_p + 1e-9


@given(logits_strategy, st.floats(0, 1, exclude_max=True), st.integers(1, 3))
def test_a_draw_never_takes_a_symbol_without_probability(logits: Floats, uniform: float, top_k: int) -> None:
    weights = probabilities(logits, Sampling(0.5, top_k))
    chosen = draw(weights, np.array([uniform]))
    assert weights[0, chosen[0]] > 0


def test_draws_follow_the_probabilities() -> None:
    weights = np.repeat(np.array([[0.1, 0.6, 0.3]]), 20_000, axis=0)
    chosen = draw(weights, np.random.default_rng(0).random(20_000))
    shares = np.bincount(chosen, minlength=3) / 20_000
    assert shares == pytest.approx([0.1, 0.6, 0.3], abs=0.02)


@pytest.mark.parametrize("temperature", [0, -1, 5, 0.05, 2.1, math.nan, math.inf])
def test_temperatures_out_of_range_are_refused(temperature: float) -> None:
    with pytest.raises(BadOption, match="temperature"):
        Sampling(temperature)


@pytest.mark.parametrize("bad", [{"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.5}, {"max_characters": 0}])
def test_other_options_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadOption):
        Sampling(**bad)  # type: ignore[arg-type]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 1000))
def test_no_text_is_longer_than_the_limit(limit: int, rows: int, seed: int) -> None:
    sampling = Sampling(1.0, max_characters=limit)
    found = sample(Uniform(), VOCABULARY, FREE, range(seed, seed + rows), sampling)
    assert all(len(s.text) <= limit for s in found)
    assert all(s.ended or len(s.text) == limit for s in found)


def test_the_same_seed_gives_the_same_text_whatever_its_neighbours() -> None:
    alone = sample(Uniform(), VOCABULARY, FREE, [7], Sampling(1.0))[0]
    among = sample(Uniform(), VOCABULARY, FREE, [1, 7, 3], Sampling(1.0))[1]
    assert alone == among


def test_only_characters_are_written_and_never_nothing() -> None:
    for found in sample(Uniform(end=50.0), VOCABULARY, FREE, range(50), Sampling(1.0)):
        assert len(found.text) == 1
        assert found.ended


def test_rows_that_ended_are_not_stepped_on() -> None:
    stepper = Uniform(end=2.0)
    found = sample(stepper, VOCABULARY, FREE, range(16), Sampling(1.0, max_characters=30))
    assert len({len(s.text) for s in found}) > 1


def test_the_prime_starts_every_text() -> None:
    for found in sample(Uniform(), VOCABULARY, FREE, range(4), Sampling(1.0), prime="kiss me"):
        assert found.text.startswith("kiss me")


def test_nats_are_those_of_temperature_one() -> None:
    found = sample(Uniform(), VOCABULARY, FREE, [1], Sampling(0.2, max_characters=50))[0]
    # 34 printing symbols and line end, plus the end token after the first symbol.
    choices = len(VOCABULARY.alphabet)
    assert math.log(choices) <= found.nats <= math.log(choices + 1)


def test_the_model_is_told_what_is_still_open() -> None:
    """One line fewer after a line end; a keyword is written once the word has ended."""
    steering = Steering(lines=2, keywords=("kiss",), forms=(frozenset({"kiss", "kisses"}),))
    stepper = Uniform()
    sample(stepper, VOCABULARY, steering, [1], Sampling(1.0, max_characters=12), prime="kisses\nme")
    told = [(left[0], waiting[0][0]) for left, waiting in stepper.seen]
    assert told[:10] == [(2, 1.0)] * 7 + [(1, 0.0)] * 3


def test_a_longer_word_is_not_the_keyword() -> None:
    progress = Progress(Steering(keywords=("sea",), forms=(frozenset({"sea"}),)))
    for character in "the season, ":
        progress.add(character)
    assert progress.waiting == [True]
    for character in "sea-green":
        progress.add(character)
    assert progress.waiting == [False]


def test_no_more_lines_than_asked_for() -> None:
    for found in sample(Uniform(), VOCABULARY, Steering(lines=2), range(20), Sampling(1.0)):
        assert found.text.count("\n") <= 1
        assert found.ended or len(found.text) == Sampling().max_characters
