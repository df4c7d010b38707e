"""Whoever talks to the bot without a picture is told, once in a while, what it is for."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.answered import Answered
from bot.language import language_of
from bot.limits import OnceInAWhile
from bot.store import new_id
from bot.ui.retries import persistently
from model.sentence import say

if TYPE_CHECKING:
    from bot.client import SongwriterBot

# Who needs the sentence again has forgotten it by then.
_WHILE_SECONDS = 6 * 3600.0
# Discord adds the preview of a link in about a second: it may be the picture.
_PREVIEW_SECONDS = 4.0
_LINK = re.compile(r"https?://", re.IGNORECASE)

_HERE = say(
    "Hello! I sing about pictures: post one here, reply to one and mention me, or try `/lyrics` and "
    "`/seed kiss`."
)
_MENTIONED = say(
    "Hello! I sing about pictures: post one and mention me, reply to one and mention me, or try `/lyrics` "
    "and `/seed kiss`."
)


class Hints:
    """One friendly line on how the bot is used.

    Args:
        bot: replies with it.
        answered: messages that have had their answer; a hint is one.
    """

    def __init__(self, bot: SongwriterBot, answered: Answered) -> None:
        self._bot, self._answered = bot, answered
        self._told = OnceInAWhile(_WHILE_SECONDS)

    async def give(self, message: discord.Message, *, here: bool) -> None:
        """Reply to a message that is for the bot and has no picture, unless its author knows already.

        Args:
            message: what somebody wrote.
            here: whether pictures are answered there without a mention.
        """
        if message.type not in (discord.MessageType.default, discord.MessageType.reply):
            return
        if (await self._bot.get_context(message)).valid:
            # The owner's command has an answer of its own.
            return
        if _LINK.search(message.content):
            await _preview()
        if self._bot.stopping or message.id in self._answered or not self._told.due(message.author.id):
            return
        self._answered.claim(message.id)
        text, nonce = language_of(message).said(_HERE if here else _MENTIONED), new_id()
        with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
            await persistently(lambda: message.reply(text, mention_author=False, nonce=nonce))


async def _preview() -> None:
    """Wait as long as a link's preview takes to come."""
    await asyncio.sleep(_PREVIEW_SECONDS)
