"""What Discord sends that cannot be parsed, and what it refuses: the bot goes on, and the log says why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import discord
import pytest

from bot.store import Store
from tests.bot.test_loopback import (
    ANSWER,
    FIRST_LINE,
    PHOTO,
    REPLY,
    Scene,
    config,
    offline,
    scene,
    writer,
)

pytestmark = pytest.mark.asyncio

__all__ = ["config", "offline", "scene", "writer"]

PRIVATE = "what people write is nobody's business"


@pytest.fixture(autouse=True)
def _informed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def lines_with(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [line for record in caplog.records if text in (line := record.getMessage())]


# What cannot be parsed


def without(*steps: str) -> Callable[[dict[str, Any]], Any]:
    """Takes a field out of a payload; "*" is the only entry of a table of ids."""

    def change(data: Any) -> None:
        *above, last = steps
        for step in above:
            data = next(iter(data.values())) if step == "*" else data[step]
        del data[last]

    return change


async def test_a_message_that_cannot_be_parsed_is_skipped(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.server.garble("MESSAGE_CREATE", without("author"))
    posted = await scene.posts(text=PRIVATE)
    await scene.caught_up()
    assert scene.server.replies(posted) == []
    [line] = lines_with(caplog, "is skipped")
    assert f"MESSAGE_CREATE {posted.id}" in line
    assert "\n" not in line
    assert PRIVATE not in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("event", ["MESSAGE_REACTION_ADD", "CHANNEL_UPDATE"])
async def test_other_events_that_cannot_be_parsed_are_skipped(
    scene: Scene, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    reply = await scene.server.wait_for_reply(await scene.posts())
    await scene.server.wait_until(lambda: "👎" in reply.reactions)
    scene.server.garble(event, without("channel_id" if event.startswith("MESSAGE") else "id"))
    await scene.server.react(reply, scene.person("bob"), "👍")
    scene.server.permit(scene.channel, scene.ann)
    await scene.caught_up()
    [line] = lines_with(caplog, "is skipped")
    assert line.startswith(event)


@pytest.mark.parametrize("missing", ["token", "data"])
async def test_an_interaction_that_cannot_be_parsed_is_skipped(
    scene: Scene, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    scene.server.garble("INTERACTION_CREATE", without(missing))
    await scene.lyrics(seed=PRIVATE)
    await scene.server.wait_until(lambda: lines_with(caplog, "is skipped"))
    assert (await (await scene.lyrics()).answered()).text.startswith(FIRST_LINE)
    assert len(lines_with(caplog, "is skipped")) == 1
    assert PRIVATE not in caplog.text


async def test_a_command_that_cannot_be_parsed_is_answered_with_a_sentence(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.server.garble("INTERACTION_CREATE", without("data", "resolved", "attachments", "*", "id"))
    used = await (await scene.lyrics(picture=PHOTO)).answered()
    assert "cannot make sense" in used.text
    assert used.ephemeral
    [line] = lines_with(caplog, "is skipped")
    assert "INTERACTION_CREATE" in line
    assert PHOTO[0] not in caplog.text
    assert "Traceback" not in caplog.text
    assert (await (await scene.lyrics(picture=PHOTO)).answered()).text.startswith(FIRST_LINE)


async def test_a_server_that_cannot_be_parsed_is_left_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.server.garble("GUILD_CREATE", lambda data: data["roles"][0].pop("id"))
    guild = scene.server.add_guild("odd")
    posted = await scene.server.post(scene.server.add_channel(guild), guild.owner, "", [PHOTO])
    await scene.caught_up()
    # Without its channels nobody knows whether pictures are wanted there: it is no direct message.
    assert scene.server.replies(posted) == []
    assert lines_with(caplog, f"message {posted.id} ")
    assert lines_with(caplog, "GUILD_CREATE")


# What Discord refuses


def refused(caplog: pytest.LogCaptureFixture, posted: Any) -> str:
    """The one line that says why a picture was not answered."""
    [line] = lines_with(caplog, f"picture not answered: message {posted.id} in channel {posted.channel.id}")
    return line


async def test_a_song_that_automod_stops_is_owned_up_to_and_costs_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = {"code": 200000, "message": "Message was blocked by automatic moderation"}
    scene.server.fail("POST", REPLY, 400, **blocked)
    posted = await scene.posts()
    reply = await scene.server.wait_for_reply(posted)
    assert "AutoMod stopped my song" in reply.content
    await scene.server.wait_until(lambda: lines_with(caplog, "picture not answered"))
    assert refused(caplog, posted).endswith("Blocked, Discord says 400 (200000)")
    scene.server.fail("PATCH", ANSWER, 400, **blocked)
    used = await scene.lyrics()
    await scene.server.wait_until(lambda: used.followups)
    assert "AutoMod stopped my song" in used.followups[0].content
    assert used.followups[0].ephemeral
    assert "Traceback" not in caplog.text

    async def given_back(store: Store) -> bool:
        held = await store.export_user(scene.ann.id)
        jobs = {job["status"] for job in held["jobs"]}
        return jobs == {"Blocked"} and held["quotas"][0]["used"] == 0 and held["outputs"] == []

    await scene.stored(given_back)


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [(403, 50013, "Forbidden"), (403, 50001, "Forbidden"), (404, 10003, "NotFound")],
)
async def test_a_reply_that_is_refused_leaves_a_line(
    scene: Scene, caplog: pytest.LogCaptureFixture, status: int, code: int, why: str
) -> None:
    hit = scene.server.fail("POST", REPLY, status, code=code, times=2)
    posted = await scene.posts(text=PRIVATE)
    await scene.server.wait_until(lambda: hit.hits == 2)
    await scene.caught_up()
    assert refused(caplog, posted).endswith(f"{why}, Discord says {status} ({code})")
    assert lines_with(caplog, f"message {posted.id}: nobody could be told ({code})")
    assert "Traceback" not in caplog.text
    assert PRIVATE not in caplog.text


async def test_silence_is_explained_in_the_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    await (await scene.server.slash(scene.ann, scene.channel, "privacy opt-out")).answered()
    ignored = await scene.posts()
    await scene.caught_up()
    assert refused(caplog, ignored).endswith("opted out")
    scene.server.permit(scene.channel, scene.server.bot, deny=discord.Permissions(send_messages=True))
    unwelcome = await scene.posts(scene.person("bob"))
    await scene.server.wait_until(lambda: lines_with(caplog, f"message {unwelcome.id} "))
    assert "may not write" in refused(caplog, unwelcome)
    cyd = scene.person("cyd")
    bad = await scene.server.post(scene.server.direct(cyd), cyd, "", [("photo.jpg", b"no picture")])
    await scene.server.wait_for_reply(bad)
    assert refused(caplog, bad).endswith("BadPicture")
