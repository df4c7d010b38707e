"""Models for a real worker process: pictures are really decoded, except those that are commands."""

from __future__ import annotations

from bot.engine.worker import Setup
from model.pictures import open_picture
from tests.bot.engine.stub import Stub

# Begins as a GIF does, so that it passes for a picture on its way to the worker.
_COMMAND = b"GIF89a:"


def command(text: str) -> bytes:
    """A "picture" that the worker obeys: see ``tests.bot.engine.stub``."""
    return _COMMAND + text.encode()


class Reader(Stub):
    """A picture's caption is its size."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._max_pixels = setup.max_pixels

    def warm_up(self) -> None:
        """Nothing is loaded lazily."""

    def decode(self, picture: bytes) -> str:
        if picture.startswith(_COMMAND):
            return super().decode(picture.removeprefix(_COMMAND))
        opened = open_picture(picture, self._max_pixels)
        return f"a picture {opened.width} by {opened.height}"


def load(setup: Setup) -> Reader:
    return Reader(setup)
