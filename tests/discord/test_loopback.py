"""The loopback itself, with discord.py's own client on the other end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import math
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
import pytest_asyncio
from discord import app_commands
from discord.ext import commands

from tests.conftest import real_data
from tests.discord import Channel, Guild, LoopbackDiscord, User, unfurling
from tests.discord.commands import NotOffered
from tests.discord.conformance import complaints, description
from tests.discord.gateway import IDENTIFY, RESUME

pytestmark = pytest.mark.asyncio
PICTURE = bytes(range(256)) * 40


class Again(discord.ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Again", custom_id="again")
    async def again(self, interaction: discord.Interaction, button: discord.ui.Button[Any]) -> None:
        await interaction.response.edit_message(content="again!")

    @discord.ui.button(label="Form", custom_id="form")
    async def form(self, interaction: discord.Interaction, button: discord.ui.Button[Any]) -> None:
        await interaction.response.send_modal(Form())


class Form(discord.ui.Modal, title="Words"):
    word: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Word", custom_id="word")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"you wrote {self.word.value}", ephemeral=True)


class Echo(commands.AutoShardedBot):
    """Answers pictures with their size, and keeps what it saw."""

    def __init__(self, connector: aiohttp.BaseConnector, intents: discord.Intents) -> None:
        super().__init__(
            commands.when_mentioned,
            intents=intents,
            connector=connector,
            guild_ready_timeout=0.05,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.seen: list[discord.Message] = []
        self.reactions: list[tuple[str, str, int]] = []
        self.errors: list[discord.HTTPException] = []
        self.resumes = 0

    async def setup_hook(self) -> None:
        for command in (sing, thrice, guess, late, twice, long, words):
            self.tree.add_command(command)
        self.tree.add_command(app_commands.ContextMenu(name="Write lyrics", callback=menu))
        self.tree.on_error = self.keep_error
        self.add_view(Again())
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py would wait five seconds before it identifies again."""

    async def keep_error(self, _: discord.Interaction, error: app_commands.AppCommandError) -> None:
        cause = error.__cause__
        assert isinstance(cause, discord.HTTPException), error
        self.errors.append(cause)

    async def on_message(self, message: discord.Message) -> None:
        if message.author == self.user:
            return
        self.seen.append(message)
        if message.attachments:
            try:
                sizes = [len(await one.read()) for one in message.attachments]
                reply = await message.reply(f"{sizes} bytes <@{message.author.id}>", nonce=str(message.id))
                await reply.add_reaction("👍")
            except discord.HTTPException as error:
                self.errors.append(error)

    async def on_shard_resumed(self, _: int) -> None:
        self.resumes += 1

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        self.reactions.append(("add", str(event.emoji), event.user_id))

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        self.reactions.append(("remove", str(event.emoji), event.user_id))


@app_commands.command(description="A stanza")
@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
async def sing(
    interaction: discord.Interaction,
    temp: app_commands.Range[float, 0.1, 1.2] = 0.4,
    picture: discord.Attachment | None = None,
    private: bool = False,
) -> None:
    await interaction.response.defer(thinking=True, ephemeral=private)
    size = len(await picture.read()) if picture else 0
    await interaction.edit_original_response(content=f"{temp} {size}", view=Again())


@app_commands.command(description="Follow-ups")
@app_commands.allowed_installs(guilds=True, users=True)
async def thrice(interaction: discord.Interaction, times: int = 2) -> None:
    await interaction.response.send_message("first", file=discord.File(__file__, description="alt"))
    for number in range(times):
        await interaction.followup.send(f"more {number}", ephemeral=True)


@app_commands.command(description="Words")
async def guess(interaction: discord.Interaction, word: str) -> None:
    await interaction.response.send_message(word)


@guess.autocomplete("word")
async def _(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=current + end, value=current + end) for end in ("s", "ing")]


@app_commands.command(description="Too late")
async def late(interaction: discord.Interaction) -> None:
    await asyncio.sleep(0.1)
    await interaction.response.defer()


@app_commands.command(description="Twice")
async def twice(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    url = f"https://discord.com/api/v10/interactions/{interaction.id}/{interaction.token}/callback"
    async with interaction._session.post(url, json={"type": 5}) as response:
        raise discord.HTTPException(response, await response.json())


@app_commands.command(description="Too long")
async def long(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("x" * 2001)


words = app_commands.Group(name="words", description="Words", default_permissions=discord.Permissions(8))


@words.command(description="Shows them")
async def show(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("shown", ephemeral=True)


async def menu(interaction: discord.Interaction, message: discord.Message) -> None:
    await interaction.response.send_message(f"{len(message.attachments)} {message.content}")


@dataclass
class Scene:
    server: LoopbackDiscord
    bot: Echo
    guild: Guild
    channel: Channel
    ann: User
    login: asyncio.Task[None]

    async def ready(self) -> None:
        await self.server.wait_until(self.bot.is_ready)

    async def resumed(self) -> None:
        await self.server.wait_until(lambda: self.bot.resumes)

    async def error(self) -> discord.HTTPException:
        """The first error of Discord's that the bot met."""
        return (await self.server.wait_until(lambda: self.bot.errors))[0]

    async def saw(self, content: str) -> discord.Message:
        return await self.server.wait_until(
            lambda: next((one for one in self.bot.seen if content in one.content), None)
        )


@contextlib.asynccontextmanager
async def arranged(*, message_content: bool = True, **settings: Any) -> AsyncIterator[Scene]:
    """A server, a channel, a person, and a bot that is logging in."""
    async with LoopbackDiscord.running(**settings) as server:
        guild, ann = server.add_guild(), server.add_user("ann")
        server.add_member(guild, ann)
        channel = server.add_channel(guild)
        intents = discord.Intents(guilds=True, messages=True, reactions=True, message_content=message_content)
        bot = Echo(server.connector(), intents)
        login = asyncio.create_task(bot.start(server.token))
        try:
            yield Scene(server, bot, guild, channel, ann, login)
        finally:
            await bot.close()
            login.cancel()
            await asyncio.gather(login, return_exceptions=True)


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """Its traffic is checked at the end of every test that uses it."""
    async with arranged() as scene:
        await scene.ready()
        yield scene
        if (folder := real_data()) and (known := description(folder)):
            assert complaints(scene.server.traffic.exchanges, known) == []


async def test_login_and_ready(scene: Scene) -> None:
    assert scene.bot.user is not None
    assert scene.bot.user.id == scene.server.bot.id
    assert [guild.name for guild in scene.bot.guilds] == ["server"]
    assert scene.bot.get_channel(scene.channel.id) is not None
    assert scene.server.requests("GET", "/gateway/bot")
    (handshake,) = scene.server.requests("GET", "/")
    assert handshake.query["compress"] in ("zlib-stream", "zstd-stream")
    assert math.isfinite(scene.bot.latency)


async def test_shards_get_their_own_guilds_uncompressed_too() -> None:
    async with LoopbackDiscord.running(shards=2) as server:
        guild = server.add_guild()
        async with aiohttp.ClientSession(connector=server.connector()) as session:
            for shard in range(2):
                async with session.ws_connect("https://gateway.discord.gg/?v=10&encoding=json") as socket:
                    hello = await socket.receive_json()
                    assert hello["d"]["heartbeat_interval"] > 0
                    intents = discord.Intents(guilds=True).value
                    identity = {"token": server.token, "intents": intents, "shard": [shard, 2]}
                    await socket.send_json({"op": IDENTIFY, "d": identity})
                    ready = await socket.receive_json()
                    ours = [str(guild.id)] if shard == (guild.id >> 22) % 2 else []
                    assert [one["id"] for one in ready["d"]["guilds"]] == ours


async def test_a_picture_is_downloaded_and_answered(scene: Scene) -> None:
    claims = {"size": 7, "content_type": "image/gif"}
    posted = await scene.server.post(scene.channel, scene.ann, "look", [("a.png", PICTURE, claims)])
    reply = await scene.server.wait_for_reply(posted)
    assert reply.content.startswith(f"[{len(PICTURE)}] bytes")
    assert reply.mentions == []
    assert (scene.bot.seen[0].attachments[0].size, scene.bot.seen[0].attachments[0].content_type) == (
        7,
        "image/gif",
    )
    await scene.server.wait_until(lambda: "👍" in reply.reactions)
    assert posted.attachments[0].sent == len(PICTURE)


async def test_an_expired_address_gives_404(scene: Scene) -> None:
    await scene.server.post(scene.channel, scene.ann, "", [("a.png", PICTURE, {"expired": True})])
    assert (await scene.error()).status == 404


async def test_reactions_come_and_go(scene: Scene) -> None:
    posted = await scene.server.post(scene.channel, scene.ann, "hello")
    await scene.server.react(posted, scene.ann, "👎")
    await scene.server.unreact(posted, scene.ann, "👎")
    await scene.server.wait_until(lambda: len(scene.bot.reactions) == 2)
    assert scene.bot.reactions == [("add", "👎", scene.ann.id), ("remove", "👎", scene.ann.id)]


async def test_the_bot_edits_deletes_and_clears(scene: Scene) -> None:
    await scene.server.post(scene.channel, scene.ann, "hello")
    seen = await scene.saw("hello")
    async with seen.channel.typing():
        mine = await seen.channel.send(
            "one", file=discord.File(io.BytesIO(PICTURE), "b.png", description="alt")
        )
    (stored,) = scene.server.posted(scene.channel)
    assert (stored.attachments[0].data, stored.attachments[0].description) == (PICTURE, "alt")
    await mine.edit(content="two", attachments=[])
    assert (stored.content, stored.attachments) == ("two", [])
    await mine.add_reaction("👍")
    await mine.remove_reaction("👍", scene.bot.user)
    assert stored.reactions == {}
    with pytest.raises(discord.Forbidden) as refused:
        await mine.clear_reactions()
    assert refused.value.code == 50013
    await mine.delete()
    assert stored.deleted
    with pytest.raises(discord.NotFound) as missing:
        await mine.edit(content="three")
    assert missing.value.code == 10008
    assert (await seen.channel.fetch_message(seen.id)).content == "hello"
    assert [one.id async for one in seen.channel.history()] == [seen.id]


async def test_what_discord_refuses(scene: Scene) -> None:
    channel = scene.bot.get_channel(scene.channel.id)
    assert isinstance(channel, discord.TextChannel)

    async def code(sending: Awaitable[Any]) -> int:
        with pytest.raises(discord.HTTPException) as refused:
            await sending
        return refused.value.code

    assert await code(channel.send("x" * 2001)) == 50035
    assert await code(channel.send("")) == 50006
    scene.server.portal.file_bytes = 1000
    assert await code(channel.send(file=discord.File(io.BytesIO(PICTURE), "b.png"))) == 40005
    assert await code(scene.bot.fetch_channel(1)) == 10003
    scene.server.permit(scene.channel, scene.server.bot, deny=discord.Permissions(send_messages=True))
    assert await code(channel.send("hello")) == 50013
    scene.server.permit(scene.channel, scene.server.bot, deny=discord.Permissions(view_channel=True))
    assert await code(channel.send("hello")) == 50001


async def test_a_hidden_channel_is_silent(scene: Scene) -> None:
    hidden = scene.server.add_channel(scene.guild, "hidden")
    scene.server.permit(hidden, scene.server.bot, deny=discord.Permissions(view_channel=True))
    await scene.server.post(hidden, scene.ann, "secret")
    await scene.server.post(scene.channel, scene.ann, "open")
    await scene.saw("open")
    assert [one.content for one in scene.bot.seen] == ["open"]


async def test_a_slash_command_is_deferred_and_edited(scene: Scene) -> None:
    options = {"temp": 0.7, "picture": ("a.png", PICTURE), "private": True}
    used = await (await scene.server.slash(scene.ann, scene.channel, "sing", options)).answered()
    assert used.text == f"0.7 {len(PICTURE)}"
    assert used.ephemeral
    assert used.acknowledged is not None
    assert used.acknowledged < 1
    assert used.callback is not None
    assert used.callback["type"] == 5
    assert not scene.server.traffic.dispatched("MESSAGE_CREATE")


async def test_only_what_is_declared_goes_through(scene: Scene) -> None:
    for name, options in (("sing", {"temp": 2.0}), ("sing", {"pitch": 1}), ("guess", {}), ("dance", {})):
        with pytest.raises(NotOffered):
            await scene.server.slash(scene.ann, scene.channel, name, options)
    with pytest.raises(NotOffered, match="permissions"):
        await scene.server.slash(scene.ann, scene.channel, "words show")
    shown = await scene.server.slash(scene.guild.owner, scene.channel, "words show")
    assert (await shown.answered()).text == "shown"


async def test_follow_ups(scene: Scene) -> None:
    used = await scene.server.slash(scene.ann, scene.channel, "thrice")
    await scene.server.wait_until(lambda: len(used.followups) == 2)
    assert used.text == "first"
    assert used.original is not None
    assert used.original.attachments[0].description == "alt"
    assert [(one.content, one.ephemeral) for one in used.followups] == [("more 0", True), ("more 1", True)]


async def test_an_app_people_bring_gets_five_follow_ups(scene: Scene) -> None:
    abroad = scene.server.add_guild("abroad", with_bot=False)
    channel = scene.server.add_channel(abroad)
    used = await scene.server.slash(abroad.owner, channel, "thrice", {"times": 6})
    assert (await scene.error()).code == 40094
    assert len(used.followups) == 5
    with pytest.raises(NotOffered):
        await scene.server.slash(abroad.owner, channel, "guess", {"word": "x"})


async def test_direct_messages(scene: Scene) -> None:
    direct = scene.server.direct(scene.ann)
    posted = await scene.server.post(direct, scene.ann, "", [("a.png", PICTURE)])
    await scene.server.wait_for_reply(posted)
    assert (await (await scene.server.slash(scene.ann, direct, "sing")).answered()).text == "0.4 0"
    elsewhere = scene.server.direct(scene.ann, scene.server.add_user("bea"))
    assert (await (await scene.server.slash(scene.ann, elsewhere, "sing")).answered()).text == "0.4 0"


async def test_autocomplete_and_context_menu(scene: Scene) -> None:
    typed = await scene.server.autocomplete(scene.ann, scene.channel, "guess", "word", "kiss")
    await typed.answered()
    assert [one["value"] for one in typed.choices or []] == ["kisss", "kissing"]
    posted = await scene.server.post(scene.channel, scene.ann, "look", [("a.png", PICTURE)])
    used = await scene.server.context_menu(scene.ann, posted, "Write lyrics")
    assert (await used.answered()).text == "1 look"


async def test_buttons_and_forms(scene: Scene) -> None:
    used = await (await scene.server.slash(scene.ann, scene.channel, "sing")).answered()
    assert used.original is not None
    await (await scene.server.click(scene.ann, used.original, "again")).answered()
    assert used.text == "again!"
    opened = await (await scene.server.click(scene.ann, used.original, "form")).answered()
    sent = await (await scene.server.submit(opened, {"word": "kiss"})).answered()
    assert sent.text == "you wrote kiss"
    with pytest.raises(NotOffered):
        await scene.server.click(scene.ann, used.original, "nothing")


async def test_a_late_answer_and_a_second_one(scene: Scene) -> None:
    await scene.server.slash(scene.ann, scene.channel, "twice")
    assert (await scene.error()).code == 40060
    scene.bot.errors.clear()
    scene.server.portal.acknowledge_seconds = 0.05
    await scene.server.slash(scene.ann, scene.channel, "late")
    assert (await scene.error()).code == 10062


async def test_a_long_answer_and_a_dead_token(scene: Scene) -> None:
    await scene.server.slash(scene.ann, scene.channel, "long")
    assert (await scene.error()).code == 50035
    scene.bot.errors.clear()
    scene.server.portal.token_seconds = 0.0
    await scene.server.slash(scene.ann, scene.channel, "thrice")
    assert (await scene.error()).code == 50027


async def test_a_rate_limit_is_waited_for(scene: Scene) -> None:
    fault = scene.server.fail("POST", "/channels/*/messages", 429, retry_after=0.05, times=2)
    posted = await scene.server.post(scene.channel, scene.ann, "", [("a.png", PICTURE)])
    await scene.server.wait_for_reply(posted)
    tried = scene.server.requests("POST", "/channels/*/messages")
    assert [one.status for one in tried] == [429, 429, 200]
    assert tried[1].started - tried[0].ended >= 0.05
    assert fault.hits == 2


async def test_502_is_tried_again_and_503_is_not(scene: Scene) -> None:
    scene.server.fail("POST", "/channels/*/messages", 502)
    posted = await scene.server.post(scene.channel, scene.ann, "", [("a.png", PICTURE)])
    await scene.server.wait_for_reply(posted)
    scene.server.fail("POST", "/channels/*/messages", 503)
    await scene.server.post(scene.channel, scene.ann, "", [("a.png", PICTURE)])
    assert (await scene.error()).status == 503


async def test_a_lost_answer_and_a_nonce(scene: Scene) -> None:
    scene.server.fail("POST", "/channels/*/messages", lose_answer=True)
    channel = scene.bot.get_channel(scene.channel.id)
    assert isinstance(channel, discord.TextChannel)
    with pytest.raises(aiohttp.ClientError):
        await channel.send("once", nonce="n1")
    again = await channel.send("once", nonce="n1")
    assert [one.id for one in scene.server.posted(scene.channel)] == [again.id]
    scene.server.fail("POST", "/channels/*/messages", drop=True)
    with pytest.raises(aiohttp.ClientError):
        await channel.send("never")
    assert len(scene.server.posted(scene.channel)) == 1


@pytest.mark.parametrize("code", [None, 4000])
async def test_a_cut_connection_resumes_and_replays(scene: Scene, code: int | None) -> None:
    await scene.server.cut(code)
    await scene.server.post(scene.channel, scene.ann, "missed")
    await scene.saw("missed")
    await scene.resumed()
    await scene.server.post(scene.channel, scene.ann, "after")
    await scene.saw("after")
    assert [one.content for one in scene.bot.seen] == ["missed", "after"]
    assert len(scene.server.traffic.sent_by_bot(RESUME)) == 1
    assert len(scene.server.traffic.sent_by_bot(IDENTIFY)) == 1


async def test_asked_to_reconnect_it_resumes(scene: Scene) -> None:
    await scene.server.reconnect()
    await scene.resumed()
    await scene.server.post(scene.channel, scene.ann, "after")
    await scene.saw("after")


async def test_an_invalid_session_identifies_anew(scene: Scene) -> None:
    await scene.server.invalidate_session()
    await scene.server.wait_until(lambda: len(scene.server.traffic.sent_by_bot(IDENTIFY)) == 2)
    await scene.server.ready()
    await scene.server.post(scene.channel, scene.ann, "after")
    await scene.saw("after")


async def test_a_refused_token() -> None:
    async with arranged() as scene:
        scene.server.refuse_token()
        with pytest.raises(discord.LoginFailure):
            await scene.login


async def test_a_token_the_gateway_refuses() -> None:
    async with arranged() as scene:
        scene.server.refuse_token(api=False)
        with pytest.raises(discord.ConnectionClosed) as closed:
            await scene.login
        assert closed.value.code == 4004


async def test_a_disallowed_intent() -> None:
    async with arranged() as scene:
        scene.server.disallow_intent("message_content")
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await scene.login


async def test_without_message_content_only_mentions_are_open() -> None:
    async with arranged(message_content=False, privileged=set()) as scene:
        await scene.ready()
        picture = [("a.png", PICTURE)]
        await scene.server.post(scene.channel, scene.ann, "closed", picture)
        await scene.server.post(scene.channel, scene.ann, f"open {scene.server.bot.mention}", picture)
        opened = await scene.saw("open")
        closed = scene.bot.seen[0]
        assert (closed.content, closed.attachments, len(opened.attachments)) == ("", [], 1)
        assert (await closed.fetch()).content == ""
        await scene.server.post(scene.server.direct(scene.ann), scene.ann, "direct")
        await scene.saw("direct")


async def test_what_messages_can_show_beside_files(scene: Scene) -> None:
    world, sticker = scene.server.world, scene.server.add_sticker(PICTURE, "gif")
    shown = unfurling.gallery(unfurling.linked(world, "https://example.org/a.png", PICTURE))
    original = await scene.server.post(
        scene.channel, scene.ann, "shown", stickers=[sticker], components=[unfurling.container(shown)]
    )
    seen = await scene.saw("shown")
    inside = seen.components[0]
    assert isinstance(inside, discord.Container)
    assert isinstance(gallery := inside.children[0], discord.MediaGalleryComponent)
    assert gallery.items[0].media.content_type == "image/png"
    await scene.server.forward(original, scene.ann, scene.channel)
    forward = await scene.server.wait_until(
        lambda: next((s for s in scene.bot.seen if s.message_snapshots), None)
    )
    assert forward.message_snapshots[0].content == "shown"
    for one in (seen, forward.message_snapshots[0]):
        assert [item.format for item in one.stickers] == [discord.StickerFormatType.gif]
    assert await seen.stickers[0].read() == PICTURE


async def test_previews_come_by_an_edit_that_nobody_made(scene: Scene) -> None:
    address, edited = "https://example.org/a.png", []
    scene.bot.add_listener(_keeper(edited), "on_raw_message_edit")
    posted = await scene.server.post(scene.channel, scene.ann, address)
    assert not (await scene.saw(address)).embeds
    await scene.server.unfurl(posted, unfurling.preview(scene.server.world, address, PICTURE))
    [message] = await scene.server.wait_until(lambda: edited)
    assert message.edited_at is None
    copy = message.embeds[0].thumbnail.proxy_url
    assert copy.startswith("https://images-ext-1.discordapp.net/external/")
    async with aiohttp.ClientSession(connector=scene.server.connector()) as session:
        async with session.get(copy) as whole:
            assert await whole.read() == PICTURE
        async with session.get(f"{copy}?format=png") as changed:
            # What is no picture cannot be made one.
            assert changed.status == 415


async def test_a_proxy_posts_a_message_once_more_as_nobody_who_is_a_member(scene: Scene) -> None:
    posted = await scene.server.post(scene.channel, scene.ann, "A: mine", [("SPOILER_a.png", PICTURE)])
    await scene.server.proxy(posted, "mine")
    first = await scene.saw("A: mine")
    again = await scene.server.wait_until(lambda: next((s for s in scene.bot.seen if s.webhook_id), None))
    assert isinstance(first.author, discord.Member)
    assert isinstance(again.author, discord.User)
    assert again.author.bot
    assert again.author.id == again.webhook_id != again.application_id
    assert [(one.filename, one.size) for one in again.attachments] == [("SPOILER_a.png", len(PICTURE))]
    assert again.attachments[0].url != first.attachments[0].url


async def test_servers_come_and_go_while_the_bot_is_there(scene: Scene) -> None:
    told: list[tuple[str, int]] = []
    for event in ("guild_join", "guild_remove"):
        scene.bot.add_listener(_teller(told, event), f"on_{event}")
    guild = scene.server.add_guild("new", with_bot=False)
    scene.server.invite(guild)
    scene.server.remove_bot(guild)
    await scene.server.wait_until(lambda: told == [("guild_join", guild.id), ("guild_remove", guild.id)])


async def test_roles_and_threads(scene: Scene) -> None:
    server = scene.server
    role = server.add_role(scene.guild, "singers", scene.ann)
    posted = await server.post(scene.channel, scene.ann, "look")
    seen = await scene.saw("look")
    assert isinstance(seen.author, discord.Member)
    assert role.id in {one.id for one in seen.author.roles}
    with pytest.raises(discord.Forbidden):
        await seen.create_thread(name="below")
    server.permit(scene.channel, server.bot, allow=discord.Permissions(create_public_threads=True))
    await server.wait_until(lambda: seen.channel.permissions_for(seen.guild.me).create_public_threads)
    thread = await seen.create_thread(name="below")
    assert (thread.id, thread.parent_id, thread.owner_id) == (posted.id, scene.channel.id, server.bot.id)
    with pytest.raises(discord.HTTPException) as error:
        await seen.create_thread(name="once more")
    assert error.value.code == 160004
    [again] = [one async for one in seen.channel.history(limit=1)]
    assert again.thread == thread
    assert (await seen.guild.fetch_channel(posted.id)).name == "below"


def _teller(told: list[tuple[str, int]], event: str) -> Any:
    async def tell(guild: discord.Guild) -> None:
        told.append((event, guild.id))

    return tell


def _keeper(kept: list[discord.Message]) -> Any:
    async def keep(event: discord.RawMessageUpdateEvent) -> None:
        kept.append(event.message)

    return keep


async def test_no_other_host_is_there(scene: Scene) -> None:
    async with aiohttp.ClientSession(connector=scene.server.connector()) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("https://example.org/")
    assert "example.org" in scene.server.resolver.asked


async def test_the_conformance_check_finds_faults(scene: Scene, data: Path) -> None:
    known = description(data)
    if known is None:
        pytest.skip("Discord's description is not here: discord/openapi.json in the data folder")
    channel = scene.bot.get_channel(scene.channel.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.send("hello")
    (exchange,) = scene.server.requests("POST", "/channels/*/messages")
    assert known.complaints(exchange) == []
    for change in (
        {"body": {"content": 7}},
        {"answer": {"id": "1"}},
        {"status": 302},
        {"path": "/channels/1/nothing"},
    ):
        assert known.complaints(dataclasses.replace(exchange, **change)), change
