"""The one error path: every error a person may meet, as one polite sentence."""

from __future__ import annotations

import time

import discord
from discord import app_commands
from discord.ext import commands

from bot.engine.requests import EngineError
from bot.store import StoreError
from model.errors import SongwriterError
from model.sentence import Sentence, say, sentence_of

# Answered where nobody is there any more: the channel is deleted, or an acknowledgement came after
# three seconds.
_GONE = frozenset({10003, 10062})
_DAY = 24 * 3600

_OUR_FAULT = say("Something went wrong on my side: if it stays so, tell the owner the number {number}.")


class Refusal(Exception):
    """Something that the person who asked can understand; the message is the sentence."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)


class CoolingDown(Refusal):
    """Asked again too soon.

    Args:
        seconds: until it may be asked again.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(say("One song at a time: ask again {when}.", when=relative(seconds)))


class DayIsOver(Refusal):
    """The day's songs are used up.

    Args:
        why: whose they were, and how many, with a field for ``when`` there are more.
    """

    def __init__(self, why: Sentence) -> None:
        # Days are those of UTC.
        left = _DAY - time.time() % _DAY
        super().__init__(why.filled(when=relative(left)))


class NotYours(Refusal):
    """A button of somebody else's reply."""


def relative(seconds: float) -> str:
    """A moment that each reader's Discord shows as "in 5 seconds"."""
    return f"<t:{int(time.time() + seconds) + 1}:R>"


def sentence(error: BaseException, reference: str) -> Sentence:
    """What is said about an error.

    Args:
        error: what went wrong.
        reference: names the request in the log, for errors that are ours.
    """
    if (known := _known(_cause(error))) is not None:
        return known
    return _OUR_FAULT.filled(number=reference)


def is_ours(error: BaseException) -> bool:
    """Whether the log needs the whole story: the person's mistakes and known limits do not."""
    error = _cause(error)
    gone = isinstance(error, discord.NotFound) and error.code in _GONE
    return not gone and _known(error) is None


def _known(error: BaseException) -> Sentence | None:
    """The sentence for an error that a person can do something about."""
    if isinstance(error, Refusal | EngineError | SongwriterError) and not isinstance(error, StoreError):
        return sentence_of(error)
    if isinstance(error, app_commands.CommandOnCooldown):
        return say("Not so fast: ask again {when}.", when=relative(error.retry_after))
    if isinstance(error, app_commands.MissingPermissions):
        return say("Only people who may manage the server can do that.")
    if isinstance(error, app_commands.NoPrivateMessage):
        return say("That works in a server only.")
    if isinstance(error, app_commands.TransformerError):
        # Discord checks all but whether I can see the channel that was chosen.
        return say("I cannot use that there: choose another one that I can see.")
    if isinstance(error, discord.Forbidden):
        return say("I am not allowed to write here: somebody has to give me the permission.")
    return None


def _cause(error: BaseException) -> BaseException:
    """What a command raised, without what discord.py wraps it in."""
    while isinstance(error, app_commands.CommandInvokeError | commands.CommandInvokeError):
        error = error.original
    return error
