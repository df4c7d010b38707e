"""What happens to every request before and after its handler: recorded, hit by faults, refused."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.discord import tls
from tests.discord.errors import Refused
from tests.discord.faults import Faults
from tests.discord.state import Portal
from tests.discord.traffic import Exchange, Traffic

BASE = "/api/v10"
# Generous, so that a client's own waiting shows in tests only where a fault asks for it.
_BUCKET = {
    "X-RateLimit-Limit": "100",
    "X-RateLimit-Remaining": "99",
    "X-RateLimit-Reset-After": "1.000",
}
# Answers to interactions carry their own token and no bot's.
_OPEN = ("/interactions/", "/webhooks/")
# Far above what Discord takes, so that the refusal is ours.
MOST_READ = 256 * 2**20

# The parsed body of a request, its files by number, and the answer as it was before it was JSON.
BODY = web.RequestKey("body", Any)
FILES = web.RequestKey("files", dict)
ANSWER = web.ResponseKey("answer", Any)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(data: Any = None, status: int = 200) -> web.Response:
    """JSON with a Content-Type of exactly ``application/json``; 204 where there is nothing to say."""
    if data is None:
        return web.Response(status=204)
    response = web.Response(body=json.dumps(data).encode(), status=status, content_type="application/json")
    response[ANSWER] = data
    return response


def wire(portal: Portal, faults: Faults, traffic: Traffic) -> Any:
    """The middleware of all three hosts."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        exchange = Exchange(
            request.method,
            request.host,
            request.path.removeprefix(BASE),
            dict(request.query),
            dict(request.headers),
            time.monotonic(),
        )
        traffic.add(exchange)
        await _read(request, exchange)
        response = await _answered(request, handler, exchange)
        if request.host == tls.API:
            response.headers.update(_BUCKET)
        exchange.status, exchange.ended = response.status, time.monotonic()
        exchange.answer = response.get(ANSWER)
        return response

    async def _answered(request: web.Request, handler: Handler, exchange: Exchange) -> web.StreamResponse:
        fault = faults.meet(exchange.method, exchange.path)
        if fault is not None:
            await asyncio.sleep(fault.delay)
            if fault.drop:
                exchange.injected = True
                return _cut(request)
            if fault.status is not None:
                exchange.injected = True
                headers, said = fault.answer()
                if isinstance(said, str):
                    return web.Response(text=said, status=fault.status, headers=headers)
                response = answer(said, fault.status)
                response.headers.update(headers)
                return response
        try:
            if request.host == tls.API:
                _let_in(request, exchange)
            response = await handler(request)
        except Refused as refused:
            response = answer(refused.body, refused.status)
        except web.HTTPNotFound:
            response = answer(Refused(0).body, 404)
        except Exception as mistake:
            traffic.mistakes.append(mistake)
            raise
        if fault is not None and fault.lose_answer:
            exchange.injected = True
            return _cut(request)
        return response

    def _let_in(request: web.Request, exchange: Exchange) -> None:
        if (request.content_length or 0) > portal.request_bytes:
            raise Refused(40005)
        good = portal.api_token_good and request.headers.get("Authorization") == f"Bot {portal.token}"
        if not good and not exchange.path.startswith(_OPEN):
            raise Refused(40001)

    return handle


# What the record shows where no answer was sent, after nginx.
NO_ANSWER = 499


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=NO_ANSWER)


async def _read(request: web.Request, exchange: Exchange) -> None:
    """The body, for the record and for the handler."""
    files: dict[int, tuple[str, bytes]] = {}
    if request.content_type == "multipart/form-data":
        form = await request.post()
        for name, part in form.items():
            if isinstance(part, web.FileField):
                number = int(name.removeprefix("files[").rstrip("]"))
                files[number] = (part.filename, part.file.read())
            elif name == "payload_json":
                exchange.body = json.loads(part)
        exchange.files = dict(files.values())
    elif request.can_read_body:
        exchange.body = await request.json()
    request[BODY], request[FILES] = exchange.body or {}, files
