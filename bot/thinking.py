"""The first answer to an interaction: "Songwriter is thinking…", due within three seconds."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import discord

# What Discord says to a second acknowledgement.
ACKNOWLEDGED = 40060
# Seconds before it is sent again.
_PAUSE = 0.5


async def think(interaction: discord.Interaction[Any], *, ephemeral: bool = False) -> None:
    """Acknowledge an interaction; once more where the connection broke, which discord.py does not.

    Raises:
        discord.HTTPException: Discord refused, most often because it was too late.
        aiohttp.ClientError: the connection broke twice.
    """
    try:
        await interaction.response.defer(thinking=True, ephemeral=ephemeral)
    except (aiohttp.ClientError, OSError):
        await asyncio.sleep(_PAUSE)
        try:
            await interaction.response.defer(thinking=True, ephemeral=ephemeral)
        except discord.HTTPException as error:
            # The first one had arrived: only Discord's answer was lost.
            if error.code != ACKNOWLEDGED:
                raise
