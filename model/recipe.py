"""A stanza's recipe: a short text from which the same models write it again, byte for byte.

The text is Crockford's base 32 (https://www.crockford.com/base32.html), which survives being
read aloud or typed from a screenshot, of:

| bytes | what |
|---|---|
| 1 | version of this table |
| 6 | digest of the models |
| 4 | random seed |
| any | what differs from ``_PLAIN``: a tag, then a number (LEB128) or a text (its length first) |
| 4 | CRC-32 of all that, so that a slip is told from another generator |
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from model.errors import BadInput, BadOption
from model.keywords import MAX_KEYWORDS
from model.mood import NONE, PICTURE
from model.prompts import MAX_PROMPT, check_prompt
from model.request import BACKENDS, MAX_REWRITTEN, GenerationRequest
from model.sampling import Sampling
from model.sentence import say

# In characters: one from nothing at all, and more than four long keywords, a whole phrase and as many
# replaced lines as there may be take.
SHORTEST_RECIPE, LONGEST_RECIPE = 24, 800

_VERSION = 1
_HEAD = struct.Struct(">B6sI")
_CHECK = struct.Struct(">I")
# What costs nothing. The program's own defaults may change, and a recipe of today stays what it is.
_PLAIN: dict[str, int | str] = {
    "keywords": "", "seed": "", "temperature": "0.4", "top_k": 0, "top_p": "1.0", "candidates": 48,
    "style": "song", "mood": "", "lines": 4, "scheme": "", "syllables": 0, "rewritten": 0, "engine": "int8",
    "word_filter": 0,
}  # fmt: skip
_TAGS = list(_PLAIN)
# A line's replacement is one number: its random seed times this, and the line.
_LINES = 16
# The mark of a word filter: three bytes of a number.
_MARKS = 2**21

_OTHER_VERSION = say("That recipe has version {version}, this program reads {own}: update it.")
_OTHER_MODELS = say(
    "That stanza was made by other models or another version ({theirs}) than these ({ours}): they cannot "
    "write it again."
)
_REWRITTEN_OFTEN = say("A stanza can have a line rewritten {most} times in all: start from another one.")

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_WRITTEN = str.maketrans(_RFC_4648, _ALPHABET)
# "o" is read as 0, "i" and "l" as 1.
_READ = str.maketrans(_ALPHABET + "oil", _RFC_4648 + "ABB")
_KEYWORD = re.compile(rf"[a-z][a-z'-]{{0,{MAX_PROMPT - 1}}}")


class NotARecipe(BadOption):
    """A text that is no recipe, or no longer one, as a letter is wrong."""

    def __init__(self) -> None:
        super().__init__(say("That is not a recipe: a letter is wrong or missing, so copy it once more."))


class OtherModels(BadInput):
    """A recipe of models that are not these."""


@dataclass(frozen=True)
class Recipe:
    """Everything that the models need to write a stanza again. What the picture showed is not in it.

    Attributes:
        keywords: lemmas that steered.
        request: what was asked for; its word filter is not in it, as that is a matter of the place.
        origin: digest of the models and of how they are used, ``LyricsGenerator.origin``.
        backend: what ran it: another one rounds otherwise, and may draw other letters.
        word_filter: ``filter_mark`` of the words that could not be written, 0 for none.
    """

    keywords: tuple[str, ...]
    request: GenerationRequest
    origin: str
    backend: str = "int8"
    word_filter: int = 0

    @classmethod
    def of(cls, keywords: Collection[str], request: GenerationRequest, origin: str, backend: str) -> Recipe:
        """The recipe of a stanza that was written."""
        plain = replace(request, forbidden=frozenset())
        return cls(tuple(keywords), plain, origin, backend, filter_mark(request.forbidden))

    @property
    def text(self) -> str:
        """The recipe as people pass it on."""
        head = _HEAD.pack(_VERSION, bytes.fromhex(self.origin), self.request.seed)
        body = head + b"".join(_packed(tag, value) for tag, value in self._values())
        coded = base64.b32encode(body + _CHECK.pack(zlib.crc32(body))).decode()
        return coded.rstrip("=").translate(_WRITTEN)

    @classmethod
    def parse(cls, text: str) -> Recipe:
        """Read a recipe, in any case, from what was copied or typed.

        Raises:
            NotARecipe: it is none, or has a typing error.
            BadOption: it is of a newer version of this program.
        """
        typed = text.strip("` \t\n").lower()
        if len(typed) > LONGEST_RECIPE:
            raise NotARecipe
        body = _checked(typed.translate(_READ))
        version = body[0]
        if version != _VERSION:
            raise BadOption(_OTHER_VERSION.filled(version=version, own=_VERSION))
        try:
            found = cls._read(body)
        except (ValueError, IndexError, UnicodeError, struct.error, BadOption) as error:
            raise NotARecipe from error
        # One stanza has one recipe: nothing is there twice, out of order, or in vain.
        if found.text.translate(_READ) != typed.translate(_READ):
            raise NotARecipe
        return found

    def check(self, origin: str, backend: str) -> None:
        """See whether models can write it again.

        Raises:
            OtherModels: they are others.
        """
        if (self.origin, self.backend) != (origin, backend):
            theirs, ours = f"{self.origin}, {self.backend}", f"{origin}, {backend}"
            raise OtherModels(_OTHER_MODELS.filled(theirs=theirs, ours=ours))

    def rewriting(self, line: int, seed: int) -> Recipe:
        """The recipe of the same stanza with one line, counted from 1, replaced.

        Raises:
            BadOption: there is no such line, or too many were replaced before.
        """
        if len(self.request.rewritten) == MAX_REWRITTEN:
            raise BadOption(_REWRITTEN_OFTEN.filled(most=MAX_REWRITTEN))
        rewritten = (*self.request.rewritten, (line, seed))
        return replace(self, request=replace(self.request, rewritten=rewritten))

    def _values(self) -> Iterator[tuple[str, int | str]]:
        """What differs from the plainest recipe, in the order of the tags."""
        request, sampling = self.request, self.request.sampling
        values: dict[str, int | str] = {
            "keywords": " ".join(self.keywords),
            "seed": request.prompt,
            # The shortest text that is read back as the same number.
            "temperature": repr(float(sampling.temperature)),
            "top_k": sampling.top_k,
            "top_p": repr(float(sampling.top_p)),
            "candidates": request.candidates,
            "style": request.style,
            "mood": request.mood or "",
            "lines": request.lines,
            "scheme": request.scheme or "",
            "syllables": request.syllables or 0,
            "engine": self.backend,
            "word_filter": self.word_filter,
        }
        for tag in _TAGS:
            if tag == "rewritten":
                yield from ((tag, line_seed * _LINES + line) for line, line_seed in request.rewritten)
            elif values[tag] != _PLAIN[tag]:
                yield tag, values[tag]

    @classmethod
    def _read(cls, body: bytes) -> Recipe:
        _, origin, seed = _HEAD.unpack_from(body)
        read = [*_unpacked(body[_HEAD.size :])]
        values: dict[str, int | str] = _PLAIN | dict(read)
        texts = {tag: str(value) for tag, value in values.items()}
        numbers = {tag: int(value) for tag, value in values.items() if isinstance(value, int)}
        rewritten = [divmod(int(value), _LINES) for tag, value in read if tag == "rewritten"]
        request = GenerationRequest(
            sampling=Sampling(float(texts["temperature"]), numbers["top_k"], float(texts["top_p"])),
            prompt=texts["seed"],
            seed=seed,
            candidates=numbers["candidates"],
            style=texts["style"],
            mood=_mood(texts["mood"]),
            lines=numbers["lines"],
            scheme=texts["scheme"] or None,
            syllables=numbers["syllables"] or None,
            rewritten=tuple((line, line_seed) for line_seed, line in rewritten),
        )
        keywords = tuple(texts["keywords"].split())
        _check_words(keywords, request.prompt)
        if texts["engine"] not in BACKENDS:
            raise BadOption("Nothing of that name runs the generator.")
        return cls(keywords, request, origin.hex(), texts["engine"], numbers["word_filter"])


def filter_mark(forbidden: Collection[str]) -> int:
    """A number that tells lists of forbidden words apart, 0 for an empty one."""
    listed = "\n".join(sorted(forbidden)).encode()
    return 1 + zlib.crc32(listed) % (_MARKS - 1) if forbidden else 0


def _mood(written: str) -> str | None:
    """A mood to write in: what only pictures decide has been decided where there is a recipe."""
    if written in (PICTURE, NONE):
        raise NotARecipe
    return written or None


def _check_words(keywords: Collection[str], prompt: str) -> None:
    """A recipe is made by a program, but anybody can make one: its words go where folded ones go."""
    if len(keywords) > MAX_KEYWORDS or not all(map(_KEYWORD.fullmatch, keywords)):
        raise NotARecipe
    if prompt and check_prompt(prompt) != prompt:
        raise NotARecipe


def _checked(coded: str) -> bytes:
    """The bytes of a coded text, less their check."""
    try:
        data = base64.b32decode(coded + "=" * (-len(coded) % 8))
    except (binascii.Error, ValueError) as error:
        raise NotARecipe from error
    body, check = data[: -_CHECK.size], data[-_CHECK.size :]
    if len(body) < _HEAD.size or check != _CHECK.pack(zlib.crc32(body)):
        raise NotARecipe
    return body


def _packed(tag: str, value: int | str) -> bytes:
    start = bytes([_TAGS.index(tag)])
    if isinstance(value, str):
        text = value.encode("ascii")
        return start + bytes([len(text)]) + text
    groups = [value >> shift & 0x7F for shift in range(0, max(1, value.bit_length()), 7)]
    return start + bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def _unpacked(data: bytes) -> Iterator[tuple[str, int | str]]:
    place = 0
    while place < len(data):
        tag = _TAGS[data[place]]
        place += 1
        if isinstance(_PLAIN[tag], str):
            end = place + 1 + data[place]
            yield tag, data[place + 1 : end].decode("ascii")
        else:
            end = place + 1
            while data[end - 1] & 0x80:
                end += 1
            yield tag, sum((byte & 0x7F) << 7 * n for n, byte in enumerate(data[place:end]))
        place = end
