"""Measures on sampled stanzas, beside those of held-back ones that people wrote."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from model.conditioning import Conditioning
from model.decoding import SamplingJob, sample
from model.errors import BadInput
from model.files import CHECKPOINTS
from model.keywords import MAX_KEYWORDS, extract, used
from model.lyrics_generator import LyricsGenerator
from model.ranking import Candidate
from model.request import GenerationRequest
from model.sampling import Sampling
from model.text import NEWLINE
from model.wordfilter import is_forbidden
from training.corpora.corpus import pieces, read_songs, split
from training.corpora.rhymes import Rhymes
from training.evaluation.journal import Journal
from training.evaluation.suffixes import Ints, longest, novel, shared_spans
from training.evaluation.verse import Dictionary, as_many_words, count_words, describe, repeated_ngrams

# Characters of a gram that is novel where no training stanza has it.
NOVEL = 20
# Candidates drawn in one batch.
_ROWS = 192


@dataclass(frozen=True)
class Stanza:
    """What a generator wrote, or people.

    Attributes:
        text: folded.
        ended: by whoever wrote it, rather than by a limit.
        nats: a character, to whoever wrote it; 0 where that were people.
    """

    text: str
    ended: bool = True
    nats: float = 0.0


@dataclass(frozen=True)
class Songs:
    """What samples are held against.

    Attributes:
        sung: the training songs' stanzas.
        held_back: other songs' stanzas, of at most four lines each.
    """

    sung: Sequence[str]
    held_back: Sequence[str]

    @classmethod
    def read(cls, corpus: Path) -> Songs:
        """Split a corpus as training does.

        Raises:
            BadInput: it cannot be read.
        """
        parts = split(read_songs(corpus))
        sung = (NEWLINE.join(stanza) for song in parts["train"] for stanza in song.stanzas)
        return cls(list(dict.fromkeys(sung)), pieces(parts["dev"]))

    def some(self, count: int, seed: int) -> list[str]:
        """Held-back stanzas at random.

        Raises:
            BadInput: there are not so many.
        """
        if len(self.held_back) < count:
            raise BadInput(f"The corpus has {len(self.held_back)} held-back stanzas: ask for no more.")
        return self.shuffled(seed)[:count]

    def shuffled(self, seed: int) -> list[str]:
        """All held-back stanzas in random order."""
        return random.Random(seed).sample(self.held_back, len(self.held_back))


@dataclass(frozen=True)
class SampleOptions:
    """How many stanzas are written to be measured, and how.

    Attributes:
        count: stanzas.
        temperature: as in ``Sampling``.
        candidates: drawn for each stanza, of which the best counts; 1 is the bare generator.
        seed: decides keywords and draws.

    Raises:
        BadOption: a value outside its range.
    """

    count: int
    temperature: float
    candidates: int
    seed: int

    def __post_init__(self) -> None:
        self._request()

    def requests(
        self, draw: random.Random | None = None, forbidden: frozenset[str] = frozenset()
    ) -> list[GenerationRequest]:
        """A request for each stanza, with a random seed of its own: the same ones at any temperature.

        Args:
            draw: where the random seeds come from; one of ``seed`` unless it is given.
            forbidden: words that the stanzas must not have.
        """
        draw, plain = draw or random.Random(self.seed), replace(self._request(), forbidden=forbidden)
        return [replace(plain, seed=draw.randrange(2**32)) for _ in range(self.count)]

    def _request(self) -> GenerationRequest:
        return GenerationRequest(Sampling(self.temperature), seed=self.seed, candidates=self.candidates)


def evaluate_samples(
    checkpoints: Path,
    corpus: Path,
    options: SampleOptions,
    forbidden: frozenset[str] = frozenset(),
    engine: str | None = None,
    journal: Journal | None = None,
) -> dict[str, Any]:
    """Write stanzas for keywords of held-back songs and measure them.

    Args:
        checkpoints: folder with ``generator.safetensors``; see ``lexicon_of``.
        corpus: the corpus that the generator was trained on.
        options: how many stanzas, and how.
        forbidden: words that the stanzas must not have; see ``wordfilter.is_forbidden``.
        engine: as in ``LyricsGenerator.load``.
        journal: of the stanzas.

    Returns:
        shares (0..1) and lengths in characters, as in ``verse.describe``, ``copying`` and ``slips``;
        under ``corpus`` the same of held-back stanzas with as many words.

    Raises:
        BadInput: the corpus cannot be read, or NLTK's word lists are not here.
    """
    songs = Songs.read(corpus)
    count = options.count
    about = songs.some(count, options.seed)
    dictionary, rhymes = Dictionary(), Rhymes()
    writer = LyricsGenerator.load(checkpoints, lexicon=lexicon_of(checkpoints), backend=engine)
    keywords = [extract(text, writer.lexicon, MAX_KEYWORDS) for text in about]
    found = write(writer, keywords, options, forbidden, journal)
    texts = [one.text for one in found]
    human = as_many_words(songs.shuffled(options.seed), count_words(texts))
    spans = shared_spans([*texts, *human], songs.sung)
    asked = [len(used(k, text, writer.lexicon)) for k, text in zip(keywords, texts, strict=True)]
    return {
        "stanzas": count,
        "temperature": options.temperature,
        "candidates": options.candidates,
        "ended": sum(one.ended for one in found) / count,
        "one_keyword": sum(number > 0 for number in asked) / count,
        "two_keywords": sum(number > 1 for number in asked) / count,
        **describe(texts, dictionary, rhymes),
        **copying(spans[:count]),
        **slips(texts, spans[:count], forbidden),
        "corpus": {
            "stanzas": len(human),
            **describe(human, dictionary, rhymes),
            **copying(spans[count:]),
            **slips(human, spans[count:], forbidden),
        },
        "generator": writer.digest,
        "engine": writer.backend,
        "random_seed": options.seed,
    }


def lexicon_of(checkpoints: Path) -> Path:
    """The lexicon beside a generator, or the shipped one: a training run's folder has none."""
    own = checkpoints / "lexicon.json.xz"
    return own if own.exists() else CHECKPOINTS / own.name


def write(
    writer: LyricsGenerator,
    keywords: Sequence[Sequence[str]],
    options: SampleOptions,
    forbidden: frozenset[str] = frozenset(),
    journal: Journal | None = None,
) -> list[Stanza]:
    """A stanza for each list of keywords; where one candidate is drawn, as the bare generator writes."""
    wanted = list(zip(keywords, options.requests(forbidden=forbidden), strict=True))
    stage = f"temperature {options.temperature:g}"
    return write_all(writer, wanted, journal, stage, bare=options.candidates == 1)


def write_all(
    writer: LyricsGenerator,
    wanted: Sequence[tuple[Sequence[str], GenerationRequest]],
    journal: Journal | None = None,
    stage: str = "stanzas",
    bare: bool = False,
) -> list[Stanza]:
    """A stanza for each list of keywords and request.

    Args:
        writer: the writer.
        wanted: what about, and how; as many candidates for each.
        journal: where what is finished is kept.
        stage: as in ``Journal.each``.
        bare: as the generator writes without any rule, of one candidate each.
    """

    def work(some: Sequence[tuple[Sequence[str], GenerationRequest]]) -> list[dict[str, Any]]:
        found = (
            [_bare(writer, *one) for one in some] if bare else [_best(one) for one in writer.compose(some)]
        )
        return list(map(asdict, found))

    batch = max(1, _ROWS // max((request.candidates for _, request in wanted), default=1))
    return [Stanza(**item) for item in (journal or Journal()).each(stage, wanted, work, batch)]


def _best(one: Candidate) -> Stanza:
    return Stanza(one.text, one.ended, one.nats)


def _bare(writer: LyricsGenerator, keywords: Sequence[str], request: GenerationRequest) -> Stanza:
    conditioning = Conditioning.of(keywords, writer.lexicon, request.style, request.mood, request.lines)
    [found] = sample(
        writer.stepper,
        writer.vocabulary,
        SamplingJob(conditioning, [request.seed], request.sampling),
    )
    return Stanza(found.text, found.ended, found.nats)


def copying(spans: Sequence[Ints]) -> dict[str, Any]:
    """What stanzas share with the training songs, from ``suffixes.shared_spans``.

    Returns:
        ``copied_span_median``, ``_p99``, ``_longest``: of each stanza's longest span that a training
        stanza has, line ends included; ``novel_20grams``: the share (0..1) of all spans of 20
        characters that none has, None where the stanzas are too short for any.
    """
    longests = [longest(found) for found in spans]
    grams = np.array([novel(found, NOVEL) for found in spans])
    new, total = grams.sum(0).tolist()
    return {
        "copied_span_median": statistics.median(longests),
        "copied_span_p99": float(np.quantile(longests, 0.99)),
        "copied_span_longest": max(longests),
        "novel_20grams": new / total if total else None,
    }


def slips(texts: Sequence[str], spans: Sequence[Ints], forbidden: frozenset[str]) -> dict[str, float]:
    """Shares (0..1) of stanzas that have what the generator's guards are to keep out.

    Args:
        texts: folded stanzas.
        spans: of each, from ``suffixes.shared_spans``.
        forbidden: words that none must have.
    """
    longests = np.array([longest(found) for found in spans])
    return {
        "copied_over_30": float(np.mean(longests > 30)),
        "copied_over_40": float(np.mean(longests > 40)),
        "looping": statistics.fmean(repeated_ngrams([text], 4) > 0 for text in texts),
        "filtered": statistics.fmean(is_forbidden(text, forbidden) for text in texts),
    }
