"""What the bot is allowed to do where."""

from __future__ import annotations

from typing import TypeAlias

import discord

Place: TypeAlias = discord.abc.GuildChannel | discord.Thread


def may_speak(place: Place) -> bool:
    """Whether the bot can write in a channel, if not reply there."""
    allowed = place.permissions_for(place.guild.me)
    return allowed.view_channel and allowed.send_messages


def may_reply(place: Place) -> bool:
    """Whether the bot can reply to messages in a channel, or in a forum's threads."""
    allowed = place.permissions_for(place.guild.me)
    in_thread = isinstance(place, discord.Thread | discord.ForumChannel)
    send = allowed.send_messages_in_threads if in_thread else allowed.send_messages
    # A reply names the message that it replies to, and that has to be readable.
    return send and allowed.read_message_history
