import functools
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps

from model import pictures
from model.errors import BadInput
from model.pictures import Preprocessing, open_frames, open_picture, to_tensor
from tests import zoo


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def gradient(mode: str = "RGB") -> Image.Image:
    ramp = np.linspace(0, 255, 40 * 30, dtype=np.uint8).reshape(30, 40)
    return Image.fromarray(ramp).convert(mode)


def lit(level: float, seed: int = 0) -> Image.Image:
    """A frame of eight colours each way, so bright."""
    colours = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)) * level
    return Image.fromarray(colours.astype(np.uint8)).resize((32, 32), Image.Resampling.BICUBIC)


@functools.cache
def three_frames(form: str) -> bytes:
    return animation(form, [lit(0), lit(1, 1), lit(1, 2)])


def animation(form: str, frames: Sequence[Image.Image]) -> bytes:
    exact = {"lossless": True} if form == "WEBP" else {}
    return encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=50, **exact)


def alike(one: Image.Image, other: Image.Image) -> bool:
    return bool(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean() < 12)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "MPO"])
def test_what_people_post_becomes_rgb(form: str) -> None:
    picture = open_picture(encoded(gradient("RGB"), form))
    assert picture.mode == "RGB"
    assert picture.size == (40, 30)


@pytest.mark.parametrize("form", ["BMP", "TIFF"])
def test_a_file_of_ones_own_may_be_in_more_formats_than_a_strangers(form: str, tmp_path: Path) -> None:
    data = encoded(gradient("RGB"), form)
    file = tmp_path / "picture"
    file.write_bytes(data)
    assert alike(open_picture(file), gradient())
    with pytest.raises(BadInput, match=f"The picture is a {form}, not a JPEG"):
        open_picture(data)


def test_heic_is_read_with_its_extra() -> None:
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs the extra heif")
    picture = lit(1)
    data = io.BytesIO()
    heif.from_pillow(picture).save(data)
    assert data.getvalue()[4:12] == b"ftypheic"
    assert alike(open_picture(data.getvalue()), picture)
    with pytest.raises(BadInput, match="million pixels"):
        open_picture(data.getvalue(), 1000)
    with pytest.raises(BadInput, match=r"is damaged.* HEIC"):
        open_picture(data.getvalue()[:300])


def test_a_format_of_a_rare_kind_is_not_called_damaged_outright(tmp_path: Path) -> None:
    file = tmp_path / "odd.tiff"
    bits = struct.pack("<HHI", 258, 3, 1)
    file.write_bytes(encoded(gradient("L"), "TIFF").replace(bits + b"\x08", bits + b"\x07"))
    with pytest.raises(BadInput, match="is damaged, or its kind of TIFF is rare: save it as a JPEG or PNG"):
        open_picture(file)


def test_heic_without_its_extra_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.formats.has_heif", lambda: False)
    file = tmp_path / "photo.heic"
    file.write_bytes(zoo.heic_without_content())
    with pytest.raises(BadInput, match=r"photo\.heic is a HEIC picture: .* pip install '\.\[heif\]'"):
        open_picture(file)
    with pytest.raises(BadInput, match="The picture is a HEIC, not a JPEG"):
        open_picture(file.read_bytes())


def test_of_several_pictures_in_a_jpeg_the_first_counts() -> None:
    """A camera's second view, or its preview, is no animation."""
    both = encoded(Image.new("RGB", (32, 32)), "MPO", save_all=True, append_images=[lit(1)])
    assert [frame.getpixel((0, 0)) for frame in open_frames(both)] == [(0, 0, 0)]


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


ANIMATED = ["GIF", "PNG", "WEBP", "AVIF"]


@pytest.mark.parametrize("form", ANIMATED)
def test_of_an_animation_the_frame_is_read_that_shows_most(form: str) -> None:
    """It fades in from black; what follows at full light is as good as the first that is."""
    data = animation(form, [lit(light, seed) for light, seed in ((0, 0), (0.2, 0), (1, 0), (1, 0))])
    [frame] = open_frames(data)
    assert alike(frame, lit(1))
    assert alike(open_picture(data), frame)


@pytest.mark.parametrize("form", ANIMATED)
def test_an_animation_that_shows_two_things_gives_two_frames(form: str) -> None:
    noon, night = (
        ImageChops.multiply(lit(1), Image.new("RGB", (32, 32), tint)) for tint in ("khaki", "deepskyblue")
    )
    first, second = open_frames(animation(form, [lit(0), noon, ImageOps.mirror(noon), night]))
    assert alike(first, noon)
    assert alike(second, night)


def test_frames_that_show_equally_much_leave_it_at_the_first() -> None:
    red, *_ = open_frames(animation("GIF", [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]))
    assert red.getpixel((0, 0)) == (255, 0, 0)


def test_an_animation_counts_as_far_as_it_is_whole() -> None:
    data = three_frames("GIF")
    frame, *_ = open_frames(data[: int(len(data) * 0.6)])
    assert alike(frame, lit(1, 1))


@pytest.mark.parametrize("form", ANIMATED)
def test_so_many_frames_are_looked_at_and_so_many_pixels(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = animation(form, [*(lit(0.02, seed) for seed in range(8)), lit(1)])
    assert alike(open_picture(data), lit(1))
    monkeypatch.setattr(pictures, "MAX_FRAMES", 8)
    assert alike(open_picture(data), lit(0))
    monkeypatch.setattr(pictures, "MAX_FRAMES", 100)
    monkeypatch.setattr(pictures, "MAX_WORK", 7 * 32 * 32)
    assert alike(open_picture(data), lit(0))


def test_a_frame_that_is_larger_than_the_first_is_as_large_as_a_picture_may_be() -> None:
    """A screen of 8 x 8, and a second frame of 400 x 400."""
    small = encoded(Image.new("RGB", (8, 8), "red"), "GIF")
    large = encoded(Image.new("L", (400, 400), 255), "GIF")
    data = small[:-1] + large[large.index(b",") :]
    assert open_picture(data, 100_000).size == (8, 8)


@given(st.data())
def test_whatever_happens_to_an_animation_it_is_read_or_refused(draw: st.DataObject) -> None:
    form = draw.draw(st.sampled_from(ANIMATED))
    data = bytearray(three_frames(form))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(16, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        frames = open_frames(bytes(data), 10_000)
    except BadInput:
        return
    assert 1 <= len(frames) <= 2
    assert all(frame.width * frame.height <= 10_000 for frame in frames)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@functools.cache
def plain_png() -> bytes:
    return encoded(gradient(), "PNG")


def with_chunks(*chunks: bytes, at: int = 33) -> bytes:
    """A PNG with more chunks, behind its header or elsewhere."""
    data = plain_png()
    return data[:at] + b"".join(chunks) + data[at:]


MEGABYTES = b"much said " * 300_000


@pytest.mark.parametrize(
    "metadata",
    [
        chunk(b"tEXt", b"Comment\0" + MEGABYTES),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(MEGABYTES)),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(MEGABYTES)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(MEGABYTES)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(MEGABYTES)),
        chunk(b"iCCP", b"ICC\0\0" + zlib.compress(MEGABYTES)),
        chunk(b"tEXt", b"Comment\0half")[:-4] + b"????",
        chunk(b"gAMA", b""),
    ],
    ids=["text", "packed", "international", "XMP", "EXIF", "profile", "checksum", "empty"],
)
@pytest.mark.parametrize("at", [33, -12], ids=["before", "behind"])
def test_large_and_damaged_metadata_is_no_damage_to_a_png(metadata: bytes, at: int) -> None:
    assert alike(open_picture(with_chunks(metadata, at=at)), gradient())


def test_small_metadata_still_turns_a_png() -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for text in (xmp, b"much said"):
        data = with_chunks(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(text)))
        assert open_picture(data).size == ((30, 40) if text is xmp else (40, 30))


OPTIONAL = st.tuples(st.from_regex(rb"\A[a-z][A-Za-z][A-Z][a-z]\Z"), st.binary(max_size=40)).filter(
    lambda one: one[0] not in (b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT")
)


@given(st.lists(OPTIONAL | st.tuples(st.sampled_from([b"iCCP", b"pHYs", b"zTXt"]), st.binary()), max_size=5))
def test_no_optional_chunk_changes_a_png(chunks: list[tuple[bytes, bytes]]) -> None:
    assert open_picture(with_chunks(*(chunk(*one) for one in chunks))).tobytes() == gradient().tobytes()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2, 40])
def test_a_jpeg_without_its_last_bytes_is_read_and_the_log_says_so(
    lost: int, progressive: bool, caplog: pytest.LogCaptureFixture
) -> None:
    picture = lit(1).resize((256, 256))
    data = encoded(picture, "JPEG", progressive=progressive)
    assert alike(open_picture(data[:-lost]), picture)
    assert [record.getMessage() for record in caplog.records] == [
        "The picture lacks its last bytes, which hardly shows: it is read as it is."
    ]
    caplog.clear()
    assert alike(open_picture(data), picture)
    assert not caplog.records


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lacks_a_good_part_of_what_it_shows_is_damaged(mode: str) -> None:
    data = encoded(lit(1).resize((256, 256)).convert(mode), "JPEG")
    with pytest.raises(BadInput, match="is damaged"):
        open_picture(data[: int(len(data) * 0.8)])


@pytest.mark.parametrize("side", [7_100, 10_000, 20_000, 100_000])
def test_a_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(BadInput, match="million pixels"):
        open_picture(png_header(side, side))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
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


@pytest.mark.parametrize(
    "make",
    [zoo.nothing, zoo.one_pixel, zoo.truncated_jpeg, zoo.gif_huge_header, zoo.tiff, zoo.pdf, zoo.corrupt_gif],
)
def test_a_refusal_says_what_the_picture_is_and_what_to_do(make: Callable[[], bytes]) -> None:
    with pytest.raises(BadInput) as refusal:
        open_picture(make())
    said = str(refusal.value)
    what, advice = said.split(": ")
    assert what.startswith("The picture ")
    assert advice.split()[0] in ("take", "make", "save")
    assert said.endswith(".")


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
