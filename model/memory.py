"""What loading takes for a moment goes back to the system when it is done."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# mallopt(3): blocks of this size and more are mapped on their own, and leave when they are freed.
_M_MMAP_THRESHOLD, _MAPPED_BYTES, _MOST_BYTES = -3, 2**17, 2**25


@contextmanager
def given_back() -> Iterator[None]:
    """Have glibc map the block's large arrays on their own, and after it keep nothing that is free.

    Elsewhere than in glibc nothing is done.
    """
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    except (AttributeError, OSError, TypeError):
        yield
        return
    try:
        yield
    finally:
        # Mapping every array of a run would cost time: as much as glibc itself goes up to.
        libc.mallopt(_M_MMAP_THRESHOLD, _MOST_BYTES)
        with suppress(AttributeError):
            libc.malloc_trim(0)


def map_large_blocks() -> None:
    """Have glibc map large blocks on their own for good: for a process that takes them rarely."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
