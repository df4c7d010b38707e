"""What a worker does with a batch, here without a process around it."""

from __future__ import annotations

import multiprocessing
from collections import deque
from dataclasses import replace

import pytest

from bot.engine import worker
from bot.engine.requests import (
    BadPicture,
    Declined,
    EngineError,
    SongRequest,
    SongResult,
    TooSlow,
    Unrepeatable,
    WorkerFailed,
)
from bot.engine.worker import RequestState, Setup
from model.recipe import Recipe
from model.request import GenerationRequest
from tests.bot.engine.harness import STUB, request
from tests.bot.engine.stub import Stub

pytestmark = pytest.mark.usefixtures("loaded")


@pytest.fixture(scope="module")
def loaded() -> None:
    # A device that is no CPU: the memory limit is not meant for the tests' process.
    worker.load(Setup(f"{STUB}:load", 0, "none", None, 10**6, attempts=3))


def write(*requests: SongRequest, left: float = 60) -> list[SongResult | EngineError]:
    return worker.write_batch(requests, [left] * len(requests))


def song(asked: SongRequest) -> SongResult:
    [result] = write(asked)
    assert isinstance(result, SongResult)
    return result


def test_each_request_has_its_outcome_in_order_and_all_of_them_travel() -> None:
    results = write(
        request("a dog"),
        request("bad"),
        request("raise it"),
        request("x", mood="angry", forbidden=frozenset({"damn"})),
    )
    assert [type(result) for result in results] == [SongResult, BadPicture, WorkerFailed, Declined]
    reader, writer = multiprocessing.Pipe(duplex=False)
    writer.send(results)
    again = reader.recv()
    assert again[0] == results[0]
    assert [str(error) for error in again[1:]] == [str(error) for error in results[1:]]
    assert "KeyError" in again[2].__notes__[0]


def test_what_cannot_start_in_time_is_not_started() -> None:
    assert [type(result) for result in write(request("hang"), left=-1)] == [TooSlow]


def test_forbidden_words_of_a_caption_are_neither_shown_nor_sung() -> None:
    result = song(request("a damn dog", forbidden=frozenset({"damn"})))
    assert result.caption == "a dog"
    assert result.keywords == ("a", "dog")


def test_a_caption_of_nothing_but_forbidden_words_is_declined() -> None:
    forbidden = frozenset({"damn"})
    [declined] = write(request("damn", forbidden=forbidden))
    assert isinstance(declined, Declined)
    assert song(request("damn", prompt="dog", forbidden=forbidden)).keywords == ("dog",)


@pytest.mark.parametrize("prompt", ["damn", "oh damn it", "damn-ation", "damn's"])
def test_a_forbidden_seed_is_declined(prompt: str) -> None:
    [declined] = write(request(prompt=prompt, forbidden=frozenset({"damn"})))
    assert isinstance(declined, Declined)


def test_a_word_that_only_contains_a_forbidden_one_is_sung() -> None:
    assert song(request("damnable", forbidden=frozenset({"damn"}))).caption == "damnable"


def test_another_attempt_has_the_same_random_seed_each_time() -> None:
    asked = request("dog", mood="sad", forbidden=frozenset({"damn"}))
    first, second = song(asked), song(asked)
    assert first.seed == second.seed != asked.seed
    assert 0 <= first.seed < 2**32


def test_the_mood_is_that_of_the_first_picture_with_any() -> None:
    assert song(request("a dog", "a night", mood="picture")).mood == "dreamy"
    assert song(request("a dog", mood="picture")).mood is None
    assert song(request("a night", mood="happy")).mood == "happy"
    assert song(request("a night")).mood is None


def test_a_picture_told_by_its_looks_gives_the_mood_where_none_was_said() -> None:
    assert song(request("something black in the night")).mood == "dreamy"
    # One of two pictures has a name: the stanza is about that.
    assert song(request("a dog", "something black in the night")).mood is None
    assert song(request("something black in the night", mood="happy")).mood == "happy"
    assert song(request("something black in the night", mood="none")).mood is None
    # As "Another one" asks, which has the mood of the song before.
    assert song(request(caption="something black in the night")).mood is None


RECIPE = Recipe.of(("dog", "sea"), GenerationRequest(seed=5), "0123456789ab", "torch")


def test_a_replay_has_the_recipes_keywords_and_no_other_attempt() -> None:
    assert song(request(caption="a cat", replay=RECIPE)).keywords == ("dog", "sea")
    swears = request(replay=RECIPE, mood="sad", seed=5, forbidden=frozenset({"damn"}))
    [declined] = write(swears)
    assert isinstance(declined, Declined)
    assert "words that I do not sing here" in str(declined)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe.of(("dog", "damn"), GenerationRequest(), "0123456789ab", "torch"),
        Recipe.of((), GenerationRequest(prompt="damn the sea"), "0123456789ab", "torch"),
    ],
    ids=["keyword", "seed"],
)
def test_a_replay_smuggles_no_word_in(recipe: Recipe) -> None:
    [declined] = write(request(replay=recipe, forbidden=frozenset({"damn"})))
    assert isinstance(declined, Declined)


@pytest.mark.parametrize(("origin", "engine"), [("ba9876543210", "torch"), ("0123456789ab", "int8")])
def test_what_other_models_wrote_is_not_replayed(origin: str, engine: str) -> None:
    [refused] = write(request(replay=replace(RECIPE, origin=origin, engine=engine)))
    assert isinstance(refused, Unrepeatable)
    assert "other models" in str(refused)


def test_a_line_of_the_last_stanzas_is_not_sung_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refrain(Stub):
        def lines(self, state: RequestState) -> list[str]:
            asked = state.seed == state.request.seed
            return ["the same old line" if asked else f"another line {state.seed}"]

    setup = Setup("", 0, "none", None, 10**6, attempts=3)
    monkeypatch.setattr(worker._state, "models", Refrain(setup))
    monkeypatch.setattr(worker._state, "recent", deque(maxlen=8))
    assert song(request("a dog", seed=5)).lines == ("the same old line",)
    other = song(request("a cat", seed=6))
    assert other.seed != 6
    assert other.lines == (f"another line {other.seed}",)


def test_where_every_attempt_has_such_a_line_the_first_one_is_sung(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parrot(Stub):
        def lines(self, state: RequestState) -> list[str]:
            return ["the same old line", f"and {state.seed}"]

    monkeypatch.setattr(worker._state, "models", Parrot(Setup("", 0, "none", None, 10**6, attempts=3)))
    monkeypatch.setattr(worker._state, "recent", deque([((), frozenset({"the same old line"}))]))
    assert song(request("a dog", seed=5)).seed == 5
