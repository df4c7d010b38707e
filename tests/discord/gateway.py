"""The gateway: sessions that outlive their connections, and the payloads that go over them."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import secrets
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web
from discord import Intents

from tests.discord import payloads
from tests.discord.state import Channel, Portal, World
from tests.discord.traffic import Frame, Traffic

DISPATCH, HEARTBEAT, IDENTIFY, RESUME = 0, 1, 2, 6
RECONNECT, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 9, 10, 11
# As Discord asks for; a connection of a test ends long before the second heartbeat.
HEARTBEAT_MS = 41_250
# Events a session can replay; the oldest are forgotten.
REPLAYED = 10_000

_INTENTS = {
    "MESSAGE_REACTION": ("guild_reactions", "dm_reactions"),
    "MESSAGE": ("guild_messages", "dm_messages"),
    "TYPING": ("guild_typing", "dm_typing"),
    "GUILD_MEMBER": ("members", "members"),
    "GUILD": ("guilds", "guilds"),
    "CHANNEL": ("guilds", "guilds"),
    "THREAD": ("guilds", "guilds"),
}


class Hangup(Exception):
    """Ends a connection with a close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _compressor(kind: str) -> Any:
    """A function that compresses one message of the connection's one stream."""
    if kind == "zlib-stream":
        stream = zlib.compressobj()
        return lambda data: stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
    if kind == "zstd-stream":
        import zstandard

        frame = zstandard.ZstdCompressor().compressobj()
        return lambda data: frame.compress(data) + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return None


class Session:
    """What the gateway remembers of a bot's shard."""

    def __init__(self, shard: int, shards: int, intents: int) -> None:
        self.id = secrets.token_hex(16)
        self.shard, self.shards, self.intents = shard, shards, intents
        self.sequence = 0
        self.history: deque[dict[str, Any]] = deque(maxlen=REPLAYED)
        self.connection: Connection | None = None

    def serves(self, guild_id: int | None) -> bool:
        return self.shard == ((guild_id >> 22) % self.shards if guild_id else 0)

    def wants(self, event: str, in_guild: bool) -> bool:
        for prefix, (guild, direct) in _INTENTS.items():
            if event.startswith(prefix):
                return bool(self.intents & Intents.VALID_FLAGS[guild if in_guild else direct])
        return True

    def add(self, event: str, data: dict[str, Any]) -> None:
        """Number an event, keep it for a replay, and send it where somebody listens."""
        self.sequence += 1
        self.history.append({"op": DISPATCH, "t": event, "s": self.sequence, "d": data})
        if self.connection is not None:
            self.connection.send(self.history[-1])


class Connection:
    """One socket; what is sent waits in line, so that sending never waits."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse, traffic: Traffic) -> None:
        self.socket = socket
        self.session: Session | None = None
        self._transport, self._traffic = request.transport, traffic
        self._compress = _compressor(request.query.get("compress", ""))
        self._line: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @property
    def shard(self) -> int | None:
        return self.session.shard if self.session else None

    def send(self, payload: dict[str, Any]) -> None:
        self._line.put_nowait(payload)

    async def pump(self) -> None:
        """Send what is in line until the socket is gone."""
        with contextlib.suppress(ConnectionError):
            while True:
                payload = await self._line.get()
                data = json.dumps(payload)
                if self._compress:
                    await self.socket.send_bytes(self._compress(data.encode()))
                else:
                    await self.socket.send_str(data)
                self._traffic.add(Frame(False, self.shard, payload))

    def leave(self) -> bool:
        """Let the session go on without this connection; whether it had it until now."""
        if self.session is None or self.session.connection is not self:
            return False
        self.session.connection = None
        return True

    def cut(self) -> None:
        """As a cable is cut: no close frame, and what was in line is lost."""
        self.leave()
        if self._transport is not None:
            self._transport.abort()

    async def hang_up(self, code: int, reason: str = "") -> None:
        self.leave()
        await self.socket.close(code=code, message=reason.encode())


class Gateway:
    """All sessions and connections of the bot."""

    def __init__(self, world: World, portal: Portal, traffic: Traffic) -> None:
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.garbled: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self._world, self._portal, self._traffic = world, portal, traffic

    def dispatch(
        self,
        event: str,
        data: dict[str, Any],
        channel: Channel | None = None,
        *,
        guild_id: int | None = None,
        hidden: dict[str, Any] | None = None,
    ) -> None:
        """Send an event to the sessions that serve its server and asked for it.

        Args:
            event: its name.
            data: its payload.
            channel: where it happened; what the bot cannot see there is not sent.
            guild_id: the server, of an event without a channel.
            hidden: the payload for sessions without the message content intent.
        """
        if garble := self.garbled.pop(event, None):
            data, hidden = copy.deepcopy(data), None
            garble(data)
        if channel is not None:
            if not channel.permissions(self._world.bot).view_channel:
                return
            guild_id = channel.guild.id if channel.guild else None
        for session in self.sessions.values():
            if session.serves(guild_id) and session.wants(event, guild_id is not None):
                plain = hidden is None or session.intents & payloads.PRIVILEGED["message_content"]
                session.add(event, data if plain else hidden)  # type: ignore[arg-type]

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection from its first to its last byte."""
        socket = web.WebSocketResponse(timeout=0.5)
        try:
            await socket.prepare(request)
        except ConnectionResetError:
            # The bot hung up while it was let in.
            return socket
        connection = Connection(request, socket, self._traffic)
        self.connections.add(connection)
        pump = asyncio.create_task(connection.pump())
        connection.send({"op": HELLO, "t": None, "s": None, "d": {"heartbeat_interval": HEARTBEAT_MS}})
        try:
            await self._listen(connection)
        except Hangup as refused:
            await connection.hang_up(refused.code, str(refused))
        finally:
            # A bot that says goodbye ends its session; one that is cut off may come back.
            if connection.leave() and connection.session and socket.close_code in (1000, 1001):
                self.sessions.pop(connection.session.id, None)
            pump.cancel()
            self.connections.discard(connection)
        return socket

    async def _listen(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if frame.type is not WSMsgType.TEXT:
                raise Hangup(4002, "Error while decoding payload.")
            payload = json.loads(frame.data)
            self._traffic.add(Frame(True, connection.shard, payload))
            if payload["op"] == HEARTBEAT:
                connection.send({"op": HEARTBEAT_ACK, "t": None, "s": None, "d": None})
            elif payload["op"] == IDENTIFY:
                self._identify(connection, payload["d"])
            elif payload["op"] == RESUME:
                self._resume(connection, payload["d"])
            elif connection.session is None:
                raise Hangup(4003, "Not authenticated.")

    def _check_token(self, token: str) -> None:
        if token != self._portal.token or not self._portal.gateway_token_good:
            raise Hangup(4004, "Authentication failed.")

    def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        self._check_token(data["token"])
        if connection.session is not None:
            raise Hangup(4005, "Already authenticated.")
        shard, shards = data.get("shard", (0, 1))
        if not 0 <= shard < shards:
            raise Hangup(4010, "Invalid shard.")
        for name, bit in payloads.PRIVILEGED.items():
            if data["intents"] & bit and name not in self._portal.privileged:
                raise Hangup(4014, "Disallowed intent(s).")
        session = Session(shard, shards, data["intents"])
        self.sessions[session.id] = session
        connection.session, session.connection = session, connection
        guilds = [
            guild
            for guild in self._world.guilds.values()
            if session.serves(guild.id) and self._world.bot.id in guild.members
        ]
        application = payloads.application(self._world, self._portal)
        ready = {
            "v": 10,
            "user": payloads.me(self._world.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": "wss://gateway.discord.gg",
            "shard": [shard, shards],
            "application": {key: application[key] for key in ("id", "flags")},
        }
        session.add("READY", ready)
        for guild in guilds:
            if session.wants("GUILD_CREATE", in_guild=True):
                session.add("GUILD_CREATE", payloads.guild(guild, self._world.bot))

    def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        self._check_token(data["token"])
        session = self.sessions.get(data["session_id"])
        oldest = session.history[0]["s"] if session and session.history else 0
        if session is None or not oldest - 1 <= data["seq"]:
            connection.send({"op": INVALID_SESSION, "t": None, "s": None, "d": False})
            return
        if data["seq"] > session.sequence:
            raise Hangup(4007, "Invalid seq.")
        if session.connection is not None:
            session.connection.cut()
        connection.session, session.connection = session, connection
        for payload in session.history:
            if payload["s"] > data["seq"]:
                connection.send(payload)
        session.add("RESUMED", {"_trace": []})

    def invalidate(self) -> None:
        """Forget every session and say so."""
        self.sessions.clear()
        for connection in [*self.connections]:
            connection.leave()
            connection.send({"op": INVALID_SESSION, "t": None, "s": None, "d": False})

    def ask_to_reconnect(self) -> None:
        for connection in self.connections:
            connection.send({"op": RECONNECT, "t": None, "s": None, "d": None})

    async def hang_up(self, code: int | None = None) -> None:
        """Cut every connection, or close it with a code."""
        for connection in [*self.connections]:
            if code is None:
                connection.cut()
            else:
                await connection.hang_up(code)
