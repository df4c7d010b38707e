"""What ``/settings show`` says: what holds in a server, who decided that, and what of it has no effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import discord

from bot.config import Config
from bot.preferences import Preferences
from bot.store import ServerSettings
from bot.store.records import ALWAYS, ASKER, EVERYBODY, HIDE, MENTIONED, SKIP
from bot.ui.permissions import may_reply
from bot.ui.replies import MAX_MESSAGE, hidden
from bot.ui.threads import may_start_threads

HOST, SERVER, DEFAULT = "host", "server", "default"

SPOILERS = {HIDE: "answered, the song hidden as well", SKIP: "not answered"}
ANSWERS = {ALWAYS: "always", MENTIONED: "only when I am mentioned"}
BUTTONS = {EVERYBODY: "everybody", ASKER: "who asked for the song, and moderators"}

# Channels, roles and words that are shown of a list.
_SHOWN = 8
_PLAIN = ServerSettings()

_NO_INTENT = (
    "I see pictures only where I am mentioned: the host has not switched the message content intent on."
)
_SILENT = (
    "I am silent in {} until somebody gives me the permissions to see it, to write there and to read its "
    "history."
)
_NO_REACTIONS = "I cannot set the rating reactions in {}: the permission Add Reactions is missing."
_NO_THREADS = (
    "I cannot start threads in {}, so I reply there: the permissions Create Public Threads and Send Messages "
    "in Threads are missing."
)
_GONE = "I cannot find {}: take it out, if it is gone."
_LISTED = "{} is on the host's list, so that choosing it changes nothing."
_UNLISTED = "Pictures in {} would not be answered anyway."
_AGE_RESTRICTED = "{} is age-restricted: `/settings age-restricted` makes me answer there."
_ONLY_MENTIONED = "Which channels are chosen makes no difference while I answer only when I am mentioned."
_CAPPED = "The host allows {} songs a day, so that the server's own number changes nothing."


@dataclass(frozen=True)
class Overview:
    """Everything that there is to say about a server's settings.

    Attributes:
        here: what holds.
        config: the host's.
        guild: the server, as the bot knows it; None where it does not.
        message_content: whether the bot has that intent.
    """

    here: Preferences
    config: Config
    guild: discord.Guild | None
    message_content: bool

    def text(self) -> str:
        """As one message; of what has no effect, what does not fit in is left out."""
        text = "\n".join(self._facts())
        for number, sentence in enumerate(self._idle()):
            more = ("\n**Without effect**" if number == 0 else "") + f"\n- {sentence}"
            if len(text) + len(more) > MAX_MESSAGE:
                break
            text += more
        return text

    def _facts(self) -> Iterator[str]:
        here, own = self.here, self.here.own
        yield f"Pictures are answered: {ANSWERS[own.answer]}{self._chosen('answer')}"
        yield f"In: {self._channels()}"
        if own.allowed_roles or own.barred_roles:
            yield f"Songs for: {_roles(own)} ({SERVER})"
        yield f"Spoilers: {SPOILERS[own.spoilers]}{self._chosen('spoilers')}"
        yield f"Age-restricted channels: {_answered(own.age_restricted)}{self._chosen('age_restricted')}"
        yield f"Proxies and other webhooks: {_answered(own.proxies)}{self._chosen('proxies')}"
        yield f"Temperature: {here.temperature:g}{self._of('temperature')}"
        yield f"Mood: {here.mood or 'what a picture suggests'}{self._chosen('mood')}"
        yield f"Style: {here.style}{self._of('style')}"
        yield f"Lines: {here.lines}{self._of('lines')}"
        yield f"Scheme: {here.scheme or 'any'}{self._chosen('scheme')}"
        yield f"Own words that I never sing: {_words(own.words)}"
        yield f"Songs are posted: {'in threads' if own.threads else 'as replies'}{self._chosen('threads')}"
        yield f"Quiet line: {'on' if own.quiet_line else 'off'}{self._chosen('quiet_line')}"
        yield f"Buttons: for {BUTTONS[own.buttons]}{self._chosen('buttons')}"
        ratings = " ".join(here.reactions) + self._of("reactions") if own.ratings else f"off ({SERVER})"
        yield f"Ratings: {ratings}"
        yield f"Seconds between two songs for one person: {here.cooldown:g}{self._of('cooldown')}"
        limit = self.config.limits.server_per_day
        by_server = own.per_day is not None and here.per_day != limit
        day = "any number" if here.per_day is None else f"{here.per_day}"
        yield f"Songs a day here: {day} ({SERVER if by_server else HOST})"

    def _channels(self) -> str:
        hosts, own = self._hosts(), self.here.own
        parts = [f"every channel ({HOST})"] if self.here.everywhere else []
        listed = hosts - set(own.excluded)
        parts += [f"{_named(listed)} ({HOST})"] if listed else []
        chosen = set(own.channels) - listed
        parts += [f"{_named(chosen)} ({SERVER})"] if chosen else []
        text = " · ".join(parts) or "no channel yet (use `/settings channel`)"
        return text + (f" · not in {_named(own.excluded)} ({SERVER})" if own.excluded else "")

    def _idle(self) -> Iterator[str]:
        """What has no effect, and why, the worst first."""
        here, own = self.here, self.here.own
        if not self.message_content and own.answer == ALWAYS and (here.everywhere or here.channels):
            yield _NO_INTENT
        if own.answer == MENTIONED and (own.channels or own.excluded):
            yield _ONLY_MENTIONED
        yield from self._by_permissions()
        adults = [one for one in self._open() if _is_age_restricted(one)]
        if adults and not own.age_restricted:
            yield _AGE_RESTRICTED.format(_named(one.id for one in adults))
        if listed := self._listed():
            yield _LISTED.format(_named(listed))
        if unlisted := {one for one in own.excluded if not self._would_listen(one)}:
            yield _UNLISTED.format(_named(unlisted))
        if self.guild is not None:
            gone = [one for one in (*own.channels, *own.excluded) if self._place(one) is None]
            roles = [one for one in (*own.allowed_roles, *own.barred_roles) if not self.guild.get_role(one)]
            if gone or roles:
                yield _GONE.format(" ".join(filter(None, (_named(gone), _named(roles, "@&")))))
        limit = self.config.limits.server_per_day
        if limit is not None and own.per_day is not None and own.per_day > limit:
            yield _CAPPED.format(limit)

    def _by_permissions(self) -> Iterator[str]:
        places, own = self._open(), self.here.own
        silent = [one for one in places if not may_reply(one)]
        if silent:
            yield _SILENT.format(_named(one.id for one in silent))
        heard = [one for one in places if one not in silent]
        mute = [one for one in heard if not one.permissions_for(one.guild.me).add_reactions]
        if mute and own.ratings:
            yield _NO_REACTIONS.format(_named(one.id for one in mute))
        flat = [one for one in heard if isinstance(one, discord.TextChannel) and not may_start_threads(one)]
        if flat and own.threads:
            yield _NO_THREADS.format(_named(one.id for one in flat))

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

    def _of(self, name: str) -> str:
        """Who decided what the configuration has a value for."""
        return f" ({HOST if getattr(self.here.own, name) is None else SERVER})"

    def _chosen(self, name: str) -> str:
        """Who decided what only a server decides."""
        plain = getattr(self.here.own, name) == getattr(_PLAIN, name)
        return f" ({DEFAULT if plain else SERVER})"


def _named(ids: Collection[int] | Iterator[int], mark: str = "#") -> str:
    """Channels or roles as mentions, and how many more there are."""
    found = sorted(ids)
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return " ".join([*(f"<{mark}{one}>" for one in found[:_SHOWN]), *more])


def _roles(own: ServerSettings) -> str:
    allowed = _named(own.allowed_roles, "@&") or "everybody"
    return allowed + (f", but not {_named(own.barred_roles, '@&')}" if own.barred_roles else "")


def _words(words: Collection[str]) -> str:
    """They are nothing that everybody wants to read."""
    if not words:
        return f"none ({DEFAULT})"
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{hidden(' '.join(sorted(words)[:_SHOWN]))}{more} ({SERVER})"


def _answered(yes: bool) -> str:
    return "answered" if yes else "not answered"


def _is_age_restricted(place: discord.abc.GuildChannel | discord.Thread) -> bool:
    return hasattr(place, "is_nsfw") and bool(place.is_nsfw())
