"""Telling the person who asked what went wrong, and the log where it was our fault."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
import discord

from bot.language import language_of
from bot.ops.log import request_id
from bot.ui.deferral import ACKNOWLEDGED, delete_answer, is_thinking
from bot.ui.refusals import is_ours, sentence
from bot.ui.retries import persistently

_log = logging.getLogger(__name__)


async def report(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """One sentence that only the person sees, whatever state the interaction is in."""
    if is_ours(error):
        _log.error("interaction failed", exc_info=error)
    try:
        await _say(interaction, language_of(interaction).said(sentence(error, request_id.get())))
    except discord.HTTPException as late:
        # The token has expired, or the interaction was answered too late: nobody is there to hear.
        _log.warning("error not shown: %s", late.code)
    except (aiohttp.ClientError, OSError) as lost:
        _log.warning("error not shown: %s", type(lost).__name__)


async def _say(interaction: discord.Interaction[Any], text: str) -> None:
    response = interaction.response
    if not response.is_done():
        try:
            await persistently(lambda: response.send_message(text, ephemeral=True))
            return
        except discord.HTTPException as error:
            if error.code != ACKNOWLEDGED:
                raise
            command = interaction.type is discord.InteractionType.application_command
            if command and not is_thinking(interaction):
                # What had arrived is the sentence: only Discord's answer was lost.
                return
    if not is_thinking(interaction):
        await persistently(lambda: interaction.followup.send(text, ephemeral=True))
        return
    private = False
    try:
        private = (await persistently(interaction.original_response)).flags.ephemeral
        if private:
            await persistently(lambda: interaction.edit_original_response(content=text))
            return
        # While "thinking" stands there in public, Discord puts a follow-up into its place, in public.
        await persistently(lambda: interaction.edit_original_response(content="…"))
        await persistently(lambda: interaction.followup.send(text, ephemeral=True))
    finally:
        if not private:
            await delete_answer(interaction)
