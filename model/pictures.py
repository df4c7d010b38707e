"""From a file's bytes to the square the encoder was trained on.

The preprocessing is a value that lives in the captioner's checkpoint header, so
training and serving cannot disagree about it.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from model import formats, png
from model.errors import BadInput
from model.frames import most_telling
from model.sentence import say

# A 50-megapixel camera's picture passes; larger ones are bombs or scans. With transparency
# such a picture takes 400 MiB for a moment, a JPEG less.
MAX_PIXELS = 50_000_000
# JPEGs are decoded no larger than needed for a side of at least this.
DRAFT_SIDE = 1024
# Generous for a photograph, and it bounds what is read into memory.
MAX_BYTES = 64 * 2**20
# An encoder cannot see anything in less, and such files are trackers or mistakes.
MIN_SIDE = 2
# Of an animation, so many frames are looked at, of so many pixels in all: a second's work.
MAX_FRAMES = 100
MAX_WORK = 25_000_000
# Several pictures in one file of another format are no animation: pages, views, previews.
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
# Of these there are more kinds than Pillow knows.
_MANIFOLD = ("AVIF", "HEIF", "TIFF")
# A JPEG that is cut off is told if no more than this is missing of what it shows.
_BEARABLE = 0.05
_END_OF_JPEG = b"\xff\xd9"
# Where its bytes end, a decoder goes on with this grey.
_MISSING = (128, 128, 128)
# Damaged files surface as many exception types, by format and by where they are damaged.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    struct.error,
    zlib.error,
)

# Cores are shared, and each of the decoder's threads takes memory of its own.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

_log = logging.getLogger(__name__)

# What is wrong with a picture; ``name`` is this one's, or a file's.
_POSTED = say("The picture")
_RARE = say("{name} is damaged, or its kind of {kind} is rare: save it as a JPEG or PNG.")
_DAMAGED = say("{name} is damaged: save the {kind} again, or take another picture.")
_TOO_SMALL = say("{name} is too small to see anything in, {width} x {height} pixels: take a larger one.")
_TOO_MANY = say("{name} has more than {millions} million pixels: make it smaller.")
_NO_KIND = say("{name} is not a {kinds} or {last} picture: take one of those.")
_OTHER_KIND = say("{name} is a {kind}, not a {kinds} or {last} picture: take one of those.")

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
    """The picture of a file, of an animation the frame that shows most; see ``open_frames``."""
    return open_frames(source, max_pixels)[0]


def open_frames(source: Path | bytes, max_pixels: int = MAX_PIXELS) -> tuple[Image.Image, ...]:
    """Decode a file into an upright RGB picture, or two where an animation shows two things.

    Orientation is honoured and transparency is laid on white. Of an animation the frame that shows
    most comes first; ``MAX_FRAMES`` and ``MAX_WORK`` bound how many are looked at. A JPEG that lacks
    its last bytes is decoded where it shows nearly everywhere, and the log says so.

    Args:
        source: a file of one's own, or the bytes of a stranger's, for which fewer decoders are used:
            see ``formats.readable``.
        max_pixels: more are refused before they are decoded.

    Raises:
        BadInput: the file cannot be read, is no such picture, is damaged, or has more
            than ``max_pixels`` pixels.
    """
    data, name = _read(source)
    limits = _Limits(name, max_pixels)
    kind = _kind(data, name, own=not isinstance(source, bytes))
    if kind == "PNG":
        data = png.lean(data)
    try:
        return _decoded(data, kind, limits)
    except _DAMAGE as error:
        if kind == "JPEG" and (picture := _cut_off(data, limits)):
            return (picture,)
        if kind in _MANIFOLD and isinstance(error, UnidentifiedImageError):
            raise BadInput(_RARE.filled(name=name, kind=formats.spoken(kind))) from error
        raise BadInput(_DAMAGED.filled(name=name, kind=formats.spoken(kind))) from error


def to_tensor(square: Image.Image, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """An RGB picture of the right size -> (3, size, size) float32, normalised."""
    pixels = np.asarray(square, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    mean = np.array(preprocessing.mean, dtype=np.float32)[:, None, None]
    std = np.array(preprocessing.std, dtype=np.float32)[:, None, None]
    return np.ascontiguousarray((pixels - mean) / std)


def _read(source: Path | bytes) -> tuple[bytes, str]:
    name: str = _POSTED
    if isinstance(source, bytes):
        data = source
    else:
        name = str(source)
        try:
            if source.is_dir():
                raise BadInput(f"{name} is a directory: name a picture file.")
            if not source.is_file():
                raise BadInput(f"{name} does not exist or is not a regular file: name a picture file.")
            if source.stat().st_size > MAX_BYTES:
                raise BadInput(f"{name} is larger than {MAX_BYTES // 2**20} MiB: make it smaller.")
            data = source.read_bytes()
        except PermissionError as error:
            raise BadInput(f"{name} cannot be read: permission denied.") from error
        except (OSError, ValueError) as error:
            raise BadInput(f"{name} cannot be read: {error}.") from error
    if not data:
        raise BadInput(say("{name} is empty: take another picture.", name=name))
    return data, name


@dataclass(frozen=True)
class _Limits:
    """How large a picture may be; ``name`` begins the sentence that says so."""

    name: str
    max_pixels: int

    def check(self, size: tuple[int, int]) -> None:
        if size[0] * size[1] > self.max_pixels:
            raise self.too_large
        if min(size) < MIN_SIDE:
            raise BadInput(_TOO_SMALL.filled(name=self.name, width=size[0], height=size[1]))

    @property
    def too_large(self) -> BadInput:
        return BadInput(_TOO_MANY.filled(name=self.name, millions=f"{self.max_pixels / 1_000_000:g}"))


def _kind(data: bytes, name: str, *, own: bool) -> str:
    """The format of a picture that can be read here."""
    kind, known = formats.kind(data), formats.readable(own)
    if kind in known:
        return kind
    if kind == "HEIF" and own:
        raise BadInput(f"{name} is a HEIC picture: install the extra 'heif' with pip install '.[heif]'.")
    *spoken, last = map(formats.spoken, known)
    refusal, found = _OTHER_KIND if kind else _NO_KIND, formats.spoken(kind or "")
    raise BadInput(refusal.filled(name=name, kind=found, kinds=", ".join(spoken), last=last))


@contextmanager
def _opened(data: bytes, kind: str, limits: _Limits) -> Iterator[Image.Image]:
    """A picture with its header read and its size checked, ready to be loaded."""
    if kind == "HEIF":
        _learn_heif()
    try:
        with warnings.catch_warnings():
            # Damaged metadata is no reason to complain: only the pixels matter.
            warnings.simplefilter("ignore")
            # Pillow only warns between one and two times its limit; a bomb is an error here.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
                limits.check(picture.size)
                # A JPEG can be decoded at a half, a quarter or an eighth: memory for large ones.
                picture.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
                yield picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise limits.too_large from error


def _learn_heif() -> None:
    """Have Pillow open HEIC, too; nothing of such a file but its picture is decoded."""
    from pillow_heif import register_heif_opener

    register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def _decoded(data: bytes, kind: str, limits: _Limits) -> tuple[Image.Image, ...]:
    with _opened(data, kind, limits) as picture:
        if kind not in _ANIMATED or not getattr(picture, "is_animated", False):
            return (_shown(picture, limits),)
        numbers = most_telling(_frames(picture, limits))
    # From the beginning: what an animation leaves behind after a damaged frame is anything.
    with _opened(data, kind, limits) as picture:
        found = {}
        for number in sorted(numbers):
            picture.seek(number)
            found[number] = _shown(picture, limits)
    return tuple(found[number] for number in numbers)


def _frames(picture: Image.Image, limits: _Limits) -> Iterator[Image.Image]:
    """The first frames of an animation, as far as it is whole and ``MAX_FRAMES`` and ``MAX_WORK`` allow."""
    yield _shown(picture, limits)
    work = 0
    for number in range(1, MAX_FRAMES):
        try:
            picture.seek(number)
            work += picture.width * picture.height
            if work > MAX_WORK:
                return
            frame = _shown(picture, limits)
        except (BadInput, *_DAMAGE):
            return
        yield frame


def _shown(picture: Image.Image, limits: _Limits) -> Image.Image:
    """What is seen of a picture or of an animation's present frame: RGB and upright."""
    # A frame may be larger than the header says, and so may what is decoded.
    limits.check(picture.size)
    picture.load()
    limits.check(picture.size)
    return _upright(_flatten(picture), picture)


def _cut_off(data: bytes, limits: _Limits) -> Image.Image | None:
    """A JPEG whose last bytes are missing, where hardly any of what it shows is."""
    try:
        with _opened(data + _END_OF_JPEG, "JPEG", limits) as picture:
            # In ink the grey is another one.
            if picture.mode == "CMYK":
                return None
            found = _shown(picture, limits)
    except _DAMAGE:
        return None
    missing = (np.asarray(found) == _MISSING).all(axis=2).mean()
    if missing > _BEARABLE:
        return None
    _log.warning("%s lacks its last bytes, which hardly shows: it is read as it is.", limits.name)
    return found


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
