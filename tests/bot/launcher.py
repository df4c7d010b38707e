"""``songwriter run`` with one argument more: where Discord is. For machines without a hosts file to change.

Run: ``python -m tests.bot.launcher CONFIG ADDRESS PORT [LOADER]``.
"""

from __future__ import annotations

import functools
import ssl
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """The command itself, on a loopback Discord and, if a loader is named, with its models."""
    # sqlite-utils loads pandas where it finds it; who only runs the bot has not installed it.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    # Not above: the worker processes import this module, too.
    import aiohttp

    from bot import app
    from bot.cli.main import main as songwriter
    from bot.config import load_config
    from bot.engine.local import LocalEngine
    from tests.discord.tls import Resolver

    path, address, port, *loader = sys.argv[1:]

    def connector() -> aiohttp.TCPConnector:
        resolver = Resolver(address, int(port))
        return aiohttp.TCPConnector(resolver=resolver, ssl=ssl.create_default_context(), limit=0)

    more: dict[str, Any] = {"connector": connector}
    if loader:
        config = load_config(Path(path))
        more["engine"] = LocalEngine(
            config.limits, config.engine, config.pictures, config.filter, loader=loader[0]
        )
    app.run = functools.partial(app.run, **more)
    songwriter(["run", "--config", path])


if __name__ == "__main__":
    main()
