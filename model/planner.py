"""Draws plans: what each line of a stanza is to say and the word it ends in, before it is written.

A small network over words, learnt from the plans of stanzas that people wrote. Of each line it
chooses the last word first, so that one that has to rhyme does, and then the others in order.
Free of torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.checkpoint import Array, described, load_checkpoint
from model.conditioning import MAX_LINES, STYLES
from model.errors import BadCheckpoint
from model.lexicon import Lexicon
from model.mood import MOODS
from model.plan import MAX_INNER, PRONOUNS, LinePlan, Plan, outline, telling
from model.rhyme import partner

Floats = npt.NDArray[np.float32]

# Ids before those of words: padding, the end of a line, and a word without an id.
PAD, LINE, UNKNOWN = 0, 1, 2
FIRST_WORD = 3
# Keywords that it can be told of.
MAX_TOLD = 8
# Of the plans that are drawn, so many of the likeliest are weighed and given.
WEIGHED = 24
# A first rhyme word leaves so many others to choose from.
_RICH = 4


class Told(NamedTuple):
    """What a step of the planner reads, a row each; 0 for nothing."""

    token: npt.NDArray[np.int64]  # (rows,) the one before
    partner: npt.NDArray[np.int64]  # (rows,) the word that the line has to rhyme with
    waiting: Floats  # (rows, keywords) 1 for each that is not yet planned
    left: npt.NDArray[np.int64]  # (rows,) lines to plan, the one under way included
    slot: npt.NDArray[np.int64]  # (rows,) 0 at a line's last word, then its others


@dataclass(frozen=True)
class Brief:
    """What a stanza is to be planned for.

    Attributes:
        keywords: lemmas of what it is about; at most ``MAX_TOLD`` count.
        style: one of ``conditioning.STYLES``.
        mood: one of ``mood.MOODS``, or None.
        lines: 1 to ``MAX_LINES``.
        scheme: which lines rhyme.
        begun: words that the first line has already.
    """

    keywords: tuple[str, ...]
    style: str
    mood: str | None = None
    lines: int = MAX_LINES
    scheme: str = "AABB"
    begun: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A plan that may be followed.

    Attributes:
        plan: its lines.
        nats: negative log-likelihood of its words, on average.
        gain: how many nats a word it is likelier with the keywords than without any; chance where a
            person had it.
        syllables: of each line where a person had it, else none.
        lines: what it is the plan of where a person had it, else none.
        worth: what it is worth to follow it, less what the best one is worth, in nats a word.
    """

    plan: Plan
    nats: float
    gain: float = 0.0
    syllables: tuple[int, ...] = ()
    lines: tuple[str, ...] = ()
    worth: float = 0.0

    @property
    def text(self) -> tuple[str, ...]:
        """The lines that it is the plan of, or its words."""
        return self.lines or outline(self.plan)


class Planner:
    """Draws plans by a network's weights.

    Args:
        weights: of ``training.loops.planner.PlannerNet``, by their names there.
        words: what it can plan, in the order of its ids from ``FIRST_WORD``.
        lemmas: keywords that it knows, in the order of their ids from 1.
        lexicon: word table.
    """

    def __init__(
        self, weights: Mapping[str, Array], words: Sequence[str], lemmas: Sequence[str], lexicon: Lexicon
    ) -> None:
        self._weights = {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}
        self._words = list(words)
        self._ids = {word: number for number, word in enumerate(words, start=FIRST_WORD)}
        self._lemmas = {lemma: number for number, lemma in enumerate(lemmas, start=1)}
        self._lexicon = lexicon
        self._below = np.ascontiguousarray(self._weights["lstm.weight_ih_l0"].T)
        self._own = np.ascontiguousarray(self._weights["lstm.weight_hh_l0"].T)
        self._bias = self._weights["lstm.bias_ih_l0"] + self._weights["lstm.bias_hh_l0"]
        self._out = np.ascontiguousarray((self._weights["token.weight"] @ self._weights["output.weight"]).T)
        self._classes: dict[str, list[int]] = {}
        for word, number in self._ids.items():
            for sound in lexicon.sounds.classes(word):
                self._classes.setdefault(sound, []).append(number)
        self._lemma_of = ["", "", "", *(lexicon.lemma(word) for word in words)]
        numbers = {lemma: number for number, lemma in enumerate(sorted(set(self._lemma_of)), start=1)}
        # Words of a lemma have a number; who acts, what only binds others, and what is no word, has none.
        may_come_again = {"", *PRONOUNS, *(word for word in words if not telling(word))}
        self._kin = np.array([0 if w in may_come_again else numbers[w] for w in self._lemma_of])
        self._rhymes: dict[int, npt.NDArray[np.int64]] = {}

    @classmethod
    def load(cls, path: Path, lexicon: Lexicon) -> Planner:
        """The planner that a checkpoint holds.

        Raises:
            BadCheckpoint: it is missing or damaged.
        """
        checkpoint = load_checkpoint(path, "planner")
        with described(path):
            words, lemmas = checkpoint.header["words"], checkpoint.header["lemmas"]
            if len(checkpoint.arrays["token.weight"]) != FIRST_WORD + len(words):
                raise BadCheckpoint(f"The checkpoint {path} does not fit the network its header names.")
            return cls(checkpoint.arrays, words, lemmas, lexicon)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def knows(self, keyword: str) -> bool:
        """Whether it can be told of a lemma."""
        return keyword in self._lemmas

    def draw(
        self,
        brief: Brief,
        count: int,
        temperature: float,
        random: np.random.Generator,
        barred: frozenset[str] = frozenset(),
    ) -> list[Draft]:
        """The likeliest ``WEIGHED`` of the plans drawn, the likeliest first; equal ones are there once.

        Args:
            brief: what for.
            count: how many to draw.
            temperature: of words.
            random: decides the draws.
            barred: words that no plan may have.
        """
        return self._drafts(_Drawing(self, brief, count, barred, (), ""), temperature, random)

    def draw_line(
        self,
        brief: Brief,
        before: Plan,
        rhyme: str,
        count: int,
        temperature: float,
        random: np.random.Generator,
        barred: frozenset[str] = frozenset(),
    ) -> list[Draft]:
        """Plans of one more line, as ``draw`` gives them; each has that line alone.

        Args:
            brief: what for; its lines are those of the whole stanza.
            before: the lines that are there, as they are.
            rhyme: what it has to rhyme with beside them, "" for nothing.
            count: how many to draw.
            temperature: of words.
            random: decides the draws.
            barred: words that no plan may have.
        """
        drawing = _Drawing(self, brief, count, barred, before, rhyme)
        drafts: dict[Plan, Draft] = {}
        for draft in self._drafts(drawing, temperature, random):
            line = draft.plan[len(before) : len(before) + 1]
            drafts.setdefault(line, replace(draft, plan=line))
        return list(drafts.values())

    def _drafts(self, drawing: _Drawing, temperature: float, random: np.random.Generator) -> list[Draft]:
        """Draw plans, and weigh the likeliest of them."""
        tokens, nats = drawing.run(temperature, random)
        distinct = {plan: row for row, plan in reversed(list(enumerate(drawing.plans(tokens))))}
        rows = sorted(distinct.values(), key=lambda row: (nats[row], row))[:WEIGHED]
        free = drawing.losses(tokens[rows])
        plans = {row: plan for plan, row in distinct.items()}
        return [
            Draft(plans[row], nats[row], other - nats[row]) for row, other in zip(rows, free, strict=True)
        ]

    def _tokens(self, plan: Plan) -> list[int]:
        """The tokens of lines; words that it can't plan are left out, but for last ones."""
        found = []
        for line in plan:
            found.append(self._ids.get(line.end, UNKNOWN))
            found += [self._ids[word] for word in line.inner if word in self._ids]
            found.append(LINE)
        return found

    @cached_property
    def _rich(self) -> npt.NDArray[np.bool_]:
        """Which tokens have rhymes enough; found when a plan is drawn, which most songs do without."""
        return np.array([False] * FIRST_WORD + [len(self._rhyming(n)) >= _RICH for n in self._ids.values()])

    def _rhyming(self, token: int) -> npt.NDArray[np.int64]:
        """Ids of the words that rhyme strictly with one."""
        if token not in self._rhymes:
            word = self._words[token - FIRST_WORD]
            sounds = self._lexicon.sounds
            near = {number for sound in sounds.classes(word) for number in self._classes.get(sound, ())}
            kept = [n for n in sorted(near) if sounds.rhyme(word, self._words[n - FIRST_WORD])]
            self._rhymes[token] = np.array(kept, dtype=np.int64)
        return self._rhymes[token]

    def _step(self, told: Told, constant: Floats, keywords: Floats, state: tuple[Floats, Floats]) -> Floats:
        """Logits (rows, tokens); the state (rows, hidden) twice is replaced in place."""
        weights = self._weights
        form = weights["left.weight"][told.left] + weights["slot.weight"][told.slot]
        token, other = weights["token.weight"][told.token], weights["token.weight"][told.partner]
        other = other * (told.partner != PAD)[:, None]
        inputs = np.concatenate(
            [token, other, told.waiting @ keywords, constant[: len(form)], form], axis=1, dtype=np.float32
        )
        hidden, memory = state
        gates = inputs @ self._below + hidden @ self._own + self._bias
        size = hidden.shape[1]
        input_gate, forget_gate, out = (_sigmoid(gates[:, n * size : (n + 1) * size]) for n in (0, 1, 3))
        memory[:] = forget_gate * memory + input_gate * np.tanh(gates[:, 2 * size : 3 * size])
        hidden[:] = out * np.tanh(memory)
        logits: Floats = hidden @ self._out + weights["bias"]
        return logits


class _Drawing:
    """Plans of one brief as they grow, a row each."""

    def __init__(
        self, planner: Planner, brief: Brief, count: int, barred: frozenset[str], before: Plan, rhyme: str
    ) -> None:
        self.planner, self.brief, self.count = planner, brief, count
        self.given, self.rhyme = planner._tokens(before), planner._ids.get(rhyme, PAD)
        # With lines before, one more is drawn, else all.
        self.lines = len(before) + 1 if before or rhyme else brief.lines
        self.keywords = [word for word in brief.keywords if planner.knows(word)][:MAX_TOLD]
        ids = [planner._lemmas[word] for word in self.keywords] or [0]
        weights = planner._weights
        self.vectors = weights["keyword.weight"][ids]
        mood = 1 + MOODS.index(brief.mood) if brief.mood else 0
        self.form = weights["mood.weight"][mood] + weights["style.weight"][1 + STYLES.index(brief.style)]
        self.allowed = np.array([False] * FIRST_WORD + [word not in barred for word in planner._ids])

    def run(
        self, temperature: float, random: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], list[float]]:
        """Draw (rows, steps) tokens: for each line its last word, its others and ``LINE``.

        Returns:
            the tokens, and each row's mean negative log-likelihood at temperature 1.
        """
        steps = len(self.given) + self.lines * (MAX_INNER + 2)
        tokens = np.zeros((self.count, steps), dtype=np.int64)
        nats, drawn = np.zeros(self.count), np.zeros(self.count)
        self._begin(self.count, asked=True)
        everybody = np.arange(self.count)
        for step in range(steps):
            alive = np.flatnonzero(self.line < self.lines)
            if not len(alive):
                break
            logits = self._logits(alive)
            if step < len(self.given):
                tokens[:, step] = self.given[step]
                self._take_in(everybody, tokens[:, step])
                continue
            chosen = self._chosen(alive, logits, temperature, random)
            tokens[alive, step] = chosen
            nats[alive] += _losses(logits, chosen)
            drawn[alive] += 1
            self._take_in(alive, chosen)
        mean: list[float] = (nats / np.maximum(1, drawn)).tolist()
        return tokens, mean

    def _chosen(
        self, alive: npt.NDArray[np.int64], logits: Floats, temperature: float, random: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        possible = np.stack([self._possible(row) for row in alive])
        masked = np.where(possible, logits, np.float32(-np.inf))
        weights = np.exp((masked - masked.max(1, keepdims=True)) / np.float32(temperature))
        cumulative = weights.cumsum(1, dtype=np.float64)
        marks = random.random(self.count)[alive] * cumulative[:, -1]
        found: npt.NDArray[np.int64] = (cumulative <= marks[:, None]).sum(1)
        return found

    def losses(self, tokens: npt.NDArray[np.int64]) -> list[float]:
        """Mean negative log-likelihood of each row's drawn tokens, told of no keyword."""
        self._begin(len(tokens), asked=False)
        nats = np.zeros(len(tokens))
        for step in range(tokens.shape[1]):
            alive = np.flatnonzero(tokens[:, step] != PAD)
            if not len(alive):
                break
            logits, chosen = self._logits(alive), tokens[alive, step]
            if step >= len(self.given):
                nats[alive] += _losses(logits, chosen)
            self._go_on(alive, chosen)
        drawn = (tokens[:, len(self.given) :] != PAD).sum(1)
        mean: list[float] = (nats / np.maximum(1, drawn)).tolist()
        return mean

    def plans(self, tokens: npt.NDArray[np.int64]) -> list[Plan]:
        """The plans that tokens stand for."""
        return [self._plan(row) for row in tokens.tolist()]

    def _plan(self, row: Sequence[int]) -> Plan:
        lines: list[list[str]] = [[]]
        for token in row:
            if token == LINE:
                lines.append([])
            elif token != PAD:
                lines[-1].append(self.planner._words[token - FIRST_WORD] if token >= FIRST_WORD else "")
        return tuple(LinePlan(tuple(words[1:]), words[0]) for words in lines if words)

    def _begin(self, rows: int, asked: bool) -> None:
        hidden = self.planner._own.shape[0]
        self.state = [np.zeros((rows, hidden), dtype=np.float32) for _ in range(2)]
        self.token, self.line, self.slot = (np.zeros(rows, dtype=np.int64) for _ in range(3))
        self.waiting = np.full((rows, len(self.vectors)), float(bool(self.keywords) and asked), np.float32)
        whole = self.vectors.sum(0) * float(bool(self.keywords) and asked)
        self.constant = np.tile(np.concatenate([whole, self.form]).astype(np.float32), (rows, 1))
        self.ends = np.zeros((rows, MAX_LINES), dtype=np.int64)
        self.said = np.zeros((rows, len(self.planner._kin)), dtype=bool)

    def _partner(self, row: int) -> int:
        line = int(self.line[row])
        other = partner(self.brief.scheme, line)
        if other is None:
            return self.rhyme if self.rhyme and line == self.lines - 1 else PAD
        return int(self.ends[row, other])

    def _logits(self, alive: npt.NDArray[np.int64]) -> Floats:
        others = np.array([self._partner(row) for row in alive])
        told = Told(
            self.token[alive],
            others,
            self.waiting[alive],
            self.brief.lines - self.line[alive],
            self.slot[alive],
        )
        hidden, memory = (part[alive] for part in self.state)
        logits = self.planner._step(told, self.constant, self.vectors, (hidden, memory))
        self.state[0][alive], self.state[1][alive] = hidden, memory
        return logits

    def _possible(self, row: int) -> npt.NDArray[np.bool_]:
        """Tokens that may come next; a request that none of them meets is let go."""
        slot = int(self.slot[row])
        allowed = self.allowed.copy()
        allowed[LINE] = slot > 0
        if slot > MAX_INNER:
            allowed[:LINE], allowed[LINE + 1 :] = False, False
        for wanted in ([self._last_words(row)] if slot == 0 else []) + [~self.said[row]]:
            if (allowed & wanted).any():
                allowed &= wanted
        if not allowed.any():
            allowed[LINE] = True
        return allowed

    def _last_words(self, row: int) -> npt.NDArray[np.bool_]:
        """Those that rhyme where that is asked for, or that leave a choice of rhymes."""
        planner, other = self.planner, self._partner(row)
        rhymes = planner._rhyming(other) if other else ()
        if len(rhymes):
            wanted = np.zeros(len(self.allowed), dtype=bool)
            wanted[rhymes] = True
            return wanted
        return planner._rich if self._leads(row) else self.allowed

    def _leads(self, row: int) -> bool:
        scheme, line = self.brief.scheme, int(self.line[row])
        return any(partner(scheme, later) == line for later in range(line + 1, self.brief.lines))

    def _take_in(self, alive: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64]) -> None:
        """Go on, and remember what is said."""
        self._go_on(alive, chosen)
        for row, token in zip(alive.tolist(), chosen.tolist(), strict=True):
            # What is said does not come back in another form, but for who acts.
            if kin := self.planner._kin[token]:
                self.said[row] |= self.planner._kin == kin

    def _go_on(self, alive: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64]) -> None:
        for row, token in zip(alive.tolist(), chosen.tolist(), strict=True):
            if token == LINE:
                self.line[row] += 1
                self.slot[row] = 0
            else:
                if self.slot[row] == 0:
                    self.ends[row, self.line[row]] = token if token >= FIRST_WORD else PAD
                self.slot[row] += 1
                lemma = self.planner._lemma_of[token]
                if lemma in self.keywords:
                    self.waiting[row, self.keywords.index(lemma)] = 0.0
            self.token[row] = token


def _losses(logits: Floats, chosen: npt.NDArray[np.int64]) -> Floats:
    """Negative log-likelihood of one token a row."""
    most = logits.max(1)
    normal = most + np.log(np.exp(logits - most[:, None]).sum(1))
    found: Floats = normal - logits[np.arange(len(chosen)), chosen]
    return found


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)), dtype=np.float32)
