"""From what somebody asks to a stanza that is stored: limits, pictures, engine, database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.config import Config
from bot.engine.requests import Declined, Engine, EngineError, SongRequest, SongResult
from bot.finding import Found, candidates
from bot.images import PictureFetcher, PictureRef
from bot.limits import Quota
from bot.ops.health import Metrics
from bot.patience import again_in
from bot.preferences import preferences_of
from bot.request_factory import RequestFactory
from bot.store import JobRecord, Output, Store, StoreError, new_id
from bot.ui.refusals import Refusal
from bot.unanswered import described
from bot.wordfilter import is_forbidden
from model.errors import SongwriterError
from model.prompts import check_prompt
from model.sentence import say

if TYPE_CHECKING:
    import discord

_log = logging.getLogger(__name__)

_OPTED_OUT = say(
    "You have opted out, so I keep nothing of yours and write nothing: /privacy opt-in undoes that."
)
_LEFT_ALONE = say("Whoever posted that picture wants to be left alone, so I write nothing about it.")
# How a request went that is made again later.
_PUT_OFF = "put off"
_RUDE_PROMPT = say("I'd rather not sing about that: give me another word.")


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
        self._metrics = metrics
        self.requests = RequestFactory(config, store, forbidden)

    @asynccontextmanager
    async def written(
        self, request: SongRequest, pictures: Sequence[PictureRef] = (), *, patient: bool = False
    ) -> AsyncIterator[Output]:
        """A song, stored, for the time in which it is posted; what fails there is refunded, too.

        Args:
            request: what is asked for.
            pictures: that it is about, to be downloaded once there is a place for the request.
            patient: who asks waits where it is only too early (``again_in``), so that is not counted.

        Raises:
            Refusal: the person may not, or not now.
            EngineError: see ``bot.engine.requests`` and ``bot.images``.
            BadOption: the prompt cannot be used.
            StoreError: the database failed.
        """
        async with self._counted(request, patient=patient) as (request, seconds):
            output = _output(request, await self._result(request, pictures, seconds))
            try:
                await self._store.add_output(output)
            except asyncio.CancelledError:
                # It may be stored all the same, and nobody would see it.
                await self._store.delete_output(output.id)
                raise
            with self._timed("reply", seconds):
                yield output

    async def pictures(self, message: discord.Message) -> Found:
        """The pictures of a message, as many as one song may look at; see ``bot.finding``.

        Raises:
            StoreError: the database failed.
        """
        found = candidates(message, self._config.pictures.hosts)
        if not all(one.sure for one in found) and await self._store.opted_out(message.author.id):
            # Not even the first bytes of their files are looked at.
            found = [one for one in found if one.sure]
        known = await self._fetcher.recognised(found)
        return Found.of(known, self._config.discord.pictures_per_message)

    async def explained(self, request: SongRequest) -> SongResult:
        """A stanza written again, to be explained; it costs as one does, and is not kept.

        Raises:
            Refusal, EngineError, BadOption, StoreError: as for ``written``.
        """
        async with self._counted(request) as (request, seconds):
            return await self._result(replace(request, explain=True), (), seconds)

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

    async def pace(self, user: int, server: int | None) -> tuple[float, float]:
        """Seconds until a person can have a song somewhere, and from one of theirs to the next.

        Raises:
            StoreError: the database failed.
        """
        cooldown = (await preferences_of(server, self._store, self._config)).cooldown
        return self._quota.pace(user, cooldown)

    async def take_back(self, request: str) -> None:
        """Let a request have cost nothing, by its id: it was in vain through nobody's fault."""
        await self._quota.take_back(request)

    @property
    def warming_up(self) -> bool:
        """Whether songs can be written in a moment, but not yet."""
        return self._engine.warming_up

    @asynccontextmanager
    async def _counted(
        self, request: SongRequest, *, patient: bool = False
    ) -> AsyncIterator[tuple[SongRequest, dict[str, float]]]:
        """The limits around a request, and a note of how it went.

        Gives the request with its prompt folded, and a place for the seconds of its stages.
        """
        await self.leave_alone(request.user, request.author)
        started = time.time()
        seconds: dict[str, float] = {}
        status, why = "failed", ""
        try:
            async with self._spent(request) as checked:
                yield checked, seconds
            status = "done"
        except (Refusal, EngineError, SongwriterError) as error:
            if patient and again_in(error) is not None:
                status = _PUT_OFF
                raise
            status = type(error).__name__
            self._metrics.rejects.labels(reason=status).inc()
            raise
        except Exception as error:
            why = f" ({described(error)})"
            raise
        except asyncio.CancelledError:
            status = "cancelled"
            raise
        finally:
            seconds["all"] = time.time() - started
            job = JobRecord(request.id, request.user, request.kind, status, started, seconds)
            if status != _PUT_OFF:
                await self._note(job, why)

    @asynccontextmanager
    async def _spent(self, request: SongRequest) -> AsyncIterator[SongRequest]:
        """Count a request, once what costs nothing has been refused; gives it with its prompt folded."""
        wanted, checked = request.generation, _checked(request)
        # As it was typed: folding drops digits, and with them what "sh1t" says.
        if request.recipe is None and is_forbidden(wanted.prompt, wanted.forbidden):
            raise Declined(_RUDE_PROMPT)
        here = await preferences_of(request.server, self._store, self._config)
        async with self._quota.spent(request.id, request.user, here.cooldown, request.server, here.per_day):
            yield checked

    async def _result(
        self, request: SongRequest, pictures: Sequence[PictureRef], seconds: dict[str, float]
    ) -> SongResult:
        """Have a song written; ``seconds`` gets how long each stage took."""
        async with self._engine.admit(request) as ticket, self._fetched(pictures, seconds) as files:
            result = await ticket.write(files)
        seconds.update(result.seconds)
        # Once more: it may have taken a minute.
        await self.leave_alone(request.user, request.author)
        return result

    @asynccontextmanager
    async def _fetched(
        self, pictures: Sequence[PictureRef], seconds: dict[str, float]
    ) -> AsyncIterator[Sequence[bytes]]:
        """Pictures as files, for the time of the block, in which they count as memory in use."""
        if not pictures:
            yield ()
            return
        async with AsyncExitStack() as held:
            with self._timed("fetch", seconds):
                files = await held.enter_async_context(self._fetcher.fetched(pictures))
            yield files

    @contextmanager
    def _timed(self, stage: str, seconds: dict[str, float]) -> Iterator[None]:
        """Note how long a stage took that did not fail."""
        started = time.perf_counter()
        yield
        seconds[stage] = time.perf_counter() - started
        self._metrics.stages.labels(stage=stage).observe(seconds[stage])

    async def _note(self, job: JobRecord, why: str) -> None:
        """Jobs are statistics: a database that cannot take one must not hide how it went."""
        _log.info("%s for %s: %s in %.2f s%s", job.kind, job.user, job.status, job.seconds["all"], why)
        try:
            await self._store.add_job(job)
        except StoreError as error:
            _log.warning("job not stored: %s", error)


def _checked(request: SongRequest) -> SongRequest:
    """The request with its prompt folded.

    Raises:
        BadOption: the prompt cannot be used.
    """
    prompt = request.generation.prompt
    if not prompt or request.recipe is not None:
        return request
    return replace(request, generation=replace(request.generation, prompt=check_prompt(prompt)))


def _output(request: SongRequest, result: SongResult) -> Output:
    wanted = result.generation
    return Output(
        id=new_id(),
        user=request.user,
        server=request.server,
        channel=None,
        message=None,
        caption=result.caption,
        keywords=result.keywords,
        lines=result.lines,
        prompt=wanted.prompt,
        style=wanted.style,
        mood=wanted.mood,
        line_count=wanted.lines,
        temperature=wanted.sampling.temperature,
        seed=wanted.seed,
        captioner=result.captioner or request.captioner,
        generator=result.generator,
        created=time.time(),
        author=request.author,
        recipe=result.recipe or None,
        spoiler=request.spoiler,
        private=request.private,
    )
