"""What people who manage a server decide for it, and what ``/settings show`` says of that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.engine.requests import Declined
from bot.store import ServerSettings, Store
from tests.bot.engine.inline import InlineEngine
from tests.bot.test_loopback import (
    FIRST_LINE,
    PHOTO,
    Scene,
    config,
    configured,
    offline,
    scene,
    serving,
    writer,
)
from tests.bot.test_rules import refused, set_up
from tests.discord import Message, User

pytestmark = pytest.mark.asyncio

__all__ = ["config", "offline", "scene", "writer"]


async def answered(scene: Scene, posted: Message) -> None:
    """A message gets a song."""
    assert (await scene.server.wait_for_reply(posted)).content.startswith(FIRST_LINE)


async def passed_over(scene: Scene, *posted: Message) -> None:
    """Messages get nothing, while somebody's who writes after them does."""
    elsewhere = scene.server.direct(marker := scene.server.add_user("marker"))
    await answered(scene, await scene.server.post(elsewhere, marker, "", [PHOTO]))
    for message in posted:
        assert scene.server.replies(message) == []


def facts(shown: str) -> dict[str, str]:
    """The lines of ``/settings show`` before what has no effect."""
    return dict(line.split(": ", 1) for line in shown.split("\n**")[0].splitlines())


def idle(shown: str) -> list[str]:
    """What it says that has no effect."""
    return [line[2:] for line in shown.partition("**Without effect**\n")[2].splitlines()]


# What is shown


async def test_it_shows_what_holds_and_where_that_comes_from(scene: Scene) -> None:
    before = facts(await set_up(scene, "show"))
    for name, options in (
        ("temperature", {"value": 0.9}), ("mood", {"mood": "sad"}), ("style", {"style": "hymn"}),
        ("lines", {"number": 2}), ("scheme", {"scheme": "ABAB"}), ("cooldown", {"seconds": 0}),
        ("quota", {"songs": 50}), ("ratings", {"on": False}), ("quiet-line", {"on": False}),
        ("buttons", {"who": "asker"}), ("threads", {"on": True}), ("word", {"word": "Sausage"}),
    ):  # fmt: skip
        await set_up(scene, name, **options)
    after = facts(await set_up(scene, "show"))
    assert {name: (value, after[name]) for name, value in before.items() if after[name] != value} == {
        "Temperature": ("0.4 (host)", "0.9 (server)"),
        "Mood": ("what a picture suggests (default)", "sad (server)"),
        "Style": ("modern (host)", "hymn (server)"),
        "Lines": ("4 (host)", "2 (server)"),
        "Scheme": ("any (default)", "ABAB (server)"),
        "Seconds between two songs for one person": ("0 (host)", "0 (server)"),
        "Songs a day here": ("any number (host)", "50 (server)"),
        "Ratings": ("👍 👎 (host)", "off (server)"),
        "Quiet line": ("on (default)", "off (server)"),
        "Buttons": ("for everybody (default)", "for who asked for the song, and moderators (server)"),
        "Songs are posted": ("as replies (default)", "in threads (server)"),
        "Own words that I never sing": ("none (default)", "||sausage|| (server)"),
    }
    assert before["In"] == "every channel (host)"
    for name in ("temperature", "mood", "style", "lines", "scheme", "cooldown", "quota"):
        await set_up(scene, name)
    assert facts(await set_up(scene, "show"))["Style"] == "modern (host)"


@pytest.mark.parametrize("missing", ["view_channel", "send_messages", "read_message_history"])
async def test_it_says_where_permissions_are_missing(scene: Scene, missing: str) -> None:
    assert "silent" not in await set_up(scene, "channel", channel=scene.channel)
    scene.server.permit(scene.channel, scene.server.bot, deny=discord.Permissions(**{missing: True}))
    used = await scene.server.slash(scene.guild.owner, scene.server.add_channel(scene.guild), "settings show")
    assert idle((await used.answered()).text)[0] == (
        f"I am silent in <#{scene.channel.id}> until somebody gives me the permissions to see it, "
        "to write there and to read its history."
    )


async def test_it_says_what_else_has_no_effect(offline: Scene, tmp_path: Path) -> None:
    server, guild, listed = offline.server, offline.guild, offline.channel
    adults = server.add_channel(guild, "adults", nsfw=True)
    role = server.add_role(guild, "short-lived", offline.ann)
    offline.config = configured(
        tmp_path, discord={"picture_channels": [listed.id, 7]}, limits={"server_per_day": 10}
    )
    server.disallow_intent("message_content")
    server.permit(listed, server.bot, deny=discord.Permissions(add_reactions=True))
    engine = InlineEngine(offline.config.limits, offline.writer)
    async with serving(server, offline.config, engine):
        other = server.add_channel(guild, "other")
        for name, options in (
            ("channel", {"channel": listed}), ("channel", {"channel": adults}), ("threads", {"on": True}),
            ("quota", {"songs": 50}), ("role", {"role": role, "may": "may not"}),
        ):  # fmt: skip
            await set_up(offline, name, **options)
        shown = await set_up(offline, "channel", channel=other, on=False)
        assert facts(shown)["In"] == f"<#{listed.id}> (host) · <#{adults.id}> (server)"
        assert facts(shown)["Songs for"] == f"everybody, but not <@&{role.id}> (server)"
        assert facts(shown)["Songs a day here"] == "10 (host)"
        assert idle(shown) == [
            "I see pictures only where I am mentioned: the host has not switched the message content "
            "intent on.",
            f"I cannot set the rating reactions in <#{listed.id}>: the permission Add Reactions is missing.",
            f"I cannot start threads in <#{listed.id}> <#{adults.id}>, so I reply there: the permissions "
            "Create Public Threads and Send Messages in Threads are missing.",
            f"<#{adults.id}> is age-restricted: `/settings age-restricted` makes me answer there.",
            f"<#{listed.id}> is on the host's list, so that choosing it changes nothing.",
            "The host allows 10 songs a day, so that the server's own number changes nothing.",
        ]
        shown = await set_up(offline, "answer", when="mentioned")
        assert "Which channels are chosen makes no difference" in idle(shown)[0]


async def test_as_much_as_there_may_be_can_be_shown(scene: Scene) -> None:
    ids = tuple(10**18 + number for number in range(100))
    words = tuple(f"{letter}{other}" * 20 for letter in "abcdefghij" for other in "klmnopqrst")
    full = ServerSettings(
        ids, excluded=ids, allowed_roles=ids[:25], barred_roles=ids[25:50], words=words, answer="mentioned"
    )
    async with Store.open(scene.config.store.path) as store:
        await store.change_settings(scene.guild.id, lambda _: full)
    shown = await set_up(scene, "show")
    assert f"<#{ids[7]}> and 92 more (server)" in facts(shown)["In"]
    assert len(shown) <= 2000


# Channels


async def test_channels_can_be_excluded_where_all_are_open(scene: Scene) -> None:
    server, here = scene.server, scene.channel
    shown = await set_up(scene, "channel", channel=here, on=False)
    assert facts(shown)["In"] == f"every channel (host) · not in <#{here.id}> (server)"
    closed, special = (server.add_channel(scene.guild, name, parent=here) for name in ("closed", "special"))
    await set_up(scene, "channel", channel=special)
    posted = [await server.post(place, scene.ann, "", [PHOTO]) for place in (here, closed)]
    await answered(scene, await server.post(special, scene.ann, "", [PHOTO]))
    await answered(scene, await scene.posts(text=server.bot.mention))
    await passed_over(scene, *posted)
    shown = await set_up(scene, "channel", channel=here)
    assert "not in" not in facts(shown)["In"]
    await answered(scene, await scene.posts())


async def test_a_channel_of_the_hosts_list_can_be_closed(offline: Scene, tmp_path: Path) -> None:
    offline.config = configured(tmp_path, discord={"picture_channels": [offline.channel.id]})
    async with serving(offline.server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        await answered(offline, await offline.posts())
        shown = await set_up(offline, "channel", channel=offline.channel, on=False)
        assert facts(shown)["In"].endswith(f"not in <#{offline.channel.id}> (server)")
        await passed_over(offline, await offline.posts())


async def test_only_when_it_is_mentioned(scene: Scene) -> None:
    assert facts(await set_up(scene, "answer", when="mentioned"))["Pictures are answered"] == (
        "only when I am mentioned (server)"
    )
    await passed_over(scene, await scene.posts())
    await answered(scene, await scene.posts(text=scene.server.bot.mention))


# People


@pytest.mark.parametrize("rule", ["may", "may not"])
async def test_roles_that_may_and_that_may_not(scene: Scene, rule: str) -> None:
    server, bea = scene.server, scene.person("bea")
    named = server.add_role(scene.guild, "named", scene.ann)
    before = await server.wait_for_reply(await scene.posts(bea))
    await set_up(scene, "role", role=named, may=rule)
    lucky, other = (scene.ann, bea) if rule == "may" else (bea, scene.ann)
    await answered(scene, await scene.posts(lucky))
    silent = await scene.posts(other)
    asked = await scene.posts(other, text=server.bot.mention)
    said = (await server.wait_for_reply(asked)).content
    assert said == "This server has songs for some roles only, and yours are not among them."
    assert server.replies(silent) == []
    for used in (
        await server.slash(other, scene.channel, "seed", {"words": "kiss"}),
        await server.click(other, before, ":warmer:"),
    ):
        assert await refused(scene, used) == said
    await set_up(scene, "role", role=named, may="like the others")
    await answered(scene, await scene.posts(other))


async def test_buttons_for_who_asked_and_for_moderators(scene: Scene) -> None:
    await set_up(scene, "buttons", who="asker")
    server = scene.server
    reply = await server.wait_for_reply(await scene.posts())
    moderator = server.add_user("moderator")
    server.add_member(scene.guild, moderator, discord.Permissions(manage_messages=True))
    for person in (scene.ann, moderator):
        assert (await (await server.click(person, reply, ":again:")).answered()).text.startswith(FIRST_LINE)
    offered = await (await server.click(scene.ann, reply, ":rewrite:")).answered()
    assert offered.original is not None
    for button in (":again:", ":why:", ":rewrite:"):
        pressed = await server.click(scene.person("bea"), reply, button)
        assert "only who asked for a song, or a moderator" in await refused(scene, pressed)


async def test_a_servers_quota_of_a_day(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await set_up(scene, "quota", songs=2)
    people: Iterator[User] = (scene.person(f"person {number}") for number in range(9))
    with monkeypatch.context() as patch:
        patch.setattr(type(scene.writer), "__call__", _decline)
        failed = await scene.server.slash(next(people), scene.channel, "lyrics")
        await refused(scene, failed)
    for _ in range(2):
        used = await scene.server.slash(next(people), scene.channel, "lyrics")
        assert (await used.answered()).text.startswith(FIRST_LINE)
    over = await scene.server.slash(person := next(people), scene.channel, "lyrics")
    assert (await refused(scene, over)).startswith("This server had 2 songs today, as many as it may have: ")
    # Elsewhere nobody has lost anything.
    direct = scene.server.direct(person)
    used = await scene.server.slash(person, direct, "lyrics")
    assert (await used.answered()).text.startswith(FIRST_LINE)


def _decline(*_: Any) -> None:
    raise Declined("No.")


# Songs


async def test_songs_are_as_the_server_has_them_where_nobody_says(scene: Scene) -> None:
    for name, options in (
        ("mood", {"mood": "picture"}), ("style", {"style": "hymn"}), ("lines", {"number": 2}),
        ("scheme", {"scheme": "ABAB"}),
    ):  # fmt: skip
        await set_up(scene, name, **options)
    await scene.server.wait_for_reply(await scene.posts())
    await (await scene.lyrics(seed="kiss", lines=3)).answered()
    asked = [one.generation for one in scene.writer.asked]
    assert [(one.mood, one.style, one.lines, one.scheme) for one in asked] == [
        ("picture", "hymn", 2, "ABAB"),
        # Without a picture there is none whose mood it could be.
        (None, "hymn", 3, "ABAB"),
    ]


async def test_a_servers_own_words_are_never_sung(scene: Scene) -> None:
    await set_up(scene, "word", word="Säusage")
    reply = await scene.server.wait_for_reply(await scene.posts())
    await (await scene.server.click(scene.ann, reply, ":again:")).answered()
    number = reply.content.split("`")[-2]
    await (await scene.server.slash(scene.ann, scene.channel, "replay", {"recipe": number})).answered()
    for request in scene.writer.asked:
        assert {"sausage", "sausages"} <= request.generation.forbidden
    rude = await scene.server.slash(scene.ann, scene.channel, "seed", {"words": "my s4usage"})
    assert "another word" in await refused(scene, rude)
    elsewhere = await scene.server.slash(
        scene.ann, scene.server.direct(scene.ann), "seed", {"words": "sausage"}
    )
    assert (await elsewhere.answered()).text.startswith(FIRST_LINE)
    wrong = await scene.server.slash(scene.guild.owner, scene.channel, "settings word", {"word": "two words"})
    assert "single word in Latin letters" in await refused(scene, wrong)
    assert facts(await set_up(scene, "word", word="sausage", on=False))["Own words that I never sing"] == (
        "none (default)"
    )


async def test_without_the_quiet_line_only_what_has_to_be_said_is(scene: Scene) -> None:
    await set_up(scene, "quiet-line", on=False)
    reply = await scene.server.wait_for_reply(await scene.posts())
    assert reply.content == f"{FIRST_LINE}\nLine two"
    used = await scene.server.slash(scene.ann, scene.channel, "seed", {"words": "kiss 💔"})
    assert (await used.answered()).text.splitlines()[2:] == ["-# I cannot write 💔"]


# Threads


async def in_thread(scene: Scene, posted: Message) -> Message:
    """The song in the thread under a message."""
    thread = await scene.server.wait_until(lambda: scene.server.world.channels.get(posted.id))
    return (await scene.server.wait_until(lambda: scene.server.posted(thread)))[0]


@pytest.mark.parametrize("fault", [None, {"lose_answer": True}], ids=["", "the answer is lost"])
async def test_songs_in_threads(scene: Scene, fault: dict[str, Any] | None) -> None:
    server = scene.server
    server.permit(scene.channel, server.bot, allow=discord.Permissions(create_public_threads=True))
    await set_up(scene, "threads", on=True)
    if fault:
        server.fail("POST", "/channels/*/messages/*/threads", **fault)
    posted = await scene.posts()
    song = await in_thread(scene, posted)
    assert song.content.startswith(FIRST_LINE)
    await server.wait_until(lambda: [*song.reactions] == ["👍", "👎"])
    assert server.replies(posted) == []
    # What is posted in a thread is answered there.
    inside = await server.post(song.channel, scene.ann, "", [PHOTO])
    assert (await server.wait_for_reply(inside)).content.startswith(FIRST_LINE)
    [output] = [one for one in await scene.outputs() if one["message"] == song.id]
    assert output["channel"] == posted.id


async def test_a_song_in_a_thread_is_an_answer_also_for_the_next_process(offline: Scene) -> None:
    server = offline.server
    server.permit(offline.channel, server.bot, allow=discord.Permissions(create_public_threads=True))
    async with Store.open(offline.config.store.path) as store:
        await store.change_settings(offline.guild.id, lambda _: ServerSettings(threads=True))
    posted = None
    for _ in range(2):
        engine = InlineEngine(offline.config.limits, offline.writer)
        async with serving(server, offline.config, engine):
            posted = posted or await offline.posts()
            song = await in_thread(offline, posted)
            await passed_over(offline, posted)
    assert server.posted(song.channel) == [song]


@pytest.mark.parametrize("how", ["not allowed", "refused", "direct message"])
async def test_where_there_can_be_no_thread_it_replies(scene: Scene, how: str) -> None:
    server, place = scene.server, scene.channel
    await set_up(scene, "threads", on=True)
    if how == "refused":
        server.permit(place, server.bot, allow=discord.Permissions(create_public_threads=True))
        server.fail("POST", "/channels/*/messages/*/threads", 400, code=160006)
    if how == "direct message":
        place = server.direct(scene.ann)
    reply = await server.wait_for_reply(await server.post(place, scene.ann, "", [PHOTO]))
    assert reply.content.startswith(FIRST_LINE)
