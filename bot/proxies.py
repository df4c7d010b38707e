"""Proxies such as PluralKit: a webhook posts once more what somebody has just posted, and that goes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import discord

# A proxy needs a second or two; a slow one, or a slow Discord, some more.
_SECONDS = 20.0
# In all servers together; the oldest is forgotten first.
_REMEMBERED = 5_000
_LINK = "://"


@dataclass(eq=False)
class Original:
    """A message of a person's that a proxy may post once more.

    Attributes:
        message: what was posted.
        until: on the clock; later nothing is taken for a copy of it.
        request: names its request for a song, "" where none was made.
        reply: the song, once it is posted.
        proxy: id of the message in which a proxy has posted it once more.
        deleted: whether it is gone.
    """

    message: discord.Message
    until: float = 0.0
    request: str = ""
    reply: discord.Message | None = None
    proxy: int | None = None
    deleted: bool = False

    def answer(self, reply: discord.Message) -> None:
        """Note the song."""
        self.reply = reply


class Originals:
    """What people have just posted, for as long as a proxy may still post it once more.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[int, Original] = OrderedDict()

    def remember(self, message: discord.Message) -> None:
        """Know a message of a person's; what shows nothing is no matter of ours."""
        self._forget()
        if message.guild is not None and (message.attachments or _LINK in message.content):
            self._known.setdefault(message.id, Original(message, self._clock() + _SECONDS))

    def get(self, message: int) -> Original | None:
        """A message that is known, by its id."""
        self._forget()
        return self._known.get(message)

    def repeated_by(self, proxy: discord.Message) -> Original | None:
        """The message that a proxy's one repeats: in the same channel, the same files, no other words.

        Proxies leave words out, those that say whose message it is, and add none.
        """
        self._forget()
        if not (proxy.attachments or _LINK in proxy.content):
            return None
        for one in self._known.values():
            if one.proxy == proxy.id:
                return one
        for one in reversed(self._known.values()):
            was = one.message
            if (
                one.proxy is None
                and was.channel.id == proxy.channel.id
                and was.id < proxy.id
                and _files(was) == _files(proxy)
                and proxy.content in was.content
            ):
                return one
        return None

    def _forget(self) -> None:
        now = self._clock()
        while self._known:
            oldest = next(iter(self._known.values()))
            if oldest.until > now and len(self._known) < _REMEMBERED:
                return
            self._known.popitem(last=False)


def is_proxys(message: discord.Message) -> bool:
    """Whether a webhook posted a message; an app that answers a command does so with one of its own."""
    return message.webhook_id is not None and message.webhook_id != message.application_id


def _files(message: discord.Message) -> list[tuple[str, int]]:
    """Names and sizes of a message's files, which a proxy's copies keep."""
    return sorted((file.filename, file.size) for file in message.attachments)
