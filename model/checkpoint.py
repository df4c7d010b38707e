"""Checkpoints: safetensors with a JSON header, written whole or not at all.

Header keys: ``format``, ``kind``, then what the network needs to be built again
(architecture, vocabulary, preprocessing) and what it should say of itself (training data
hash, metrics). No pickle anywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from model.errors import BadCheckpoint, BadOption
from model.files import write_whole

FORMAT = 1
_KEY = "songwriter"


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        header: the JSON header.
        weights: tensors by name, float32 whatever they were stored as.
        digest: first 12 hex digits of the file's SHA-256, which a reply can name.
    """

    header: dict[str, Any]
    weights: dict[str, Tensor]
    digest: str

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The weights under ``prefix.``, without it."""
        start = prefix + "."
        return {name.removeprefix(start): t for name, t in self.weights.items() if name.startswith(start)}


def save_checkpoint(
    path: Path, kind: str, header: Mapping[str, Any], weights: Mapping[str, Tensor], half: bool = False
) -> None:
    """Write a checkpoint beside its place, then rename it there: the old one survives any failure.

    Args:
        path: target file.
        kind: "captioner", "generator" or "training".
        header: JSON-able header.
        weights: tensors by name.
        half: store floating-point tensors as float16.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    # Clones, because tied tensors share their memory, which the format does not allow.
    stored = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).cpu().contiguous().clone()
        for name, tensor in weights.items()
    }
    text = json.dumps({"format": FORMAT, "kind": kind, **header})
    write_whole(path, save(stored, metadata={_KEY: text}))


def load_checkpoint(path: Path, kind: str) -> Checkpoint:
    """Read a checkpoint of the kind.

    Raises:
        BadCheckpoint: missing, damaged, of another kind or version.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise BadCheckpoint(f"The checkpoint {path} cannot be read: {error.strerror}.") from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise BadCheckpoint(f"The checkpoint {path} is damaged or not one of ours.") from error
    if not isinstance(header, dict):
        raise BadCheckpoint(f"The checkpoint {path} is damaged or not one of ours.")
    if header.get("format") != FORMAT or header.get("kind") != kind:
        raise BadCheckpoint(
            f"The checkpoint {path} is a {header.get('kind')} of format {header.get('format')}; "
            f"this version reads a {kind} of format {FORMAT}."
        )
    return Checkpoint(header, {name: _widened(tensor) for name, tensor in weights.items()}, digest)


@contextmanager
def described(path: Path | str) -> Iterator[None]:
    """Building a network from a header: what the header lacks is the checkpoint's fault.

    Raises:
        BadCheckpoint: a key is missing or has a value of the wrong kind.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, BadOption) as error:
        raise BadCheckpoint(f"The header of the checkpoint {path} lacks or garbles: {error}.") from error


def fill(module: torch.nn.Module, weights: Mapping[str, Tensor], path: Path | str) -> None:
    """Load weights strictly.

    Raises:
        BadCheckpoint: the tensors do not fit the architecture that the header names.
    """
    try:
        module.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise BadCheckpoint(f"The checkpoint {path} does not fit the network its header names.") from error


def _widened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
