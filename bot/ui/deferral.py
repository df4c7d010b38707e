"""The first answer to an interaction: "Songwriter is thinking…", due within three seconds; and its end."""

from __future__ import annotations

from typing import Any

import discord

from bot.ui.retries import persistently

# What Discord says to a second acknowledgement.
ACKNOWLEDGED = 40060
# What Discord says to a change of a message that has gone.
UNKNOWN_MESSAGE = 10008
# Among an interaction's extras: its answer is, or may be, "thinking".
_THINKING = "thinking"


async def think(interaction: discord.Interaction[Any], *, ephemeral: bool = False) -> None:
    """Acknowledge an interaction that is answered with a message of its own.

    Raises:
        discord.HTTPException: Discord refused, most often because it was too late.
        aiohttp.ClientError, OSError: the connection broke each time.
    """
    interaction.extras[_THINKING] = True
    await _defer(interaction, thinking=True, ephemeral=ephemeral)


async def accept(interaction: discord.Interaction[Any]) -> None:
    """Acknowledge a press of a button that is answered by a change of the button's own message.

    Raises:
        discord.HTTPException, aiohttp.ClientError, OSError: as for ``think``.
    """
    await _defer(interaction)


def is_thinking(interaction: discord.Interaction[Any]) -> bool:
    """Whether the original answer is "thinking", and not the message whose button was pressed."""
    return _THINKING in interaction.extras


async def _defer(interaction: discord.Interaction[Any], **how: bool) -> None:
    try:
        await persistently(lambda: interaction.response.defer(**how))
    except discord.HTTPException as error:
        # One before had arrived: only Discord's answer was lost.
        if error.code != ACKNOWLEDGED:
            raise


async def delete_answer(interaction: discord.Interaction[Any]) -> None:
    """Delete the answer to an interaction, or the message whose button was pressed, if it is still there.

    Raises:
        discord.HTTPException: Discord refused.
        aiohttp.ClientError, OSError: the connection broke each time.
    """
    try:
        await persistently(interaction.delete_original_response)
    except discord.NotFound as error:
        if error.code != UNKNOWN_MESSAGE:
            raise
