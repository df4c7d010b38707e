"""Sampling from a character model: free of torch, so that any backend can serve.

A backend is anything that steps a batch of rows by one symbol and returns logits; every
row has its own state in the backend and its own random generator here, so a row's text
does not depend on its neighbours' draws.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np

from model.conditioning import Conditioning, ConditioningState, State
from model.keywords import MAX_KEYWORDS
from model.plan import MAX_INNER
from model.rules import Mask, Rules
from model.sampling import Floats, Ids, Sampling, draw, log_probabilities, probabilities
from model.text import IN_WORD, NEWLINE
from model.trie import Trie
from model.vocabulary import BOS, EOS, CharVocabulary

Packed = tuple[int, ...]

# Longer lines are prose, in songs as in most verse: training leaves them out, and a line that
# goes on and on is given up.
MAX_LINE = 72
# In training no stanza ends before its keywords are written, so a last line without the last
# keyword goes on and on: after so many characters it is let off.
PATIENCE = 45
# Rows of a job that are gone on with after each line.
SURVIVORS = 4
# Rows that are drawn again among themselves after each word: few enough that a job has
# several such islands, which do not all write the same line.
PARTICLE_GROUP = 8
# Symbols are proposed at this temperature at least. Much lower, and the rows of an island all
# propose the same word; at 1 hardly one proposes a likely word.
PROPOSAL = 0.6
# A word that was asked for costs its row no more than this, in nats at the job's temperature:
# a keyword is rare by its nature.
KEYWORD_COST = 3.0
# The same for a line's first word of the mood that was asked for.
MOOD_COST = 2.0
# A line's last word, and what stands behind it.
_LAST = re.compile("([a-z']+)([^a-z']*)$")


class Context(NamedTuple):
    """What a batch is told beside the symbols: whose wish a row follows, and its ``State``."""

    asked: Ids  # (rows,) which of the steerings
    lines_left: Ids  # (rows,)
    waiting: Floats  # (rows, MAX_KEYWORDS), 0 where fewer were asked for
    written: Ids  # (rows, 2)
    syllables: Ids  # (rows,) one more than are still to come in the line, 0 where none were asked for
    rhyme: Ids  # (rows,) bucket of the class that the line should end in, or 0
    line: Ids  # (rows,) the one under way, MAX_LINES where nothing is planned
    planned: Ids  # (rows, MAX_INNER) 1 for each word of the line's plan that is to come

    @classmethod
    def of(cls, packed: Sequence[Packed]) -> Context:
        """What ``packed`` said of each row."""
        table = np.array(packed)
        asked, left, syllables, rhyme, line = table[:, :5].T
        written, waiting, planned = np.split(table[:, 5:], [2, 2 + MAX_KEYWORDS], axis=1)
        return cls(asked, left, waiting.astype(float), written, syllables, rhyme, line, planned)


def packed(asked: int, state: State) -> Packed:
    """A row's part of a ``Context``, flat."""
    waiting = *state.waiting, *[0] * (MAX_KEYWORDS - len(state.waiting))
    planned = *state.planned, *[0] * (MAX_INNER - len(state.planned))
    numbers = asked, state.lines_left, state.syllables, state.rhyme, state.line
    return (*numbers, *state.written, *waiting, *planned)


class Stepper(Protocol):
    """A batch of independent rows, each with its own recurrent state."""

    def start(self, conditionings: Sequence[Conditioning]) -> list[object]:
        """Forget the steerings of before; return the fresh state of a row of each."""

    def resume(self, states: Sequence[object]) -> None:
        """Go on with one row a state; a state may be named more than once."""

    def step(self, ids: Ids, context: Context) -> Floats:
        """Feed one symbol a row, (rows,), and what is so after it -> logits (rows, symbols)."""

    def states(self, rows: Sequence[int]) -> list[object]:
        """The states of these rows, to come back to with ``resume``."""


@dataclass(frozen=True)
class Sample:
    """One drawn text.

    Attributes:
        text: folded characters, the prime included.
        ended: the model ended it.
        cut: it met a limit before that. A stanza that is neither is still being written.
        nats: mean negative log-likelihood a drawn symbol at temperature 1.
        endings: the last word of each drawn line, and its negative log-likelihood there, with that of
            the symbol behind it, where the model is told of no keyword, length or rhyme.
    """

    text: str
    ended: bool
    cut: bool
    nats: float
    endings: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class SamplingJob:
    """Stanzas to draw for one wish.

    Attributes:
        conditioning: what every stanza is asked to be.
        seeds: a random seed a row.
        sampling: how to draw.
        prompt: folded text that every stanza starts with.
        rules: what may be written; None for anything.
        stop: a stanza is over after so many lines, though more were asked for; 0 for never.
    """

    conditioning: Conditioning
    seeds: Sequence[int]
    sampling: Sampling = field(default_factory=Sampling)
    prompt: str = ""
    rules: Rules | None = None
    stop: int = 0


# Scores of stanzas, finished or not; higher is better.
Rate = Callable[[Sequence[Sample]], Sequence[float]]


def sample(stepper: Stepper, vocabulary: CharVocabulary, job: SamplingJob) -> list[Sample]:
    """Draw one text a seed in one batch, each on its own, in the order of the seeds."""
    drawing = _Drawing(stepper, vocabulary)
    [rows] = drawing.begin([job])
    drawing.draw(rows)
    return [row.sample for row in rows]


def compose(
    stepper: Stepper, vocabulary: CharVocabulary, jobs: Sequence[tuple[SamplingJob, Rate]]
) -> list[list[Sample]]:
    """Draw word by word and line by line.

    The temperature is that of words. Divided logits of characters at 0.4 favour the commonest
    beginnings ("st...") over the likeliest words, because a beginning has the probability of
    all words that share it. So characters are proposed at a higher temperature, and after each
    word the rows of an island are drawn again with weights that make the words come with
    ``p(word) ** (1 / temperature)``: sequential Monte Carlo (Doucet, de Freitas and Gordon,
    2001; for language models Lew et al., 2023).

    After each line a job's best rows replace its others. A stanza is only as good as its worst
    line. Among many whole stanzas hardly one has four good lines; among as many continuations of
    a good beginning several are good.

    Args:
        stepper: the model.
        vocabulary: its symbols.
        jobs: all drawn in one batch; a job's stanzas do not depend on the others.

    Returns:
        for each job its last candidates, at most one a seed, the best first.
    """
    drawing = _Drawing(stepper, vocabulary)
    batch = [_islands(rows) for rows in drawing.begin([job for job, _ in jobs])]
    while True:
        islands = [island for islands in batch for island in islands]
        writing = [row for island in islands for row in island if not row.over]
        drawing.draw_lines(islands)
        drawing.weigh_endings(writing)
        ranked = [_ranked(islands, rate) for islands, (_, rate) in zip(batch, jobs, strict=True)]
        if all(row.over for rows in ranked for row in rows):
            return [[row.sample for row in rows] for rows in ranked]
        batch = [_branch(rows) for rows in ranked]


def _islands(rows: Sequence[_Row]) -> list[list[_Row]]:
    islands = [list(rows[start : start + PARTICLE_GROUP]) for start in range(0, len(rows), PARTICLE_GROUP)]
    for island in islands:
        for row in island:
            # Too few rows to choose among: they draw at the temperature itself.
            row.propose(PROPOSAL if len(island) == PARTICLE_GROUP else 0)
    return islands


def _ranked(islands: Sequence[Sequence[_Row]], rate: Rate) -> list[_Row]:
    rows = [row for island in islands for row in island]
    scores = rate([row.sample for row in rows])
    return [rows[number] for number in sorted(range(len(rows)), key=lambda number: -scores[number])]


def _branch(ranked: Sequence[_Row]) -> list[list[_Row]]:
    """As many rows as before: the best that are over, and islands that go on with the best others."""
    if all(row.over for row in ranked):
        return [list(ranked)]
    distinct: dict[str, _Row] = {}
    for row in ranked:
        if not row.dead:
            distinct.setdefault(row.text, row)
    kept = list(distinct.values())[:SURVIVORS]
    over, growing = [row for row in kept if row.over], [row for row in kept if not row.over]
    if not growing:
        return [over]
    slots = enumerate(ranked[len(over) :])
    rows = [growing[slot // PARTICLE_GROUP % len(growing)].child(row.random) for slot, row in slots]
    return [over, *_islands(rows)]


class _Island:
    """Rows that are drawn again among themselves, for the time of a line.

    A first word that is likely is "and": drawn anew, too, hardly a line would begin otherwise.
    """

    def __init__(self, rows: Sequence[_Row]) -> None:
        self.rows = [row for row in rows if not row.over]
        self.beginning = any(row.at_line_start for row in self.rows)
        for row in self.rows:
            row.resting = False

    def draw_again(self) -> None:
        """Replace rows after a word by their weights; where it begins the line, only the dead ones."""
        if self.beginning:
            for row in self.rows:
                row.weight = -math.inf if row.dead else 0.0
        if not self.beginning or any(row.dead for row in self.rows):
            _resample(self.rows)
        for row in self.rows:
            row.weight, row.resting = 0.0, False
        self.rows = [row for row in self.rows if not (row.over or row.at_line_end)]
        self.beginning = False


def _resample(rows: Sequence[_Row]) -> None:
    """Draw the rows again by their weights, in place (systematic resampling)."""
    if all(row.dead for row in rows):
        return
    weights = np.exp(log_probabilities(np.array([[row.weight for row in rows]]))[0])
    marks = (rows[0].random.random() + np.arange(len(rows))) / len(rows)
    chosen = np.searchsorted(np.cumsum(weights), marks).clip(max=len(rows) - 1)
    twins = [rows[number].child(row.random) for number, row in zip(chosen, rows, strict=True)]
    for row, twin in zip(rows, twins, strict=True):
        row.become(twin)


class _Row:
    """A stanza as it grows."""

    def __init__(self, job: SamplingJob, asked: int, random: np.random.Generator) -> None:
        self.asked, self.random, self.rules, self.stop = asked, random, job.rules, job.stop
        self.progress = ConditioningState(job.conditioning)
        self.lines = self.progress.lines_left
        # How symbols are drawn, and the temperature that words are to have.
        self.sampling, self.temperature = job.sampling, job.sampling.temperature
        # Log weight of the word under way: its wanted probability over that of its proposal.
        self.weight = 0.0
        self.text = ""
        self.nats, self.drawn, self.line = 0.0, 0, 0
        # Dead is what ran into a place where no symbol may follow.
        self.ended = self.cut = self.dead = False
        # Whether it has its word and waits for the others of its island.
        self.resting = False
        # Where the text leads in the trie.
        self.place = Trie.START
        # The model's state before the last symbol, which is yet to be fed, and the one before that.
        self.state: object = None
        self.state_before: object = None
        self.symbol = BOS
        # Where the last word began, None where that was given.
        self.began: _Beginning | None = None
        self.endings: tuple[tuple[str, float], ...] = ()
        self.packed = packed(asked, self.state_asked)

    def child(self, random: np.random.Generator) -> _Row:
        """The same stanza so far, to be continued by other draws."""
        twin = _Row.__new__(_Row)
        vars(twin).update(vars(self))
        twin.random, twin.progress = random, self.progress.copy()
        return twin

    def become(self, other: _Row) -> None:
        """Be the other row from now on, its random generator included."""
        vars(self).update(vars(other))

    @property
    def over(self) -> bool:
        return self.ended or self.cut

    @property
    def at_line_end(self) -> bool:
        return self.text.endswith(NEWLINE)

    @property
    def state_asked(self) -> State:
        """What the model is told. Keywords fall due one after the other, spread over the lines.

        Told of all from the start, it crams them into the first line.
        """
        state = self.progress.state
        if not self.lines:
            return state
        begun = (self.lines - state.lines_left) * len(state.waiting)
        due = (begun >= number * self.lines for number in range(len(state.waiting)))
        return state._replace(waiting=tuple(w and d for w, d in zip(state.waiting, due, strict=True)))

    @property
    def at_line_start(self) -> bool:
        return not self.text or self.at_line_end

    @property
    def sample(self) -> Sample:
        nats = math.inf if self.dead else self.nats / max(1, self.drawn)
        return Sample(self.text, self.ended, self.cut, nats, self.endings)

    def die(self) -> None:
        """End where nothing may follow: drawing again replaces the row."""
        self.dead = self.cut = True
        self.weight = -math.inf

    def propose(self, temperature: float) -> None:
        """Draw symbols at this temperature at least."""
        self.sampling = replace(self.sampling, temperature=max(temperature, self.temperature))

    def weigh(self, loss: float, proposed: float) -> None:
        """Take in what a symbol costs, in nats: at temperature 1, and as it was drawn."""
        self.nats += loss
        self.drawn += 1
        self.weight += proposed - loss / self.temperature

    def write(self, symbol: int, character: str) -> None:
        if character in IN_WORD and self.text[-1:] not in IN_WORD:
            asked = self.progress.lines_left, self.progress.written
            self.began = _Beginning(self.state_before, self.symbol, *asked)
        self.symbol = symbol
        self.text += character
        self.progress.add(character)
        if self.rules:
            self.place = self.rules.spelling.trie.after(self.place, symbol)
        if character not in IN_WORD:
            self.packed = packed(self.asked, self.state_asked)

    def add(self, symbol: int, character: str | None) -> None:
        """Take in a drawn character, or None for the end token.

        A line end after the last line that was asked for ends the stanza, too; so does an
        empty line, which parts the stanzas of a song.
        """
        if character == NEWLINE and self.at_line_end:
            self.text = self.text.rstrip(NEWLINE)
            self.ended = True
            return
        if character is None or (character == NEWLINE and self._in_last_line):
            self.ended = True
            return
        waiting, moody = self.progress.waiting.count(True), len(self.progress.moody)
        self.write(symbol, character)
        if self.progress.waiting.count(True) < waiting:
            self.weight = max(self.weight, -KEYWORD_COST)
        elif len(self.progress.moody) > moody:
            self.weight = max(self.weight, -MOOD_COST)
        self.line = 0 if character == NEWLINE else self.line + 1
        if self.line == PATIENCE and self.progress.lines_left == 1:
            self.progress.let_off()
            self.packed = packed(self.asked, self.state_asked)
        self.cut = len(self.text) >= self.sampling.max_characters or self.line > MAX_LINE

    @property
    def _in_last_line(self) -> bool:
        return self.progress.lines_left == 1 or self.progress.line + 1 == self.stop


class _Beginning(NamedTuple):
    """Where a word began: the state before the symbol in front of it, and what the model is told there."""

    state: object
    symbol: int
    lines_left: int
    written: tuple[int, int]


class _Ending:
    """The last word of a row's line, on its way through the model once more."""

    def __init__(self, row: _Row, began: _Beginning, vocabulary: CharVocabulary) -> None:
        found = _LAST.search(row.text)
        self.word, behind = found.groups() if found else ("", "")
        last = EOS if row.progress.lines_left == 1 else vocabulary.ids[NEWLINE]
        self.state, self.symbol = began.state, began.symbol
        self.packed = packed(row.asked, State(began.lines_left, (), began.written, 0, 0))
        # The last one first.
        self.coming = [vocabulary.ids[behind[0]] if behind else last, *reversed(vocabulary.encode(self.word))]
        self.nats = 0.0

    def read(self, log_probabilities: Floats, state: object) -> None:
        self.symbol, self.state = self.coming.pop(), state
        self.nats -= float(log_probabilities[self.symbol])


class _Drawing:
    """Draws symbols for a batch of rows, until each pauses or is over."""

    def __init__(self, stepper: Stepper, vocabulary: CharVocabulary) -> None:
        self.stepper, self.vocabulary = stepper, vocabulary

    def begin(self, jobs: Sequence[SamplingJob]) -> list[list[_Row]]:
        """Rows of each job, its prime written: that is run once, its state is every row's."""
        states = self.stepper.start([job.conditioning for job in jobs])
        batch = []
        for number, (job, state) in enumerate(zip(jobs, states, strict=True)):
            first = _Row(job, number, np.random.default_rng())
            first.state = state
            self._prompt(first, job.prompt)
            batch.append([first.child(np.random.default_rng(prompt)) for prompt in job.seeds])
        return batch

    def draw_lines(self, islands: Sequence[Sequence[_Row]]) -> None:
        """Draw one line in every row; an island's rows anew whenever all of them have a word more."""
        writing = [_Island(rows) for rows in islands]
        while writing := [island for island in writing if island.rows]:
            self._step([row for island in writing for row in island.rows if not row.resting])
            for island in writing:
                if all(row.resting for row in island.rows):
                    island.draw_again()

    def weigh_endings(self, rows: Sequence[_Row]) -> None:
        """Note how likely the last words of the rows' lines are where nobody asks for anything.

        Told of a rhyme, the model finds a word that rhymes likely, whether or not it makes sense.
        What it remembers from before the word is of a stanza with a wish, but the wish is told anew
        with every symbol: left out, it hardly counts.
        """
        found: dict[tuple[int, str], _Ending] = {}
        for row in rows:
            if row.began and not row.dead and (row.asked, row.text) not in found:
                found[row.asked, row.text] = _Ending(row, row.began, self.vocabulary)
        reading = list(found.values())
        while reading:
            self.stepper.resume([one.state for one in reading])
            context = Context.of([one.packed for one in reading])
            logits = self.stepper.step(np.array([one.symbol for one in reading]), context)
            logits[:, :EOS] = -np.inf
            states = self.stepper.states(range(len(reading)))
            for one, logs, state in zip(reading, log_probabilities(logits), states, strict=True):
                one.read(logs, state)
            reading = [one for one in reading if one.coming]
        for row in rows:
            if read := found.get((row.asked, row.text)):
                row.endings = (*row.endings, (read.word, read.nats))

    def draw(self, rows: Sequence[_Row]) -> None:
        """Draw every row to its end."""
        while alive := [row for row in rows if not row.over]:
            self._step(alive)

    def _step(self, rows: Sequence[_Row]) -> None:
        """Draw a symbol for each row. Rows that have the same text so far share the model's step."""
        first: dict[tuple[int, str], _Row] = {}
        for row in rows:
            first.setdefault((row.asked, row.text), row)
        places = {key: place for place, key in enumerate(first)}
        which = [places[row.asked, row.text] for row in rows]
        models = list(first.values())
        self.stepper.resume([row.state for row in models])
        logits = self.stepper.step(np.array([row.symbol for row in models]), _context(models))
        states = self.stepper.states(range(len(models)))
        for row, place in zip(rows, which, strict=True):
            row.state_before, row.state = row.state, states[place]
        self._add(rows, logits[which])

    def _prompt(self, row: _Row, prompt: str) -> None:
        if not prompt:
            return
        self.stepper.resume([row.state])
        for character, number in zip(prompt, self.vocabulary.encode(prompt), strict=True):
            self.stepper.step(np.array([row.symbol]), _context([row]))
            row.write(number, character)
        [row.state] = self.stepper.states([0])
        row.began = None

    def _add(self, rows: Sequence[_Row], logits: Floats) -> None:
        logits[:, :EOS] = -np.inf
        allowed = self._allowed(rows, logits)
        dead = [not any(some) for some in allowed.tolist()]
        allowed[dead] = True
        uniforms = np.array([row.random.random() for row in rows])
        weights = _weights(rows, np.where(allowed, logits, -np.inf))
        ids = draw(weights, uniforms).tolist()
        drawn = np.arange(len(rows)), ids
        losses, proposed = -log_probabilities(logits)[drawn], -np.log(weights[drawn])
        for number, row in enumerate(rows):
            if dead[number]:
                row.die()
            else:
                row.weigh(float(losses[number]), float(proposed[number]))
                row.add(ids[number], self.vocabulary.tokens[ids[number]] if ids[number] != EOS else None)
            row.resting = row.over or row.text[-1] not in IN_WORD

    def _allowed(self, rows: Sequence[_Row], logits: Floats) -> Mask:
        allowed: Mask = np.isfinite(logits)
        for number, row in enumerate(rows):
            if row.rules:
                allowed[number] &= row.rules.allowed(row.place, row.progress, row.text)
            elif not row.text:
                allowed[number, EOS] = False
        return allowed


def _weights(rows: Sequence[_Row], logits: Floats) -> Floats:
    """Each row's probabilities by its own sampling, (rows, symbols)."""
    alike: dict[Sampling, list[int]] = {}
    for number, row in enumerate(rows):
        alike.setdefault(row.sampling, []).append(number)
    weights = np.empty_like(logits)
    for sampling, numbers in alike.items():
        weights[numbers] = probabilities(logits[numbers], sampling)
    return weights


def _context(rows: Sequence[_Row]) -> Context:
    return Context.of([row.packed for row in rows])
