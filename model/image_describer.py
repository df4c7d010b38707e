"""From a picture or a seed to a stanza: the eye reads the picture, the pen writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from model import onnx_captioner
from model.beam import BEAM, Caption
from model.checkpoint import Checkpoint, load_checkpoint
from model.extras import needing_torch
from model.files import CHECKPOINTS
from model.lyrics_generator import LyricsGenerator as LyricsGenerator
from model.lyrics_generator import Song as Song
from model.memory import given_back
from model.onnx_graph import Singles
from model.pictures import Preprocessing, to_tensor
from model.recognition import ImageNetClassifier, Recognition, look
from model.request import GenerationRequest as GenerationRequest

# More do not pay at these sizes.
MAX_THREADS = 2


class Captioner(Protocol):
    """Pictures to captions: ``onnx_captioner.OnnxCaptioner``, or on a GPU ``captioner.Captioner``."""

    @property
    def backbone(self) -> str: ...

    def features(self, pictures: Singles) -> Singles:
        """(batch, 3, size, size) normalised pictures -> (batch, regions, channels)."""

    def describe(self, grid: Singles, beam: int = BEAM) -> list[Caption]:
        """(batch, regions, channels) features -> a caption each."""


@dataclass(frozen=True)
class Seen:
    """What an eye sees on a picture.

    Attributes:
        caption: the captioner's own.
        sight: the second opinion.
        told: what to say, and to sing of.
    """

    caption: Caption
    sight: Recognition
    told: str


class ImageDescriber:
    """Pictures to words.

    Args:
        captioner: in evaluation mode.
        preprocessing: how it wants its pictures.
        digest: of its checkpoint.
        names: for a second opinion, or None where the folder has none.
    """

    def __init__(
        self,
        captioner: Captioner,
        preprocessing: Preprocessing,
        digest: str,
        names: ImageNetClassifier | None = None,
    ) -> None:
        self.captioner, self.preprocessing, self.digest = captioner, preprocessing, digest
        self.names = names

    @classmethod
    def load(
        cls, folder: Path = CHECKPOINTS, device: str = "cpu", engine: str | None = None, threads: int = 1
    ) -> ImageDescriber:
        """The captioner of a folder, with a second opinion where the folder has one.

        Args:
            folder: of the checkpoints.
            device: "cpu" or a GPU that torch knows.
            engine: "onnx" or "torch"; None for "onnx" on a CPU where the captioner's backbone can run
                in it, and "torch" elsewhere.
            threads: that share a picture's work, in ONNX Runtime.

        Raises:
            BadCheckpoint: a file is missing or damaged.
            BadInstallation: it needs torch, which is not installed, or a newer ONNX Runtime.
        """
        path = folder / "captioner.safetensors"
        captioner: Captioner
        with given_back():
            checkpoint = load_checkpoint(path, "captioner")
            if engine == "onnx" or (engine is None and device == "cpu" and onnx_captioner.fits(checkpoint)):
                captioner, preprocessing = onnx_captioner.build(checkpoint, path, threads)
            else:
                captioner, preprocessing = _in_torch(checkpoint, path, device)
            names = folder / "names.safetensors"
            opinion = ImageNetClassifier.load(names, captioner.backbone) if names.exists() else None
        return cls(captioner, preprocessing, checkpoint.digest, opinion)

    def caption(self, picture: Image.Image, beam: int = BEAM) -> Caption:
        """Describe one RGB picture."""
        return self.captioner.describe(self._grid(self.preprocessing.square(picture)), beam)[0]

    def see(self, picture: Image.Image, beam: int = BEAM) -> Seen:
        """Describe one RGB picture, with a second opinion on it."""
        square = self.preprocessing.square(picture)
        grid = self._grid(square)
        caption = self.captioner.describe(grid, beam)[0]
        sight = look(square, grid[0].mean(0), self.names)
        return Seen(caption, sight, sight.told(caption.text))

    def _grid(self, square: Image.Image) -> Singles:
        """Region features (1, regions, channels)."""
        return self.captioner.features(to_tensor(square, self.preprocessing)[None])


def _in_torch(checkpoint: Checkpoint, path: Path, device: str) -> tuple[Captioner, Preprocessing]:
    with needing_torch(f"The captioner {path}"):
        from model.captioner import build

    captioner, preprocessing = build(checkpoint, path)
    return captioner.freeze(device), preprocessing


def threads() -> int:
    """How many share a picture's work where nothing else is to be done."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # Not on macOS and Windows.
        allowed = os.cpu_count() or 1
    return min(MAX_THREADS, allowed)


def limit_threads() -> None:
    """Keep torch from taking every core."""
    import torch

    torch.set_num_threads(threads())
