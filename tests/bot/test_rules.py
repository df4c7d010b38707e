"""Spoilers stay spoilers, and a server's rules say who gets songs, where, and about what."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.bot.test_loopback import FIRST_LINE, PHOTO, Scene, config, offline, scene, writer
from tests.discord import Interaction, Message, unfurling
from tests.zoo import photograph

pytestmark = pytest.mark.asyncio

__all__ = ["config", "offline", "scene", "writer"]

SPOILER = ("SPOILER_photo.jpg", photograph())
HIDDEN = f"||{FIRST_LINE}\nLine two||\n-# ||a dog|| · "
LINK = "https://example.org/cat.jpg"


async def set_up(scene: Scene, name: str, **options: Any) -> str:
    """What the server's owner is told after a change of settings."""
    used = await scene.server.slash(scene.guild.owner, scene.channel, f"settings {name}", options)
    return (await used.answered()).text


async def menu(scene: Scene, posted: Message) -> Interaction:
    return await (await scene.server.context_menu(scene.ann, posted, "Write lyrics")).answered()


async def refused(scene: Scene, used: Interaction) -> str:
    """What the person alone is told instead of a song."""

    def said() -> list[str]:
        answers = [*used.followups, used.original] if used.original else used.followups
        return [one.content for one in answers if one.ephemeral and one.content]

    return (await scene.server.wait_until(said))[0]


# Spoilers


@pytest.mark.parametrize("claims", [{}, {"flags": 1 << 3}], ids=["by its name", "by its flag"])
async def test_a_spoiler_gets_its_song_behind_bars(scene: Scene, claims: dict[str, Any]) -> None:
    name = PHOTO[0] if claims else SPOILER[0]
    reply = await scene.server.wait_for_reply(await scene.posts(None, (name, PHOTO[1], claims)))
    assert reply.content.startswith(HIDDEN)


async def test_one_spoiler_among_pictures_hides_the_song(scene: Scene) -> None:
    reply = await scene.server.wait_for_reply(await scene.posts(None, PHOTO, SPOILER))
    assert reply.content.startswith(HIDDEN)


async def test_a_forwarded_spoiler_and_a_commands(scene: Scene) -> None:
    original = await scene.server.post(
        scene.server.add_channel(scene.guild, "elsewhere"), scene.person("ben"), "look", [SPOILER]
    )
    forwarded = await scene.server.forward(original, scene.ann, scene.channel)
    assert (await scene.server.wait_for_reply(forwarded)).content.startswith(HIDDEN)
    assert (await menu(scene, forwarded)).text.startswith(HIDDEN)
    assert (await (await scene.lyrics(picture=SPOILER)).answered()).text.startswith(HIDDEN)


@pytest.mark.parametrize(
    ("text", "hides"),
    [(f"the end: || {LINK} ||", True), (f"||so sad|| {LINK}", False), (f"||https://a.org|| {LINK}", False)],
)
async def test_a_hidden_links_preview_is_a_spoiler(scene: Scene, text: str, hides: bool) -> None:
    posted = await scene.server.post(scene.channel, scene.ann, text)
    await scene.server.unfurl(posted, unfurling.preview(scene.server.world, LINK, photograph()))
    reply = await scene.server.wait_for_reply(posted)
    assert reply.content.startswith(HIDDEN if hides else FIRST_LINE)


@pytest.mark.parametrize("how", ["gallery", "thumbnail", "file", "container"])
async def test_components_that_hide_pictures(scene: Scene, how: str) -> None:
    media = unfurling.uploaded(scene.server.upload(scene.channel, PHOTO))
    parts = {
        "gallery": unfurling.gallery(media, spoiler=True),
        "thumbnail": unfurling.section("beside it", media, spoiler=True),
        "file": unfurling.file(media, *PHOTO[:1], len(PHOTO[1]), spoiler=True),
        "container": unfurling.container(unfurling.gallery(media), spoiler=True),
    }
    other = scene.server.add_user("other", bot=True)
    posted = await scene.server.post(scene.channel, other, components=[parts[how]])
    assert (await menu(scene, posted)).text.startswith(HIDDEN)


async def test_what_comes_of_a_hidden_song_is_hidden(scene: Scene) -> None:
    server, ann = scene.server, scene.ann
    reply = await server.wait_for_reply(await scene.posts(None, SPOILER))
    again = await (await server.click(ann, reply, ":again:")).answered()
    assert again.text.startswith(HIDDEN)
    why = (await (await server.click(ann, reply, ":why:")).answered()).text
    for told in ("a dog", "song (1)", FIRST_LINE):
        assert told not in "".join(why.split("||")[::2])
    offered = await (await server.click(ann, reply, ":rewrite:")).answered()
    assert offered.original is not None
    [choice] = offered.original.buttons
    assert [option["label"] for option in choice["options"]] == ["1. …", "2. …"]
    anew = await (await server.click(ann, offered.original, "line:", ["2"])).answered()
    assert anew.text.startswith(f"||{FIRST_LINE}\nLine 2 anew")
    number = anew.text.split("`")[-2]
    replayed = await (await server.slash(ann, scene.channel, "replay", {"recipe": number})).answered()
    assert replayed.text.startswith(f"||{FIRST_LINE}")


async def test_a_server_may_want_no_songs_about_spoilers(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert "Spoilers: not answered" in await set_up(scene, "spoilers", rule="skip")
    silent = await scene.posts(None, SPOILER)
    asked = await scene.posts(scene.person("bea"), SPOILER, text=scene.server.bot.mention)
    said = (await scene.server.wait_for_reply(asked)).content
    assert said == "That picture is a spoiler, and this server wants no songs about spoilers."
    for used in (
        await scene.server.context_menu(scene.ann, silent, "Write lyrics"),
        await scene.lyrics(picture=SPOILER),
    ):
        assert await refused(scene, used) == said
    assert scene.server.replies(silent) == []
    assert f"message {silent.id} in channel {scene.channel.id}: That picture is a spoiler" in caplog.text
    assert scene.writer.asked == []
    assert (await scene.outputs()) == []


# Age-restricted channels


@pytest.mark.parametrize("thread", [False, True])
async def test_age_restricted_channels_are_left_alone_until_a_manager_says_otherwise(
    scene: Scene, caplog: pytest.LogCaptureFixture, thread: bool
) -> None:
    caplog.set_level(logging.INFO)
    scene.channel = scene.server.add_channel(scene.guild, "adults", nsfw=True)
    if thread:
        scene.channel = scene.server.add_channel(scene.guild, "thread", parent=scene.channel)
    silent = await scene.posts()
    asked = await scene.posts(scene.person("bea"), text=scene.server.bot.mention)
    said = (await scene.server.wait_for_reply(asked)).content
    assert said.startswith("This channel is age-restricted")
    assert await refused(scene, await scene.lyrics(picture=PHOTO)) == said
    assert await refused(scene, await scene.server.context_menu(scene.ann, silent, "Write lyrics")) == said
    assert scene.server.replies(silent) == []
    assert f"message {silent.id} in channel {scene.channel.id}: This channel is age-rest" in caplog.text
    # What is about no picture is as everywhere.
    assert (await (await scene.lyrics()).answered()).text.startswith(FIRST_LINE)
    assert "Age-restricted channels: answered" in await set_up(scene, "age-restricted", on=True)
    reply = await scene.server.wait_for_reply(await scene.posts())
    await set_up(scene, "age-restricted", on=False)
    pressed = await scene.server.click(scene.ann, reply, ":again:")
    assert await refused(scene, pressed) == said
