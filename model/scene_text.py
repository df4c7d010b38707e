"""Scene text recognition: what is written on a picture, as far as the songs have words for it.

RapidOCR (PP-OCRv6, Apache-2.0) finds the lines and reads them; it brings its networks along and never
asks the network for one. The lines themselves leave this module never: only what they are about.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from model.extras import check_text
from model.keywords import KNOWN, extract, sung
from model.lexicon import Lexicon

# Lines are looked for in a copy of so many pixels: what people are meant to read is found in it, and
# the time goes with the pixels.
FINDING_PIXELS = 130_000
# The finder's sides are multiples of this.
_STRIDE = 32
# Lines are read at this height, the tallest first, as long as they are no wider than this together.
_LINE_HEIGHT, _WIDTH = 48, 2000
# What the reader is less sure of, and what has fewer letters, is a face or a cup more often than text.
_SURE, _LETTERS = 0.8, 2
# Of the picture, with the space between the lines: more text than that is what it is about. Conversations
# drawn for a trial had 0.30 to 0.55, pages 0.85 and more, two lines on a photograph 0.29 at the most.
_FILLED = 0.3
# So many lemmas are told.
_TOLD = 3
# A line that is so much higher than wide goes downwards, as on the backs of books.
_UPRIGHT = 1.5

Quad = npt.NDArray[np.float64]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """What is written on a picture.

    Attributes:
        words: lemmas that songs sing, the most telling first; no names.
        fills: whether there is so much of it that it is what the picture is about.
    """

    words: tuple[str, ...] = ()
    fills: bool = False

    def description(self, seen: str) -> str:
        """What to say of a picture on which something else was seen, too."""
        about = f"it tells of {', '.join(self.words)}" if self.words else ""
        if self.fills:
            return about or "a page of words"
        return f"{seen}; {about}" if about else seen


class TextReader:
    """Reads pictures.

    Args:
        lexicon: the words that songs have.
        threads: that share a picture's work.

    Raises:
        BadInstallation: the extra ``text`` is not installed.
    """

    def __init__(self, lexicon: Lexicon, threads: int = 1) -> None:
        check_text()
        self._lexicon, self._engine = lexicon, _engine(threads)

    def read(self, picture: Image.Image) -> Reading:
        """Read an RGB picture; one that cannot be read has nothing written on it, and the log says so."""
        try:
            quads = self._found(picture)
            lines = {number: self._line(picture, quads[number]) for number in _affordable(quads)}
        except Exception as error:
            # Its message may quote what was read.
            _log.warning("The text on the picture could not be read: %s.", type(error).__name__)
            return Reading()
        read = [line for line in lines.values() if line]
        text = [quad for number, quad in enumerate(quads) if lines.get(number, "unread")]
        return Reading(self._about(read), bool(read) and _covered(text, *picture.size) > _FILLED)

    def _found(self, picture: Image.Image) -> list[Quad]:
        """The corners of each line in the picture's pixels, clockwise from where the line begins."""
        small = picture.resize(_finding_size(picture.size), Image.Resampling.BILINEAR)
        found = self._engine(_pixels(small), use_det=True, use_cls=False, use_rec=False).boxes
        scale = np.divide(picture.size, small.size)
        return [] if found is None else [np.asarray(quad, dtype=np.float64) * scale for quad in found]

    def _line(self, picture: Image.Image, quad: Quad) -> str:
        """What is written in a line, "" where that is not sure."""
        read = self._engine(_pixels(_cut(picture, quad)), use_det=False, use_cls=False, use_rec=True)
        if not read.txts or read.scores[0] < _SURE:
            return ""
        text = str(read.txts[0])
        return text if sum(map(str.isalpha, text)) >= _LETTERS else ""

    def _about(self, lines: Iterable[str]) -> tuple[str, ...]:
        known = self._lexicon
        found = extract("\n".join(lines), known, limit=2 * _TOLD)
        # Names are people's, in what people write to each other.
        told = (lemma for lemma in found if lemma not in known.names and sung(lemma, known) >= KNOWN)
        return tuple(islice(told, _TOLD))


def _engine(threads: int) -> Any:
    """RapidOCR with its networks loaded."""
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    engine = rapidocr.RapidOCR(
        params={
            # Named, as otherwise one that is missing would be fetched.
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
            # The size is decided here.
            "Det.limit_type": "max",
            "Det.limit_side_len": 10_000,
            "Global.max_side_len": 10_000,
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )
    blank = np.zeros((_LINE_HEIGHT, 2 * _LINE_HEIGHT, 3), dtype=np.uint8)
    engine(blank, use_det=True, use_cls=False, use_rec=False)
    engine(blank, use_det=False, use_cls=False, use_rec=True)
    return engine


def _pixels(picture: Image.Image) -> npt.NDArray[np.uint8]:
    """(height, width, 3), blue first, as OpenCV has it."""
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def _finding_size(size: tuple[int, int]) -> tuple[int, int]:
    shrunk = min(1.0, (FINDING_PIXELS / (size[0] * size[1])) ** 0.5)
    width, height = (max(_STRIDE, round(side * shrunk / _STRIDE) * _STRIDE) for side in size)
    return width, height


def _affordable(quads: Sequence[Quad]) -> list[int]:
    """The numbers of the lines to read, in the order in which they were found."""
    left, kept = float(_WIDTH), []
    for number in sorted(range(len(quads)), key=lambda number: -min(_sides(quads[number]))):
        sides = _sides(quads[number])
        width = _LINE_HEIGHT * max(sides) / max(min(sides), 1.0)
        if width <= left:
            left -= width
            kept.append(number)
    return sorted(kept)


def _sides(quad: Quad) -> tuple[float, float]:
    """Width and height of a line, the larger of two sides each."""
    lengths = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    return float(max(lengths[0], lengths[2])), float(max(lengths[1], lengths[3]))


def _cut(picture: Image.Image, quad: Quad) -> Image.Image:
    """A line, straightened, at the height at which it is read."""
    wide, high = _sides(quad)
    if high >= _UPRIGHT * wide:
        # It begins at its upper right corner.
        quad, wide, high = np.roll(quad, -1, axis=0), high, wide
    size = max(1, round(_LINE_HEIGHT * wide / max(high, 1.0))), _LINE_HEIGHT
    # Pillow goes from the upper left corner counter-clockwise.
    corners = tuple(quad[[0, 3, 2, 1]].ravel().tolist())
    return picture.transform(size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)


def _covered(quads: Iterable[Quad], width: int, height: int) -> float:
    """The share of a picture that lines take, each with half its height above and below it."""
    shown = Image.new("L", (width, height))
    draw = ImageDraw.Draw(shown)
    for quad in quads:
        middle = quad.mean(axis=0)
        draw.polygon([tuple(corner) for corner in middle + (quad - middle) * (1.0, 2.0)], fill=1)
    return float(np.asarray(shown).mean())
