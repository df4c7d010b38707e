"""The buttons under a reply. Their ids carry all they need, so they outlive the process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ui

from bot.config import MAX_TEMPERATURE, MIN_TEMPERATURE
from bot.log import request_id
from bot.refusals import NotYours, Refusal
from bot.replies import replied_to
from bot.reports import report
from bot.songs import Ask
from bot.store import Output, new_id
from bot.thinking import accept, delete_answer, think

if TYPE_CHECKING:
    from bot.client import SongwriterBot

# How much warmer or cooler a press makes it.
_STEP = 0.15

_LABELS = {"again": "Another one", "warmer": "Warmer", "cooler": "Cooler", "delete": "Delete"}
_STEPS = {"again": 0.0, "warmer": _STEP, "cooler": -_STEP}
_CUSTOM_ID = re.compile(rf"song:v1:(?P<what>{'|'.join(_LABELS)}):(?P<output>[A-Za-z0-9_-]{{1,32}})")
_GONE = "That song is too old: I no longer have what it was made of."


class SongButton(ui.DynamicItem[ui.Button[Any]], template=_CUSTOM_ID):
    """One button of one output."""

    def __init__(self, what: str, output: str) -> None:
        style = discord.ButtonStyle.danger if what == "delete" else discord.ButtonStyle.secondary
        super().__init__(ui.Button(label=_LABELS[what], style=style, custom_id=f"song:v1:{what}:{output}"))
        self.what, self.output = what, output

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str]
    ) -> Self:
        return cls(match["what"], match["output"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do it; discord.py has no error handler for items that are made on the fly."""
        request_id.set(new_id())
        try:
            await self._press(interaction)
        except Exception as error:
            await report(interaction, error)

    async def _press(self, interaction: discord.Interaction[SongwriterBot]) -> None:
        bot = interaction.client
        if self.what == "delete":
            await accept(interaction)
            await _delete(interaction, await bot.store.output(self.output))
            return
        private = interaction.message is not None and interaction.message.flags.ephemeral
        await think(interaction, ephemeral=private)
        before = await bot.store.output(self.output)
        if before is None:
            raise Refusal(_GONE)
        ask = _asked_again(before, interaction, _STEPS[self.what])
        async with bot.songs.written(ask) as output:
            await bot.poster.answer(interaction, output)


def buttons(output: str) -> ui.View:
    """All buttons for an output."""
    view = ui.View(timeout=None)
    for what in _LABELS:
        view.add_item(SongButton(what, output))
    return view


def output_shown(message: discord.Message) -> str | None:
    """The id of the output under which a message of the bot's shows buttons, None without any."""
    for row in message.components:
        for item in row.children if isinstance(row, discord.ActionRow) else ():
            if match := _CUSTOM_ID.fullmatch(item.custom_id or ""):
                return match["output"]
    return None


def _asked_again(before: Output, interaction: discord.Interaction[Any], step: float) -> Ask:
    temperature = min(MAX_TEMPERATURE, max(MIN_TEMPERATURE, before.temperature + step))
    return Ask(
        user=interaction.user.id,
        server=interaction.guild_id,
        kind="again",
        caption=before.caption,
        seed=before.seed,
        temperature=round(temperature, 2),
        style=before.style,
        mood=before.mood,
        lines=before.line_count,
        captioner=before.captioner,
        author=before.author,
    )


async def _delete(interaction: discord.Interaction[SongwriterBot], output: Output | None) -> None:
    """Delete a reply, for who asked for it and for moderators."""
    asked = await _asked(interaction.message) if output is None else output.user
    mine = asked == interaction.user.id
    moderator = interaction.guild_id is not None and interaction.permissions.manage_messages
    if not mine and not moderator:
        raise NotYours("Only who asked for that song, or a moderator, can delete it.")
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
