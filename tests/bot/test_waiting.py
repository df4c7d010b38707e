"""Nothing is lost to waiting: cooldowns, starts, stops, and what was posted while the bot was away."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.store import ServerSettings, Store
from tests.bot.engine.inline import InlineEngine
from tests.bot.test_loopback import (
    FIRST_LINE,
    PHOTO,
    Scene,
    config,
    configured,
    impatient,
    offline,
    scene,
    serving,
    writer,
)
from tests.discord import Message, User
from tests.discord.traffic import PATIENCE

pytestmark = pytest.mark.asyncio

__all__ = ["config", "impatient", "offline", "scene", "writer"]

HOURGLASS = "⏳"


class Waking(InlineEngine):
    """Wakes up when it is told to."""

    awake = False

    @property
    def warming_up(self) -> bool:
        return not self.awake


def bot_on(scene: Scene, **limits: Any) -> Any:
    """The bot with some limits, over the database that there is."""
    scene.config = configured(scene.config.store.path.parent, limits={"cooldown_seconds": 0, **limits})
    return serving(scene.server, scene.config, InlineEngine(scene.config.limits, scene.writer))


def songs(scene: Scene, message: Message) -> int:
    return sum(one.content.startswith(FIRST_LINE) for one in scene.server.replies(message))


def hourglass(message: Message) -> bool:
    return HOURGLASS in message.reactions


async def answered(scene: Scene, *messages: Message) -> None:
    """Wait until every message has its song and nothing else, and its hourglass has gone."""
    await scene.server.wait_until(
        lambda: all(songs(scene, one) == 1 and not hourglass(one) for one in messages)
    )
    assert all(len(scene.server.replies(one)) == 1 for one in messages)


def in_order(scene: Scene, *people: User) -> list[User]:
    """Whose songs came in which order."""
    posted = [one.reference.author for one in scene.server.posted(scene.channel) if one.reference]
    return [one for one in posted if one in people]


# Cooldowns


async def test_three_pictures_at_once_are_three_songs_in_order(offline: Scene) -> None:
    async with bot_on(offline, cooldown_seconds=1):
        offline.writer.gate.clear()
        posted = [await offline.posts() for _ in range(3)]
        await offline.server.wait_until(lambda: [*map(hourglass, posted)] == [False, True, True])
        offline.writer.gate.set()
        await answered(offline, *posted)
    replies = [one.reference for one in offline.server.posted(offline.channel)]
    assert replies == posted
    async with Store.open(offline.config.store.path) as store:
        held = await store.export_user(offline.ann.id)
    # To wait is no request of its own, and costs nothing.
    assert [job["status"] for job in held["jobs"]] == ["done"] * 3
    assert held["quotas"][0]["used"] == 3


async def test_a_long_cooldown_tells_a_time(scene: Scene) -> None:
    async with Store.open(scene.config.store.path) as store:
        await store.change_settings(scene.guild.id, lambda _: ServerSettings(cooldown=3600))
    await answered(scene, await scene.posts())
    second = await scene.posts()
    told = await scene.server.wait_for_reply(second)
    (moment,) = re.findall(r"<t:(\d+):R>", told.content)
    assert 3500 < int(moment) - time.time() < 3700
    assert not hourglass(second)
    # One that would wait longer than that is not kept, and its sentence says when it would be.
    third = await scene.server.wait_for_reply(await scene.posts())
    assert "post this picture again <t:" in third.content


async def test_what_is_too_much_is_refused_kindly(offline: Scene) -> None:
    async with bot_on(offline, user_waiting=2):
        offline.writer.gate.clear()
        posted = [await offline.posts() for _ in range(3)]
        refused = await offline.server.wait_for_reply(posted[2])
        assert refused.content.startswith("You have 2 pictures waiting")
        offline.writer.gate.set()
        await answered(offline, *posted[:2])


async def test_a_crowd_in_the_queue_is_waited_for(offline: Scene) -> None:
    async with bot_on(offline, queue=1):
        offline.writer.gate.clear()
        posted = [await offline.posts(offline.person(name)) for name in ("bob", "cleo", "dan")]
        await offline.server.wait_until(lambda: sum(map(hourglass, posted)) == 2)
        offline.writer.gate.set()
        await answered(offline, *posted)
    # What had no place in the queue was not downloaded in vain.
    assert len(offline.server.requests("GET", "/attachments/**")) == 3


async def test_whoever_posts_much_is_not_always_first(offline: Scene) -> None:
    bob = offline.person("bob")
    async with bot_on(offline):
        offline.writer.gate.clear()
        posted = [await offline.posts() for _ in range(4)]
        await offline.writing()
        posted.append(await offline.posts(bob))
        offline.writer.gate.set()
        await answered(offline, *posted)
    assert in_order(offline, offline.ann, bob).index(bob) <= 1


@pytest_asyncio.fixture
async def waiting(offline: Scene) -> AsyncIterator[Message]:
    """A picture that waits for its person's cooldown."""
    async with bot_on(offline, cooldown_seconds=1):
        offline.writer.gate.clear()
        await offline.posts()
        await offline.writing()
        posted = await offline.posts()
        await offline.server.wait_until(lambda: hourglass(posted))
        yield posted


async def test_what_is_deleted_while_it_waits_is_not_answered(offline: Scene, waiting: Message) -> None:
    await offline.server.delete(waiting)
    offline.writer.gate.set()
    await answered(offline, await offline.posts())
    assert len(offline.writer.asked) == 2


async def test_who_opts_out_while_waiting_is_left_alone(offline: Scene, waiting: Message) -> None:
    await (await offline.server.slash(offline.ann, offline.channel, "privacy opt-out")).answered()
    offline.writer.gate.set()
    await offline.server.wait_until(lambda: not hourglass(waiting))
    assert offline.server.replies(waiting) == []


async def test_a_burst_of_50_pictures_by_20_people_in_three_servers(offline: Scene) -> None:
    """Whose turn it is ``test_line`` proves."""
    server = offline.server
    channels = [offline.channel, *(server.add_channel(server.add_guild()) for _ in range(2))]
    posted = []
    async with bot_on(offline, cooldown_seconds=0.5):
        people = [server.add_user(f"person {number}") for number in range(20)]
        for number in range(50):
            somebody = people[number % 20]
            channel = channels[number % 20 % 3]
            assert channel.guild is not None
            if number < 20:
                server.add_member(channel.guild, somebody)
            posted.append(await server.post(channel, somebody, "", [PHOTO]))
        probe = await server.slash(offline.ann, offline.channel, "stats")
        assert await probe.acknowledgement() < server.portal.acknowledge_seconds
        await answered(offline, *posted)


# Start and stop


async def test_a_picture_while_the_bot_wakes_up_is_answered_when_it_is_awake(offline: Scene) -> None:
    engine = Waking(offline.config.limits, offline.writer)
    async with serving(offline.server, offline.config, engine):
        posted = await offline.posts()
        await offline.server.wait_until(lambda: hourglass(posted))
        engine.awake = True
        await answered(offline, posted)


async def test_a_picture_while_the_bot_starts_for_the_first_time(offline: Scene) -> None:
    offline.server.fail("GET", "/users/@me", delay=0.5)

    async def post() -> Message:
        await offline.server.wait_until(lambda: offline.server.requests("GET", "/users/@me"))
        return await offline.posts()

    posting = asyncio.create_task(post())
    async with bot_on(offline):
        await answered(offline, await posting)


@pytest_asyncio.fixture
async def stopped(offline: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Message]]:
    """Pictures of when the bot was told to stop: one being written, one waiting, one posted then."""
    monkeypatch.setattr("bot.app.DRAIN_SECONDS", 0.5)
    found = []
    async with bot_on(offline, cooldown_seconds=30) as bot:
        offline.writer.gate.clear()
        found.append(await offline.posts())
        await offline.writing()
        found.append(await offline.posts())
        await offline.server.wait_until(lambda: hourglass(found[1]))
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.1)
        found.append(await offline.posts(offline.person("bob")))
        await asyncio.wait_for(bot, PATIENCE)
    offline.writer.gate.set()
    yield found


async def test_what_a_signal_cuts_short_is_answered_by_the_next_process_once(
    offline: Scene, stopped: list[Message]
) -> None:
    # They were told nothing but that it comes soon.
    assert all(map(hourglass, stopped))
    assert [offline.server.replies(one) for one in stopped] == [[], [], []]
    for _ in range(2):
        async with bot_on(offline):
            await answered(offline, *stopped)
            await offline.caught_up()


async def test_what_waited_when_it_was_stopped_too_long_ago_waits_no_more(
    offline: Scene, stopped: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.catching_up.MOST_SECONDS", 0.0)
    async with bot_on(offline, catch_up_seconds=0):
        await offline.server.wait_until(lambda: not any(map(hourglass, stopped)))
        await offline.caught_up()
    assert [offline.server.replies(one) for one in stopped] == [[], [], []]


# While it was away


async def test_what_was_posted_while_it_was_away_is_answered_once(offline: Scene) -> None:
    server = offline.server
    direct = server.direct(offline.ann)
    places = (offline.channel, server.add_channel(offline.guild, "thread", parent=offline.channel), direct)
    async with bot_on(offline):
        before = [await server.post(one, offline.ann, "", [PHOTO]) for one in places]
        await answered(offline, *before)
    missed = [await server.post(one, offline.ann, "", [PHOTO]) for one in places]
    # It would be told how the bot is used, if it had been there.
    greeting = await server.post(direct, offline.ann, "Hello?")
    for _ in range(2):
        async with bot_on(offline):
            await answered(offline, *before, *missed)
            await offline.caught_up()
    assert server.replies(greeting) == []


async def test_a_bot_that_was_killed_doubles_nothing(offline: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on(offline):
        await answered(offline, await offline.posts())
    # From now on nothing is noted any more.
    monkeypatch.setattr("bot.progress.Progress.save", _nothing)
    async with bot_on(offline):
        posted = await offline.posts()
        await answered(offline, posted)
    monkeypatch.undo()
    missed = await offline.posts()
    async with bot_on(offline):
        await answered(offline, posted, missed)
        await offline.caught_up()


async def _nothing(*_: object) -> None:
    pass


async def test_what_was_posted_long_before_or_before_the_first_start_stays_unanswered(
    offline: Scene,
) -> None:
    old = await offline.posts()
    async with bot_on(offline):
        await offline.caught_up()
    missed = await offline.posts()
    async with bot_on(offline, catch_up_seconds=0):
        await offline.caught_up()
    assert [offline.server.replies(one) for one in (old, missed)] == [[], []]


@pytest.mark.usefixtures("impatient")
async def test_what_a_lost_session_has_missed_is_caught_up(scene: Scene) -> None:
    server = scene.server
    before = await scene.posts()
    await answered(scene, before)
    # The bot is told that its session is gone; until it has a new one, nothing reaches it.
    await server.invalidate_session()
    missed = await scene.posts()
    await answered(scene, before, missed)


async def test_a_channel_whose_history_is_refused_keeps_no_other_waiting(offline: Scene) -> None:
    server = offline.server
    other = server.add_channel(offline.guild, "other")
    async with bot_on(offline):
        await offline.caught_up()
    await offline.posts()
    missed = await server.post(other, offline.ann, "", [PHOTO])
    server.fail("GET", f"/channels/{offline.channel.id}/messages", 403, code=50001)
    async with bot_on(offline):
        await answered(offline, missed)
