"""The real models, as a worker loads them. Torch is imported by ``load``, never before."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from bot.engine.requests import SongRequest
from bot.engine.worker import Setup
from model.errors import BadInput
from model.files import CHECKPOINTS

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from model.songwriter import Eye, Pen

T = TypeVar("T")


class NoDevice(Exception):
    """The configuration asks for a GPU, and there is none."""


def load(setup: Setup) -> Songwriter:
    """Load both models on the worker's device.

    Raises:
        BadCheckpoint: a checkpoint is missing or damaged.
        NoDevice: the configuration asks for a GPU, and there is none.
    """
    import torch

    from model.generator import TorchStepper
    from model.songwriter import Eye, Pen

    torch.set_num_threads(1)
    device = _device(setup)
    folder = setup.checkpoints or CHECKPOINTS
    eye, pen = Eye.load(folder), Pen.load(folder)
    if device.type == "cuda":
        eye.captioner.to(device)
        pen.stepper = TorchStepper(pen.stepper.model.to(device))
    return Songwriter(eye, pen, device, setup.max_pixels)


class Songwriter:
    """Eye and pen behind ``bot.engine.worker.Models``."""

    def __init__(self, eye: Eye, pen: Pen, device: torch.device, max_pixels: int) -> None:
        self._eye, self._pen, self._device, self._max_pixels = eye, pen, device, max_pixels
        self.device, self.captioner, self.generator = str(device), eye.digest, pen.digest

    def warm_up(self) -> None:
        from PIL import Image

        caption = self.caption(Image.new("RGB", (64, 64), "white"))
        request = SongRequest("warm-up", user=0, server=None, random_seed=0, temperature=0.4)
        self.write(self.keywords(caption, ""), request, 0)

    def decode(self, picture: bytes) -> Image.Image:
        from model.pictures import open_picture

        _check_pixels(picture, self._max_pixels)
        # A square is all that is needed from here on; the whole picture may be 150 MB.
        return self._eye.preprocessing.square(open_picture(picture))

    def caption(self, picture: Image.Image) -> str:
        import torch

        from model.captioner import BEAM
        from model.pictures import to_tensor

        preprocessing = self._eye.preprocessing
        square = torch.from_numpy(to_tensor(preprocessing.square(picture), preprocessing))[None]
        pixels = square.contiguous(memory_format=torch.channels_last).to(self._device)
        return _on_device(lambda: self._eye.captioner.caption(pixels, BEAM)[0].text)

    def keywords(self, caption: str | None, seed: str) -> Sequence[str]:
        return self._pen.keywords(caption, seed)

    def write(self, keywords: Sequence[str], request: SongRequest, random_seed: int) -> Sequence[str]:
        from model.decoding import Sampling
        from model.songwriter import Wish

        wish = Wish(
            sampling=Sampling(request.temperature),
            seed=request.seed,
            random_seed=random_seed,
            style=request.style,
            mood=request.mood,
            lines=request.lines,
        )
        return _on_device(lambda: self._pen.write(keywords, wish))


def _device(setup: Setup) -> torch.device:
    """The device of a worker; several GPUs are dealt out in turn."""
    import torch

    if setup.device == "cpu" or (setup.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise NoDevice("There is no GPU that PyTorch can use: set engine.device to auto or cpu.")
    # Not CUDA_VISIBLE_DEVICES: how many there are is known only here, and the operator may
    # have set it already.
    device = torch.device("cuda", setup.number % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def _on_device(work: Callable[[], T]) -> T:
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


def _check_pixels(picture: bytes, limit: int) -> None:
    """Refuse by the header what is larger than the configuration allows."""
    from PIL import Image

    from model.pictures import FORMATS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(picture), formats=FORMATS) as header:
                width, height = header.size
    except Exception:
        return  # What cannot be opened is described where it is decoded.
    if width * height > limit:
        raise BadInput(f"The picture has more than {limit / 1e6:g} million pixels: make it smaller.")
