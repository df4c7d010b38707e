"""The whole bot over real sockets, against a Discord that misbehaves as Discord does."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import io
import json
import logging
import os
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest
import pytest_asyncio
from safetensors.numpy import save

from bot.app import serve
from bot.config import BadConfiguration, Config, Log, parse
from bot.engine.local import LocalEngine
from bot.engine.requests import Engine, SongRequest, SongResult
from bot.ops.log import configure
from bot.store import ServerSettings, Store
from model.errors import Unavailable
from model.lexicon import Entry, Lexicon
from tests.bot import reader
from tests.bot.engine.harness import until_ready
from tests.bot.engine.inline import InlineEngine
from tests.bot.songs import song
from tests.conftest import ROOT, real_data
from tests.discord import Channel, Guild, Interaction, LoopbackDiscord, Message, User
from tests.discord.commands import NotOffered
from tests.discord.conformance import complaints, description
from tests.discord.gateway import IDENTIFY, RESUME
from tests.discord.traffic import PATIENCE
from tests.zoo import MEBIBYTE, ZOO, photograph

pytestmark = pytest.mark.asyncio

PHOTO = ("photo.jpg", photograph())
REPLY = "/channels/*/messages"
CALLBACK = "/interactions/*/*/callback"
ANSWER = "/webhooks/*/*/messages/@original"
FIRST_LINE = "Line one"


@dataclass
class LyricsGenerator:
    """What an inline engine writes with: at once, or when the gate is opened."""

    caption: str = "a dog"
    asked: list[SongRequest] = field(default_factory=list)
    pictures: list[tuple[bytes, ...]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(self, request: SongRequest, pictures: Sequence[bytes]) -> SongResult:
        self.asked.append(request)
        self.pictures.append(tuple(pictures))
        self.gate.wait(20)
        lines = (f"{FIRST_LINE} {request.generation.prompt}".strip(), "Line two")
        return song(request, self.caption if pictures else request.caption, lines, pictures)


@dataclass
class Scene:
    server: LoopbackDiscord
    guild: Guild
    channel: Channel
    ann: User
    config: Config
    writer: LyricsGenerator

    def person(self, name: str) -> User:
        somebody = self.server.add_user(name)
        self.server.add_member(self.guild, somebody)
        return somebody

    async def posts(self, user: User | None = None, *pictures: Any, text: str = "") -> Message:
        return await self.server.post(self.channel, user or self.ann, text, pictures or [PHOTO])

    async def writing(self, number: int = 1) -> None:
        """Wait until the writer was asked so often."""
        await self.server.wait_until(lambda: len(self.writer.asked) >= number)

    async def lyrics(self, **options: Any) -> Interaction:
        return await self.server.slash(self.ann, self.channel, "lyrics", options)

    async def caught_up(self) -> None:
        """Somebody else's picture is answered: what came before it has been dealt with."""
        after = await self.posts(self.person("marker"))
        await self.server.wait_for_reply(after)

    async def stored(self, condition: Any) -> Any:
        """What is in the database, once a condition gives something true for it."""
        async with Store.open(self.config.store.path) as store, asyncio.timeout(PATIENCE):
            while not (found := await condition(store)):
                await asyncio.sleep(0.01)
        return found

    async def outputs(self) -> list[Any]:
        async with Store.open(self.config.store.path) as store:
            return [*(await store.export_user(self.ann.id))["outputs"]]


@functools.cache
def few_words() -> bytes:
    """A lexicon to offer words from: to read the shipped one takes longer than most of the tests."""
    lexicon = Lexicon({word: Entry(500, "n", word, 0.0) for word in ("king", "kiss")}, {}, {})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lexicon.json.xz"
        lexicon.save(file)
        return file.read_bytes()


def configured(folder: Path, **tables: dict[str, Any]) -> Config:
    """Pictures are answered everywhere and at any pace, unless a test says otherwise."""
    (folder / "lexicon.json.xz").write_bytes(few_words())
    found: dict[str, dict[str, Any]] = {
        "engine": {"checkpoints": str(folder)},
        "discord": {"picture_channels": "all"},
        "limits": {"cooldown_seconds": 0},
        "store": {"path": str(folder / "songwriter.sqlite3")},
    }
    return parse({name: found.get(name, {}) | tables.get(name, {}) for name in found.keys() | tables.keys()})


@contextlib.asynccontextmanager
async def serving(
    server: LoopbackDiscord, config: Config, engine: Engine
) -> AsyncIterator[asyncio.Task[None]]:
    """The bot, connected; killed in the end if it still runs."""
    bot = asyncio.create_task(serve(config, server.token, engine, server.connector, guild_ready_timeout=0.05))
    ready = asyncio.create_task(server.ready())
    try:
        await asyncio.wait({bot, ready}, return_when=asyncio.FIRST_COMPLETED)
        if bot.done():
            bot.result()
        await ready
        yield bot
    finally:
        for task in (bot, ready):
            task.cancel()
        await asyncio.gather(bot, ready, return_exceptions=True)


@pytest.fixture
def writer() -> Iterator[LyricsGenerator]:
    made = LyricsGenerator()
    yield made
    # A thread that waits would outlive its test.
    made.gate.set()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configured(tmp_path)


@pytest_asyncio.fixture
async def offline(config: Config, writer: LyricsGenerator) -> AsyncIterator[Scene]:
    """A place without a bot; all traffic of the test is checked in the end."""
    async with LoopbackDiscord.running() as server:
        guild = server.add_guild(bot_permissions=discord.Permissions(manage_messages=True))
        scene = Scene(server, guild, server.add_channel(guild), server.add_user("ann"), config, writer)
        server.add_member(guild, scene.ann)
        yield scene
        if (folder := real_data()) and (known := description(folder)):
            ended = [exchange for exchange in server.traffic.exchanges if exchange.ended]
            assert complaints(ended, known) == []


@pytest_asyncio.fixture
async def scene(offline: Scene) -> AsyncIterator[Scene]:
    engine = InlineEngine(offline.config.limits, offline.writer)
    async with serving(offline.server, offline.config, engine):
        yield offline


@contextlib.asynccontextmanager
async def with_workers(scene: Scene, number: int = 1, **tables: dict[str, Any]) -> AsyncIterator[LocalEngine]:
    """The bot with worker processes that decode pictures."""
    scene.config = configured(scene.config.store.path.parent, engine={"workers": number}, **tables)
    config = scene.config
    engine = LocalEngine(
        config.limits, config.engine, config.pictures, config.filter, loader="tests.bot.reader:load"
    )
    async with serving(scene.server, config, engine):
        await until_ready(engine, number, seconds=30)
        yield engine


# Pictures


async def test_typing_then_a_reply_then_reactions(scene: Scene) -> None:
    posted = await scene.posts(text="look")
    reply = await scene.server.wait_for_reply(posted)
    assert reply.content.splitlines()[:2] == [FIRST_LINE, "Line two"]
    assert "a dog" in reply.content.splitlines()[-1]
    await scene.server.wait_until(lambda: [*reply.reactions] == ["👍", "👎"])
    assert scene.writer.pictures[0] == (PHOTO[1],)
    steps = [one.path.rsplit("/")[-1] for one in scene.server.requests("POST", "/channels/**")]
    assert steps == ["typing", "messages"]


@pytest.mark.parametrize(
    "fault", [{"status": 403}, {"status": 429, "retry_after": 60}, {"drop": True}, {"delay": 60}],
    ids=["refused", "rate limit", "lost", "slow"],
)  # fmt: skip
async def test_no_song_waits_for_typing_or_fails_with_it(scene: Scene, fault: dict[str, Any]) -> None:
    hit = scene.server.fail("POST", "/channels/*/typing", **fault)
    reply = await scene.server.wait_for_reply(await scene.posts())
    assert reply.content.startswith(FIRST_LINE)
    assert hit.hits == 1


async def test_nothing_that_is_said_mentions_anybody(scene: Scene) -> None:
    scene.writer.caption = f"@everyone @here {scene.ann.mention} <@&{scene.guild.id}> https://example.org"
    reply = await scene.server.wait_for_reply(await scene.posts())
    answer = (await (await scene.lyrics(picture=PHOTO)).answered()).original
    assert answer is not None
    for message in (reply, answer):
        assert (message.mentions, message.mention_everyone) == ([], False)
        for reference in ("@everyone", "@here", scene.ann.mention, "https://"):
            assert reference not in message.content
    (sent,) = scene.server.requests("POST", REPLY)
    assert sent.body["allowed_mentions"] == {"parse": [], "replied_user": False}


async def test_a_direct_message_is_answered(scene: Scene) -> None:
    direct = scene.server.direct(scene.ann)
    posted = await scene.server.post(direct, scene.ann, "", [PHOTO])
    reply = await scene.server.wait_for_reply(posted)
    await scene.server.wait_until(lambda: "👎" in reply.reactions)


async def test_webhooks_and_bots_are_ignored(scene: Scene) -> None:
    other = scene.server.add_user("other", bot=True)
    scene.server.add_member(scene.guild, other)
    by_bot = await scene.posts(other)
    by_webhook = await scene.server.post(scene.channel, scene.ann, "", [PHOTO], webhook=True)
    await scene.caught_up()
    assert scene.server.replies(by_bot) == scene.server.replies(by_webhook) == []
    assert len(scene.writer.asked) == 1


@pytest.mark.parametrize("told", [True, False], ids=["the gateway says so", "the reply is refused"])
async def test_a_message_deleted_meanwhile_gets_no_reply(scene: Scene, told: bool) -> None:
    scene.writer.gate.clear()
    posted = await scene.posts()
    await scene.writing()
    if told:
        await scene.server.delete(posted)
    else:
        del scene.channel.messages[posted.id]
    scene.writer.gate.set()
    await scene.caught_up()
    assert [one.reference for one in scene.server.posted(scene.channel)] != [posted]
    assert len(scene.server.posted(scene.channel)) == 1
    async with Store.open(scene.config.store.path) as store:
        held = await store.export_user(scene.ann.id)
    assert [*held["outputs"]] == []
    # Deleting it is no way around the limits: it was work.
    assert [row["used"] for row in held["quotas"]] == [1]


async def test_a_message_deleted_while_its_song_is_stored_leaves_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_it = Store.add_output

    async def delete_first(self: Store, row: Any) -> None:
        monkeypatch.setattr(Store, "add_output", store_it)
        await scene.server.delete(posted)
        # Stored by the writer's thread all the same, while whoever waits for it is cancelled.
        await asyncio.shield(asyncio.create_task(store_it(self, row)))
        await asyncio.sleep(5)

    monkeypatch.setattr(Store, "add_output", delete_first)
    posted = await scene.posts()
    await scene.server.wait_until(lambda: posted.deleted)
    await scene.caught_up()
    assert len(scene.server.posted(scene.channel)) == 1
    assert await scene.outputs() == []


async def test_a_message_deleted_while_its_pictures_come_frees_its_place(
    offline: Scene, tmp_path: Path
) -> None:
    limits = {"cooldown_seconds": 0, "user_in_flight": 1}
    pictures = {"max_bytes": 2**20, "in_flight_bytes": 2 * 2**20}
    config = configured(tmp_path, limits=limits, pictures=pictures)
    async with serving(offline.server, config, InlineEngine(config.limits, offline.writer)):
        slow = offline.server.fail("GET", "/attachments/**", delay=60, times=2)
        posted = await offline.posts(None, PHOTO, PHOTO)
        await offline.server.wait_until(lambda: slow.hits == 2)
        await offline.server.delete(posted)
        # As many pictures again: neither the person's place nor the memory is still taken.
        again = await offline.posts(None, PHOTO, PHOTO)
        reply = await offline.server.wait_for_reply(again)
        assert reply.content.startswith(FIRST_LINE)
        await offline.caught_up()
        # The marker's is the second.
        assert len(offline.writer.asked) == 2
        assert (offline.server.replies(posted), offline.server.replies(again)) == ([], [reply])


async def test_an_opt_out_also_stops_what_is_being_written(scene: Scene) -> None:
    scene.writer.gate.clear()
    posted = await scene.posts()
    await scene.writing()
    await (await scene.server.slash(scene.ann, scene.channel, "privacy opt-out")).answered()
    scene.writer.gate.set()
    reply = await scene.server.wait_for_reply(posted)
    assert "opted out" in reply.content
    assert await scene.outputs() == []


async def test_a_song_that_is_being_written_while_its_asker_deletes_everything(scene: Scene) -> None:
    before = await scene.server.wait_for_reply(await scene.posts())
    await scene.server.wait_until(lambda: "👎" in before.reactions)
    scene.writer.gate.clear()
    posted = await scene.posts()
    await scene.writing(2)
    await (await scene.server.slash(scene.ann, scene.channel, "privacy delete")).answered()
    scene.writer.gate.set()
    reply = await scene.server.wait_for_reply(posted)
    await scene.server.wait_until(lambda: "👎" in reply.reactions)
    assert [one["message"] for one in await scene.outputs()] == [reply.id]


async def test_a_permission_lost_meanwhile_is_survived(scene: Scene) -> None:
    scene.writer.gate.clear()
    posted = await scene.posts()
    await scene.writing()
    scene.server.permit(scene.channel, scene.server.bot, deny=discord.Permissions(send_messages=True))
    scene.writer.gate.set()
    await scene.server.wait_until(lambda: len(scene.server.requests("POST", REPLY)) == 2)
    scene.server.permit(scene.channel, scene.server.bot)
    await scene.caught_up()
    assert scene.server.replies(posted) == []


async def test_a_channel_deleted_meanwhile_is_no_fault(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    hit = scene.server.fail("POST", REPLY, 404, code=10003, times=2)
    await scene.posts()
    await scene.server.wait_until(lambda: hit.hits == 2)
    await scene.caught_up()
    assert "picture not answered" not in caplog.text


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextlib.contextmanager
def moved(database: Path) -> Iterator[None]:
    aside = database.rename(database.with_name("aside"))
    yield
    aside.rename(database)


@pytest.mark.parametrize("away", [locked, moved])
async def test_songs_and_ratings_go_on_while_the_database_is_away(
    offline: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, away: Any
) -> None:
    server, config = offline.server, offline.config
    opening = functools.partial(Store.open, busy_seconds=0.05, patience=3600, retry_seconds=0.1)
    monkeypatch.setattr("bot.app.Store", SimpleNamespace(open=opening))
    bob = offline.person("bob")
    async with serving(server, config, InlineEngine(config.limits, offline.writer)):
        before = await server.wait_for_reply(await offline.posts())
        await server.wait_until(lambda: "👎" in before.reactions)
        with away(config.store.path):
            posted, used = await offline.posts(), await offline.lyrics()
            reply = await server.wait_for_reply(posted)
            assert reply.content.startswith(FIRST_LINE)
            assert (await used.answered()).text.startswith(FIRST_LINE)
            await server.wait_until(lambda: "👎" in reply.reactions)
            for message in (before, reply):
                await server.react(message, bob, "👍")
            again = await (await server.click(offline.ann, reply, ":again:")).answered()
            assert again.text.startswith(FIRST_LINE)
            # What nobody could rely on is owned up to.
            changed = await server.slash(
                offline.guild.owner, offline.channel, "settings ratings", {"on": True}
            )
            assert (await changed.answered()).text.startswith("Something went wrong")
        await server.wait_until(lambda: "is back" in caplog.text)

        async def rated(store: Store) -> bool:
            return (await store.stats(offline.guild.id)).here.ratings == {"👍": 2}

        await offline.stored(rated)
        assert len(await offline.outputs()) == 4
    assert caplog.text.count("is away") == caplog.text.count("is back") == 1


async def test_an_expired_address(scene: Scene) -> None:
    reply = await scene.server.wait_for_reply(await scene.posts(None, (*PHOTO, {"expired": True})))
    assert "has expired" in reply.content
    assert scene.writer.asked == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_200_megabytes_that_say_they_are_one_kilobyte(scene: Scene, chunked: bool) -> None:
    lie = ("photo.png", bytes(200 * MEBIBYTE), {"size": 1024, "chunked": chunked})
    posted = await scene.posts(None, lie)
    reply = await scene.server.wait_for_reply(posted)
    assert "larger than 8 MiB" in reply.content
    # Beyond the limit only what was on its way already: the kernel's buffers are generous on loopback.
    assert posted.attachments[0].sent < 64 * MEBIBYTE
    assert scene.writer.asked == []


async def test_pictures_of_every_kind(offline: Scene) -> None:
    """Whether each animal of the zoo is read ``test_images`` proves."""
    # What no worker reads comes through Discord's proxy, which reads TIFF.
    kinds = {"photograph": True, "gif_300_frames": True, "tiff": True, "png_bomb": False, "svg": False}
    async with with_workers(offline):
        for name, good in kinds.items():
            make, _ = ZOO[name]
            reply = await offline.server.wait_for_reply(await offline.posts(None, (f"{name}.jpg", make())))
            assert ("temperature" in reply.content) is good, f"{name}: {reply.content}"
            assert good == bool(reply.buttons), name
        assert len(offline.server.posted(offline.channel)) == len(kinds)


async def test_a_picture_that_crashes_its_worker_is_named_and_the_next_one_answered(offline: Scene) -> None:
    async with with_workers(offline):
        crash = await offline.posts(None, ("crash.gif", reader.command("crash")))
        assert "crashed" in (await offline.server.wait_for_reply(crash)).content
        await until_answered(offline)


async def until_answered(scene: Scene) -> None:
    """Post until a picture is answered with a stanza: a new worker may need a moment."""
    async with asyncio.timeout(PATIENCE):
        while True:
            reply = await scene.server.wait_for_reply(await scene.posts(scene.person("next")))
            if "temperature" in reply.content:
                return


@pytest.mark.parametrize(
    ("limits", "said"),
    [({"queue": 1}, "Too many people are waiting"), ({"user_in_flight": 1}, "You are waiting")],
    ids=["queue", "person"],
)
async def test_what_is_refused_is_not_downloaded(
    offline: Scene, tmp_path: Path, limits: dict[str, int], said: str
) -> None:
    config = configured(tmp_path, limits={"cooldown_seconds": 0, **limits})
    async with serving(offline.server, config, InlineEngine(config.limits, offline.writer)):
        offline.writer.gate.clear()
        first = await offline.posts()
        await offline.writing()
        used = await offline.lyrics(picture=PHOTO)
        await offline.server.wait_until(lambda: used.followups)
        assert used.followups[0].content.startswith(said)
        assert len(offline.server.requests("GET", "/attachments/**")) == 1
        offline.writer.gate.set()
        answer = await offline.server.wait_for_reply(first)
        await offline.server.wait_until(lambda: "👎" in answer.reactions)

        async def given_back(store: Store) -> bool:
            return [row["used"] for row in (await store.export_user(offline.ann.id))["quotas"]] == [1]

        await offline.stored(given_back)


async def test_the_deadline_counts_the_download(offline: Scene, tmp_path: Path) -> None:
    config = configured(tmp_path, limits={"cooldown_seconds": 0, "deadline_seconds": 1.5, "queue": 1})
    async with serving(offline.server, config, InlineEngine(config.limits, offline.writer)):
        slow = offline.server.fail("GET", "/attachments/**", delay=60)
        reply = await offline.server.wait_for_reply(await offline.posts())
        assert "too long" in reply.content
        assert slow.hits == 1
        answer = await offline.server.wait_for_reply(await offline.posts())
        await offline.server.wait_until(lambda: "👎" in answer.reactions)
    assert len(offline.writer.asked) == 1


# The gateway


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py would wait five seconds before it identifies again."""

    async def at_once(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(discord.Client, "before_identify_hook", at_once)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", ["cut", "reconnect", "invalidate_session"])
async def test_a_reply_under_way_survives_the_gateway(scene: Scene, trouble: str) -> None:
    server = scene.server
    scene.writer.gate.clear()
    posted = await scene.posts()
    await scene.writing()
    await getattr(server, trouble)()
    scene.writer.gate.set()
    await server.wait_for_reply(posted)
    opcode, times = (IDENTIFY, 2) if trouble == "invalidate_session" else (RESUME, 1)
    await server.wait_until(lambda: len(server.traffic.sent_by_bot(opcode)) == times)
    await server.ready()
    await scene.caught_up()
    assert len(server.replies(posted)) == 1


@pytest.mark.usefixtures("impatient")
async def test_every_shard_answers(config: Config, writer: LyricsGenerator) -> None:
    async with LoopbackDiscord.running(shards=2) as server:
        guilds: dict[int, Guild] = {}
        while len(guilds) < 2:
            guild = server.add_guild()
            guilds[(guild.id >> 22) % 2] = guild
            await asyncio.sleep(0.001)
        async with serving(server, config, InlineEngine(config.limits, writer)):
            for guild in guilds.values():
                posted = await server.post(server.add_channel(guild), guild.owner, "", [PHOTO])
                await server.wait_for_reply(posted)


async def test_the_log_names_an_index_of_other_songs(
    offline: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, songs in (("generator", "these"), ("novelty", "those")):
        header = {"songwriter": json.dumps({"data": songs})}
        (tmp_path / f"{name}.safetensors").write_bytes(save({}, metadata=header))
    async with serving(offline.server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        # It answers all the same.
        await offline.server.wait_for_reply(await offline.posts())
    [warning] = [record for record in caplog.records if "is of other songs" in record.message]
    assert warning.levelname == "WARNING"


async def test_what_is_posted_while_the_gateway_is_away_is_answered_once(scene: Scene) -> None:
    await scene.server.cut()
    missed = await scene.posts()
    await scene.server.wait_for_reply(missed)
    await scene.caught_up()
    assert len(scene.server.replies(missed)) == 1


async def test_an_event_that_comes_twice_counts_once(scene: Scene) -> None:
    posted = await scene.posts()
    await scene.server.wait_for_reply(posted)
    scene.server._actions.post(posted)
    await scene.caught_up()
    assert len(scene.server.replies(posted)) == 1


# REST


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 0.05, "times": 2},
        {"status": 502},
        {"lose_answer": True},
        {"drop": True},
    ],
    ids=["rate limit", "bad gateway", "answer lost", "request lost"],
)
async def test_trouble_with_the_reply_leaves_exactly_one(scene: Scene, fault: dict[str, Any]) -> None:
    hit = scene.server.fail("POST", REPLY, **fault)
    posted = await scene.posts()
    await scene.server.wait_until(
        lambda: [one for one in scene.server.replies(posted) if "👎" in one.reactions]
    )
    assert hit.hits == fault.get("times", 1)
    assert len(scene.server.replies(posted)) == 1
    (output,) = await scene.outputs()
    assert output["message"] == scene.server.replies(posted)[0].id


@pytest.mark.parametrize("path", [CALLBACK, ANSWER], ids=["acknowledgement", "answer"])
@pytest.mark.parametrize(
    "fault",
    [{"status": 502}, {"lose_answer": True}, {"drop": True}],
    ids=["bad gateway", "answer lost", "request lost"],
)
async def test_trouble_with_an_interaction_leaves_nobody_waiting(
    scene: Scene, path: str, fault: dict[str, Any]
) -> None:
    hit = scene.server.fail("*", path, **fault)
    used = await (await scene.lyrics(picture=PHOTO)).answered()
    assert used.text.startswith(FIRST_LINE)
    assert hit.hits == 1
    assert used.followups == []


@pytest.mark.parametrize("fault", [{"lose_answer": True}, {"drop": True}], ids=["answer", "request"])
async def test_an_apology_that_is_lost_is_repeated(scene: Scene, fault: dict[str, Any]) -> None:
    scene.server.fail("POST", REPLY, **fault)
    posted = await scene.posts(None, (*PHOTO, {"expired": True}))
    await scene.server.wait_until(lambda: len(scene.server.requests("POST", REPLY)) == 2)
    await scene.caught_up()
    (reply,) = scene.server.replies(posted)
    assert "has expired" in reply.content


async def test_a_reply_that_cannot_be_posted_costs_nothing_and_is_owned_up_to(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.server.fail("POST", REPLY, 503)
    posted = await scene.posts()
    reply = await scene.server.wait_for_reply(posted)
    assert "went wrong on my side" in reply.content
    assert await scene.outputs() == []

    async def given_back(store: Store) -> bool:
        held = await store.export_user(scene.ann.id)
        return [job["status"] for job in held["jobs"]] == ["failed"] and held["quotas"][0]["used"] == 0

    await scene.stored(given_back)


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}], ids=["refused", "lost"])
async def test_a_reaction_that_fails_spoils_nothing(scene: Scene, fault: dict[str, Any]) -> None:
    hit = scene.server.fail("PUT", "/channels/*/messages/*/reactions/**", times=2, **fault)
    posted = await scene.posts()
    used = await (await scene.lyrics()).answered()
    await scene.server.wait_until(lambda: hit.hits == 2)
    await scene.caught_up()
    (reply,) = scene.server.replies(posted)
    assert reply.content.startswith(FIRST_LINE)
    assert used.text.startswith(FIRST_LINE)
    assert used.original is not None
    assert not used.original.deleted
    assert used.followups == []


# Interactions


async def test_an_interaction_that_is_too_late_is_only_logged(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.server.portal.acknowledge_seconds = 0.0
    late = await scene.lyrics()
    await scene.server.wait_until(lambda: "not shown: 10062" in caplog.text)
    scene.server.portal.acknowledge_seconds = 3.0
    assert (await (await scene.lyrics()).answered()).text.startswith(FIRST_LINE)
    assert late.callback is None
    assert len(scene.writer.asked) == 1


async def test_a_token_that_expired_meanwhile_is_only_logged(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.writer.gate.clear()
    late = await scene.lyrics()
    await scene.writing()
    scene.server.portal.token_seconds = 0.0
    scene.writer.gate.set()
    await scene.server.wait_until(lambda: "not shown: 50027" in caplog.text)
    scene.server.portal.token_seconds = 900.0
    await scene.caught_up()
    assert late.original is not None
    assert late.original.loading
    assert await scene.outputs() == []


async def test_an_app_that_somebody_brings_along(scene: Scene) -> None:
    abroad = scene.server.add_guild("abroad", with_bot=False)
    channel = scene.server.add_channel(abroad)
    used = await scene.server.slash(abroad.owner, channel, "lyrics", {"picture": PHOTO}, user_install=True)
    assert (await used.answered()).text.startswith(FIRST_LINE)
    assert used.original is not None
    again = await (await scene.server.click(abroad.owner, used.original, ":again:")).answered()
    assert again.text.startswith(FIRST_LINE)
    await scene.caught_up()
    assert scene.server.requests("PUT", f"/channels/{channel.id}/**") == []


async def test_acknowledged_while_every_worker_is_busy(offline: Scene) -> None:
    async with with_workers(offline, 2) as engine:
        for number in range(6):
            picture = (f"{number}.gif", reader.command(f"burn 0.5 {number}"))
            await offline.posts(offline.person(f"person {number}"), picture)
        await offline.server.wait_until(lambda: engine.in_flight == 6)
        used = await offline.lyrics()
        assert await used.acknowledgement() < offline.server.portal.acknowledge_seconds
        await used.answered()


async def test_a_private_failure_is_private(scene: Scene) -> None:
    bad = ("photo.png", b"no picture")
    used = await scene.lyrics(picture=bad)
    await scene.server.wait_until(lambda: used.followups)
    assert used.followups[0].ephemeral
    assert "not a JPEG" in used.followups[0].content
    await scene.server.wait_until(lambda: used.original is not None and used.original.deleted)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ANSWER), ("PATCH", ANSWER), ("POST", "/webhooks/*/*"), ("DELETE", ANSWER)],
    ids=["looking", "dots", "sentence", "removal"],
)
@pytest.mark.parametrize("fault", [{"lose_answer": True}, {"drop": True}], ids=["answer", "request"])
async def test_a_failure_that_is_told_over_a_broken_connection(
    scene: Scene, method: str, path: str, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    hit = scene.server.fail(method, path, **fault)
    used = await scene.lyrics(picture=("photo.png", b"no picture"))
    await scene.server.wait_until(lambda: used.original is not None and used.original.deleted)
    assert hit.hits == 1
    assert {one.content for one in used.followups} == {
        "That file is not a JPEG, PNG, WebP or GIF picture: post one of those."
    }
    assert all(one.ephemeral for one in used.followups)
    assert "not shown" not in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "fault"),
    [("POST", "/webhooks/*/*", {"drop": True}), ("GET", ANSWER, {"status": 403})],
    ids=["sentence", "looking"],
)
async def test_nothing_public_stays_where_the_sentence_cannot_be_said(
    scene: Scene, method: str, path: str, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    scene.server.fail(method, path, times=None, **fault)
    used = await scene.lyrics(picture=("photo.png", b"no picture"))
    await scene.server.wait_until(lambda: used.original is not None and used.original.deleted)
    await scene.server.wait_until(lambda: "not shown" in caplog.text)


async def test_delete_pressed_twice_is_done_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    reply = await scene.server.wait_for_reply(await scene.posts())
    await scene.server.wait_until(lambda: "👎" in reply.reactions)
    pressed = [await scene.server.click(scene.ann, reply, ":delete:") for _ in range(2)]
    await scene.server.wait_until(lambda: len(scene.server.requests("DELETE", ANSWER)) == 2)
    await scene.caught_up()
    assert reply.deleted
    assert [one.followups for one in pressed] == [[], []]
    assert "interaction failed" not in caplog.text


@pytest.mark.parametrize(
    "fault",
    [{"status": 502}, {"lose_answer": True}, {"lose_answer": True, "times": 3}, {"drop": True, "times": 3}],
    ids=["bad gateway", "answer lost", "every answer lost", "every request lost"],
)
async def test_a_strangers_press_on_delete_leaves_the_song_whatever_is_lost(
    scene: Scene, fault: dict[str, Any]
) -> None:
    reply = await scene.server.wait_for_reply(await scene.posts())
    await scene.server.wait_until(lambda: "👎" in reply.reactions)
    hit = scene.server.fail("POST", CALLBACK, **fault)
    pressed = await scene.server.click(scene.person("bob"), reply, ":delete:")
    answers = pressed.followups
    await scene.server.wait_until(lambda: answers or pressed.original not in (None, reply))
    assert hit.hits == fault.get("times", 1)
    assert not reply.deleted
    assert reply.content.startswith(FIRST_LINE)
    assert all(one.ephemeral for one in answers)


@pytest.mark.parametrize("packed", [False, True])
async def test_an_export_that_discord_would_not_take_is_packed(scene: Scene, packed: bool) -> None:
    await (await scene.lyrics(seed="kiss " * 19)).answered()
    if packed:
        scene.server.portal.file_bytes = 900
    used = await (await scene.server.slash(scene.ann, scene.channel, "privacy export")).answered()
    assert used.original is not None
    [file] = used.original.attachments
    assert file.filename == "songwriter-data.json" + ".zip" * packed
    data = file.data
    if packed:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read("songwriter-data.json")
    assert len(json.loads(data)["outputs"]) == 1


async def test_a_refusal_whose_answer_is_lost_is_said_once(scene: Scene) -> None:
    for _ in range(3):
        await (await scene.server.slash(scene.ann, scene.channel, "about")).answered()
    hit = scene.server.fail("POST", CALLBACK, lose_answer=True)
    before = len(scene.server.requests("POST", CALLBACK))
    refused = await scene.server.slash(scene.ann, scene.channel, "about")
    await scene.server.wait_until(lambda: len(scene.server.requests("POST", CALLBACK)) == before + 2)
    await scene.caught_up()
    assert hit.hits == 1
    assert refused.text.startswith("Not so fast")
    assert refused.ephemeral
    assert refused.followups == []


async def test_settings_are_offered_in_servers_only(scene: Scene) -> None:
    owner = scene.guild.owner
    for place, more in ((scene.server.direct(owner), {}), (scene.channel, {"user_install": True})):
        with pytest.raises(NotOffered):
            await scene.server.slash(owner, place, "settings show", **more)


async def test_every_command_conforms_to_discords_description(scene: Scene, data: Path) -> None:
    """The fixture compares all of it."""
    if description(data) is None:
        pytest.skip("Discord's description is not here: discord/openapi.json in the data folder")
    server, ann, channel = scene.server, scene.ann, scene.channel
    options = {"temp": 0.7, "picture": PHOTO, "seed": "kiss", "mood": "sad", "style": "ballad", "lines": 2,
               "scheme": "ABAB", "syllables": 8}  # fmt: skip
    used = await (await scene.lyrics(**options)).answered()
    assert used.original is not None
    await (await scene.lyrics(private=True)).answered()
    await (await server.slash(ann, channel, "seed", {"words": "kiss"})).answered()
    typed = await (await server.autocomplete(ann, channel, "seed", "words", "ki")).answered()
    assert "kiss" in [one["value"] for one in typed.choices or []]
    posted = await scene.posts()
    await (await server.context_menu(ann, posted, "Write lyrics")).answered()
    for button in (":again:", ":warmer:", ":cooler:", ":why:"):
        await (await server.click(ann, used.original, button)).answered()
    offered = await (await server.click(ann, used.original, ":rewrite:")).answered()
    assert offered.original is not None
    anew = await (await server.click(ann, offered.original, "line:", ["2"])).answered()
    assert "Line 2 anew" in anew.text
    number = anew.text.split("`")[-2]
    assert (await (await server.slash(ann, channel, "replay", {"recipe": number})).answered()).text
    await server.click(ann, used.original, ":delete:")
    await server.wait_until(lambda: used.original is not None and used.original.deleted)
    for name in ("about", "help", "stats", "privacy show", "privacy export", "privacy opt-out",
                 "privacy opt-in", "privacy delete"):  # fmt: skip
        assert (await (await server.slash(ann, channel, name)).answered()).text
    role = server.add_role(scene.guild, "singers", ann)
    for name, values in (
        ("show", {}), ("channel", {"channel": channel}), ("temperature", {"value": 0.5}),
        ("cooldown", {"seconds": 0}), ("reactions", {"good": "❤️", "bad": "💩"}), ("ratings", {"on": True}),
        ("spoilers", {"rule": "hide"}), ("age-restricted", {"on": True}),
        ("proxies", {"on": True}), ("answer", {"when": "always"}), ("role", {"role": role, "may": "may"}),
        ("mood", {"mood": "sad"}), ("style", {"style": "hymn"}), ("lines", {"number": 2}),
        ("scheme", {"scheme": "ABAB"}), ("word", {"word": "sausage"}), ("threads", {"on": False}),
        ("quiet-line", {"on": True}), ("buttons", {"who": "everybody"}), ("quota", {"songs": 50}),
    ):  # fmt: skip
        set_ = await (await server.slash(scene.guild.owner, channel, f"settings {name}", values)).answered()
        assert "Temperature" in set_.text
    for name, values in (("export", {}), ("delete", {"sure": True})):
        set_ = await (await server.slash(scene.guild.owner, channel, f"settings {name}", values)).answered()
        assert set_.text
    reply = await server.wait_for_reply(await scene.posts())
    await server.wait_until(lambda: len(reply.reactions) == 2)
    assert len(server.requests()) > 40


# Ratings


async def test_a_rating_that_is_taken_back_at_once_is_gone(scene: Scene) -> None:
    reply = await scene.server.wait_for_reply(await scene.posts())
    await scene.server.wait_until(lambda: "👎" in reply.reactions)
    bob = scene.person("bob")
    for _ in range(20):
        await scene.server.react(reply, bob, "👍")
        await scene.server.unreact(reply, bob, "👍")
    await scene.server.react(reply, scene.person("cleo"), "👎")

    async def rated(store: Store) -> Any:
        found = (await store.stats(scene.guild.id)).here.ratings
        return found if "👎" in found else None

    assert await scene.stored(rated) == {"👎": 1}


async def test_a_rating_before_the_reply_is_known_counts(scene: Scene) -> None:
    # The bot sends it once more half a second later, and only then hears which message it is.
    scene.server.fail("POST", REPLY, lose_answer=True)
    reply = await scene.server.wait_for_reply(await scene.posts())
    bob, cleo = scene.person("bob"), scene.person("cleo")
    await scene.server.react(reply, bob, "👍")
    await scene.server.unreact(reply, bob, "👍")
    await scene.server.react(reply, cleo, "👎")

    async def rated(store: Store) -> Any:
        found = (await store.stats(scene.guild.id)).here.ratings
        return found if "👎" in found else None

    assert await scene.stored(rated) == {"👎": 1}
    await scene.server.wait_until(lambda: {*reply.reactions} == {"👍", "👎"})
    assert await scene.stored(rated) == {"👎": 1}
    assert [output["message"] for output in await scene.outputs()] == [reply.id]


@pytest.mark.parametrize("cut_off", [False, True])
async def test_a_reply_that_was_never_noted_can_be_rated(offline: Scene, cut_off: bool) -> None:
    server, bea = offline.server, offline.person("bea")
    async with serving(server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        reply = await server.wait_for_reply(await offline.posts())
        await server.wait_until(lambda: len(reply.reactions) == 2)
    # As it is where the process is killed right after the post.
    with contextlib.closing(sqlite3.connect(offline.config.store.path)) as connection, connection:
        connection.execute("UPDATE outputs SET channel = NULL, message = NULL")
    async with serving(server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        if cut_off:
            server.fail("GET", f"{REPLY}/*", lose_answer=True)
        await server.react(reply, bea, "👍")
        await server.unreact(reply, bea, "👍")
        await server.react(reply, bea, "👎")

        async def rated(store: Store) -> Any:
            found = (await store.stats(offline.guild.id)).here.ratings
            return found if "👎" in found else None

        assert await offline.stored(rated) == {"👎": 1}
        assert [output["message"] for output in await offline.outputs()] == [reply.id]


async def test_shades_of_an_emoji_count_as_one_and_bursts_are_taken_back_apart(scene: Scene) -> None:
    server, owner = scene.server, scene.guild.owner
    pair = {"good": "👍", "bad": "❤"}
    await (await server.slash(owner, scene.channel, "settings reactions", pair)).answered()
    reply = await server.wait_for_reply(await scene.posts())
    await server.wait_until(lambda: {*reply.reactions} == {"👍", "❤"})
    bob, cleo, dora = map(scene.person, ("bob", "cleo", "dora"))
    await server.react(reply, bob, "👍🏽")
    await server.react(reply, cleo, "❤️")
    await server.react(reply, dora, "👍")
    await server.react(reply, dora, "👍", burst=True)
    await server.unreact(reply, dora, "👍", burst=True)

    async def rated(store: Store) -> Any:
        found = (await store.stats(scene.guild.id)).here.ratings
        return found if sum(found.values()) == 3 else None

    assert {*(await scene.stored(rated)).values()} == {1, 2}
    await server.unreact(reply, dora, "👍")
    await server.unreact(reply, bob, "👍🏽")

    async def one_left(store: Store) -> bool:
        return (await store.stats(scene.guild.id)).here.ratings == {"❤️": 1}

    await scene.stored(one_left)


async def test_a_reaction_to_what_is_no_song_is_nothing(scene: Scene) -> None:
    said = await scene.posts(scene.person("bob"), text="no song")
    own = await scene.server.post(scene.channel, scene.server.bot, "Something else.")
    for message in (said, own):
        await scene.server.react(message, scene.ann, "👍")
    await scene.server.wait_until(lambda: scene.server.requests("GET", f"{REPLY}/*"))
    (looked_at,) = scene.server.requests("GET", f"{REPLY}/*")
    assert looked_at.path.endswith(f"/{own.id}")


# Restarts, start and end


async def test_ratings_and_buttons_of_before_a_restart(offline: Scene) -> None:
    server, ann, bea = offline.server, offline.ann, offline.person("bea")
    async with serving(server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        reply = await server.wait_for_reply(await offline.posts())
        await server.wait_until(lambda: len(reply.reactions) == 2)
    await server.react(reply, ann, "👍")
    registered = len(server.requests("PUT", "/applications/**"))
    async with serving(server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        await server.react(reply, bea, "👎")

        async def rated(store: Store) -> bool:
            return (await store.stats(offline.guild.id)).here.ratings == {"👎": 1}

        await offline.stored(rated)
        await server.unreact(reply, bea, "👎")

        async def unrated(store: Store) -> bool:
            return (await store.stats(offline.guild.id)).here.ratings == {}

        await offline.stored(unrated)
        used = await (await server.click(ann, reply, ":warmer:")).answered()
        assert "temperature 0.55" in used.text
    # The same commands are not registered anew.
    assert len(server.requests("PUT", "/applications/**")) == registered


async def test_without_leave_to_register_commands_pictures_are_answered(
    offline: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    server = offline.server
    server.fail("PUT", "/applications/**", 403, code=50001)
    for expected in (1, 2):
        async with serving(server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
            await server.wait_for_reply(await offline.posts())
        # The next start tries again.
        assert len(server.requests("PUT", "/applications/**")) == expected
    assert caplog.text.count("commands not registered: Discord says 403 (50001)") == 1


async def test_its_owner_hears_whether_the_commands_are_registered(scene: Scene) -> None:
    server, owner = scene.server, scene.server.world.developer
    here = server.direct(owner)
    server.fail("PUT", "/applications/**", 403, code=50001)
    for said in ("Discord refused the commands: 403 (50001).", "The commands are registered."):
        asked = await server.post(here, owner, f"{server.bot.mention} sync")
        assert (await server.wait_for_reply(asked)).content == said


async def test_servers_left_while_it_was_away_are_noticed(offline: Scene) -> None:
    config, own = offline.config, offline.guild.id
    async with Store.open(config.store.path) as store:
        for server in (own, 7):
            await store.change_settings(server, lambda _: ServerSettings(temperature=0.9))
    async with serving(offline.server, config, InlineEngine(config.limits, offline.writer)):

        async def forgotten(store: Store) -> bool:
            # A month later, as the retention does it.
            await store.purge(time.time() + 31 * 86_400, 365, 30, 30)
            return await store.settings(7) == ServerSettings()

        await offline.stored(forgotten)
        assert "temperature 0.9" in (await (await offline.lyrics()).answered()).text


_HANGS = """
import asyncio, os, signal
from bot import stopping

async def main():
    stopping.STOP_SECONDS = 0.1
    stopping.stop_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_what_hangs_after_a_signal_is_given_up() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HANGS, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, said) == (1, b"")


async def test_a_signal_refuses_new_work_and_apologises_for_what_is_left(
    offline: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.app.DRAIN_SECONDS", 0.3)
    server, writer = offline.server, offline.writer
    writer.gate.clear()
    async with serving(server, offline.config, InlineEngine(offline.config.limits, writer)) as bot:
        posted = await offline.posts()
        used = await offline.lyrics()
        await server.wait_until(lambda: len(writer.asked) == 1 and used.acknowledged)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(bot, PATIENCE)
    assert "about to restart" in used.followups[0].content
    # The next process answers it.
    assert server.replies(posted) == []
    assert [*posted.reactions] == ["⏳"]
    assert not server.gateway.connections


async def test_sentences_that_would_disappear_do_so_when_it_stops(offline: Scene) -> None:
    server = offline.server
    async with serving(server, offline.config, InlineEngine(offline.config.limits, offline.writer)) as bot:
        posted = await offline.posts(None, ("photo.jpg", b"no picture"))
        refused = await server.wait_for_reply(posted)
        assert "about to restart" not in refused.content
        song = await server.wait_for_reply(await offline.posts())
        await server.wait_until(lambda: "👎" in song.reactions)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(bot, PATIENCE)
    assert refused.deleted
    assert not song.deleted


@pytest.mark.parametrize(
    ("path", "fault"),
    [("/users/@me", {"delay": 1.0}), ("/", {"drop": True, "times": None})],
    ids=["logging in", "connecting"],
)
async def test_a_signal_before_it_is_connected_ends_it_quietly(
    offline: Scene, path: str, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    server = offline.server
    server.fail("GET", path, **fault)
    engine = InlineEngine(offline.config.limits, offline.writer)
    bot = asyncio.create_task(serve(offline.config, server.token, engine, server.connector))
    await server.wait_until(lambda: server.requests("GET", path))
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(bot, PATIENCE)
    gc.collect()
    assert [one.getMessage() for one in caplog.records if one.name == "asyncio"] == []


@pytest.mark.parametrize("api", [True, False], ids=["by the API", "by the gateway"])
async def test_a_refused_token_is_a_bad_configuration(offline: Scene, api: bool) -> None:
    offline.server.refuse_token(api=api)
    with pytest.raises(BadConfiguration, match="token"):
        async with serving(
            offline.server, offline.config, InlineEngine(offline.config.limits, offline.writer)
        ):
            await asyncio.sleep(5)


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}], ids=["ill", "silent"])
async def test_a_discord_that_cannot_be_reached(offline: Scene, fault: dict[str, Any]) -> None:
    offline.server.fail("GET", "/users/@me", times=None, **fault)
    with pytest.raises(Unavailable, match="cannot be reached"):
        async with serving(
            offline.server, offline.config, InlineEngine(offline.config.limits, offline.writer)
        ):
            pass


async def test_without_the_privileged_intent_it_says_so_and_goes_on(
    offline: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    server = offline.server
    server.disallow_intent("message_content")
    async with serving(server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        await server.wait_until(lambda: len(server.traffic.sent_by_bot(IDENTIFY)) == 2)
        await server.ready()
        await offline.posts()
        mentioned = await offline.posts(text=f"{server.bot.mention} sing")
        await server.wait_for_reply(mentioned)
        direct = await server.post(server.direct(offline.ann), offline.ann, "", [PHOTO])
        await server.wait_for_reply(direct)
        assert (await (await offline.lyrics()).answered()).text.startswith(FIRST_LINE)
    assert len(offline.writer.asked) == 3
    said = [one for one in caplog.records if "message content intent" in one.getMessage()]
    assert [(one.levelno, "\n" in one.getMessage()) for one in said] == [(logging.WARNING, False)]


async def test_the_log_holds_no_secret(offline: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    server, writer = offline.server, offline.writer
    private = "what people write is nobody's business"
    with configure(Log(level="debug")):
        async with serving(server, offline.config, InlineEngine(offline.config.limits, writer)):
            posted = await offline.posts(text=private)
            await server.wait_for_reply(posted)
            used = await (await offline.lyrics(seed="my kiss")).answered()
            await server.wait_for_reply(await offline.posts(None, (*PHOTO, {"expired": True})))
            server.fail("PATCH", ANSWER, 400)
            failed = await offline.lyrics()
            await server.wait_until(lambda: failed.followups)
            server.portal.acknowledge_seconds = 0.0
            late = await offline.lyrics()
            await server.wait_until(lambda: len(server.requests("POST", CALLBACK)) >= 4)
            await server.cut()
            await server.wait_until(lambda: server.traffic.sent_by_bot(RESUME))
    log = capsys.readouterr().err
    assert "interaction failed" in log
    signed = [one.query["hm"] for one in server.requests("GET", "/attachments/**")]
    tokens = [one.token for one in (used, failed, late)]
    hidden = [
        server.token,
        private,
        "my kiss",
        FIRST_LINE,
        writer.caption,
        PHOTO[0],
        *tokens,
        *signed,
    ]
    assert [one for one in hidden if one in log] == []
