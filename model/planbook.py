"""Plans of stanzas that people wrote, for what is near to what those are about.

A plan that a person had holds together as no drawn one does: who is there, what happens, how it ends.
One is taken whole, and a word of it gives way to one of the picture's that can stand in its place
(Hashimoto et al., "A Retrieve-and-Edit Framework", NeurIPS 2018). ``training.loops.planbook`` makes the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from model.agreement import regendered
from model.checkpoint import Array, described, load_checkpoint
from model.conditioning import MAX_LINES, STYLES
from model.lexicon import Lexicon
from model.mood import MOODS
from model.plan import LinePlan, Plan, outline, planned_words
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

# Steps in which ``nats`` are kept.
NATS = 0.05

Ids = npt.NDArray[np.int64]


class Near(NamedTuple):
    """A person's plan, adapted.

    Attributes:
        plan: its lines.
        syllables: of each line.
        nats: how unlikely the planner found it, on average a word: how hard it is to write to.
        changed: lines that have another word than the person had.
    """

    plan: Plan
    syllables: tuple[int, ...]
    nats: float
    changed: int


class PlanBook:
    """Finds and adapts plans; thread-safe.

    Args:
        header: of the checkpoint: ``words``, by id from 1, and ``schemes``.
        arrays: ``tokens``, line by line, each line ended by ``LINE``, ``MAX_LINES`` lines a plan;
            ``syllables``, (plans, lines); ``forms``, (plans,), see ``form_number``; ``nats``, (plans,), how
            unlikely the planner finds each, in ``NATS`` a word; ``exchanges``, (plans, lines, 2, 2), of each
            line a word and a close one that may take its place, and a word and another one, 0 for none; and
            ``stand_ins``, (words, so many), ids of what can stand in a word's place, the likest first.
        lexicon: word table.

    Raises:
        KeyError, ValueError: they do not fit each other.
    """

    def __init__(self, header: dict[str, Any], arrays: dict[str, Array], lexicon: Lexicon) -> None:
        self._words: list[str] = ["", *header["words"].split()]
        self._schemes: list[str] = header["schemes"]
        self._tokens = arrays["tokens"].astype(np.int64)
        self._syllables, self._nats = arrays["syllables"], arrays["nats"] * NATS
        rest, self._moods = np.divmod(arrays["forms"], len(MOODS))
        self._styles, self._rhymes = np.divmod(rest, len(self._schemes))
        self._stand_ins, self._exchanges = arrays["stand_ins"], arrays["exchanges"]
        self._lexicon = lexicon
        self._ids = {word: number for number, word in enumerate(self._words)}
        self._ends = np.flatnonzero(self._tokens == LINE).reshape(-1, MAX_LINES)
        if len(self._stand_ins) != len(self._words) - 1 or not (
            len(self._ends) == len(self._nats) == len(self._exchanges)
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
        spoken = self._lexicon.sounds.spoken
        counts = self._syllables[number, : len(own)].tolist()
        before = [spoken(line) for line in outline(own)]
        for line, (close, other) in enumerate(self._exchanges[number, : len(own)]):
            if plan[line] == own[line]:
                plan = self._saying_else(plan, line, close, brief.keywords)
            # A line that leaves nothing open could only be what its person wrote.
            closed = before[line] >= counts[line]
            if plan[line] == own[line] and (closed or _changed(own, plan) < OTHER_LINES):
                plan = self._saying_else(plan, line, other, brief.keywords)
        after = [spoken(line) for line in outline(plan)]
        syllables = tuple(n + new - old for n, new, old in zip(counts, after, before, strict=True))
        return Near(plan, syllables, float(self._nats[number]), _changed(own, plan))

    def _saying_else(self, plan: Plan, line: int, exchange: Array, keywords: Sequence[str]) -> Plan:
        """The plan with the exchange of one of its lines, where it fits what else is said."""
        old, new = (self._words[number] for number in exchange)
        said = {self._lexicon.lemma(word) for word in planned_words(plan)}
        if not old or self._lexicon.lemma(old) in keywords or self._lexicon.lemma(new) in said:
            return plan
        inner = tuple(new if word == old else word for word in plan[line].inner)
        return (*plan[:line], LinePlan(inner, plan[line].end), *plan[line + 1 :])

    def _plan(self, number: int) -> Plan:
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
        said = {self._lexicon.lemma(word) for line in plan for word in (*line.inner, line.end)}
        if keyword in said:
            return plan
        forms = {self._ids[form] for form in self._lexicon.forms(keyword) if form in self._ids}
        best: tuple[int, str, str] | None = None
        for word in (word for line in plan for word in line.inner):
            number = self._ids.get(word, LINE)
            if number == LINE or self._lexicon.lemma(word) in keywords:
                continue
            for rank, other in enumerate(self._stand_ins[number - 1]):
                if other in forms and (best is None or rank < best[0]):
                    best = rank, word, self._words[other]
        return plan if best is None else exchanged(plan, best[1], best[2])

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


def _changed(one: Plan, other: Plan) -> int:
    return sum(line != same for line, same in zip(one, other, strict=True))


def form_number(style: str, scheme: int, mood: str, schemes: int) -> int:
    """A plan's style, scheme (by number, of so many) and mood in one number."""
    return (STYLES.index(style) * schemes + scheme) * len(MOODS) + MOODS.index(mood)


def exchanged(plan: Plan, old: str, new: str) -> Plan:
    """A plan with another word in every place but the last ones; its pronouns follow a person."""
    changed = tuple(
        LinePlan(tuple(new if word == old else word for word in line.inner), line.end) for line in plan
    )
    return regendered(changed, old, new)
