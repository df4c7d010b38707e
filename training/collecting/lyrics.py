"""Ask a source for the words of many songs: paced, again after failures, nothing twice."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Never

from tqdm import tqdm
from yarl import URL

from model.errors import BadOption, Unavailable
from training.collecting.answers import Failed, Match, Song, best
from training.collecting.cache import FINAL, Answer, Cache, Status
from training.collecting.client import Backoff, Client, Pace
from training.collecting.options import MAX_CONCURRENCY, PUBLIC_RATE, SERVICES, LyricsOptions
from training.collecting.songs import read_csv
from training.collecting.sources import Dump, Lrclib, LyricsOvh, Source

# Failures of one song before it is left for another day, and when that is (seconds).
MAX_ATTEMPTS = 5
ANOTHER_DAY = 86_400.0
# Failures in a row before the service counts as down; fewer where it has not answered at all.
MAX_FAILURES = 8
MAX_UNREACHED = 3
# Longer than this a run does not sit and wait, but says when to come back (seconds).
MAX_PAUSE = 600.0
# What a stopped run waits for questions that are under way, so that none is asked again (seconds).
GRACE = 5.0


@dataclass
class Collector:
    """Asks one source, ``concurrency`` questions at a time, and keeps every answer."""

    source: Source
    cache: Cache
    pace: Pace
    bar: tqdm[Never]
    concurrency: int = 1
    min_score: float = 85.0
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self._queue: asyncio.PriorityQueue[tuple[float, int, Answer]] = asyncio.PriorityQueue()
        self._under_way: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._last_failure = 0.0
        self._reached = False

    async def run(self, songs: Sequence[Song]) -> None:
        """Ask for every song that is not answered yet.

        Raises:
            Unavailable: the source is down or wants a long pause; what it said is kept.
        """
        self._wait_as_told()
        self._fill(songs)
        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._work()) for _ in range(self.concurrency)]
                await self._queue.join()
                for worker in workers:
                    worker.cancel()
        except ExceptionGroup as group:
            # Several workers may notice the same trouble; once is enough.
            raise group.exceptions[0] from None
        finally:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=GRACE)

    def _wait_as_told(self) -> None:
        pause = self.cache.not_before(self.source.name) - time.time()
        if pause > MAX_PAUSE:
            raise _left_alone(self.source, pause)
        self.pace.pause(pause)

    def _fill(self, songs: Sequence[Song]) -> None:
        known, elsewhere = (
            self.cache.answers(self.source.name),
            self.cache.settled_elsewhere(self.source.name),
        )
        now = time.time()
        for number, song in enumerate(songs):
            answer = known.get(song, Answer(self.source.name, *song, "asking"))
            if answer.status in FINAL or song in elsewhere:
                self.counts[answer.status if answer.status in FINAL else elsewhere[song]] += 1
            elif answer.attempts >= MAX_ATTEMPTS and (answer.retry_at or 0.0) > now:
                self.counts[answer.status] += 1
            else:
                fresh = replace(answer, attempts=answer.attempts % MAX_ATTEMPTS)
                self._queue.put_nowait((answer.retry_at or 0.0, number, fresh))
        self.bar.n = self.bar.initial = self.counts.total()

    def _settle(self, status: Status) -> None:
        self.counts[status] += 1
        self.bar.set_postfix_str(f"{self.counts['hit'] / self.counts.total():.0%} found", refresh=False)
        self.bar.update()

    async def _work(self) -> None:
        while True:
            due, number, answer = await self._queue.get()
            await asyncio.sleep(due - time.time())
            await self.pace.turn()
            # A question that is out is answered and kept even when the run is being stopped.
            task = asyncio.create_task(self._ask(number, answer))
            self._under_way.add(task)
            task.add_done_callback(self._back)
            await asyncio.wait([task])  # which does not cancel it, where we are cancelled
            task.result()
            self._queue.task_done()

    def _back(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        # Where its worker has been cancelled meanwhile, nobody else looks at how it ended.
        if not task.cancelled():
            task.exception()

    async def _ask(self, number: int, answer: Answer) -> None:
        asked_at = time.time()
        song = Song(answer.artist, answer.title)
        try:
            found = await self.source.ask(song, answer.step)
        except Failed as failure:
            await self._failed(number, replace(answer, asked_at=asked_at), failure)
            return
        self._reached, self._failures = True, 0
        answer = self._judged(replace(answer, asked_at=asked_at), best(song, found, self.min_score))
        await self.cache.save(answer)
        self._next(number, answer)

    def _judged(self, answer: Answer, match: Match | None) -> Answer:
        """The answer with what the candidate makes of it; an unfit one is noted, but not its words."""
        status: Status = "asking" if answer.step + 1 < self.source.steps else "miss"
        answer = replace(answer, status=status, step=answer.step + 1, attempts=0, reason=None, retry_at=None)
        if match is None:
            return answer
        found, sure = match.found, match.score is None or match.score >= self.min_score
        answer = replace(answer, found_artist=found.artist, found_title=found.title, score=match.score)
        if sure and found.lyrics:
            return replace(answer, status="hit", text=found.lyrics)
        # Another entry may have words: only the last answer settles that there are none.
        settled = sure and found.instrumental and status == "miss"
        return replace(answer, status="instrumental") if settled else answer

    async def _failed(self, number: int, answer: Answer, failure: Failed) -> None:
        now = time.time()
        # What was asked before the last failure came in is part of the same trouble.
        if answer.asked_at >= self._last_failure:
            self._failures += 1
            self._last_failure = now
        self._reached |= failure.reached
        attempts = answer.attempts if failure.busy else answer.attempts + 1
        given_up = attempts >= MAX_ATTEMPTS
        pause = self._pause(failure)
        wait = max(pause, self.backoff.delay(max(attempts - 1, 0)))
        answer = replace(
            answer,
            status="error",
            attempts=attempts,
            reason=str(failure),
            retry_at=now + (ANOTHER_DAY if given_up else wait),
        )
        self.pace.pause(pause)
        await self.cache.save(answer, not_before=now + pause if pause else None)
        if pause > MAX_PAUSE:
            raise _left_alone(self.source, pause)
        if self._failures >= (MAX_FAILURES if self._reached else MAX_UNREACHED):
            raise Unavailable(
                f"{self.source.name} gave no usable answer {self._failures} times in a row, the last time: "
                f"{failure}. Every answer so far is kept; run the same command again later."
            )
        self._next(number, answer)

    def _pause(self, failure: Failed) -> float:
        """How long to leave the whole service alone, in seconds."""
        # One bad answer is that song's matter; several in a row, or "busy", are the service's.
        alone = self._failures < 2 and not failure.busy
        return max(failure.wait or 0.0, 0.0 if alone else self.backoff.delay(self._failures - 1))

    def _next(self, number: int, answer: Answer) -> None:
        if answer.status == "asking":
            self._queue.put_nowait((0.0, number, answer))
        elif answer.status == "error" and answer.attempts < MAX_ATTEMPTS:
            self._queue.put_nowait((answer.retry_at or 0.0, number, answer))
        else:
            self._settle(answer.status)


def collect(songs: Path, output: Path, options: LyricsOptions) -> Counter[Status]:
    """Ask for every song of a table; go on where ``output`` stopped.

    Args:
        songs: CSV with at least the columns ``artist`` and ``title``.
        output: SQLite file of the answers.
        options: how to ask.

    Returns:
        how many songs (by artist and title) have which status.

    Raises:
        BadInput, BadOption: the table, the dump or the output is something else; a rate too high.
        Unavailable: the service is down or wants a long pause; what it said is kept.
        OSError: the output cannot be written.
    """
    service = check(options)
    table = read_csv(songs)
    wanted = list(dict.fromkeys(map(Song, table["artist"], table["title"])))
    if service is None:
        with Dump.open(Path(options.source)) as dump, Cache.open(output) as cache:
            cache.add(table)
            # Nobody to be polite to; songs under way together share the flushes of the disk.
            return asyncio.run(_run(dump, cache, wanted, Pace(math.inf), MAX_CONCURRENCY, options.min_score))
    with Cache.open(output) as cache:
        cache.add(table)
        return asyncio.run(_ask_service(service, cache, wanted, options))


def check(options: LyricsOptions) -> str | None:
    """The address of the service to ask; None for a dump.

    Raises:
        BadOption: options that do not go together.
    """
    service = SERVICES.get(options.source)
    if service is None:
        if options.base_url is not None:
            raise BadOption("--base-url is for a service, not for a dump.")
        if not Path(options.source).suffix and not Path(options.source).exists():
            raise BadOption(f"--source {options.source!r} is none of {', '.join(SERVICES)}, and no file.")
        return None
    if options.base_url is None:
        if options.rate > PUBLIC_RATE:
            raise BadOption(f"--rate: a public service is asked at most {PUBLIC_RATE:g} times a second.")
        return service
    try:
        url = URL(options.base_url)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise BadOption(f"--base-url {options.base_url!r} is no http:// or https:// address.")
    return options.base_url


async def _ask_service(
    base: str, cache: Cache, wanted: Sequence[Song], options: LyricsOptions
) -> Counter[Status]:
    async with Client.open(options.concurrency, options.timeout) as client:
        kind = Lrclib if options.source == Lrclib.name else LyricsOvh
        pace = Pace(options.rate)
        return await _run(kind(client, base), cache, wanted, pace, options.concurrency, options.min_score)


async def _run(
    source: Source, cache: Cache, wanted: Sequence[Song], pace: Pace, concurrency: int, min_score: float
) -> Counter[Status]:
    with tqdm(total=len(wanted), desc="lyrics", unit="song", disable=None) as bar:
        collector = Collector(source, cache, pace, bar, concurrency, min_score)
        await collector.run(wanted)
        return collector.counts


def _left_alone(source: Source, seconds: float) -> Unavailable:
    when = time.strftime("%d %B, %H:%M", time.localtime(time.time() + seconds))
    return Unavailable(
        f"{source.name} asks to be left alone until {when}. Every answer so far is kept; run the same "
        "command again then."
    )
