"""Faults of the local engine: dead, hung and broken workers, overload, shutdown."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bot.config import Limits
from bot.engine.local import MAX_FAILED_STARTS
from bot.engine.requests import (
    BadPicture,
    Broken,
    Busy,
    SongResult,
    Stopping,
    TooSlow,
    WarmingUp,
    WorkerFailed,
)
from tests.bot.engine.harness import (
    STUB,
    Counts,
    engine,
    gone,
    outcomes,
    request,
    running,
    until,
    until_ready,
    write,
)

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).parents[3]


async def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing() -> None:
    counts = Counts()
    async with running(meter=counts) as made:
        victim = made.workers[0].process
        work = asyncio.create_task(outcomes(made, *(request(f"slow 0.1 {n}") for n in range(4))))
        await until(lambda: made.depth == 0 and made.in_flight == 4)
        os.kill(victim, signal.SIGKILL)
        assert [type(result) for result in await work] == [SongResult] * 4
        assert counts.batches[-4:] == [1, 1, 1, 1]
        assert counts.restarts == 1
        assert made.workers[0].process != victim


async def test_a_picture_that_crashes_the_worker_fails_alone_and_is_remembered() -> None:
    async with running() as made:
        results = await outcomes(made, request("a"), request("crash"), request("b"), request("c", "crash"))
        assert isinstance(results[0], SongResult)
        assert isinstance(results[2], SongResult)
        assert isinstance(results[1], BadPicture)
        assert isinstance(results[3], BadPicture)
        assert "crashed the reader" in str(results[1])
        assert (await write(made, request("c"))).caption == "c"
        reader = made.workers[0].process
        for poison in (request("crash"), request("crash", "innocent"), request("crash", "c")):
            with pytest.raises(BadPicture, match="crashed the reader"):
                await write(made, poison)
        assert isinstance(await write(made, request("d")), SongResult)
        assert made.workers[0].process == reader


async def test_a_hung_worker_is_killed_and_the_next_request_served() -> None:
    async with running(hard_seconds=2) as made:
        hung, *good = await outcomes(made, request("hang"), request("a"), request("b"))
        assert isinstance(hung, TooSlow)
        assert [type(result) for result in good] == [SongResult] * 2
        assert isinstance(await write(made, request("c")), SongResult)


async def test_an_idle_worker_that_dies_is_replaced() -> None:
    async with running() as made:
        victim = made.workers[0].process
        os.kill(victim, signal.SIGKILL)
        await until(lambda: not made.ready)
        await until(lambda: made.ready)
        assert made.workers[0].process != victim
        assert isinstance(await write(made, request("a")), SongResult)


async def test_a_worker_that_dies_with_a_large_request_half_sent_is_replaced() -> None:
    async with running() as made:
        victim = made.workers[0].process
        os.kill(victim, signal.SIGSTOP)
        work = asyncio.create_task(outcomes(made, request("x" * 2**23), request("a")))
        await until(lambda: made.depth == 0 and made.in_flight == 2)
        os.kill(victim, signal.SIGKILL)
        assert [type(result) for result in await work] == [SongResult] * 2


async def test_too_many_requests_are_refused_with_an_honest_wait() -> None:
    async with running(Limits(queue=3)) as made:
        results = await outcomes(made, *(request(f"slow 0.2 {n}") for n in range(5)))
        assert [type(result) for result in results] == [SongResult] * 3 + [Busy] * 2
        results = await outcomes(made, *(request(f"slow 0.2 {n}") for n in range(5)))
        refused = results[-1]
        assert isinstance(refused, Busy)
        # Three of 0.2 s are in front.
        assert 0.2 < refused.wait < 3
        assert "ask again" in str(refused)


async def test_a_person_and_a_server_have_only_so_much_in_flight() -> None:
    async with running(Limits(user_in_flight=2, server_in_flight=3)) as made:
        person = await outcomes(made, *(request(f"slow 0.1 {n}", user=1, server=None) for n in range(4)))
        assert [type(result) for result in person] == [SongResult] * 2 + [Busy] * 2
        assert str(person[-1]).startswith("You are waiting for 2 requests already")
        server = await outcomes(made, *(request(f"slow 0.1 {n}", server=9) for n in range(5)))
        assert [type(result) for result in server] == [SongResult] * 3 + [Busy] * 2
        assert str(server[-1]).startswith("This server is waiting for 3 requests already")
        assert isinstance(await write(made, request("later", user=1, server=9)), SongResult)


async def test_a_hundred_pictures_at_once_are_all_answered_or_refused() -> None:
    counts = Counts()
    async with running(Limits(user_in_flight=4, server_in_flight=60), workers=2, meter=counts) as made:
        results = await outcomes(
            made, *(request(f"burn 0.01 {n}", user=n % 20, server=1) for n in range(100))
        )
        kinds = Counter(type(result) for result in results)
        assert kinds == {SongResult: 60, Busy: 40}
        captions = [result.caption for result in results if isinstance(result, SongResult)]
        assert len(set(captions)) == 60
        assert max(counts.batches) > 1
        assert made.depth == 0


async def test_the_deadline_also_passes_in_the_queue() -> None:
    async with running(Limits(deadline_seconds=1.5), max_batch=1, hard_seconds=60) as made:
        worker = made.workers[0].process
        first = asyncio.create_task(outcomes(made, request("hang")))
        await until(lambda: made.depth == 0 and made.in_flight == 1)
        with pytest.raises(TooSlow):
            await write(made, request("never"))
        assert made.depth == 0
        assert [type(result) for result in await first] == [TooSlow]
        # It hangs still: nobody came to take the second one.
        assert made.workers[0].process == worker


class Downloads:
    """Pictures that arrive when they are let in."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> tuple[bytes, ...]:
        self.begun += 1
        try:
            await self.gate.wait()
        finally:
            self.ended += 1
        return (b"a dog",)


async def test_who_is_not_admitted_downloads_nothing() -> None:
    async with running(Limits(queue=4, user_in_flight=1, server_in_flight=2)) as made:
        downloads = Downloads()
        asked = [
            request(user=1, server=1), request(user=1, server=2), request(user=2, server=1),
            request(user=3, server=1), request(), request(), request(),
        ]  # fmt: skip
        work = [asyncio.create_task(write(made, one, downloads)) for one in asked]
        await until(lambda: downloads.begun == 4)
        refused = [task for task in work if task.done()]
        assert [str(task.exception()).split(":")[0] for task in refused] == [
            "You are waiting for a request already",
            "This server is waiting for 2 requests already",
            "Too many people are waiting",
        ]
        downloads.gate.set()
        answered = await asyncio.gather(*(task for task in work if task not in refused))
        assert {result.caption for result in answered} == {"a dog"}
        assert downloads.begun == 4


async def test_the_deadline_counts_the_download_and_frees_the_place() -> None:
    async with running(Limits(deadline_seconds=1.5, queue=1)) as made:
        downloads = Downloads()
        with pytest.raises(TooSlow):
            await write(made, request(), downloads)
        assert (downloads.begun, downloads.ended) == (1, 1)
        assert isinstance(await write(made, request("a")), SongResult)


async def test_a_download_that_fails_is_the_outcome_and_frees_the_place() -> None:
    async def fail() -> tuple[bytes, ...]:
        raise BadPicture("Expired.")

    async with running(Limits(queue=1)) as made:
        with pytest.raises(BadPicture, match="Expired"):
            await write(made, request(), fail)
        assert isinstance(await write(made, request("a")), SongResult)


async def test_downloads_end_with_the_engine() -> None:
    async with running() as made:
        downloads = Downloads()
        late = asyncio.create_task(write(made, request(), downloads))
        await until(lambda: downloads.begun == 1)
        await made.close(0.2)
        with pytest.raises(Stopping):
            await late
        assert downloads.ended == 1


@pytest.mark.parametrize("loader", ["fail", "die"])
async def test_workers_that_do_not_start_are_given_up(loader: str, caplog: pytest.LogCaptureFixture) -> None:
    made = engine(loader=f"{STUB}:{loader}")
    await made.start()
    try:
        with pytest.raises(WarmingUp):
            await write(made, request("a"))
        await until(lambda: "not tried again" in caplog.text)
        with pytest.raises(Broken, match="log"):
            await write(made, request("a"))
        assert not made.ready
        assert caplog.text.count("did not start") == 3
        if loader == "fail":
            assert "RuntimeError: no models here" in caplog.text
    finally:
        await made.close(0)


async def test_an_error_in_the_supervision_is_survived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counts = Counts()
    async with running(meter=counts) as made:
        victim = made.workers[0].process
        take = made._batcher.take

        async def fail_once(*_: object) -> object:
            monkeypatch.setattr(made._batcher, "take", take)
            raise RuntimeError("injected")

        monkeypatch.setattr(made._batcher, "take", fail_once)
        await until(lambda: not made.ready)
        await until(lambda: made.ready)
        assert made.workers[0].process != victim
        assert gone(victim)
        assert counts.restarts == 1
        assert "worker 0 was lost to an error" in caplog.text
        assert "RuntimeError: injected" in caplog.text
        assert isinstance(await write(made, request("a")), SongResult)


async def test_an_error_that_comes_again_and_again_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running() as made:

        async def fail(*_: object) -> object:
            raise RuntimeError("injected")

        monkeypatch.setattr(made._batcher, "take", fail)
        await until(lambda: "not tried again" in caplog.text)
        assert not made.ready
        assert caplog.text.count("was lost to an error") == MAX_FAILED_STARTS
        with pytest.raises(Broken):
            await write(made, request("a"))


@pytest.mark.parametrize(
    ("device", "configured", "gpus", "cores", "expected"),
    [
        ("cpu", 3, 0, 1, 3), ("cpu", "auto", 4, 1, 1), ("cpu", "auto", 4, 2, 2), ("cpu", "auto", 0, 16, 2),
        ("auto", "auto", 0, 16, 2), ("auto", "auto", 4, 2, 4), ("cuda", "auto", 1, 16, 1),
    ],
)  # fmt: skip
async def test_how_many_workers_there_are(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    configured: int | str,
    gpus: int,
    cores: int,
    expected: int,
) -> None:
    for name in (*(f"nvidia{number}" for number in range(gpus)), "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    monkeypatch.setattr("bot.engine.local.DEVICES", tmp_path)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert len(engine(device=device, workers=configured)._setups) == expected


async def test_work_in_flight_is_finished_within_the_grace() -> None:
    async with running(max_batch=1) as made:
        work = asyncio.create_task(outcomes(made, *(request(f"slow 0.1 {n}") for n in range(3))))
        await until(lambda: made.in_flight == 3)
        closing = asyncio.create_task(made.close(5))
        await asyncio.sleep(0)
        with pytest.raises(Stopping):
            await write(made, request("late"))
        assert not made.ready
        await closing
        assert [type(result) for result in await work] == [SongResult] * 3


async def test_what_outlasts_the_grace_is_told_and_no_process_is_left() -> None:
    async with running(workers=2) as made:
        await until_ready(made, 2)
        processes = [worker.process for worker in made.workers]
        work = asyncio.create_task(outcomes(made, request("hang"), request("hang 2")))
        await until(lambda: made.in_flight == 2 and made.depth == 0)
        queued = asyncio.create_task(outcomes(made, request("a")))
        await until(lambda: made.depth == 1)
        began = time.monotonic()
        await made.close(0.2)
        # They would hang for an hour.
        assert time.monotonic() - began < 60
        assert [type(result) for result in [*await work, *await queued]] == [Stopping] * 3
        assert all(gone(process) for process in processes)


@pytest.mark.parametrize("pause", [0, 0.02, None])
async def test_an_engine_can_be_closed_while_it_starts(pause: float | None) -> None:
    made = engine()
    await made.start()
    if pause is None:
        await until(multiprocessing.active_children)
    else:
        await asyncio.sleep(pause)
    await made.close(0)
    assert not made.ready
    assert not multiprocessing.active_children()


PARENT = """if 1:
    import asyncio
    from tests.bot.engine.harness import engine, request, until_ready, write

    async def main():
        made = engine(workers=2)
        await made.start()
        await until_ready(made, 2)
        print(*(worker.process for worker in made.workers), flush=True)
        await write(made, request("hang"))

    asyncio.run(main())
"""


async def test_workers_end_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        line = await asyncio.to_thread(parent.stdout.readline)
        processes = [int(number) for number in line.split()]
        assert len(processes) == 2
        assert not any(gone(process) for process in processes)
        parent.send_signal(signal.SIGKILL)
    await until(lambda: all(gone(process) for process in processes))


async def test_a_worker_has_few_rights_and_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "t0ken")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", "/t0ken")
    async with running(loader=f"{STUB}:load_nosy") as made:
        told = (await write(made, request("tell"))).lines[0]
    assert told == "core=0 token=False discord=False torch=False memory=True file=True"


async def test_a_request_without_a_picture_that_kills_is_a_fault_of_ours() -> None:
    async with running(loader=f"{STUB}:load_nosy") as made:
        with pytest.raises(WorkerFailed):
            await write(made, request(prompt="crash"))
        assert isinstance(await write(made, request("a")), SongResult)
