"""The CDN: signed addresses of attachments, good for a while."""

from __future__ import annotations

import contextlib
import mimetypes
import time

from aiohttp import web

from tests.discord import payloads
from tests.discord.state import World

_PIECE = 64 * 1024


def routes(world: World) -> list[web.RouteDef]:
    async def download(request: web.Request) -> web.StreamResponse:
        found = world.attachments.get(int(request.match_info["attachment"]))
        expires = request.query.get("ex", "0")
        if (
            found is None
            or request.match_info["name"] != found.filename
            or request.query.get("hm") != payloads.signature(found, expires)
            or int(expires, 16) < time.time()
        ):
            return web.Response(status=404, text="This content is no longer available.")
        response = web.StreamResponse()
        kind = found.claims.get("content_type") or mimetypes.guess_type(found.filename)[0]
        response.content_type = kind or "application/octet-stream"
        if found.chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = len(found.data)
        # Whoever has had enough hangs up.
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            for start in range(0, len(found.data), _PIECE):
                piece = found.data[start : start + _PIECE]
                await response.write(piece)
                found.sent += len(piece)
            await response.write_eof()
        return response

    return [web.get(r"/attachments/{channel:\d+}/{attachment:\d+}/{name}", download)]
