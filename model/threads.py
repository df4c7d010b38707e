"""How many threads a model gets."""

from __future__ import annotations

import os

# More do not pay at these sizes.
MAX_THREADS = 2


def threads() -> int:
    """How many share a picture's work where nothing else is to be done."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # Not on macOS and Windows.
        allowed = os.cpu_count() or 1
    return min(MAX_THREADS, allowed)


def limit_threads() -> None:
    """Keep torch from taking every core."""
    import torch

    torch.set_num_threads(threads())
