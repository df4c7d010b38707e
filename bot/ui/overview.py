"""What ``/settings show`` says: what holds in a server, who decided that, and what of it has no effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import discord

from bot.config import Config
from bot.language import ENGLISH, Language
from bot.preferences import Preferences
from bot.store import ServerSettings
from bot.store.records import ALWAYS, ASKER, EVERYBODY, HIDE, MENTIONED, SKIP
from bot.ui.permissions import may_reply
from bot.ui.replies import MAX_MESSAGE, hidden
from bot.ui.threads import may_start_threads
from model.sentence import Sentence, choice, joined, say

HOST, SERVER, DEFAULT = say("host"), say("server"), say("default")

SPOILERS = {HIDE: choice("answered, the song hidden as well"), SKIP: choice("not answered")}
ANSWERS = {ALWAYS: choice("always"), MENTIONED: choice("only when I am mentioned")}
BUTTONS = {EVERYBODY: choice("everybody"), ASKER: choice("who asked for the song, and moderators")}

# Channels, roles and words that are shown of a list.
_SHOWN = 8
_PLAIN = ServerSettings()

_IDLE = say("Without effect")
_NO_INTENT = say(
    "I see pictures only where I am mentioned: the host has not switched the message content intent on."
)
_SILENT = say(
    "I am silent in {places} until somebody gives me the permissions to see it, to write there and to read "
    "its history."
)
_NO_REACTIONS = say("I cannot set the rating reactions in {places}: the permission Add Reactions is missing.")
_NO_THREADS = say(
    "I cannot start threads in {places}, so I reply there: the permissions Create Public Threads and Send "
    "Messages in Threads are missing."
)
_GONE = say("I cannot find {places}: take it out, if it is gone.")
_LISTED = say("{places} is on the host's list, so that choosing it changes nothing.")
_UNLISTED = say("Pictures in {places} would not be answered anyway.")
_AGE_RESTRICTED = say("{places} is age-restricted: `/settings age-restricted` makes me answer there.")
_ONLY_MENTIONED = say(
    "Which channels are chosen makes no difference while I answer only when I am mentioned."
)
_CAPPED = say("The host allows {most} songs a day, so that the server's own number changes nothing.")


@dataclass(frozen=True)
class Overview:
    """Everything that there is to say about a server's settings.

    Attributes:
        here: what holds.
        config: the host's.
        guild: the server, as the bot knows it; None where it does not.
        message_content: whether the bot has that intent.
        language: of who asks.
    """

    here: Preferences
    config: Config
    guild: discord.Guild | None
    message_content: bool
    language: Language = ENGLISH

    def text(self) -> str:
        """As one message; of what has no effect, what does not fit in is left out."""
        said = self.language.said
        text = "\n".join(map(said, self._facts()))
        for number, sentence in enumerate(self._idle()):
            more = (f"\n**{said(_IDLE)}**" if number == 0 else "") + f"\n- {said(sentence)}"
            if len(text) + len(more) > MAX_MESSAGE:
                break
            text += more
        return text

    def _facts(self) -> Iterator[Sentence]:
        here, own = self.here, self.here.own
        limit = self.config.limits.server_per_day
        by_server = own.per_day is not None and here.per_day != limit
        ratings = joined(" ", here.reactions)
        yield say("Pictures are answered: {when}", when=self._chosen("answer", ANSWERS[own.answer]))
        yield say("In: {channels}", channels=self._channels())
        if own.allowed_roles or own.barred_roles:
            yield say("Songs for: {roles}", roles=_by(SERVER, _roles(own)))
        yield say("Spoilers: {rule}", rule=self._chosen("spoilers", SPOILERS[own.spoilers]))
        adults = self._chosen("age_restricted", _answered(own.age_restricted))
        yield say("Age-restricted channels: {answered}", answered=adults)
        proxies = self._chosen("proxies", _answered(own.proxies))
        yield say("Proxies and other webhooks: {answered}", answered=proxies)
        yield say("Temperature: {value}", value=self._of("temperature", f"{here.temperature:g}"))
        mood = choice(here.mood) if here.mood else say("what a picture suggests")
        yield say("Mood: {mood}", mood=self._chosen("mood", mood))
        yield say("Style: {style}", style=self._of("style", choice(here.style)))
        yield say("Lines: {number}", number=self._of("lines", here.lines))
        scheme = choice(here.scheme) if here.scheme else say("any")
        yield say("Scheme: {scheme}", scheme=self._chosen("scheme", scheme))
        yield say("Own words that I never sing: {words}", words=_words(own.words))
        where = say("in threads") if own.threads else say("as replies")
        yield say("Songs are posted: {where}", where=self._chosen("threads", where))
        quiet = say("on") if own.quiet_line else say("off")
        yield say("Quiet line: {on}", on=self._chosen("quiet_line", quiet))
        yield say("Buttons: for {whom}", whom=self._chosen("buttons", BUTTONS[own.buttons]))
        rated = self._of("reactions", ratings) if own.ratings else _by(SERVER, say("off"))
        yield say("Ratings: {reactions}", reactions=rated)
        cooldown = self._of("cooldown", f"{here.cooldown:g}")
        yield say("Seconds between two songs for one person: {seconds}", seconds=cooldown)
        day = say("any number") if here.per_day is None else here.per_day
        yield say("Songs a day here: {number}", number=_by(SERVER if by_server else HOST, day))

    def _channels(self) -> Sentence:
        hosts, own = self._hosts(), self.here.own
        parts = [_by(HOST, say("every channel"))] if self.here.everywhere else []
        listed = hosts - set(own.excluded)
        parts += [_by(HOST, _named(listed))] if listed else []
        chosen = set(own.channels) - listed
        parts += [_by(SERVER, _named(chosen))] if chosen else []
        parts = parts or [say("no channel yet (use `/settings channel`)")]
        if own.excluded:
            parts.append(_by(SERVER, say("not in {places}", places=_named(own.excluded))))
        return joined(" · ", parts)

    def _idle(self) -> Iterator[Sentence]:
        """What has no effect, and why, the worst first."""
        here, own = self.here, self.here.own
        if not self.message_content and own.answer == ALWAYS and (here.everywhere or here.channels):
            yield _NO_INTENT
        if own.answer == MENTIONED and (own.channels or own.excluded):
            yield _ONLY_MENTIONED
        yield from self._by_permissions()
        adults = [one for one in self._open() if _is_age_restricted(one)]
        if adults and not own.age_restricted:
            yield _AGE_RESTRICTED.filled(places=_named(one.id for one in adults))
        if listed := self._listed():
            yield _LISTED.filled(places=_named(listed))
        if unlisted := {one for one in own.excluded if not self._would_listen(one)}:
            yield _UNLISTED.filled(places=_named(unlisted))
        if self.guild is not None:
            gone = [one for one in (*own.channels, *own.excluded) if self._place(one) is None]
            roles = [one for one in (*own.allowed_roles, *own.barred_roles) if not self.guild.get_role(one)]
            if gone or roles:
                yield _GONE.filled(places=joined(" ", filter(None, (_named(gone), _named(roles, "@&")))))
        limit = self.config.limits.server_per_day
        if limit is not None and own.per_day is not None and own.per_day > limit:
            yield _CAPPED.filled(most=limit)

    def _by_permissions(self) -> Iterator[Sentence]:
        places, own = self._open(), self.here.own
        silent = [one for one in places if not may_reply(one)]
        if silent:
            yield _SILENT.filled(places=_named(one.id for one in silent))
        heard = [one for one in places if one not in silent]
        mute = [one for one in heard if not one.permissions_for(one.guild.me).add_reactions]
        if mute and own.ratings:
            yield _NO_REACTIONS.filled(places=_named(one.id for one in mute))
        flat = [one for one in heard if isinstance(one, discord.TextChannel) and not may_start_threads(one)]
        if flat and own.threads:
            yield _NO_THREADS.filled(places=_named(one.id for one in flat))

    def _open(self) -> list[discord.abc.GuildChannel | discord.Thread]:
        """The channels in which pictures are answered, as far as they are known."""
        if self.guild is None:
            return []
        guild = self.guild
        if self.here.everywhere:
            found: list[discord.abc.GuildChannel] = [*guild.text_channels]
            found += [*guild.voice_channels, *guild.forums]
            return [one for one in found if self.here.listens(one.id, None)]
        listed = [self._place(one) for one in sorted(self.here.channels - set(self.here.own.excluded))]
        return [one for one in listed if one is not None]

    def _place(self, channel: int) -> discord.abc.GuildChannel | discord.Thread | None:
        return None if self.guild is None else self.guild.get_channel_or_thread(channel)

    def _listed(self) -> set[int]:
        """The channels that the server chose and the host's list has anyway."""
        chosen = set(self.here.own.channels)
        return chosen if self.here.everywhere and not self.here.own.excluded else chosen & self._hosts()

    def _would_listen(self, channel: int) -> bool:
        """Whether pictures would be answered in a channel if it were not excluded."""
        parent = getattr(self._place(channel), "parent_id", None)
        return self.here.everywhere or channel in self.here.channels or parent in self.here.channels

    def _hosts(self) -> set[int]:
        """Of the host's list, the channels of this server; all of them where that is not known."""
        listed = self.config.discord.picture_channels
        known = set() if listed == "all" else set(listed)
        return known if self.guild is None else {one for one in known if self._place(one) is not None}

    def _of(self, name: str, value: object) -> Sentence:
        """What the configuration has a value for, and who decided it."""
        return _by(HOST if getattr(self.here.own, name) is None else SERVER, value)

    def _chosen(self, name: str, value: object) -> Sentence:
        """What only a server decides, and whether it did."""
        plain = getattr(self.here.own, name) == getattr(_PLAIN, name)
        return _by(DEFAULT if plain else SERVER, value)


def _by(whom: Sentence, value: object) -> Sentence:
    """A value, and who decided it."""
    return say("{value} ({whom})", value=value, whom=whom)


def _named(ids: Collection[int] | Iterator[int], mark: str = "#") -> Sentence:
    """Channels or roles as mentions, and how many more there are."""
    found = sorted(ids)
    return _some([f"<{mark}{one}>" for one in found[:_SHOWN]], len(found) - _SHOWN)


def _some(shown: Collection[str], left_out: int) -> Sentence:
    """A part of a list, and how much is left out."""
    more = [say("and {n} more", n=left_out)] if left_out > 0 else []
    return joined(" ", [*shown, *more])


def _roles(own: ServerSettings) -> Sentence:
    allowed = _named(own.allowed_roles, "@&") or choice("everybody")
    if not own.barred_roles:
        return allowed
    return say("{roles}, but not {others}", roles=allowed, others=_named(own.barred_roles, "@&"))


def _words(words: Collection[str]) -> Sentence:
    """They are nothing that everybody wants to read."""
    if not words:
        return _by(DEFAULT, say("none"))
    return _by(SERVER, _some([hidden(" ".join(sorted(words)[:_SHOWN]))], len(words) - _SHOWN))


def _answered(yes: bool) -> Sentence:
    return choice("answered") if yes else choice("not answered")


def _is_age_restricted(place: discord.abc.GuildChannel | discord.Thread) -> bool:
    return hasattr(place, "is_nsfw") and bool(place.is_nsfw())
