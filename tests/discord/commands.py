"""Using a registered command as Discord's client would: only what the bot declared goes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.discord import payloads
from tests.discord.state import Attachment, Channel, Message, Role, User, World

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE = range(1, 9)
NUMBER, ATTACHMENT = 10, 11
SLASH, MESSAGE_MENU = 1, 3
_PYTHON = {STRING: str, INTEGER: int, BOOLEAN: bool, USER: User, CHANNEL: Channel, ROLE: Role}
_PYTHON[NUMBER] = (int, float)


class NotOffered(Exception):
    """The client would not let this person do that here."""


def find(
    world: World, channel: Channel, user: User, name: str, kind: int, context: int, installed_by_user: bool
) -> dict[str, Any]:
    """A registered command that is offered to somebody in a channel.

    Raises:
        NotOffered: there is none, or not here, or not to them.
    """
    everywhere = world.commands[None]
    here = world.commands.get(channel.guild.id, []) if channel.guild else []
    known = [one for one in (*here, *everywhere) if one["type"] == kind and one["name"] == name]
    if not known:
        raise NotOffered(f"the bot has registered no {name!r}: {[one['name'] for one in everywhere]}")
    command = known[0]
    if context not in (command.get("contexts") or (0, 1, 2)):
        raise NotOffered(f"{name!r} is not offered in context {context}")
    if int(installed_by_user) not in (command.get("integration_types") or (0,)):
        raise NotOffered(f"{name!r} is not for {'users' if installed_by_user else 'servers'} to install")
    needed = int(command.get("default_member_permissions") or 0)
    if channel.guild and channel.permissions(user).value & needed != needed:
        raise NotOffered(f"{name!r} needs permissions {needed}")
    return command


def invoke(
    world: World,
    channel: Channel,
    command: dict[str, Any],
    name: str,
    values: Mapping[str, Any],
    typing: str = "",
) -> dict[str, Any]:
    """The data of the interaction.

    Args:
        world: where attachments go.
        channel: where it happens.
        command: as registered.
        name: with the names of subcommands, separated by spaces.
        values: options by name; an attachment as ``(name, data)`` or ``(name, data, claims)``.
        typing: the option that is being typed; the rest may be missing then.

    Raises:
        NotOffered: an option is unknown, missing, or out of its range.
    """
    level, path, resolved = command, [], {}
    for word in name.split()[1:]:
        inner = {one["name"]: one for one in level.get("options", [])}
        if word not in inner or inner[word]["type"] not in (SUBCOMMAND, GROUP):
            raise NotOffered(f"{name!r}: no subcommand {word!r}, only {[*inner]}")
        level = inner[word]
        path.append(level)
    declared = {one["name"]: one for one in level.get("options", [])}
    if unknown := values.keys() - declared.keys():
        raise NotOffered(f"{name!r} has no option {sorted(unknown)}, only {[*declared]}")
    missing = [key for key, one in declared.items() if one.get("required") and key not in values]
    if missing and not typing:
        raise NotOffered(f"{name!r} needs {missing}")
    options = []
    for key, value in values.items():
        option = {"name": key, "type": declared[key]["type"]}
        if key == typing:
            option |= {"value": value, "focused": True}
        else:
            _check(declared[key], value)
            option["value"] = _value(world, channel, value, resolved)
        options.append(option)
    for step in reversed(path):
        options = [{"name": step["name"], "type": step["type"], "options": options}]
    found = {key: command[key] for key in ("id", "name", "type")} | {"options": options}
    if "guild_id" in command:
        found["guild_id"] = command["guild_id"]
    return found | ({"resolved": resolved} if resolved else {})


def on_message(command: dict[str, Any], message: Message) -> dict[str, Any]:
    """The data of a message context menu; content is there without any intent."""
    found = {key: command[key] for key in ("id", "name", "type")}
    target = str(message.id)
    return found | {"target_id": target, "resolved": {"messages": {target: payloads.message(message)}}}


def _check(declared: dict[str, Any], value: Any) -> None:
    name, kind = declared["name"], declared["type"]
    if kind in _PYTHON and not isinstance(value, _PYTHON[kind]):
        raise NotOffered(f"{name}: {value!r} is of the wrong type")
    size = len(value) if kind == STRING else value
    low, high = ("min_length", "max_length") if kind == STRING else ("min_value", "max_value")
    if (low in declared and size < declared[low]) or (high in declared and size > declared[high]):
        raise NotOffered(f"{name}: {value!r} is out of range")
    choices = [choice["value"] for choice in declared.get("choices", [])]
    if choices and value not in choices:
        raise NotOffered(f"{name}: {value!r} is none of {choices}")


def _value(world: World, channel: Channel, value: Any, resolved: dict[str, Any]) -> Any:
    """What stands in the option; what it points at goes to ``resolved``."""
    if isinstance(value, User):
        resolved.setdefault("users", {})[str(value.id)] = payloads.user(value)
        if channel.guild and value.id in channel.guild.members:
            about = payloads.member(channel.guild.members[value.id])
            about["permissions"] = str(channel.permissions(value).value)
            resolved.setdefault("members", {})[str(value.id)] = about
        return str(value.id)
    if isinstance(value, Role):
        resolved.setdefault("roles", {})[str(value.id)] = payloads.role(value)
        return str(value.id)
    if isinstance(value, Channel):
        about = payloads.channel(value, world.bot)
        about["permissions"] = str(value.permissions(world.bot).value)
        resolved.setdefault("channels", {})[str(value.id)] = about
        return str(value.id)
    if isinstance(value, tuple):
        filename, data, *claims = value
        value = world.attach(channel, filename, data, ephemeral=True, **(claims[0] if claims else {}))
    if isinstance(value, Attachment):
        resolved.setdefault("attachments", {})[str(value.id)] = payloads.attachment(value)
        return str(value.id)
    return value
