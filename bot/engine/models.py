"""The real models, as a worker loads them. Torch is imported only where there is a GPU to look for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from bot.engine.attempts import RequestState, Written
from bot.engine.requests import SongRequest
from bot.engine.worker import Setup
from model.description import Description
from model.explanation import explain
from model.extras import needing_torch
from model.files import CHECKPOINTS
from model.request import GenerationRequest

if TYPE_CHECKING:
    from PIL import Image

    from model.image_describer import ImageDescriber
    from model.lyrics_generator import LyricsGenerator, Song

T = TypeVar("T")

CPU = "cpu"
# NVIDIA's, the same under Windows' Linux, and AMD's.
_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


class NoDevice(Exception):
    """The configuration asks for a GPU, and there is none."""


def load(setup: Setup) -> ServedModels:
    """Load both models on the worker's device.

    Raises:
        BadCheckpoint: a checkpoint is missing or damaged.
        BadInstallation: what the models run on is not installed, or too old.
        NoDevice: the configuration asks for a GPU, and there is none.
    """
    from model.image_describer import ImageDescriber
    from model.lyrics_generator import LyricsGenerator

    device = _device(setup)
    folder = setup.checkpoints or CHECKPOINTS
    describer, writer = ImageDescriber.load(folder, device), LyricsGenerator.load(folder, device)
    if setup.eye.model:
        describer.give_way(setup.eye.model, device)
    if setup.eye.text:
        from model.scene_text import TextReader

        describer.reader = TextReader(writer.lexicon)
    return ServedModels(describer, writer, device, setup.max_pixels)


class ServedModels:
    """Image describer and lyrics generator behind ``bot.engine.attempts.Models``."""

    def __init__(
        self, describer: ImageDescriber, writer: LyricsGenerator, device: str, max_pixels: int
    ) -> None:
        self._describer, self._writer, self._max_pixels = describer, writer, max_pixels
        self.device, self.captioner, self.generator = device, describer.digest, writer.digest
        self.origin, self.backend = writer.origin, writer.backend

    def warm_up(self) -> None:
        from PIL import Image

        request = SongRequest("warm-up", user=0, server=None, kind="", generation=GenerationRequest())
        seen = self.describe([(Image.new("RGB", (64, 64), "white"),)])
        self.write([RequestState(request, 0.0, request.generation, seen)])

    def decode(self, picture: bytes) -> tuple[Image.Image, ...]:
        """A file -> what is needed of its frames; see ``model.pictures.open_frames``."""
        from model.pictures import open_frames

        # The whole picture may be 150 MB.
        return tuple(map(self._describer.kept, open_frames(picture, self._max_pixels)))

    def describe(self, pictures: Sequence[tuple[Image.Image, ...]]) -> Description:
        from model import pipeline

        frames = [frame for picture in pictures for frame in picture]
        return self._run(lambda: pipeline.describe(self._describer, frames))

    def write(self, states: Sequence[RequestState]) -> list[Written]:
        from model import pipeline

        wanted = [(state.description, state.generation) for state in states]
        songs = self._run(lambda: pipeline.write(self._writer, wanted))
        return [self._written(song, state.request.explain) for song, state in zip(songs, states, strict=True)]

    def _run(self, work: Callable[[], T]) -> T:
        return work() if self.device == CPU else _on_gpu(work)

    def _written(self, song: Song, explained: bool) -> Written:
        writer = self._writer
        why = explain(song, writer.lexicon, writer.tools.novelty) if explained else None
        return Written(song.lines, song.keywords, song.request, writer.recipe(song).text, why)


def _device(setup: Setup) -> str:
    """The device of a worker; several GPUs are dealt out in turn."""
    # Without its driver there is no GPU, and torch takes seconds and a hundred megabytes to say so.
    if setup.device == CPU or (setup.device == "auto" and not _may_have_gpu()):
        return CPU
    with needing_torch('engine.device = "cuda"'):
        import torch
    if not torch.cuda.is_available():
        if setup.device == "auto":
            return CPU
        raise NoDevice("There is no GPU that PyTorch can use: set engine.device to auto or cpu.")
    # Not CUDA_VISIBLE_DEVICES: how many there are is known only here, and the operator may
    # have set it already.
    device = torch.device("cuda", setup.number % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return str(device)


def _may_have_gpu() -> bool:
    """Whether there is a driver of NVIDIA's or AMD's in the kernel, and torch is installed."""
    driven = sys.platform != "linux" or any(map(os.path.exists, _GPU_DRIVERS))
    return driven and find_spec("torch") is not None


def _on_gpu(work: Callable[[], T]) -> T:
    """Do something on the device, once more with its cache emptied where memory was short."""
    import torch

    try:
        return work()
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        return work()
    except RuntimeError as error:
        if "CUDA error" in str(error):
            # Nothing works on the device in this process any more: the parent starts another.
            os._exit(1)
        raise
