"""What runs in a worker process. It decodes strangers' pictures: no secrets, few rights.

The parent imports this module too, to name the functions, so the models are imported only
when ``load`` runs.
"""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
import random
import re
import resource
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bot.engine.requests import (
    BadPicture,
    Declined,
    EngineError,
    SongRequest,
    SongResult,
    TooSlow,
    WorkerFailed,
)
from bot.engine.sentences import FAILED, TOO_SLOW
from model.errors import BadInput, BadOption
from model.text import fold, words

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
_INSIDE_WORD = re.compile("['-]")


@dataclass(frozen=True)
class Setup:
    """How a worker is set up.

    Attributes:
        loader: importable name ("package.module:function") of what takes this and returns ``Models``.
        number: which worker this is, from 0.
        device: "auto", "cpu" or "cuda".
        checkpoints: folder with the models, or None for those that ship.
        max_pixels: larger pictures are refused.
        attempts: stanzas to try before the word filter's refusal is final.
    """

    loader: str
    number: int
    device: str
    checkpoints: Path | None
    max_pixels: int
    attempts: int


@dataclass(frozen=True)
class Ready:
    """A worker that has loaded and warmed up.

    Attributes:
        process: its process id.
        device: "cpu", "cuda:0", …
        captioner: digest of the captioner's checkpoint.
        generator: digest of the generator's checkpoint.
    """

    process: int
    device: str
    captioner: str
    generator: str


class Models(Protocol):
    """What a loader returns.

    Attributes:
        device: where they run.
        captioner: digest of the captioner's checkpoint.
        generator: digest of the generator's checkpoint.
    """

    device: str
    captioner: str
    generator: str

    def warm_up(self) -> None:
        """Do everything once, so that the first request is no slower than the second."""

    def decode(self, picture: bytes) -> Any:
        """A file -> what ``caption`` takes.

        Raises:
            BadInput: it is no picture that can be used.
        """

    def caption(self, picture: Any) -> str:
        """A decoded picture -> what is on it."""

    def keywords(self, caption: str | None, seed: str) -> Sequence[str]:
        """The lemmas that steer, the most telling first."""

    def write(self, keywords: Sequence[str], request: SongRequest, random_seed: int) -> Sequence[str]:
        """Lines of a stanza.

        Raises:
            BadOption: the request asks for something that cannot be had.
        """


@dataclass
class _State:
    models: Models | None = None
    attempts: int = 1


# A pool's task is a function by name: what a process loads once can only live here.
_state = _State()


def confine() -> None:
    """Give up what a worker does not need. The first thing that runs in the process."""
    for name in [name for name in os.environ if name.startswith(_SECRETS)]:
        del os.environ[name]
    # More threads than one do not pay at these sizes, and the cores are shared.
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.dont_write_bytecode = True
    # The gateway's event loop comes first where a core is short.
    os.nice(NICENESS)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, MAX_FILE)
    _lower(resource.RLIMIT_NOFILE, MAX_FILES_OPEN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def load(setup: Setup) -> Ready:
    """Load the models and run them once."""
    models: Models = pkgutil.resolve_name(setup.loader)(setup)
    models.warm_up()
    if models.device == "cpu":
        _cap_memory()
    _state.models, _state.attempts = models, setup.attempts
    return Ready(os.getpid(), models.device, models.captioner, models.generator)


def write_batch(requests: Sequence[SongRequest], left: Sequence[float]) -> list[SongResult | EngineError]:
    """Write one stanza a request; one that fails is a value and disturbs no other.

    Args:
        requests: any number.
        left: for each the seconds in which it has to be started.

    Returns:
        a result or an error for each, in order. An unexpected error carries its trace as
        a note.
    """
    if _state.models is None:
        raise RuntimeError("load() has to run first")
    started = time.monotonic()
    return [
        _attempted(_state.models, request, started + seconds)
        for request, seconds in zip(requests, left, strict=True)
    ]


def _attempted(models: Models, request: SongRequest, until: float) -> SongResult | EngineError:
    try:
        return _song(models, request, until)
    except EngineError as error:
        return error
    except BadOption as error:
        return WorkerFailed(str(error))
    except Exception as error:
        failed = WorkerFailed(FAILED)
        failed.add_note(trace(error))
        return failed


def trace(error: Exception) -> str:
    """Where an error came from and its kind; not its message, which may quote a request."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__


def _song(models: Models, request: SongRequest, until: float) -> SongResult:
    _in_time(until)
    seconds: dict[str, float] = {}
    if _spoken(request.seed) & request.forbidden:
        raise Declined("I do not sing about that: try another word.")
    caption = request.caption
    if request.pictures:
        caption = _look(models, request.pictures, seconds)
    if caption is not None:
        caption = _without(caption, request)
    found = models.keywords(caption, request.seed)
    keywords = tuple(word for word in found if not _spoken(word) & request.forbidden)
    began = time.monotonic()
    for random_seed in _random_seeds(request.random_seed):
        _in_time(until)
        lines = tuple(models.write(keywords, request, random_seed))
        if not _spoken("\n".join(lines)) & request.forbidden:
            seconds["write"] = time.monotonic() - began
            captioner = models.captioner if request.pictures else ""
            return SongResult(
                caption,
                keywords,
                lines,
                random_seed,
                request.temperature,
                captioner,
                models.generator,
                seconds,
            )
    raise Declined("No stanza came out that I would sing in public: try again, or something else.")


def _look(models: Models, pictures: Sequence[bytes], seconds: dict[str, float]) -> str:
    """The pictures' captions, joined; adds the time of each stage to ``seconds``."""
    seconds.update(decode=0.0, caption=0.0)
    captions = []
    for number, picture in enumerate(pictures, start=1):
        name = "The picture" if len(pictures) == 1 else f"Picture {number}"
        began = time.monotonic()
        try:
            decoded = models.decode(picture)
        except BadInput as error:
            raise BadPicture(str(error).replace("The picture", name, 1)) from error
        except MemoryError as error:
            raise BadPicture(f"{name} needs too much memory: make it smaller.") from error
        opened = time.monotonic()
        captions.append(models.caption(decoded))
        seconds["decode"] += opened - began
        seconds["caption"] += time.monotonic() - opened
    return "; ".join(captions)


def _without(caption: str, request: SongRequest) -> str:
    """A caption without its forbidden words."""
    kept = " ".join(word for word in caption.split() if not _spoken(word) & request.forbidden)
    if not words(fold(kept)) and words(fold(caption)) and not request.seed:
        raise Declined("I do not sing about that: try another picture.")
    return kept


def _spoken(text: str) -> set[str]:
    """The words of a text, and the parts of those with a hyphen or an apostrophe."""
    found = words(fold(text))
    return {*found, *(part for word in found for part in _INSIDE_WORD.split(word))}


def _random_seeds(first: int) -> Iterator[int]:
    """The first random seed and those after it, one an attempt; always the same ones."""
    yield first
    source = random.Random(first)
    for _ in range(_state.attempts - 1):
        yield source.getrandbits(32)


def _in_time(until: float) -> None:
    if time.monotonic() > until:
        raise TooSlow(TOO_SLOW)


def _end_with_parent() -> None:
    """End with the process that started this one, also where that was killed.

    The kernel's own signal for it (PR_SET_PDEATHSIG) comes when the *thread* that started
    the process ends.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _cap_memory() -> None:
    """Limit private memory to what is in use now and some headroom (Linux only).

    Address space is no measure: torch maps gigabytes that it never touches.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return
    if used := re.search(r"^VmData:\s+(\d+) kB", status, re.MULTILINE):
        _lower(resource.RLIMIT_DATA, int(used[1]) * 1024 + MEMORY_HEADROOM)


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
