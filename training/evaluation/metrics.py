"""Caption metrics by the coco-caption convention, in plain Python.

Papineni et al., ACL 2002 (BLEU); Lin, ACL Workshop 2004 (ROUGE-L); Vedantam, Zitnick and
Parikh, CVPR 2015 (CIDEr-D). Tokens are NLTK's Treebank tokens, lower case, punctuation
dropped, which agree with coco-caption's Java tokenizer on 34,991 of 35,000 captions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

from nltk.tokenize import TreebankWordTokenizer

Tokens = list[str]
Ngrams = Counter[tuple[str, ...]]

MAX_N = 4
# The marks that coco-caption drops. Its brackets are in capitals, so that lower-case ones stay.
PUNCTUATION = frozenset("'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;".split())
_ROUGE_BETA = 1.2
_CIDER_SIGMA = 6.0
# coco-caption's guards against empty counts; part of the convention at nine digits.
_TINY, _SMALL = 1e-15, 1e-9

_treebank = TreebankWordTokenizer()


@cache
def tokenize(caption: str) -> tuple[str, ...]:
    """Caption -> lower-case Treebank tokens without punctuation."""
    tokens = _treebank.tokenize(caption.lower(), convert_parentheses=True)
    return tuple(lower for token in tokens if (lower := token.lower()) not in PUNCTUATION)


def ngrams(tokens: Sequence[str], n: int) -> Ngrams:
    """Counts of the n-grams."""
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def all_ngrams(tokens: Sequence[str]) -> list[Ngrams]:
    """Counts of the n-grams for n = 1..4."""
    return [ngrams(tokens, n) for n in range(1, MAX_N + 1)]


def bleu(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> list[float]:
    """Corpus BLEU-1..4 with the closest reference length (the shorter of two as close)."""
    correct, guessed = [0] * MAX_N, [0] * MAX_N
    length = reference_length = 0
    for candidate, refs in zip(candidates, references, strict=True):
        length += len(candidate)
        reference_length += min((abs(len(r) - len(candidate)), len(r)) for r in refs)[1]
        for n in range(MAX_N):
            counts = ngrams(candidate, n + 1)
            most: Ngrams = Counter()
            for reference in refs:
                most |= ngrams(reference, n + 1)
            correct[n] += sum((counts & most).values())
            guessed[n] += max(0, len(candidate) - n)
    ratio = (length + _TINY) / (reference_length + _SMALL)
    penalty = 1.0 if ratio >= 1 else math.exp(1 - 1 / ratio)
    scores, product = [], 1.0
    for n in range(MAX_N):
        product *= (correct[n] + _TINY) / (guessed[n] + _SMALL)
        scores.append(penalty * product ** (1 / (n + 1)))
    return scores


def rouge_l(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """ROUGE-L of one caption: best precision and best recall over the references."""
    common = [_lcs(candidate, reference) for reference in references]
    precision = max((c / len(candidate) for c in common if candidate), default=0.0)
    recall = max((c / len(r) for c, r in zip(common, references, strict=True) if r), default=0.0)
    if precision == 0 or recall == 0:
        return 0.0
    square = _ROUGE_BETA**2
    return (1 + square) * precision * recall / (recall + square * precision)


class CiderD:
    """CIDEr-D against fixed references.

    Args:
        references: tokenised references a picture. Document frequencies come from them.
    """

    def __init__(self, references: Sequence[Sequence[Sequence[str]]]) -> None:
        counted = [[all_ngrams(reference) for reference in refs] for refs in references]
        self._frequency: Counter[tuple[str, ...]] = Counter()
        for refs in counted:
            self._frequency.update({gram for ref in refs for counts in ref for gram in counts})
        self._log_pictures = math.log(len(references)) if references else 0.0
        self._references = [[self._vector(ref) for ref in refs] for refs in counted]

    def score(self, picture: int, candidate: Sequence[str]) -> float:
        """CIDEr-D (0..10) of a tokenised caption for the picture with that index."""
        return self.scores([picture], candidate)[0]

    def scores(self, pictures: Sequence[int], candidate: Sequence[str]) -> list[float]:
        """CIDEr-D (0..10) of one tokenised caption for each of some pictures."""
        counted = self._vector(all_ngrams(candidate))
        return [self._likeness(picture, counted) for picture in pictures]

    def _likeness(
        self, picture: int, candidate: tuple[list[dict[tuple[str, ...], float]], list[float], int]
    ) -> float:
        vectors, norms, length = candidate
        references = self._references[picture]
        total = 0.0
        for reference, reference_norms, reference_length in references:
            delta = length - reference_length
            likeness = math.exp(-(delta**2) / (2 * _CIDER_SIGMA**2))
            for n in range(MAX_N):
                if norms[n] and reference_norms[n]:
                    other = reference[n]
                    dot = sum(min(v, w) * w for g, v in vectors[n].items() if (w := other.get(g)))
                    total += likeness * dot / (norms[n] * reference_norms[n])
        return 10.0 * total / MAX_N / len(references)

    def _vector(
        self, counts: Sequence[Ngrams]
    ) -> tuple[list[dict[tuple[str, ...], float]], list[float], int]:
        vectors = [
            {g: c * (self._log_pictures - math.log(max(1.0, self._frequency[g]))) for g, c in grams.items()}
            for grams in counts
        ]
        norms = [math.sqrt(sum(v * v for v in vector.values())) for vector in vectors]
        # coco-caption measures length in bigrams.
        return vectors, norms, sum(counts[1].values())


def score_captions(
    candidates: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """BLEU-1..4, ROUGE-L and CIDEr-D of raw captions against raw references, all times 100."""
    names = list(candidates)
    tokens = [tokenize(candidates[name]) for name in names]
    refs = [[tokenize(reference) for reference in references[name]] for name in names]
    cider = CiderD(refs)
    scores = {f"bleu{n}": 100 * value for n, value in enumerate(bleu(tokens, refs), start=1)}
    scores["rouge_l"] = 100 * _mean([rouge_l(c, r) for c, r in zip(tokens, refs, strict=True)])
    scores["cider"] = 100 * _mean([cider.score(i, candidate) for i, candidate in enumerate(tokens)])
    return scores


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _lcs(first: Sequence[str], second: Sequence[str]) -> int:
    row = [0] * (len(second) + 1)
    for token in first:
        above = 0
        for position, other in enumerate(second, start=1):
            above, row[position] = (
                row[position],
                (above + 1 if token == other else max(row[position], row[position - 1])),
            )
    return row[-1]
