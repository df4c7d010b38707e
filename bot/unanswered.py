"""Why a picture is not answered: always a line in the log, of ids and reasons alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import discord

from bot.rules import NotHere
from bot.ui.permissions import may_reply
from bot.ui.refusals import is_ours

if TYPE_CHECKING:
    from bot.client import SongwriterBot

_log = logging.getLogger(__name__)


async def must_be_silent(message: discord.Message, user: int, bot: SongwriterBot) -> bool:
    """Whether a person's message whose pictures would be answered gets no answer at all; the log says why."""
    if await bot.store.opted_out(user):
        why = "who posted it has opted out"
    elif not _may_write(message):
        why = "I may not write there, or not read its history"
    else:
        return False
    log_unanswered(message, why)
    return True


def log_unanswered(message: discord.Message, why: str | Exception) -> None:
    """Say why a message got no song; an error of ours comes with its whole story.

    What a server's rules refuse is said as the person would hear it: the sentence quotes nobody.
    """
    reason = str(why) if isinstance(why, str | NotHere) else described(why)
    said = "picture not answered: message %d in channel %d: %s"
    if isinstance(why, Exception) and is_ours(why):
        _log.error(said, message.id, message.channel.id, reason, exc_info=why)
    else:
        _log.info(said, message.id, message.channel.id, reason)


def described(error: BaseException) -> str:
    """An error's class and, where Discord refused, its numbers; never its text, which may quote people."""
    name = type(error).__name__
    if isinstance(error.__cause__, discord.HTTPException):
        error = error.__cause__
    if isinstance(error, discord.HTTPException):
        return f"{name}, Discord says {error.status} ({error.code})"
    return name


def _may_write(message: discord.Message) -> bool:
    place = message.channel
    if isinstance(place, discord.abc.GuildChannel | discord.Thread):
        return may_reply(place)
    # A channel of which nothing is known has no permissions: its server could not be parsed.
    return message.guild is None and not isinstance(place, discord.PartialMessageable)
