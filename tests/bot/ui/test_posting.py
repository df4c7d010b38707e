"""What people see when they post pictures and press buttons."""

from __future__ import annotations

import discord
import pytest

from bot.engine.requests import BadPicture, Declined, TooSlow, WorkerFailed
from bot.store import ServerSettings, Store
from tests.bot.conftest import StubEngine

pytestmark = pytest.mark.asyncio

PNG = ("photo.png", b"\x89PNG\r\n\x1a\n")


@pytest.fixture
def place(simcord_env, store):
    """An opted-in channel, another one, and somebody who posts."""
    guild = simcord_env.create_guild()
    channel, other = guild.create_text_channel("pictures"), guild.create_text_channel("talk")
    return guild, channel, other, guild.add_member(simcord_env.create_user("ann"))


async def opt_in(store: Store, guild, channel, **more) -> None:
    await store.change_settings(guild.id, lambda _: ServerSettings(channels=(channel.id,), **more))


async def test_a_picture_gets_a_stanza(simcord_env, place, store: Store, engine: StubEngine) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    posted = await ann.send(channel, attachments=[PNG])
    reply = channel.last_message
    assert reply.reference.message_id == posted.id
    assert reply.content.startswith("Line 1 of a song\nLine 2 of a song\n")
    assert reply.content.splitlines()[-1].startswith("-# picture ")
    assert "temperature 0.4" in reply.content
    assert [str(one.emoji) for one in reply.reactions] == ["👍", "👎"]
    assert reply.mentions == []
    labels = [button.label for row in reply.components for button in row.children]
    assert labels == ["Another one", "Warmer", "Cooler", "Rewrite a line", "Why this one?", "Delete"]
    assert [len(row.children) for row in reply.components] == [3, 3]
    assert engine.asked[0].user == ann.id
    (job,) = (await store.export_user(ann.id))["jobs"]
    assert set(job["seconds"]) == {"fetch", "write", "reply", "all"}


async def test_only_opted_in_channels(place, store: Store, engine: StubEngine) -> None:
    guild, channel, other, ann = place
    await opt_in(store, guild, channel)
    await ann.send(other, attachments=[PNG])
    await ann.send(channel, "no picture")
    await ann.send(channel, "a file", attachments=[("notes.txt", b"hello")])
    assert engine.asked == []


async def test_several_pictures_get_one_reply(simcord_env, place, store: Store, engine: StubEngine) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    await ann.send(channel, attachments=[(f"{n}.png", b"x") for n in range(6)])
    assert len(engine.asked) == 1
    assert len(engine.pictures[0]) == 4


async def test_edits_do_not_trigger_again(place, store: Store, engine: StubEngine) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    posted = await ann.send(channel, "first", attachments=[PNG])
    await ann.edit(posted, "second")
    assert len(engine.asked) == 1


async def test_people_who_opted_out_are_ignored(place, store: Store, engine: StubEngine) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    await store.set_opted_out(ann.id, True)
    await ann.send(channel, attachments=[PNG])
    assert engine.asked == []


async def test_a_mention_works_everywhere(simcord_env, place, engine: StubEngine) -> None:
    _, _, other, ann = place
    picture = await ann.send(other, attachments=[PNG])
    assert engine.asked == []
    await ann.send(other, f"<@{simcord_env.bot.user.id}> sing", reply_to=picture)
    assert len(engine.asked) == 1
    assert other.last_message.content.startswith("Line 1")


async def test_a_picture_of_somebody_who_opted_out_is_left_alone(
    simcord_env, place, store: Store, engine: StubEngine
) -> None:
    guild, _, other, ann = place
    bob = guild.add_member(simcord_env.create_user("bob"))
    picture = await bob.send(other, attachments=[PNG])
    await store.set_opted_out(bob.id, True)
    await ann.send(other, f"<@{simcord_env.bot.user.id}> sing", reply_to=picture)
    refused = await ann.context_menu(other, "Write lyrics", picture)
    assert simcord_env.errors
    assert refused.followups[0].ephemeral
    assert "left alone" in refused.followups[0].content
    assert engine.asked == []


@pytest.mark.parametrize("label", ["Another one", "Warmer", "Cooler"])
async def test_buttons_under_a_picture_of_somebody_who_opted_out_decline(
    simcord_env, place, store: Store, engine: StubEngine, label: str
) -> None:
    guild, channel, other, ann = place
    await opt_in(store, guild, channel)
    bob = guild.add_member(simcord_env.create_user("bob"))
    await ann.send(channel, attachments=[PNG])
    replies = [channel.last_message]
    picture = await ann.send(other, attachments=[PNG])
    await bob.send(other, f"<@{simcord_env.bot.user.id}> sing", reply_to=picture)
    replies.append(other.last_message)
    replies.append((await bob.context_menu(other, "Write lyrics", picture)).response)
    # Of one that was written by a button, too.
    replies.append((await bob.click(replies[0], label=label)).response)
    written = len(engine.asked)
    assert written == 4
    await store.set_opted_out(ann.id, True)
    for reply in replies:
        refused = await bob.click(reply, label=label)
        assert refused.response is None
        assert [one.ephemeral for one in refused.followups] == [True]
        assert "left alone" in refused.followups[0].content
    assert len(engine.asked) == written
    await store.set_opted_out(ann.id, False)
    assert (await bob.click(replies[2], label=label)).response.content.startswith("Line 1")


async def test_failures_are_one_sentence(place, store: Store, engine: StubEngine) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    for failure in (BadPicture("That is no picture."), Declined("No."), TooSlow("Too slow.")):
        engine.failure = failure
        await ann.send(channel, attachments=[PNG])
        assert channel.last_message.content == str(failure)


async def test_ratings_can_be_off(place, store: Store) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel, ratings=False)
    await ann.send(channel, attachments=[PNG])
    assert channel.last_message.reactions == []


async def test_reactions_rate_once_a_person(simcord_env, place, store: Store) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    await ann.send(channel, attachments=[PNG])
    reply = channel.last_message
    bob = guild.add_member(simcord_env.create_user("bob"))
    await bob.react(reply, "👍")
    await bob.react(reply, "👎")
    assert (await store.stats(guild.id)).here.ratings == {"👎": 1}
    await bob.unreact(reply, "👎")
    assert (await store.stats(guild.id)).here.ratings == {"👍": 1}
    await bob.react(reply, "🎉")
    await ann.react(reply, "👍")
    assert (await store.stats(guild.id)).here.ratings == {"👍": 1}


async def test_another_one_keeps_the_picture_and_changes_the_song(
    place, store: Store, engine: StubEngine
) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    await ann.send(channel, attachments=[PNG])
    first = channel.last_message
    for label, temperature in (("Another one", 0.4), ("Warmer", 0.55), ("Cooler", 0.25)):
        result = await ann.click(first, label=label)
        assert result.response.content.startswith("Line 1")
        assert engine.asked[-1].caption is not None
        assert engine.pictures[-1] == ()
        assert engine.asked[-1].generation.sampling.temperature == pytest.approx(temperature)
    outputs = (await store.export_user(ann.id))["outputs"]
    assert {output["captioner"] for output in outputs} == {"eye"}
    assert len({one.generation.seed for one in engine.asked}) == len(engine.asked)


async def test_who_asked_and_moderators_may_delete(simcord_env, place, store: Store) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    await ann.send(channel, attachments=[PNG])
    reply = channel.last_message
    bob = guild.add_member(simcord_env.create_user("bob"))
    refused = await bob.click(reply, label="Delete")
    assert refused.followups[0].ephemeral
    assert "Only who asked" in refused.followups[0].content
    await ann.click(reply, label="Delete")
    assert reply.id not in {message.id for message in channel.history()}
    assert await store.output_of_message(reply.id) is None


@pytest.mark.parametrize("by", ["picture", "command"])
async def test_who_asked_may_delete_what_nothing_is_kept_of(
    simcord_env, place, store: Store, by: str
) -> None:
    guild, channel, _, ann = place
    await opt_in(store, guild, channel)
    if by == "picture":
        await ann.send(channel, attachments=[PNG])
    else:
        await ann.slash(channel, "lyrics")
    reply = channel.last_message
    await store.delete_user(ann.id)
    bob = guild.add_member(simcord_env.create_user("bob"))
    refused = await bob.click(reply, label="Delete")
    assert "Only who asked" in refused.followups[0].content
    await ann.click(reply, label="Delete")
    assert reply.id not in {message.id for message in channel.history()}


async def test_our_own_failures_name_a_reference(
    simcord_env, place, store: Store, engine: StubEngine
) -> None:
    _, channel, _, ann = place
    engine.failure = WorkerFailed("Something broke while the stanza was written: try again.")
    result = await ann.slash(channel, "lyrics")
    assert result.response is None
    assert simcord_env.errors
    assert result.followups[0].ephemeral
    assert "try again" in result.followups[0].content


@pytest.mark.parametrize("missing", ["send_messages", "read_message_history"])
async def test_missing_permission_means_silence(
    simcord_env, place, store: Store, engine: StubEngine, missing: str
) -> None:
    guild, _, _, ann = place
    me = simcord_env.bot.get_guild(guild.id).me
    silent = guild.create_text_channel(
        "silent", overwrites={me: discord.PermissionOverwrite(**{missing: False})}
    )
    await opt_in(store, guild, silent)
    await ann.send(silent, attachments=[PNG])
    assert engine.asked == []
