"""What tells people that their picture waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.ui.refusals import relative
from model.sentence import say

if TYPE_CHECKING:
    from bot.client import SongwriterBot

# Name of the tasks that turn hourglasses and take them away.
TURNING = "hourglass"

_HOURGLASS = "⏳"
# What is over before anybody has read it is not announced.
_UNNOTICED_SECONDS = 1.0
# What takes longer is not "soon".
_SOON_SECONDS = 60.0

_log = logging.getLogger(__name__)

_tasks: set[asyncio.Task[None]] = set()


class Hourglass:
    """⏳ under a message that is answered soon; where that takes longer, a sentence that says when.

    No answer waits for it or fails with it.

    Args:
        message: with its reactions: an hourglass of the process before this one is known by them.
        bot: whose it is.
    """

    def __init__(self, message: discord.Message, bot: SongwriterBot) -> None:
        self._message, self._bot = message, bot
        self._stands = self._told = any(one.me and str(one.emoji) == _HOURGLASS for one in message.reactions)
        self._last: asyncio.Task[None] | None = None

    def turn(self, seconds: float) -> None:
        """Say once that the answer comes in so many seconds; infinite: once the bot is back."""
        if self._told or seconds < _UNNOTICED_SECONDS:
            return
        self._told = True
        _log.info("picture waits: message %d in channel %d", self._message.id, self._message.channel.id)
        if _SOON_SECONDS < seconds < float("inf"):
            said = say("One song at a time: this picture's comes {when}.", when=relative(seconds))
            self._do(self._bot.poster.apologise(self._message, said))
        else:
            self._stands = True
            self._do(self._message.add_reaction(_HOURGLASS))

    def take_away(self) -> None:
        """The message does not wait any more."""
        if self._stands:
            self._stands = False
            self._do(take_away(self._message, self._bot))

    def _do(self, step: Awaitable[None]) -> None:
        self._last = task = asyncio.create_task(_after(self._last, step), name=TURNING)
        # The loop alone would not keep it.
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


async def take_away(message: discord.Message | discord.PartialMessage, bot: SongwriterBot) -> None:
    """Take the bot's hourglass off a message.

    Raises:
        discord.HTTPException: Discord refused.
        aiohttp.ClientError, OSError: the connection broke.
    """
    if bot.user is not None:
        await message.remove_reaction(_HOURGLASS, bot.user)


async def _after(before: asyncio.Task[None] | None, step: Awaitable[None]) -> None:
    if before is not None:
        await asyncio.wait({before})
    with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
        await step
