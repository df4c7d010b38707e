"""A song of the bot's, written again on its host's command line by the short name under it."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from bot.cli.main import main
from bot.cli.replay import ALONE, WITH_REWRITE
from bot.cli.sing import lyrics, sing
from bot.config import Filter
from bot.store import Output, Store
from bot.wordfilter import forbidden_words
from model.files import CHECKPOINTS
from model.lyrics_generator import LyricsGenerator
from model.recipe import Recipe
from model.request import MAX_REWRITTEN, GenerationRequest
from tests.refusals import refused

NAME = "-k3_-dA9xQ2b"
ANN, BOB = 1, 2


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def writer(lyrics_generator: LyricsGenerator) -> LyricsGenerator:
    return lyrics_generator


@pytest.fixture
def loaded(writer: LyricsGenerator, monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """Of which folders the models were asked for; they take a second, so the shipped ones are there."""
    folders: list[Path | None] = []

    def load(checkpoints: Path | None, engine: str) -> LyricsGenerator:
        assert engine == writer.backend
        folders.append(checkpoints)
        return writer

    monkeypatch.setattr("bot.cli.replay.load_lyrics_generator", load)
    return folders


@dataclass
class Place:
    """A host's folder: configuration, and a database with one song in it."""

    config: Path
    lines: tuple[str, ...]
    recipe: str

    def change(self, job: Callable[[Store], Awaitable[Any]]) -> None:
        """Do something with the database."""

        async def opened() -> None:
            async with Store.open(self.config.with_name("songs.sqlite3")) as store:
                await job(store)

        asyncio.run(opened())

    def replay(self, *words: str) -> Result:
        return run("lyrics", "--replay", NAME, "--config", self.config, *words)


def made(writer: LyricsGenerator, folder: Path, settings: Filter, recipe: bool = True) -> Place:
    """A song about ann's picture that bob asked for, under the word filter of the place."""
    config = folder / "host.toml"
    words = json.dumps(list(settings.words))
    config.write_text(
        f'[store]\npath = "songs.sqlite3"\n[filter]\nwords = {words}\n[engine]\ncheckpoints = "models"\n'
    )
    (folder / "models").symlink_to(CHECKPOINTS)
    request = GenerationRequest(seed=5, candidates=4, forbidden=forbidden_words(settings))
    [song] = writer.sung([(("sea",), request)])
    text = Recipe.of(song.keywords, request, writer.origin, writer.backend).text
    place = Place(config, song.lines, text)
    output = Output(
        id=NAME, user=BOB, server=None, channel=None, message=None, caption="the sea", keywords=song.keywords,
        lines=song.lines, prompt="", style="song", mood=None, line_count=4, temperature=0.4, seed=5,
        captioner="c", generator=writer.digest, created=time.time(), author=ANN,
        recipe=text if recipe else None,
    )  # fmt: skip
    place.change(lambda store: store.add_output(output))
    return place


@pytest.fixture
def place(writer: LyricsGenerator, tmp_path: Path) -> Place:
    return made(writer, tmp_path, Filter())


def test_the_short_name_writes_the_song_again_byte_for_byte(place: Place) -> None:
    found = place.replay()
    assert found.exit_code == 0, found.output
    assert found.stdout == "\n".join(place.lines) + "\n"
    assert found.stderr == f"recipe {place.recipe}\n"
    # As it is copied out of a message.
    again = run("sing", "--replay", f" `{NAME}` ", "--config", place.config, "--json")
    report = json.loads(again.stdout)
    assert tuple(report["stanzas"][0]["lines"]) == place.lines
    # What the picture showed is nobody's business here.
    assert report["caption"] is report["image"] is None


def test_a_hosts_own_word_filter_and_models_hold(
    writer: LyricsGenerator, tmp_path: Path, loaded: list[Path | None]
) -> None:
    [free] = writer.sung([(("sea",), GenerationRequest(seed=5, candidates=4))])
    word = max(re.findall("[a-z]+", free.text.lower()), key=len)
    strict = made(writer, tmp_path, Filter(words=(word,)))
    assert strict.lines != free.lines
    found = strict.replay()
    assert found.stdout == "\n".join(strict.lines) + "\n"
    assert found.stderr == f"recipe {strict.recipe}\n"
    # The long recipe, with the host's configuration and without.
    there = run("lyrics", "--replay", strict.recipe, "--config", strict.config)
    assert (there.stdout, there.stderr) == (found.stdout, found.stderr)
    elsewhere = run("lyrics", "--replay", strict.recipe)
    assert "another word filter held for it than here" in elsewhere.stderr
    assert loaded == [tmp_path / "models", tmp_path / "models", None]


def test_the_hosts_filter_of_today_holds(writer: LyricsGenerator, tmp_path: Path) -> None:
    [free] = writer.sung([(("sea",), GenerationRequest(seed=5, candidates=4))])
    place = made(writer, tmp_path, Filter(words=()))
    word = max(re.findall("[a-z]+", free.text.lower()), key=len)
    place.config.write_text(place.config.read_text().replace("words = []", f'words = ["{word}"]'))
    for found in (place.replay(), place.replay("--rewrite", "2")):
        assert (found.exit_code, word in found.stdout.lower()) == (0, False)
        assert "another word filter held" in found.stderr


def test_a_song_past_its_time_is_gone_before_it_is_deleted(place: Place, loaded: list[Path | None]) -> None:
    place.config.write_text(place.config.read_text().replace("[store]", "[store]\nkeep_outputs_days = 1"))
    assert place.replay().exit_code == 0
    two_days = 2 * 24 * 3600
    with sqlite3.connect(place.config.with_name("songs.sqlite3")) as database:
        database.execute("UPDATE outputs SET created = created - ?", (two_days,))
    assert "past its time" in refused(place.replay(), 65)


def test_a_song_that_is_not_there_any_more(place: Place, loaded: list[Path | None]) -> None:
    assert "has no song Zk3_-dA9xQ2b" in refused(
        run("lyrics", "--replay", "Zk3_-dA9xQ2b", "--config", place.config), 65
    )
    place.change(lambda store: store.set_opted_out(BOB, True))
    assert place.replay().exit_code == 0
    # As the bot itself, the host writes nothing more about the pictures of who opted out.
    place.change(lambda store: store.set_opted_out(ANN, True))
    said = refused(place.replay(), 65)
    assert "wants to be left alone" in said
    assert str(ANN) not in said
    place.change(lambda store: store.delete_user(ANN))
    assert "was deleted, or it is past its time" in refused(place.replay(), 65)


def test_a_song_from_before_there_were_recipes(writer: LyricsGenerator, tmp_path: Path) -> None:
    assert "from before the bot kept recipes" in refused(made(writer, tmp_path, Filter(), False).replay(), 65)


def test_without_the_database_it_is_said_what_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(run("lyrics", "--replay", NAME), 65)
    assert "songwriter.sqlite3 is not here: name its configuration with --config" in said
    Path("songwriter.sqlite3").write_text("something else " * 100)
    assert "is not a database" in refused(run("lyrics", "--replay", NAME), 65)
    Path("config.toml").write_text("[store]\npath = 1\n")
    assert "store.path" in refused(run("lyrics", "--replay", NAME), 78)
    assert "goes with --replay only" in refused(run("lyrics", "--config", "config.toml"), 2)


@pytest.mark.parametrize("command", [sing, lyrics])
def test_the_help_names_exactly_what_may_go_with_it(command: click.Command) -> None:
    [replay] = [one for one in command.params if one.name == "replay"]
    assert isinstance(replay, click.Option)
    named = set(re.findall("--([a-z-]+)", replay.help or ""))
    allowed = {one.opts[-1].removeprefix("--") for one in command.params if one.name in ALONE | WITH_REWRITE}
    assert named | {"replay"} == allowed


def test_lines_are_rewritten_as_often_as_may_be_and_no_more(place: Place, loaded: list[Path | None]) -> None:
    once = run("lyrics", "--replay", place.recipe, *["--rewrite", "1"] * MAX_REWRITTEN, "-r", "1", "--json")
    assert once.exit_code == 0, once.output
    [stanza] = json.loads(once.stdout)["stanzas"]
    said = f"A stanza can have a line rewritten {MAX_REWRITTEN} times in all: start from another one."
    for words in (
        ["--replay", place.recipe, *["--rewrite", "1"] * (MAX_REWRITTEN + 1)],
        ["--replay", stanza["recipe"], "--rewrite", "2"],
    ):
        assert refused(run("lyrics", *words), 2) == f"songwriter: {said}"
    # The last one can still be written again.
    assert run("lyrics", "--replay", stanza["recipe"]).stdout == stanza["text"] + "\n"
