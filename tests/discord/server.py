"""The loopback Discord as a test uses it: a world to arrange, people to act, faults to inject."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from discord import Permissions

from tests.discord import cdn, commands, payloads, tls, wire
from tests.discord.actions import Actions
from tests.discord.faults import Fault, Faults
from tests.discord.gateway import Gateway
from tests.discord.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interaction, Interactions
from tests.discord.rest import Rest
from tests.discord.state import (
    COMPONENTS_V2,
    EVERYONE,
    FORMATS,
    FORWARD,
    REPLY,
    TEXT,
    THREAD,
    Attachment,
    Channel,
    Guild,
    Member,
    Message,
    Portal,
    Role,
    Sticker,
    User,
    World,
    now,
    walk,
)
from tests.discord.traffic import PATIENCE, Exchange, Traffic, wait_until

# A file to post: name, bytes, and what is not as usual (see ``World.attach``).
Upload = Attachment | tuple[str, bytes] | tuple[str, bytes, dict[str, Any]]


class LoopbackDiscord:
    """A running loopback Discord; make one with ``running()``.

    Attributes:
        address, port: where all three hosts listen.
        ca_file: PEM of the authority that signed their certificate, for ``SSL_CERT_FILE``.
        hosts: name -> address, for a hosts file.
        resolver: of the connectors; its ``asked`` names every host a client looked up.
        portal: settings of the application and Discord's deadlines; change them at will.
        world, gateway, traffic: the parts, to look at.
    """

    def __init__(self, **settings: Any) -> None:
        self.address, self.port, self.ca_file = "", 0, Path()
        self.resolver = tls.Resolver("", 0)
        self.portal = Portal(**settings)
        self.world, self.traffic, self._faults = World(), Traffic(), Faults()
        self.gateway = Gateway(self.world, self.portal, self.traffic)
        self._actions = Actions(self.world, self.gateway)
        self._interactions = Interactions(self.world, self.portal, self.gateway, self._actions)

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls, address: str = "127.0.0.1", port: int = 0, **settings: Any
    ) -> AsyncIterator[LoopbackDiscord]:
        """Serve until the block ends.

        Args:
            address: to listen on.
            port: 0 for any; 443 where a process finds us by a hosts file.
            settings: fields of ``Portal``.

        Raises:
            Exception: at the end, the first mistake of the loopback itself.
        """
        discord = cls(**settings)
        certificate, context = tls.certificates()
        runner = web.AppRunner(discord._application(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        with tempfile.TemporaryDirectory() as folder:
            discord.ca_file = Path(folder) / "ca.pem"
            discord.ca_file.write_bytes(certificate)
            try:
                await web.TCPSite(runner, address, port, ssl_context=context).start()
                discord.address, discord.port = runner.addresses[0][:2]
                discord.resolver = tls.Resolver(discord.address, discord.port)
                yield discord
            finally:
                await discord.gateway.hang_up()
                await runner.cleanup()
        # The bot saw a 500 that Discord would not have sent: no result of the test can be trusted.
        if discord.traffic.mistakes:
            raise discord.traffic.mistakes[0]

    def _application(self) -> web.Application:
        api = web.Application()
        rest = Rest(self.world, self.portal, self._actions)
        for route in (*rest.routes(), *self._interactions.routes()):
            api.router.add_route(route.method, wire.BASE + route.path, route.handler)
        gateway = web.Application()
        gateway.add_routes([web.get("/", self.gateway.handle)])
        middleware = wire.wire(self.portal, self._faults, self.traffic)
        everything = web.Application(middlewares=[middleware], client_max_size=wire.MOST_READ)
        everything.add_domain(tls.API, api)
        everything.add_domain(tls.GATEWAY, gateway)
        for host in (*tls.CDNS, *tls.PROXIES):
            downloads = web.Application()
            downloads.add_routes(cdn.routes(self.world, resizes=host in tls.RESIZING))
            everything.add_domain(host, downloads)
        return everything

    # How a bot gets here

    @property
    def token(self) -> str:
        return self.portal.token

    @property
    def bot(self) -> User:
        return self.world.bot

    @property
    def hosts(self) -> dict[str, str]:
        return dict.fromkeys(tls.HOSTS, self.address)

    def connector(self) -> aiohttp.TCPConnector:
        """For ``Bot(..., connector=...)``; make it in the loop that uses it."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return aiohttp.TCPConnector(resolver=self.resolver, ssl=context, limit=0)

    async def ready(self, timeout: float = PATIENCE) -> None:
        """Wait until every shard of a bot is connected."""
        await wait_until(lambda: len(self._connected()) >= self.portal.shards, timeout)

    def _connected(self) -> set[int]:
        return {one.shard for one in self.gateway.sessions.values() if one.connection is not None}

    # The world

    def add_user(self, name: str = "somebody", *, bot: bool = False, locale: str = "en-GB") -> User:
        user = User(self.world.new_id(), name, bot, locale)
        self.world.users[user.id] = user
        return user

    def add_guild(
        self,
        name: str = "server",
        *,
        owner: User | None = None,
        with_bot: bool = True,
        bot_permissions: Permissions | None = None,
    ) -> Guild:
        """A server; ``with_bot=False`` for one where people bring the app themselves."""
        owner = owner or self.add_user(f"owner of {name}")
        guild_id = self.world.new_id()
        everyone = Role(guild_id, "@everyone", Permissions(EVERYONE.value))
        guild = self.world.guilds[guild_id] = Guild(guild_id, name, owner, everyone)
        self.add_member(guild, owner)
        if with_bot:
            self.invite(guild, bot_permissions)
        return guild

    def invite(self, guild: Guild, permissions: Permissions | None = None) -> None:
        """Let the bot into a server."""
        self.add_member(guild, self.bot, permissions)
        data = payloads.guild(guild, self.bot)
        # Discord says of a server that the bot has just joined neither that it is there nor that it is not.
        data.pop("unavailable")
        self.gateway.dispatch("GUILD_CREATE", data, guild_id=guild.id)

    def remove_bot(self, guild: Guild) -> None:
        """Throw the bot out of a server."""
        del guild.members[self.bot.id]
        self.gateway.dispatch("GUILD_DELETE", {"id": str(guild.id)}, guild_id=guild.id)

    def add_member(self, guild: Guild, user: User, permissions: Permissions | None = None) -> Member:
        """Let somebody in, with permissions beyond everybody's."""
        roles = []
        if permissions is not None:
            roles.append(Role(self.world.new_id(), f"role of {user.name}", permissions, len(guild.members)))
        member = guild.members[user.id] = Member(user, roles)
        data = payloads.full_member(member) | {"guild_id": str(guild.id)}
        self.gateway.dispatch("GUILD_MEMBER_ADD", data, guild_id=guild.id)
        return member

    def add_role(self, guild: Guild, name: str, *people: User) -> Role:
        """A role that some members have; it allows nothing by itself."""
        role = Role(self.world.new_id(), name, Permissions.none(), len(guild.roles))
        for person in people:
            guild.members[person.id].roles.append(role)
        data = {"guild_id": str(guild.id), "role": payloads.role(role)}
        self.gateway.dispatch("GUILD_ROLE_CREATE", data, guild_id=guild.id)
        return role

    def add_channel(
        self, guild: Guild, name: str = "general", *, nsfw: bool = False, parent: Channel | None = None
    ) -> Channel:
        """A text channel, or a thread of its parent."""
        kind = TEXT if parent is None else THREAD
        channel = Channel(self.world.new_id(), name, kind, guild, parent, nsfw)
        self.world.add_channel(channel)
        event = "CHANNEL_CREATE" if parent is None else "THREAD_CREATE"
        self.gateway.dispatch(event, payloads.channel(channel, self.bot), channel)
        return channel

    def permit(
        self,
        channel: Channel,
        whom: User | Role,
        allow: Permissions | None = None,
        deny: Permissions | None = None,
    ) -> None:
        """Overwrite what somebody may do in a channel."""
        channel.overwrites[whom.id] = (allow or Permissions.none(), deny or Permissions.none())
        data = payloads.channel(channel, self.bot)
        guild_id = channel.guild.id if channel.guild else None
        self.gateway.dispatch("CHANNEL_UPDATE", data, guild_id=guild_id)

    def direct(self, user: User, other: User | None = None) -> Channel:
        """The direct messages between somebody and the bot, or somebody else."""
        return self.world.direct(user, other or self.bot)

    # What people do

    async def post(
        self,
        channel: Channel,
        user: User,
        content: str = "",
        attachments: Iterable[Upload] = (),
        *,
        reference: Message | None = None,
        mentions: Iterable[User] = (),
        stickers: Iterable[Sticker] = (),
        components: Iterable[dict[str, Any]] = (),
        webhook: bool = False,
        ping: bool = True,
    ) -> Message:
        """Post a message; a reply mentions its author unless ``ping`` is off.

        Components are those that show things (V2), which only apps and webhooks post; their files
        are uploaded before (``upload``), and Discord does not list them again as attachments.
        """
        message = Message(self.world.new_id(), channel, user, content, reference=reference)
        message.attachments = [self.upload(channel, one) for one in attachments]
        message.stickers, message.components = [*stickers], [*components]
        for number, part in enumerate(walk(message.components), 1):
            part.setdefault("id", number)
            message.flags = COMPONENTS_V2
        people = [*mentions, *self._named(content)]
        if reference is not None:
            message.type = REPLY
            people += [reference.author] if ping else []
        message.mentions = list(dict.fromkeys(people))
        if webhook:
            self._by_webhook(message, user.name)
        return self._actions.post(message)

    def _by_webhook(self, message: Message, name: str) -> None:
        """Let a webhook have posted a message: its author has the webhook's id, and is nobody's member."""
        message.webhook = self.world.new_id()
        message.author = User(message.webhook, name, bot=True, webhook=True)

    async def proxy(self, message: Message, content: str | None = None) -> Message:
        """Have an app such as PluralKit post a message once more by its webhook, files and all.

        It deletes the first one a moment later; that is left to the test.
        """
        said = message.content if content is None else content
        copy = Message(self.world.new_id(), message.channel, message.author, said)
        copy.attachments = [
            self.world.attach(copy.channel, one.filename, one.data, **one.claims)
            for one in message.attachments
        ]
        self._by_webhook(copy, f"alter of {message.author.name}")
        copy.application = self.world.new_id()
        return self._actions.post(copy)

    def _named(self, content: str) -> list[User]:
        return [one for one in self.world.users.values() if one.mention in content]

    async def forward(self, message: Message, user: User, channel: Channel) -> Message:
        """Forward a message to a channel."""
        forward = Message(self.world.new_id(), channel, user, forwarded=message, flags=FORWARD)
        return self._actions.post(forward)

    async def unfurl(self, message: Message, *previews: dict[str, Any]) -> None:
        """Add previews of a message's links; nobody has edited it."""
        message.embeds = [*message.embeds, *previews]
        self._actions.edited(message)

    def add_sticker(self, data: bytes, kind: str = "png") -> Sticker:
        """A sticker that people can post."""
        sticker = Sticker(self.world.new_id(), "sticker", FORMATS[kind], data)
        self.world.stickers[sticker.id] = sticker
        return sticker

    def upload(self, channel: Channel, item: Upload) -> Attachment:
        """Put a file on the CDN without posting it."""
        if isinstance(item, Attachment):
            return item
        name, data, *claims = item
        return self.world.attach(channel, name, data, **(claims[0] if claims else {}))

    async def edit(self, message: Message, content: str) -> None:
        replied_to = [message.reference.author] if message.reference else []
        pinged = [one for one in replied_to if one in message.mentions]
        message.mentions = list(dict.fromkeys([*self._named(content), *pinged]))
        message.content, message.edited = content, now()
        self._actions.edited(message)

    async def delete(self, message: Message) -> None:
        self._actions.delete(message)

    async def react(self, message: Message, user: User, emoji: str, burst: bool = False) -> None:
        self._actions.react(message, user, emoji, burst)

    async def unreact(self, message: Message, user: User, emoji: str, burst: bool = False) -> None:
        self._actions.unreact(message, user, emoji, burst)

    async def slash(
        self,
        user: User,
        channel: Channel,
        name: str,
        options: Mapping[str, Any] | None = None,
        *,
        user_install: bool = False,
    ) -> Interaction:
        """Use a slash command that the bot has registered.

        Args:
            user: who.
            channel: where.
            name: with the names of subcommands: ``"privacy show"``.
            options: by name; an attachment as an ``Upload``.
            user_install: as an app that the person installed for themselves.

        Raises:
            NotOffered: Discord's client would not let it through.
        """
        return self._command(user, channel, name, options or {}, user_install, COMMAND)

    async def autocomplete(
        self, user: User, channel: Channel, name: str, typing: str, text: str, **others: Any
    ) -> Interaction:
        """Type into an option; the answer's ``choices`` are what the bot offers."""
        return self._command(user, channel, name, {**others, typing: text}, False, AUTOCOMPLETE, typing)

    def _command(
        self,
        user: User,
        channel: Channel,
        name: str,
        options: Mapping[str, Any],
        user_install: bool,
        kind: int,
        typing: str = "",
    ) -> Interaction:
        owners, context = self._installation(user, channel, user_install)
        first, by_user = name.split()[0], "0" not in owners
        command = commands.find(self.world, channel, user, first, commands.SLASH, context, by_user)
        data = commands.invoke(self.world, channel, command, name, options, typing)
        return self._interactions.start(kind, user, channel, data, owners=owners, context=context)

    async def context_menu(
        self, user: User, message: Message, name: str, *, user_install: bool = False
    ) -> Interaction:
        """Use a message context menu."""
        channel = message.channel
        owners, context = self._installation(user, channel, user_install)
        by_user, kind = "0" not in owners, commands.MESSAGE_MENU
        command = commands.find(self.world, channel, user, name, kind, context, by_user)
        data = commands.on_message(command, message)
        more = {"owners": owners, "context": context, "message": message}
        return self._interactions.start(COMMAND, user, channel, data, **more)

    async def click(
        self, user: User, message: Message, custom_id: str, values: Iterable[str] | None = None
    ) -> Interaction:
        """Click a button, or choose from a menu; the id may be any part that only one of them has."""
        found = [part for part in message.buttons if custom_id in part["custom_id"]]
        if len(found) != 1 or found[0].get("disabled"):
            raise commands.NotOffered(f"{custom_id!r}: {[part['custom_id'] for part in message.buttons]}")
        part = found[0]
        data = {"custom_id": part["custom_id"], "component_type": part["type"], "id": part["id"]}
        data |= {} if values is None else {"values": [*values]}
        metadata = message.metadata or {}
        owners, context = self._installation(user, message.channel, False)
        owners = metadata.get("authorizing_integration_owners", owners)
        more = {"owners": owners, "context": context, "message": message}
        return self._interactions.start(COMPONENT, user, message.channel, data, **more)

    async def submit(self, opener: Interaction, values: Mapping[str, str]) -> Interaction:
        """Fill in and send the form that an interaction opened."""
        form = opener.modal
        if form is None:
            raise commands.NotOffered("no form was opened")
        known = {part["custom_id"] for part in walk(form["components"]) if "custom_id" in part}
        if unknown := values.keys() - known:
            raise commands.NotOffered(f"the form has no {sorted(unknown)}, only {sorted(known)}")
        filled = [_filled(part, values) for part in form["components"]]
        data = {"custom_id": form["custom_id"], "components": filled}
        more = {"owners": opener.owners, "context": opener.context, "message": opener.message}
        return self._interactions.start(MODAL, opener.user, opener.channel, data, opened_by=opener, **more)

    def _installation(self, user: User, channel: Channel, user_install: bool) -> tuple[dict[str, str], int]:
        """Who installed the app that is used here, and the context."""
        if channel.guild is None:
            context = 1 if self.bot in channel.recipients else 2
            by_user = user_install or context == 2
            return ({"1": str(user.id)} if by_user else {"0": "0"}), context
        if user.id not in channel.guild.members:
            raise commands.NotOffered(f"{user.name} is not in {channel.guild.name}: use add_member")
        if user_install or self.bot.id not in channel.guild.members:
            return {"1": str(user.id)}, 0
        return {"0": str(channel.guild.id)}, 0

    # What goes wrong

    def fail(self, method: str, pattern: str, status: int | None = None, **more: Any) -> Fault:
        """Inject a fault into requests, ``times=1`` unless told (see ``Fault``).

        The gateway's handshake is ``GET /``, downloads are ``GET /attachments/**``.
        """
        return self._faults.add(Fault(method, pattern, status=status, **more))

    def garble(self, event: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the payload of the next event of one name: Discord's API moves on, its documents later."""
        self.gateway.garbled[event] = change

    def heal(self) -> None:
        """Take every fault back."""
        self._faults.clear()

    async def cut(self, code: int | None = None) -> None:
        """Cut every gateway connection, or close it with a code; sessions can be resumed."""
        await self.gateway.hang_up(code)

    async def reconnect(self) -> None:
        """Ask the bot to reconnect, as Discord does before a deploy."""
        self.gateway.ask_to_reconnect()

    async def invalidate_session(self) -> None:
        """Make the bot identify anew."""
        self.gateway.invalidate()

    def refuse_token(self, *, api: bool = True) -> None:
        """Refuse the token everywhere, or (``api=False``) on the gateway alone: close code 4004."""
        self.portal.gateway_token_good = False
        self.portal.api_token_good = not api

    def disallow_intent(self, name: str) -> None:
        """Switch a privileged intent off in the portal: asking for it closes with 4014."""
        self.portal.privileged.discard(name)

    # What came of it

    def requests(self, method: str = "*", pattern: str = "**") -> list[Exchange]:
        """Requests so far: ``requests("POST", "/channels/*/messages")``."""
        return self.traffic.requests(method, pattern)

    def posted(self, channel: Channel) -> list[Message]:
        """The bot's messages in a channel, ephemeral ones included."""
        return [one for one in channel.messages.values() if one.author is self.bot]

    def replies(self, message: Message) -> list[Message]:
        return [one for one in self.posted(message.channel) if one.reference is message]

    async def wait_until(self, condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
        """See ``traffic.wait_until``."""
        return await wait_until(condition, timeout)

    async def wait_for_reply(self, message: Message, timeout: float = PATIENCE) -> Message:
        """The bot's first reply to a message."""
        return (await wait_until(lambda: self.replies(message), timeout))[0]


def _filled(part: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """A form's component with what was typed into it."""
    found = {"type": part["type"], "id": part.get("id", 0)}
    if "components" in part:
        found["components"] = [_filled(inner, values) for inner in part["components"]]
    if "component" in part:
        found["component"] = _filled(part["component"], values)
    if "custom_id" in part:
        found |= {
            "custom_id": part["custom_id"],
            "value": values.get(part["custom_id"], part.get("value", "")),
        }
    return found
