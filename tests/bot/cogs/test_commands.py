"""Slash commands, as people and managers use them; and what must hold for every command."""

from __future__ import annotations

import json
import time

import discord
import pytest

from bot.engine.requests import Declined
from bot.store import ServerSettings, Store
from tests.bot.conftest import StubEngine, make_bot

pytestmark = pytest.mark.asyncio


@pytest.fixture
def place(simcord_env):
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("talk")
    managers = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    ann = guild.add_member(simcord_env.create_user("ann"))
    boss = guild.add_member(simcord_env.create_user("boss"), roles=[managers])
    return guild, channel, ann, boss


async def test_lyrics_takes_every_option(place, engine: StubEngine) -> None:
    _, channel, ann, _ = place
    result = await ann.slash(
        channel, "lyrics", temp=0.7, seed="Kiss me", mood="sad", style="ballad", lines=2, private=True,
        picture=("a.png", b"x"),
    )  # fmt: skip
    assert result.ephemeral
    assert result.response.content.startswith("Line 1 of a song\nLine 2 of a song\n-# picture")
    asked = engine.asked[0].generation
    assert (asked.sampling.temperature, asked.prompt, asked.mood, asked.style, asked.lines) == (
        0.7, "kiss me", "sad", "ballad", 2,
    )  # fmt: skip
    assert len(engine.pictures[0]) == 1


async def test_the_mood_can_be_the_pictures(simcord_env, place, store: Store, engine: StubEngine) -> None:
    _, channel, ann, _ = place
    song = await ann.slash(channel, "lyrics", mood="picture", picture=("a.png", b"x"))
    assert engine.asked[0].generation.mood == "picture"
    assert (await store.export_user(ann.id))["outputs"][0]["mood"] == "dreamy"
    await ann.click(song.response, label="Another one")
    assert engine.asked[1].generation.mood == "dreamy"
    await ann.slash(channel, "lyrics", mood="none", picture=("a.png", b"x"))
    assert engine.asked.pop().generation.mood == "none"
    refused = await ann.slash(channel, "lyrics", mood="picture")
    assert simcord_env.errors
    assert "no picture whose mood" in refused.followups[0].content
    assert len(engine.asked) == 2


async def test_lyrics_alone_uses_the_servers_settings(place, store: Store, engine: StubEngine) -> None:
    guild, channel, ann, _ = place
    await store.change_settings(guild.id, lambda _: ServerSettings(temperature=0.9, reactions=("❤️", "💩")))
    result = await ann.slash(channel, "lyrics")
    assert engine.asked[0].generation.sampling.temperature == 0.9
    assert [str(one.emoji) for one in channel.last_message.reactions] == ["❤️", "💩"]
    assert result.response.flags.ephemeral is False


async def test_seed_starts_the_song_and_is_completed(place, engine: StubEngine) -> None:
    _, channel, ann, _ = place
    choices = await ann.autocomplete(channel, "seed", "words", "ki")
    assert [choice["value"] for choice in choices] == ["king", "kiss", "kind"]
    phrase = await ann.autocomplete(channel, "seed", "words", "my kis")
    assert [choice["value"] for choice in phrase] == ["my kiss"]
    assert len(await ann.autocomplete(channel, "seed", "words", "a" * 96 + " ki")) == 0
    await ann.slash(channel, "seed", words="kiss")
    assert engine.asked[0].generation.prompt == "kiss"


@pytest.mark.parametrize(
    ("prompt", "sung", "said"),
    [
        ("I 💔 you", "i you", "I cannot write 💔"),
        ("love you 3000 ❤️❤️", "love you", "I cannot write 3000 ❤️❤️"),
        ("I <:kek:123456789012345678> you", "i you", "I cannot write :kek:"),
        ("“Kiss me” (é)", "kiss me e", None),
    ],
)
async def test_signs_that_it_cannot_write_are_named(
    place, engine: StubEngine, prompt: str, sung: str, said: str | None
) -> None:
    _, channel, ann, _ = place
    for command in ({"command": "seed", "words": prompt}, {"command": "lyrics", "seed": prompt}):
        name = command.pop("command")
        result = await ann.slash(channel, name, **command)
        quiet = result.response.content.splitlines()[-1]
        assert quiet.count("I cannot write") == (said is not None)
        assert said is None or f" · {said} · " in quiet.replace("\u200b", "")
        assert engine.asked[-1].generation.prompt == sung


@pytest.mark.parametrize("prompt", ["✨✨", "...", "1234", "<:kek:123456789012345678>"])
async def test_a_seed_without_letters_is_refused_kindly(simcord_env, place, prompt: str) -> None:
    _, channel, ann, _ = place
    result = await ann.slash(channel, "seed", words=prompt)
    assert simcord_env.errors
    assert "Latin letters" in result.followups[0].content
    assert result.followups[0].ephemeral


@pytest.mark.parametrize("prompt", ["you Bástard", "you b4st4rd", "b a s t a r d"])
async def test_rude_seeds_are_declined(simcord_env, place, engine: StubEngine, prompt: str) -> None:
    _, channel, ann, _ = place
    result = await ann.slash(channel, "seed", words=prompt)
    assert isinstance(simcord_env.errors[0].original, Declined)
    assert "another word" in result.followups[0].content
    assert engine.asked == []


async def test_the_context_menu_reads_the_messages_pictures(simcord_env, place, engine: StubEngine) -> None:
    _, channel, ann, _ = place
    posted = await ann.send(channel, attachments=[("a.png", b"x")])
    result = await ann.context_menu(channel, "Write lyrics", posted)
    assert result.response.content.startswith("Line 1")
    plain = await ann.send(channel, "no picture here")
    result = await ann.context_menu(channel, "Write lyrics", plain)
    assert simcord_env.errors
    assert "no picture" in result.followups[0].content
    assert len(engine.asked) == 1


async def test_cooldowns_say_when_and_refund(simcord_env, place, store: Store, engine: StubEngine) -> None:
    guild, channel, ann, _ = place
    await store.change_settings(guild.id, lambda _: ServerSettings(cooldown=60))
    engine.failure = Declined("No.")
    await ann.slash(channel, "lyrics")
    engine.failure = None
    # What failed on our side cost nothing.
    assert (await ann.slash(channel, "lyrics")).response.content.startswith("Line 1")
    result = await ann.slash(channel, "lyrics")
    assert simcord_env.errors
    stamp = int(result.followups[0].content.split("<t:")[1].split(":")[0])
    assert 50 < stamp - time.time() < 70
    assert len(engine.asked) == 2


async def test_settings_are_for_managers(simcord_env, place, store: Store) -> None:
    guild, channel, ann, boss = place
    result = await boss.slash(channel, "settings channel", channel=channel)
    assert f"<#{channel.id}>" in result.response.content
    assert result.ephemeral
    await boss.slash(channel, "settings temperature", value=0.8)
    await boss.slash(channel, "settings cooldown", seconds=30)
    await boss.slash(channel, "settings reactions", good="❤️", bad="<:no:123456789012345678>")
    await boss.slash(channel, "settings ratings", on=False)
    assert await store.settings(guild.id) == ServerSettings(
        (channel.id,), 0.8, 30.0, ("❤️", "<:no:123456789012345678>"), False
    )
    await boss.slash(channel, "settings channel", channel=channel, on=False)
    assert (await store.settings(guild.id)).channels == ()
    refused = await boss.slash(channel, "settings reactions", good="hello", bad="👎")
    assert simcord_env.errors
    assert "not an emoji" in refused.response.content
    with pytest.raises(Exception, match="settings"):
        await ann.slash(channel, "settings show")


async def test_privacy_shows_exports_deletes(simcord_env, place, store: Store, engine: StubEngine) -> None:
    _, channel, ann, _ = place
    await ann.slash(channel, "lyrics")
    shown = await ann.slash(channel, "privacy show")
    assert "1 output, 1 quota, 1 job." in shown.response.content
    exported = await ann.slash(channel, "privacy export")
    assert exported.ephemeral
    [file] = exported.response.attachments
    assert json.loads(await file.read())["outputs"][0]["random_seed"] == engine.asked[0].generation.seed
    await ann.slash(channel, "privacy delete")
    assert (await store.export_user(ann.id))["outputs"] == []
    await ann.slash(channel, "privacy opt-out")
    refused = await ann.slash(channel, "lyrics")
    assert simcord_env.errors
    assert "opted out" in refused.followups[0].content
    await ann.slash(channel, "privacy opt-in")
    assert (await ann.slash(channel, "lyrics")).response.content.startswith("Line 1")


async def test_people_who_opted_out_leave_no_trace(
    simcord_env, place, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    _, channel, ann, _ = place
    await store.set_opted_out(ann.id, True)
    caplog.set_level("INFO")
    refused = await ann.slash(channel, "lyrics")
    assert simcord_env.errors
    assert "opted out" in refused.followups[0].content
    assert (await store.export_user(ann.id))["jobs"] == []
    assert str(ann.id) not in "".join(one.getMessage() for one in caplog.records if one.name[:3] == "bot")


async def test_about_and_stats(place, store: Store) -> None:
    _, channel, ann, boss = place
    assert "Neural Songwriter" in (await ann.slash(channel, "about")).response.content
    await ann.slash(channel, "lyrics")
    await boss.react(channel.last_message, "👍")
    stats = await ann.slash(channel, "stats")
    assert stats.response.content == "Here: 1 song · 👍 1\nIn all: 1 song · 👍 1"


async def test_stats_in_a_direct_message_show_nobody_elses(simcord_env, place) -> None:
    _, channel, ann, _ = place
    await ann.slash(channel, "lyrics")
    stats = await simcord_env.create_user("dora").slash("stats")
    assert stats.response.content == "In all: 1 song"


async def test_asking_for_everything_again_and_again_has_to_wait(simcord_env, place) -> None:
    guild, channel, _, _ = place
    # Somebody whose id no other test has: the clock stands still here, and so do cooldowns.
    *_, bob = [guild.add_member(simcord_env.create_user(f"bob {number}")) for number in range(20)]
    for _ in range(3):
        assert "I keep" in (await bob.slash(channel, "privacy export")).response.content
    refused = await bob.slash(channel, "privacy export")
    assert simcord_env.errors
    assert "Not so fast" in refused.response.content
    assert refused.ephemeral


async def test_commands_are_registered_only_when_they_changed(simcord_env, store: Store) -> None:
    def synced() -> int:
        return sum(entry.method == "PUT" for entry in simcord_env.http_requests)

    before = synced()
    assert before == 1
    assert not await simcord_env.bot.sync_if_changed()
    assert synced() == before
    await store.put("command_tree", "another")
    assert await simcord_env.bot.sync_if_changed()
    assert synced() == before + 1


async def test_a_servers_own_commands_are_registered_only_when_they_changed(
    simcord_env, place, store: Store, engine: StubEngine, config
) -> None:
    guild, *_ = place
    discord_table = config.discord.model_copy(update={"dev_guild": guild.id})
    for _ in range(2):
        await simcord_env.restart_bot(
            make_bot(store, engine, config.model_copy(update={"discord": discord_table}))
        )
    put = [entry.path for entry in simcord_env.http_requests if entry.method == "PUT"]
    assert len([path for path in put if f"/guilds/{guild.id}/" in path]) == 1
