"""Encoder activations on disk, computed once a picture and view.

Two arrays a split, float16, one row a picture and view (see ``views``): ``trunk`` for training
the encoder's top, ``grid``, of the first two views, for training with a frozen encoder.
Pictures that cannot be read have no row, and are named in ``done.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from model.encoder import Encoder
from model.errors import BadInput
from model.files import write_whole
from model.pictures import Preprocessing, open_picture, to_tensor
from model.precision import native_bfloat16
from training.corpora.views import view
from training.processes import best_device

# As it is and mirrored.
VIEWS = 2
# So many of the listed pictures may be unreadable, but at least one: more means another folder.
_UNREADABLE = 0.1


class Done(NamedTuple):
    """How far a cache is."""

    pictures: int
    unreadable: list[str]


class FeatureCache:
    """Memory-mapped activations for a list of pictures. Resumable: finished rows are kept."""

    def __init__(self, folder: Path, names: Sequence[str], backbone: str) -> None:
        self.folder, self.names, self.backbone = folder, list(names), backbone

    def readable(self) -> list[str]:
        """The listed pictures that have a row, in the rows' order.

        Raises:
            BadInput: the cache is of another list.
        """
        unreadable = set(self._done().unreadable)
        return [name for name in self.names if name not in unreadable]

    def trunk(self) -> np.ndarray:
        """(pictures, views, channels, height, width) float16.

        Raises:
            BadInput: the cache is not complete, or of another list.
        """
        return self._whole("trunk")

    def grid(self) -> np.ndarray:
        """(pictures, views, regions, channels) float16.

        Raises:
            BadInput: the cache is not complete, or of another list.
        """
        return self._whole("grid")

    def _whole(self, name: str) -> np.ndarray:
        done = self._done()
        if done.pictures < len(self.names):
            raise BadInput(f"{self.folder} lacks features: run `songwriter train features` to the end first.")
        array = _opened(self.folder / f"{name}.npy", "r")
        return array[: done.pictures - len(done.unreadable)]

    def _done(self) -> Done:
        """Pictures that are finished.

        Raises:
            BadInput: the cache is of another list of pictures.
        """
        path = self.folder / "done.json"
        if not path.exists():
            return Done(0, [])
        try:
            state = json.loads(path.read_text())
            fingerprint = state["of"]
            done = Done(int(state["done"]), list(state.get("unreadable", [])))
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{path} is damaged: delete the folder and start again.") from error
        if fingerprint != self.fingerprint():
            raise BadInput(f"{self.folder} holds the features of another list or backbone.")
        return done

    def fingerprint(self) -> str:
        """Names the list of pictures and the backbone."""
        return hashlib.sha256("\n".join([self.backbone, *self.names]).encode()).hexdigest()[:16]

    def build(
        self,
        images: Path,
        encoder: Encoder,
        preprocessing: Preprocessing,
        views: int = VIEWS,
        batch: int = 8,
    ) -> None:
        """Run the encoder over so many views of every picture not cached yet.

        Eight pictures in channels-last layout stay inside a CPU's cache: measured three
        times as fast as 32 in the default layout.

        Raises:
            BadInput: the cache is of another list, has another number of views, or too many pictures
                cannot be read.
        """
        encoder = encoder.eval().to(best_device()).to(memory_format=torch.channels_last)
        self.folder.mkdir(parents=True, exist_ok=True)
        gallery = Gallery(images, preprocessing, len(self.names))
        done, gallery.unreadable = self._done()
        progress = tqdm(total=len(self.names), initial=done, desc="features", unit="picture")
        while done < len(self.names):
            row = done - len(gallery.unreadable)
            names = self.names[done : done + batch]
            pictures = gallery.open(names)
            if pictures:
                self._encode(row, pictures, encoder, preprocessing, views)
            done += len(names)
            state = {"done": done, "of": self.fingerprint(), "unreadable": gallery.unreadable}
            write_whole(self.folder / "done.json", json.dumps(state).encode())
            progress.update(len(names))

    @torch.inference_mode()
    def _encode(
        self,
        start: int,
        pictures: Mapping[str, Image.Image],
        encoder: Encoder,
        preprocessing: Preprocessing,
        views: int,
    ) -> None:
        device = next(encoder.parameters()).device
        rows = slice(start, start + len(pictures))
        for number in range(views):
            squares = [view(picture, preprocessing, number, name) for name, picture in pictures.items()]
            pixels = torch.stack([torch.from_numpy(to_tensor(square, preprocessing)) for square in squares])
            with torch.autocast(device.type, torch.bfloat16, enabled=native_bfloat16(device)):
                trunk = encoder.trunk(pixels.to(device, memory_format=torch.channels_last))
                grid = encoder.grid(trunk)
            self._array("trunk", views, trunk)[rows, number] = trunk.half().cpu().numpy()
            if number < VIEWS:
                self._array("grid", min(views, VIEWS), grid)[rows, number] = grid.half().cpu().numpy()

    def _array(self, name: str, views: int, activations: Tensor) -> np.ndarray:
        path = self.folder / f"{name}.npy"
        full = (len(self.names), views, *activations.shape[1:])
        if not path.exists():
            _reserve(path, np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=full))
        array = _opened(path, "r+")
        if array.shape != full:
            raise BadInput(
                f"{path} has {array.shape[1]} views, not {views}: delete the folder and start again."
            )
        return array


def _opened(path: Path, mode: Literal["r", "r+"]) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, mmap_mode=mode)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path} is damaged: delete the folder and start again.") from error
    return array


def _reserve(path: Path, array: np.ndarray) -> None:
    """Take the room on the disk: a write through a memory map would kill the process on a full one.

    Raises:
        OSError: there is not so much.
    """
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        path.unlink()
        raise OSError(
            error.errno, f"{array.nbytes / 2**30:.1f} GiB needed: {error.strerror}", str(path)
        ) from error


class Gallery:
    """Pictures of a folder. One that cannot be read is reported on stderr and left out.

    Args:
        images: the folder.
        preprocessing: the encoder's.
        count: pictures that will be asked for.

    Raises:
        BadInput: the folder is not there.
    """

    def __init__(self, images: Path, preprocessing: Preprocessing, count: int) -> None:
        if not images.is_dir():
            raise BadInput(f"{images} is not a folder of pictures.")
        self.images, self.preprocessing = images, preprocessing
        self.unreadable: list[str] = []
        self._count, self._bearable = count, max(1, int(_UNREADABLE * count))

    def load(self, names: Sequence[str]) -> tuple[list[str], Tensor]:
        """The names that can be read, and their pictures (pictures, 3, size, size) float32, normalised.

        Raises:
            BadInput: too many of the pictures cannot be read.
        """
        found = {name: self._tensor(picture) for name, picture in self.open(names).items()}
        side = self.preprocessing.size
        return list(found), torch.stack([*found.values()]) if found else torch.empty(0, 3, side, side)

    def open(self, names: Sequence[str]) -> dict[str, Image.Image]:
        """The pictures that can be read, upright, by name.

        Raises:
            BadInput: too many of the pictures cannot be read.
        """
        return {name: one for name in names if (one := self._open(name)) is not None}

    def _tensor(self, picture: Image.Image) -> Tensor:
        return torch.from_numpy(to_tensor(self.preprocessing.square(picture), self.preprocessing))

    def _open(self, name: str) -> Image.Image | None:
        try:
            return open_picture(self.images / name)
        except BadInput as error:
            self.unreadable.append(name)
            bad = len(self.unreadable)
            if bad > self._bearable or bad == self._count:
                raise BadInput(
                    f"{bad} of {self._count} pictures cannot be read, too many to leave out. {error}"
                ) from error
            tqdm.write(f"left out: {error}", file=sys.stderr)
            return None


@torch.inference_mode()
def pooled(encoder: Encoder, trunk: np.ndarray) -> np.ndarray:
    """Mean features (pictures, channels) float32 of the unmirrored views, from cached trunk activations."""
    encoder = encoder.eval().to(memory_format=torch.channels_last)
    rows = []
    for start in tqdm(range(0, len(trunk), 8), desc="features", mininterval=5):
        batch = torch.from_numpy(np.array(trunk[start : start + 8, 0])).float()
        grid = encoder.grid(batch.contiguous(memory_format=torch.channels_last))
        rows.append(grid.mean(1).numpy())
    return np.concatenate(rows)
