"""What somebody asks for, from a command or a button to the sampler in one object.

It is checked when it is made, before any network is loaded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from model.conditioning import CANDIDATES, DEFAULT_STYLE, LEAST_SYLLABLES, MAX_LINES, STYLES
from model.conditioning import MOST_SYLLABLES as MOST_SYLLABLES
from model.errors import BadOption
from model.mood import MOODS, NONE, PICTURE
from model.prompts import MAX_SEED
from model.rhyme import SCHEMES
from model.sampling import Sampling

# What can run the generator: ONNX Runtime with weights of 8 bits or in float32, or PyTorch.
BACKENDS = ("int8", "float32", "torch")
LINES = 4
MAX_CANDIDATES = 256
# A stanza whose lines were all replaced often enough is another one.
MAX_REWRITTEN = 8


@dataclass(frozen=True)
class GenerationRequest:
    """What a stanza should be like. Whoever adds a field has it wherever a request goes.

    Attributes:
        sampling: temperature and its companions.
        prompt: the stanza starts with it and is steered by its words; "" for none.
        seed: 0 to 2**32 - 1; the same seed and checkpoints give the same stanza.
        candidates: stanzas drawn, of which the best is kept.
        style: one of ``conditioning.STYLES``.
        mood: one of ``mood.MOODS``; ``PICTURE`` for that of its pictures; ``NONE`` for none; None for that
            of pictures on which nothing is named, and else for none.
        lines: 1 to 4.
        scheme: one of ``rhyme.SCHEMES``; None: rhymed where it is cheap, free otherwise.
        syllables: of every line, 3 to 14; None: the program chooses.
        rewritten: (line from 1, random seed), lines that are replaced after the stanza is
            written, in order.
        forbidden: folded words that can't be finished.

    Raises:
        BadOption: a value outside its range.
    """

    sampling: Sampling = field(default_factory=Sampling)
    prompt: str = ""
    seed: int = 0
    candidates: int = CANDIDATES
    style: str = DEFAULT_STYLE
    mood: str | None = None
    lines: int = LINES
    scheme: str | None = None
    syllables: int | None = None
    rewritten: tuple[tuple[int, int], ...] = ()
    forbidden: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        _in_range("random seed", self.seed, 0, MAX_SEED)
        _in_range("number of candidates", self.candidates, 1, MAX_CANDIDATES)
        _in_range("number of lines", self.lines, 1, MAX_LINES)
        _one_of("style", self.style, STYLES)
        if self.mood is not None:
            _one_of("mood", self.mood, (*MOODS, PICTURE, NONE))
        if self.scheme is not None:
            _one_of("rhyme scheme", self.scheme, SCHEMES)
        if self.syllables is not None:
            _in_range("number of syllables", self.syllables, LEAST_SYLLABLES, MOST_SYLLABLES)
        _in_range("number of rewritten lines", len(self.rewritten), 0, MAX_REWRITTEN)
        for line, seed in self.rewritten:
            _in_range("line to rewrite", line, 1, self.lines)
            _in_range("random seed", seed, 0, MAX_SEED)


def _in_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise BadOption(f"The {name} must be between {least} and {most}, not {value}.")


def _one_of(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise BadOption(f"The {name} must be one of {', '.join(known)}, not {value!r}.")
