"""``songwriter run`` as a process of its own, and ways to lead it to a loopback Discord."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bot.engine.harness import gone
from tests.conftest import ROOT
from tests.discord import LoopbackDiscord
from tests.discord.tls import HOSTS
from tests.discord.traffic import PATIENCE, wait_until

# An address of this machine that nobody else uses for HTTPS, not even another process of these tests.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
HIDDEN_ADDRESS = f"127.0.0.{43 + _PROCESS}"
STUB = "tests.bot.reader:load"

_READY = re.compile(r"worker \d+ is ready: process (\d+)")
# In a mount namespace of its own the process sees another hosts file; nothing else is different.
_WITH_HOSTS = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')


@dataclass
class Program:
    """A running ``songwriter run``."""

    process: asyncio.subprocess.Process
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    @property
    def workers(self) -> list[int]:
        """Process ids of all workers that have been ready."""
        return [int(found) for found in _READY.findall(self.log)]

    async def ready(self, server: LoopbackDiscord, workers: int = 1) -> None:
        """Wait until it is connected and can write."""

        def up() -> bool:
            assert self.process.returncode is None, self.log
            return len(self.workers) >= workers

        await wait_until(up, 60)
        await server.ready()

    async def says(self, text: str) -> None:
        await wait_until(lambda: text in self.log)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = PATIENCE) -> int:
        """The exit code, once the process and all its workers are gone."""
        code = await asyncio.wait_for(self.process.wait(), seconds)
        await wait_until(lambda: all(map(gone, self.workers)))
        return code


@contextlib.asynccontextmanager
async def running(
    command: Sequence[str],
    folder: Path,
    token: str,
    ca_file: Path | None = None,
    before: Sequence[Path] = (),
) -> AsyncIterator[Program]:
    """Start a command, with its token and the authority to trust in the environment; kill it in the end.

    Python looks for modules in the folders ``before`` first.
    """
    places = os.pathsep.join(map(str, [*before, ROOT]))
    environment = os.environ | {"DISCORD_TOKEN": token, "PYTHONPATH": places}
    if ca_file is not None:
        environment["SSL_CERT_FILE"] = str(ca_file)
    log_file = folder / "songwriter.log"
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=environment)
    try:
        yield Program(process, log_file)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def by_connector(config: Path, server: LoopbackDiscord, loader: str | None = STUB) -> list[str]:
    """The command, led by its connector; with the real models where no loader is named."""
    where = [server.address, str(server.port)]
    launcher = [sys.executable, "-m", "tests.bot.launcher"]
    return [*launcher, str(config), *where, *([loader] if loader else [])]


def by_hosts(config: Path, address: str = HIDDEN_ADDRESS) -> list[str]:
    """The normal command, led by its hosts file to a Discord on port 443; see ``no_hosts``."""
    hosts = config.with_name("hosts")
    hosts.write_text("".join(f"{address} {name}\n" for name in ("localhost", *HOSTS)))
    return [*_WITH_HOSTS, str(hosts), sys.executable, "-m", "bot.cli.main", "run", "--config", str(config)]


def no_hosts(folder: Path) -> str:
    """Why this machine cannot do that, "" where it can."""
    probe = folder / "probe"
    probe.write_text("127.0.0.1 localhost\n")
    try:
        subprocess.run([*_WITH_HOSTS, str(probe), "true"], check=True, capture_output=True, timeout=10)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HIDDEN_ADDRESS, 443))
    except (OSError, subprocess.SubprocessError) as error:
        return f"another hosts file and port 443 need Linux and root: {error}"
    return ""
