"""The buttons under a reply. Their ids carry all they need, so they outlive the process."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ui

from bot.language import ENGLISH, Language, language_of
from bot.ops.log import request_id
from bot.preferences import preferences_of
from bot.request_factory import recipe_of
from bot.rules import Asker, check_press
from bot.store import Output, new_id
from bot.ui.answers import tell
from bot.ui.deferral import accept, delete_answer, think
from bot.ui.error_replies import report
from bot.ui.panel import panel
from bot.ui.refusals import NotYours, Refusal
from bot.ui.replies import replied_to
from model.sentence import say

if TYPE_CHECKING:
    from bot.client import SongwriterBot

    Interaction = discord.Interaction[SongwriterBot]

# How much warmer or cooler a press makes it.
_STEP = 0.15

# In their order, those of a row together: five fit beside each other on a wide screen.
_ROWS = (
    {"again": say("Another one"), "warmer": say("Warmer"), "cooler": say("Cooler")},
    {"rewrite": say("Rewrite a line"), "why": say("Why this one?"), "delete": say("Delete")},
)
_LABELS = {what: (label, row) for row, labels in enumerate(_ROWS) for what, label in labels.items()}
_STEPS = {"again": 0.0, "warmer": _STEP, "cooler": -_STEP}
_OUTPUT = "(?P<output>[A-Za-z0-9_-]{1,32})"
_CUSTOM_ID = re.compile(f"song:v1:(?P<what>{'|'.join(_LABELS)}):{_OUTPUT}")
_MENU_ID = re.compile(f"line:v1:(?P<audience>all|one):{_OUTPUT}")
# Discord's limit for an entry of a menu.
_LONGEST_ENTRY = 100

_WHICH = say("Which line?")
_ANEW = say("I write one line anew and keep the others.")
_GONE = say("That song is too old: I no longer have what it was made of.")
_NOT_YOURS = say("Only who asked for that song, or a moderator, can delete it.")
_CHANGED = say(
    "I would write that song differently today, because my word filter or my program has changed: "
    "so I cannot say why."
)


class SongButton(ui.DynamicItem[ui.Button[Any]], template=_CUSTOM_ID):
    """One button of one output."""

    def __init__(self, what: str, output: str, language: Language = ENGLISH) -> None:
        style = discord.ButtonStyle.danger if what == "delete" else discord.ButtonStyle.secondary
        label, row = _LABELS[what]
        said, custom_id = language.said(label), f"song:v1:{what}:{output}"
        super().__init__(ui.Button(label=said, style=style, row=row, custom_id=custom_id))
        self.what, self.output = what, output

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str]
    ) -> Self:
        return cls(match["what"], match["output"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await _reported(self._press, interaction)

    async def _press(self, interaction: Interaction) -> None:
        match self.what:
            case "delete":
                await accept(interaction)
                await _delete(interaction, await interaction.client.store.output(self.output))
            case "why":
                await think(interaction, ephemeral=True)
                await _explain(interaction, await _kept(interaction, self.output))
            case "rewrite":
                await think(interaction, ephemeral=True)
                await _offer_lines(interaction, await _kept(interaction, self.output))
            case _:
                private = _is_private(interaction)
                await think(interaction, ephemeral=private)
                songs, before = interaction.client.songs, await _kept(interaction, self.output)
                request = await songs.requests.again(before, interaction, _STEPS[self.what])
                async with songs.written(replace(request, private=private)) as output:
                    await interaction.client.poster.answer(interaction, output)


class LineMenu(ui.DynamicItem[ui.Select[Any]], template=_MENU_ID):
    """The lines of an output, of which one is to be written anew.

    Args:
        audience: "all" where everybody sees the song, "one" where only who asked for it does.
        output: whose lines they are.
        lines: as they are shown, "" for one that is to stay hidden; none to read what was chosen.
        language: of who chooses.
    """

    def __init__(
        self, audience: str, output: str, lines: tuple[str, ...] = (), language: Language = ENGLISH
    ) -> None:
        options = [
            discord.SelectOption(label=f"{number}. {line or '…'}"[:_LONGEST_ENTRY], value=str(number))
            for number, line in enumerate(lines, start=1)
        ]
        menu = ui.Select[Any](
            custom_id=f"line:v1:{audience}:{output}", placeholder=language.said(_WHICH), options=options
        )
        super().__init__(menu)
        self.audience, self.output = audience, output

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str]
    ) -> Self:
        return cls(match["audience"], match["output"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await _reported(self._choose, interaction)

    async def _choose(self, interaction: Interaction) -> None:
        private = self.audience == "one"
        await think(interaction, ephemeral=private)
        before = await _kept(interaction, self.output)
        [line] = self.item.values
        recipe = recipe_of(before).rewriting(int(line), secrets.randbelow(2**32))
        songs = interaction.client.songs
        request = await songs.requests.once_more(before, interaction, "rewrite", recipe)
        async with songs.written(replace(request, private=private)) as output:
            await interaction.client.poster.answer(interaction, output)


def buttons(output: str, language: Language = ENGLISH) -> ui.View:
    """All buttons for an output."""
    view = ui.View(timeout=None)
    for what in _LABELS:
        view.add_item(SongButton(what, output, language))
    return view


def output_shown(message: discord.Message) -> str | None:
    """The id of the output under which a message of the bot's shows buttons, None without any."""
    for row in message.components:
        for item in row.children if isinstance(row, discord.ActionRow) else ():
            if match := _CUSTOM_ID.fullmatch(item.custom_id or ""):
                return match["output"]
    return None


async def _reported(
    press: Callable[[Interaction], Awaitable[None]], interaction: discord.Interaction[Any]
) -> None:
    """Do it; discord.py has no error handler for items that are made on the fly."""
    request_id.set(new_id())
    try:
        await press(interaction)
    except Exception as error:
        await report(interaction, error)


async def _kept(interaction: Interaction, output: str) -> Output:
    """The song under which a button or menu is, for somebody who may use those."""
    bot = interaction.client
    found = await bot.store.output(output)
    if found is None:
        raise Refusal(_GONE)
    here = await preferences_of(interaction.guild_id, bot.store, bot.resources.config)
    check_press(Asker.of(interaction), here, found.user, moderates=_moderates(interaction))
    return found


def _moderates(interaction: Interaction) -> bool:
    return interaction.guild_id is not None and interaction.permissions.manage_messages


def _is_private(interaction: Interaction) -> bool:
    return interaction.message is not None and interaction.message.flags.ephemeral


async def _explain(interaction: Interaction, output: Output) -> None:
    """Write a song again and say how it came about."""
    songs = interaction.client.songs
    request = await songs.requests.once_more(output, interaction, "why", recipe_of(output))
    result = await songs.explained(request)
    if result.lines != output.lines or result.explanation is None:
        raise Refusal(_CHANGED)
    language = language_of(interaction)
    text = panel(output.caption, result.recipe, result.explanation, language, spoiler=output.spoiler)
    await interaction.edit_original_response(content=text)


async def _offer_lines(interaction: Interaction, output: Output) -> None:
    interaction.client.button_cooldown.count(interaction.user.id)
    await interaction.client.songs.leave_alone(interaction.user.id, output.author)
    # Where there can be no other line, nobody is asked which.
    recipe_of(output).rewriting(1, 0)
    audience = "one" if _is_private(interaction) else "all"
    # A menu's entries cannot be covered.
    lines = ("",) * len(output.lines) if output.spoiler else output.lines
    menu = LineMenu(audience, output.id, lines, language_of(interaction))
    await tell(interaction, _ANEW, view=ui.View(timeout=None).add_item(menu))


async def _delete(interaction: Interaction, output: Output | None) -> None:
    """Delete a reply, for who asked for it and for moderators."""
    asked = await _asked(interaction.message) if output is None else output.user
    if asked != interaction.user.id and not _moderates(interaction):
        raise NotYours(_NOT_YOURS)
    await delete_answer(interaction)
    if output is not None:
        await interaction.client.store.delete_output(output.id)


async def _asked(message: discord.Message | None) -> int | None:
    """Who asked for a reply of which nothing is kept any more: Discord still knows."""
    if message is None:
        return None
    if message.interaction_metadata is not None:
        return message.interaction_metadata.user.id
    request = await replied_to(message)
    return None if request is None else request.author.id
