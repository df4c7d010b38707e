"""Safetensors with a JSON header of ours and a seal: a digest of all the rest of the file.

A download that broke off or a disk's bad byte is found when the file is loaded, and not in
what a model says. Files from before there were seals have none, and are read all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors.numpy import save

KEY = "songwriter"
_SEAL, _METADATA = "seal", "__metadata__"
# A file begins with the length of its list of tensors; ours have some hundred.
_LENGTH, _LONGEST = 8, 10_000_000


def sealed(tensors: Mapping[str, npt.NDArray[Any]], header: Mapping[str, Any]) -> bytes:
    """A whole file."""
    text, plain = json.dumps(header), save(dict(tensors))
    start = _LENGTH + int.from_bytes(plain[:_LENGTH], "little")
    places, data = json.loads(plain[_LENGTH:start]), memoryview(plain)[start:]
    seal = _begun(places, text)
    seal.update(data)
    # The library would write two pieces of metadata now in one order, now in the other.
    metadata = {KEY: text, _SEAL: seal.hexdigest()}
    listed = json.dumps({_METADATA: metadata, **places}, separators=(",", ":")).encode()
    listed += b" " * (-len(listed) % _LENGTH)
    return b"".join([len(listed).to_bytes(_LENGTH, "little"), listed, data])


def verified(path: Path) -> str:
    """The SHA-256, in hex, of a file that is as it was when it was sealed.

    Raises:
        OSError: it cannot be read.
        KeyError, ValueError, TypeError, AttributeError: it is damaged, or not one of ours.
    """
    with path.open("rb") as file:
        begin = file.read(_LENGTH)
        length = int.from_bytes(begin, "little")
        if length > _LONGEST:
            raise ValueError("this is no list of tensors")
        listed = file.read(length)
        places = json.loads(listed)
        metadata = places.pop(_METADATA)
        text, expected = metadata.pop(KEY), metadata.pop(_SEAL, None)
        if metadata:
            raise ValueError("its metadata is not ours")
        whole, seal = hashlib.sha256(begin + listed), _begun(places, text)
        for piece in iter(lambda: file.read(2**20), b""):
            whole.update(piece)
            if expected is not None:
                seal.update(piece)
    if expected not in (None, seal.hexdigest()):
        raise ValueError("something in it is not as it was written")
    return whole.hexdigest()


def _begun(places: Mapping[str, Any], text: str) -> hashlib._Hash:
    """A digest of where the tensors are and of the header; the tensors themselves are to follow."""
    return hashlib.sha256(json.dumps([places, text], sort_keys=True).encode())
