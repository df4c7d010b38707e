"""Whether a growing stanza copies the songs that the generator learnt from, without those songs.

What is kept of them is a set of fingerprints of their spans, as in winnowing (Schleimer,
Wilkerson and Aiken, SIGMOD 2003): a span ends with every word, so that a copy that is long
enough has one of them inside, wherever it begins.
"""

from __future__ import annotations

import json
import re
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from model.errors import BadCheckpoint
from model.files import write_whole
from model.sealed import KEY, sealed, verified

FORMAT = 1
# Characters of a span: with the rest of the word that a copy breaks off in, about 30 are noticed.
SPAN = 24
# Spans end with every word, and within one wherever so many of its letters stand in a row.
_ROW = 12
_END = re.compile(f"(?<=[a-z'])(?![a-z'])|(?<=[a-z']{{{_ROW}}})")
# No copy of more characters has none of these spans: at most three characters part two words.
LONGEST = SPAN + _ROW + 3 - 1
# A span that no song has is taken for one of theirs at most once in 2 ** 7 times.
_LOW_BITS = 7
_LOW = 2**_LOW_BITS - 1

# Bytes of a block in which noughts are counted one by one, and beyond which no bucket that ends the
# block's last nought reaches: none has more keys than its low bits can tell apart.
_BLOCK, _REACH = 4, (1 << _LOW_BITS) // 8 + 1
# Noughts of each byte.
_NOUGHTS = 8 - np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1, dtype=np.uint8)

_KIND = "novelty"

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Novelty:
    """Fingerprints of the songs' spans, in buckets by all bits but the low ones.

    They are kept as they are stored, in Elias and Fano's code (Elias, JACM 21, 1974), about nine
    bits each: nothing has to be unpacked before a stanza can be written.

    Attributes:
        high: sizes of the buckets in unary: a one for each key, a nought behind each bucket.
        low: low bits of each fingerprint, bucket after bucket, the lowest bit first.
        keys: how many there are.
        bits: of a fingerprint.
        data: hash of the corpus, as in the header of the generator that learnt from it.
    """

    high: bytes = field(repr=False)
    low: bytes = field(repr=False)
    keys: int
    bits: int
    data: str
    # Noughts before each block of ``high``.
    _noughts: array[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        blocks = np.frombuffer(self.high + bytes(-len(self.high) % _BLOCK), dtype=np.uint8)
        noughts = _NOUGHTS[blocks].reshape(-1, _BLOCK).sum(1)
        if 8 * len(blocks) - int(noughts.sum()) != self.keys or len(self.low) * 8 < self.keys * _LOW_BITS:
            raise ValueError("not as many keys as the header says")
        object.__setattr__(self, "_noughts", _array(np.cumsum(noughts) - noughts))

    @classmethod
    def of(cls, fingerprints: Iterable[int], data: str) -> Novelty:
        """An index of the ``fingerprint`` of each span, with as few bits of it as will do."""
        found = np.unique(np.fromiter(fingerprints, dtype=np.uint32))
        bits = min(32, _LOW_BITS + len(found).bit_length())
        keys = np.unique(found >> np.uint32(32 - bits))
        buckets = np.arange(1 << bits - _LOW_BITS)
        unary = np.ones(len(buckets) + len(keys), dtype=np.uint8)
        unary[np.searchsorted(keys >> _LOW_BITS, buckets, side="right") + buckets] = 0
        low = keys.astype(np.uint8)[:, None] >> np.arange(_LOW_BITS, dtype=np.uint8) & 1
        return cls(np.packbits(unary).tobytes(), np.packbits(low).tobytes(), len(keys), bits, data)

    def __len__(self) -> int:
        return self.keys

    def has(self, text: str, end: int) -> bool:
        """Whether the songs have the span of a folded text that ends behind so many characters."""
        key = fingerprint(text, end) >> 32 - self.bits
        first, size = self._bucket(key >> _LOW_BITS)
        if not size:
            return False
        wanted = f"{key & _LOW:0{_LOW_BITS}b}"[::-1]
        start = first * _LOW_BITS
        found = _binary(self.low, start // 8, size * _LOW_BITS // 8 + 2)[start % 8 :]
        return any(found.startswith(wanted, place * _LOW_BITS) for place in range(size))

    def _bucket(self, number: int) -> tuple[int, int]:
        """The first key of a bucket, and how many it has."""
        if not number:
            return 0, _binary(self.high, 0, _BLOCK + _REACH).index("0")
        # The nought behind the bucket before is in the last block with fewer of them before it.
        block = bisect_left(self._noughts, number) - 1
        found, place = _binary(self.high, block * _BLOCK, _BLOCK + _REACH), -1
        for _ in range(number - self._noughts[block]):
            place = found.index("0", place + 1)
        size = found.index("0", place + 1) - place - 1
        return 8 * _BLOCK * block + place + 1 - number, size

    def copies(self, text: str) -> bool:
        """Whether the last word of a folded text completes a span of the songs.

        Asked at the end of each word of a text that grows, it finds every copy before that has
        more than ``LONGEST`` characters.
        """
        for end in range(len(text), SPAN - 1, -1):
            if self.has(text, end):
                return True
            if not text[end - 1 - _ROW : end - 1].replace("'", "").isalpha():
                break
        return False

    def span(self, text: str, given: int = 0) -> int:
        """Characters of the longest stretch of a folded text that looks copied; 0 for none.

        Songs may have its parts and not the whole, and what is shorter than ``SPAN`` is not noticed.

        Args:
            text: folded.
            given: so many characters of it are not the writer's: a stretch in them is none.
        """
        longest = first = 0
        for end in ends(text):
            if end <= given:
                continue
            first = (first or end) if self.has(text, end) else 0
            longest = max(longest, end - first + SPAN) if first else longest
        return longest

    def save(self, path: Path) -> None:
        header = {"format": FORMAT, "kind": _KIND, "span": SPAN, "ends": _END.pattern}
        header |= {"bits": self.bits, "keys": self.keys, "data": self.data}
        parts = {"high": self.high, "low": self.low}
        tensors = {name: np.frombuffer(part, dtype=np.uint8) for name, part in parts.items()}
        write_whole(path, sealed(tensors, header))

    @classmethod
    def load(cls, path: Path) -> Novelty:
        """Read an index.

        Raises:
            BadCheckpoint: it is missing, damaged or of another version.
        """
        try:
            verified(path)
            with safe_open(path, framework="np") as file:
                header = json.loads((file.metadata() or {})[KEY])
                high, low = (file.get_tensor(name).tobytes() for name in ("high", "low"))
            version = [header[name] for name in ("format", "kind", "span", "ends")]
            if version != [FORMAT, _KIND, SPAN, _END.pattern]:
                raise BadCheckpoint(f"The index of songs {path} is of another version: install it again.")
            return cls(high, low, header["keys"], header["bits"], header["data"])
        except OSError as error:
            reason = error.strerror or error
            raise BadCheckpoint(f"The index of songs {path} cannot be read: {reason}.") from error
        except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise BadCheckpoint(f"The index of songs {path} is damaged: install it again.") from error


def remark(folder: Path) -> str | None:
    """What to tell whoever keeps a folder of models: its index is of other songs than it should be.

    None where it fits, or where one of the two is missing or unreadable, which loading them says.
    """
    generator, index = (_learnt_from(folder / f"{name}.safetensors") for name in ("generator", _KIND))
    if not generator or not index or generator == index:
        return None
    return (
        f"The index of songs in {folder} is of other songs than its generator learnt from, and their "
        "copies go unnoticed: make it anew with `songwriter train novelty`."
    )


def _learnt_from(path: Path) -> str | None:
    """The hash of the corpus in a file's header."""
    try:
        with safe_open(path, framework="np") as file:
            return str(json.loads((file.metadata() or {})[KEY])["data"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


def ends(text: str) -> list[int]:
    """Behind how many characters of a folded text its spans end, rising."""
    return [match.start() for match in _END.finditer(text, SPAN)]


def fingerprint(text: str, end: int) -> int:
    """32 bits of the span that ends there, the same on every machine."""
    return zlib.crc32(text[end - SPAN : end].encode())


def _binary(packed: bytes, start: int, count: int) -> str:
    """The bits of so many bytes, noughts behind the last one."""
    window = packed[start : start + count].ljust(count, b"\0")
    return f"{int.from_bytes(window, 'big'):0{8 * count}b}"


def _array(numbers: Ints) -> array[int]:
    return array("I", numbers.astype(np.uint32).tobytes())
