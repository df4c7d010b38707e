"""Which files are pictures, by their first bytes, and which of those are read."""

from __future__ import annotations

from model.extras import has_heif

# Bytes that say what a file is; a container's list of brands may need some more of them.
HEAD = 64

# Of strangers: few decoders, and those that browsers keep mended.
POSTED = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
# Of one's own.
OWN = (*POSTED, "BMP", "TIFF")
# How such files end.
SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".avif", ".heic", ".heif", ".bmp",
    ".tif", ".tiff",
)  # fmt: skip

_SPOKEN = {"WEBP": "WebP", "HEIF": "HEIC"}
_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
# What AVIF and HEIC call themselves in the container that they share with films. The first list
# decides: the brands of the second that are not HEVC's are in both kinds of file.
_AVIF = {b"avif", b"avis"}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def kind(data: bytes) -> str | None:
    """Pillow's name of a picture's format, by the first ``HEAD`` bytes or fewer; None for other files."""
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    # Two letters begin many a text; the four reserved bytes are zero in every BMP.
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return "BMP"
    return _contained(data[:HEAD])


def readable(own: bool) -> tuple[str, ...]:
    """The formats that can be read here, of one's own files or of strangers'; HEIC needs its extra."""
    known = OWN if own else POSTED
    return (*known, "HEIF") if has_heif() else known


def spoken(name: str) -> str:
    """What people call a format."""
    return _SPOKEN.get(name, name)


def _contained(head: bytes) -> str | None:
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4]), len(head))
    brands = {head[8:12], *(head[place : place + 4] for place in range(16, end, 4))}
    if brands & _AVIF:
        return "AVIF"
    return "HEIF" if brands & _HEIF else None
