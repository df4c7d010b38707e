"""What travels to an engine and back: plain data, so that another process can receive it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from model.conditioning import DEFAULT_STYLE
from model.explanation import Explanation
from model.recipe import Recipe


@dataclass(frozen=True)
class SongRequest:
    """One stanza to write.

    Attributes:
        request_id: names the request in every log line.
        user: who asks; for the caps.
        server: where, or None in a direct message; for the caps.
        seed: 0 to 2**32 - 1; with the same models it gives the same stanza.
        temperature: 0.1 to 1.2.
        pictures: files as they were posted, unchecked beyond their size; the worker decodes
            them. The stanza is about all of them.
        caption: a caption known from before, instead of pictures ("another one").
        prompt: the stanza starts with it; folded and checked, "" for none.
        style: one of ``model.conditioning.STYLES``.
        mood: one of ``model.mood.MOODS``, ``PICTURE`` to take that of its pictures, ``NONE`` for none,
            or None to take it of those on which nothing is named.
        lines: 1 to 4.
        forbidden: folded words that the stanza must not contain.
        scheme: one of ``model.rhyme.SCHEMES``, or None: rhymed where it is cheap.
        syllables: of every line, 3 to 14, or None.
        replay: a stanza to write again, instead of all that describes one above.
        explain: say why it is as it is, too.
    """

    request_id: str
    user: int
    server: int | None
    seed: int
    temperature: float
    pictures: tuple[bytes, ...] = ()
    caption: str | None = None
    prompt: str = ""
    style: str = DEFAULT_STYLE
    mood: str | None = None
    lines: int = 4
    forbidden: frozenset[str] = frozenset()
    scheme: str | None = None
    syllables: int | None = None
    replay: Recipe | None = None
    explain: bool = False


@dataclass(frozen=True)
class SongResult:
    """A stanza and everything needed to write it again.

    Attributes:
        caption: what the captioner saw; several pictures' captions are joined by "; ".
        keywords: lemmas that steered the stanza.
        lines: as they are shown; never empty.
        seed: of the attempt that passed the word filter.
        temperature: as asked.
        mood: as asked, or the picture's.
        captioner: digest of the captioner's checkpoint, "" where no picture was read.
        generator: digest of the generator's checkpoint.
        seconds: how long each stage took ("queue", "decode", "caption", "write").
        recipe: see ``model.recipe``; "" from models that have none.
        explanation: why it is as it is, where that was asked for.
    """

    caption: str | None
    keywords: tuple[str, ...]
    lines: tuple[str, ...]
    seed: int
    temperature: float
    captioner: str
    generator: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    recipe: str = ""
    mood: str | None = None
    explanation: Explanation | None = None


# Downloads the pictures of a request, once it has its place in the queue.
Fetch = Callable[[], Awaitable[Sequence[bytes]]]


class EngineError(Exception):
    """Why a request got no stanza; the message is one sentence for the person who asked."""


class Busy(EngineError):
    """The queue or the person's share of it is full.

    Attributes:
        wait: seconds until it is worth trying again.
    """

    def __init__(self, sentence: str, wait: float) -> None:
        super().__init__(sentence)
        self.wait = wait

    def __reduce__(self) -> tuple[type[Busy], tuple[str, float]]:
        """Both arguments survive the way between processes."""
        return type(self), (str(self), self.wait)


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


class Engine(Protocol):
    """Writes stanzas. Implementations: inline (tests), local worker processes, later a cluster."""

    async def start(self) -> None:
        """Start the workers; return without waiting for them to be ready."""

    async def write(self, request: SongRequest, fetch: Fetch | None = None) -> SongResult:
        """Queue a request and wait for its stanza.

        Args:
            request: what is asked for.
            fetch: called for its pictures where they are still to be downloaded; only once the
                request is admitted, and within its deadline.

        Raises:
            EngineError: see the classes above, or what ``fetch`` raised.
        """

    async def close(self, grace: float) -> None:
        """Refuse new requests, give those under way ``grace`` seconds, then end the workers."""

    @property
    def ready(self) -> bool:
        """Whether at least one worker can take a request now."""

    @property
    def wait(self) -> float:
        """Seconds until a request that is queued now would be done, estimated."""
