"""Where the models lie, and files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

# Those that ship with the program.
CHECKPOINTS = Path(__file__).parent.parent / "data" / "checkpoints"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, flush it to the disk, rename it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
