"""A PNG without what is not seen.

Pillow unpacks texts and colour profiles, and gives up a fine picture over one that is large or damaged.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Length, kind and checksum.
_FRAME = 12
# Transparency, orientation, and the frames of an animation. Of the kinds that a decoder may
# leave out (their first letter is small), only these change what is seen.
_SEEN = {b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
# Texts that may say how to turn the picture; Pillow unpacks no more of one than this.
_ORIENTING = {b"Raw profile type exif", b"XML:com.adobe.xmp"}
_MAX_TEXT = 2**20


def lean(data: bytes) -> bytes:
    """Drop everything that does not change what is seen, and optional parts whose checksum is wrong.

    A part that is cut off stays: that is the decoder's to judge. At most one text of each kind that
    may say how to turn the picture is unpacked, and no more than a megabyte of it.

    Args:
        data: a file that begins as a PNG does.
    """
    kept, wanted = [_SIGNATURE], set(_ORIENTING)
    for kind, chunk in _chunks(data):
        body = chunk[8:-4]
        if kind in _TEXTS:
            key = body.partition(b"\0")[0]
            if key not in wanted:
                continue
            wanted.remove(key)
            if not _fits(kind, body):
                continue
        elif _optional(kind) and kind not in _SEEN:
            continue
        if not _optional(kind) or _is_whole(chunk):
            kept.append(chunk)
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's kind and all its bytes, as far as the file goes."""
    place = len(_SIGNATURE)
    while place < len(data):
        end = place + _FRAME + int.from_bytes(data[place : place + 4])
        kind = data[place + 4 : place + 8]
        yield kind, data[place:end]
        if kind == b"IEND":
            return
        place = end


def _optional(kind: bytes) -> bool:
    return kind[:1].islower()


def _is_whole(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _fits(kind: bytes, body: bytes) -> bool:
    """Whether a text unpacks, and to no more than Pillow takes."""
    rest = body.partition(b"\0")[2]
    if kind == b"tEXt" or (kind == b"iTXt" and rest[:1] == b"\0"):
        return True
    packed = rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed, _MAX_TEXT)
    except zlib.error:
        return False
    return not unpacking.unconsumed_tail
