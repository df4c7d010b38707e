"""What a worker does with a batch, here without a process around it."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

import pytest

from bot.engine import worker
from bot.engine.attempts import Attempts, Order, RequestState
from bot.engine.requests import (
    BadPicture,
    Declined,
    EngineError,
    SongResult,
    TooSlow,
    Unrepeatable,
    WorkerFailed,
)
from bot.engine.worker import Setup
from model.recipe import Recipe
from model.request import GenerationRequest
from tests.bot.engine.harness import STUB, Posted, request
from tests.bot.engine.stub import Stub

pytestmark = pytest.mark.usefixtures("loaded")


@pytest.fixture(scope="module")
def loaded() -> None:
    # A device that is no CPU: the memory limit is not meant for the tests' process.
    worker.load(Setup(f"{STUB}:load", 0, "none", None, 10**6, attempts=3))


def write(*requests: Posted, left: float = 60) -> list[SongResult | EngineError]:
    return worker.write_batch([Order(one.request, one.pictures, left) for one in requests])


def song(asked: Posted) -> SongResult:
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
    assert first.generation.seed == second.generation.seed != asked.generation.seed
    assert 0 <= first.generation.seed < 2**32


RECIPE = Recipe.of(("dog", "sea"), GenerationRequest(seed=5), "0123456789ab", "torch")


def test_a_replay_has_the_recipes_keywords_and_no_other_attempt() -> None:
    assert song(request(caption="a cat", recipe=RECIPE)).keywords == ("dog", "sea")
    swears = request(recipe=RECIPE, mood="sad", seed=5, forbidden=frozenset({"damn"}))
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
    [declined] = write(request(recipe=recipe, forbidden=frozenset({"damn"})))
    assert isinstance(declined, Declined)


@pytest.mark.parametrize(("origin", "engine"), [("ba9876543210", "torch"), ("0123456789ab", "int8")])
def test_what_other_models_wrote_is_not_replayed(origin: str, engine: str) -> None:
    [refused] = write(request(recipe=replace(RECIPE, origin=origin, backend=engine)))
    assert isinstance(refused, Unrepeatable)
    assert "other models" in str(refused)


def test_a_line_of_the_last_stanzas_is_not_sung_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refrain(Stub):
        def lines(self, state: RequestState) -> list[str]:
            asked = state.generation.seed == state.request.generation.seed
            return ["the same old line" if asked else f"another line {state.generation.seed}"]

    monkeypatch.setattr(worker, "_loaded", [Attempts(Refrain(Setup("", 0, "none", None, 10**6, 3)), 3)])
    assert song(request("a dog", seed=5)).lines == ("the same old line",)
    other = song(request("a cat", seed=6))
    assert other.generation.seed != 6
    assert other.lines == (f"another line {other.generation.seed}",)


def test_another_one_about_the_same_may_share_a_line_but_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refrain(Stub):
        def lines(self, state: RequestState) -> list[str]:
            self.written += 1
            return ["the same old line", f"and {min(state.generation.seed, 9)}"]

    stub = Refrain(Setup("", 0, "none", None, 10**6, 3))
    monkeypatch.setattr(worker, "_loaded", [Attempts(stub, 3)])
    assert [song(request("a dog", seed=seed)).generation.seed for seed in (4, 5, 9)] == [4, 5, 9]
    assert song(request("a dog", seed=9)).generation.seed == 9
    written = stub.written
    # The ninth's lines once more, so it is tried again.
    assert song(request("a dog", seed=10)).lines == ("the same old line", "and 9")
    assert stub.written > written + 1


def test_where_every_attempt_has_such_a_line_the_first_one_is_sung(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parrot(Stub):
        def lines(self, state: RequestState) -> list[str]:
            return ["the same old line", f"and {state.generation.seed}"]

    monkeypatch.setattr(worker, "_loaded", [Attempts(Parrot(Setup("", 0, "none", None, 10**6, 3)), 3)])
    assert song(request("a cat", seed=6)).generation.seed == 6
    assert song(request("a dog", seed=5)).generation.seed == 5
