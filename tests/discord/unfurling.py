"""What Discord makes of links and files: its own copies, previews, and Components V2 that show them."""

from __future__ import annotations

import hashlib
import mimetypes
from typing import Any

from tests.discord import payloads, tls
from tests.discord.state import Attachment, World

_SECTION, _TEXT, _THUMBNAIL, _GALLERY, _FILE, _CONTAINER = 9, 10, 11, 12, 13, 17


def copied(world: World, address: str, data: bytes, host: str = tls.PROXIES[0]) -> str:
    """Have Discord's proxy copy a picture from elsewhere; the copy's address."""
    scheme, _, rest = address.partition("://")
    signature = hashlib.sha256(address.encode()).hexdigest()[:43]
    path = f"/external/{signature}/{scheme}/{rest}"
    world.copies[path] = data
    return f"https://{host}{path}"


def preview(
    world: World,
    address: str,
    data: bytes,
    *,
    kind: str = "image",
    at: str = "thumbnail",
    host: str = tls.PROXIES[0],
) -> dict[str, Any]:
    """The embed that Discord adds to a message with a link.

    Args:
        world: where the copy of the picture goes.
        address: of the picture, elsewhere.
        data: the picture; of a film, its still.
        kind: "image" for a link to a picture, "gifv" for one to Tenor or Giphy, "article" for a page.
        at: "thumbnail", or "image" for a large one.
        host: which proxy has the copy.
    """
    picture: dict[str, Any] = {
        "url": address,
        "proxy_url": copied(world, address, data, host),
        "placeholder": "",
        "placeholder_version": 1,
        "flags": 0,
    }
    if size := payloads.pixels(data):
        picture["width"], picture["height"] = size
    found = {"type": kind, "url": address, at: picture}
    if kind == "gifv":
        film = address.rpartition(".")[0] + ".mp4"
        found["video"] = {"url": film, "proxy_url": copied(world, film, b"\0\0\0 ftypmp42"), "flags": 0}
        found["provider"] = {"name": "Tenor", "url": "https://tenor.co"}
    return found


def uploaded(attachment: Attachment) -> dict[str, Any]:
    """A file of the message, as a component shows it."""
    worded = payloads.attachment(attachment)
    wanted = ("id", "url", "proxy_url", "width", "height", "content_type")
    return {key: worded[key] for key in wanted if key in worded} | {"attachment_id": worded["id"]}


def linked(world: World, address: str, data: bytes) -> dict[str, Any]:
    """A picture from elsewhere, as a component shows it."""
    found: dict[str, Any] = {"id": str(world.new_id()), "url": address}
    found |= {"proxy_url": copied(world, address, data), "content_type": mimetypes.guess_type(address)[0]}
    return found


def gallery(*media: dict[str, Any], spoiler: bool = False) -> dict[str, Any]:
    items = [{"media": one, "description": None, "spoiler": spoiler} for one in media]
    return {"type": _GALLERY, "items": items}


def section(text: str, media: dict[str, Any], *, spoiler: bool = False) -> dict[str, Any]:
    """A text with a thumbnail beside it."""
    shown = {"type": _THUMBNAIL, "media": media, "description": None, "spoiler": spoiler}
    return {"type": _SECTION, "components": [{"type": _TEXT, "content": text}], "accessory": shown}


def file(media: dict[str, Any], name: str, size: int, *, spoiler: bool = False) -> dict[str, Any]:
    return {"type": _FILE, "file": media, "name": name, "size": size, "spoiler": spoiler}


def container(*inside: dict[str, Any], spoiler: bool = False) -> dict[str, Any]:
    return {"type": _CONTAINER, "accent_color": None, "spoiler": spoiler, "components": [*inside]}
