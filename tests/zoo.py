"""Pictures that mean harm, and some that only look like it, made in memory."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

MEBIBYTE = 2**20


def photograph() -> bytes:
    """A small fine one: a sky, a hill and a sun."""
    y, x = np.mgrid[0:120, 0:160]
    sky = np.stack([90 + y // 2, 140 + y // 3, 220 - y // 4], axis=-1)
    hill = y > 80 + 15 * np.sin(x / 25)
    sky[hill] = (40, 110, 50)
    sky[(x - 120) ** 2 + (y - 30) ** 2 < 200] = (250, 220, 120)
    grain = _rng().integers(-6, 7, sky.shape)
    return _encoded(Image.fromarray((sky + grain).clip(0, 255).astype(np.uint8)), "JPEG", quality=85)


def png_bomb() -> bytes:
    """20,000 x 20,000 pixels, every one of them there, in some 50 kB."""
    return _black_png(20_000)


def png_in_pillows_warning_zone() -> bytes:
    """121 megapixels: Pillow itself would only warn."""
    return _black_png(11_000)


def png_36_megapixels() -> bytes:
    """What a good camera makes; over the bot's limit."""
    return _black_png(6_000)


def png_with_zip() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("run.js", "alert(1)")
    return _small("PNG") + archive.getvalue()


def png_with_page() -> bytes:
    return _small("PNG") + b"<!doctype html><script>alert(1)</script>"


def gif_script() -> bytes:
    """Begins as a GIF does, and runs as a script."""
    return b"GIF89a/*" + bytes(200) + b"*/=1;alert(document.cookie);"


def svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><script>fetch("http://169.254.169.254/")</script></svg>'


def page() -> bytes:
    return b"<!doctype html><title>picture.jpg</title><script>alert(1)</script>"


def corrupt_gif() -> bytes:
    """A fine beginning; the second half is rubbish."""
    whole = _noise("GIF")
    half = len(whole) // 2
    return whole[:half] + b"\xff" * half


def gif_300_frames() -> bytes:
    frames = [Image.fromarray(pixels) for pixels in _rng().integers(0, 256, (300, 24, 32), dtype=np.uint8)]
    return _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def gif_huge_header() -> bytes:
    small = _small("GIF")
    return small[:6] + struct.pack("<HH", 65_535, 65_535) + small[10:]


def gif_frame_larger_than_its_screen() -> bytes:
    """A screen of 8 x 8, and a first frame that says 60,000 x 60,000."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\x02\x02\x4c\x01\x00"
    return screen + frame + b";"


def truncated_jpeg() -> bytes:
    whole = _noise("JPEG")
    return whole[: len(whole) // 2]


def jpeg_with_place() -> bytes:
    """Taken sideways, at a place that is nobody's business."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "SECRET-PLACE"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.9), 3: "E", 4: (2.0, 17.0, 40.2)})
    return _encoded(_gradient(), "JPEG", exif=exif)


def png_16_bit() -> bytes:
    ramp = np.linspace(0, 65_535, 64 * 48, dtype=np.uint16).reshape(48, 64)
    return _encoded(Image.fromarray(ramp), "PNG")


def jpeg_cmyk() -> bytes:
    return _encoded(_gradient().convert("CMYK"), "JPEG")


def webp_animated() -> bytes:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "blue", "green")]
    return _encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=50)


def webp_huge_canvas() -> bytes:
    """An animation whose canvas is the largest the format can name: 1 GiB of pixels."""
    side = struct.pack("<I", 16_382)[:3]
    small = struct.pack("<I", 15)[:3]
    frame = bytes(6) + small * 2 + struct.pack("<I", 100)[:3] + b"\0" + _riff_body(_square_webp())
    parts = ((b"VP8X", b"\x02\0\0\0" + side * 2), (b"ANIM", bytes(6)), (b"ANMF", frame))
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(part)) + part for kind, part in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def png_ztxt_bomb() -> bytes:
    return _png_with(b"zTXt", b"Comment\0\0" + _zeros(200 * MEBIBYTE))


def png_itxt_bomb() -> bytes:
    return _png_with(b"iTXt", b"Comment\0\1\0\0\0" + _zeros(200 * MEBIBYTE))


def avif_animated() -> bytes:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "blue")]
    return _encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=50)


def avif_huge_header() -> bytes:
    """Says 16,000 x 16,000, and holds 64 x 48."""
    small = _encoded(_gradient(), "AVIF")
    return small.replace(struct.pack(">II", 64, 48), struct.pack(">II", 16_000, 16_000))


def heic_without_content() -> bytes:
    """Begins as a phone's photograph does."""
    return struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(4000)


def gif_large_frames() -> bytes:
    """Forty frames of four megapixels, of a few kilobytes each."""
    first, other = (Image.new("L", (2000, 2000), level) for level in (0, 255))
    whole = _encoded(first, "GIF", save_all=True, append_images=[other], duration=50)
    start = whole.index(b"\x21\xf9")
    return whole[:start] + whole[start:-1] * 20 + b";"


def png_of_many_chunks() -> bytes:
    """A hundred thousand texts."""
    small = _small("PNG")
    return small[:33] + _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"")) * 100_000 + small[33:]


def nothing() -> bytes:
    return b""


def tiff() -> bytes:
    return _small("TIFF")


def pdf() -> bytes:
    return _small("PDF")


def one_pixel() -> bytes:
    return _encoded(Image.new("RGB", (1, 1)), "PNG")


# How each is made, and whether the bot should read it as a picture.
ZOO: dict[str, tuple[Callable[[], bytes], bool]] = {
    "photograph": (photograph, True),
    "png_bomb": (png_bomb, False),
    "png_in_pillows_warning_zone": (png_in_pillows_warning_zone, False),
    "png_36_megapixels": (png_36_megapixels, False),
    "png_with_zip": (png_with_zip, True),
    "png_with_page": (png_with_page, True),
    "gif_script": (gif_script, False),
    "svg": (svg, False),
    "page": (page, False),
    "corrupt_gif": (corrupt_gif, False),
    "gif_300_frames": (gif_300_frames, True),
    "gif_huge_header": (gif_huge_header, False),
    "gif_frame_larger_than_its_screen": (gif_frame_larger_than_its_screen, False),
    "truncated_jpeg": (truncated_jpeg, False),
    "jpeg_with_place": (jpeg_with_place, True),
    "png_16_bit": (png_16_bit, True),
    "jpeg_cmyk": (jpeg_cmyk, True),
    "webp_animated": (webp_animated, True),
    "webp_huge_canvas": (webp_huge_canvas, False),
    "png_ztxt_bomb": (png_ztxt_bomb, True),
    "png_itxt_bomb": (png_itxt_bomb, True),
    "avif_animated": (avif_animated, True),
    "avif_huge_header": (avif_huge_header, False),
    "heic_without_content": (heic_without_content, False),
    "gif_large_frames": (gif_large_frames, True),
    "png_of_many_chunks": (png_of_many_chunks, True),
    "nothing": (nothing, False),
    "tiff": (tiff, False),
    "pdf": (pdf, False),
    "one_pixel": (one_pixel, False),
}


def keep(folder: Path) -> None:
    """Write the whole zoo into a folder, one file an animal."""
    for name, (make, _) in ZOO.items():
        (folder / name).write_bytes(make())


def _encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _gradient() -> Image.Image:
    return Image.fromarray(np.linspace(0, 255, 64 * 48, dtype=np.uint8).reshape(48, 64)).convert("RGB")


def _small(form: str) -> bytes:
    return _encoded(_gradient(), form)


def _noise(form: str) -> bytes:
    values = _rng().integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return _encoded(Image.fromarray(values), form)


def _square_webp() -> bytes:
    return _encoded(Image.new("RGB", (16, 16), "red"), "WEBP", lossless=True)


def _riff_body(whole: bytes) -> bytes:
    return whole[12:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _zeros(count: int) -> bytes:
    """That many zeros, compressed, without ever holding them."""
    packer, block = zlib.compressobj(9), bytes(MEBIBYTE)
    packed = [packer.compress(block) for _ in range(count // MEBIBYTE)]
    return b"".join([*packed, packer.compress(bytes(count % MEBIBYTE)), packer.flush()])


def _black_png(side: int) -> bytes:
    """A complete black square, one bit a pixel."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = _zeros(side * (1 + (side + 7) // 8))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _png_with(kind: bytes, body: bytes) -> bytes:
    """A small PNG with one more chunk behind its header."""
    small = _small("PNG")
    return small[:33] + _chunk(kind, body) + small[33:]
