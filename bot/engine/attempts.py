"""From a batch of requests to their songs: what is on the pictures, attempts, and the word filter's verdict.

One request that fails is a value and disturbs no other.
"""

from __future__ import annotations

import random
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from bot.engine.notes import noted
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
from model.description import Description
from model.errors import BadInput, BadOption
from model.explanation import Explanation
from model.recipe import Recipe
from model.request import GenerationRequest
from model.sentence import say, sentence_of
from model.text import fold, words

# So many songs are remembered.
_RECENT = 100

_PICTURE = say("The picture")
_TOO_HEAVY = say("{name} needs too much memory: make it smaller.")
_UNSUNG = say("That song has words that I do not sing here.")
_NO_LUCK = say("No stanza came out that I would sing in public: try again, or something else.")


@dataclass(frozen=True)
class Order:
    """What a worker is sent.

    Attributes:
        request: what is asked for.
        pictures: files as they were posted.
        seconds: in which it has to be started.
    """

    request: SongRequest
    pictures: tuple[bytes, ...] = ()
    seconds: float = 60.0


@dataclass
class RequestState:
    """A request on its way to a song.

    Attributes:
        request: what is asked for.
        until: when it has to be started, in the monotonic clock's seconds.
        generation: of the next attempt, with its seed.
        description: what is on its pictures, or was known before.
        seconds: how long each stage took.
        outcome: a song or an error, once there is one.
        spare: a song that has a line of the last ones, should nothing better come.
        notes: for the log.
    """

    request: SongRequest
    until: float
    generation: GenerationRequest
    description: Description = field(default_factory=Description)
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: SongResult | EngineError | None = None
    spare: SongResult | None = None
    notes: tuple[str, ...] = ()

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Whatever goes wrong in the block is this request's outcome, and nobody else's."""
        try:
            yield
        except EngineError as error:
            self.outcome = error
        except BadOption as error:
            self.outcome = WorkerFailed(sentence_of(error))
        except Exception as error:
            self.outcome = WorkerFailed(FAILED)
            self.outcome.add_note(trace(error))

    def start(self) -> None:
        """Begin with what is asked for.

        Raises:
            TooSlow: it is too late for that.
        """
        if time.monotonic() > self.until:
            raise TooSlow(TOO_SLOW)


@dataclass(frozen=True)
class Written:
    """A song as models hand it over.

    Attributes:
        lines: as they are shown.
        keywords: lemmas that steered it.
        generation: as it was written.
        recipe: see ``model.recipe``.
        explanation: where the request asks for one.
    """

    lines: Sequence[str]
    keywords: tuple[str, ...]
    generation: GenerationRequest
    recipe: str = ""
    explanation: Explanation | None = None


class Models(Protocol):
    """What a loader returns.

    Attributes:
        device: where they run.
        captioner: digest of the captioner's checkpoint.
        generator: digest of the generator's checkpoint.
        origin: digest of all files that decide what is written, see ``model.recipe``.
        backend: what runs the generator, see ``model.recipe``.
    """

    device: str
    captioner: str
    generator: str
    origin: str
    backend: str

    def warm_up(self) -> None:
        """Do everything once, so that the first request is no slower than the second."""

    def decode(self, picture: bytes) -> Any:
        """A file -> what ``describe`` takes.

        Raises:
            BadInput: it is no picture that can be used.
        """

    def describe(self, pictures: Sequence[Any]) -> Description:
        """Decoded pictures -> what is on them."""

    def write(self, states: Sequence[RequestState]) -> list[Written]:
        """A song for each request, all drawn in one batch.

        Raises:
            BadOption: one of them asks for something that cannot be had.
        """


class Attempts:
    """Writes batches of requests.

    Args:
        models: what describes and writes.
        attempts: songs to try before the word filter's refusal is final.
    """

    def __init__(self, models: Models, attempts: int) -> None:
        self.models, self._attempts = models, attempts
        # What the last songs were about, their seeds, and their lines.
        self.recent: deque[tuple[tuple[str, ...], int, frozenset[str]]] = deque(maxlen=_RECENT)

    def write(self, orders: Sequence[Order]) -> list[SongResult | EngineError]:
        """A result or an error for each order. An unexpected error carries its trace as a note."""
        started = time.monotonic()
        states = [
            RequestState(order.request, started + order.seconds, order.request.generation) for order in orders
        ]
        for state, order in zip(states, orders, strict=True):
            with state.settled():
                self._prepare(state, order.pictures)
        for seeds in zip(*(self._seeds(order.request.generation.seed) for order in orders), strict=True):
            open_ones = []
            for state, seed in zip(states, seeds, strict=True):
                if state.outcome is None:
                    with state.settled():
                        state.start()
                        state.generation = replace(state.request.generation, seed=seed)
                        open_ones.append(state)
            self._attempt(open_ones)
        outcomes = [state.outcome or state.spare or Declined(_NO_LUCK) for state in states]
        for state, outcome in zip(states, outcomes, strict=True):
            if isinstance(outcome, SongResult):
                seed = state.request.generation.seed
                self.recent.append((outcome.keywords, seed, frozenset(outcome.lines)))
        return outcomes

    def _prepare(self, state: RequestState, pictures: Sequence[bytes]) -> None:
        """Find out what the song is about."""
        request, forbidden = state.request, state.generation.forbidden
        state.start()
        if is_forbidden(request.generation.prompt, forbidden):
            raise Declined(say("I do not sing about that: try another word."))
        described = self._look(state, pictures) if pictures else Description(request.caption)
        text = described.text if described.text is None else _without(described.text, request)
        keywords = self._known(request.recipe, forbidden) if request.recipe else None
        state.description = replace(described, text=text, keywords=keywords)

    def _known(self, recipe: Recipe, forbidden: frozenset[str]) -> tuple[str, ...]:
        """The keywords of a song that is to be written again."""
        try:
            recipe.check(self.models.origin, self.models.backend)
        except BadInput as error:
            raise Unrepeatable(sentence_of(error)) from error
        if is_forbidden("\n".join([recipe.request.prompt, *recipe.keywords]), forbidden):
            raise Declined(_UNSUNG)
        return recipe.keywords

    def _look(self, state: RequestState, pictures: Sequence[bytes]) -> Description:
        """Decode pictures and say what is on them."""
        began = time.monotonic()
        with noted() as notes:
            decoded = self._decoded(pictures)
            opened = time.monotonic()
            described = self.models.describe(decoded)
        state.notes = tuple(notes)
        state.seconds.update(decode=opened - began, caption=time.monotonic() - opened)
        return described

    def _decoded(self, pictures: Sequence[bytes]) -> list[Any]:
        decoded = []
        for number, picture in enumerate(pictures, start=1):
            name = _PICTURE if len(pictures) == 1 else say("Picture {number}", number=number)
            try:
                decoded.append(self.models.decode(picture))
            except BadInput as error:
                raise BadPicture(sentence_of(error).filled(name=name)) from error
            except MemoryError as error:
                raise BadPicture(_TOO_HEAVY.filled(name=name)) from error
        return decoded

    def _attempt(self, states: Sequence[RequestState]) -> None:
        """Write songs in one batch; one by one, where that fails."""
        if not states:
            return
        began = time.monotonic()
        try:
            written = self.models.write(states)
        except Exception:
            for state in states:
                with state.settled():
                    self._judge(state, self.models.write([state])[0], began)
            return
        for state, one in zip(states, written, strict=True):
            self._judge(state, one, began)

    def _judge(self, state: RequestState, written: Written, began: float) -> None:
        """A song without forbidden words is the outcome."""
        request = state.request
        state.seconds["write"] = state.seconds.get("write", 0.0) + time.monotonic() - began
        if is_forbidden("\n".join(written.lines), request.generation.forbidden):
            # Another attempt would be another song.
            state.outcome = Declined(_UNSUNG) if request.recipe else None
            return
        result = SongResult(
            state.description.text,
            written.keywords,
            tuple(written.lines),
            replace(written.generation, forbidden=frozenset()),
            state.description.captioner,
            self.models.generator,
            state.seconds,
            written.recipe,
            written.explanation,
            state.notes,
        )
        if request.recipe is None and self._has_been_sung(state, result):
            # Another attempt has other lines; its recipe has that attempt's seed.
            state.spare = state.spare or result
        else:
            state.outcome = result

    def _has_been_sung(self, state: RequestState, result: SongResult) -> bool:
        """Whether one of the last songs about something else has one of the lines, or one about the same
        has all of them; asked for again with its seed, a song is the same.
        """
        lines, seed = frozenset(result.lines), state.request.generation.seed
        return any(
            (other_seed != seed and had == lines) if about == result.keywords else not had.isdisjoint(lines)
            for about, other_seed, had in self.recent
        )

    def _seeds(self, first: int) -> Iterator[int]:
        """The first seed and those after it, one an attempt; always the same ones."""
        yield first
        source = random.Random(first)
        for _ in range(self._attempts - 1):
            yield source.getrandbits(32)


def trace(error: Exception) -> str:
    """Where an error came from and its kind; not its message, which may quote a request."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__


def _without(caption: str, request: SongRequest) -> str:
    """A caption without its forbidden words."""
    forbidden = request.generation.forbidden
    kept = " ".join(word for word in caption.split() if not is_forbidden(word, forbidden))
    if not words(fold(kept)) and words(fold(caption)) and not request.generation.prompt:
        raise Declined(say("I do not sing about that: try another picture."))
    return kept
