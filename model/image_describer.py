"""What is on a picture: the captioner's words and a second opinion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image, ImageOps

from model import onnx_captioner
from model.beam import BEAM, Caption
from model.checkpoint import Checkpoint, load_checkpoint
from model.extras import needing_torch
from model.files import CHECKPOINTS
from model.memory import given_back
from model.mood import light
from model.onnx_graph import Singles
from model.pictures import Preprocessing, to_tensor
from model.recognition import ImageNetClassifier, Recognition, look

if TYPE_CHECKING:
    from model.eye import Model
    from model.hub_captioner import HubCaptioner
    from model.scene_text import TextReader

# Whoever else looks at a picture needs no longer side than this.
_SIDE = 1280


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
    """What is seen on a picture.

    Attributes:
        caption: the captioner's own.
        recognition: the second opinion.
        text: what to say, and to sing of.
        square: what was looked at.
    """

    caption: Caption
    recognition: Recognition
    text: str
    square: Image.Image

    @cached_property
    def light(self) -> tuple[float, float, float]:
        """See ``model.mood.light``."""
        return light(np.asarray(self.square))


class ImageDescriber:
    """Pictures to words.

    Args:
        captioner: in evaluation mode.
        preprocessing: how it wants its pictures.
        digest: of its checkpoint.
        classifier: for a second opinion, or None where the folder has none.
        reader: of what is written on pictures, or None.
    """

    def __init__(
        self,
        captioner: Captioner,
        preprocessing: Preprocessing,
        digest: str,
        classifier: ImageNetClassifier | None = None,
        reader: TextReader | None = None,
    ) -> None:
        self.captioner, self.preprocessing, self.digest = captioner, preprocessing, digest
        self.classifier, self.reader = classifier, reader
        self._other: HubCaptioner | None = None

    @classmethod
    def load(
        cls, folder: Path = CHECKPOINTS, device: str = "cpu", backend: str | None = None, threads: int = 1
    ) -> ImageDescriber:
        """The captioner of a folder, with a second opinion where the folder has one.

        Args:
            folder: of the checkpoints.
            device: "cpu" or a GPU that torch knows.
            backend: "onnx" or "torch"; None for "onnx" on a CPU where the captioner's backbone can run
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
            if backend == "onnx" or (backend is None and device == "cpu" and onnx_captioner.fits(checkpoint)):
                captioner, preprocessing = onnx_captioner.build(checkpoint, path, threads)
            else:
                captioner, preprocessing = _in_torch(checkpoint, path, device)
            names = folder / "names.safetensors"
            opinion = ImageNetClassifier.load(names, captioner.backbone) if names.exists() else None
        return cls(captioner, preprocessing, checkpoint.digest, opinion)

    def caption(self, picture: Image.Image, beam: int = BEAM) -> Caption:
        """Describe one RGB picture."""
        return self.captioner.describe(self._grid(self.preprocessing.square(picture)), beam)[0]

    def give_way(self, model: Model, device: str = "cpu") -> None:
        """Have another captioner describe pictures; of those that it cannot do, this one's words hold."""
        self._other, self.digest = model.load(device), model.digest

    def kept(self, picture: Image.Image) -> Image.Image:
        """What is needed of an RGB picture from here on: the captioner's square, or more for others."""
        if self.reader is None and self._other is None:
            return self.preprocessing.square(picture)
        return picture if max(picture.size) <= _SIDE else ImageOps.contain(picture, (_SIDE, _SIDE))

    def see(self, picture: Image.Image, beam: int = BEAM) -> Seen:
        """Describe one RGB picture, with a second opinion on it."""
        square = self.preprocessing.square(picture)
        grid = self._grid(square)
        caption = self.captioner.describe(grid, beam)[0]
        recognition = look(square, grid[0].mean(0), self.classifier)
        text = recognition.description(caption.text)
        if self._other is not None and not recognition.flat:
            text = self._other.caption(picture, beam) or text
        if self.reader is not None:
            text = self.reader.read(picture).description(text)
        return Seen(caption, recognition, text, square)

    def _grid(self, square: Image.Image) -> Singles:
        """Region features (1, regions, channels)."""
        return self.captioner.features(to_tensor(square, self.preprocessing)[None])


def _in_torch(checkpoint: Checkpoint, path: Path, device: str) -> tuple[Captioner, Preprocessing]:
    with needing_torch(f"The captioner {path}"):
        from model.captioner import build

    captioner, preprocessing = build(checkpoint, path)
    return captioner.freeze(device), preprocessing
