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
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bot.engine.requests import (
    BadPicture,
    Declined,
    EngineError,
    SongRequest,
    SongResult,
    TooSlow,
    Unrepeatable,
    WorkerFailed,
)
from bot.engine.sentences import FAILED, TOO_SLOW
from bot.wordfilter import is_forbidden
from model.errors import BadInput, BadOption
from model.explanation import Explanation
from model.mood import MOODS, takes_picture
from model.recipe import Recipe
from model.text import fold, words

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

# So many stanzas are remembered.
_RECENT = 100

_SECRETS = "DISCORD_TOKEN"
_UNSUNG = "That song has words that I do not sing here."
_NO_LUCK = "No stanza came out that I would sing in public: try again, or something else."


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


@dataclass
class RequestState:
    """A request on its way to a stanza.

    Attributes:
        request: what is asked for.
        until: when it has to be started, in the monotonic clock's seconds.
        caption: what is on its pictures, or was known before.
        keywords: lemmas that steer the stanza.
        mood: as asked, or its pictures'.
        seed: of the next attempt.
        seconds: how long each stage took.
        outcome: a stanza or an error, once there is one.
        spare: a stanza that has a line of the last ones, should nothing better come.
    """

    request: SongRequest
    until: float
    caption: str | None = None
    keywords: tuple[str, ...] = ()
    mood: str | None = None
    seed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: SongResult | EngineError | None = None
    spare: SongResult | None = None

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Whatever goes wrong in the block is this draft's outcome, and nobody else's."""
        try:
            yield
        except EngineError as error:
            self.outcome = error
        except BadOption as error:
            self.outcome = WorkerFailed(str(error))
        except Exception as error:
            self.outcome = WorkerFailed(FAILED)
            self.outcome.add_note(trace(error))


@dataclass(frozen=True)
class Written:
    """A stanza as models hand it over.

    Attributes:
        lines: as they are shown.
        recipe: see ``model.recipe``.
        explanation: where the request asks for one.
    """

    lines: Sequence[str]
    recipe: str = ""
    explanation: Explanation | None = None


class Models(Protocol):
    """What a loader returns.

    Attributes:
        device: where they run.
        captioner: digest of the captioner's checkpoint.
        generator: digest of the generator's checkpoint.
        origin: digest of all files that decide what is written, see ``model.recipe``.
        engine: what runs the generator, see ``model.recipe``.
    """

    device: str
    captioner: str
    generator: str
    origin: str
    engine: str

    def warm_up(self) -> None:
        """Do everything once, so that the first request is no slower than the second."""

    def decode(self, picture: bytes) -> Any:
        """A file -> what ``caption`` takes.

        Raises:
            BadInput: it is no picture that can be used.
        """

    def caption(self, picture: Any) -> str:
        """A decoded picture -> what is on it."""

    def mood(self, picture: Any, caption: str) -> str | None:
        """The mood that a decoded picture suggests, if any."""

    def keywords(self, caption: str | None, prompt: str) -> Sequence[str]:
        """The lemmas that steer, the most telling first."""

    def write(self, states: Sequence[RequestState]) -> list[Written]:
        """A stanza for each draft, all drawn in one batch.

        Raises:
            BadOption: one of them asks for something that cannot be had.
        """


@dataclass
class _State:
    models: Models | None = None
    attempts: int = 1
    # What the last stanzas were asked for, and their lines, which others do not share.
    recent: deque[tuple[tuple[tuple[str, ...], int], frozenset[str]]] = field(
        default_factory=lambda: deque(maxlen=_RECENT)
    )


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
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    _lower("RLIMIT_CORE", 0)
    _lower("RLIMIT_FSIZE", MAX_FILE)
    _lower("RLIMIT_NOFILE", MAX_FILES_OPEN)
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
    models, started = _state.models, time.monotonic()
    states = [
        RequestState(
            request,
            started + seconds,
            request.caption,
            mood=request.mood if request.mood in MOODS else None,
            seed=request.seed,
        )
        for request, seconds in zip(requests, left, strict=True)
    ]
    for state in states:
        with state.settled():
            _prepare(models, state)
    for seeds in zip(*(_seeds(request.seed) for request in requests), strict=True):
        open_ones = []
        for state, state.seed in zip(states, seeds, strict=True):
            if state.outcome is None:
                with state.settled():
                    _in_time(state.until)
                    open_ones.append(state)
        _attempt(models, open_ones)
    outcomes = [state.outcome or state.spare or Declined(_NO_LUCK) for state in states]
    for state, outcome in zip(states, outcomes, strict=True):
        if isinstance(outcome, SongResult):
            _state.recent.append((_asked(state), frozenset(outcome.lines)))
    return outcomes


def trace(error: Exception) -> str:
    """Where an error came from and its kind; not its message, which may quote a request."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__


def _prepare(models: Models, state: RequestState) -> None:
    """Look at the pictures and find the words that steer."""
    request = state.request
    _in_time(state.until)
    if is_forbidden(request.prompt, request.forbidden):
        raise Declined("I do not sing about that: try another word.")
    if request.pictures:
        _look(models, state)
    if state.caption is not None:
        state.caption = _without(state.caption, request)
    if request.replay is not None:
        state.keywords = _again(models, request.replay, request.forbidden)
        return
    found = models.keywords(state.caption, request.prompt)
    state.keywords = tuple(word for word in found if not is_forbidden(word, request.forbidden))


def _attempt(models: Models, states: Sequence[RequestState]) -> None:
    """Write stanzas in one batch; one by one, where that fails."""
    if not states:
        return
    began = time.monotonic()
    try:
        written = models.write(states)
    except Exception:
        for state in states:
            with state.settled():
                _judge(models, state, models.write([state])[0], began)
        return
    for state, one in zip(states, written, strict=True):
        _judge(models, state, one, began)


def _again(models: Models, recipe: Recipe, forbidden: frozenset[str]) -> tuple[str, ...]:
    """The keywords of a stanza that is to be written again."""
    try:
        recipe.check(models.origin, models.engine)
    except BadInput as error:
        raise Unrepeatable(str(error)) from error
    if is_forbidden("\n".join([recipe.request.prompt, *recipe.keywords]), forbidden):
        raise Declined(_UNSUNG)
    return recipe.keywords


def _judge(models: Models, state: RequestState, written: Written, began: float) -> None:
    """A stanza without forbidden words is the outcome."""
    request = state.request
    state.seconds["write"] = state.seconds.get("write", 0.0) + time.monotonic() - began
    if is_forbidden("\n".join(written.lines), request.forbidden):
        # Another attempt would be another stanza.
        state.outcome = Declined(_UNSUNG) if request.replay else None
        return
    result = SongResult(
        state.caption,
        state.keywords,
        tuple(written.lines),
        state.seed,
        request.temperature,
        models.captioner if request.pictures else "",
        models.generator,
        state.seconds,
        written.recipe,
        state.mood,
        written.explanation,
    )
    if request.replay is None and _has_been_sung(state, written.lines):
        # Another attempt has other lines; its recipe has that attempt's random seed.
        state.spare = state.spare or result
    else:
        state.outcome = result


def _asked(state: RequestState) -> tuple[tuple[str, ...], int]:
    """What makes a request another one: asked for again, a stanza is the same."""
    return state.keywords, state.request.seed


def _has_been_sung(state: RequestState, lines: Sequence[str]) -> bool:
    """Whether one of the last stanzas about something else has one of the lines."""
    return any(asked != _asked(state) and not had.isdisjoint(lines) for asked, had in _state.recent)


def _look(models: Models, state: RequestState) -> None:
    """Caption the pictures, and take the mood of the first one that has any and is to give it."""
    pictures, seconds = state.request.pictures, state.seconds
    seconds.update(decode=0.0, caption=0.0)
    captions, mood = [], None
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
        if takes_picture(state.request.mood, captions[-1]):
            mood = mood or models.mood(decoded, captions[-1])
        seconds["decode"] += opened - began
        seconds["caption"] += time.monotonic() - opened
    state.caption = "; ".join(captions)
    if takes_picture(state.request.mood, state.caption):
        state.mood = mood


def _without(caption: str, request: SongRequest) -> str:
    """A caption without its forbidden words."""
    kept = " ".join(word for word in caption.split() if not is_forbidden(word, request.forbidden))
    if not words(fold(kept)) and words(fold(caption)) and not request.prompt:
        raise Declined("I do not sing about that: try another picture.")
    return kept


def _seeds(first: int) -> Iterator[int]:
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
