"""How the bot fares under load: real models, a loopback Discord. Run: ``make bench-serve``.

The bot is a process of its own, so its lag and memory are its own; the loopback shares the machine's
cores with it and its workers, which Discord does not. Medians of one run; machines differ.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.bot.program import Program, by_connector, running
from tests.discord import Channel, LoopbackDiscord, Message, User

PACE_SECONDS, PACED = 1.0, 30
BURST, BURST_PEOPLE, BURST_SECONDS = 50, 20, 60.0
# People ask at once in several servers; by default one of them alone may have as many places.
SERVERS = 5
# Interactions that are started while the burst is under way.
PROBES, PROBE_SECONDS = 30, 0.2

LIMITS = {
    "p50": 1.5,
    "p95": 3.0,
    "burst": BURST_SECONDS,
    "lag": 0.05,
    "acknowledged": 0.3,
    "memory": 200.0,
}

Row = tuple[str, str, str]
Person = tuple[User, Channel]


@dataclass
class Crowd:
    """People in several servers who post pictures."""

    server: LoopbackDiscord
    channels: list[Channel]
    photographs: list[bytes]
    people: int = 0
    posted: int = 0

    def somebody(self) -> Person:
        """Somebody new, in the next of the servers."""
        self.people += 1
        somebody = self.server.add_user(f"person {self.people}")
        channel = self.channels[self.people % len(self.channels)]
        assert channel.guild is not None
        self.server.add_member(channel.guild, somebody)
        return somebody, channel

    async def post(self, person: Person) -> Message:
        self.posted += 1
        somebody, channel = person
        photograph = self.photographs[self.posted % len(self.photographs)]
        return await self.server.post(channel, somebody, "", [("photo.png", photograph)])

    def answered(self, message: Message) -> bool:
        return any("temperature" in one.content for one in self.server.replies(message))


async def bench(workers: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        config, port = Path(folder) / "config.toml", _free_port()
        config.write_text(
            f'[discord]\npicture_channels = "all"\n[engine]\nworkers = {workers}\ndevice = "cpu"\n'
            f'[store]\npath = "songwriter.sqlite3"\n[health]\nenabled = true\nport = {port}\n'
        )
        async with LoopbackDiscord.running() as server:
            guilds = [server.add_guild(f"server {number}") for number in range(SERVERS)]
            crowd = Crowd(server, [server.add_channel(guild) for guild in guilds], _photographs())
            command = by_connector(config, server, loader=None)
            async with running(command, Path(folder), server.token, server.ca_file) as program:
                await program.ready(server, workers)
                rows = await _paced(crowd)
                before = await _lags(port)
                rows += await _burst(crowd)
                rows += _lag_rows(before, await _lags(port))
                rows += _memory(program)
            return rows


async def _paced(crowd: Crowd) -> list[Row]:
    """One picture at a time, whether the last was answered or not."""
    start, posted = time.monotonic(), []
    for number in range(PACED):
        await asyncio.sleep(start + number * PACE_SECONDS - time.monotonic())
        posted.append(asyncio.create_task(_answered(crowd, await crowd.post(crowd.somebody()))))
    seconds = sorted(await asyncio.gather(*posted))
    done = [one for one in seconds if math.isfinite(one)]
    title = f"posted to reply, {1 / PACE_SECONDS:g} a second for {PACED * PACE_SECONDS:g} s"
    return [
        (f"{title}: p50", _s(_percentile(seconds, 0.50)), _s(LIMITS["p50"])),
        (f"{title}: p95", _s(_percentile(seconds, 0.95)), _s(LIMITS["p95"])),
        ("  answered", f"{len(done)} of {PACED}", str(PACED)),
    ]


async def _answered(crowd: Crowd, message: Message) -> float:
    """Seconds until a picture has its stanza; infinite where it gets none."""
    start = time.monotonic()
    try:
        await crowd.server.wait_until(lambda: crowd.answered(message), BURST_SECONDS + 15)
    except TimeoutError:
        return math.inf
    return time.monotonic() - start


async def _burst(crowd: Crowd) -> list[Row]:
    """Everything at once, and interactions on top of it."""
    people = [crowd.somebody() for _ in range(BURST_PEOPLE)]
    posted = [await crowd.post(people[number % BURST_PEOPLE]) for number in range(BURST)]
    probes = asyncio.create_task(_probes(crowd))
    seconds = sorted(await asyncio.gather(*(_answered(crowd, message) for message in posted)))
    done = [one for one in seconds if math.isfinite(one)]
    replies = [len(crowd.server.replies(message)) for message in posted]
    acknowledged = sorted(await probes)
    title = f"burst of {BURST} pictures by {BURST_PEOPLE} people in {SERVERS} servers"
    return [
        (f"{title}: the last reply", _s(max(seconds)), _s(LIMITS["burst"])),
        ("  answered", f"{len(done)} of {BURST}", str(BURST)),
        ("  lost (no reply at all)", str(replies.count(0)), "0"),
        ("  doubled", str(sum(count > 1 for count in replies)), "0"),
        (
            f"  interaction acknowledged, p99 of {len(acknowledged)}",
            _s(_percentile(acknowledged, 0.99)),
            _s(LIMITS["acknowledged"]),
        ),
    ]


async def _probes(crowd: Crowd) -> list[float]:
    channel = crowd.channels[0]
    assert channel.guild is not None
    taken = []
    for _ in range(PROBES):
        used = await crowd.server.slash(channel.guild.owner, channel, "stats")
        taken.append(await used.acknowledgement())
        await asyncio.sleep(PROBE_SECONDS)
    return taken


async def _lags(port: int) -> dict[float, float]:
    """The histogram of the loop's lag: seconds -> how many samples were at most so late."""
    async with aiohttp.request("GET", f"http://127.0.0.1:{port}/metrics") as response:
        text = await response.text()
    found = re.findall(r'^songwriter_loop_lag_seconds_bucket\{le="(\S+)"\} (\S+)$', text, re.MULTILINE)
    return {float(limit): float(count) for limit, count in found}


def _lag_rows(before: dict[float, float], after: dict[float, float]) -> list[Row]:
    counts = {limit: after[limit] - before[limit] for limit in sorted(after)}
    samples = counts[math.inf]
    p99 = next(limit for limit, count in counts.items() if count >= 0.99 * samples)
    share = f"{counts[LIMITS['lag']] / samples:.1%}"
    return [
        (f"  loop lag under the burst, p99 of {samples:.0f}: at most", _s(p99), _s(LIMITS["lag"])),
        ("    samples within the limit", share, "99%"),
    ]


def _memory(program: Program) -> list[Row]:
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    sizes = {name: int(size) / 1024 for name, size in re.findall(r"^(Vm\w+):\s+(\d+) kB", status, re.M)}
    limit = f"{LIMITS['memory']:.0f} MB"
    return [
        ("memory of the bot's process, now", f"{sizes['VmRSS']:.0f} MB", limit),
        ("memory of the bot's process, peak", f"{sizes['VmHWM']:.0f} MB", limit),
    ]


def _photographs() -> list[bytes]:
    """Those that scikit-image brings: people seldom post one picture thirty times."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [file.read_bytes() for file in sorted(folder.glob("*.png"))]


def _percentile(ranked: Sequence[float], share: float) -> float:
    return ranked[math.ceil(share * len(ranked)) - 1]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _s(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds < 1 else f"{seconds:.2f} s"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    for workers in options.parse_args().workers:
        rows = asyncio.run(bench(workers))
        rows.insert(0, (f"with {workers} worker{'s' if workers > 1 else ''}", "measured", "limit"))
        width = max(len(row[0]) for row in rows)
        for name, value, limit in rows:
            print(f"{name:<{width}}  {value:>10}  {limit:>8}")
        print()


if __name__ == "__main__":
    main()
