"""``songwriter run`` as a process among others: a second one, and signals at bad moments."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.console import BAD_CONFIGURATION
from tests.bot.engine.harness import gone
from tests.bot.test_black_box import TOKEN, Place, busy, config, place, songwriter, started
from tests.conftest import ROOT
from tests.discord.traffic import wait_until
from tests.zoo import photograph

pytestmark = pytest.mark.asyncio

__all__ = ["config", "place"]


# One bot a database


async def test_a_second_bot_on_the_same_database_says_so_and_ends(place: Place, config: Path) -> None:
    async with started(place, config) as program:
        await program.ready(place.server)
        await place.server.wait_for_reply(await place.posts(photograph(), "photo.jpg"), 60)
        done = await asyncio.to_thread(songwriter, "run", "--config", str(config), **TOKEN)
        assert done.returncode == BAD_CONFIGURATION, done.stderr
        said = done.stderr.splitlines()[-1]
        assert "in use by another bot" in said
        assert str(program.process.pid) in said
        assert "Traceback" not in done.stderr
        # What only reads goes on beside it.
        done = await asyncio.to_thread(songwriter, "ratings", "export", "--config", str(config))
        assert done.returncode == 0, done.stderr


# Signals


def workers(process: int) -> list[int]:
    """The worker processes that a process has started, ready or not."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        # What counts multiprocessing's semaphores ends by itself, a moment later.
        if int(parent) == process and b"spawn_main" in command:
            found.append(int(stat.parent.name))
    return found


def catches(process: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    caught = next(line for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks /proc what a process listens to")
async def test_a_signal_in_the_first_moment_is_a_stop(config: Path) -> None:
    """As soon as the command itself runs, long before there is a loop, a log or a worker."""
    command = [sys.executable, "-m", "bot.cli.main", "run", "--config", str(config)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | TOKEN, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    await wait_until(lambda: catches(process.pid, signal.SIGTERM), 60)
    process.terminate()
    said, complaint = await asyncio.to_thread(process.communicate)
    assert (process.returncode, said, complaint) == (0, b"", b"")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="finds workers in /proc")
@pytest.mark.parametrize("signals", [1, 2])
async def test_workers_that_are_still_starting_are_gone_with_the_process(
    place: Place, config: Path, signals: int
) -> None:
    async with started(place, config) as program:
        number = program.process.pid
        found = await wait_until(lambda: workers(number), 60)
        for _ in range(signals):
            program.signal(signal.SIGTERM)
            if signals > 1:
                await program.says("stopping")
        code = await program.process.wait()
        assert code == (0 if signals == 1 else 1), program.log
        # At once: nobody has to wait for them afterwards.
        assert all(map(gone, found))
        assert "Traceback" not in program.log


async def test_a_second_signal_ends_it_at_once_and_its_busy_workers_too(place: Place, config: Path) -> None:
    async with started(place, config) as program:
        await program.ready(place.server)
        await busy(place, program, 30)
        program.signal(signal.SIGINT)
        await program.says("stopping")
        program.signal(signal.SIGTERM)
        assert await program.process.wait() == 1
        assert all(map(gone, program.workers))
