"""Temperature, top-k, nucleus and the draw itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadOption
from model.sampling import Floats, Sampling, draw, log_probabilities, probabilities

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


@given(logits_strategy)
def test_log_probabilities_are_those_of_temperature_one(logits: Floats) -> None:
    assert np.exp(log_probabilities(logits)) == pytest.approx(probabilities(logits, Sampling(1.0)))
