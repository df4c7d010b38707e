"""Which frames of an animation are worth looking at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

# Frames are compared as squares of this side.
_SIDE = 32
# An earlier frame that shows nearly as much as the richest one is taken: it is what people see first.
_NEARLY = 0.9
# Another frame is worth a look if it shows at least this share of that ...
_ENOUGH = 0.75
# ... and this share of its surface has other colours. Three in four pairs of Flickr8k's photographs differ
# by more; one that moves by a sixth of its width, or fades, does not differ that much from itself.
_DIFFERENT = 0.4
# Shades of each primary colour that count as different, and the mean light that frames are brought to.
_SHADES = 4
_LIGHT = 96


def most_telling(frames: Iterable[Image.Image]) -> tuple[int, ...]:
    """Which frame shows most, and which shows something else, where one does.

    What a frame shows is the entropy of its light: none in a black or empty one, little in a title or a
    fade, most in a photograph.

    Args:
        frames: RGB, at least one; each is let go before the next is asked for.

    Returns:
        One or two numbers, from 0.
    """
    colours, shown = zip(*map(_glimpse, frames), strict=True)
    best = next(number for number, much in enumerate(shown) if much >= _NEARLY * max(shown))
    apart = [
        float(np.abs(one - colours[best]).sum() / 2) if much >= _ENOUGH * shown[best] else 0.0
        for one, much in zip(colours, shown, strict=True)
    ]
    other = int(np.argmax(apart))
    return (best, other) if apart[other] > _DIFFERENT else (best,)


def _glimpse(frame: Image.Image) -> tuple[npt.NDArray[np.float64], float]:
    """The shares of a frame's surface that have each colour, whatever its light, and its entropy in bits."""
    square = frame.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(square, dtype=np.float64)
    shades = (pixels * (_LIGHT / max(pixels.mean(), 1.0))).clip(0, 255).astype(int) * _SHADES // 256
    colours = shades @ np.array([_SHADES**2, _SHADES, 1])
    shares = np.bincount(colours.ravel(), minlength=_SHADES**3) / colours.size
    return shares, square.convert("L").entropy()
