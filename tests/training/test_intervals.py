import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from training.evaluation.intervals import bootstrap, rank_correlation, rank_correlation_interval, wilson


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=30))
def test_rank_correlation_is_spearmans_with_ties(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(first, second).statistic)


@pytest.mark.parametrize(
    ("positive", "total", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_the_literature(
    positive: int, total: int, low: float, high: float
) -> None:
    assert wilson(positive, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_an_interval_holds_its_share(counts: tuple[int, int]) -> None:
    positive, total = counts
    low, high = wilson(positive, total)
    assert 0 <= low <= high <= 1
    assert low <= positive / total + 1e-12
    assert high >= positive / total - 1e-12
    assert not math.isclose(low, high)


@given(st.integers(0, 50), st.integers(1, 50))
def test_who_wants_to_be_surer_gets_a_wider_interval(positive: int, more: int) -> None:
    low, high = wilson(positive, positive + more, 0.99)
    assert low <= wilson(positive, positive + more)[0]
    assert high >= wilson(positive, positive + more)[1]


def test_of_many_samples_without_correlation_one_in_twenty_misses_zero() -> None:
    draw = np.random.default_rng(1)
    missed = 0
    for _ in range(1000):
        rho = rank_correlation(draw.normal(size=60), draw.integers(0, 4, 60))
        assert rho is not None
        low, high = rank_correlation_interval(rho, 60)
        missed += not low <= 0 <= high
    assert 25 <= missed <= 80


@given(st.floats(-1, 1), st.integers(4, 500))
def test_a_correlation_lies_in_its_interval(rho: float, pairs: int) -> None:
    low, high = rank_correlation_interval(rho, pairs)
    assert -1 <= low <= rho <= high <= 1


def test_a_bootstrap_interval_of_a_normal_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(3).normal(size=400)
    low, high = bootstrap(values, 1)
    assert (low, high) == bootstrap(values, 1) != bootstrap(values, 2)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
