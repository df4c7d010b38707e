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
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model.errors import BadCheckpoint
from model.files import write_whole

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

_KIND = "novelty"
_KEY = "songwriter"

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Novelty:
    """Fingerprints of the songs' spans, in buckets by all bits but the low ones.

    Attributes:
        low: low bits of each fingerprint, bucket after bucket.
        first: where each bucket begins in ``low``, and where the last one ends.
        bits: of a fingerprint.
        data: hash of the corpus, as in the header of the generator that learnt from it.
    """

    low: bytes = field(repr=False)
    first: array[int] = field(repr=False)
    bits: int
    data: str

    @classmethod
    def of(cls, fingerprints: Iterable[int], data: str) -> Novelty:
        """An index of the ``fingerprint`` of each span, with as few bits of it as will do."""
        found = np.unique(np.fromiter(fingerprints, dtype=np.uint32))
        bits = min(32, _LOW_BITS + len(found).bit_length())
        keys = np.unique(found >> np.uint32(32 - bits))
        first = np.searchsorted(keys >> _LOW_BITS, np.arange((1 << bits - _LOW_BITS) + 1))
        return cls((keys & _LOW).astype(np.uint8).tobytes(), _array(first), bits, data)

    def __len__(self) -> int:
        return len(self.low)

    def has(self, text: str, end: int) -> bool:
        """Whether the songs have the span of a folded text that ends behind so many characters."""
        key = fingerprint(text, end) >> 32 - self.bits
        bucket, first = key >> _LOW_BITS, self.first
        return key & _LOW in self.low[first[bucket] : first[bucket + 1]]

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
        """Write a header, and the fingerprints in Elias and Fano's code (Elias, JACM 21, 1974).

        Of each its low bits are stored, and of all together the sizes of the buckets in unary: about
        nine bits each.
        """
        last = np.frombuffer(self.first, dtype=np.uint32)[1:]
        unary = np.ones(len(last) + len(self), dtype=np.uint8)
        unary[last + np.arange(len(last))] = 0
        low = np.frombuffer(self.low, dtype=np.uint8)[:, None] >> np.arange(_LOW_BITS, dtype=np.uint8) & 1
        header = {"format": FORMAT, "kind": _KIND, "span": SPAN, "ends": _END.pattern}
        header |= {"bits": self.bits, "keys": len(self), "data": self.data}
        tensors = {"high": np.packbits(unary), "low": np.packbits(low)}
        write_whole(path, save(tensors, metadata={_KEY: json.dumps(header)}))

    @classmethod
    def load(cls, path: Path) -> Novelty:
        """Read an index.

        Raises:
            BadCheckpoint: it is missing, damaged or of another version.
        """
        try:
            with safe_open(path, framework="np") as file:
                header = json.loads((file.metadata() or {})[_KEY])
                high, low = file.get_tensor("high"), file.get_tensor("low")
            version = [header[name] for name in ("format", "kind", "span", "ends")]
            if version != [FORMAT, _KIND, SPAN, _END.pattern]:
                raise BadCheckpoint(f"The index of songs {path} is of another version: install it again.")
            first = _buckets(high, 1 << header["bits"] - _LOW_BITS)
            if first[-1] != header["keys"]:
                raise ValueError("not as many keys as the header says")
            return cls(_unpacked(low, header["keys"]), first, header["bits"], header["data"])
        except OSError as error:
            reason = error.strerror or error
            raise BadCheckpoint(f"The index of songs {path} cannot be read: {reason}.") from error
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
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
            return str(json.loads((file.metadata() or {})[_KEY])["data"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


def ends(text: str) -> list[int]:
    """Behind how many characters of a folded text its spans end, rising."""
    return [match.start() for match in _END.finditer(text, SPAN)]


def fingerprint(text: str, end: int) -> int:
    """32 bits of the span that ends there, the same on every machine."""
    return zlib.crc32(text[end - SPAN : end].encode())


def _buckets(high: Bytes, count: int) -> array[int]:
    """Where each bucket begins: a one is a key, a nought the end of a bucket."""
    last = np.flatnonzero(np.unpackbits(high) == 0)[:count] - np.arange(count)
    return _array(np.concatenate([[0], last]))


def _unpacked(low: Bytes, count: int) -> bytes:
    weights = np.left_shift(1, np.arange(_LOW_BITS)).astype(np.uint8)
    digits = np.unpackbits(low, count=count * _LOW_BITS).reshape(count, _LOW_BITS)
    return (digits @ weights).tobytes()


def _array(numbers: Ints) -> array[int]:
    return array("I", numbers.astype(np.uint32).tobytes())
