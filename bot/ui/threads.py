"""A thread under a message, in which its song is posted."""

from __future__ import annotations

import logging

import aiohttp
import discord

from bot.language import language_of
from bot.ui.deferral import UNKNOWN_MESSAGE
from bot.ui.retries import persistently
from model.sentence import say

_log = logging.getLogger(__name__)

_NAME = say("A song about a picture")
# Answered where a message has a thread already, which also follows when an answer was lost.
_HAS_ONE = 160004


def may_start_threads(place: discord.TextChannel) -> bool:
    """Whether the bot can start threads in a channel, and write there."""
    allowed = place.permissions_for(place.guild.me)
    return allowed.create_public_threads and allowed.send_messages_in_threads


async def thread_under(message: discord.Message) -> discord.Thread | None:
    """The thread of a message, started if there is none; None where there can be none.

    Raises:
        discord.NotFound: the message has gone.
        aiohttp.ClientError, OSError: the connection broke each time.
    """
    place = message.channel
    # Threads have no threads, and neither have voice channels and direct messages.
    if not isinstance(place, discord.TextChannel) or not may_start_threads(place):
        return None
    name = language_of(message).said(_NAME)
    try:
        return await persistently(lambda: message.create_thread(name=name))
    except discord.HTTPException as error:
        if error.code == UNKNOWN_MESSAGE:
            raise
        if error.code != _HAS_ONE:
            _log.info("message %s gets no thread: Discord says %d (%d)", message.id, error.status, error.code)
            return None
    return await _known(message)


async def _known(message: discord.Message) -> discord.Thread | None:
    """The thread that a message has; its id is the message's."""
    if message.guild is None:
        return None
    if known := message.guild.get_thread(message.id):
        return known
    guild = message.guild
    try:
        found = await persistently(lambda: guild.fetch_channel(message.id))
    except (discord.HTTPException, discord.InvalidData, aiohttp.ClientError, OSError) as error:
        _log.info("the thread of message %s is not to be had: %s", message.id, type(error).__name__)
        return None
    return found if isinstance(found, discord.Thread) else None
