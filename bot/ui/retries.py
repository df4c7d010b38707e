"""Another try where a connection broke: discord.py repeats only what was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp

T = TypeVar("T")

# Seconds before something is sent again.
_PAUSES = (0.5, 2.0)


async def persistently(send: Callable[[], Awaitable[T]]) -> T:
    """Send something that may arrive twice, until an answer comes or the tries are used up.

    Raises:
        aiohttp.ClientError, OSError: the connection broke each time.
    """
    for pause in _PAUSES:
        try:
            return await send()
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(pause)
    return await send()
