"""Checkpoints: safetensors with a JSON header, written whole or not at all.

Header keys: ``format``, ``kind``, ``int8`` (the tensors stored as bytes, if any), then what the
network needs to be built again (architecture, vocabulary, preprocessing) and what it should say
of itself (training data hash, metrics). No pickle anywhere; torch only where tensors are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from model.errors import BadCheckpoint, BadOption
from model.files import write_whole
from model.sealed import KEY, sealed, verified

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Array = npt.NDArray[Any]

FORMAT = 2
# Format 1 knew no bytes.
_READ = (1, FORMAT)
_SCALE = ".scale"
# Of shorter rows, such as a depthwise convolution's, a scale each would take back what bytes save.
_LONG_ROW = 64


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        header: the JSON header.
        arrays: numbers by name, float32 whatever they were stored as.
        digest: first 12 hex digits of the file's SHA-256, which a reply can name.
    """

    header: dict[str, Any]
    arrays: dict[str, Array]
    digest: str

    @property
    def weights(self) -> dict[str, Tensor]:
        """The arrays as tensors, which share their memory."""
        import torch

        return {name: torch.from_numpy(array) for name, array in self.arrays.items()}

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The weights under ``prefix.``, without it."""
        start = prefix + "."
        return {name.removeprefix(start): t for name, t in self.weights.items() if name.startswith(start)}


def save_checkpoint(
    path: Path,
    kind: str,
    header: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    half: bool = False,
    int8: bool = False,
    spared: tuple[str, ...] = (),
) -> None:
    """Write a checkpoint beside its place, then rename it there: the old one survives any failure.

    Args:
        path: target file.
        kind: "captioner", "generator" or "training".
        header: JSON-able header.
        weights: tensors by name.
        half: store floating-point tensors as float16.
        int8: store matrices, and convolutions as matrices of a row an output, as ``quantised``
            rows with a float32 scale each. ``half`` is for the other tensors.
        spared: beginnings of names that ``int8`` leaves to ``half``.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    stored: dict[str, Array] = {}
    as_bytes = []
    for name, tensor in weights.items():
        array = tensor.detach().cpu().contiguous().numpy()
        if int8 and not name.startswith(spared) and _has_long_rows(array):
            as_bytes.append(name)
            stored[name], stored[name + _SCALE] = quantised(array)
        else:
            stored[name] = array.astype(np.float16) if half and _is_float(array) else array
    told = {**header, "format": FORMAT, "kind": kind, "int8": as_bytes}
    write_whole(path, sealed(stored, told))


def load_checkpoint(path: Path, kind: str) -> Checkpoint:
    """Read a checkpoint of the kind.

    Raises:
        BadCheckpoint: missing, damaged, of another kind or version.
    """
    try:
        digest = verified(path)[:12]
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {})[KEY])
            if not isinstance(header, dict):
                raise ValueError("its header is no object")
            if header.get("format") not in _READ or header.get("kind") != kind:
                raise BadCheckpoint(
                    f"The checkpoint {path} is a {header.get('kind')} of format {header.get('format')}; "
                    f"this version reads a {kind} of format {FORMAT}."
                )
            with described(path):
                arrays = _widened_arrays(file, header.get("int8", []))
    except OSError as error:
        raise BadCheckpoint(f"The checkpoint {path} cannot be read: {error.strerror}.") from error
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadCheckpoint(f"The checkpoint {path} is damaged or not one of ours.") from error
    return Checkpoint(header, arrays, digest)


def _widened_arrays(file: Any, as_bytes: Sequence[str]) -> dict[str, Array]:
    """All tensors of an open file, one after another: few are there twice at any time."""
    names, scales = set(file.keys()), {name + _SCALE for name in as_bytes}
    if missing := (scales | set(as_bytes)) - names:
        raise KeyError(", ".join(sorted(missing)))
    arrays = {}
    for name in sorted(names - scales):
        array = file.get_tensor(name)
        if name in as_bytes:
            array = widened(array, file.get_tensor(name + _SCALE))
        arrays[name] = array.astype(np.float32, copy=False) if _is_float(array) else array
    return arrays


def quantised(array: Array) -> tuple[Array, Array]:
    """A row an output, (rows, ...) -> integers from -127 to 127 and a scale a row, (rows,).

    A row's largest number becomes 127 or -127; numbers are ``integers * scale``. Quantising
    them again gives the same integers.
    """
    rows = array.reshape(len(array), -1)
    scale = (np.abs(rows).max(1) / 127).astype(np.float32)
    integers = np.rint(rows / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8)
    return integers.reshape(array.shape), scale


def widened(integers: Array, scale: Array) -> Array:
    """What ``quantised`` stands for, in float32."""
    return integers.astype(np.float32) * scale.reshape(-1, *[1] * (integers.ndim - 1))


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


def _is_float(array: Array) -> bool:
    return np.issubdtype(array.dtype, np.floating)


def _has_long_rows(array: Array) -> bool:
    return _is_float(array) and array.ndim > 1 and array[0].size >= _LONG_ROW
