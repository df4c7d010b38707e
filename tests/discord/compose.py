"""A request's body as a message, with the checks Discord makes."""

from __future__ import annotations

import re
from typing import Any

from tests.discord.errors import Refused
from tests.discord.state import COMPONENTS_V2, REPLY, Channel, Message, Portal, User, World, now, walk

MOST_CHARACTERS, MOST_EMBEDS, MOST_EMBED_CHARACTERS = 2000, 10, 6000
MOST_FILES, MOST_COMPONENTS, MOST_ROWS = 10, 40, 5

Files = dict[int, tuple[str, bytes]]


def check(body: dict[str, Any], files: Files, portal: Portal) -> None:
    """What is too long, too much or does not go together.

    Raises:
        Refused: 50035 or 40005.
    """
    if len(body.get("content") or "") > MOST_CHARACTERS:
        reason = f"Must be {MOST_CHARACTERS} or fewer in length."
        raise Refused(50035, "content", reason, "BASE_TYPE_MAX_LENGTH")
    embeds, components = body.get("embeds") or [], [*walk(body.get("components") or [])]
    if len(embeds) > MOST_EMBEDS or sum(map(_characters, embeds)) > MOST_EMBED_CHARACTERS:
        raise Refused(50035, "embeds", "Embed size exceeds maximum size of 6000", "MAX_EMBED_SIZE_EXCEEDED")
    if (body.get("flags") or 0) & COMPONENTS_V2 and (body.get("content") or embeds):
        reason = "The 'content' and 'embeds' fields cannot be used with MessageFlags.IS_COMPONENTS_V2"
        raise Refused(50035, "content", reason, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2")
    if len(components) > MOST_COMPONENTS or sum(part["type"] == 1 for part in components) > MOST_ROWS:
        raise Refused(50035, "components", "Too many components.", "BASE_TYPE_BAD_LENGTH")
    ids = [part["custom_id"] for part in components if "custom_id" in part]
    if len(set(ids)) < len(ids) or any(not 1 <= len(found) <= 100 for found in ids):
        reason = "Component custom id cannot be duplicated"
        raise Refused(50035, "components", reason, "COMPONENT_CUSTOM_ID_DUPLICATED")
    if len(files) > MOST_FILES:
        raise Refused(50035, "attachments", "Must be 10 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    if any(len(data) > portal.file_bytes for _, data in files.values()):
        raise Refused(40005)


def _characters(embed: dict[str, Any]) -> int:
    fields = [text for field in embed.get("fields", []) for text in (field["name"], field["value"])]
    nested = [embed.get("footer", {}).get("text"), embed.get("author", {}).get("name")]
    return sum(len(text or "") for text in (embed.get("title"), embed.get("description"), *nested, *fields))


def write(
    world: World, portal: Portal, channel: Channel, author: User, body: dict[str, Any], files: Files
) -> Message:
    """A new message, not yet posted.

    Raises:
        Refused: the body is no good.
    """
    check(body, files, portal)
    message = Message(world.new_id(), channel, author, flags=body.get("flags") or 0, nonce=body.get("nonce"))
    reference = body.get("message_reference")
    if reference is not None:
        message.reference = channel.messages.get(int(reference["message_id"]))
        message.type = REPLY if message.reference else message.type
        if message.reference is None and reference.get("fail_if_not_exists", True):
            reason = "Unknown message"
            raise Refused(50035, "message_reference", reason, "MESSAGE_REFERENCE_UNKNOWN_MESSAGE")
    fill(world, message, body, files)
    return message


def change(world: World, portal: Portal, message: Message, body: dict[str, Any], files: Files) -> None:
    """Edit a message.

    Raises:
        Refused: the body is no good.
    """
    kept = message.flags & COMPONENTS_V2
    check(body | {"flags": (body.get("flags") or 0) | kept}, files, portal)
    message.flags |= (body.get("flags") or 0) & COMPONENTS_V2
    fill(world, message, body, files)
    message.edited = now()


def fill(world: World, message: Message, body: dict[str, Any], files: Files) -> None:
    """Set what the body names and leave the rest."""
    if "content" in body:
        message.content = body["content"] or ""
    if "embeds" in body:
        message.embeds = [{"type": "rich"} | embed for embed in body["embeds"] or []]
    if "components" in body:
        message.components = body["components"] or []
        for number, part in enumerate(walk(message.components), 1):
            part.setdefault("id", number)
    if "attachments" in body or files:
        wanted = {int(one["id"]): one for one in body.get("attachments") or []}
        kept = [old for old in message.attachments if old.id in wanted]
        for number, (filename, data) in files.items():
            about = wanted.get(number, {}).get("description")
            more = {"description": about, "ephemeral": message.ephemeral}
            kept.append(world.attach(message.channel, filename, data, **more))
        message.attachments = kept
    if not (message.content or message.attachments or message.embeds or message.components):
        raise Refused(50006)
    _ping(world, message, body.get("allowed_mentions"))


def _ping(world: World, message: Message, allowed: dict[str, Any] | None) -> None:
    """Who is mentioned, as far as ``allowed_mentions`` lets it be (all, where there is none)."""
    rules = {"parse": ["users", "everyone"], "replied_user": True} if allowed is None else allowed
    parse, named = rules.get("parse") or [], {int(found) for found in rules.get("users") or []}
    found = [int(number) for number in re.findall(r"<@!?(\d+)>", message.content)]
    people = [number for number in found if "users" in parse or number in named]
    if message.reference is not None and rules.get("replied_user"):
        people.append(message.reference.author.id)
    message.mentions = [world.users[number] for number in dict.fromkeys(people) if number in world.users]
    shouted = re.search(r"@(everyone|here)\b", message.content) is not None
    message.mention_everyone = shouted and "everyone" in parse
