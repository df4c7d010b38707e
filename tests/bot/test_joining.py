"""Coming into a server and leaving it, and what people are told of the bot and its host."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
import pytest_asyncio

from bot.store import ServerSettings, Store
from tests.bot.engine.inline import InlineEngine
from tests.bot.test_loopback import Scene, config, configured, offline, scene, serving, writer
from tests.bot.test_rules import refused, set_up
from tests.discord import Guild

pytestmark = pytest.mark.asyncio

__all__ = ["config", "offline", "scene", "writer"]

PAGE = "https://example.org/privacy"


def new_guild(scene: Scene, *names: str) -> Guild:
    guild = scene.server.add_guild("new", with_bot=False)
    for name in names:
        scene.server.add_channel(guild, name)
    return guild


@pytest_asyncio.fixture
async def settled(offline: Scene, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Scene]:
    """A bot that knows which servers it is in: those that come now are new to it."""
    caplog.set_level("INFO")
    engine = InlineEngine(offline.config.limits, offline.writer)
    async with serving(offline.server, offline.config, engine):
        await offline.server.wait_until(lambda: "ready as" in caplog.text)
        yield offline


async def said(scene: Scene, name: str) -> str:
    used = await (await scene.server.slash(scene.ann, scene.channel, name)).answered()
    assert used.ephemeral
    return used.text


# Hello


@pytest.mark.parametrize("where", ["rules", "lounge"])
async def test_it_says_hello_once_where_it_may(settled: Scene, where: str) -> None:
    server, guild = settled.server, new_guild(settled, "closed", "rules", "lounge")
    closed, rules, lounge = guild.channels.values()
    if where == "lounge":
        guild.system_channel = lounge
    server.permit(closed, server.bot, deny=discord.Permissions(view_channel=True))
    server.invite(guild)
    place = rules if where == "rules" else lounge
    [said] = await server.wait_until(lambda: server.posted(place))
    for told in ("/help", "/settings channel", "/settings show", "/privacy show"):
        assert f"`{told}`" in said.content
    await server.cut()
    await server.ready()
    await settled.caught_up()
    assert sum(len(server.posted(one)) for one in guild.channels.values()) == 1


async def test_where_it_may_speak_nowhere_it_says_nothing(
    settled: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    server, guild = settled.server, new_guild(settled, "rules")
    [rules] = guild.channels.values()
    server.permit(rules, guild.everyone, deny=discord.Permissions(send_messages=True))
    server.invite(guild)
    await server.wait_until(lambda: "no channel where I may say hello" in caplog.text)
    assert server.requests("POST", f"/channels/{rules.id}/messages") == []


# Goodbye


async def test_what_it_holds_about_a_server_waits_some_days_for_its_return(settled: Scene) -> None:
    scene, server, guild = settled, settled.server, settled.guild
    chosen = ServerSettings(temperature=0.9)
    await set_up(scene, "temperature", value=0.9)
    server.remove_bot(guild)

    async def left(store: Store) -> bool:
        assert await store.settings(guild.id) == chosen
        return (await store.export_server(guild.id))["left_at"] is not None

    async def is_back(store: Store) -> bool:
        return not await left(store)

    await scene.stored(left)
    server.invite(guild, discord.Permissions(manage_messages=True))
    await scene.stored(is_back)
    async with Store.open(scene.config.store.path) as store:
        await store.purge(time.time() + 31 * 86_400, 365, 30, 30)
        assert await store.settings(guild.id) == chosen


async def test_managers_export_and_delete_their_servers_data(scene: Scene) -> None:
    server, owner = scene.server, scene.guild.owner
    await set_up(scene, "word", word="sausage")
    reply = await server.wait_for_reply(await scene.posts())
    await server.wait_until(lambda: len(reply.reactions) == 2)
    await (await scene.lyrics(private=True)).answered()
    used = await (await server.slash(owner, scene.channel, "settings export")).answered()
    assert used.ephemeral
    assert used.original is not None
    held = json.loads(used.original.attachments[0].data)
    assert held["settings"] == {"words": ["sausage"]}
    assert [song["message"] for song in held["songs"]] == [reply.id]
    unsure = await server.slash(owner, scene.channel, "settings delete", {"sure": False})
    assert "nothing" in await refused(scene, unsure)
    assert "Done: 2 songs" in await set_up(scene, "delete", sure=True)
    assert await scene.outputs() == []
    assert "sausage" not in await set_up(scene, "show")


# Who runs it


async def test_help_names_every_command(scene: Scene) -> None:
    text = await said(scene, "help")
    for command in scene.server.world.commands[None]:
        assert f"`/{command['name']}`" in text or f"**{command['name']}**" in text
        subcommands = [one["name"] for one in command.get("options", []) if one["type"] == 1]
        assert all(f"`{name}`" in text for name in subcommands)


@pytest.mark.parametrize(
    ("host", "about", "privacy"),
    [
        ({"name": "Ada", "contact": "a@example.org", "privacy": PAGE},
         ["I am run by Ada, who can be reached at a@example.org."], f"is written at <{PAGE}>."),
        ({"name": "Ada"}, ["I am run by Ada."], "Whoever runs me, see `/about`, can tell you"),
        ({"contact": "@ada"}, ["Whoever runs me can be reached at @ada."], "Whoever runs me"),
        ({}, [], "Whoever runs me"),
    ],
    ids=["all", "a name", "a contact", "nothing"],
)  # fmt: skip
async def test_people_are_told_who_runs_it(
    offline: Scene, tmp_path: Path, host: dict[str, str], about: list[str], privacy: str
) -> None:
    offline.config = configured(tmp_path, host=host)
    engine = InlineEngine(offline.config.limits, offline.writer)
    async with serving(offline.server, offline.config, engine):
        assert (await said(offline, "about")).splitlines()[1:] == about
        shown = await said(offline, "privacy show")
        assert privacy in shown
        assert "PRIVACY.md" not in shown
