"""Other views of a picture to learn from: mirrored, cropped, in other light and colours."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageEnhance, ImageOps

from model.pictures import Preprocessing

# A crop shows at least this much of the picture, and squashes it by at most this factor more or less.
_LEAST, _SQUASHED = 0.5, 1.25
# Brightness, contrast and saturation, as factors.
_DIMMEST, _BRIGHTEST = 0.75, 1.3


def view(picture: Image.Image, preprocessing: Preprocessing, number: int, name: str) -> Image.Image:
    """A view of an RGB picture, as the encoder's square.

    Args:
        picture: upright.
        preprocessing: the encoder's.
        number: 0 for the picture as it is, 1 for its mirror image, from 2 on a crop in changed light
            and colours, mirrored where the number is odd.
        name: of the picture; with the number it decides the draws.
    """
    square = preprocessing.square(picture) if number < 2 else _drawn(picture, preprocessing, number, name)
    return ImageOps.mirror(square) if number % 2 else square


def _drawn(picture: Image.Image, preprocessing: Preprocessing, number: int, name: str) -> Image.Image:
    draw = random.Random(f"{number} {name}")
    side = preprocessing.size
    square = picture.resize((side, side), Image.Resampling[preprocessing.resample], _crop(picture.size, draw))
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        square = change(square).enhance(draw.uniform(_DIMMEST, _BRIGHTEST))
    return square


def _crop(size: tuple[int, int], draw: random.Random) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in pixels."""
    shown = draw.uniform(_LEAST, 1.0)
    squashed = math.exp(draw.uniform(-1.0, 1.0) * math.log(_SQUASHED))
    wide, high = min(1.0, math.sqrt(shown * squashed)), min(1.0, math.sqrt(shown / squashed))
    left, top = draw.uniform(0.0, 1.0 - wide), draw.uniform(0.0, 1.0 - high)
    width, height = size
    return left * width, top * height, (left + wide) * width, (top + high) * height
