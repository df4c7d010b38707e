"""Answering an interaction with a sentence, in the language of whoever it is for."""

from __future__ import annotations

from typing import Any

import discord

from bot.language import language_of
from model.sentence import Sentence


async def tell(interaction: discord.Interaction[Any], sentence: Sentence, **more: Any) -> None:
    """Say something in the place of "thinking".

    Args:
        interaction: that was acknowledged so.
        sentence: what is said.
        more: what else the message has, such as a view.

    Raises:
        discord.HTTPException: Discord refused.
    """
    await interaction.edit_original_response(content=language_of(interaction).said(sentence), **more)
