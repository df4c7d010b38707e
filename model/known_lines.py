"""Whether a line is one of the songbook's, without the songbook: no line of it is sung again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model.errors import BadCheckpoint
from model.files import write_whole
from model.text import words

FORMAT = 1
# A shorter line is anybody's: "and then".
LEAST_WORDS = 4

_KIND = "lines"
_KEY = "songwriter"


@dataclass(frozen=True)
class KnownLines:
    """Fingerprints of lines: a line that is none of them is taken for one once in 30,000 times.

    Attributes:
        keys: sorted, one a line.
        data: hash of the songbook's file.
    """

    keys: npt.NDArray[np.uint32] = field(repr=False)
    data: str

    @classmethod
    def of(cls, lines: Iterable[str], data: str) -> KnownLines:
        """An index of folded lines."""
        found = {_key(said) for line in lines if len(said := words(line)) >= LEAST_WORDS}
        return cls(np.array(sorted(found), dtype=np.uint32), data)

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, line: str) -> bool:
        """Whether a folded line has the words of one of them in their order, whatever its stops."""
        said = words(line)
        if len(said) < LEAST_WORDS:
            return False
        key = _key(said)
        place = int(np.searchsorted(self.keys, np.uint32(key)))
        return place < len(self.keys) and int(self.keys[place]) == key

    def save(self, path: Path) -> None:
        header = {"format": FORMAT, "kind": _KIND, "data": self.data}
        write_whole(path, save({"keys": self.keys}, metadata={_KEY: json.dumps(header)}))

    @classmethod
    def load(cls, path: Path) -> KnownLines:
        """Read an index.

        Raises:
            BadCheckpoint: it is missing, damaged or of another version.
        """
        try:
            with safe_open(path, framework="np") as file:
                header = json.loads((file.metadata() or {})[_KEY])
                keys = file.get_tensor("keys")
            if [header["format"], header["kind"]] != [FORMAT, _KIND]:
                raise BadCheckpoint(f"The index of lines {path} is of another version: install it again.")
            return cls(keys, header["data"])
        except OSError as error:
            reason = error.strerror or error
            raise BadCheckpoint(f"The index of lines {path} cannot be read: {reason}.") from error
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise BadCheckpoint(f"The index of lines {path} is damaged: install it again.") from error


def _key(said: list[str]) -> int:
    return zlib.crc32(" ".join(said).encode())
