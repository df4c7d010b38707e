"""Where the models lie, and files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Those that ship with the program.
CHECKPOINTS = Path(__file__).parent.parent / "data" / "checkpoints"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, flush it to the disk, rename it there.

    Raises:
        OSError: it cannot be written; the error names the file.
    """
    try:
        with replacing(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        # A full disk alone does not say what was being written.
        error.filename = error.filename or str(path)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place beside a file's to write to; it becomes the file where the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        # To be written to, which Windows wants of what is flushed.
        with partial.open("r+b") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
