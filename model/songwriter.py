"""From a picture or a seed to a stanza: the eye reads the picture, the pen writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from model.captioner import BEAM, Caption, Captioner, load_captioner
from model.decoding import Job, Rate, Sample, Sampling, Stepper, compose
from model.errors import BadOption
from model.files import CHECKPOINTS
from model.generator import fast_stepper, load_generator
from model.keywords import MAX_KEYWORDS, distinct, extract
from model.lexicon import Lexicon
from model.pictures import Preprocessing, to_tensor
from model.ranking import rater
from model.steering import CANDIDATES, Steering
from model.text import LETTERS, NEWLINE, print_lines
from model.vocabulary import CharVocabulary

LINES = 4
# Words of a seed and of a caption that steer. More crowd a stanza of four lines: each line then
# bends around one.
FROM_SEED, FROM_CAPTION = 2, 2
# At high temperatures a single candidate may be nothing but commas.
_ATTEMPTS = 10
MAX_THREADS = 2


@dataclass(frozen=True)
class Wish:
    """What a stanza should be like.

    Attributes:
        sampling: temperature and its companions.
        seed: the stanza starts with it and is steered by its words; "" for none.
        random_seed: 0 to 2**32 - 1; the same seed and checkpoints give the same stanza.
        candidates: stanzas drawn, of which the best is kept.
        style: one of ``steering.STYLES``.
        mood: one of ``mood.MOODS``, or None to leave it to the words.
        lines: 1 to 4.
    """

    sampling: Sampling = field(default_factory=Sampling)
    seed: str = ""
    random_seed: int = 0
    candidates: int = CANDIDATES
    style: str = "song"
    mood: str | None = None
    lines: int = LINES


@dataclass(frozen=True)
class Song:
    """A stanza and everything needed to write it again.

    Attributes:
        caption: what the captioner saw, or None without a picture.
        keywords: lemmas that steered the stanza.
        lines: as they are shown; never empty.
        wish: what was asked for, random seed included.
        captioner: digest of the captioner's checkpoint.
        generator: digest of the generator's checkpoint.
    """

    caption: str | None
    keywords: tuple[str, ...]
    lines: tuple[str, ...]
    wish: Wish
    captioner: str
    generator: str

    @property
    def text(self) -> str:
        return NEWLINE.join(self.lines)


class Eye:
    """Pictures to captions."""

    def __init__(self, captioner: Captioner, preprocessing: Preprocessing, digest: str) -> None:
        self.captioner, self.preprocessing, self.digest = captioner, preprocessing, digest

    @classmethod
    def load(cls, folder: Path = CHECKPOINTS, device: str = "cpu") -> Eye:
        captioner, preprocessing, checkpoint = load_captioner(folder / "captioner.safetensors")
        captioner = captioner.to(device).to(memory_format=torch.channels_last)
        return cls(captioner, preprocessing, checkpoint.digest)

    def caption(self, picture: Image.Image, beam: int = BEAM) -> Caption:
        """Describe one RGB picture."""
        square = self.preprocessing.square(picture)
        pixels = torch.from_numpy(to_tensor(square, self.preprocessing))[None]
        pixels = pixels.to(next(self.captioner.parameters()).device, memory_format=torch.channels_last)
        return self.captioner.caption(pixels, beam)[0]


class Pen:
    """Keywords and seeds to stanzas."""

    def __init__(self, stepper: Stepper, vocabulary: CharVocabulary, lexicon: Lexicon, digest: str) -> None:
        self.stepper, self.vocabulary = stepper, vocabulary
        self.lexicon, self.digest = lexicon, digest

    @classmethod
    def load(cls, folder: Path = CHECKPOINTS, device: str = "cpu", lexicon: Path | None = None) -> Pen:
        """The generator of a folder with its lexicon, or with another one."""
        model, vocabulary, checkpoint = load_generator(folder / "generator.safetensors")
        known = Lexicon.load(lexicon or folder / "lexicon.json.xz")
        return cls(fast_stepper(model.to(device)), vocabulary, known, checkpoint.digest)

    def keywords(self, caption: str | None, seed: str) -> tuple[str, ...]:
        """The words that steer: the seed's first, then the caption's."""
        from_seed = extract(seed, self.lexicon, FROM_SEED) if seed else []
        from_caption = extract(caption, self.lexicon, FROM_CAPTION) if caption else []
        return tuple(distinct([*from_seed, *from_caption])[:MAX_KEYWORDS])

    def song(self, caption: str | None, wish: Wish, captioner: str = "") -> Song:
        """A stanza about a caption, or about the seed alone.

        Args:
            caption: what a picture shows, or None.
            wish: what the stanza should be like.
            captioner: digest of the captioner that wrote the caption.
        """
        return self.songs([(caption, wish)], captioner)[0]

    def songs(self, wanted: Sequence[tuple[str | None, Wish]], captioner: str = "") -> list[Song]:
        """Several stanzas drawn in one batch; each is the one that ``song`` would write."""
        keywords = [self.keywords(caption, wish.seed) for caption, wish in wanted]
        stanzas = self.write([(words, wish) for words, (_, wish) in zip(keywords, wanted, strict=True)])
        return [
            Song(caption, words, lines, wish, captioner, self.digest)
            for (caption, wish), words, lines in zip(wanted, keywords, stanzas, strict=True)
        ]

    def write(self, wanted: Sequence[tuple[Sequence[str], Wish]]) -> list[tuple[str, ...]]:
        """Keywords and wishes -> for each the best of its candidates, as lines to show.

        Raises:
            BadOption: see ``compose``.
        """
        chosen = self.compose(wanted)
        texts = [one.text if one.ended else without_torn_end(one.text) for one in chosen]
        return [tuple(print_lines(text, self.lexicon.names)) for text in texts]

    def compose(self, wanted: Sequence[tuple[Sequence[str], Wish]]) -> list[Sample]:
        """Keywords and wishes -> for each the best of its candidates.

        Raises:
            BadOption: nothing but punctuation came out, as it may at high temperatures.
        """
        found: list[Sample | None] = [None] * len(wanted)
        for attempt in range(_ATTEMPTS):
            silent = [number for number, one in enumerate(found) if one is None]
            if not silent:
                break
            drawn = compose(
                self.stepper, self.vocabulary, [self._job(*wanted[number], attempt) for number in silent]
            )
            for number, candidates in zip(silent, drawn, strict=True):
                found[number] = next((one for one in candidates if _spoken(one)), None)
        if any(one is None for one in found):
            raise BadOption("No stanza came out: ask for a lower temperature.")
        return [one for one in found if one is not None]

    def _job(self, keywords: Sequence[str], wish: Wish, attempt: int) -> tuple[Job, Rate]:
        source = np.random.SeedSequence([wish.random_seed, attempt] if attempt else wish.random_seed)
        steering = Steering.of(keywords, self.lexicon, wish.style, wish.mood, wish.lines)
        seeds = source.generate_state(wish.candidates).tolist()
        job = Job(steering, seeds, wish.sampling, wish.seed)
        return job, rater(keywords, wish.lines, self.lexicon)


def _spoken(one: Sample) -> bool:
    return any(character in LETTERS for character in one.text)


def without_torn_end(text: str) -> str:
    """Drop what a limit cut through: the last line, or the last word of a single line."""
    whole, newline, _ = text.rpartition(NEWLINE)
    if newline and any(c in LETTERS for c in whole):
        return whole
    words, space, _ = text.rpartition(" ")
    return words if space and any(c in LETTERS for c in words) else text


def limit_threads() -> None:
    """Keep torch from taking every core: more than two do not pay at these sizes."""
    torch.set_num_threads(min(MAX_THREADS, len(os.sched_getaffinity(0))))
