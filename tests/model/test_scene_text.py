"""What is written on pictures, by the reader of the extra ``text``."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from model.description import Description
from model.errors import BadInstallation
from model.image_describer import ImageDescriber
from model.pictures import open_picture
from model.pipeline import describe
from model.scene_text import TextReader
from tests.shipped import LEXICON

pytest.importorskip("rapidocr", reason="reading pictures needs the extra text")


@pytest.fixture(scope="module")
def reader() -> Iterator[TextReader]:
    """Loads and reads without a network."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield TextReader(LEXICON)


def page(*lines: str, size: int = 40) -> Image.Image:
    picture = Image.new("RGB", (800, 40 + 60 * len(lines)), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    for number, line in enumerate(lines):
        draw.text((40, 20 + 60 * number), line, "black", font)
    return picture


def meme(photograph: Path, *lines: str) -> Image.Image:
    picture = open_picture(photograph).copy()
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(picture.width / 14)
    for line, (height, anchor) in zip(lines, ((8, "ma"), (picture.height - 8, "md")), strict=False):
        where = (picture.width / 2, height)
        draw.text(where, line, "white", font, anchor, stroke_width=3, stroke_fill="black")
    return picture


LETTER = page(
    "The old garden was quiet and the rain",
    "fell on the window while my mother",
    "sang a song about the river. I miss",
    "you. Call me at 555 0199, yours, Zbigniew",
)


def test_words_on_a_photograph_are_told_beside_what_it_shows(reader: TextReader, photograph: Path) -> None:
    read = reader.read(meme(photograph, "WALK INTO", "THE OLD SEA"))
    assert not read.fills
    assert read.description("a woman").startswith("a woman; it tells of sea")


def test_a_page_is_about_what_is_written_on_it_and_is_not_repeated(reader: TextReader) -> None:
    told = reader.read(LETTER).description("a man in front of a wall")
    assert told.startswith("it tells of ")
    assert {"garden", "window", "river"} & {*told.replace(",", "").split()}
    assert len(told.split()) <= 6
    assert not {"zbigniew", "555", "0199"} & {*told.lower().split()}


def test_what_no_song_has_is_not_told(reader: TextReader) -> None:
    told = reader.read(page("Zbigniew Krzysztof", "0199 555 123", "xqzk wvbrt", "Mary and John")).description(
        "x"
    )
    assert told == "a page of words"


def test_a_line_that_goes_downwards_is_read(reader: TextReader) -> None:
    downwards = page("THE GOLDEN MORNING").transpose(Image.Transpose.ROTATE_270)
    assert "morning" in reader.read(downwards).words


def test_nothing_is_read_where_nothing_is_written(reader: TextReader, photograph: Path) -> None:
    for picture in (
        open_picture(photograph),
        Image.new("RGB", (2, 900)),
        Image.new("RGB", (64, 64), "white"),
    ):
        assert reader.read(picture).description("a cat") == "a cat"


def test_a_picture_that_cannot_be_read_is_described_all_the_same(
    reader: TextReader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("THE GOLDEN MORNING")

    monkeypatch.setattr(reader, "_engine", fail)
    assert reader.read(LETTER).description("a cat") == "a cat"
    (said,) = caplog.messages
    assert said == "The text on the picture could not be read: RuntimeError."


def test_a_describer_with_a_reader_keeps_what_it_needs(reader: TextReader, photograph: Path) -> None:
    describer = ImageDescriber.load()
    large = Image.new("RGB", (4000, 1000))
    assert describer.kept(large).size == (224, 224)
    before = describe(describer, [LETTER])
    describer.reader = reader
    assert describer.kept(large).size == (1280, 320)
    described = describe(describer, [LETTER, LETTER, open_picture(photograph)])
    assert isinstance(described, Description)
    assert before.text is not None
    assert described.text is not None
    first, second = described.text.split("; ")
    assert first.startswith("it tells of ")
    assert "tells" not in before.text + second


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.extras.find_spec", lambda _: None)
    with pytest.raises(BadInstallation, match=r"pip install '\.\[text\]'"):
        TextReader(LEXICON)
