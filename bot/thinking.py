"""The first answer to an interaction: "Songwriter is thinking…", due within three seconds; and its end."""

from __future__ import annotations

from typing import Any

import discord

from bot.retries import persistently

# What Discord says to a second acknowledgement.
ACKNOWLEDGED = 40060
# What Discord says to a change of a message that has gone.
UNKNOWN_MESSAGE = 10008


async def think(interaction: discord.Interaction[Any], *, ephemeral: bool = False) -> None:
    """Acknowledge an interaction.

    Raises:
        discord.HTTPException: Discord refused, most often because it was too late.
        aiohttp.ClientError, OSError: the connection broke each time.
    """
    try:
        await persistently(lambda: interaction.response.defer(thinking=True, ephemeral=ephemeral))
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
