"""``songwriter run`` as its operator meets it: a process that is configured, signalled and killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.cli.console import BAD_CONFIGURATION, BAD_DATA, UNAVAILABLE
from tests.bot import reader
from tests.bot.program import Program, by_connector, by_hosts, no_hosts, running
from tests.conftest import ROOT
from tests.discord import Channel, Guild, LoopbackDiscord, Message, User
from tests.discord.traffic import PATIENCE
from tests.zoo import photograph as small_photograph

pytestmark = pytest.mark.asyncio

SETTINGS = """
[discord]
picture_channels = "all"
[limits]
cooldown_seconds = 0
[engine]
workers = 1
[store]
path = "songwriter.sqlite3"
"""
TOKEN = {"DISCORD_TOKEN": "x.y.z"}


@dataclass
class Place:
    server: LoopbackDiscord
    guild: Guild
    channel: Channel
    ann: User

    @classmethod
    def on(cls, server: LoopbackDiscord) -> Place:
        guild, ann = server.add_guild(), server.add_user("ann")
        server.add_member(guild, ann)
        return cls(server, guild, server.add_channel(guild), ann)

    async def posts(self, picture: bytes, name: str = "picture.gif") -> Message:
        return await self.server.post(self.channel, self.ann, "", [(name, picture)])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(SETTINGS)
    return path


@pytest_asyncio.fixture
async def place() -> AsyncIterator[Place]:
    async with LoopbackDiscord.running() as server:
        yield Place.on(server)


def started(place: Place, config: Path) -> Any:
    server = place.server
    return running(by_connector(config, server), config.parent, server.token, server.ca_file)


async def busy(place: Place, program: Program, seconds: float) -> Message:
    """A picture that its worker is busy with."""
    posted = await place.posts(reader.command(f"slow {seconds}"))
    await place.server.wait_until(lambda: place.server.requests("GET", "/attachments/**"))
    # Nobody outside can see when the worker begins; once the file was sent, it takes no time.
    await place.server.wait_until(lambda: posted.attachments[0].sent)
    await asyncio.sleep(0.2)
    return posted


async def shows(place: Place, text: str) -> None:
    """Wait until /stats says something: what it says has been stored."""
    async with asyncio.timeout(PATIENCE):
        while True:
            # Somebody else each time, who has no cooldown yet.
            asker = place.server.add_user("asker")
            place.server.add_member(place.guild, asker)
            used = await place.server.slash(asker, place.channel, "stats")
            if text in (await used.answered()).text:
                return


def exported(config: Path) -> list[dict[str, Any]]:
    command = ["ratings", "export", "--config", str(config), "--format", "jsonl"]
    done = songwriter(*command)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def songwriter(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python_module("bot.cli.main", *arguments, **environment)


def python_module(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DISCORD_")}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=plain | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_a_signal_lets_it_finish(place: Place, config: Path) -> None:
    async with started(place, config) as program:
        await program.ready(place.server)
        posted = await busy(place, program, 1)
        program.signal(signal.SIGTERM)
        assert await program.ended() == 0
        [reply] = place.server.replies(posted)
        assert "temperature" in reply.content
        assert len(program.workers) == 1
        assert not place.server.gateway.connections
        assert " WARNING " not in program.log


async def test_nothing_acknowledged_is_lost_when_it_is_killed(place: Place, config: Path) -> None:
    server = place.server
    bea, cyd = server.add_user("bea"), server.add_user("cyd")
    for somebody in (bea, cyd):
        server.add_member(place.guild, somebody)
    async with started(place, config) as program:
        await program.ready(server)
        posted = await place.posts(small_photograph(), "photo.jpg")
        reply = await server.wait_for_reply(posted)
        await server.wait_until(lambda: len(reply.reactions) == 2)
        await server.react(reply, bea, "👍")
        await shows(place, "👍 1")
        await busy(place, program, 30)
        program.signal(signal.SIGKILL)
        assert await program.ended() == -signal.SIGKILL
    (row,) = exported(config)
    assert (row["caption"], row["reaction"]) == ("a picture 160 by 120", "👍")
    async with started(place, config) as program:
        await program.ready(server)
        again = await (await server.click(place.ann, reply, ":again:")).answered()
        assert "160 by 120" in again.text
        await server.react(reply, cyd, "👎")
        await shows(place, "👎 1")


# Exit codes


async def test_a_bad_configuration(tmp_path: Path) -> None:
    """One of the many that ``test_config`` knows."""
    path = tmp_path / "config.toml"
    path.write_text("[discord]\ntokn = 1\n")
    done = songwriter("run", "--config", str(path), **TOKEN)
    assert done.returncode == BAD_CONFIGURATION
    assert "tokn" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["bot.cli.main run", "bot"])
async def test_another_programs_database(tmp_path: Path, command: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[store]\npath = "recipes.sqlite3"\n')
    with contextlib.closing(sqlite3.connect(tmp_path / "recipes.sqlite3")) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    done = python_module(*command.split(), "--config", str(path), **TOKEN)
    assert done.returncode == BAD_DATA, done.stderr
    assert "no database of this program" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


async def test_a_locked_database(config: Path) -> None:
    with contextlib.closing(sqlite3.connect(config.with_name("songwriter.sqlite3"))) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        done = songwriter("run", "--config", str(config), **TOKEN)
    assert done.returncode == UNAVAILABLE, done.stderr
    assert "locked by another program" in done.stderr.splitlines()[-1]


def refuse(server: LoopbackDiscord) -> None:
    server.refuse_token()


def be_ill(server: LoopbackDiscord) -> None:
    server.fail("*", "/users/@me", 503, times=None)


@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        (refuse, BAD_CONFIGURATION, "does not accept the token"),
        (be_ill, UNAVAILABLE, "cannot be reached"),
    ],
)
async def test_a_discord_that_refuses(
    place: Place, config: Path, trouble: Callable[[LoopbackDiscord], None], code: int, said: str
) -> None:
    trouble(place.server)
    async with started(place, config) as program:
        assert await program.ended() == code
        assert said in program.log.splitlines()[-1]
        assert "Traceback" not in program.log
        assert place.server.token not in program.log


async def test_a_discord_that_is_not_there(tmp_path: Path, config: Path) -> None:
    if reason := no_hosts(tmp_path):
        pytest.skip(reason)
    async with running(by_hosts(config), tmp_path, "no.token.at-all") as program:
        assert await program.ended() == UNAVAILABLE
        assert "cannot be reached" in program.log.splitlines()[-1]
