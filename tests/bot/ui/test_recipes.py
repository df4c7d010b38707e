"""Why this one, the same one again, and the same one with another line: what people see of recipes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from bot.config import MAX_TEMPERATURE
from bot.engine.requests import Unrepeatable
from bot.request_factory import read_recipe
from bot.store import ServerSettings, Store
from bot.ui.panel import panel
from bot.ui.refusals import Refusal
from bot.ui.replies import MAX_MESSAGE
from model.conditioning import CANDIDATES
from model.explanation import Explanation, Placed, Rival
from model.recipe import LONGEST_RECIPE, Recipe
from model.request import MAX_REWRITTEN, GenerationRequest
from model.sampling import Sampling
from tests.bot.conftest import StubEngine, make_bot
from tests.bot.songs import GENERATOR

pytestmark = pytest.mark.asyncio

PNG = ("photo.png", b"\x89PNG\r\n\x1a\n")


@pytest.fixture
def place(simcord_env):
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("pictures")
    people = [guild.add_member(simcord_env.create_user(name)) for name in ("ann", "bob")]
    return guild, channel, *people


async def posted(store: Store, guild: Any, channel: Any, person: Any) -> Any:
    """A song about a person's picture."""
    await store.change_settings(guild.id, lambda _: ServerSettings(channels=(channel.id,)))
    await person.send(channel, attachments=[PNG])
    return channel.last_message


def number_of(message: Any) -> str:
    """What stands at the end of a song."""
    return re.findall("`([^`]+)`$", message.content)[0]


def lines_of(message: Any) -> list[str]:
    return message.content.splitlines()[:-1]


async def test_the_number_under_a_song_writes_it_again(place, store: Store, engine: StubEngine) -> None:
    guild, channel, ann, bob = place
    song = await posted(store, guild, channel, ann)
    result = await bob.slash(channel, "replay", recipe=number_of(song))
    assert lines_of(result.response) == lines_of(song)
    # It is a song of its own, about the same picture.
    assert number_of(result.response) != number_of(song)
    assert (
        result.response.content.splitlines()[-1].split(" · ")[:-1]
        == (song.content.splitlines()[-1].split(" · ")[:-1])
    )
    kept = await store.output(number_of(song))
    assert kept is not None
    assert engine.asked[-1].recipe == Recipe.parse(kept.recipe or "")
    again = await store.output(number_of(result.response))
    assert again is not None
    assert (again.user, again.author, again.recipe) == (bob.id, ann.id, kept.recipe)


async def test_a_recipe_from_elsewhere_is_written_by_the_rules_of_this_place(
    place, engine: StubEngine
) -> None:
    _, channel, ann, _ = place
    recipe = Recipe.of(("sea",), GenerationRequest(Sampling(0.9), seed=5, scheme="ABAB"), GENERATOR, "torch")
    result = await ann.slash(channel, "replay", recipe=f"`{recipe.text}`", private=True)
    assert result.ephemeral
    asked = engine.asked[-1]
    wanted = asked.generation
    assert (asked.recipe, wanted.seed, wanted.sampling.temperature, wanted.scheme) == (recipe, 5, 0.9, "ABAB")
    assert "arse" in wanted.forbidden
    # It was written without a word filter, and here is one.
    assert "temperature 0.9 · another word filter · `" in result.response.content


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("Zk3_-dA9xQ2b", "I know no such song"),
        ("never gonna give you up, never", "not a recipe"),
        (
            Recipe.of((), GenerationRequest(Sampling(1.5)), GENERATOR, "torch").text,
            "I go up to temperature 1.2",
        ),
        (Recipe.of((), GenerationRequest(candidates=256), GENERATOR, "torch").text, "takes too long"),
    ],
    ids=["unknown", "no recipe", "too wild", "too much"],
)
async def test_what_cannot_be_replayed_is_said(
    simcord_env, place, engine: StubEngine, recipe: str, said: str
) -> None:
    _, channel, ann, _ = place
    result = await ann.slash(channel, "replay", recipe=recipe)
    assert simcord_env.errors
    assert result.followups[0].ephemeral
    assert said in result.followups[0].content
    assert engine.asked == []


async def test_a_song_from_before_there_were_recipes(simcord_env, place, store: Store) -> None:
    guild, channel, ann, _ = place
    song = await posted(store, guild, channel, ann)
    await store._change("UPDATE outputs SET recipe = NULL")
    for label in ("Why this one?", "Rewrite a line"):
        refused = await ann.click(song, label=label)
        assert refused.ephemeral
        assert "from before I kept recipes" in refused.response.content
    refused = await ann.slash(channel, "replay", recipe=number_of(song))
    assert simcord_env.errors
    assert "from before I kept recipes" in refused.followups[0].content
    assert (await ann.click(song, label="Another one")).response.content.startswith("Line 1")


async def test_why_is_for_whoever_asks_and_stores_nothing(place, store: Store, engine: StubEngine) -> None:
    guild, channel, ann, bob = place
    song = await posted(store, guild, channel, ann)
    before = await store.stats(guild.id)
    result = await bob.click(song, label="Why this one?")
    assert result.ephemeral
    text = result.response.content
    kept = await store.output(number_of(song))
    assert kept is not None
    for said in (
        kept.caption,
        "song (lines 1 and 2)",
        "AB (",
        "fewer than 24 characters",
        "-0.50",
        "likelihood -0.90",
        kept.recipe,
    ):
        assert str(said) in text
    assert engine.asked[-1].explain
    assert await store.stats(guild.id) == before
    (job,) = (await store.export_user(bob.id))["jobs"]
    assert (job["kind"], job["status"]) == ("why", "done")
    # Whoever takes the recipe along gets the same song.
    again = await bob.slash(channel, "replay", recipe=str(kept.recipe))
    assert lines_of(again.response) == lines_of(song)


async def test_a_reason_is_never_made_up(place, store: Store, engine: StubEngine) -> None:
    guild, channel, ann, _ = place
    song = await posted(store, guild, channel, ann)
    await store._change("UPDATE outputs SET lines = ?", '["What it was then"]')
    refused = await ann.click(song, label="Why this one?")
    assert refused.ephemeral
    assert "I would write that song differently today" in refused.response.content
    engine.failure = Unrepeatable("That stanza was made by other models.")
    refused = await ann.click(song, label="Why this one?")
    assert refused.response.content == "That stanza was made by other models."


async def test_a_line_is_chosen_and_written_anew(place, store: Store, engine: StubEngine) -> None:
    guild, channel, ann, bob = place
    song = await posted(store, guild, channel, ann)
    offered = await bob.click(song, label="Rewrite a line")
    assert offered.ephemeral
    [menu] = offered.response.components[0]["components"]
    assert [option["label"] for option in menu["options"]] == [
        f"{n}. Line {n} of a song" for n in range(1, 5)
    ]
    result = await bob.select(offered.response, ["3"])
    assert not result.ephemeral
    one, two, three, four = lines_of(result.response)
    assert (one, two, four) == ("Line 1 of a song", "Line 2 of a song", "Line 4 of a song")
    assert three.startswith("Line 3 anew by")
    assert number_of(result.response) != number_of(song)
    # A line of the new song can be written anew as well; the menu of the old one still works.
    offered_again = await ann.click(result.response, label="Rewrite a line")
    twice = lines_of((await ann.select(offered_again.response, ["1"])).response)
    assert twice[2] == three
    assert twice[0].startswith("Line 1 anew by")
    other = lines_of((await bob.select(offered.response, ["3"])).response)
    assert other[2] not in ("Line 3 of a song", three)
    again = await bob.click(result.response, label="Another one")
    assert lines_of(again.response)[2] == "Line 3 of a song"


async def test_a_song_rewritten_as_often_as_may_be_says_so(place, engine: StubEngine) -> None:
    _, channel, ann, _ = place
    recipe = Recipe.of(
        ("sea",), GenerationRequest(rewritten=((1, 1),) * (MAX_REWRITTEN - 1)), GENERATOR, "torch"
    )
    song = (await ann.slash(channel, "replay", recipe=recipe.text)).response
    offered = await ann.click(song, label="Rewrite a line")
    last = await ann.select(offered.response, ["2"])
    assert lines_of(last.response)[1].startswith("Line 2 anew by")
    written = len(engine.asked)
    refused = await ann.click(last.response, label="Rewrite a line")
    assert refused.ephemeral
    said = f"A stanza can have a line rewritten {MAX_REWRITTEN} times in all: start from another one."
    assert refused.response.content == said
    assert refused.response.components == []
    assert len(engine.asked) == written


async def test_a_private_songs_new_line_is_private(place) -> None:
    _, channel, ann, _ = place
    song = (await ann.slash(channel, "lyrics", private=True)).response
    offered = await ann.click(song, label="Rewrite a line")
    assert (await ann.select(offered.response, ["1"])).ephemeral


async def test_another_one_keeps_scheme_and_syllables(place, engine: StubEngine) -> None:
    _, channel, ann, _ = place
    song = (await ann.slash(channel, "lyrics", scheme="ABBA", syllables=9)).response
    assert (engine.asked[-1].generation.scheme, engine.asked[-1].generation.syllables) == ("ABBA", 9)
    await ann.click(song, label="Warmer")
    assert (engine.asked[-1].generation.scheme, engine.asked[-1].generation.syllables) == ("ABBA", 9)


@pytest.mark.parametrize("who", ["the person", "whose picture it is"])
async def test_people_who_opted_out_are_left_alone(
    simcord_env, place, store: Store, engine: StubEngine, who: str
) -> None:
    guild, channel, ann, bob = place
    song = await posted(store, guild, channel, ann)
    offered = (await bob.click(song, label="Rewrite a line")).response
    written = len(engine.asked)
    await store.set_opted_out(bob.id if who == "the person" else ann.id, True)
    said = "opted out" if who == "the person" else "left alone"
    for label in ("Why this one?", "Rewrite a line"):
        refused = await bob.click(song, label=label)
        assert refused.ephemeral
        assert said in refused.response.content
    for refused in (
        await bob.select(offered, ["2"]),
        await bob.slash(channel, "replay", recipe=number_of(song)),
    ):
        assert said in refused.followups[0].content
        assert refused.followups[0].ephemeral
    assert simcord_env.errors
    assert len(engine.asked) == written


async def test_buttons_and_menus_outlive_a_restart_and_what_they_are_about(
    simcord_env, place, store: Store, engine: StubEngine, config
) -> None:
    guild, channel, ann, bob = place
    song = await posted(store, guild, channel, ann)
    offered = (await bob.click(song, label="Rewrite a line")).response
    await simcord_env.restart_bot(make_bot(store, engine, config))
    assert (await bob.select(offered, ["2"])).response.content.startswith("Line 1 of a song\nLine 2 anew")
    assert "-0.50" in (await bob.click(song, label="Why this one?")).response.content
    await store.delete_user(ann.id)
    refused = [await bob.click(song, label=label) for label in ("Why this one?", "Rewrite a line")]
    assert {one.response.content for one in refused} == {
        "That song is too old: I no longer have what it was made of."
    }
    assert "too old" in (await bob.select(offered, ["2"])).followups[0].content


async def test_a_recipe_is_of_its_owner(place, store: Store) -> None:
    guild, channel, ann, _ = place
    await posted(store, guild, channel, ann)
    (row,) = (await store.export_user(ann.id))["outputs"]
    assert Recipe.parse(row["recipe"]).keywords == ("song",)
    await store.delete_user(ann.id)
    assert (await store.export_user(ann.id))["outputs"] == []


async def test_a_panel_fits_into_a_message_and_harms_nobody() -> None:
    nasty = "@everyone **[a](https://example.org)**"
    rivals = tuple(Rival((nasty * 20,) * 4, -1.0, {"likelihood": -1.0}) for _ in range(5))
    why = Explanation(
        (Placed("wheel", ("skateboard",), (2,)), Placed("sun", (), ())),
        None,
        "ABCB",
        (8,) * 4,
        None,
        rivals,
        40,
    )
    text = panel(nasty * 40, "0" * LONGEST_RECIPE, why)
    assert len(text) <= MAX_MESSAGE
    assert f"`{'0' * LONGEST_RECIPE}`\n**Chosen**" in text
    assert "wheel, for skateboard (line 2), sun (in no line)" in text
    for alive in ("@everyone", "https://", "](h"):
        assert alive not in text
    short = panel(None, "0", replace(why, rivals=(Rival(("a b",), -0.5, {"likelihood": -0.5, "form": 0.0}),)))
    assert "I saw" not in short
    assert short.endswith("- -0.50 a b\n-# likelihood -0.50")


@pytest.mark.parametrize(
    ("most", "more", "said"),
    [
        (
            GenerationRequest(Sampling(MAX_TEMPERATURE)),
            GenerationRequest(Sampling(MAX_TEMPERATURE + 0.01)),
            "too wild",
        ),
        (
            GenerationRequest(candidates=CANDIDATES),
            GenerationRequest(candidates=CANDIDATES + 1),
            f"draw {CANDIDATES} stanzas at the most",
        ),
    ],
)
async def test_what_people_may_ask_for_here_bounds_a_recipe(
    most: GenerationRequest, more: GenerationRequest, said: str
) -> None:
    fine = Recipe.of((), most, GENERATOR, "torch")
    assert read_recipe(fine.text) == fine
    with pytest.raises(Refusal, match=said):
        read_recipe(Recipe.of((), more, GENERATOR, "torch").text)
