"""One bot a database: a lock file beside it, held for as long as the process lives."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.store.errors import DatabaseInUse
from bot.store.files import translated

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Readable for whoever asks which process it is; it says nothing else.
_MODE = 0o644
# On Windows what is locked cannot be read, so that is a byte far behind the number.
_FAR = 2**30
_DIGITS = 20


def lock_file(path: Path) -> Path:
    """The file beside a database that its bot holds locked; it stays when the bot has ended."""
    return path.with_name(f"{path.name}.lock")


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Be the only bot on a database for the time of the block.

    It is the operating system that holds the lock: whatever ends the process, also a crash, gives
    it back. Commands that read, or write for a moment, need no claim.

    Raises:
        DatabaseInUse: another process has it.
        BadStore: there can be no file beside the database.
    """
    with translated(path):
        # Nothing that is started inherits it, so no worker keeps the lock of a bot that has gone.
        descriptor = os.open(lock_file(path), os.O_RDWR | os.O_CREAT, _MODE)
    try:
        if not _locked(descriptor):
            raise DatabaseInUse(path, os.read(descriptor, _DIGITS).decode(errors="replace").strip())
        with translated(path):
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock, if nobody has it."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
