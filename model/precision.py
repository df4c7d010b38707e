"""Which arithmetic a device is fast at."""

from __future__ import annotations

import time
from functools import cache

import torch

# A product as long as a training step's, and few enough of them that nobody waits for it.
_ROWS, _SIZE, _TIMES = 64, 512, 5
# bfloat16 keeps three digits: for less gain than this it is not worth it.
_GAIN = 1.2


def native_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 pays: on GPUs, and on CPUs where it is measured to be faster.

    Instructions for it are not enough: on an Intel Xeon that has them, products in float32 were
    half as fast again; and a CPU without them takes hundreds of times as long.
    """
    return device.type == "cuda" or bfloat16_gain() >= _GAIN


@cache
def bfloat16_gain() -> float:
    """How many times as many products a CPU does in bfloat16 as in float32; 0 where it is not made for it."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return _seconds(torch.float32) / _seconds(torch.bfloat16) if supported() else 0.0


def _seconds(kind: torch.dtype) -> float:
    """Of a product, the fastest of some: others may want the core, too."""
    rows, matrix = torch.ones((_ROWS, _SIZE), dtype=kind), torch.ones((_SIZE, 4 * _SIZE), dtype=kind)
    found = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        rows @ matrix
        found.append(time.perf_counter() - began)
    # The first one also prepares the code.
    return min(found[1:])
