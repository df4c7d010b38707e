"""Which of several candidate stanzas is the best, by a score that can be explained."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise

from model.agreement import strangers
from model.decoding import Sample
from model.keywords import STOPWORDS, used
from model.lexicon import Lexicon
from model.mood import leaning
from model.plan import Plan, telling
from model.rhyme import FREE, last_word, partner
from model.text import NEWLINE, words

# A last word should be so many nats likelier where it stands than anywhere, the mark behind it
# included. In songs half of them are not: models are surprised by people. Of what is far below
# enough is said.
EXPECTED = 1.0
_WORST = 4.0
# Log-odds beyond this say no more.
_SURE = 10.0
# Nats of the word that songs sing most, "day" (see ``Lexicon.rarity``), and of those that are rare
# enough: "lamp", "apple".
_COMMON, _RARE = 6.0, 10.0


@dataclass(frozen=True)
class Weights:
    """What each part of the score counts; a checkpoint's header may have its own.

    Every part is a weight times what was counted, so that weights can be learnt from ratings.

    Attributes:
        fluency: times the mean log-likelihood of the characters where a plan says what they are to
            say, and how likely they are stands for how well that is put. Elsewhere it stands for how common
            the words are, and counts once.
        keyword: for the first keyword used; each further one counts half of the one before.
        plan: times the share of the words planned for its lines, and of the telling words that they
            have, that are both.
        promise: for each nat a word by which the plan was found to be worth less than the best one.
        stranger: for each "he", "her" or "them" of a planned stanza that stands for nobody named before.
        sense: for each nat of the reader's log-odds that a person wrote it of these keywords.
        rhyme: times the share of the scheme's pairs that rhyme.
        mood: times how much more words of the mood there are than of the others.
        uneven: for each syllable by which the lines differ from what was asked, on average.
        ending: for each nat by which a line's last word is less likely than expected, on average.
        novelty: for each nat by which its words are rarer in the songs than the commonest, on average.
        repetition: times the share of repeated words and word pairs beyond a song's own.
        echo: for each content word said again in its line, and each last word of an earlier line.
        opening: for each line that begins with the same word as an earlier one.
        unknown: times the share of words that the lexicon does not know.
        unfinished: where a limit cut the stanza off.
        missing_line: for each line short of those asked for.
    """

    fluency: float = 24.0
    keyword: float = 1.00
    plan: float = 3.0
    promise: float = 2.0
    stranger: float = 0.40
    sense: float = 0.30
    rhyme: float = 0.30
    mood: float = 0.20
    uneven: float = 0.02
    ending: float = 0.30
    novelty: float = 0.03
    repetition: float = 1.0
    echo: float = 0.10
    opening: float = 0.15
    unknown: float = 2.0
    unfinished: float = 2.0
    missing_line: float = 0.15


@dataclass(frozen=True)
class Score:
    """A candidate's score, higher is better, as its parts."""

    likelihood: float
    keywords: float
    plan: float
    sense: float
    rhyme: float
    mood: float
    evenness: float
    endings: float
    novelty: float
    repetition: float
    unknown: float
    form: float

    @property
    def parts(self) -> dict[str, float]:
        return asdict(self)

    @property
    def total(self) -> float:
        return sum(self.parts.values())


@dataclass(frozen=True)
class Candidate:
    """A stanza that was in the running.

    Attributes:
        text: folded.
        score: higher is better.
        ended: the generator ended it; otherwise it met a limit.
        plan: what its lines were to say, or nothing.
        nats: mean negative log-likelihood a drawn symbol.
    """

    text: str
    score: Score
    ended: bool
    plan: Plan = ()
    nats: float = 0.0


@dataclass(frozen=True)
class Scorer:
    """What a stanza is scored against.

    Attributes:
        keywords: lemmas it should use.
        lines: how many were asked for.
        lexicon: word table.
        mood: one of ``mood.MOODS``, or None for any.
        scheme: one of ``rhyme.SCHEMES``.
        syllables: of each line, or none.
        weights: what each part counts.
        plan: what its lines are to say, or nothing.
        worth: of the plan, less the best one's, in nats a word.
    """

    keywords: Sequence[str]
    lines: int
    lexicon: Lexicon
    mood: str | None = None
    scheme: str = FREE
    syllables: Sequence[int] = ()
    weights: Weights = field(default_factory=Weights)
    plan: Plan = ()
    worth: float = 0.0

    def score(self, candidate: Sample, sense: float = 0.0) -> Score:
        """Score one candidate, finished or not.

        Keywords count as much as there is of the stanza, and only as many as are due by then: they
        need not all stand in line one.

        Args:
            candidate: a drawn text.
            sense: the reader's log-odds for it, 0 where there is none.
        """
        text, weights = candidate.text, self.weights
        found, lines = words(text), text.strip(NEWLINE).split(NEWLINE)
        over = candidate.ended or candidate.cut
        share = 1.0 if over else min(1.0, len(lines) / self.lines)
        present = len(used(self.keywords, text, self.lexicon))
        due = math.ceil(len(self.keywords) * share)
        short = max(0, self.lines - len(lines)) if over else 0
        return Score(
            likelihood=-(weights.fluency if self.plan else 1.0) * candidate.nats,
            keywords=weights.keyword * share * sum(0.5**n for n in range(min(present, due))),
            plan=weights.plan * self._followed(lines)
            + weights.promise * self.worth
            - weights.stranger * self._strangers(found),
            sense=weights.sense * max(-_SURE, min(_SURE, sense)),
            rhyme=weights.rhyme * self._rhymed(lines),
            mood=weights.mood * leaning(text, self.mood, self.lexicon) if self.mood else 0.0,
            evenness=-weights.uneven * self._uneven(lines),
            endings=-weights.ending * self._unexpected(candidate.endings),
            novelty=weights.novelty * self._rarity(found),
            repetition=-weights.repetition * repetition(found)
            - weights.echo * self._echoes(lines)
            - weights.opening * _same_openings(lines),
            unknown=-weights.unknown * unknown_share(found, self.lexicon),
            form=-weights.unfinished * candidate.cut - weights.missing_line * short,
        )

    def _followed(self, lines: Sequence[str]) -> float:
        """Planned words of the lines that are there, as a share of all that were planned for them or that
        tell something: 1 where lines say what was planned and nothing else.
        """
        kept = told = 0
        for line, plan in zip(lines, self.plan, strict=False):
            planned = {word for word in (*plan.inner, plan.end) if word}
            found = set(words(line))
            kept += len(planned & found)
            told += len(planned | set(filter(telling, found)))
        return kept / told if told else 0.0

    def _strangers(self, found: Sequence[str]) -> int:
        return strangers(found, self.lexicon) if self.plan else 0

    def _rhymed(self, lines: Sequence[str]) -> float:
        """Pairs of the scheme that rhyme, as a share of all of them."""
        numbers = range(self.lines)
        pairs = [(line, other) for line in numbers if (other := partner(self.scheme, line)) is not None]
        ends = [last_word(line) for line in lines]
        rhymed = [line for line, other in pairs if line < len(ends) and self._rhyme(ends[line], ends[other])]
        return len(rhymed) / len(pairs) if pairs else 0.0

    def _rhyme(self, one: str, other: str) -> bool:
        return self.lexicon.sounds.rhyme(one, other)

    def _unexpected(self, endings: Sequence[tuple[str, float]]) -> float:
        """Nats by which last words fall short of ``EXPECTED``, on average.

        How likely a word is says little alone: "lamp" is rare wherever it stands. What counts is
        how much likelier than elsewhere, its pointwise mutual information with what is before
        (Church and Hanks, Computational Linguistics 16, 1990).
        """
        gained = [self.lexicon.rarity(word.strip("'")) - nats for word, nats in endings]
        short = [min(_WORST, max(0.0, EXPECTED - nats)) for nats in gained]
        return sum(short) / len(short) if short else 0.0

    def _rarity(self, found: Sequence[str]) -> float:
        """Of the content words that were not asked for, each once."""
        asked = {form for keyword in self.keywords for form in self.lexicon.forms(keyword)}
        content = set(found) - STOPWORDS - asked
        nats = [min(_RARE, self.lexicon.rarity(word)) - _COMMON for word in sorted(content)]
        return sum(nats) / len(nats) if nats else 0.0

    def _echoes(self, lines: Sequence[str]) -> int:
        lemmas = [[self.lexicon.lemma(word) for word in words(line)] for line in lines]
        within = (_repeated([lemma for lemma in line if lemma not in STOPWORDS]) for line in lemmas)
        return sum(within) + _repeated([line[-1] for line in lemmas if line])

    def _uneven(self, lines: Sequence[str]) -> float:
        asked = zip(map(self.lexicon.sounds.spoken, lines), self.syllables, strict=False)
        differences = [abs(count - syllables) for count, syllables in asked if syllables]
        return sum(differences) / len(differences) if differences else 0.0


def repetition(found: Sequence[str]) -> float:
    """Share of word pairs that occurred before in the stanza, plus a third of that of words.

    Songs repeat little words and refrains: the first tenth is free.
    """
    if not found:
        return 0.0
    pairs = list(pairwise(found))
    again = _repeated(found) / len(found) / 3 + _repeated(pairs) / max(1, len(pairs))
    return max(0.0, again - 0.1)


def _same_openings(lines: Sequence[str]) -> int:
    return _repeated([line.partition(" ")[0] for line in lines])


def unknown_share(found: Sequence[str], lexicon: Lexicon) -> float:
    """Share of words that neither the songs nor the captions have."""
    unknown = [word for word in found if not _known(word, lexicon)]
    return len(unknown) / len(found) if found else 1.0


def _known(word: str, lexicon: Lexicon) -> bool:
    return word in lexicon.entries or all(
        part in lexicon.entries for part in word.replace("'s", "").split("-")
    )


def _repeated(items: Sequence[object]) -> int:
    return sum(count - 1 for count in Counter(items).values())
