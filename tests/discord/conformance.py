"""Recorded REST traffic against Discord's own OpenAPI description of its API."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.discord import tls
from tests.discord.traffic import Exchange

_BASE = "urn:discord"
_STEP = re.compile(r"\{[^}]+\}")
# As JSON, one is as good as another.
_ID = re.compile(r'"[1-9]\d{16,18}"')
_MOMENT = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"')


class Description:
    """The description, with a validator for each schema it was asked for, and what each one said.

    Every test registers the same commands, and to judge them takes longer than all the rest of most tests:
    what differs in ids and moments only is judged once.
    """

    def __init__(self, path: Path) -> None:
        self._tree = json.loads(path.read_text(encoding="utf-8"))
        _loosen(self._tree["components"]["schemas"])
        self._registry = Registry().with_resource(
            _BASE, Resource.from_contents(self._tree, default_specification=DRAFT202012)
        )
        # Literal paths first: /users/@me is no {user_id}.
        templates = sorted(self._tree["paths"], key=lambda path: path.count("{"))
        self._paths = [
            (re.compile("[^/]+".join(map(re.escape, _STEP.split(template)))), template)
            for template in templates
        ]
        self._validator = functools.cache(self._made)
        self._judged: dict[tuple[tuple[str, ...], str], list[str]] = {}

    def complaints(self, exchange: Exchange) -> list[str]:
        """What is wrong with one request and its answer; injected answers and the CDN are no API."""
        if exchange.host != tls.API or exchange.injected:
            return []
        where = f"{exchange.method} {exchange.path} -> {exchange.status}"
        found = self._operation(exchange)
        if found is None:
            return [f"{where}: no such operation"]
        template, operation = found
        pointer = ("paths", template, exchange.method.lower())
        complaints = []
        if "requestBody" in operation and exchange.status < 400:
            content = operation["requestBody"]["content"]
            kind = "multipart/form-data" if exchange.files else "application/json"
            if kind in content:
                schema = (*pointer, "requestBody", "content", kind, "schema")
                complaints += self._check(f"{where}, request", schema, exchange.body)
        elif exchange.body is not None and exchange.status < 400:
            complaints.append(f"{where}: a body where none belongs")
        return complaints + self._answer(where, pointer, operation["responses"], exchange)

    def _operation(self, exchange: Exchange) -> tuple[str, dict[str, Any]] | None:
        for pattern, template in self._paths:
            method = exchange.method.lower()
            if pattern.fullmatch(exchange.path) and method in self._tree["paths"][template]:
                return template, self._tree["paths"][template][method]
        return None

    def _answer(
        self, where: str, pointer: tuple[str, ...], responses: dict[str, Any], exchange: Exchange
    ) -> list[str]:
        code = str(exchange.status)
        key = next((one for one in (code, f"{code[0]}XX") if one in responses), None)
        if key is None:
            return [f"{where}: the description knows only {sorted(responses)}"]
        response, at = responses[key], (*pointer, "responses", key)
        if "$ref" in response:
            name = response["$ref"].rsplit("/", 1)[1]
            response, at = self._tree["components"]["responses"][name], ("components", "responses", name)
        if "application/json" not in response.get("content", {}):
            return [] if exchange.answer is None else [f"{where}: an answer where none belongs"]
        return self._check(
            f"{where}, answer", (*at, "content", "application/json", "schema"), exchange.answer
        )

    def _check(self, where: str, pointer: tuple[str, ...], value: Any) -> list[str]:
        key = (pointer, _MOMENT.sub("moment", _ID.sub("id", json.dumps(value))))
        if key not in self._judged:
            self._judged[key] = [
                f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
                for error in self._validator(pointer).iter_errors(value)
            ]
        return [f"{where}: {one}" for one in self._judged[key]]

    def _made(self, pointer: tuple[str, ...]) -> Draft202012Validator:
        steps = "/".join(quote(step.replace("~", "~0").replace("/", "~1")) for step in pointer)
        schema = {"$ref": f"{_BASE}#/{steps}"}
        return Draft202012Validator(schema, registry=self._registry, format_checker=FormatChecker())


def _loosen(schemas: dict[str, Any]) -> None:
    """Where Discord itself is looser than its description.

    discord.py writes some ids of a request as JSON integers, and Discord takes them. The code of a
    field's error is a name such as ``BASE_TYPE_MAX_LENGTH``, as Discord's reference shows it. Media
    channels are in the reference, and for discord.py they are a kind of forum. So are forwards.
    """
    anyway = {"anyOf": [{"$ref": "#/components/schemas/SnowflakeType"}, {"type": "integer", "minimum": 0}]}
    schemas["MessageAttachmentRequest"]["properties"]["id"] = anyway
    for name in ("message_id", "channel_id", "guild_id"):
        schemas["MessageReferenceRequest"]["properties"][name] = anyway
    schemas["ChannelTypes"]["oneOf"].append({"title": "GUILD_MEDIA", "const": 16})
    schemas["MessageReferenceType"]["oneOf"].append({"title": "FORWARD", "const": 1})
    named = {"properties": {"code": {"type": "string"}, "message": {"type": "string"}}}
    schemas["InnerErrors"]["properties"]["_errors"]["items"] = {
        "type": "object",
        "required": ["code"],
        **named,
    }


@functools.cache
def description(folder: Path) -> Description | None:
    """The description in a data folder, read once; None where it is not there."""
    path = folder / "discord" / "openapi.json"
    return Description(path) if path.is_file() else None


def complaints(exchanges: Iterable[Exchange], against: Description) -> list[str]:
    """Everything that does not conform, one sentence each."""
    return [one for exchange in exchanges for one in against.complaints(exchange)]
