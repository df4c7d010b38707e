import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from model.errors import BadInput
from model.pictures import Preprocessing, open_picture, to_tensor


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def gradient(mode: str = "RGB") -> Image.Image:
    ramp = np.linspace(0, 255, 40 * 30, dtype=np.uint8).reshape(30, 40)
    return Image.fromarray(ramp).convert(mode)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_four_formats_become_rgb(form: str) -> None:
    picture = open_picture(encoded(gradient("RGB"), form))
    assert picture.mode == "RGB"
    assert picture.size == (40, 30)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_png_mode_is_read(mode: str) -> None:
    picture = Image.new(mode, (8, 6)) if mode in ("I;16", "LA") else gradient(mode)
    assert open_picture(encoded(picture, "PNG")).mode == "RGB"


def test_cmyk_jpeg_is_read() -> None:
    assert open_picture(encoded(gradient("CMYK"), "JPEG")).mode == "RGB"


def test_sixteen_bit_grey_keeps_its_contrast() -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    values = np.asarray(open_picture(encoded(Image.fromarray(ramp), "PNG")))
    assert values.min() == 0
    assert values.max() >= 254
    assert len(np.unique(values)) > 32


def test_exif_orientation_is_honoured() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # quarter turn clockwise
    turned = open_picture(encoded(gradient(), "JPEG", exif=exif))
    assert turned.size == (30, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_equals_pillows(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(gradient(), "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(np.asarray(open_picture(data)), np.asarray(expected.convert("RGB")))


def test_damaged_exif_is_no_damage_to_the_picture(recwarn: pytest.WarningsRecorder) -> None:
    """An orientation beside a tag of the wrong type, and an eXIf chunk of four bytes."""
    wide, turned = (0x0100, 2, 4, b"wid\0"), (0x0112, 3, 1, b"\6\0\0\0")
    entries = b"".join(struct.pack("<HHI4s", *entry) for entry in (wide, turned))
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
    assert open_picture(encoded(gradient(), "JPEG", exif=exif)).size == (30, 40)
    assert open_picture(encoded(gradient(), "PNG", exif=b"Exif\0\0\1\2\3\4")).size == (40, 30)
    assert not recwarn.list


def test_a_large_jpeg_is_decoded_small() -> None:
    large = encoded(Image.new("RGB", (6000, 4000), "teal"), "JPEG")
    assert 1024 <= min(open_picture(large).size) < 4000


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert open_picture(encoded(clear, "PNG")).getpixel((0, 0)) == (255, 255, 255)


def test_the_first_frame_of_an_animation_is_read() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    red, _, blue = open_picture(data).getpixel((0, 0))
    assert red > 200
    assert blue < 50


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_100, 10_000, 20_000, 100_000])
def test_a_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(BadInput, match="million pixels"):
        open_picture(png_header(side, side))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_damaged(form: str, share: float) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, form)
    with pytest.raises(BadInput, match=r"damaged|not a JPEG"):
        open_picture(data[: int(len(data) * share)])


def test_one_pixel_is_too_small() -> None:
    with pytest.raises(BadInput, match="too small"):
        open_picture(encoded(Image.new("RGB", (1, 1)), "PNG"))


def test_files_that_are_no_pictures_say_so(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    empty = tmp_path / "empty.png"
    empty.touch()
    for path, words in ((text, "not a JPEG"), (empty, "empty"), (tmp_path, "directory")):
        with pytest.raises(BadInput, match=words):
            open_picture(path)
    with pytest.raises(BadInput, match="does not exist"):
        open_picture(tmp_path / "missing.jpg")


def test_other_formats_are_not_even_tried() -> None:
    with pytest.raises(BadInput, match="not a JPEG"):
        open_picture(encoded(gradient(), "TIFF"))


def test_the_square_is_squashed_and_normalised() -> None:
    preprocessing = Preprocessing(size=16)
    square = preprocessing.square(gradient())
    assert square.size == (16, 16)
    tensor = to_tensor(square, preprocessing)
    assert tensor.shape == (3, 16, 16)
    assert tensor.dtype == np.float32
    assert -1 <= tensor.min() < tensor.max() <= 1


def test_preprocessing_survives_its_header() -> None:
    preprocessing = Preprocessing(192, "BICUBIC", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    header = {k: list(v) if isinstance(v, tuple) else v for k, v in preprocessing.to_header().items()}
    assert Preprocessing.from_header(header) == preprocessing
