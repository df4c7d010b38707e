"""Plans of stanzas that people wrote, for what is near to what those are about.

A plan that a person had holds together as no drawn one does: who is there, what happens, how it ends.
One is taken whole, and words of it give way to the picture's that can stand in their places, and to others
(Hashimoto et al., "A Retrieve-and-Edit Framework", NeurIPS 2018). A line that says something else than its
person did is planned with every word; where none gives way, the generator has to find other little words.
``training.loops.planbook`` makes the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from model.agreement import articled, regendered
from model.checkpoint import Array, described, load_checkpoint
from model.conditioning import MAX_LINES, STYLES
from model.lexicon import Lexicon
from model.mood import MOODS
from model.plan import (
    MAX_INNER,
    PRONOUNS,
    LinePlan,
    Plan,
    outline,
    plan_of,
    planned_words,
    telling,
    whole_line,
)
from model.planner import Brief

KIND = "planbook"
# An adapted plan that has another word than its person in fewer lines is hardly another one.
OTHER_LINES = 2
# Before the ids of words: the end of a line, which is the word before it.
LINE = 0
# Keywords found count by how rare they are, as a share of all that are asked for. By so much a plan of
# the mood that is asked for is nearer, and by about so much chance decides: one picture's words do
# not always meet with the same plan.
_MOOD, _CHANCE = 0.3, 0.08

# What joins a line to the one before, and what sentences begin with.
_LINK, _FIRST_LINK = "and", "now"
_SUBJECTS = PRONOUNS | frozenset(
    "a an the my your his her its our their this that there no each every all one two three some".split()
)
# Steps in which ``nats`` are kept.
NATS = 0.05

Ids = npt.NDArray[np.int64]


class Near(NamedTuple):
    """A person's plan, adapted.

    Attributes:
        plan: its lines; those that have another word than the person had are whole.
        lines: the stanza that it is the plan of: what the person wrote, adapted.
        person: what the person wrote.
        syllables: of each line.
        nats: how unlikely the generator finds it, on average a word: how hard it is to write to.
        liked: whether the person's stanza is especially good.
        joined: of the lines those that are another one only in how they are joined to the one before.
    """

    plan: Plan
    lines: tuple[str, ...]
    person: tuple[str, ...]
    syllables: tuple[int, ...]
    nats: float
    liked: bool
    joined: int

    @property
    def changed(self) -> tuple[bool, ...]:
        """Of each line whether it has another word than the person had."""
        return tuple(line != own for line, own in zip(self.lines, self.person, strict=True))


class PlanBook:
    """Finds and adapts plans; thread-safe.

    Args:
        header: of the checkpoint: ``words``, by id from 1, and ``schemes``.
        arrays: ``tokens``, every word, line by line, each line ended by ``LINE``, ``MAX_LINES`` lines a plan;
            ``forms``, (plans,), see ``form_number``; ``nats``, (plans,), how unlikely the generator finds
            each, in ``NATS`` a word; ``liked``, (plans,), 1 for especially good ones; ``exchanges``,
            (plans, lines, so many, 2), of each line words and others that may take their places, the best
            first, 0 for none; and ``stand_ins``, (words, so many), ids of what may stand in a word's place,
            the surest first.
        lexicon: word table.

    Raises:
        KeyError, ValueError: they do not fit each other.
    """

    def __init__(self, header: dict[str, Any], arrays: dict[str, Array], lexicon: Lexicon) -> None:
        self._words: list[str] = ["", *header["words"].split()]
        self._schemes: list[str] = header["schemes"]
        self._tokens = arrays["tokens"].astype(np.int64)
        self._nats, self._liked = arrays["nats"] * NATS, arrays["liked"]
        rest, self._moods = np.divmod(arrays["forms"], len(MOODS))
        self._styles, self._rhymes = np.divmod(rest, len(self._schemes))
        # Lists of Python's own numbers are gone through faster.
        self._stand_ins, self._exchanges = arrays["stand_ins"].tolist(), arrays["exchanges"]
        self._lexicon = lexicon
        self._ids = {word: number for number, word in enumerate(self._words)}
        self._ends = np.flatnonzero(self._tokens == LINE).reshape(-1, MAX_LINES)
        if len(self._stand_ins) != len(self._words) - 1 or not (
            len(self._ends) == len(self._nats) == len(self._liked) == len(self._exchanges)
        ):
            raise ValueError("not as many plans or words as it says")
        self._lemmas = [lexicon.lemma(word) for word in self._words]
        self._plans_of = self._index()

    @classmethod
    def load(cls, path: Path, lexicon: Lexicon) -> PlanBook:
        """Read a checkpoint.

        Raises:
            BadCheckpoint: it is missing, damaged or of another kind or version.
        """
        checkpoint = load_checkpoint(path, KIND)
        with described(path):
            return cls(checkpoint.header, checkpoint.arrays, lexicon)

    def __len__(self) -> int:
        return len(self._nats)

    def near(self, brief: Brief, count: int, random: np.random.Generator) -> list[Near]:
        """The plans that have most of what is asked for, adapted to the rest, the nearest first.

        Args:
            brief: what for; no plan is near that has none of its keywords.
            count: at most so many.
            random: decides among those that are about as near.
        """
        nearness = self._nearness(brief)
        found = np.flatnonzero(nearness > 0)
        liked = nearness[found] + _CHANCE * random.gumbel(size=len(found))
        if brief.mood:
            liked += _MOOD * (self._moods[found] == MOODS.index(brief.mood))
        order = found[np.argsort(-liked, kind="stable")[:count]]
        return [self._adapted(int(number), brief) for number in order]

    def _nearness(self, brief: Brief) -> npt.NDArray[np.float64]:
        """For each plan the share of the keywords that it has, 0 where its form is another, (plans,)."""
        plans = {word: self._plans_of.get(word, np.zeros(0, np.int64)) for word in brief.keywords}
        weights = {word: np.log(len(self) / (1 + len(found))) for word, found in plans.items()}
        share = np.zeros(len(self))
        for word, found in plans.items():
            share[found] += weights[word] / max(1e-9, sum(weights.values()))
        style, scheme = STYLES.index(brief.style), brief.scheme[: brief.lines]
        schemes = [n for n, other in enumerate(self._schemes) if other[: brief.lines] == scheme]
        fits = (self._styles == style) & np.isin(self._rhymes, schemes)
        return np.where(fits, share, 0.0)

    def _adapted(self, number: int, brief: Brief) -> Near:
        own = self._plan(number)[: brief.lines]
        plan = own
        for keyword in brief.keywords:
            plan = self._with(plan, keyword, brief.keywords)
        for line, exchanges in enumerate(self._exchanges[number, : len(own)].tolist()):
            for exchange in exchanges:
                if plan[line] == own[line]:
                    plan = self._saying_else(plan, line, exchange, brief.keywords)
        joined = 0
        for line in range(len(own)):
            if plan[line] == own[line]:
                plan = _with_line(plan, line, relinked(plan, line))
                joined += plan[line] != own[line]
        lines = tuple(" ".join(articled(line.split())) for line in outline(plan))
        person = outline(own)
        kept = tuple(
            usual if line == said else whole_line(line)
            for line, said, usual in zip(lines, person, plan_of(lines), strict=True)
        )
        syllables = tuple(map(self._lexicon.sounds.spoken, lines))
        liked = bool(self._liked[number])
        return Near(kept, lines, person, syllables, float(self._nats[number]), liked, joined)

    def _saying_else(self, plan: Plan, line: int, exchange: Sequence[int], keywords: Sequence[str]) -> Plan:
        """The plan with the exchange of one of its lines, where it fits what else is said."""
        old, new = (self._words[number] for number in exchange)
        if not old or self._lexicon.lemma(old) in keywords:
            return plan
        said = {self._lexicon.lemma(word) for word in planned_words(plan) if telling(word)}
        if self._lexicon.lemma(new) in said:
            return plan
        inner = tuple(new if word == old else word for word in plan[line].inner)
        return _with_line(plan, line, LinePlan(inner, plan[line].end))

    def _plan(self, number: int) -> Plan:
        """Every word of a person's lines."""
        begin = 0 if number == 0 else int(self._ends[number - 1, -1]) + 1
        lines = []
        for end in self._ends[number]:
            words = [self._words[token] for token in self._tokens[begin:end]]
            lines.append(LinePlan(tuple(words[:-1]), words[-1]))
            begin = int(end) + 1
        return tuple(lines)

    def _with(self, plan: Plan, keyword: str, keywords: Sequence[str]) -> Plan:
        """The plan with a keyword in the place of the word that it can best stand for, if there is one.

        Last words stay, for their rhymes.
        """
        said = {self._lexicon.lemma(word) for word in planned_words(plan)}
        if keyword in said:
            return plan
        forms = {self._ids[form] for form in self._lexicon.forms(keyword) if form in self._ids}
        places = []
        for word in (word for line in plan for word in line.inner):
            if self._lexicon.lemma(word) in keywords:
                continue
            for rank, other in enumerate(self._stand_ins[self._ids[word] - 1] if word in self._ids else ()):
                if other in forms:
                    places.append((rank, word, self._words[other]))
        # Of those that are as good the first one.
        for _, old, new in sorted(places, key=lambda place: place[0]):
            if (changed := exchanged(plan, old, new)) is not None:
                return changed
        return plan

    def _index(self) -> dict[str, Ids]:
        """Lemma -> the plans that have it, in order."""
        numbers = {lemma: number for number, lemma in enumerate(dict.fromkeys(self._lemmas))}
        of_word = np.array([numbers[lemma] for lemma in self._lemmas])
        plans = np.searchsorted(self._ends[:, -1], np.arange(len(self._tokens)))
        pairs = np.sort(of_word[self._tokens] * np.int64(len(self)) + plans)
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        lemmas, plans = np.divmod(pairs, max(1, len(self)))
        starts = np.searchsorted(lemmas, np.arange(len(numbers) + 1))
        return {lemma: plans[starts[n] : starts[n + 1]] for lemma, n in numbers.items() if lemma}


def form_number(style: str, scheme: int, mood: str, schemes: int) -> int:
    """A plan's style, scheme (by number, of so many) and mood in one number."""
    return (STYLES.index(style) * schemes + scheme) * len(MOODS) + MOODS.index(mood)


def _with_line(plan: Plan, line: int, other: LinePlan) -> Plan:
    """A plan with another one in a line's place."""
    return (*plan[:line], other, *plan[line + 1 :])


def relinked(plan: Plan, line: int) -> LinePlan:
    """A line without the "and" that it begins with, or with one; as it is where neither would do.

    Only what begins with a subject is a sentence with and without. No two lines in a row are joined, and the
    first one begins with "now".
    """
    inner, end = plan[line]
    said, beside = (*inner, end), {one.inner[0] for one in plan[max(0, line - 1) : line + 2] if one.inner}
    if line and len(said) > 2 and said[0] == _LINK and said[1] in _SUBJECTS:
        return LinePlan(inner[1:], end)
    link = _LINK if line else _FIRST_LINK
    if link not in beside and said[0] in _SUBJECTS and len(said) <= MAX_INNER:
        return LinePlan((link, *inner), end)
    return plan[line]


def exchanged(plan: Plan, old: str, new: str) -> Plan | None:
    """A plan with another word in every place but the last ones; its pronouns follow a person.

    None where they cannot, or where a line ends in the old word.
    """
    if any(line.end == old for line in plan):
        return None
    changed = tuple(
        LinePlan(tuple(new if word == old else word for word in line.inner), line.end) for line in plan
    )
    return regendered(changed, old, new)
