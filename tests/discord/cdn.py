"""The CDN: signed addresses of attachments, good for a while; stickers; copies of pictures from elsewhere.

The proxies among the hosts also resize pictures and write them in another format.
"""

from __future__ import annotations

import contextlib
import io
import mimetypes
import time

from aiohttp import web
from PIL import Image

from tests.discord import payloads
from tests.discord.state import Attachment, World

_PIECE = 64 * 1024
# Of a sticker's format, the ending of its file; GIFs are with the proxy.
_ENDINGS = {1: "png", 2: "png", 3: "json", 4: "gif"}


def routes(world: World, *, resizes: bool) -> list[web.RouteDef]:
    """Of one host.

    Args:
        world: where the files are.
        resizes: whether ``width``, ``height`` and ``format`` are heeded.
    """

    async def attachment(request: web.Request) -> web.StreamResponse:
        found = world.attachments.get(int(request.match_info["attachment"]))
        expires = request.query.get("ex", "0")
        if (
            found is None
            or request.match_info["name"] != found.filename
            or request.query.get("hm") != payloads.signature(found, expires)
            or int(expires, 16) < time.time()
        ):
            return _gone()
        return _changed(request, found.data) if _asks(request) else await _whole(request, found)

    async def sticker(request: web.Request) -> web.StreamResponse:
        found = world.stickers.get(int(request.match_info["sticker"]))
        if found is None or _ENDINGS[found.format] != request.match_info["ending"]:
            return _gone()
        return web.Response(body=found.data, content_type=mimetypes.guess_type(request.path)[0] or "")

    async def copy(request: web.Request) -> web.StreamResponse:
        data = world.copies.get(request.path)
        if data is None:
            return _gone()
        return _changed(request, data) if _asks(request) else web.Response(body=data)

    def _asks(request: web.Request) -> bool:
        return resizes and bool(request.query.keys() & {"width", "height", "format"})

    return [
        web.get(r"/attachments/{channel:\d+}/{attachment:\d+}/{name}", attachment),
        web.get(r"/stickers/{sticker:\d+}.{ending}", sticker),
        web.get("/external/{path:.+}", copy),
    ]


def _gone() -> web.Response:
    return web.Response(status=404, text="This content is no longer available.")


async def _whole(request: web.Request, found: Attachment) -> web.StreamResponse:
    """A file as it was posted."""
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


def _changed(request: web.Request, data: bytes) -> web.Response:
    """A picture in the size and format that are asked for; what is none of those it knows is refused."""
    try:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
    except Exception:  # hostile files are posted on purpose
        return web.Response(status=415, text="Unsupported Media Type")
    width, height = (int(request.query.get(side, 0)) for side in ("width", "height"))
    if width and height:
        picture = picture.resize((width, height))
    written = io.BytesIO()
    picture.save(written, request.query.get("format", "png"))
    return web.Response(body=written.getvalue(), content_type="image/png")
