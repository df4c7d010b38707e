"""The routes of the HTTP API that carry the bot's own token."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.discord import compose, payloads
from tests.discord.actions import Actions
from tests.discord.errors import Refused
from tests.discord.state import EPHEMERAL, HAS_THREAD, TEXT, THREAD, Channel, Message, Portal, World
from tests.discord.wire import BODY, FILES, answer

# As much history as one request may ask for.
MOST_LISTED = 100


class Rest:
    """Handlers; each takes one request and answers it, or raises ``Refused``."""

    def __init__(self, world: World, portal: Portal, actions: Actions) -> None:
        self._world, self._portal, self._actions = world, portal, actions

    def routes(self) -> list[web.RouteDef]:
        messages = "/channels/{channel}/messages"
        message = f"{messages}/{{message}}"
        emoji = f"{message}/reactions/{{emoji}}"
        commands = "/applications/{application}/commands"
        guild_commands = "/applications/{application}/guilds/{guild}/commands"
        return [
            web.get("/users/@me", self._me),
            web.post("/users/@me/channels", self._open_direct),
            web.get(r"/users/{user:\d+}", self._user),
            web.get("/oauth2/applications/@me", self._application),
            web.get("/applications/@me", self._application),
            web.get("/gateway/bot", self._gateway_bot),
            web.get(commands, self._commands),
            web.put(commands, self._sync),
            web.get(guild_commands, self._commands),
            web.put(guild_commands, self._sync),
            web.get("/guilds/{guild}/members/{user}", self._member),
            web.get("/channels/{channel}", self._channel),
            web.post("/channels/{channel}/typing", self._typing),
            web.get(messages, self._history),
            web.post(messages, self._send),
            web.get(message, self._message),
            web.patch(message, self._edit),
            web.post(f"{message}/threads", self._start_thread),
            web.delete(message, self._delete),
            web.delete(f"{message}/reactions", self._clear),
            web.get(emoji, self._who_reacted),
            web.delete(emoji, self._clear),
            web.put(f"{emoji}/@me", self._react),
            web.delete(f"{emoji}/{{user}}", self._unreact),
        ]

    # Who and where

    async def _me(self, request: web.Request) -> web.Response:
        return answer(payloads.me(self._world.bot))

    async def _user(self, request: web.Request) -> web.Response:
        return answer(payloads.user(self._world.user(int(request.match_info["user"]))))

    async def _application(self, request: web.Request) -> web.Response:
        return answer(payloads.application(self._world, self._portal))

    async def _gateway_bot(self, request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        shards = self._portal.shards
        return answer({"url": "wss://gateway.discord.gg", "shards": shards, "session_start_limit": limit})

    async def _open_direct(self, request: web.Request) -> web.Response:
        person = self._world.user(int(request[BODY]["recipient_id"]))
        return answer(payloads.channel(self._world.direct(person, self._world.bot), self._world.bot))

    async def _member(self, request: web.Request) -> web.Response:
        members = self._world.guild(int(request.match_info["guild"])).members
        if (user_id := int(request.match_info["user"])) not in members:
            raise Refused(10007)
        return answer(payloads.full_member(members[user_id]))

    async def _channel(self, request: web.Request) -> web.Response:
        return answer(payloads.channel(self._channel_of(request), self._world.bot))

    def _channel_of(self, request: web.Request) -> Channel:
        return self._world.channel(int(request.match_info["channel"]))

    # Commands

    def _commands_of(self, request: web.Request) -> int | None:
        if request.match_info["application"] != str(self._world.bot.id):
            raise Refused(50001)
        guild = request.match_info.get("guild")
        return None if guild is None else self._world.guild(int(guild)).id

    async def _commands(self, request: web.Request) -> web.Response:
        return answer(self._world.commands.get(self._commands_of(request), []))

    async def _sync(self, request: web.Request) -> web.Response:
        scope = self._commands_of(request)
        old = {(one["type"], one["name"]): one for one in self._world.commands.get(scope, [])}
        synced = []
        for wanted in request[BODY]:
            command = {key: value for key, value in wanted.items() if value is not None}
            command = {"type": 1, "description": ""} | command
            known = old.get((command["type"], command["name"]), {})
            permissions = wanted.get("default_member_permissions")
            command |= {
                "id": known.get("id", str(self._world.new_id())),
                "application_id": str(self._world.bot.id),
                "version": str(self._world.new_id()),
                "default_member_permissions": None if permissions is None else str(permissions),
            }
            synced.append(command if scope is None else command | {"guild_id": str(scope)})
        self._world.commands[scope] = synced
        return answer(synced)

    # Messages

    def _message_of(self, request: web.Request) -> Message:
        return self._channel_of(request).message(int(request.match_info["message"]))

    def _worded(self, message: Message) -> dict[str, Any]:
        open_ = "message_content" in self._portal.privileged
        return payloads.message(message, None if open_ else self._world.bot)

    async def _typing(self, request: web.Request) -> web.Response:
        self._channel_of(request).require(self._world.bot, send_messages=True)
        return answer()

    async def _history(self, request: web.Request) -> web.Response:
        channel = self._channel_of(request)
        channel.require(self._world.bot, read_message_history=True)
        newest = [one for one in reversed(channel.messages.values()) if not one.flags & EPHEMERAL]
        before, after = int(request.query.get("before", 1 << 63)), int(request.query.get("after", 0))
        limit = min(int(request.query.get("limit", 50)), MOST_LISTED)
        found = [one for one in newest if after < one.id < before]
        # Those next to the message that is named, and the newest first in any case.
        found = found[-limit:] if after else found[:limit]
        return answer([self._worded(one) for one in found])

    async def _message(self, request: web.Request) -> web.Response:
        message = self._message_of(request)
        message.channel.require(self._world.bot, read_message_history=True)
        return answer(self._worded(message))

    async def _send(self, request: web.Request) -> web.Response:
        channel, bot, body, files = (
            self._channel_of(request),
            self._world.bot,
            request[BODY],
            request[FILES],
        )
        channel.require(bot, send_messages=True)
        if files:
            channel.require(bot, attach_files=True)
        if body.get("embeds"):
            channel.require(bot, embed_links=True)
        if body.get("message_reference") and not channel.permissions(bot).read_message_history:
            raise Refused(160002)
        nonce = str(body["nonce"]) if body.get("nonce") and body.get("enforce_nonce") else None
        if nonce is not None and nonce in channel.nonces:
            return answer(self._worded(channel.nonces[nonce]))
        message = compose.write(self._world, self._portal, channel, bot, body, files)
        if nonce is not None:
            channel.nonces[nonce] = message
        return answer(self._worded(self._actions.post(message)))

    async def _edit(self, request: web.Request) -> web.Response:
        message = self._message_of(request)
        if message.author is not self._world.bot:
            raise Refused(50005)
        compose.change(self._world, self._portal, message, request[BODY], request[FILES])
        return answer(self._worded(self._actions.edited(message)))

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._message_of(request)
        if message.author is not self._world.bot:
            message.channel.require(self._world.bot, manage_messages=True)
        self._actions.delete(message)
        return answer()

    async def _start_thread(self, request: web.Request) -> web.Response:
        message, bot = self._message_of(request), self._world.bot
        channel = message.channel
        channel.require(bot, create_public_threads=True, read_message_history=True)
        if channel.type != TEXT:
            raise Refused(50024)
        # It has the message's id, so there is one at most.
        if message.id in self._world.channels:
            raise Refused(160004)
        message.flags |= HAS_THREAD
        thread = Channel(message.id, request[BODY]["name"], THREAD, channel.guild, channel, owner=bot)
        return answer(self._actions.open_thread(self._world.add_channel(thread)), 201)

    # Reactions

    async def _who_reacted(self, request: web.Request) -> web.Response:
        people = self._message_of(request).reactions.get(request.match_info["emoji"], [])
        return answer([payloads.user(person) for person in people])

    async def _react(self, request: web.Request) -> web.Response:
        message = self._message_of(request)
        message.channel.require(self._world.bot, read_message_history=True)
        self._actions.react(message, self._world.bot, request.match_info["emoji"])
        return answer()

    async def _unreact(self, request: web.Request) -> web.Response:
        message, whose = self._message_of(request), request.match_info["user"]
        user = self._world.bot if whose == "@me" else self._world.user(int(whose))
        if user is not self._world.bot:
            message.channel.require(self._world.bot, manage_messages=True)
        self._actions.unreact(message, user, request.match_info["emoji"])
        return answer()

    async def _clear(self, request: web.Request) -> web.Response:
        message = self._message_of(request)
        message.channel.require(self._world.bot, manage_messages=True)
        self._actions.clear_reactions(message, request.match_info.get("emoji"))
        return answer()
