"""The world: people, servers, channels, messages, and who may do what."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from discord import Permissions

from tests.discord.errors import Refused

EPOCH_MS = 1_420_070_400_000
TEXT, DIRECT, THREAD = 0, 1, 11
DEFAULT, REPLY, SLASH, CONTEXT_MENU = 0, 19, 20, 23
HAS_THREAD, EPHEMERAL, LOADING, FORWARD, COMPONENTS_V2 = 1 << 5, 1 << 6, 1 << 7, 1 << 14, 1 << 15
# Of stickers.
FORMATS = {"png": 1, "apng": 2, "lottie": 3, "gif": 4}
MOST_EMOJIS = 20

EVERYONE = Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    read_message_history=True,
    add_reactions=True,
    attach_files=True,
    embed_links=True,
    use_application_commands=True,
    use_external_apps=True,
)


def now() -> str:
    return datetime.now(UTC).isoformat()


class Snowflakes:
    """Ids that carry the time and always grow."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        self._last = max(self._last + 1, (int(time.time() * 1000) - EPOCH_MS) << 22)
        return self._last


@dataclass(eq=False)
class User:
    """A person, a bot, or what a webhook says that it is."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-GB"
    webhook: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False)
class Role:
    id: int
    name: str
    permissions: Permissions
    position: int = 0


@dataclass(eq=False)
class Member:
    user: User
    roles: list[Role]
    joined: str = field(default_factory=now)


@dataclass(eq=False)
class Guild:
    id: int
    name: str
    owner: User
    everyone: Role
    locale: str = "en-GB"
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    # Where Discord welcomes new members.
    system_channel: Channel | None = None

    @property
    def roles(self) -> list[Role]:
        found = [self.everyone, *(role for member in self.members.values() for role in member.roles)]
        return list({role.id: role for role in found}.values())


@dataclass(eq=False)
class Channel:
    """A text channel, a thread, or direct messages.

    Attributes:
        overwrites: user or role id -> what is allowed and denied on top of the roles.
        nonces: messages sent with ``enforce_nonce``, which are not sent twice.
        nsfw: age-restricted; of a thread, that is its channel.
        owner: who started a thread; None: the server's owner.
    """

    id: int
    name: str
    type: int = TEXT
    guild: Guild | None = None
    parent: Channel | None = None
    nsfw: bool = False
    owner: User | None = None
    recipients: list[User] = field(default_factory=list)
    overwrites: dict[int, tuple[Permissions, Permissions]] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    nonces: dict[str, Message] = field(default_factory=dict)

    def permissions(self, user: User) -> Permissions:
        """What somebody may do here; everything in a direct message they are part of."""
        if self.guild is None:
            return Permissions.all() if user in self.recipients else Permissions.none()
        member = self.guild.members.get(user.id)
        if member is None:
            return Permissions.none()
        if user is self.guild.owner:
            return Permissions.all()
        value = self.guild.everyone.permissions.value
        for role in member.roles:
            value |= role.permissions.value
        if Permissions(value).administrator:
            return Permissions.all()
        overwrites = (self.parent or self).overwrites
        roles = [overwrites[role.id] for role in member.roles if role.id in overwrites]
        for layer in ([overwrites.get(self.guild.id)], roles, [overwrites.get(user.id)]):
            present = [pair for pair in layer if pair is not None]
            for _, denied in present:
                value &= ~denied.value
            for allowed, _ in present:
                value |= allowed.value
        return Permissions(value)

    def require(self, user: User, **needed: bool) -> None:
        """Raise what Discord would where somebody lacks a permission."""
        held = self.permissions(user)
        if not held.view_channel:
            raise Refused(50001)
        if self.type == THREAD and needed.pop("send_messages", False):
            needed["send_messages_in_threads"] = True
        if not held.is_superset(Permissions(**needed)):
            raise Refused(50013)

    def message(self, message_id: int) -> Message:
        """A message that everybody can see.

        Raises:
            Refused: there is none of this id.
        """
        found = self.messages.get(message_id)
        if found is None or found.flags & EPHEMERAL:
            raise Refused(10008)
        return found


@dataclass(eq=False)
class Attachment:
    """A file on the CDN.

    Attributes:
        lifetime: seconds that the signature of its address holds; negative: already expired.
        chunked: send it without a Content-Length.
        claims: keys of the payload that lie, such as ``size`` or ``content_type``.
        sent: bytes that left the CDN so far.
    """

    id: int
    channel: Channel
    filename: str
    data: bytes = field(repr=False)
    description: str | None = None
    ephemeral: bool = False
    lifetime: float = 24 * 3600.0
    chunked: bool = False
    claims: dict[str, Any] = field(default_factory=dict)
    sent: int = 0


@dataclass(eq=False)
class Sticker:
    """A sticker; ``format`` is one of ``FORMATS``."""

    id: int
    name: str
    format: int
    data: bytes = field(repr=False)


_ATTACHMENT_FIELDS = {"description", "ephemeral", "lifetime", "chunked"}


@dataclass(eq=False)
class Message:
    """One message, also after it was deleted.

    Attributes:
        reference: what it replies to.
        forwarded: the message that it forwards, as it was then and with nothing of its own.
        reactions: emoji -> who, in order; of those that do not burst.
        bursts: the same of those that do.
        metadata: of the interaction that it answers.
        webhook: sent by a webhook (or as an answer to an interaction).
        application: whose webhook that is, None for a server's own.
    """

    id: int
    channel: Channel
    author: User
    content: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    stickers: list[Sticker] = field(default_factory=list)
    reference: Message | None = None
    forwarded: Message | None = None
    mentions: list[User] = field(default_factory=list)
    mention_everyone: bool = False
    flags: int = 0
    type: int = DEFAULT
    metadata: dict[str, Any] | None = None
    webhook: int | None = None
    application: int | None = None
    nonce: str | None = None
    timestamp: str = field(default_factory=now)
    edited: str | None = None
    reactions: dict[str, list[User]] = field(default_factory=dict)
    bursts: dict[str, list[User]] = field(default_factory=dict)
    deleted: bool = False

    @property
    def emojis(self) -> list[str]:
        """Those that somebody reacted with, in order."""
        return [*(self.reactions | self.bursts)]

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        """Whether it still says that the bot is thinking."""
        return bool(self.flags & LOADING)

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """Everything in it that has a custom id, however deeply it lies."""
        return [part for part in walk(self.components) if "custom_id" in part]


def walk(components: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Components and all they hold."""
    for part in components:
        yield part
        inside = [*part.get("components", [])]
        inside += [part[key] for key in ("component", "accessory") if key in part]
        yield from walk(inside)


@dataclass
class Portal:
    """What the developer portal and Discord's rules set.

    Attributes:
        privileged: names of the privileged intents that are switched on.
        acknowledge_seconds, token_seconds: how long an interaction waits for its first answer,
            and how long its token is good.
        file_bytes, request_bytes: largest file and largest request of the bot.
    """

    token: str = "loopback.token.of-nobody"  # noqa: S105 -- good on the loopback only
    api_token_good: bool = True
    gateway_token_good: bool = True
    privileged: set[str] = field(default_factory=lambda: {"message_content"})
    shards: int = 1
    acknowledge_seconds: float = 3.0
    token_seconds: float = 15 * 60.0
    file_bytes: int = 10 * 2**20
    request_bytes: int = 25 * 2**20


class World:
    """Everything that exists; looking up what does not raises ``Refused``."""

    def __init__(self) -> None:
        self.new_id = Snowflakes()
        self.developer = User(self.new_id(), "developer")
        self.bot = User(self.new_id(), "songwriter", bot=True)
        self.users = {user.id: user for user in (self.developer, self.bot)}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.attachments: dict[int, Attachment] = {}
        self.stickers: dict[int, Sticker] = {}
        # Path on a proxy -> the copy of a picture from elsewhere.
        self.copies: dict[str, bytes] = {}
        # Server's id (None: everywhere) -> commands as Discord would list them.
        self.commands: dict[int | None, list[dict[str, Any]]] = {None: []}

    def user(self, user_id: int) -> User:
        return _found(self.users, user_id, 10013)

    def guild(self, guild_id: int) -> Guild:
        """A server that the bot is in."""
        guild = _found(self.guilds, guild_id, 10004)
        return guild if self.bot.id in guild.members else _found({}, guild_id, 10004)

    def channel(self, channel_id: int) -> Channel:
        """A channel that the bot can see."""
        channel = _found(self.channels, channel_id, 10003)
        if not channel.permissions(self.bot).view_channel:
            raise Refused(50001)
        return channel

    def add_channel(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        if channel.guild is not None:
            channel.guild.channels[channel.id] = channel
        return channel

    def direct(self, *people: User) -> Channel:
        """The direct messages between some people, the same each time."""
        for channel in self.channels.values():
            if channel.guild is None and set(channel.recipients) == set(people):
                return channel
        return self.add_channel(Channel(self.new_id(), "", DIRECT, recipients=list(people)))

    def attach(self, channel: Channel, filename: str, data: bytes, **more: Any) -> Attachment:
        """Put a file on the CDN; ``expired=True`` with an address that is no good any more.

        Args:
            channel: where it is posted.
            filename: with an ending.
            data: what a download gives.
            more: fields of ``Attachment``; any other key is claimed in the payload.
        """
        if more.pop("expired", False):
            more["lifetime"] = -60.0
        own = {key: more.pop(key) for key in _ATTACHMENT_FIELDS & more.keys()}
        attachment = Attachment(self.new_id(), channel, filename, data, claims=more, **own)
        self.attachments[attachment.id] = attachment
        return attachment


def _found(table: dict[int, Any], key: int, code: int) -> Any:
    if key not in table:
        raise Refused(code)
    return table[key]
