"""The world as JSON, as Discord words it."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import time
from typing import Any

from discord import Intents
from PIL import Image

from tests.discord.state import (
    TEXT,
    THREAD,
    Attachment,
    Channel,
    Guild,
    Member,
    Message,
    Portal,
    Role,
    User,
    World,
    now,
)

# Application flags that say which privileged intents a bot in few servers may ask for.
_LIMITED = {"presences": 1 << 13, "members": 1 << 15, "message_content": 1 << 19}
PRIVILEGED = {name: Intents.VALID_FLAGS[name] for name in _LIMITED}


def user(user: User) -> dict[str, Any]:
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": None,
        "avatar": None,
        "discriminator": "0000" if user.webhook else "0",
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
        "bot": user.bot,
    }


def me(user_: User) -> dict[str, Any]:
    return user(user_) | {"mfa_enabled": True, "locale": "en-GB", "verified": True, "email": None}


def member(member: Member) -> dict[str, Any]:
    """Without the user, as messages carry it."""
    return {
        "roles": [str(role.id) for role in member.roles],
        "nick": None,
        "avatar": None,
        "banner": None,
        "joined_at": member.joined,
        "premium_since": None,
        "communication_disabled_until": None,
        "pending": False,
        "mute": False,
        "deaf": False,
        "flags": 0,
    }


def full_member(found: Member) -> dict[str, Any]:
    return member(found) | {"user": user(found.user)}


def role(role: Role) -> dict[str, Any]:
    return {
        "id": str(role.id),
        "name": role.name,
        "permissions": str(role.permissions.value),
        "position": role.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "description": None,
        "flags": 0,
    }


def channel(channel: Channel, bot: User) -> dict[str, Any]:
    last = next((str(one.id) for one in reversed(channel.messages.values()) if not one.ephemeral), None)
    found: dict[str, Any] = {"id": str(channel.id), "type": channel.type, "flags": 0, "last_message_id": last}
    if channel.guild is None:
        others = [person for person in channel.recipients if person is not bot]
        return found | {"recipients": [user(person) for person in others]}
    found |= {"guild_id": str(channel.guild.id), "name": channel.name}
    if channel.type == THREAD and channel.parent is not None:
        state = {"archived": False, "locked": False, "auto_archive_duration": 1440}
        return found | {
            "parent_id": str(channel.parent.id),
            "owner_id": str((channel.owner or channel.guild.owner).id),
            "message_count": 0,
            "member_count": 1,
            "total_message_sent": 0,
            "thread_metadata": state | {"archive_timestamp": now()},
        }
    people = channel.guild.members
    overwrites = [
        {"id": str(key), "type": int(key in people), "allow": str(yes.value), "deny": str(no.value)}
        for key, (yes, no) in channel.overwrites.items()
    ]
    more = {"position": 0, "parent_id": None, "topic": None, "rate_limit_per_user": 0, "nsfw": channel.nsfw}
    return found | more | {"permission_overwrites": overwrites}


def guild(guild: Guild, bot: User) -> dict[str, Any]:
    """As GUILD_CREATE carries it: members only as far as a bot without that intent sees them."""
    channels = [channel(found, bot) for found in guild.channels.values() if found.type == TEXT]
    threads = [channel(found, bot) for found in guild.channels.values() if found.type == THREAD]
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner.id),
        "preferred_locale": guild.locale,
        "roles": [role(found) for found in guild.roles],
        "channels": channels,
        "threads": threads,
        "members": [full_member(guild.members[bot.id])],
        "member_count": len(guild.members),
        "system_channel_id": str(guild.system_channel.id) if guild.system_channel else None,
        "joined_at": guild.members[bot.id].joined,
        "unavailable": False,
        "large": False,
        **{key: [] for key in ("emojis", "stickers", "features", "presences", "voice_states")},
        **{key: [] for key in ("stage_instances", "guild_scheduled_events", "soundboard_sounds")},
        **dict.fromkeys(("icon", "splash", "banner", "description", "afk_channel_id"), None),
        **dict.fromkeys(("verification_level", "default_message_notifications", "mfa_level"), 0),
        **dict.fromkeys(("explicit_content_filter", "nsfw_level", "premium_tier", "afk_timeout"), 0),
    }


def signature(attachment: Attachment, expires: str) -> str:
    """Stands for Discord's secret: good enough to tell a changed address."""
    return hashlib.sha256(f"{attachment.id} {expires}".encode()).hexdigest()


def attachment(attachment: Attachment) -> dict[str, Any]:
    expires = f"{int(time.time() + attachment.lifetime):x}"
    path = f"attachments/{attachment.channel.id}/{attachment.id}/{attachment.filename}"
    query = f"?ex={expires}&is={int(time.time()):x}&hm={signature(attachment, expires)}&"
    found: dict[str, Any] = {
        "id": str(attachment.id),
        "filename": attachment.filename,
        "size": len(attachment.data),
        "url": f"https://cdn.discordapp.com/{path}{query}",
        "proxy_url": f"https://media.discordapp.net/{path}{query}",
    }
    if kind := mimetypes.guess_type(attachment.filename)[0]:
        found["content_type"] = kind
        if kind.startswith("image/") and (size := pixels(attachment.data)):
            found["width"], found["height"] = size
    if attachment.description:
        found["description"] = attachment.description
    if attachment.ephemeral:
        found["ephemeral"] = True
    return found | attachment.claims


def pixels(data: bytes) -> tuple[int, int] | None:
    try:
        return Image.open(io.BytesIO(data)).size
    except Exception:  # hostile files are posted on purpose; Discord then names no size either
        return None


def message(message: Message, viewer: User | None = None) -> dict[str, Any]:
    """As REST answers with it.

    Args:
        message: what to word.
        viewer: the bot, where it may see the content of its own messages and mentions only.
    """
    found = _basic(message, viewer)
    if message.reference is not None:
        found["message_reference"] = _reference(message.reference)
        gone = message.reference.deleted
        found["referenced_message"] = None if gone else _basic(message.reference, viewer)
    if message.channel.guild and (thread := message.channel.guild.channels.get(message.id)):
        found["thread"] = channel(thread, viewer or message.author)
    if message.emojis:
        found["reactions"] = [_reaction(message, emoji) for emoji in message.emojis]
    return found


def _basic(message: Message, viewer: User | None) -> dict[str, Any]:
    hidden = viewer is not None and not _open(message, viewer)
    found: dict[str, Any] = {
        "id": str(message.id),
        "type": message.type,
        "channel_id": str(message.channel.id),
        "author": user(message.author),
        "content": "" if hidden else message.content,
        "attachments": [] if hidden else [attachment(one) for one in message.attachments],
        "embeds": [] if hidden else message.embeds,
        "components": [] if hidden else message.components,
        "mentions": [user(person) for person in message.mentions],
        "mention_roles": [],
        "mention_everyone": message.mention_everyone,
        "timestamp": message.timestamp,
        "edited_timestamp": message.edited,
        "flags": message.flags,
        "pinned": False,
        "tts": False,
    }
    optional = {"nonce": message.nonce, "interaction_metadata": message.metadata}
    found |= {key: value for key, value in optional.items() if value is not None}
    if message.stickers:
        found["sticker_items"] = [
            {"id": str(one.id), "name": one.name, "format_type": one.format} for one in message.stickers
        ]
    if message.forwarded is not None:
        found["message_reference"] = _reference(message.forwarded) | {"type": 1}
        found["message_snapshots"] = [{"message": _snapshot(message.forwarded, hidden)}]
    if message.webhook is not None:
        found["webhook_id"] = str(message.webhook)
        if message.application is not None:
            found["application_id"] = str(message.application)
    return found


def _snapshot(message: Message, hidden: bool) -> dict[str, Any]:
    """What a forward shows of a message; who wrote it is not in it."""
    wanted = ("type", "content", "attachments", "embeds", "components", "flags", "timestamp")
    found = _basic(message, None)
    shown = {key: found[key] for key in (*wanted, "edited_timestamp", "mention_roles", "mentions")}
    if "sticker_items" in found:
        shown["sticker_items"] = found["sticker_items"]
    return shown | ({"content": "", "attachments": [], "embeds": [], "components": []} if hidden else {})


def _open(message: Message, viewer: User) -> bool:
    return message.channel.guild is None or viewer is message.author or viewer in message.mentions


def _reference(message: Message) -> dict[str, Any]:
    found = {"type": 0, "channel_id": str(message.channel.id), "message_id": str(message.id)}
    return found | of_guild(message.channel)


def _reaction(message: Message, emoji_: str) -> dict[str, Any]:
    people, bursts = message.reactions.get(emoji_, []), message.bursts.get(emoji_, [])
    return {
        "emoji": emoji(emoji_),
        "count": len(people) + len(bursts),
        "count_details": {"normal": len(people), "burst": len(bursts)},
        "burst_colors": [],
        "me_burst": False,
        "me": any(person.bot for person in people),
    }


def emoji(text: str) -> dict[str, Any]:
    """A character, or ``name:id`` of a server's own."""
    name, _, number = text.partition(":")
    return {"id": number or None, "name": name}


def of_guild(channel: Channel) -> dict[str, str]:
    """The key that events of a server carry."""
    return {} if channel.guild is None else {"guild_id": str(channel.guild.id)}


def message_event(found: Message, viewer: User | None = None) -> dict[str, Any]:
    """As MESSAGE_CREATE and MESSAGE_UPDATE carry it."""
    more: dict[str, Any] = dict(of_guild(found.channel))
    if found.channel.guild and (poster := found.channel.guild.members.get(found.author.id)):
        more["member"] = member(poster)
    return message(found, viewer) | more


def application(world: World, portal: Portal) -> dict[str, Any]:
    allowed = sum(_LIMITED[name] for name in portal.privileged)
    return {
        "id": str(world.bot.id),
        "name": world.bot.name,
        "description": "",
        "bot": user(world.bot),
        "owner": user(world.developer),
        "flags": allowed,
        "flags_new": str(allowed),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "redirect_uris": [],
        "eligible_oauth2_scopes": [],
        "explicit_content_filter": 0,
        "approximate_guild_count": len(world.guilds),
        **dict.fromkeys(("approximate_user_install_count", "approximate_user_authorization_count"), 0),
        **dict.fromkeys(("icon", "type", "team", "interactions_endpoint_url"), None),
        "role_connections_verification_url": None,
    }
