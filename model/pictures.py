"""From a file's bytes to the square the encoder was trained on.

The preprocessing is a value that lives in the captioner's checkpoint header, so
training and serving cannot disagree about it.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from model.errors import BadInput

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# A 50-megapixel camera's picture passes; larger ones are bombs or scans. With transparency
# such a picture takes 400 MiB for a moment, a JPEG less.
MAX_PIXELS = 50_000_000
# JPEGs are decoded no larger than needed for a side of at least this.
DRAFT_SIDE = 1024
# Generous for a photograph, and it bounds what is read into memory.
MAX_BYTES = 64 * 2**20
# An encoder cannot see anything in less, and such files are trackers or mistakes.
MIN_SIDE = 2

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the encoder's input.

    The picture is squashed (not cropped) to ``size`` x ``size`` pixels with Pillow's
    ``resample`` filter, scaled to 0..1, then ``(x - mean) / std`` a channel.
    """

    size: int = 224
    resample: str = "HAMMING"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Preprocessing:
        return cls(int(header["size"]), str(header["resample"]), tuple(header["mean"]), tuple(header["std"]))

    def to_header(self) -> dict[str, Any]:
        return asdict(self)

    def square(self, picture: Image.Image) -> Image.Image:
        """Squash an RGB picture to the encoder's square."""
        if picture.size == (self.size, self.size):
            return picture
        return picture.resize((self.size, self.size), Image.Resampling[self.resample])


def open_picture(source: Path | bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a JPEG, PNG, WebP or GIF into an upright RGB picture.

    EXIF orientation is honoured, transparency is laid on white, and only the first
    frame of an animation is read.

    Raises:
        BadInput: the file cannot be read, is no such picture, is damaged, or has more
            than ``max_pixels`` pixels.
    """
    data, name = _read(source)
    try:
        with warnings.catch_warnings():
            # Damaged metadata is no reason to complain: only the pixels matter.
            warnings.simplefilter("ignore")
            # Pillow only warns between one and two times its limit; a bomb is an error here.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_size(picture.size, name, max_pixels)
                # A JPEG can be decoded at a half, a quarter or an eighth: memory for large ones.
                picture.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
                picture.load()
                return _upright(_flatten(picture), picture)
    except BadInput:
        raise
    except UnidentifiedImageError as error:
        raise BadInput(f"{name} is not a JPEG, PNG, WebP or GIF picture.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(_too_large(name, max_pixels)) from error
    # Damaged files surface as many exception types, by format and by where they are damaged.
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error) as error:
        raise BadInput(f"{name} is damaged: the picture could not be decoded.") from error


def to_tensor(square: Image.Image, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """An RGB picture of the right size -> (3, size, size) float32, normalised."""
    pixels = np.asarray(square, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    mean = np.array(preprocessing.mean, dtype=np.float32)[:, None, None]
    std = np.array(preprocessing.std, dtype=np.float32)[:, None, None]
    return np.ascontiguousarray((pixels - mean) / std)


def _read(source: Path | bytes) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        data, name = source, "The picture"
    else:
        name = str(source)
        try:
            if source.is_dir():
                raise BadInput(f"{name} is a directory: name a picture file.")
            if not source.is_file():
                raise BadInput(f"{name} does not exist or is not a regular file.")
            if source.stat().st_size > MAX_BYTES:
                raise BadInput(f"{name} is larger than {MAX_BYTES // 2**20} MiB.")
            data = source.read_bytes()
        except PermissionError as error:
            raise BadInput(f"{name} cannot be read: permission denied.") from error
        except (OSError, ValueError) as error:
            raise BadInput(f"{name} cannot be read: {error}.") from error
    if not data:
        raise BadInput(f"{name} is empty.")
    return data, name


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise BadInput(_too_large(name, max_pixels))
    if min(size) < MIN_SIDE:
        raise BadInput(f"{name} is only {size[0]} x {size[1]} pixels: too small to see anything in.")


def _too_large(name: str, max_pixels: int) -> str:
    return f"{name} has more than {max_pixels / 1_000_000:g} million pixels: make it smaller."


def _upright(flat: Image.Image, source: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation says; one that cannot be read means upright."""
    try:
        turn = _TURNS.get(int(source.getexif().get(_ORIENTATION, 1)))
    except Exception:
        turn = None
    return flat if turn is None else flat.transpose(turn)


def _flatten(picture: Image.Image) -> Image.Image:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        # 16- and 32-bit greys hold more than 0..255: scale, or convert() would clip to white.
        values = np.array(picture.convert("F"))
        values -= values.min()
        values *= 255 / max(float(values.max()), 1e-6)
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGB", picture.size, "white")
        ground.paste(picture, mask=picture.getchannel("A"))
        return ground
    return picture.convert("RGB")
