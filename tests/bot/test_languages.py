"""People are answered in their own language: everything that is said has words there, and says the same."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from discord import app_commands

from bot.catalogues import FOLDER, entries, read
from bot.client import SongwriterBot
from bot.engine.requests import Busy
from bot.language import ENGLISH, Language, language
from model.sentence import count, joined, say, sentence_of
from tests.bot.engine.inline import InlineEngine
from tests.bot.test_loopback import FIRST_LINE, Scene, config, offline, scene, serving, writer
from tests.conftest import ROOT

__all__ = ["config", "offline", "scene", "writer"]

LANGUAGES = ("de", "es", "fr", "pt")
# Each function that marks a sentence, how many of its arguments are messages, and their context.
MARKS = {"say": (1, ""), "count": (2, ""), "choice": (1, "choice")}
COMMAND = re.compile(r"(?<![\w/])/[a-z-]+(?: [a-z-]+)?")

each_language = pytest.mark.parametrize("code", LANGUAGES)


class Message(NamedTuple):
    """What a translator finds in a catalogue."""

    text: str
    many: str = ""
    context: str = ""


def marked() -> Iterator[Message]:
    """Every sentence of the program that is marked for translators."""
    for path in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "model").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS:
                number, context = MARKS[node.func.id]
                texts = [one.value for one in node.args[:number] if isinstance(one, ast.Constant)]
                if texts:
                    yield Message(*texts, context=context)


def in_tree(bot: SongwriterBot) -> Iterator[Message]:
    """Every name and description that Discord shows of the commands."""
    for command in [*bot.tree.walk_commands(), *bot.tree.get_commands()]:
        if isinstance(command, app_commands.ContextMenu):
            yield Message(command.name, context="menu")
            continue
        yield Message(command.name, context="name")
        yield Message(command.description)
        for option in [] if isinstance(command, app_commands.Group) else command.parameters:
            yield Message(option.display_name, context="name")
            yield Message(str(option.description))
            yield from (Message(one.name, context="choice") for one in option.choices)


@cache
def translated(code: str) -> dict[Message, list[str]]:
    """What a catalogue has, its plural forms in their order."""
    found = {}
    for key, said in entries((FOLDER / f"{code}.po").read_text(encoding="utf-8")):
        context, _, text = key.rpartition("\x04")
        message, _, many = text.partition("\0")
        if message:
            found[Message(message, many, context)] = said.split("\0")
    return found


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


# The catalogues


@pytest.mark.asyncio
async def test_every_language_has_everything_and_nothing_else(simcord_env: Any) -> None:
    wanted = {*marked(), *in_tree(simcord_env.bot)}
    assert sorted(path.stem for path in FOLDER.glob("*.po")) == sorted(LANGUAGES)
    for code in LANGUAGES:
        known = {*translated(code)}
        assert wanted - known == set(), f"{code} lacks these"
        assert known - wanted == set(), f"nobody says these of {code} any more"


@each_language
def test_a_translation_keeps_fields_commands_and_marks(code: str) -> None:
    for message, forms in translated(code).items():
        # Where there is one of a thing, its number may be left out.
        known = [fields(text) for text in (message.text, message.many) if text]
        for said in forms:
            assert fields(said) in known, said
            assert sorted(COMMAND.findall(said)) == sorted(COMMAND.findall(message.text)), said
            for mark in ("**", "`", "\n"):
                assert said.count(mark) == message.text.count(mark), said
            assert said == said.strip()


@each_language
def test_a_translation_names_buttons_and_options_as_people_see_them(code: str) -> None:
    tongue = language(code)
    for label in ("Why this one?", "**Delete**"):
        seen = tongue.said(label.strip("*"))
        for message, [said, *_] in translated(code).items():
            assert (label in message.text) <= (seen in said), said
    assert f"`{tongue.name('sure')}:True`" in tongue.said(
        "I have deleted nothing: say `sure:True` if you mean it."
    )


def test_a_command_in_a_sentence_has_its_name_of_that_language() -> None:
    assert "`/einstellungen kanal`" in language("de").said("no channel yet (use `/settings channel`)")
    assert "`/settings channel`" in ENGLISH.said("no channel yet (use `/settings channel`)")


def test_nothing_is_nothing_in_every_language() -> None:
    assert language("de").said(joined(", ", [])) == ""


def test_what_others_wrote_stays_as_it_is() -> None:
    sentence = say("{text} is not an emoji.", text="/settings {n}")
    assert language("de").said(sentence) == "/settings {n} ist kein Emoji."


@pytest.mark.parametrize(
    ("locale", "songs"),
    [
        ("de", ["1 Lied", "2 Lieder"]),
        ("es-419", ["1 canción", "2 canciones"]),
        ("es-ES", ["1 canción", "2 canciones"]),
        ("fr", ["0 chanson", "1 chanson", "2 chansons"]),
        ("pt-BR", ["1 música", "2 músicas"]),
        ("en-GB", ["0 songs", "1 song", "2 songs"]),
        ("ja", ["1 song", "2 songs"]),
        ("tlh", ["1 song"]),
    ],
)
def test_a_locale_has_its_language_and_its_plural(locale: str, songs: list[str]) -> None:
    for said in songs:
        assert language(locale).said(count("{n} song", "{n} songs", int(said.split()[0]))) == said


def test_what_is_not_translated_yet_or_a_guess_stays_english(tmp_path: Path) -> None:
    (tmp_path / "la.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "Warmer"\nmsgstr ""\n\n'
        '#, fuzzy\nmsgid "Cooler"\nmsgstr "Calidius"\n\n'
        'msgid "Another "\n"one"\nmsgstr "Unum "\n"\\"plus\\""\n'
    )
    latin = Language(read(tmp_path / "la.po"))
    assert [latin.said(text) for text in ("Warmer", "Cooler", "Another one")] == [
        "Warmer", "Cooler", 'Unum "plus"',
    ]  # fmt: skip


def test_a_sentence_is_still_one_in_another_process() -> None:
    error = pickle.loads(pickle.dumps(Busy(count("{n} song", "{n} songs", 3), 2.5)))  # noqa: S301
    assert language("de").said(sentence_of(error)) == "3 Lieder"
    assert error.wait == 2.5


# On Discord


@pytest_asyncio.fixture
async def french(offline: Scene) -> AsyncIterator[Scene]:
    """A bot in a server whose language is French."""
    offline.guild.locale = "fr"
    async with serving(offline.server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        yield offline


@pytest.mark.asyncio
async def test_a_person_is_answered_in_their_language(scene: Scene) -> None:
    scene.ann.locale = "de"
    used = await (await scene.lyrics()).answered()
    song = used.original
    assert song is not None
    # Songs stay English.
    assert song.content.startswith(f"{FIRST_LINE}\nLine two\n-# Temperatur 0.4 · ")
    assert [part["label"] for part in song.buttons][:2] == ["Noch eins", "Wärmer"]
    offered = await (await scene.server.click(scene.ann, song, "rewrite")).answered()
    assert offered.text == "Ich schreibe eine Zeile neu und behalte die anderen."
    [menu] = offered.original.buttons if offered.original else []
    assert menu["placeholder"] == "Welche Zeile?"


@pytest.mark.asyncio
async def test_so_is_what_is_refused(scene: Scene) -> None:
    scene.ann.locale = "de"
    refused = await scene.lyrics(mood="picture")
    [said] = await scene.server.wait_until(lambda: refused.followups)
    assert said.content.startswith("Es gibt kein Bild, dessen Stimmung ")
    stranger = scene.person("bob")
    stranger.locale = "pt-BR"
    song = (await (await scene.lyrics()).answered()).original
    assert song is not None
    pressed = await scene.server.click(stranger, song, "delete")
    [said] = await scene.server.wait_until(lambda: pressed.followups)
    assert said.content == "Só quem pediu essa música, ou a moderação, pode apagá-la."


@pytest.mark.asyncio
async def test_a_server_is_answered_in_its_own(french: Scene) -> None:
    song = await french.server.wait_for_reply(await french.posts())
    assert "\n-# a dog · température 0.4 · " in song.content
    assert song.buttons[0]["label"] == "Encore une"
    refused = await french.server.wait_for_reply(await french.posts(None, ("photo.jpg", b"no picture")))
    assert refused.content == "Ce fichier n'est pas une image JPEG, PNG, WebP ou GIF : postes-en une."
    # The person's own comes first.
    french.ann.locale = "es-ES"
    used = await (await french.lyrics()).answered()
    assert "temperatura 0.4" in used.text


@pytest.mark.parametrize("locale", ["sv-SE", "xx"])
@pytest.mark.asyncio
async def test_who_speaks_another_one_is_answered_in_english(scene: Scene, locale: str) -> None:
    scene.ann.locale = locale
    assert "temperature 0.4" in (await (await scene.lyrics()).answered()).text


@pytest.mark.asyncio
async def test_commands_are_offered_in_every_language(scene: Scene) -> None:
    [seed] = [one for one in scene.server.world.commands[None] if one["name"] == "seed"]
    assert seed["name_localizations"] == {
        "de": "anfang", "es-419": "comienzo", "es-ES": "comienzo", "fr": "début", "pt-BR": "começo",
    }  # fmt: skip
    scene.ann.locale = "de"
    told = await (await scene.server.slash(scene.ann, scene.channel, "help")).answered()
    assert "- `/anfang`: Eine Strophe, die mit deinem Wort oder deinen Worten anfängt." in told.text
