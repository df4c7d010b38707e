"""Draws ``channel.png``: a channel in which the bot answers a picture.

The bot, its models and its texts are the real ones, Discord is simcord's preview page. Needs
``pip install -e '.[test]' 'simcord[screenshot]'`` and a Chromium; from the repository's root:

    python docs/images/render.py
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import simcord
from PIL import Image
from playwright.async_api import async_playwright

from bot.client import Resources, SongwriterBot
from bot.config import Config, parse
from bot.engine.attempts import Attempts, Order
from bot.engine.models import load
from bot.engine.requests import SongRequest, SongResult
from bot.engine.worker import Setup
from bot.images import PictureFetcher
from bot.limits import Quota
from bot.ops.health import Metrics
from bot.songs import Songs
from bot.store import ServerSettings, Store
from model.request import GenerationRequest
from tests.bot.engine.inline import InlineEngine

HERE = Path(__file__).parent
PICTURE, TARGET = HERE / "raccoon.jpg", HERE / "channel.png"
# The stanza is drawn like any other; this number makes it the same one every time.
SEED = 1
SIZE = (720, 840)
# Text and flat surfaces need few colours, and the photograph gets by with these.
COLOURS = 256


class OnePicture(PictureFetcher):
    """There is no network: whatever is asked for is the picture."""

    def __init__(self) -> None:
        pass

    @asynccontextmanager
    async def fetched(self, *_: object) -> AsyncIterator[tuple[bytes, ...]]:
        yield (PICTURE.read_bytes(),)


def write() -> SongResult:
    """What a worker makes of the picture."""
    request = SongRequest("", 0, None, "picture", GenerationRequest(seed=SEED))
    attempts = Attempts(load(Setup("", 0, "cpu", None, 25_000_000, 1)), 1)
    [song] = attempts.write([Order(request, (PICTURE.read_bytes(),))])
    if not isinstance(song, SongResult):
        raise song
    return song


async def main() -> None:
    """Post the picture, let people react, take the photograph."""
    config, song = parse({"pictures": {"hosts": ["cdn.simcord.invalid"]}}), write()
    with tempfile.TemporaryDirectory() as folder:
        async with Store.open(Path(folder) / "songwriter.sqlite3") as store:
            await channel(config, store, song)
    Image.open(TARGET).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(TARGET, optimize=True)


async def channel(config: Config, store: Store, song: SongResult) -> None:
    engine = InlineEngine(config.limits, lambda *_: song)
    await engine.start()
    songs = Songs(config, store, engine, OnePicture(), Quota(config.limits, store), frozenset(), Metrics())
    bot = SongwriterBot(Resources(config, store, songs, ()), message_content=True, shard_count=1)
    async with simcord.run(bot) as env:
        guild = env.create_guild("Garden club")
        place = guild.create_text_channel("pictures")
        await bot.get_guild(guild.id).me.edit(nick="Neural Songwriter")
        await store.change_settings(guild.id, lambda _: ServerSettings(channels=(place.id,)))
        ann, bob, eve = (guild.add_member(env.create_user(name)) for name in ("ann", "bob", "eve"))
        await ann.send(
            place, "look who came by this morning", attachments=[(PICTURE.name, PICTURE.read_bytes())]
        )
        reply = place.last_message
        await bob.react(reply, "👍")
        await eve.react(reply, "👍")
        async with env.preview(
            place, viewers=[ann], layout="channel", width=SIZE[0], height=SIZE[1]
        ) as preview:
            await photograph(preview)
    await engine.close(0)


async def photograph(preview: Any) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox"],
        )
        # simcord would start the browser that Playwright downloads; the system's is as good.
        preview._capture_manager._browser = browser
        await preview.screenshot(TARGET, mode="viewport", allow_incomplete=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
