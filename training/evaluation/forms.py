"""Whether stanzas keep to the form that is asked for, and what that costs in likelihood."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.keywords import extract, used
from model.lyrics_generator import LyricsGenerator
from model.rhyme import FREE, SCHEMES, partner
from model.rules import SLACK
from model.text import NEWLINE
from training.corpora.rhymes import LAST_SYLLABLE, STRICT, Rhymes, line_ends
from training.evaluation.journal import Journal
from training.evaluation.lyrics import stepped_nats
from training.evaluation.samples import SampleOptions, Songs, lexicon_of, write_all
from training.evaluation.verse import Dictionary, dictionary_share

# A last word that a pause parts from its line.
_TAIL = re.compile(r"[-,.;:!?] *[a-z']+[-,.;:!? ]*$")
# What a stanza gets for which no scheme is asked.
DEFAULT = "default"
# Words of a held-back stanza that are asked for, as many as a caption gives.
_KEYWORDS = 2


def evaluate_forms(
    checkpoints: Path,
    corpus: Path,
    options: SampleOptions,
    journal: Journal | None = None,
) -> dict[str, Any]:
    """Write stanzas in each scheme, for the same keywords and random seeds, and measure them.

    Args:
        checkpoints: folder with ``generator.safetensors``; see ``samples.lexicon_of``.
        corpus: the corpus that the generator was trained on.
        options: how many stanzas a scheme, and how.
        journal: of the stanzas.

    Returns:
        for each scheme, and for none (``DEFAULT``), the figures of ``_figures``; ``cost`` is the
        difference of ``nats`` to the free scheme's.

    Raises:
        BadInput: the corpus cannot be read, or NLTK's word lists are not here.
    """
    writer = LyricsGenerator.load(checkpoints, lexicon=lexicon_of(checkpoints))
    rhymes, dictionary = Rhymes(), Dictionary()
    about = Songs.read(corpus).some(options.count, options.seed)
    keywords = [extract(text, writer.lexicon, _KEYWORDS) for text in about]
    wanted = list(zip(keywords, options.requests(), strict=True))
    found: dict[str, Any] = {}
    for name in (DEFAULT, *SCHEMES):
        scheme = None if name == DEFAULT else name
        formed = [(asked, replace(request, scheme=scheme)) for asked, request in wanted]
        texts = [one.text for one in write_all(writer, formed, journal, name)]
        found[name] = _figures(writer, texts, keywords, scheme, rhymes, dictionary)
    for figures in found.values():
        figures["cost"] = figures["nats"] - found[FREE]["nats"]
    return {
        "stanzas": options.count,
        "temperature": options.temperature,
        "candidates": options.candidates,
        "schemes": found,
        "generator": writer.digest,
        "engine": writer.backend,
        "random_seed": options.seed,
    }


def _figures(
    writer: LyricsGenerator,
    texts: Sequence[str],
    keywords: Sequence[Sequence[str]],
    scheme: str | None,
    rhymes: Rhymes,
    dictionary: Dictionary,
) -> dict[str, Any]:
    """Shares (0..1), and nats a character.

    Returns:
        ``pairs``; ``strict``, ``last_syllable`` (strict ones included): of the pairs that the scheme
        asks for (of AABB's in free verse and by default), by the full CMUdict; ``nats``: of the
        texts by the generator when it is asked for nothing; ``tails``: lines that had to rhyme and
        end in a word of its own behind a pause; ``even``: lines within ``SLACK``
        syllables of their stanza's median; ``one_keyword``, ``two_keywords``, ``dictionary_words``.
    """
    wanted = SCHEMES[0] if scheme is None or scheme == FREE else scheme
    kinds = Counter(kind for text in texts for kind in _kinds(text, wanted, rhymes))
    pairs = kinds.total()
    kinds[LAST_SYLLABLE] += kinds[STRICT]
    present = [len(used(asked, text, writer.lexicon)) for asked, text in zip(keywords, texts, strict=True)]
    lines = [abs(n) for text in texts for n in _unevenness(writer, text)]
    nats = stepped_nats(writer.stepper, texts, writer.vocabulary)
    return {
        "pairs": pairs,
        **{kind: kinds[kind] / pairs if pairs else None for kind in (STRICT, LAST_SYLLABLE)},
        "nats": sum(nats) / sum(len(text) + 1 for text in texts),
        "tails": statistics.fmean(tails) if (tails := _tails(texts, scheme)) else None,
        "even": statistics.fmean(n <= SLACK for n in lines),
        "one_keyword": statistics.fmean(n > 0 for n in present),
        "two_keywords": statistics.fmean(n > 1 for n in present),
        "dictionary_words": dictionary_share(texts, dictionary),
    }


def _tails(texts: Sequence[str], scheme: str | None) -> list[bool]:
    lines = [text.split(NEWLINE) for text in texts]
    return [
        bool(_TAIL.search(line))
        for found in lines
        for number, line in enumerate(found)
        if scheme and partner(scheme, number) is not None
    ]


def _kinds(text: str, scheme: str, rhymes: Rhymes) -> list[str]:
    ends = line_ends(text)
    pairs = ((line, partner(scheme, line)) for line in range(len(ends)))
    return [rhymes.kind(ends[line], ends[other]) for line, other in pairs if other is not None]


def _unevenness(writer: LyricsGenerator, text: str) -> list[float]:
    counts = list(map(writer.lexicon.sounds.spoken, text.split(NEWLINE)))
    return [count - statistics.median(counts) for count in counts]
