"""The composition root: every resource is made here, passed on, and closed in reverse order."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import discord

from bot.client import Resources, SongwriterBot
from bot.config import TOKEN, TOKEN_FILE, BadConfiguration, Config
from bot.engine.local import LocalEngine
from bot.engine.requests import Engine
from bot.images import PictureFetcher, open_session
from bot.limits import Quota
from bot.line import TURN
from bot.ops.health import Check, Health, Metrics
from bot.ops.log import configure
from bot.ops.measures import EngineMeter
from bot.ops.retention import Retention
from bot.prompt_words import prompt_words
from bot.songs import Songs
from bot.stopping import end_hard, stop_signals
from bot.store import Store, claimed
from bot.ui.hourglass import TURNING
from bot.ui.posting import FADING
from bot.wordfilter import forbidden_words
from model.errors import Unavailable
from model.eye import Eye
from model.files import CHECKPOINTS
from model.memory import map_large_blocks
from model.novelty import remark

_log = logging.getLogger(__name__)

Connector = Callable[[], aiohttp.BaseConnector]

# Of the 20 s within which the program has to stop: for songs under way, then for the rest.
DRAIN_SECONDS = 12.0
CLOSE_SECONDS = 5.0

_BAD_TOKEN = "Discord does not accept the token: copy it anew from the developer portal."  # noqa: S105
# The gateway's close code for a token that was revoked, also while the bot runs.
_AUTHENTICATION_FAILED = 4004


def run(config: Config, token: str, **client_kwargs: Any) -> None:
    """Run the bot until a signal stops it.

    Args:
        config: the whole configuration.
        token: Discord's; it leaves the environment, so that no worker inherits it.
        client_kwargs: see ``serve``.

    Raises:
        BadConfiguration: Discord does not accept the token, or the health port is taken.
        DatabaseInUse: another bot runs on the database.
        BadStore: the database cannot be used: see ``Store.open``.
        StoreError: it cannot be opened now.
        BadCheckpoint: the lexicon is missing or damaged.
        Unavailable: Discord cannot be reached.
    """
    for name in (TOKEN, TOKEN_FILE):
        os.environ.pop(name, None)
    # Else glibc's heap would have holes of pictures' sizes.
    map_large_blocks()
    with configure(config.log):
        try:
            asyncio.run(serve(config, token, **client_kwargs))
        finally:
            # The loop, which listened to them until now, has put the signals back to their defaults.
            end_hard()


async def serve(
    config: Config,
    token: str,
    engine: Engine | None = None,
    connector: Connector | None = None,
    **client_kwargs: Any,
) -> None:
    """As ``run``, in a running loop.

    Args:
        config: see ``run``.
        token: see ``run``.
        engine: instead of worker processes.
        connector: makes what connects to Discord, once for each client; None for the usual.
        client_kwargs: for ``discord.Client``.
    """
    stop = stop_signals()
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        stack.enter_context(claimed(config.store.path))
        store = await stack.enter_async_context(Store.open(config.store.path))
        await stack.enter_async_context(Retention(store, config.store))
        forbidden = forbidden_words(config.filter)
        engine = engine or _local_engine(config, metrics)
        await stack.enter_async_context(_running(engine))
        session = await stack.enter_async_context(open_session(config.pictures, connector and connector()))
        fetcher = PictureFetcher(session, config.pictures)
        quota = Quota(config.limits, store, config.discord.owners)
        songs = Songs(config, store, engine, fetcher, quota, forbidden, metrics)
        folder = config.engine.checkpoints or CHECKPOINTS
        if said := await asyncio.to_thread(remark, folder):
            _log.warning("%s", said)
        words = await asyncio.to_thread(prompt_words, folder / "lexicon.json.xz", forbidden)
        resources = Resources(config, store, songs, words)
        await _connected(resources, engine, token, stop, metrics, connector, **client_kwargs)


async def _connected(
    resources: Resources,
    engine: Engine,
    token: str,
    stop: asyncio.Event,
    metrics: Metrics,
    connector: Connector | None,
    **client_kwargs: Any,
) -> None:
    """Log in and serve; once more without the privileged intent where it is not granted."""
    config = resources.config
    for message_content in (True, False) if config.discord.message_content else (False,):
        if connector is not None:
            # Closed with the client that it was made for.
            client_kwargs["connector"] = connector()
        bot = SongwriterBot(resources, message_content=message_content, **client_kwargs)
        checks = _checks(bot, engine)
        try:
            async with bot, Health(config.health, metrics, checks) as health:
                metrics.gateway_latency.set_function(lambda bot=bot: bot.latency)  # type: ignore[misc]
                await _until_stopped(bot, engine, token, stop, health)
            return
        except discord.PrivilegedIntentsRequired:
            _log.warning(
                "Discord does not grant the message content intent: pictures are answered only where I am "
                "mentioned or in direct messages (switch it on in the developer portal, or set "
                "discord.message_content = false)"
            )
        except discord.LoginFailure as error:
            raise BadConfiguration(_BAD_TOKEN) from error
        except discord.ConnectionClosed as error:
            if error.code == _AUTHENTICATION_FAILED:
                raise BadConfiguration(_BAD_TOKEN) from error
            raise Unavailable(f"Discord closed the connection with code {error.code}.") from error
        except (discord.HTTPException, discord.GatewayNotFound, aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"Discord cannot be reached: {type(error).__name__}.") from error


async def _until_stopped(
    bot: SongwriterBot, engine: Engine, token: str, stop: asyncio.Event, health: Health
) -> None:
    """Run the gateway until it fails or a signal comes; then finish what can be finished, in order."""
    gateway = asyncio.create_task(bot.start(token))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({gateway, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if gateway.done():
        gateway.result()
        return
    _log.info("stopping: finishing what is under way")
    bot.stopping = True
    bot.poster.stop()
    health.drain()
    await engine.close(DRAIN_SECONDS)
    # Who used a command that was not finished is told so by the same path as any error; pictures
    # wait for the process after this one.
    await _answered(CLOSE_SECONDS)
    # Before it is closed: what is still connecting would take that for a fault, and try again.
    gateway.cancel()
    await asyncio.wait({gateway}, timeout=CLOSE_SECONDS)
    await bot.close()


def _local_engine(config: Config, metrics: Metrics) -> LocalEngine:
    engine = LocalEngine(
        config.limits,
        config.engine,
        config.pictures,
        config.filter,
        eye=Eye.ready(**dict(config.eye)),
        meter=EngineMeter(metrics),
    )
    metrics.queue_depth.set_function(lambda: engine.depth)
    return engine


@asynccontextmanager
async def _running(engine: Engine) -> AsyncIterator[None]:
    await engine.start()
    try:
        yield
    finally:
        await engine.close(0)


def _checks(bot: SongwriterBot, engine: Engine) -> dict[str, Check]:
    """What it takes to be ready."""

    async def gateway() -> bool:
        return bot.is_ready()

    async def workers() -> bool:
        return engine.ready

    async def database() -> bool:
        await bot.store.put("ready", datetime.now(UTC).isoformat())
        return True

    return {"gateway": gateway, "workers": workers, "database": database}


async def _answered(limit: float) -> None:
    """Wait until the tasks for events and interactions are done, their apologies included."""
    names = ("discord.py:", "CommandTree", "discord-ui", FADING, TURN, TURNING)
    tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith(names)]
    if tasks:
        await asyncio.wait(tasks, timeout=limit)
