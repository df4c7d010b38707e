"""From what somebody asks to a stanza that is stored: limits, pictures, engine, database."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

from bot.config import Config
from bot.engine.requests import Declined, Engine, EngineError, SongRequest, SongResult
from bot.images import PictureFetcher, PictureRef
from bot.limits import Quota
from bot.ops.health import Metrics
from bot.ops.log import request_id
from bot.preferences import Preferences, preferences_of
from bot.store import JobRecord, Output, Store, StoreError, new_id
from bot.ui.refusals import Refusal
from bot.wordfilter import is_forbidden
from model.errors import SongwriterError
from model.prompts import check_prompt
from model.recipe import Recipe

_log = logging.getLogger(__name__)

_OPTED_OUT = "You have opted out, so I keep nothing of yours and write nothing: /privacy opt-in undoes that."
_LEFT_ALONE = "Whoever posted that picture wants to be left alone, so I write nothing about it."
_RUDE_PROMPT = "I'd rather not sing about that: give me another word."


@dataclass(frozen=True)
class Ask:
    """What somebody asks for.

    Attributes:
        user: who.
        server: where, or None in a direct message.
        kind: how ("picture", "lyrics", "seed", "menu", "again", "rewrite", "replay", "why").
        pictures: to look at.
        caption: known from before, instead of pictures.
        prompt: as it was typed, "" for none.
        temperature: None for the server's.
        style: None for the configured one.
        mood: as for ``SongRequest``.
        lines: None for the configured number.
        scheme: None: rhymed where it is cheap.
        syllables: of a line; None to leave it to the program.
        recipe: of a stanza to write again, instead of all that describes one above but the caption.
        captioner: digest of what wrote a caption that is known from before, "" without one.
        author: who posted the pictures, None without one.
    """

    user: int
    server: int | None
    kind: str
    pictures: Sequence[PictureRef] = ()
    caption: str | None = None
    prompt: str = ""
    temperature: float | None = None
    style: str | None = None
    mood: str | None = None
    lines: int | None = None
    scheme: str | None = None
    syllables: int | None = None
    recipe: Recipe | None = None
    captioner: str = ""
    author: int | None = None


class Songs:
    """Writes stanzas for people and keeps them."""

    def __init__(
        self,
        config: Config,
        store: Store,
        engine: Engine,
        fetcher: PictureFetcher,
        quota: Quota,
        forbidden: frozenset[str],
        metrics: Metrics,
    ) -> None:
        self._config, self._store, self._engine = config, store, engine
        self._fetcher, self._quota = fetcher, quota
        self._forbidden, self._metrics = forbidden, metrics

    @asynccontextmanager
    async def written(self, ask: Ask) -> AsyncIterator[Output]:
        """A stanza, stored, for the time in which it is posted; what fails there is refunded, too.

        Raises:
            Refusal: the person may not, or not now.
            EngineError: see ``bot.engine.requests`` and ``bot.images``.
            BadOption: the seed cannot be used.
            StoreError: the database failed.
        """
        async with self._counted(ask) as (here, seconds):
            request = self._request(ask, here)
            output = _output(ask, request, await self._result(ask, request, seconds))
            try:
                await self._store.add_output(output)
            except asyncio.CancelledError:
                # It may be stored all the same, and nobody would see it.
                await self._store.delete_output(output.id)
                raise
            with self._timed("reply", seconds):
                yield output

    async def explained(self, ask: Ask) -> SongResult:
        """A stanza written again, to be explained; it costs as one does, and is not kept.

        Raises:
            Refusal, EngineError, BadOption, StoreError: as for ``written``.
        """
        async with self._counted(ask) as (here, seconds):
            return await self._result(ask, replace(self._request(ask, here), explain=True), seconds)

    async def leave_alone(self, user: int, author: int | None) -> None:
        """Refuse what concerns somebody who has opted out.

        Raises:
            Refusal: one of the two has.
            StoreError: the database failed.
        """
        if await self._store.opted_out(user):
            raise Refusal(_OPTED_OUT)
        if author is not None and await self._store.opted_out(author):
            raise Refusal(_LEFT_ALONE)

    @asynccontextmanager
    async def _counted(self, ask: Ask) -> AsyncIterator[tuple[Preferences, dict[str, float]]]:
        """The limits around a request, and a note of how it went; gives a place for its stages' seconds."""
        await self.leave_alone(ask.user, ask.author)
        started = time.time()
        seconds: dict[str, float] = {}
        status = "failed"
        try:
            async with self._spent(ask) as here:
                yield here, seconds
            status = "done"
        except (Refusal, EngineError, SongwriterError) as error:
            status = type(error).__name__
            self._metrics.rejects.labels(reason=status).inc()
            raise
        except asyncio.CancelledError:
            status = "cancelled"
            raise
        finally:
            seconds["all"] = time.time() - started
            await self._note(JobRecord(request_id.get(), ask.user, ask.kind, status, started, seconds))

    @asynccontextmanager
    async def _spent(self, ask: Ask) -> AsyncIterator[Preferences]:
        """What holds where it was asked, once what costs nothing has been refused."""
        if ask.prompt:
            check_prompt(ask.prompt)
            # As it was typed: folding drops digits, and with them what "sh1t" says.
            if is_forbidden(ask.prompt, self._forbidden):
                raise Declined(_RUDE_PROMPT)
        here = await preferences_of(ask.server, self._store, self._config)
        async with self._quota.spent(ask.user, here.cooldown):
            yield here

    def _request(self, ask: Ask, here: Preferences) -> SongRequest:
        request = SongRequest(
            request_id=request_id.get(),
            user=ask.user,
            server=ask.server,
            seed=secrets.randbelow(2**32),
            temperature=here.temperature if ask.temperature is None else ask.temperature,
            caption=ask.caption,
            prompt=check_prompt(ask.prompt) if ask.prompt else "",
            style=ask.style or self._config.lyrics.style,
            mood=ask.mood,
            lines=ask.lines or self._config.lyrics.lines,
            forbidden=self._forbidden,
            scheme=ask.scheme,
            syllables=ask.syllables,
        )
        return request if ask.recipe is None else _replaying(request, ask.recipe)

    async def _result(self, ask: Ask, request: SongRequest, seconds: dict[str, float]) -> SongResult:
        """Have a stanza written; ``seconds`` gets how long each stage took."""
        async with AsyncExitStack() as held:

            async def fetch() -> Sequence[bytes]:
                with self._timed("fetch", seconds):
                    return await held.enter_async_context(self._fetcher.fetched(ask.pictures))

            result = await self._engine.write(request, fetch if ask.pictures else None)
        seconds.update(result.seconds)
        # Once more: it may have taken a minute.
        await self.leave_alone(ask.user, ask.author)
        return result

    @contextmanager
    def _timed(self, stage: str, seconds: dict[str, float]) -> Iterator[None]:
        """Note how long a stage took that did not fail."""
        started = time.perf_counter()
        yield
        seconds[stage] = time.perf_counter() - started
        self._metrics.stages.labels(stage=stage).observe(seconds[stage])

    async def _note(self, job: JobRecord) -> None:
        """Jobs are statistics: a database that cannot take one must not hide how it went."""
        _log.info("%s for %s: %s in %.2f s", job.kind, job.user, job.status, job.seconds["all"])
        try:
            await self._store.add_job(job)
        except StoreError as error:
            _log.warning("job not stored: %s", error)


def _replaying(request: SongRequest, recipe: Recipe) -> SongRequest:
    """The request for what a recipe describes."""
    kept = recipe.request
    return replace(
        request,
        seed=kept.seed,
        temperature=kept.sampling.temperature,
        prompt=kept.prompt,
        style=kept.style,
        mood=kept.mood,
        lines=kept.lines,
        scheme=kept.scheme,
        syllables=kept.syllables,
        replay=recipe,
    )


def _output(ask: Ask, request: SongRequest, result: SongResult) -> Output:
    return Output(
        id=new_id(),
        user=request.user,
        server=request.server,
        channel=None,
        message=None,
        caption=result.caption,
        keywords=result.keywords,
        lines=result.lines,
        prompt=request.prompt,
        style=request.style,
        mood=result.mood,
        line_count=request.lines,
        temperature=result.temperature,
        seed=result.seed,
        captioner=result.captioner or ask.captioner,
        generator=result.generator,
        created=time.time(),
        author=ask.author,
        recipe=result.recipe or None,
    )
