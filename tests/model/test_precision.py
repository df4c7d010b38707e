"""That training takes the arithmetic that is faster where it runs."""

from __future__ import annotations

import time

import pytest
import torch

from model.precision import bfloat16_gain, native_bfloat16


def seconds(kind: torch.dtype) -> float:
    rows, matrix = torch.ones((64, 512), dtype=kind), torch.ones((512, 2048), dtype=kind)
    found = []
    for _ in range(4):
        began = time.perf_counter()
        rows @ matrix
        found.append(time.perf_counter() - began)
    return min(found)


def test_bfloat16_is_not_taken_where_it_is_slower() -> None:
    gain = seconds(torch.float32) / seconds(torch.bfloat16)
    if 0.8 < gain < 1.6:
        pytest.skip("they are equally fast here, but for noise")
    assert native_bfloat16(torch.device("cpu")) == (gain > 1 and bfloat16_gain() > 0)


def test_it_is_measured_once() -> None:
    bfloat16_gain()
    began = time.perf_counter()
    assert bfloat16_gain() == bfloat16_gain()
    assert time.perf_counter() - began < 0.001


def test_a_gpu_is_fast_at_it() -> None:
    assert native_bfloat16(torch.device("cuda"))
