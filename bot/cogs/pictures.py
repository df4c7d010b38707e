"""A picture is posted, a stanza comes back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import aiohttp
import discord
from discord.ext import commands

from bot.answered import Answered
from bot.catching_up import MOST_SECONDS, CatchingUp
from bot.finding import NOTHING, Found, candidates
from bot.hints import Hints
from bot.line import Full, Line
from bot.ops.log import request_id
from bot.patience import again_in
from bot.preferences import Preferences, preferences_of
from bot.progress import Progress
from bot.proxies import Original, Originals, is_proxys
from bot.rules import Asker, NotHere
from bot.store import StoreError, new_id
from bot.store.records import MENTIONED
from bot.ui.hourglass import Hourglass
from bot.ui.refusals import Refusal, relative, sentence
from bot.ui.replies import replied_to
from bot.ui.retries import persistently
from bot.unanswered import log_unanswered, must_be_silent
from model.sentence import say, sentence_of

if TYPE_CHECKING:
    from bot.client import SongwriterBot

# Turns at a time for each song of a batch: as much as two workers need to be never idle; whoever comes new
# waits behind no more than those.
_TURNS = 4
# How often it is tried whether the first worker is ready.
_WARM_UP_SECONDS = 1.0
# How often it is noted how far messages have been looked at. What is lost with a crash is looked at again.
_NOTE_SECONDS = 10.0

_TOO_EARLY = say("One song at a time: post this picture again {when}.")


@dataclass(frozen=True, eq=False)
class _Posted:
    """A message with pictures in the line.

    Attributes:
        message: what somebody posted, or with what they asked.
        person: who that was; of a proxy's message, who posted what it repeats.
        author: who posted the pictures.
        found: those.
        addressed: whether it is for the bot.
        hourglass: says that it waits.
        request: names it in the log.
    """

    message: discord.Message
    person: discord.User | discord.Member
    author: int
    found: Found
    addressed: bool
    hourglass: Hourglass
    request: str

    @property
    def id(self) -> int:
        return self.message.id

    @property
    def user(self) -> int:
        return self.person.id

    @property
    def server(self) -> int | None:
        return self.message.guild.id if self.message.guild else None


class Pictures(commands.Cog):
    """Answers pictures in opted-in channels, in direct messages, and where it is mentioned."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot
        self._answered = Answered(since=discord.utils.time_snowflake(discord.utils.utcnow()))
        self._hints = Hints(bot, self._answered)
        self._originals = Originals()
        self._orders: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        config = bot.resources.config
        self._line = Line(config.limits, self._turn, _TURNS * config.engine.max_batch)
        self._progress = Progress(bot.store, bot.began)
        missed = partial(self._consider, spoken=False)
        self._catching_up = CatchingUp(bot, self._progress, self._line, missed)
        self._noting: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        await self._progress.load()
        self._noting = asyncio.create_task(self._note_now_and_then())

    async def cog_unload(self) -> None:
        """What has no answer now gets it from the process after this one."""
        if self._noting is not None:
            self._noting.cancel()
        await self._line.close()
        await self._note()

    @commands.Cog.listener()
    async def on_shard_connect(self, shard: int) -> None:
        self._progress.began_anew(shard)

    @commands.Cog.listener()
    async def on_shard_ready(self, shard: int) -> None:
        await self._catching_up.shard(shard)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        try:
            await self._consider(message, spoken=True)
        finally:
            self._progress.saw(message.guild.shard_id if message.guild else 0, message.id)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Somebody mentions the bot after all, or Discord adds the preview of a link."""
        if self._answered.may_still_be(payload.message_id):
            # What Discord adds by itself is no edit of the author's, and bears no time of one.
            await self._consider(payload.message, spoken=payload.message.edited_at is not None)

    async def _consider(self, message: discord.Message, *, spoken: bool) -> None:
        """Answer a message if it wants to be answered and was not yet.

        Args:
            message: as it is now.
            spoken: whether its author has just written or edited it.
        """
        # One person's are looked at in their order, whatever has to be looked up for each.
        async with self._orders.setdefault(message.author.id, asyncio.Lock()):
            has_none = await self._look_at(message, spoken=spoken)
        # The preview of a link may still be the picture: its event must find the order free.
        if has_none:
            await self._hints.give(message, here=await self._is_open(message))

    async def _look_at(self, message: discord.Message, *, spoken: bool) -> bool:
        """Hold a message that has pictures; whether it is for the bot and has none."""
        if message.id in self._answered or (person := await self._person(message)) is None:
            return False
        addressed = self._is_addressed(message)
        if not addressed and not candidates(message, self.bot.resources.config.pictures.hosts):
            return False
        request_id.set(new_id())
        author, found = await self._pictures(message, person.id, addressed)
        if not (found or (addressed and spoken)) or await must_be_silent(message, person.id, self.bot):
            return False
        if found and self._answered.claim(message.id):
            hourglass = Hourglass(message, self.bot)
            await self._hold(_Posted(message, person, author, found, addressed, hourglass, request_id.get()))
        return not found

    async def _person(self, message: discord.Message) -> discord.User | discord.Member | None:
        """Who posted a message, if that may be answered: neither a bot's, nor a webhook's by itself."""
        if not is_proxys(message):
            if message.author.bot:
                return None
            self._originals.remember(message)
            return message.author
        original, here = self._originals.repeated_by(message), await self._here(message)
        if original is not None:
            original.proxy = message.id
            await self._give_way(original, answered=here.own.proxies)
        if not here.own.proxies:
            return None
        return message.author if original is None else original.message.author

    async def _give_way(self, original: Original, *, answered: bool) -> None:
        """A proxy repeats a message, which costs nothing if it is gone, or the proxy ``answered`` instead."""
        if not (answered or original.deleted):
            return
        self._answered.claim(original.message.id)
        self._forget([original.message.id])
        if answered and original.reply is not None:
            await self.bot.poster.withdraw(original.reply)
        await self.bot.songs.take_back(original.request)

    async def _hold(self, posted: _Posted) -> None:
        """Put a message into the line, or say why there is no place for it."""
        left, cooldown = await self.bot.songs.pace(posted.user, posted.server)
        # The one that has its turn may not have begun its cooldown yet.
        first = 0.0 if self._line.serves(posted.user) else left
        seconds = first + cooldown * self._line.before(posted.user)
        try:
            if seconds > MOST_SECONDS:
                raise Full(_TOO_EARLY.filled(when=relative(seconds - MOST_SECONDS)))
            self._line.put(posted)
        except Refusal as error:
            log_unanswered(posted.message, error)
            await self.bot.poster.apologise(posted.message, sentence_of(error))
            return
        self._progress.wait(posted.message)
        posted.hourglass.turn(seconds)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self._forget([payload.message_id])
        if (original := self._originals.get(payload.message_id)) is not None:
            original.deleted = True
            if original.proxy is not None:
                await self._give_way(original, answered=False)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        self._forget(payload.message_ids)

    def _forget(self, messages: Collection[int]) -> None:
        for message in messages:
            self._line.remove(message)
        self._progress.done(messages)

    def _is_addressed(self, message: discord.Message) -> bool:
        """Whether a message is for the bot: a mention, a reply to it, or a direct message."""
        reference = message.reference
        before = reference.resolved if reference else None
        replies = isinstance(before, discord.Message) and before.author == self.bot.user
        # A server that is not known has no guild either, but another kind of channel.
        direct = isinstance(message.channel, discord.DMChannel)
        return replies or direct or self.bot.user in message.mentions

    async def _pictures(self, message: discord.Message, own: int, addressed: bool) -> tuple[int, Found]:
        """Who posted the pictures that are to be answered, and those; the message is ``own``'s.

        They are a message's own, or those of the one that it replies to where it is for the bot.
        """
        songs = self.bot.songs
        listens = addressed or await self._is_open(message)
        if listens and (found := await songs.pictures(message)):
            return own, found
        other = await replied_to(message) if addressed else None
        if other is None or other.author == self.bot.user:
            return own, NOTHING
        return other.author.id, await songs.pictures(other)

    async def _is_open(self, message: discord.Message) -> bool:
        """Whether pictures are answered in the message's channel, or in its thread's parent."""
        here = await self._here(message)
        if message.guild is not None and here.own.answer == MENTIONED:
            return False
        return here.listens(message.channel.id, getattr(message.channel, "parent_id", None))

    async def _here(self, message: discord.Message) -> Preferences:
        server = message.guild.id if message.guild else None
        return await preferences_of(server, self.bot.store, self.bot.resources.config)

    async def _turn(self, posted: _Posted) -> float | None:
        """Answer a message, or say after how many seconds to try again; see ``Line``."""
        request_id.set(posted.request)
        try:
            if not (seconds := await self._too_early(posted)):
                await self._answer(posted)
        except Exception as error:
            if not (seconds := again_in(error) or 0.0):
                await self._say(error, posted)
        if seconds:
            posted.hourglass.turn(seconds)
            return seconds
        self._progress.done([posted.id])
        posted.hourglass.take_away()
        return None

    async def _too_early(self, posted: _Posted) -> float:
        """Seconds until it is worth trying; 0 for now."""
        if self.bot.stopping:
            return math.inf
        if self.bot.songs.warming_up:
            return _WARM_UP_SECONDS
        left, _ = await self.bot.songs.pace(posted.user, posted.server)
        return left

    async def _answer(self, posted: _Posted) -> None:
        message, found, songs = posted.message, posted.found, self.bot.songs
        # It may have waited for long.
        if await must_be_silent(message, posted.user, self.bot):
            return
        asker = Asker.of(message, await self._with_roles(posted))
        request = await songs.requests.new("picture", asker, found.pictures, author=posted.author)
        original = self._originals.get(posted.id) or Original(message)
        original.request = request.id
        typing = asyncio.create_task(_type(message.channel))
        try:
            async with songs.written(request, found.pictures, patient=True) as output:
                typing.cancel()
                await self.bot.poster.reply(message, output, found.notes, original.answer)
        finally:
            typing.cancel()

    async def _with_roles(self, posted: _Posted) -> discord.User | discord.Member:
        """The person, with their roles where those matter: messages from a channel's history have none."""
        guild, person, own = posted.message.guild, posted.person, (await self._here(posted.message)).own
        if guild is None or isinstance(person, discord.Member) or is_proxys(posted.message):
            return person
        if own.allowed_roles or own.barred_roles:
            with suppress(discord.HTTPException):
                return await persistently(lambda: guild.fetch_member(person.id))
        return person

    async def _say(self, error: Exception, posted: _Posted) -> None:
        """Say why there is no song; where nobody has asked, nobody wants to hear of a server's rules."""
        log_unanswered(posted.message, error)
        if posted.addressed or not isinstance(error, NotHere):
            await self.bot.poster.apologise(posted.message, sentence(error, posted.request))

    async def _note_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_NOTE_SECONDS)
            await self._note()

    async def _note(self) -> None:
        # The store itself says when the database is away.
        with suppress(StoreError):
            await self._progress.save()


async def _type(channel: discord.abc.Messageable) -> None:
    """Show that something is coming until this is cancelled; a song does not wait for it or fail with it."""
    with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
        async with channel.typing():
            await asyncio.Event().wait()
