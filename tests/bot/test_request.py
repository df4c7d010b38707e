"""An option of the generator goes from where it is said to the sampler, and nothing between names it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bot import request_factory
from bot.cli import sing
from bot.config import Config, Limits
from bot.engine.attempts import Attempts, Order
from bot.engine.models import ServedModels
from bot.engine.requests import EngineError, SongRequest, SongResult
from bot.limits import Quota
from bot.ops.health import Metrics
from bot.rules import Asker
from bot.songs import Songs
from bot.store import Store
from model.image_describer import ImageDescriber
from model.lyrics_generator import LyricsGenerator
from model.request import GenerationRequest
from tests.bot.conftest import StubFetcher
from tests.bot.engine.inline import InlineEngine


@dataclass(frozen=True)
class Keyed(GenerationRequest):
    """A request with an option that the program does not have."""

    key: str = "C"


@pytest.fixture(scope="module")
def writer(lyrics_generator: LyricsGenerator) -> LyricsGenerator:
    return lyrics_generator


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[GenerationRequest]:
    """The requests that reach the lyrics generator."""
    reached: list[GenerationRequest] = []
    candidates = LyricsGenerator.candidates

    def spy(self: LyricsGenerator, wanted: Sequence[tuple[Sequence[str], GenerationRequest]]) -> object:
        reached.extend(request for _, request in wanted)
        return candidates(self, wanted)

    monkeypatch.setattr(LyricsGenerator, "candidates", spy)
    return reached


@pytest.mark.asyncio
async def test_through_the_bot(
    writer: LyricsGenerator,
    sampled: list[GenerationRequest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_factory, "GenerationRequest", Keyed)
    attempts = Attempts(ServedModels(ImageDescriber.load(), writer, "cpu", 10**6), 1)

    def write(request: SongRequest, pictures: Sequence[bytes]) -> SongResult:
        [outcome] = attempts.write([Order(request, tuple(pictures))])
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    config = Config()
    async with Store.open(tmp_path / "songs.sqlite3") as store:
        engine = InlineEngine(Limits(), write)
        await engine.start()
        songs = Songs(
            config, store, engine, StubFetcher(), Quota(config.limits, store, ()), frozenset(), Metrics()
        )
        request = await songs.requests.new("lyrics", Asker(1, 2), said={"key": "D", "candidates": 8})
        async with songs.written(request) as output:
            assert output.lines
        await engine.close(1)
    assert [getattr(one, "key", None) for one in sampled] == ["D"]


def test_through_the_command_line(
    writer: LyricsGenerator, sampled: list[GenerationRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sing, "GenerationRequest", Keyed)
    monkeypatch.setattr(sing, "load_lyrics_generator", lambda _: writer)
    command = copy.copy(sing.lyrics)
    command.params = [*sing.lyrics.params, click.Option(["--key"])]
    result = CliRunner().invoke(command, ["--key", "D", "--candidates", "8", "-r", "3"])
    assert result.exit_code == 0, result.output
    assert [getattr(one, "key", None) for one in sampled] == ["D"]
