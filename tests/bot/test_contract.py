"""What holds for everything that people can use: each command, the context menu, each button."""

from __future__ import annotations

import gettext
import itertools
import logging
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import discord
import pytest
import pytest_asyncio
from discord import app_commands

from bot.client import SongwriterBot
from bot.engine.requests import Broken
from bot.engine.sentences import BROKEN
from bot.language import Language, Translator
from bot.store import ServerSettings, Store
from bot.store.executor import SqliteExecutor
from bot.ui.buttons import buttons
from bot.ui.refusals import Refusal
from model.recipe import LONGEST_RECIPE
from tests.bot.conftest import StubEngine
from tests.conftest import ROOT

pytestmark = pytest.mark.asyncio

PNG = ("photo.png", b"\x89PNG\r\n\x1a\n")
# How each is used; a channel is filled in for "here", and a song's number for "song".
COMMANDS: dict[str, dict[str, Any]] = {
    "lyrics": {},
    "seed": {"words": "kiss"},
    "replay": {"recipe": "song"},
    "about": {},
    "help": {},
    "stats": {},
    "privacy show": {},
    "privacy export": {},
    "privacy delete": {},
    "privacy opt-out": {},
    "privacy opt-in": {},
    "settings show": {},
    "settings channel": {"channel": "here"},
    "settings temperature": {"value": 0.5},
    "settings cooldown": {"seconds": 5},
    "settings reactions": {"good": "❤️", "bad": "💩"},
    "settings ratings": {"on": True},
    "settings spoilers": {"rule": "skip"},
    "settings age-restricted": {"on": True},
    "settings proxies": {"on": True},
    "settings answer": {"when": "always"},
    "settings role": {"role": "role", "may": "may"},
    "settings mood": {"mood": "sad"},
    "settings style": {"style": "hymn"},
    "settings lines": {"number": 2},
    "settings scheme": {"scheme": "ABAB"},
    "settings word": {"word": "sausage"},
    "settings threads": {"on": False},
    "settings quiet-line": {"on": True},
    "settings buttons": {"who": "everybody"},
    "settings quota": {"songs": 50},
    "settings export": {},
    "settings delete": {"sure": True},
}
MENUS = ["Write lyrics"]
BUTTONS = ["Another one", "Warmer", "Cooler", "Rewrite a line", "Why this one?", "Delete"]
# What a button offers to choose from.
CHOICES = ["Which line?"]
COMPONENTS = [*BUTTONS, *CHOICES]
EVERYTHING = [*COMMANDS, *MENUS, *COMPONENTS]
WRITES = ["Write lyrics", "Another one", "Warmer", "Cooler", "Why this one?", "Which line?"]
SONGS = {"lyrics", "seed", "replay", *WRITES}
UNLIMITED = {"Delete": "a song can be deleted only once, by who asked for it or a moderator"}

# Discord's limits: https://discord.com/developers/docs/interactions/application-commands
NAME = re.compile(r"[-_\w]{1,32}")
LONGEST_DESCRIPTION = 100
MOST_OPTIONS = MOST_CHOICES = 25
LONGEST_COMMAND = 8000

# "a" becomes "ａ".
FOREIGN = {ord(one): ord(one) + 0xFEE0 for one in string.ascii_letters}

# Cooldowns outlive a test, and everywhere else the clock stands still and ids repeat.
_strangers = itertools.count(40)


@dataclass
class Scene:
    """Somebody who may do everything, in a channel with a song about Ann's picture."""

    env: Any
    channel: Any
    person: Any
    picture: Any
    song: Any
    role: Any = None
    offered: Any = None

    async def reach(self, name: str) -> None:
        """Go where it is: a choice has to be offered first."""
        if name in CHOICES:
            self.offered = (await self.person.click(self.song, label="Rewrite a line")).response

    async def use(self, name: str) -> Any:
        if name in CHOICES:
            return await self.person.select(self.offered, ["1"])
        if name in BUTTONS:
            return await self.person.click(self.song, label=name)
        if name in MENUS:
            return await self.person.context_menu(self.channel, name, self.picture)
        known = {"here": self.channel, "song": self.song.content.split("`")[-2], "role": self.role}
        options = {key: known.get(value, value) for key, value in COMMANDS[name].items()}
        return await self.person.slash(self.channel, name, **options)

    async def said(self, name: str) -> list[tuple[str, bool]]:
        """Use it: all new texts that it leaves behind, and whether only the person sees them."""
        result = await self.use(name)
        response = result.response
        # What a press on "Delete" answers to is the song itself.
        found = [(response.content, result.ephemeral)] if response and response.id != self.song.id else []
        return found + [(one.content, one.ephemeral) for one in result.followups]

    def acknowledgements(self) -> int:
        return sum(one.path.endswith("/callback") for one in self.env.http_requests)


@pytest_asyncio.fixture
async def scene(simcord_env: Any, store: Store) -> Scene:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("pictures")
    rights = discord.Permissions(manage_guild=True, manage_messages=True)
    boss = guild.create_role("Bosses", permissions=rights)
    await store.change_settings(guild.id, lambda _: ServerSettings(channels=(channel.id,)))
    ann = guild.add_member(simcord_env.create_user("ann"))
    picture = await ann.send(channel, attachments=[PNG])
    *_, stranger = [simcord_env.create_user(f"stranger {number}") for number in range(next(_strangers))]
    person = guild.add_member(stranger, roles=[boss])
    return Scene(simcord_env, channel, person, picture, channel.last_message, boss)


def leaves(bot: SongwriterBot) -> Iterator[app_commands.Command | app_commands.ContextMenu]:
    """Everything in the tree that can be called."""
    for command in [*bot.tree.walk_commands(), *bot.tree.get_commands(type=discord.AppCommandType.message)]:
        if not isinstance(command, app_commands.Group):
            yield command


# That nothing is left out


async def test_everything_is_here(simcord_env: Any) -> None:
    tree = simcord_env.bot.tree
    found = list(leaves(simcord_env.bot))
    assert sorted(one.qualified_name for one in found) == sorted([*COMMANDS, *MENUS])
    assert tree.get_commands(type=discord.AppCommandType.user) == []
    assert len(tree.get_commands(type=discord.AppCommandType.chat_input)) <= 100
    assert len(tree.get_commands(type=discord.AppCommandType.message)) <= 5
    assert [button.item.label for button in buttons("x").children] == BUTTONS  # type: ignore[attr-defined]
    assert set(UNLIMITED) | SONGS <= set(EVERYTHING)


# Documented


@pytest.mark.parametrize("name", EVERYTHING)
async def test_it_is_documented(name: str) -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert (f"`/{name}`" if name in COMMANDS else f"**{name}**") in text


# Within Discord's limits, and localisable


def size(payload: dict[str, Any]) -> int:
    """As Discord counts a command's characters: of each text the longest of all languages."""
    own = sum(
        max(map(len, [payload.get(key, ""), *payload.get(f"{key}_localizations", {}).values()]))
        for key in ("name", "description")
    )
    inner = [*payload.get("options", []), *payload.get("choices", [])]
    return own + len(str(payload.get("value", ""))) + sum(map(size, inner))


@pytest.mark.parametrize("name", [*COMMANDS, *MENUS])
async def test_it_is_within_discords_limits(simcord_env: Any, name: str) -> None:
    tree = simcord_env.bot.tree
    (command,) = (one for one in leaves(simcord_env.bot) if one.qualified_name == name)
    if isinstance(command, app_commands.ContextMenu):
        assert 1 <= len(command.name) <= 32
        return
    assert size((command.root_parent or command).to_dict(tree)) <= LONGEST_COMMAND
    assert len(command.parameters) <= MOST_OPTIONS
    for part in (command, *command.parameters):
        assert NAME.fullmatch(part.name)
        assert part.name == part.name.lower()
        # "…" is what discord.py writes where nothing is said.
        assert part.description != "…", part.name
        assert 1 <= len(str(part.description)) <= LONGEST_DESCRIPTION
    for option in command.parameters:
        assert len(option.choices) <= MOST_CHOICES
        kind = option.type
        if kind in (discord.AppCommandOptionType.number, discord.AppCommandOptionType.integer):
            assert option.min_value is not None
            assert option.max_value is not None
        if kind is discord.AppCommandOptionType.string:
            longest = LONGEST_RECIPE if option.name == "recipe" else 100
            assert option.choices or 0 < (option.max_value or 0) <= longest, option.name


def localised(part: dict[str, Any], locale: str) -> dict[str, Any]:
    """A command, option or choice as people with another client have it; a menu has no description."""
    texts = {key: part[f"{key}_localizations"][locale] for key in ("name", "description") if part.get(key)}
    inner = {key: [localised(one, locale) for one in part.get(key, [])] for key in ("options", "choices")}
    return {**part, **texts, **inner}


def check_side_by_side(parts: list[dict[str, Any]], longest: int, *, is_typed: bool) -> None:
    """Commands, options or choices are told apart by their names, and those that people type are plain."""
    names = [part["name"] for part in parts]
    assert len(set(names)) == len(names)
    for part in parts:
        assert 1 <= len(part["name"]) <= longest
        assert not is_typed or (NAME.fullmatch(part["name"]) and part["name"] == part["name"].lower())
        assert not is_typed or 1 <= len(part["description"]) <= LONGEST_DESCRIPTION, part["description"]
        check_side_by_side(part["options"], 32, is_typed=True)
        check_side_by_side(part["choices"], 100, is_typed=False)


@pytest.mark.parametrize("locale", ["de", "es-419", "es-ES", "fr", "pt-BR"])
async def test_all_of_it_is_localised_within_discords_limits(simcord_env: Any, locale: str) -> None:
    tree = simcord_env.bot.tree
    for kind in (discord.AppCommandType.chat_input, discord.AppCommandType.message):
        known = tree.get_commands(type=kind)
        sent = [await one.get_translated_payload(tree, Translator()) for one in known]
        is_typed = kind is discord.AppCommandType.chat_input
        check_side_by_side([localised(one, locale) for one in sent], 32, is_typed=is_typed)
        assert max(map(size, sent)) <= LONGEST_COMMAND


@pytest.mark.parametrize("name", BUTTONS)
async def test_a_button_is_within_discords_limits(name: str) -> None:
    (button,) = (one.item for one in buttons("x" * 32).children if one.item.label == name)  # type: ignore[attr-defined]
    assert len(button.label) <= 80
    assert len(button.custom_id) <= 100


# It works, and is limited


@pytest.mark.parametrize("name", EVERYTHING)
async def test_it_works_and_is_acknowledged_once(scene: Scene, name: str) -> None:
    await scene.reach(name)
    before = scene.acknowledgements()
    said = await scene.said(name)
    assert scene.acknowledgements() == before + 1
    assert len(said) == (0 if name == "Delete" else 1)


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name not in UNLIMITED])
async def test_it_is_limited(scene: Scene, store: Store, name: str) -> None:
    await store.change_settings(scene.channel.guild.id, lambda _: ServerSettings(cooldown=60))
    await scene.reach(name)
    times = 1 if name in SONGS else 3
    for _ in range(times):
        assert "ask again" not in (await scene.said(name))[0][0]
    ((text, private),) = await scene.said(name)
    assert bool(scene.env.errors) is (name not in COMPONENTS)
    assert re.search(r"ask again <t:\d+:R>\.$", text)
    assert private


# Whatever fails


def by_engine(_: pytest.MonkeyPatch, engine: StubEngine, error: Exception) -> None:
    engine.failure = error


def by_database(monkeypatch: pytest.MonkeyPatch, _: StubEngine, error: Exception) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(SqliteExecutor, "run", fail)


def by_version(monkeypatch: pytest.MonkeyPatch, _: StubEngine, error: Exception) -> None:
    def fail(_: str) -> str:
        raise error

    monkeypatch.setattr("bot.cogs.about.version", fail)


def by_list(monkeypatch: pytest.MonkeyPatch, _: StubEngine, error: Exception) -> None:
    def fail(*_: object) -> str:
        raise error

    monkeypatch.setattr("bot.cogs.about._listed", fail)


def breakage(name: str) -> Callable[[pytest.MonkeyPatch, StubEngine, Exception], None]:
    """What can fail in it."""
    if name in ("about", "help"):
        return by_version if name == "about" else by_list
    return by_engine if name in SONGS else by_database


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refusal("Not on a Sunday: ask again tomorrow."), "Not on a Sunday: ask again tomorrow."),
        (Broken(BROKEN), BROKEN),
        (KeyError("secret"), "Something went wrong on my side: if it stays so, tell the owner "),
    ],
    ids=["refusal", "engine unavailable", "unexpected"],
)
async def test_a_failure_is_one_sentence_for_the_person_alone(
    scene: Scene,
    engine: StubEngine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    error: Exception,
    expected: str,
) -> None:
    await scene.reach(name)
    before = scene.acknowledgements()
    breakage(name)(monkeypatch, engine, error)
    ((text, private),) = await scene.said(name)
    assert scene.acknowledgements() == before + 1
    assert bool(scene.env.errors) is (name not in COMPONENTS)
    assert private
    assert text.startswith(expected)
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    for word in ("Traceback", "secret", "Error", 'File "'):
        assert word not in text
    logged = [one for one in caplog.records if one.levelno >= logging.ERROR and one.name.startswith("bot.")]
    if isinstance(error, KeyError):
        # The whole story is in the log, under the number that the person was told.
        assert [one.exc_info is not None for one in logged] == [True]
    else:
        assert logged == []


async def test_the_number_that_people_are_told_is_in_the_log(
    scene: Scene, engine: StubEngine, caplog: pytest.LogCaptureFixture
) -> None:
    from bot.ops.log import request_id

    told: list[str] = []
    caplog.handler.addFilter(lambda _: told.append(request_id.get()) or True)
    engine.failure = KeyError("secret")
    ((text, _),) = await scene.said("lyrics")
    assert scene.env.errors
    assert text.removesuffix(".").rpartition(" ")[2] in told


# In other languages


class Elsewhere(gettext.NullTranslations):
    """A language that has every marked sentence, in letters that are nobody's."""

    def gettext(self, message: str) -> str:
        parts = re.split(r"(\{\w+\})", message)
        return "".join(one if one.startswith("{") else one.translate(FOREIGN) for one in parts)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return self.gettext(one if number == 1 else many)

    def pgettext(self, _: str, message: str) -> str:
        return self.gettext(message)


def is_foreign(text: str) -> bool:
    """Whether all is said in that language but code, mentions, people's words, and what is of a song."""
    of_a_song = r"Line \d of a song|picture \d+|\*\* song |AB|likelihood|keywords"
    said = re.sub(rf"`[^`]*`|<[^>]*>|\|\|.*?\|\||{of_a_song}", "", text)
    return not re.search("[A-Za-z]{2,}", said)


# Of a kind together: all of them take so long that the bot would begin to do something of its own.
@pytest.mark.parametrize("kind", ["", "privacy", "settings"])
async def test_nothing_that_it_says_is_english_for_good(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("bot.language.language", lambda _: Language(Elsewhere()))
    used = [name for name in COMMANDS if name.startswith(kind)] if kind else [*BUTTONS[:-1], *MENUS]
    for name in used:
        [(text, _)] = await scene.said(name)
        assert is_foreign(text), f"{name}: {text}"


async def test_nor_is_what_it_refuses(
    scene: Scene, engine: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.language.language", lambda _: Language(Elsewhere()))
    for error in (Broken(BROKEN), KeyError("secret")):
        engine.failure = error
        for name in ("lyrics", "Write lyrics", "Another one"):
            [(text, _)] = await scene.said(name)
            # The number in the log is a name.
            assert is_foreign(text.rpartition(" ")[0]), f"{name}: {text}"
    assert scene.env.errors
