"""What was posted while the bot was away is read from the channels' histories, once."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import discord

from bot.line import Line
from bot.progress import Progress
from bot.ui.hourglass import take_away

if TYPE_CHECKING:
    from bot.client import SongwriterBot

_log = logging.getLogger(__name__)

_OfGuild = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
Place = _OfGuild | discord.DMChannel

# One request reads a hundred messages. What is beyond is more than a bot that was away should answer.
_MOST_CHANNELS, _MOST_MESSAGES = 200, 1000
# Direct messages cannot be listed: those are looked at in which there were songs lately.
_MOST_DIRECT, _DIRECT_SECONDS = 50, 24 * 3600.0
# So long a picture may wait for its person's next turn: the longest cooldown.
MOST_SECONDS = 3600.0


class CatchingUp:
    """Looks through the channels of a shard that has a new connection.

    Args:
        bot: reads.
        progress: says from where.
        line: where pictures wait.
        consider: puts a message's picture into the line, if it is to be answered and was not yet.
    """

    def __init__(
        self,
        bot: SongwriterBot,
        progress: Progress,
        line: Line[Any],
        consider: Callable[[discord.Message], Awaitable[None]],
    ) -> None:
        self._bot, self._progress, self._line, self._consider = bot, progress, line, consider
        self._seconds = bot.resources.config.limits.catch_up_seconds

    async def shard(self, shard: int) -> None:
        """Answer what a shard has missed, and what waited when the process before this one ended."""
        after = max(self._progress.since(shard), _ago(self._seconds))
        waiting = self._waiting(shard)
        places = {one.id: one for one in (*await self._places(waiting), *await self._with_news(shard, after))}
        for place in [*places.values()][:_MOST_CHANNELS]:
            await self._read(place, after, waiting.get(place.id, ()))
        if not self._bot.stopping:
            self._progress.caught_up(shard)

    async def _read(self, place: Place, after: int, waiting: Collection[int]) -> None:
        """Look through one channel: what is new, and what waits."""
        if self._bot.stopping:
            return
        oldest = discord.Object(min([after, *(one - 1 for one in waiting)]))
        try:
            history = place.history(limit=_MOST_MESSAGES, after=oldest, oldest_first=True)
            messages = [one async for one in history]
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            _log.warning("channel %d not caught up: %s", place.id, type(error).__name__)
            return
        answered = _answered(messages, self._bot)
        for message in messages:
            if self._bot.stopping:
                return
            if message.id not in answered and (message.id > after or message.id in waiting):
                await self._considered(message)
        await self._give_up(place, [one for one in waiting if one not in self._line])

    async def _considered(self, message: discord.Message) -> None:
        try:
            await self._consider(message)
        except Exception:
            # The others are not to suffer for it.
            _log.exception("message %d not caught up", message.id)

    async def _give_up(self, place: Place | discord.PartialMessageable, messages: Collection[int]) -> None:
        """Let messages wait no longer: they have gone, or have their answers, or nobody wants one."""
        self._progress.done(messages)
        for message in messages:
            with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
                await take_away(place.get_partial_message(message), self._bot)

    async def _with_news(self, shard: int, after: int) -> Iterable[Place]:
        """The channels in which something was posted, as far as the bot can read them."""
        found: list[Place] = []
        if not self._seconds:
            return found
        for guild in self._bot.guilds:
            if guild.shard_id == shard:
                found += [one for one in _channels(guild) if (one.last_message_id or 0) > after]
        if shard == 0:
            since = time.time() - _DIRECT_SECONDS
            for channel in await self._bot.store.direct_channels(since, _MOST_DIRECT):
                found += await self._place(channel)
        return found

    def _waiting(self, shard: int) -> dict[int, set[int]]:
        """The pictures of a shard's channels that waited when the process before this one ended."""
        found = {}
        for channel, messages in self._progress.waiting().items():
            guild = getattr(self._bot.get_channel(channel), "guild", None)
            if (guild.shard_id if guild else 0) == shard:
                found[channel] = {one for one in messages if one not in self._line}
        return {channel: messages for channel, messages in found.items() if messages}

    async def _places(self, waiting: Mapping[int, Collection[int]]) -> Iterable[Place]:
        """The channels in which pictures wait; those that have waited too long wait no longer."""
        found: list[Place] = []
        oldest = _ago(self._seconds + MOST_SECONDS)
        for channel, messages in waiting.items():
            old = [one for one in messages if one < oldest]
            places = await self._place(channel) if len(old) < len(messages) else []
            if not places:
                await self._give_up(self._bot.get_partial_messageable(channel), messages)
            found += places
        return found

    async def _place(self, channel: int) -> list[Place]:
        """A channel that can be read, or nothing."""
        with suppress(discord.HTTPException, discord.InvalidData, aiohttp.ClientError, OSError):
            found = self._bot.get_channel(channel) or await self._bot.fetch_channel(channel)
            if isinstance(found, Place):
                return [found]
        return []


def _answered(messages: Iterable[discord.Message], bot: SongwriterBot) -> set[int | None]:
    """The messages that have a song: a reply with buttons, or a thread of the bot's."""
    me = bot.user.id if bot.user else 0
    found: set[int | None] = set()
    for one in messages:
        if one.author.id == me and one.components and one.reference:
            found.add(one.reference.message_id)
        if one.thread is not None and one.thread.owner_id == me:
            found.add(one.id)
    return found


def _channels(guild: discord.Guild) -> Iterator[_OfGuild]:
    """Where messages are that can be read."""
    found: list[_OfGuild] = [*guild.text_channels, *guild.voice_channels]
    found += [*guild.stage_channels, *guild.threads]
    for one in found:
        # Of a thread whose channel is not known nobody can say.
        if not isinstance(one, discord.Thread) or one.parent is not None:
            allowed = one.permissions_for(guild.me)
            if allowed.view_channel and allowed.read_message_history:
                yield one


def _ago(seconds: float) -> int:
    """The id of a message of so many seconds ago."""
    moment = discord.utils.utcnow() - timedelta(seconds=seconds)
    return discord.utils.time_snowflake(moment)
