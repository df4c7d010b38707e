"""What happens in channels: the world changes, and the gateway tells the bot."""

from __future__ import annotations

from typing import Any

from tests.discord import payloads
from tests.discord.errors import Refused
from tests.discord.gateway import Gateway
from tests.discord.state import MOST_EMOJIS, Channel, Message, User, World


class Actions:
    """Everything both people and the bot do with messages."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self._world, self._gateway = world, gateway

    def post(self, message: Message) -> Message:
        message.channel.messages[message.id] = message
        self._tell("MESSAGE_CREATE", message)
        return message

    def open_thread(self, thread: Channel) -> dict[str, Any]:
        """Tell the bot of a thread; its payload."""
        data = payloads.channel(thread, self._world.bot)
        self._gateway.dispatch("THREAD_CREATE", data | {"newly_created": True}, thread)
        return data

    def edited(self, message: Message) -> Message:
        self._tell("MESSAGE_UPDATE", message)
        return message

    def delete(self, message: Message) -> None:
        """Its files leave the CDN with it."""
        message.deleted = True
        message.channel.messages.pop(message.id, None)
        for attachment in message.attachments:
            self._world.attachments.pop(attachment.id, None)
        if not message.ephemeral:
            self._happen("MESSAGE_DELETE", message, {"id": str(message.id)})

    def react(self, message: Message, user: User, emoji: str, burst: bool = False) -> None:
        given = message.bursts if burst else message.reactions
        people = given.get(emoji, [])
        if user in people:
            return
        if emoji not in message.emojis:
            message.channel.require(user, add_reactions=True, read_message_history=True)
            if len(message.emojis) >= MOST_EMOJIS:
                raise Refused(30010)
        given[emoji] = [*people, user]
        about: dict[str, Any] = {"message_author_id": str(message.author.id)}
        guild = message.channel.guild
        if guild is not None and user.id in guild.members:
            about["member"] = payloads.full_member(guild.members[user.id])
        self._reaction("ADD", message, user, emoji, burst, about)

    def unreact(self, message: Message, user: User, emoji: str, burst: bool = False) -> None:
        given = message.bursts if burst else message.reactions
        people = given.get(emoji, [])
        if user in people:
            people.remove(user)
            if not people:
                del given[emoji]
            self._reaction("REMOVE", message, user, emoji, burst, {})

    def clear_reactions(self, message: Message, emoji: str | None = None) -> None:
        """Of one emoji, or of all."""
        if emoji is None:
            message.reactions.clear()
            message.bursts.clear()
            self._reacted("REMOVE_ALL", message, {})
        else:
            message.reactions.pop(emoji, None)
            message.bursts.pop(emoji, None)
            self._reacted("REMOVE_EMOJI", message, {"emoji": payloads.emoji(emoji)})

    def _reaction(
        self, what: str, message: Message, user: User, emoji: str, burst: bool, about: dict[str, Any]
    ) -> None:
        kind = {"type": int(burst), "burst": burst}
        who = {"user_id": str(user.id), "emoji": payloads.emoji(emoji)} | kind
        self._reacted(what, message, who | about)

    def _reacted(self, what: str, message: Message, about: dict[str, Any]) -> None:
        self._happen(f"MESSAGE_REACTION_{what}", message, {"message_id": str(message.id)} | about)

    def _happen(self, event: str, message: Message, about: dict[str, Any]) -> None:
        where = {"channel_id": str(message.channel.id)} | payloads.of_guild(message.channel)
        self._gateway.dispatch(event, where | about, message.channel)

    def _tell(self, event: str, message: Message) -> None:
        if not message.ephemeral:
            hidden = payloads.message_event(message, self._world.bot)
            data = payloads.message_event(message)
            self._gateway.dispatch(event, data, message.channel, hidden=hidden)
