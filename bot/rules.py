"""A server's rules: who may ask for songs, where, and about which pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord

from bot.images import PictureRef
from bot.preferences import Preferences
from bot.store.records import ASKER, SKIP
from bot.ui.refusals import NotYours, Refusal
from model.sentence import say

_ROLES = say("This server has songs for some roles only, and yours are not among them.")
_NOT_YOURS = say("In this server only who asked for a song, or a moderator, may press its buttons.")
_SPOILER = say("That picture is a spoiler, and this server wants no songs about spoilers.")
_AGE_RESTRICTED = say(
    "This channel is age-restricted: I sing about pictures here once somebody who manages the server says "
    "`/settings age-restricted`."
)


class NotHere(Refusal):
    """What a server's rules do not allow."""


@dataclass(frozen=True)
class Asker:
    """Who asks for a song, and where.

    Attributes:
        user: the person.
        server: where, None in a direct message.
        age_restricted: whether the channel is only for adults.
        roles: ids of the person's, "everyone" among them.
    """

    user: int
    server: int | None
    age_restricted: bool = False
    roles: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        asked: discord.Message | discord.Interaction[Any],
        person: discord.User | discord.Member | None = None,
    ) -> Asker:
        """Whoever used a command or button, or wrote a message, unless that is a proxy's of a ``person``."""
        if isinstance(asked, discord.Message):
            user, server = person or asked.author, asked.guild.id if asked.guild else None
        else:
            user, server = asked.user, asked.guild_id
        roles = frozenset(role.id for role in getattr(user, "roles", ()))
        return cls(user.id, server, _is_age_restricted(asked.channel), roles)


def check_person(asker: Asker, here: Preferences) -> None:
    """Let somebody ask for a song.

    Raises:
        NotHere: the server does not want that of people with their roles.
    """
    allowed, barred = here.own.allowed_roles, here.own.barred_roles
    if not asker.roles.isdisjoint(barred) or (allowed and asker.roles.isdisjoint(allowed)):
        raise NotHere(_ROLES)


def check_picture(asker: Asker, here: Preferences, pictures: Sequence[PictureRef] = ()) -> None:
    """Let a song about pictures through, or about what was seen on one before.

    Raises:
        NotHere: the server does not want one about these, or there.
    """
    if asker.age_restricted and not here.own.age_restricted:
        raise NotHere(_AGE_RESTRICTED)
    if here.own.spoilers == SKIP and any(picture.spoiler for picture in pictures):
        raise NotHere(_SPOILER)


def check_press(asker: Asker, here: Preferences, owner: int, *, moderates: bool) -> None:
    """Let somebody press a button under a song.

    Args:
        asker: who presses.
        here: what holds there.
        owner: who asked for the song.
        moderates: whether who presses may manage messages there.

    Raises:
        NotYours: the server leaves that to who asked, and to moderators.
    """
    if here.own.buttons == ASKER and asker.user != owner and not moderates:
        raise NotYours(_NOT_YOURS)


def _is_age_restricted(channel: object) -> bool:
    """Of a thread, what its channel is; what has no such mark, as direct messages have none, is not."""
    return hasattr(channel, "is_nsfw") and bool(channel.is_nsfw())
