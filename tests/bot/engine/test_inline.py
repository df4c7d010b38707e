from __future__ import annotations

import asyncio
import threading
import time

import pytest

from bot.config import Limits
from bot.engine.inline import InlineEngine
from bot.engine.requests import BadPicture, Busy, SongRequest, SongResult, Stopping, TooSlow, WorkerFailed
from tests.bot.engine.harness import outcomes, request

pytestmark = pytest.mark.asyncio


def write(asked: SongRequest) -> SongResult:
    match (asked.caption or "").split():
        case ["slow", seconds]:
            time.sleep(float(seconds))
        case ["bad"]:
            raise BadPicture("It is damaged.")
        case ["raise", text]:
            raise KeyError(text)
    name = threading.current_thread().name
    return SongResult(asked.caption, (), (name,), asked.seed, asked.temperature, "", "g")


async def started(**limits: float) -> InlineEngine:
    engine = InlineEngine(Limits(**limits), write)
    await engine.start()
    return engine


async def test_it_writes_in_another_thread() -> None:
    engine = await started()
    assert engine.ready
    assert (await engine.write(request(caption="a dog"))).lines != (threading.current_thread().name,)
    await engine.close(1)
    assert not engine.ready
    with pytest.raises(Stopping):
        await engine.write(request(caption="a dog"))


async def test_errors_are_those_of_the_local_engine(caplog: pytest.LogCaptureFixture) -> None:
    engine = await started()
    with pytest.raises(BadPicture, match="damaged"):
        await engine.write(request(caption="bad"))
    with pytest.raises(WorkerFailed):
        await engine.write(request(caption="raise secret"))
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text
    await engine.close(1)


async def test_it_has_caps_and_deadlines() -> None:
    engine = await started(user_in_flight=1, deadline_seconds=0.2)
    slow, refused = await outcomes(
        engine, request(caption="slow 0.4", user=1), request(caption="slow 0.4", user=1)
    )
    assert isinstance(slow, TooSlow)
    assert isinstance(refused, Busy)
    assert refused.wait > 0
    await engine.close(1)


async def test_closing_finishes_what_it_can() -> None:
    engine = await started(deadline_seconds=5)
    work = asyncio.create_task(
        outcomes(engine, request(caption="slow 0.1"), request(caption="slow 0.5"), request(caption="c"))
    )
    await asyncio.sleep(0.05)
    await engine.close(0.2)
    assert [type(result) for result in await work] == [SongResult, Stopping, Stopping]


async def test_the_download_is_in_its_place_and_its_deadline() -> None:
    engine = await started(queue=1, deadline_seconds=0.2)
    began = asyncio.Event()

    async def stalled() -> tuple[bytes, ...]:
        began.set()
        await asyncio.sleep(5)
        return (b"x",)

    slow = asyncio.create_task(engine.write(request(), stalled))
    await began.wait()
    began.clear()
    with pytest.raises(Busy):
        await engine.write(request(), stalled)
    assert not began.is_set()
    with pytest.raises(TooSlow):
        await slow
    await engine.close(0)
