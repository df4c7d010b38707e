"""What travels to an engine and back: plain data, so that another process can receive it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from model.explanation import Explanation
from model.recipe import Recipe
from model.request import GenerationRequest
from model.sentence import Sentence


@dataclass(frozen=True)
class SongRequest:
    """One song to write: who asks where, and for what.

    Attributes:
        id: names the request in every log line.
        user: who asks; for the caps.
        server: where, or None in a direct message; for the caps.
        kind: how ("picture", "lyrics", "seed", "menu", "again", "rewrite", "replay", "why").
        generation: what the song should be like, as the sampler gets it.
        caption: of pictures that were looked at before ("another one"), None without.
        captioner: digest of what wrote that caption, "" without one.
        recipe: of a song to write again: ``generation`` is its request, and it brings its own keywords.
        author: who posted the pictures, None without one.
        explain: say why it is as it is, too.
        spoiler: its pictures are hidden until somebody presses them, and so is the song.
        private: only who asks sees it.
    """

    id: str
    user: int
    server: int | None
    kind: str
    generation: GenerationRequest
    caption: str | None = None
    captioner: str = ""
    recipe: Recipe | None = None
    author: int | None = None
    explain: bool = False
    spoiler: bool = False
    private: bool = False


@dataclass(frozen=True)
class SongResult:
    """A song and everything needed to write it again.

    Attributes:
        caption: what the captioner saw; several pictures' captions are joined by "; ".
        keywords: lemmas that steered the stanza.
        lines: as they are shown; never empty.
        generation: as it was written: with the seed of the attempt that passed the word filter, and the
            mood that was asked for or is the picture's. The word filter itself stays behind.
        captioner: digest of the captioner's checkpoint, "" where no picture was read.
        generator: digest of the generator's checkpoint.
        seconds: how long each stage took ("queue", "decode", "caption", "write").
        recipe: see ``model.recipe``; "" from models that have none.
        explanation: why it is as it is, where that was asked for.
        notes: for the log: what was odd about the pictures.
    """

    caption: str | None
    keywords: tuple[str, ...]
    lines: tuple[str, ...]
    generation: GenerationRequest
    captioner: str
    generator: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    recipe: str = ""
    explanation: Explanation | None = None
    notes: tuple[str, ...] = ()


class EngineError(Exception):
    """Why a request got no stanza; the message is one sentence for the person who asked."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)


class Busy(EngineError):
    """The queue or the person's share of it is full.

    Attributes:
        wait: seconds until it is worth trying again.
    """

    def __init__(self, sentence: Sentence, wait: float) -> None:
        super().__init__(sentence)
        self.wait = wait

    def __reduce__(self) -> tuple[type[Busy], tuple[Any, ...]]:
        """Both arguments survive the way between processes."""
        return type(self), (*self.args, self.wait)


class WarmingUp(EngineError):
    """No worker is ready yet."""


class Broken(EngineError):
    """The workers die as soon as they start; an operator has to look."""


class Stopping(EngineError):
    """The program is shutting down."""


class TooSlow(EngineError):
    """The deadline passed: at the download, in the queue or at work."""


class BadPicture(EngineError):
    """A picture that is damaged, too large, of no known format, or crashed a worker."""


class Declined(EngineError):
    """Every attempt met the word filter."""


class Unrepeatable(EngineError):
    """A stanza that these models cannot write again: others wrote it."""


class WorkerFailed(EngineError):
    """A fault of ours; the log has it under the request id."""


class Ticket(Protocol):
    """A place in the queue, which holds while the pictures of a request are on their way."""

    async def write(self, pictures: Sequence[bytes] = ()) -> SongResult:
        """Wait for the song of the request.

        Args:
            pictures: files as they were posted, unchecked beyond their size; the worker decodes them. The
                song is about all of them.

        Raises:
            EngineError: see the classes above.
        """


class Engine(Protocol):
    """Writes songs. Implementations: local worker processes, later a cluster."""

    async def start(self) -> None:
        """Start the workers; return without waiting for them to be ready."""

    def admit(self, request: SongRequest) -> AbstractAsyncContextManager[Ticket]:
        """Hold a place for a request for the time of the block, which the request's deadline ends.

        Raises:
            EngineError: see the classes above.
        """

    async def close(self, grace: float) -> None:
        """Refuse new requests, give those under way ``grace`` seconds, then end the workers."""

    @property
    def ready(self) -> bool:
        """Whether at least one worker can take a request now."""

    @property
    def warming_up(self) -> bool:
        """Whether no worker was ready yet, but one may be soon."""

    @property
    def wait(self) -> float:
        """Seconds until a request that is queued now would be done, estimated."""
