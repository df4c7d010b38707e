from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import Limits
from bot.engine.admission import FIRST_GUESS, Admission, Pace
from bot.engine.requests import Busy, Stopping, TooSlow
from tests.bot.engine.harness import request


@pytest.mark.asyncio
async def test_a_place_is_free_again_after_the_answer_or_an_error() -> None:
    admission = Admission(Limits(user_in_flight=1))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with admission.admit(request(user=1).request, 0):
                raise ZeroDivisionError
    async with admission.admit(request(user=1).request, 0):
        assert len(admission) == 1
    assert len(admission) == 0


@pytest.mark.asyncio
async def test_a_direct_message_counts_for_no_server() -> None:
    admission = Admission(Limits(server_in_flight=1))
    async with (
        admission.admit(request(server=None).request, 0),
        admission.admit(request(server=None).request, 0),
    ):
        pass


@pytest.mark.asyncio
async def test_what_would_miss_its_deadline_is_refused_unless_nothing_is_in_front() -> None:
    admission = Admission(Limits(deadline_seconds=10))
    async with admission.admit(request().request, 11):
        with pytest.raises(Busy) as caught:
            async with admission.admit(request().request, 11):
                pass
        assert caught.value.wait == 11
        async with admission.admit(request().request, 9):
            pass


@pytest.mark.asyncio
async def test_a_deadline_ends_its_block_and_frees_the_place() -> None:
    admission = Admission(Limits(deadline_seconds=0.1, queue=1))
    for _ in range(2):
        with pytest.raises(TooSlow):
            async with admission.admit(request().request, 0):
                await asyncio.sleep(5)
    assert await admission.empty(0)


@pytest.mark.asyncio
async def test_the_end_reaches_everybody() -> None:
    admission = Admission(Limits())

    async def wait() -> None:
        async with admission.admit(request().request, 0):
            await asyncio.sleep(5)

    waiting = [asyncio.create_task(wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not await admission.empty(0)
    admission.end(Stopping("Over."))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["Over."] * 3
    assert await admission.empty(0)


@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, 1, 2])), max_size=30),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 12),
)
def test_no_cap_is_ever_exceeded(
    asked: list[tuple[int, int | None]], person: int, server: int, queue: int
) -> None:
    async def scene() -> None:
        admission = Admission(Limits(user_in_flight=person, server_in_flight=server, queue=queue))
        async with AsyncExitStack() as held:
            inside: list[tuple[int, int | None]] = []
            for user, place in asked:
                full = (
                    sum(one == user for one, _ in inside) == person
                    or (place is not None and sum(where == place for _, where in inside) == server)
                    or len(inside) == queue
                )
                with pytest.raises(Busy) if full else nullcontext():
                    await held.enter_async_context(
                        admission.admit(request(user=user, server=place).request, 1)
                    )
                    inside.append((user, place))
                assert len(admission) == len(inside)

    asyncio.run(scene())


def test_the_wait_is_what_is_in_front_at_the_measured_pace() -> None:
    pace = Pace()
    assert pace.wait(0, 1) == FIRST_GUESS
    for _ in range(3):
        pace.measured(2.0, 4)
    assert pace.wait(0, 1) == pytest.approx(2.0)
    assert pace.wait(8, 1) == pytest.approx(2.0 + 8 * 0.5)
    assert pace.wait(8, 2) == pytest.approx(2.0 + 4 * 0.5)
    assert pace.wait(8, 0) == pace.wait(8, 1)


def test_the_pace_follows_a_change() -> None:
    pace = Pace()
    for _ in range(20):
        pace.measured(1.0, 1)
    for _ in range(10):
        pace.measured(3.0, 1)
    assert pace.item_seconds == pytest.approx(3.0, rel=0.1)
