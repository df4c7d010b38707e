from __future__ import annotations

from contextlib import ExitStack, nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import Limits
from bot.engine.admission import FIRST_GUESS, Admission, Pace
from bot.engine.requests import Busy
from tests.bot.engine.harness import request


def test_a_place_is_free_again_after_the_answer_or_an_error() -> None:
    admission = Admission(Limits(user_in_flight=1))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.admit(request(user=1), 0):
            raise ZeroDivisionError
    with admission.admit(request(user=1), 0):
        pass


def test_a_direct_message_counts_for_no_server() -> None:
    admission = Admission(Limits(server_in_flight=1))
    with admission.admit(request(server=None), 0), admission.admit(request(server=None), 0):
        pass


def test_what_would_miss_its_deadline_is_refused_unless_nothing_is_in_front() -> None:
    admission = Admission(Limits(deadline_seconds=10))
    with admission.admit(request(), 11):
        with pytest.raises(Busy) as caught, admission.admit(request(), 11):
            pass
        assert caught.value.wait == 11
        with admission.admit(request(), 9):
            pass


@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, 1, 2])), max_size=30),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 12),
)
def test_no_cap_is_ever_exceeded(
    asked: list[tuple[int, int | None]], person: int, server: int, queue: int
) -> None:
    admission = Admission(Limits(user_in_flight=person, server_in_flight=server, queue=queue))
    with ExitStack() as held:
        inside: list[tuple[int, int | None]] = []
        for user, place in asked:
            full = (
                sum(one == user for one, _ in inside) == person
                or (place is not None and sum(where == place for _, where in inside) == server)
                or len(inside) == queue
            )
            with pytest.raises(Busy) if full else nullcontext():
                held.enter_context(admission.admit(request(user=user, server=place), 1))
                inside.append((user, place))


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
