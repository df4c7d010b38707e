"""What a worker gives up before it decodes strangers' pictures: secrets, rights, memory, its parent's end."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import threading
from pathlib import Path

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]

# What a worker may need beyond its models: a picture of 50 million pixels with
# transparency takes 400 MiB for a moment, a batch of candidates some more.
MEMORY_HEADROOM = 2**30
# A worker writes no files; the little that is left is for the system's semaphores.
MAX_FILE = 2**20
# Checkpoints, the device and pipes.
MAX_FILES_OPEN = 256

# How far workers stand back behind the process that talks to Discord.
NICENESS = 5

_SECRETS = "DISCORD_TOKEN"


def confine() -> None:
    """Give up what a worker does not need. The first thing that runs in the process."""
    for name in [name for name in os.environ if name.startswith(_SECRETS)]:
        del os.environ[name]
    # More threads than one do not pay at these sizes, and the cores are shared.
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.dont_write_bytecode = True
    # The gateway's event loop comes first where a core is short.
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    _lower("RLIMIT_CORE", 0)
    _lower("RLIMIT_FSIZE", MAX_FILE)
    _lower("RLIMIT_NOFILE", MAX_FILES_OPEN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End with the process that started this one, also where that was killed.

    The kernel's own signal for it (PR_SET_PDEATHSIG) comes when the *thread* that started
    the process ends.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cap_memory() -> None:
    """Limit private memory to what is in use now and some headroom (Linux only).

    Address space is no measure: gigabytes are mapped that are never touched.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return
    if used := re.search(r"^VmData:\s+(\d+) kB", status, re.MULTILINE):
        _lower("RLIMIT_DATA", int(used[1]) * 1024 + MEMORY_HEADROOM)


def _lower(name: str, value: int) -> None:
    """Lower a limit, where the system has it."""
    if resource is None:
        return
    kind = getattr(resource, name)
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
