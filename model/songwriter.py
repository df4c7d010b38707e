"""From a picture or a seed to a stanza: the eye reads the picture, the pen writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from model.files import CHECKPOINTS
from model.pen import Pen as Pen
from model.pen import Song as Song
from model.pictures import Preprocessing, to_tensor
from model.sight import Names, Sight, look
from model.wish import Wish as Wish

# Torch is slow to import and large, and only the eye, and a pen on a GPU, need it.
if TYPE_CHECKING:
    from torch import Tensor

    from model.captioner import Caption, Captioner

MAX_THREADS = 2


@dataclass(frozen=True)
class Seen:
    """What an eye sees on a picture.

    Attributes:
        caption: the captioner's own.
        sight: the second opinion.
        told: what to say, and to sing of.
    """

    caption: Caption
    sight: Sight
    told: str


class Eye:
    """Pictures to words.

    Args:
        captioner: in evaluation mode.
        preprocessing: how it wants its pictures.
        digest: of its checkpoint.
        names: for a second opinion, or None where the folder has none.
    """

    def __init__(
        self, captioner: Captioner, preprocessing: Preprocessing, digest: str, names: Names | None = None
    ) -> None:
        self.captioner, self.preprocessing, self.digest = captioner, preprocessing, digest
        self.names = names

    @classmethod
    def load(cls, folder: Path = CHECKPOINTS, device: str = "cpu") -> Eye:
        """The captioner of a folder, with a second opinion where the folder has one.

        Raises:
            BadCheckpoint: a file is missing or damaged.
        """
        from model.captioner import load_captioner

        captioner, preprocessing, checkpoint = load_captioner(folder / "captioner.safetensors")
        path = folder / "names.safetensors"
        names = Names.load(path, captioner.encoder.backbone) if path.exists() else None
        return cls(captioner.freeze(device), preprocessing, checkpoint.digest, names)

    def caption(self, picture: Image.Image, beam: int | None = None) -> Caption:
        """Describe one RGB picture; ``captioner.BEAM`` wide where nothing else is said."""
        from model.captioner import BEAM

        grid = self._grid(self.preprocessing.square(picture))
        return self.captioner.describe(grid, beam or BEAM)[0]

    def see(self, picture: Image.Image, beam: int | None = None) -> Seen:
        """Describe one RGB picture, with a second opinion on it; ``beam`` as in ``caption``."""
        from model.captioner import BEAM

        square = self.preprocessing.square(picture)
        grid = self._grid(square)
        caption = self.captioner.describe(grid, beam or BEAM)[0]
        sight = look(square, grid[0].mean(0).float().cpu().numpy(), self.names)
        return Seen(caption, sight, sight.told(caption.text))

    def _grid(self, square: Image.Image) -> Tensor:
        """Region features (1, regions, channels)."""
        import torch

        pixels = torch.from_numpy(to_tensor(square, self.preprocessing))[None]
        pixels = pixels.to(next(self.captioner.parameters()).device, memory_format=torch.channels_last)
        with torch.inference_mode():
            grid: Tensor = self.captioner.encoder(pixels)
        return grid


def limit_threads() -> None:
    """Keep torch from taking every core: more than two do not pay at these sizes."""
    import torch

    torch.set_num_threads(
        min(MAX_THREADS, len(os.sched_getaffinity(0)), int(os.environ.get("OMP_NUM_THREADS") or MAX_THREADS))
    )
