"""Proxies such as PluralKit: a webhook repeats what somebody posted, and the first message is deleted."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from bot.proxies import Originals
from bot.store import Store
from tests.bot.test_loopback import FIRST_LINE, PHOTO, Scene, configured, offline, scene, writer
from tests.bot.test_rules import set_up
from tests.discord import Message

pytestmark = pytest.mark.asyncio

__all__ = ["offline", "scene", "writer"]

LINK = "https://example.org/cat.jpg"


@pytest.fixture
def config(tmp_path: Any) -> Any:
    """With a cooldown: what the first message cost, the second would feel."""
    return configured(tmp_path, limits={"cooldown_seconds": 600})


async def song(scene: Scene, posted: Message) -> Message:
    """The reply to a message, once it is noted: it gets its reactions after that."""
    reply = await scene.server.wait_for_reply(posted)
    await scene.server.wait_until(lambda: len(reply.reactions) == 2)
    return reply


async def spent(scene: Scene) -> int:
    """How many of Ann's songs of today are used."""
    today = datetime.now(UTC).date().isoformat()
    async with Store.open(scene.config.store.path) as store:
        rows = (await store.export_user(scene.ann.id))["quotas"]
    return sum(row["used"] for row in rows if row["day"] == today)


async def test_a_server_may_have_proxies_answered_instead_of_what_they_repeat(scene: Scene) -> None:
    assert "webhooks: answered" in await set_up(scene, "proxies", on=True)
    scene.writer.gate.clear()
    posted = await scene.posts(text="A: look")
    await scene.writing()
    proxied = await scene.server.proxy(posted, "look")
    await scene.server.delete(posted)
    scene.writer.gate.set()
    reply = await song(scene, proxied)
    assert reply.content.startswith(FIRST_LINE)
    assert scene.server.replies(posted) == []
    # The song is Ann's, not the webhook's.
    [output] = await scene.outputs()
    assert (output["user"], output["author"], output["message"]) == (scene.ann.id, scene.ann.id, reply.id)
    assert await spent(scene) == 1
    await scene.server.edit(proxied, "look!")
    await (await scene.server.click(scene.ann, reply, ":delete:")).acknowledgement()
    await scene.server.wait_until(lambda: reply.deleted)
    assert len(scene.server.posted(scene.channel)) == 1  # of the settings


async def test_a_song_that_was_faster_than_the_proxy_gives_way(scene: Scene) -> None:
    await set_up(scene, "proxies", on=True)
    posted = await scene.posts()
    too_early = await scene.server.wait_for_reply(posted)
    proxied = await scene.server.proxy(posted)
    await scene.server.delete(posted)
    reply = await song(scene, proxied)
    assert too_early.deleted
    assert [output["message"] for output in await scene.outputs()] == [reply.id]
    assert await spent(scene) == 1


@pytest.mark.parametrize("first", ["the proxy's comes", "the first one goes"])
async def test_where_proxies_are_not_answered_what_they_take_away_costs_nothing(
    scene: Scene, first: str
) -> None:
    scene.writer.gate.clear()
    posted = await scene.posts()
    await scene.writing()
    if first == "the proxy's comes":
        proxied = await scene.server.proxy(posted)
        await scene.server.delete(posted)
    else:
        await scene.server.delete(posted)
        proxied = await scene.server.proxy(posted)
    scene.writer.gate.set()
    await scene.caught_up()
    assert await spent(scene) == 0
    # Not even the wait for the next song.
    assert (await (await scene.lyrics()).answered()).text.startswith(FIRST_LINE)
    assert scene.server.replies(posted) == scene.server.replies(proxied) == []


async def test_what_somebody_deletes_themselves_has_cost(scene: Scene) -> None:
    scene.writer.gate.clear()
    posted = await scene.posts()
    await scene.writing()
    await scene.server.delete(posted)
    scene.writer.gate.set()
    await scene.caught_up()
    assert await spent(scene) == 1


async def test_who_opted_out_is_left_alone_behind_a_proxy_too(scene: Scene) -> None:
    await set_up(scene, "proxies", on=True)
    await (await scene.server.slash(scene.ann, scene.channel, "privacy opt-out")).answered()
    posted = await scene.posts()
    proxied = await scene.server.proxy(posted)
    await scene.server.delete(posted)
    await scene.caught_up()
    assert scene.server.replies(proxied) == []


async def test_a_webhook_that_repeats_nobody_is_answered_where_proxies_are(scene: Scene) -> None:
    await set_up(scene, "proxies", on=True)
    bridged = await scene.server.post(scene.channel, scene.ann, "from elsewhere", [PHOTO], webhook=True)
    assert (await scene.server.wait_for_reply(bridged)).content.startswith(FIRST_LINE)
    assert await scene.outputs() == []
    # What an app answers to a command is posted by a webhook, too, and is a bot's.
    used = await (await scene.lyrics(picture=PHOTO)).answered()
    await scene.caught_up()
    assert used.original is not None
    assert scene.server.replies(used.original) == []


async def test_what_a_proxy_repeats_is_known_by_channel_files_and_words() -> None:
    def posted(content: str, *files: tuple[str, int], channel: int = 1) -> Any:
        attachments = [SimpleNamespace(filename=name, size=size) for name, size in files]
        where = {"channel": SimpleNamespace(id=channel), "guild": "a server"}
        return SimpleNamespace(id=next(ids), content=content, attachments=attachments, **where)

    now, ids = [0.0], itertools.count(1)
    originals = Originals(lambda: now[0])
    mine = posted("A: look", ("a.png", 3), ("b.png", 4))
    link = posted(f"A: {LINK}")
    for message in (mine, link, posted("chat")):
        originals.remember(message)
    again = posted("look", ("b.png", 4), ("a.png", 3))
    for other in (
        posted("look", ("a.png", 3)), posted("else", ("b.png", 4), ("a.png", 3)),
        posted("look", ("b.png", 4), ("a.png", 3), channel=2), posted("chat"), posted(""),
    ):  # fmt: skip
        assert originals.repeated_by(other) is None
    assert originals.repeated_by(posted(LINK)).message is link  # type: ignore[union-attr]
    found = originals.repeated_by(again)
    assert found is not None
    assert found.message is mine
    found.proxy = again.id
    # What somebody posts after it is their own, whenever the proxy's is looked at once more.
    originals.remember(posted("look", ("a.png", 3), ("b.png", 4)))
    # An edit of the proxy's message repeats it as well; another message does not.
    assert originals.repeated_by(again) is found
    assert originals.repeated_by(posted("look", ("a.png", 3), ("b.png", 4))) is not found
    now[0] = 60.0
    assert originals.repeated_by(again) is None
