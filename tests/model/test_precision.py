"""That training takes the arithmetic that is faster where it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from model.precision import bfloat16_gain, native_bfloat16

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _measured_anew() -> Iterator[None]:
    bfloat16_gain.cache_clear()
    yield
    bfloat16_gain.cache_clear()


@pytest.mark.parametrize(
    ("made_for_it", "seconds", "taken"),
    [(True, 0.5, True), (True, 1.0, False), (True, 2.0, False), (False, 0.5, False)],
)
def test_a_cpu_takes_bfloat16_only_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, made_for_it: bool, seconds: float, taken: bool
) -> None:
    took = {torch.float32: 1.0, torch.bfloat16: seconds}
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: made_for_it, raising=False)
    monkeypatch.setattr("model.precision._seconds", took.__getitem__)
    assert native_bfloat16(CPU) == taken


def test_it_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = bfloat16_gain()
    monkeypatch.setattr("model.precision._seconds", None)
    assert bfloat16_gain() == measured >= 0


def test_a_gpu_is_fast_at_it() -> None:
    assert native_bfloat16(torch.device("cuda"))
