"""Interactions: what people start, how the bot answers, and how long it may."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.discord import compose, payloads
from tests.discord.actions import Actions
from tests.discord.errors import Refused
from tests.discord.gateway import Gateway
from tests.discord.state import (
    CONTEXT_MENU,
    DEFAULT,
    EPHEMERAL,
    EVERYONE,
    LOADING,
    SLASH,
    Channel,
    Message,
    Portal,
    User,
    World,
)
from tests.discord.traffic import PATIENCE, wait_until
from tests.discord.wire import BODY, FILES, answer

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
_CALLBACKS = {COMMAND: {4, 5, 9}, COMPONENT: {4, 5, 6, 7, 9}, AUTOCOMPLETE: {8}, MODAL: {4, 5, 6, 7}}
MOST_CHOICES, MOST_FOLLOWUPS = 25, 5


@dataclass(eq=False)
class Interaction:
    """One use of the bot, and everything it answered.

    Attributes:
        kind: COMMAND, COMPONENT, AUTOCOMPLETE or MODAL.
        message: whose component was used, or the target of a context menu.
        owners: who installed the app: "0" -> server, "1" -> user.
        context: 0 in a server, 1 in the bot's direct messages, 2 in others'.
        acknowledged: seconds until the first answer, None before it.
        callback: the body of the first answer.
        original: the message that answers, thinking or not.
        followups: what came after it.
        choices: what autocomplete offered.
        modal: the form that was opened.
    """

    id: int
    kind: int
    user: User
    channel: Channel
    data: dict[str, Any]
    owners: dict[str, str]
    context: int
    message: Message | None = None
    opened_by: Interaction | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    started: float = field(default_factory=time.monotonic)
    acknowledged: float | None = None
    callback: dict[str, Any] | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[dict[str, Any]] | None = None
    modal: dict[str, Any] | None = None

    @property
    def ephemeral(self) -> bool:
        return self.original is not None and self.original.ephemeral

    @property
    def text(self) -> str:
        """What the answer says, "" while there is none."""
        return self.original.content if self.original else ""

    @property
    def finished(self) -> bool:
        """Whether the person has something else to look at than "is thinking"."""
        return self.callback is not None and not (self.original and self.original.loading)

    async def answered(self, timeout: float = PATIENCE) -> Interaction:
        """Wait until it is finished."""
        await wait_until(lambda: self.finished, timeout)
        return self

    async def acknowledgement(self, timeout: float = PATIENCE) -> float:
        """Wait for the first answer; seconds it took."""
        await wait_until(lambda: self.acknowledged is not None, timeout)
        return self.acknowledged or 0.0

    @property
    def metadata(self) -> dict[str, Any]:
        """As the messages that answer it carry it."""
        found: dict[str, Any] = {
            "id": str(self.id),
            "type": self.kind,
            "user": payloads.user(self.user),
            "authorizing_integration_owners": self.owners,
        }
        if self.kind == COMPONENT and self.message is not None:
            found["interacted_message_id"] = str(self.message.id)
        if self.opened_by is not None:
            found["triggering_interaction_metadata"] = self.opened_by.metadata
        return found


class Interactions:
    """Starts interactions and takes the bot's answers to them."""

    def __init__(self, world: World, portal: Portal, gateway: Gateway, actions: Actions) -> None:
        self.known: dict[int, Interaction] = {}
        self._world, self._portal = world, portal
        self._gateway, self._actions = gateway, actions

    def start(
        self, kind: int, user: User, channel: Channel, data: dict[str, Any], **more: Any
    ) -> Interaction:
        """Tell the bot; ``more`` are fields of ``Interaction``."""
        interaction = Interaction(self._world.new_id(), kind, user, channel, data, **more)
        self.known[interaction.id] = interaction
        guild_id = channel.guild.id if channel.guild else None
        self._gateway.dispatch("INTERACTION_CREATE", self._payload(interaction), guild_id=guild_id)
        return interaction

    def _payload(self, interaction: Interaction) -> dict[str, Any]:
        channel, user, bot = interaction.channel, interaction.user, self._world.bot
        held = channel.permissions(user)
        ours = channel.permissions(bot) if "0" in interaction.owners else EVERYONE
        found: dict[str, Any] = {
            "id": str(interaction.id),
            "application_id": str(bot.id),
            "type": interaction.kind,
            "token": interaction.token,
            "version": 1,
            "data": interaction.data,
            "channel_id": str(channel.id),
            "channel": payloads.channel(channel, bot) | {"permissions": str(held.value)},
            "app_permissions": str(ours.value),
            "locale": user.locale,
            "entitlements": [],
            "authorizing_integration_owners": interaction.owners,
            "context": interaction.context,
            "attachment_size_limit": self._portal.file_bytes,
        }
        if channel.guild is None:
            found["user"] = payloads.user(user)
        else:
            guild = channel.guild
            about = payloads.full_member(guild.members[user.id]) | {"permissions": str(held.value)}
            found |= {"guild_id": str(guild.id), "guild_locale": guild.locale, "member": about}
            found["guild"] = {"id": str(guild.id), "locale": guild.locale, "features": []}
        if interaction.message is not None and interaction.kind != COMMAND:
            found["message"] = payloads.message(interaction.message)
        return found

    def routes(self) -> list[web.RouteDef]:
        hook = "/webhooks/{application}/{token}"
        return [
            web.post("/interactions/{interaction}/{token}/callback", self._callback),
            web.post(hook, self._follow_up),
            web.get(f"{hook}/messages/{{message}}", self._get),
            web.patch(f"{hook}/messages/{{message}}", self._edit),
            web.delete(f"{hook}/messages/{{message}}", self._delete),
        ]

    async def _callback(self, request: web.Request) -> web.Response:
        interaction = self.known.get(int(request.match_info["interaction"]))
        if interaction is None or interaction.token != request.match_info["token"]:
            raise Refused(10062)
        if interaction.callback is not None:
            raise Refused(40060)
        waited = time.monotonic() - interaction.started
        if waited > self._portal.acknowledge_seconds:
            raise Refused(10062)
        body = request[BODY]
        if body["type"] not in _CALLBACKS[interaction.kind]:
            raise Refused(50035, "type", "This interaction callback type is not allowed here.")
        self._take(interaction, body["type"], body.get("data") or {}, request[FILES])
        interaction.callback, interaction.acknowledged = body, waited
        if request.query.get("with_response") not in ("1", "true"):
            return answer()
        return answer(self._with_response(interaction, body["type"]))

    def _take(self, interaction: Interaction, kind: int, data: dict[str, Any], files: compose.Files) -> None:
        if kind == 4:
            interaction.original = self._post(interaction, data, files)
        elif kind == 5:
            flags = LOADING | (data.get("flags") or 0) & EPHEMERAL
            interaction.original = self._sign(
                interaction, Message(self._world.new_id(), interaction.channel, self._world.bot, flags=flags)
            )
        elif kind == 6:
            interaction.original = interaction.message
        elif kind == 7 and interaction.message is not None:
            interaction.original = self._change(interaction.message, data, files)
        elif kind == 8:
            if len(data["choices"]) > MOST_CHOICES:
                raise Refused(50035, "choices", "Must be 25 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
            interaction.choices = data["choices"]
        else:
            interaction.modal = data

    def _with_response(self, interaction: Interaction, kind: int) -> dict[str, Any]:
        about: dict[str, Any] = {"id": str(interaction.id), "type": interaction.kind}
        about |= {"channel_id": str(interaction.channel.id)} | payloads.of_guild(interaction.channel)
        original = interaction.original
        if original is None:
            return {"interaction": about}
        about |= {
            "response_message_id": str(original.id),
            "response_message_loading": original.loading,
            "response_message_ephemeral": original.ephemeral,
        }
        if kind not in (4, 7):
            return {"interaction": about}
        return {"interaction": about, "resource": {"type": kind, "message": payloads.message(original)}}

    def _post(self, interaction: Interaction, body: dict[str, Any], files: compose.Files) -> Message:
        message = compose.write(self._world, self._portal, interaction.channel, self._world.bot, body, files)
        return self._sign(interaction, message)

    def _sign(self, interaction: Interaction, message: Message) -> Message:
        """Post a message as an answer to an interaction."""
        if interaction.original is None and interaction.kind == COMMAND:
            message.type = CONTEXT_MENU if "target_id" in interaction.data else SLASH
        else:
            message.type = DEFAULT
        message.webhook = message.application = self._world.bot.id
        message.metadata = interaction.metadata
        return self._actions.post(message)

    def _change(self, message: Message, body: dict[str, Any], files: compose.Files) -> Message:
        compose.change(self._world, self._portal, message, body, files)
        message.flags &= ~LOADING
        return self._actions.edited(message)

    def _of(self, request: web.Request) -> Interaction:
        """The answered interaction whose token a request carries."""
        token = request.match_info["token"]
        found = [one for one in self.known.values() if one.token == token and one.callback is not None]
        if not found:
            raise Refused(10015)
        if time.monotonic() - found[0].started > self._portal.token_seconds:
            raise Refused(50027)
        return found[0]

    async def _follow_up(self, request: web.Request) -> web.Response:
        interaction = self._of(request)
        original = interaction.original
        # Discord fills the thinking message with the first follow-up.
        if original is not None and original.loading:
            return answer(payloads.message(self._change(original, request[BODY], request[FILES])))
        if "0" not in interaction.owners and len(interaction.followups) >= MOST_FOLLOWUPS:
            raise Refused(40094)
        message = self._post(interaction, request[BODY], request[FILES])
        interaction.followups.append(message)
        return answer(payloads.message(message))

    def _message(self, request: web.Request) -> Message:
        interaction, wanted = self._of(request), request.match_info["message"]
        for message in (interaction.original, *interaction.followups):
            if message is None or message.deleted:
                continue
            if wanted == str(message.id) or (wanted == "@original" and message is interaction.original):
                return message
        raise Refused(10008)

    async def _get(self, request: web.Request) -> web.Response:
        return answer(payloads.message(self._message(request)))

    async def _edit(self, request: web.Request) -> web.Response:
        message = self._change(self._message(request), request[BODY], request[FILES])
        return answer(payloads.message(message))

    async def _delete(self, request: web.Request) -> web.Response:
        self._actions.delete(self._message(request))
        return answer()
