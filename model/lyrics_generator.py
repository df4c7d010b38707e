"""From keywords and a request to a stanza. Free of torch where the generator runs without it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from model.checkpoint import described
from model.decoding import Sample, Stepper, compose
from model.errors import BadOption
from model.extras import needing_torch
from model.files import CHECKPOINTS
from model.keywords import MAX_KEYWORDS, distinct, extract, unnamed
from model.known_lines import KnownLines
from model.lexicon import Lexicon
from model.memory import given_back
from model.novelty import Novelty
from model.onnx_stepper import load_stepper
from model.planbook import PlanBook
from model.planner import Planner
from model.ranking import Candidate, Weights
from model.reader import Reader
from model.recipe import Recipe
from model.request import GenerationRequest
from model.rules import Spelling
from model.sampling_jobs import FROM_CAPTION, ScoredJob, Tools, line_jobs, stanza_jobs
from model.taught import RANKING, read_factors, weighed
from model.text import LETTERS, NEWLINE, fold, print_lines
from model.thoughts import Thoughts
from model.vocabulary import CharVocabulary

# Words of a prompt that steer.
FROM_PROMPT = 2
# All candidates may have run into dead ends, or be nothing but commas.
_ATTEMPTS = 10
# After so many a scheme that cannot be had is only liked.
_BOUND = 3


@dataclass(frozen=True)
class Song:
    """A stanza and everything needed to write it again.

    Attributes:
        caption: what the captioner saw, or None without a picture.
        keywords: lemmas that steered the stanza.
        lines: as they are shown; never empty.
        request: what was asked for, random seed included.
        captioner: digest of the captioner's checkpoint.
        generator: digest of the generator's checkpoint.
        candidates: those of the last choice, the best first.
    """

    caption: str | None
    keywords: tuple[str, ...]
    lines: tuple[str, ...]
    request: GenerationRequest
    captioner: str
    generator: str
    candidates: tuple[Candidate, ...] = ()

    @property
    def text(self) -> str:
        return NEWLINE.join(self.lines)


# How stanzas are drawn and chosen, by number: raised whenever the same models, request and seed
# give another stanza than before, so that an earlier version's recipes are told apart.
METHOD = 7


# Files beside the generator's, each of which may be missing -> what reads it.
PARTS: dict[str, Callable[[Path, Lexicon], Any]] = {
    "novelty": lambda path, _: Novelty.load(path),
    "lines": lambda path, _: KnownLines.load(path),
    "planner": Planner.load,
    "planbook": PlanBook.load,
    "reader": lambda path, _: Reader.load(path),
    "plan_reader": lambda path, _: Reader.load(path),
    "thoughts": lambda path, _: Thoughts.load(path),
}
# Those that serve without plans, too.
_ALWAYS = ("novelty", "lines")


class LyricsGenerator:
    """Keywords and seeds to stanzas.

    Args:
        stepper: runs the generator.
        vocabulary: its symbols.
        lexicon: what is known about words.
        digest: of the generator's checkpoint.
        weights: what makes a stanza the best of its candidates.
        backend: what runs the generator, by name.
        novelty: tells copies of the training songs, or None.
        origin: digest of all that decides what is written, files and ``METHOD``, for recipes; ``digest``
            where it is "".
        planner: decides what each line says, or None.
        reader: says how much sense a stanza makes, or None.
        lines: of the songbook, or None.
        plan_reader: says how much sense a plan makes, or None.
        thoughts: what is told and what is planned as vectors, or None.
        planbook: plans that people had, or None.
    """

    def __init__(
        self,
        stepper: Stepper,
        vocabulary: CharVocabulary,
        lexicon: Lexicon,
        digest: str,
        weights: Weights | None = None,
        backend: str = "torch",
        novelty: Novelty | None = None,
        origin: str = "",
        planner: Planner | None = None,
        reader: Reader | None = None,
        lines: KnownLines | None = None,
        plan_reader: Reader | None = None,
        thoughts: Thoughts | None = None,
        planbook: PlanBook | None = None,
    ) -> None:
        self.stepper, self.vocabulary = stepper, vocabulary
        self.lexicon, self.digest, self.backend = lexicon, digest, backend
        self.origin = origin or digest
        spelling = Spelling(lexicon, vocabulary)
        self.tools = Tools(
            lexicon,
            spelling,
            weights or Weights(),
            novelty,
            planner,
            reader,
            lines,
            plan_reader,
            thoughts,
            planbook,
        )

    @classmethod
    @given_back()
    def load(
        cls,
        folder: Path = CHECKPOINTS,
        device: str = "cpu",
        lexicon: Path | None = None,
        backend: str | None = None,
        taught: bool = True,
    ) -> LyricsGenerator:
        """The generator of a folder with its lexicon, or with another one.

        Args:
            folder: of the checkpoints.
            device: "cpu" or a GPU that torch knows.
            lexicon: file of another lexicon.
            backend: one of ``request.BACKENDS``; None for "int8" on a CPU and "torch" elsewhere.
            taught: choose by what people's votes taught, where the folder has that.

        Raises:
            BadCheckpoint: a file is missing or damaged.
            BadInstallation: the backend needs torch, which is not installed, or a newer ONNX Runtime.
        """
        backend = backend or ("int8" if device == "cpu" else "torch")
        path = folder / "generator.safetensors"
        if backend == "torch":
            with needing_torch("The engine torch"):
                from model.generator import fast_stepper, load_generator

            model, vocabulary, checkpoint = load_generator(path)
            stepper: Stepper = fast_stepper(model.to(device))
        else:
            stepper, vocabulary, checkpoint = load_stepper(path, int8=backend == "int8")
        words = lexicon or folder / "lexicon.json.xz"
        known = Lexicon.load(words)
        with described(path):
            weights = Weights(**checkpoint.header.get("ranking", {}))
        factors = read_factors(folder) if taught else {}
        parts = _parts(folder, known, bool(checkpoint.header.get("forms")))
        files = [folder / f"{name}.safetensors" for name in parts] + [folder / RANKING] * bool(factors)
        return cls(
            stepper,
            vocabulary,
            known,
            checkpoint.digest,
            weighed(weights, factors),
            backend,
            origin=_digest([path, words, *files]),
            **parts,
        )

    def keywords(self, caption: str | None, prompt: str) -> tuple[str, ...]:
        """The words that steer: the prompt's first, then the caption's."""
        whole = self._without_beginning(prompt)
        from_prompt = extract(whole, self.lexicon, FROM_PROMPT) if whole else []
        if not caption:
            return tuple(from_prompt)
        told = extract(caption, self.lexicon, MAX_KEYWORDS, unnamed(caption), filled=self.plans)
        from_caption = told if self.plans else told[:FROM_CAPTION]
        return tuple(distinct([*from_prompt, *from_caption])[:MAX_KEYWORDS])

    @property
    def plans(self) -> bool:
        """Whether stanzas are planned, which takes all that a caption says."""
        return self.tools.planner is not None

    def _without_beginning(self, prompt: str) -> str:
        """A prompt without its last letters where these are to become a word: they name nothing yet."""
        before, _, last = prompt.rpartition(" ")
        return before if last and self.tools.spelling.begins(fold(last)) else prompt

    def sung(self, wanted: Sequence[tuple[Sequence[str], GenerationRequest]]) -> list[Song]:
        """Keywords and requests -> a stanza for each, all drawn in one batch; no caption is named.

        Raises:
            BadOption: see ``candidates``.
        """
        return [
            Song(None, tuple(keywords), self.shown(found[0].text), request, "", self.digest, tuple(found))
            for (keywords, request), found in zip(wanted, self.candidates(wanted), strict=True)
        ]

    def recipe(self, song: Song) -> Recipe:
        """What it takes to write a song of this generator's again."""
        return Recipe.of(song.keywords, song.request, self.origin, self.backend)

    def shown(self, text: str) -> tuple[str, ...]:
        """A folded stanza as its lines are shown."""
        return tuple(print_lines(text, self.lexicon.names))

    def compose(self, wanted: Sequence[tuple[Sequence[str], GenerationRequest]]) -> list[Candidate]:
        """Keywords and requests -> for each the best of its candidates.

        Raises:
            BadOption: see ``candidates``.
        """
        return [found[0] for found in self.candidates(wanted)]

    def candidates(self, wanted: Sequence[tuple[Sequence[str], GenerationRequest]]) -> list[list[Candidate]]:
        """Keywords and requests -> for each the candidates of its last choice, folded, the best first.

        Raises:
            BadOption: nothing but punctuation came out, as it may at high temperatures.
        """
        found = self._drawn(dict(enumerate(partial(self._stanza, *one) for one in wanted)))
        for step in range(max((len(request.rewritten) for _, request in wanted), default=0)):
            lines = {
                number: partial(self._line, *one, step, found[number][0].text)
                for number, one in enumerate(wanted)
                if step < len(one[1].rewritten)
            }
            found |= self._drawn(lines)
        return [found[number] for number in range(len(wanted))]

    def _stanza(self, keywords: Sequence[str], request: GenerationRequest, attempt: int) -> list[ScoredJob]:
        return stanza_jobs(self.tools, keywords, request, attempt, bound=attempt < _BOUND)

    def _line(
        self, keywords: Sequence[str], request: GenerationRequest, step: int, text: str, attempt: int
    ) -> list[ScoredJob]:
        lines, bound = text.split(NEWLINE), attempt < _BOUND
        return line_jobs(self.tools, keywords, request, lines, request.rewritten[step], attempt, bound)

    def _drawn(self, wanted: Mapping[int, Callable[[int], list[ScoredJob]]]) -> dict[int, list[Candidate]]:
        """Draw jobs, which take the number of the attempt, again while nothing comes out."""
        found: dict[int, list[Candidate]] = {}
        for attempt in range(_ATTEMPTS):
            waiting = [
                (number, one)
                for number, some in wanted.items()
                if number not in found
                for one in some(attempt)
            ]
            if waiting:
                drawn = compose(self.stepper, self.vocabulary, [(one.job, one.rate) for _, one in waiting])
                fit: dict[int, list[Candidate]] = {}
                for (number, one), samples in zip(waiting, drawn, strict=True):
                    candidates = one.candidates([sample for sample in samples if _spoken(sample)])
                    fit.setdefault(number, []).extend(c for c in candidates if not one.bars(c))
                found |= {
                    number: sorted(some, key=lambda one: -one.score.total)
                    for number, some in fit.items()
                    if some
                }
        if len(found) < len(wanted):
            raise BadOption("No stanza came out: ask for a lower temperature.")
        return found


def _parts(folder: Path, lexicon: Lexicon, plans: bool) -> dict[str, Any]:
    """What is beside the generator, by name; whoever trains on songs of their own need not have it all.

    Only a generator that is told of plans can follow one, and nobody chooses plans where none are drawn.
    """
    names = list(PARTS if plans and (folder / "planner.safetensors").exists() else _ALWAYS)
    files = {name: folder / f"{name}.safetensors" for name in names}
    return {name: PARTS[name](path, lexicon) for name, path in files.items() if path.exists()}


def _digest(files: Sequence[Path]) -> str:
    """First 12 hex digits of the SHA-256 of ``METHOD`` and the files' SHA-256s, one after the other."""
    parts = [hashlib.sha256(path.read_bytes()).digest() for path in files]
    return hashlib.sha256(b"".join([bytes([METHOD]), *parts])).hexdigest()[:12]


def _spoken(one: Sample) -> bool:
    return math.isfinite(one.nats) and any(character in LETTERS for character in one.text)
