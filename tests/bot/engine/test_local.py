"""The local engine with real processes, one that the tests of this module share."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from bot.engine.local import LocalEngine
from bot.engine.requests import BadPicture, Declined, SongResult, WorkerFailed
from tests.bot.engine.harness import Counts, outcomes, request, running, until, until_ready, write

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def counts() -> Counts:
    return Counts()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(counts: Counts) -> AsyncIterator[LocalEngine]:
    async with running(meter=counts, workers=2, hard_seconds=10) as made:
        await until_ready(made, 2)
        yield made


async def process_of(engine: LocalEngine) -> int:
    """The process that would write the next stanza."""
    return int((await write(engine, request())).lines[1].split()[0])


async def test_a_picture_becomes_a_stanza_with_everything_to_write_it_again(
    engine: LocalEngine, counts: Counts
) -> None:
    began = time.monotonic()
    asked = request("dog in snow", prompt="kiss", seed=7)
    result = await write(engine, asked)
    assert result.caption == "dog in snow"
    assert result.keywords == ("kiss", "dog", "in", "snow")
    assert result.lines[0] == "kiss dog in snow"
    assert (result.generation.seed, result.generation.prompt) == (7, "kiss")
    assert (result.captioner, result.generator) == ("captioner", "0123456789ab")
    assert set(result.seconds) == {"queue", "decode", "caption", "write"}
    assert all(seconds >= 0 for seconds in result.seconds.values())
    assert sum(result.seconds.values()) <= time.monotonic() - began
    assert counts.stages[-1] == result.seconds


async def test_several_pictures_are_one_stanza(engine: LocalEngine) -> None:
    assert (await write(engine, request("a dog", "a cat"))).caption == "a dog; a cat"


async def test_a_known_caption_needs_no_picture(engine: LocalEngine) -> None:
    result = await write(engine, request(caption="a dog"))
    assert (result.caption, result.captioner) == ("a dog", "")
    assert "decode" not in result.seconds


async def test_both_workers_work(engine: LocalEngine) -> None:
    results = await asyncio.gather(*(write(engine, request(f"slow 0.2 {n}")) for n in range(4)))
    assert len({result.lines[1].split()[0] for result in results}) == 2


async def test_an_item_that_raises_fails_alone(engine: LocalEngine, caplog: pytest.LogCaptureFixture) -> None:
    poison = request("raise secret")
    good, failed, other = await outcomes(engine, request("a"), poison, request("b"))
    assert isinstance(failed, WorkerFailed)
    assert isinstance(good, SongResult)
    assert isinstance(other, SongResult)
    assert f"request {poison.request.id} failed" in caplog.text
    assert "KeyError" in caplog.text
    assert "in decode" in caplog.text
    assert "secret" not in caplog.text


async def test_what_ends_a_batch_fails_alone(engine: LocalEngine, counts: Counts) -> None:
    before = counts.restarts
    results = await outcomes(engine, *(request(f"a {n}") for n in range(5)), request("exit 1"))
    assert [type(result) for result in results] == [SongResult] * 5 + [WorkerFailed]
    assert counts.restarts == before


async def test_a_damaged_picture_is_the_askers_fault(engine: LocalEngine) -> None:
    with pytest.raises(BadPicture, match=r"^The picture is damaged"):
        await write(engine, request("bad"))
    with pytest.raises(BadPicture, match=r"^Picture 2 is damaged"):
        await write(engine, request("good", "bad"))


async def test_what_is_odd_about_a_picture_is_logged_with_its_request(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = request("odd")
    await write(engine, asked)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"request {asked.request.id}: The picture is odd."
    ]
    assert "odd" not in capfd.readouterr().err


async def test_a_picture_that_needs_too_much_memory_is_refused(engine: LocalEngine, counts: Counts) -> None:
    before = counts.restarts
    with pytest.raises(BadPicture, match="too much memory"):
        await write(engine, request(f"allocate {3 * 2**30}"))
    assert counts.restarts == before


async def test_the_word_filter_tries_again_then_declines(engine: LocalEngine) -> None:
    forbidden = frozenset({"damn"})
    asked = request("dog", mood="sad", forbidden=forbidden)
    result = await write(engine, asked)
    assert result.lines[0] == "dog"
    assert result.generation.seed != asked.generation.seed
    with pytest.raises(Declined):
        await write(engine, request("dog", mood="angry", forbidden=forbidden))


async def test_a_cancelled_request_does_not_disturb_its_batch(engine: LocalEngine) -> None:
    tasks = [asyncio.create_task(write(engine, request(f"slow 0.4 {n}"))) for n in range(6)]
    await until(lambda: engine.in_flight == 6 and engine.depth == 0)
    tasks[0].cancel()
    tasks[4].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [
        asyncio.CancelledError, SongResult, SongResult, SongResult, asyncio.CancelledError, SongResult,
    ]  # fmt: skip


async def test_a_cancelled_request_leaves_the_queue(engine: LocalEngine) -> None:
    busy = [asyncio.create_task(write(engine, request(f"slow 0.3 {n}"))) for n in range(2)]
    await until(lambda: engine.in_flight == 2 and engine.depth == 0)
    queued = asyncio.create_task(write(engine, request("never")))
    await until(lambda: engine.depth == 1)
    queued.cancel()
    await asyncio.wait({queued})
    assert engine.depth == 0
    await asyncio.gather(*busy)


async def test_workers_are_deaf_to_the_signals_of_a_terminal(engine: LocalEngine) -> None:
    before = await process_of(engine)
    working = asyncio.create_task(write(engine, request("slow 0.2")))
    await until(lambda: engine.depth == 0 and engine.in_flight == 1)
    for worker in engine.workers:
        os.kill(worker.process, signal.SIGINT)
        os.kill(worker.process, signal.SIGTERM)
    assert (await working).caption == "slow 0.2"
    assert before in {worker.process for worker in engine.workers}


async def test_the_loop_goes_on_while_its_workers_are_busy(engine: LocalEngine) -> None:
    """How late it is on a busy machine is measured by ``make bench-serve``, not here."""
    work = asyncio.create_task(outcomes(engine, *(request(f"burn 1 {number}") for number in range(2))))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert [type(result) for result in await work] == [SongResult] * 2
    # Waiting for a batch in one turn, it would have few.
    assert turns > 100


async def test_the_loops_thread_neither_hashes_pictures_nor_packs_them(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one would keep everybody waiting."""
    hashing, packing = set(), set()

    class Picture(bytes):
        def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
            packing.add(threading.get_ident())
            return bytes, (bytes(self),)

    def sha256(picture: bytes) -> Any:
        hashing.add(threading.get_ident())
        return hashlib.sha256(picture)

    monkeypatch.setattr("bot.engine.local.hashlib", SimpleNamespace(sha256=sha256))
    assert (await write(engine, request(Picture(b"a dog")))).caption == "a dog"
    assert hashing
    assert packing
    assert threading.get_ident() not in hashing | packing


async def test_the_parent_never_imports_torch_and_a_worker_no_discord() -> None:
    script = """if 1:
        import json, sys
        import bot.engine.local, bot.engine.models, bot.engine.worker
        print(json.dumps(sorted(sys.modules)))"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"torch", "timm", "PIL", "discord"} & set(json.loads(ended.stdout))
