"""Drawing stanzas from a character model: free of torch, so that any backend can serve.

A backend is anything that steps a batch of rows by one symbol and returns logits. A row is a
stanza that grows and a random generator. The stanza is a value: what is to be gone on with more
than once is forked, and each fork grows by itself. The generator stays with the row, whichever
stanza that goes on with. So a row's text does not depend on its neighbours' draws.
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
# Rows that are resampled among themselves after each word: few enough that a job has several
# such groups, which do not all write the same line.
PARTICLE_GROUP = 8
# Symbols are proposed at this temperature at least. Much lower, and the rows of a group all
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
    """What the model is given beside the symbols: for each row its conditioning, and what of it is open.

    The columns are those of ``model.conditioning.State``.
    """

    conditioning: Ids  # (rows,) which of those that ``Stepper.start`` was given
    lines_left: Ids  # (rows,)
    waiting: Floats  # (rows, MAX_KEYWORDS), 0 where fewer were asked for
    written: Ids  # (rows, 2)
    syllables: Ids  # (rows,) one more than are still to come in the line, 0 where none were asked for
    rhyme: Ids  # (rows,) bucket of the class that the line should end in, or 0
    line: Ids  # (rows,) the one under way, MAX_LINES where nothing is planned
    planned: Ids  # (rows, MAX_INNER) 1 for each word of the line's plan that is to come

    @classmethod
    def of(cls, packed: Sequence[Packed]) -> Context:
        """The context of a batch, from one packed row after the other."""
        table = np.array(packed)
        conditioning, left, syllables, rhyme, line = table[:, :5].T
        written, waiting, planned = np.split(table[:, 5:], [2, 2 + MAX_KEYWORDS], axis=1)
        return cls(conditioning, left, waiting.astype(float), written, syllables, rhyme, line, planned)


def packed(conditioning: int, state: State) -> Packed:
    """One row of a ``Context`` as a flat tuple, which costs less to make than arrays."""
    waiting = *state.waiting, *[0] * (MAX_KEYWORDS - len(state.waiting))
    planned = *state.planned, *[0] * (MAX_INNER - len(state.planned))
    numbers = conditioning, state.lines_left, state.syllables, state.rhyme, state.line
    return (*numbers, *state.written, *waiting, *planned)


class Stepper(Protocol):
    """A batch of independent rows, each with its own recurrent state."""

    def start(self, conditionings: Sequence[Conditioning]) -> list[object]:
        """Forget the conditionings of before; return a row's fresh state for each of these."""

    def resume(self, states: Sequence[object]) -> None:
        """Go on with one row a state; the same state may come more than once."""

    def step(self, ids: Ids, context: Context) -> Floats:
        """Feed one symbol a row, (rows,), and the context after it -> logits (rows, symbols)."""

    def states(self, rows: Sequence[int]) -> list[object]:
        """The states of these rows, to come back to with ``resume``."""


@dataclass(frozen=True)
class Sample:
    """One drawn text.

    Attributes:
        text: folded characters, the prompt included.
        ended: the model ended it.
        cut: it met a limit before that. A stanza that is neither is still being written.
        nats: mean negative log-likelihood a drawn symbol at temperature 1; infinite after a dead end.
        endings: the last word of each drawn line, and its negative log-likelihood there, with that of
            the symbol behind it, where the model is given no keyword, length or rhyme.
    """

    text: str
    ended: bool
    cut: bool
    nats: float
    endings: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class SamplingJob:
    """Stanzas to draw for one request.

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
    return [row.stanza.sample for row in rows]


def compose(
    stepper: Stepper, vocabulary: CharVocabulary, jobs: Sequence[tuple[SamplingJob, Rate]]
) -> list[list[Sample]]:
    """Draw word by word and line by line.

    The temperature is that of words. Divided logits of characters at 0.4 favour the commonest
    beginnings ("st...") over the likeliest words, because a beginning has the probability of
    all words that share it. So characters are proposed at a higher temperature, and after each
    word the rows of a particle group are resampled with weights that make the words come with
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
    batch = [_grouped(rows) for rows in drawing.begin([job for job, _ in jobs])]
    while True:
        drawing.draw_lines([group for groups in batch for group in groups])
        ranked = [_ranked(groups, rate) for groups, (_, rate) in zip(batch, jobs, strict=True)]
        if all(row.stanza.over for rows in ranked for row in rows):
            return [[row.stanza.sample for row in rows] for rows in ranked]
        batch = [_branched(rows) for rows in ranked]


def _grouped(rows: Sequence[_Row]) -> list[_ParticleGroup]:
    starts = range(0, len(rows), PARTICLE_GROUP)
    return [_ParticleGroup(rows[start : start + PARTICLE_GROUP]) for start in starts]


def _ranked(groups: Sequence[_ParticleGroup], rate: Rate) -> list[_Row]:
    rows = [row for group in groups for row in group.rows]
    scores = rate([row.stanza.sample for row in rows])
    return [rows[number] for number in sorted(range(len(rows)), key=lambda number: -scores[number])]


def _branched(ranked: Sequence[_Row]) -> list[_ParticleGroup]:
    """As many rows as before: the best that are over, and groups that go on with the best others."""
    if all(row.stanza.over for row in ranked):
        return [_ParticleGroup(ranked)]
    distinct: dict[str, _Row] = {}
    for row in ranked:
        if not row.stanza.dead:
            distinct.setdefault(row.stanza.text, row)
    kept = list(distinct.values())[:SURVIVORS]
    over = [row for row in kept if row.stanza.over]
    growing = [row.stanza for row in kept if not row.stanza.over]
    if not growing:
        return [_ParticleGroup(over)]
    slots = enumerate(ranked[len(over) :])
    rows = [row.going_on_with(growing[slot // PARTICLE_GROUP % len(growing)]) for slot, row in slots]
    return [_ParticleGroup(over), *_grouped(rows)]


class _ParticleGroup:
    """Rows that are resampled among themselves after each word, for the time of a line.

    The first word is let be: a likely one is "and", and resampled hardly a line would begin otherwise.

    Attributes:
        rows: all of them; a place keeps its random generator and changes its stanza.
        wrote: places of those that were not over before the line.
        in_line: places of those whose line goes on.
        in_word: places of those whose word goes on; the others wait for them.
    """

    def __init__(self, rows: Sequence[_Row]) -> None:
        # Too few rows to choose among draw at the temperature itself.
        least = PROPOSAL if len(rows) == PARTICLE_GROUP else 0.0
        self.rows = [row.proposing(least) for row in rows]
        self.wrote = [place for place, row in enumerate(rows) if not row.stanza.over]
        self.in_line = self.in_word = self.wrote
        self.first_word = any(rows[place].stanza.at_line_start for place in self.wrote)

    def at(self, places: Sequence[int]) -> list[_Row]:
        """The rows at some places."""
        return [self.rows[place] for place in places]

    def stepped(self) -> None:
        """Take note that the rows in a word drew a symbol; resample once all have a word more."""
        self.in_word = [place for place in self.in_word if self.rows[place].stanza.in_word]
        if not self.in_word:
            self._end_word()

    def _end_word(self) -> None:
        """Go on with resampled rows; where the word began the line, only the dead ones are replaced."""
        rows = self.at(self.in_line)
        if self.first_word:
            for row in rows:
                row.stanza.weight = -math.inf if row.stanza.dead else 0.0
        if not self.first_word or any(row.stanza.dead for row in rows):
            rows = _resampled(rows)
        for place, row in zip(self.in_line, rows, strict=True):
            row.stanza.weight = 0.0
            self.rows[place] = row
        done = (row.stanza.over or row.stanza.at_line_end for row in rows)
        self.in_line = [place for place, is_done in zip(self.in_line, done, strict=True) if not is_done]
        self.in_word, self.first_word = self.in_line, False


def _resampled(rows: Sequence[_Row]) -> list[_Row]:
    """As many rows, their stanzas drawn from these by weight (systematic resampling)."""
    if all(row.stanza.dead for row in rows):
        return list(rows)
    weights = np.exp(log_probabilities(np.array([[row.stanza.weight for row in rows]]))[0])
    marks = (rows[0].random.random() + np.arange(len(rows))) / len(rows)
    chosen = np.searchsorted(np.cumsum(weights), marks).clip(max=len(rows) - 1)
    return [row.going_on_with(rows[number].stanza) for row, number in zip(rows, chosen, strict=True)]


@dataclass(frozen=True)
class _Row:
    """A place in the batch.

    Attributes:
        stanza: what grows there.
        random: draws its symbols, and the next stanza's that takes the place.
        proposal: how symbols are proposed. Words have the temperature of the job.
    """

    stanza: _Stanza
    random: np.random.Generator
    proposal: Sampling

    def going_on_with(self, stanza: _Stanza) -> _Row:
        """The same place with a fork of another stanza."""
        return replace(self, stanza=stanza.fork())

    def proposing(self, least: float) -> _Row:
        """The same, but symbols are proposed at the job's temperature or this one, the higher of both."""
        sampling = self.stanza.job.sampling
        return replace(self, proposal=replace(sampling, temperature=max(least, sampling.temperature)))


class _WordStart(NamedTuple):
    """Where a word began: the state before the symbol in front of it, and what the model is given there."""

    model_state: object
    symbol: int
    lines_left: int
    written: tuple[int, int]


@dataclass
class _Stanza:
    """A stanza as it grows, by ``add``; ``fork`` gives another one that grows by itself.

    Attributes:
        job: what it is drawn for; never changed.
        number: of the job in the batch, by which the model knows its conditioning.
        progress: what of the conditioning is open.
        model_state: the model's before ``symbol``, which is yet to be fed.
        model_before: the model's state one symbol earlier.
        symbol: the last one, or ``BOS``.
        packed: what the model is given with it.
        trie_state: where the text leads in the trie of known words.
        text: so far, the prompt included.
        line_length: drawn characters of the line under way.
        nats: negative log-likelihood of the drawn symbols at temperature 1, summed up.
        drawn: how many they are.
        weight: log of the wanted probability of the word under way over that of its proposal.
        word_start: of the last word, None where that was given.
        endings: see ``Sample``.
        ended: the model ended it.
        cut: it met a limit.
        dead: it ran into a place where no symbol may follow.
    """

    job: SamplingJob
    number: int
    progress: ConditioningState
    model_state: object
    model_before: object = None
    symbol: int = BOS
    packed: Packed = ()
    trie_state: int = Trie.START
    text: str = ""
    line_length: int = 0
    nats: float = 0.0
    drawn: int = 0
    weight: float = 0.0
    word_start: _WordStart | None = None
    endings: tuple[tuple[str, float], ...] = ()
    ended: bool = False
    cut: bool = False
    dead: bool = False

    @classmethod
    def begun(cls, job: SamplingJob, number: int, model_state: object) -> _Stanza:
        """Nothing written yet."""
        stanza = cls(job, number, ConditioningState(job.conditioning), model_state)
        stanza._pack()
        return stanza

    def fork(self) -> _Stanza:
        """The same so far. Only ``progress`` can change in place, all else is replaced as it grows."""
        return replace(self, progress=self.progress.fork())

    @property
    def key(self) -> tuple[int, str]:
        """The same for stanzas that the model cannot tell apart."""
        return self.number, self.text

    @property
    def over(self) -> bool:
        return self.ended or self.cut

    @property
    def in_word(self) -> bool:
        return not self.over and self.text[-1] in IN_WORD

    @property
    def at_line_end(self) -> bool:
        return self.text.endswith(NEWLINE)

    @property
    def at_line_start(self) -> bool:
        return not self.text or self.at_line_end

    @property
    def sample(self) -> Sample:
        nats = math.inf if self.dead else self.nats / max(1, self.drawn)
        return Sample(self.text, self.ended, self.cut, nats, self.endings)

    def die(self) -> None:
        """End where nothing may follow: resampling replaces it."""
        self.dead = self.cut = True
        self.weight = -math.inf

    def weigh(self, loss: float, proposed: float) -> None:
        """Take in what a symbol costs, in nats: at temperature 1, and as it was proposed."""
        self.nats += loss
        self.drawn += 1
        self.weight += proposed - loss / self.job.sampling.temperature

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
        self.line_length = 0 if character == NEWLINE else self.line_length + 1
        if self.line_length == PATIENCE and self.progress.lines_left == 1:
            self.progress.let_off()
            self._pack()
        self.cut = len(self.text) >= self.job.sampling.max_characters or self.line_length > MAX_LINE

    def write(self, symbol: int, character: str) -> None:
        """Take in a character, whoever chose it."""
        if character in IN_WORD and self.text[-1:] not in IN_WORD:
            open_ = self.progress.lines_left, self.progress.written
            self.word_start = _WordStart(self.model_before, self.symbol, *open_)
        self.symbol = symbol
        self.text += character
        self.progress.add(character)
        if self.job.rules:
            self.trie_state = self.job.rules.spelling.trie.after(self.trie_state, symbol)
        if character not in IN_WORD:
            self._pack()

    def _pack(self) -> None:
        """Note what the model is given. Keywords fall due one after the other, spread over the lines.

        Given all from the start, it crams them into the first line.
        """
        state, lines = self.progress.state, self.job.conditioning.lines
        if lines:
            begun = (lines - state.lines_left) * len(state.waiting)
            due = (begun >= number * lines for number in range(len(state.waiting)))
            state = state._replace(waiting=tuple(w and d for w, d in zip(state.waiting, due, strict=True)))
        self.packed = packed(self.number, state)

    @property
    def _in_last_line(self) -> bool:
        return self.progress.lines_left == 1 or self.progress.line + 1 == self.job.stop


class _Ending:
    """A line's last word, which the model reads once more to say how likely it is."""

    def __init__(self, stanza: _Stanza, start: _WordStart, vocabulary: CharVocabulary) -> None:
        found = _LAST.search(stanza.text)
        self.word, behind = found.groups() if found else ("", "")
        last = EOS if stanza.progress.lines_left == 1 else vocabulary.ids[NEWLINE]
        self.model_state, self.symbol = start.model_state, start.symbol
        self.packed = packed(stanza.number, State(start.lines_left, (), start.written, 0, 0))
        # The last one first.
        self.coming = [vocabulary.ids[behind[0]] if behind else last, *reversed(vocabulary.encode(self.word))]
        self.nats = 0.0

    def read(self, log_probabilities: Floats, model_state: object) -> None:
        self.symbol, self.model_state = self.coming.pop(), model_state
        self.nats -= float(log_probabilities[self.symbol])


class _Drawing:
    """Draws symbols for a batch of rows, until each pauses or is over."""

    def __init__(self, stepper: Stepper, vocabulary: CharVocabulary) -> None:
        self.stepper, self.vocabulary = stepper, vocabulary

    def begin(self, jobs: Sequence[SamplingJob]) -> list[list[_Row]]:
        """Rows of each job, its prompt written: that is run once, and its stanza forked for every row."""
        states = self.stepper.start([job.conditioning for job in jobs])
        batch = []
        for number, (job, state) in enumerate(zip(jobs, states, strict=True)):
            first = _Stanza.begun(job, number, state)
            self._prompt(first)
            generators = map(np.random.default_rng, job.seeds)
            batch.append([_Row(first.fork(), random, job.sampling) for random in generators])
        return batch

    def draw(self, rows: Sequence[_Row]) -> None:
        """Draw every row to its end."""
        while alive := [row for row in rows if not row.stanza.over]:
            self._step(alive)

    def draw_lines(self, groups: Sequence[_ParticleGroup]) -> None:
        """Draw one line in every row; a group is resampled whenever all of its rows have a word more."""
        while writing := [group for group in groups if group.in_line]:
            self._step([row for group in writing for row in group.at(group.in_word)])
            for group in writing:
                group.stepped()
        self._weigh_endings([row.stanza for group in groups for row in group.at(group.wrote)])

    def _weigh_endings(self, stanzas: Sequence[_Stanza]) -> None:
        """Note how likely the last words of the stanzas' lines are where nobody asks for anything.

        Given a rhyme, the model finds a word that rhymes likely, whether or not it makes sense.
        What it remembers from before the word is of a stanza with a request, but the request is given
        anew with every symbol: left out, it hardly counts.
        """
        found: dict[tuple[int, str], _Ending] = {}
        for stanza in stanzas:
            if stanza.word_start and not stanza.dead and stanza.key not in found:
                found[stanza.key] = _Ending(stanza, stanza.word_start, self.vocabulary)
        reading = list(found.values())
        while reading:
            self.stepper.resume([one.model_state for one in reading])
            context = Context.of([one.packed for one in reading])
            logits = self.stepper.step(np.array([one.symbol for one in reading]), context)
            logits[:, :EOS] = -np.inf
            states = self.stepper.states(range(len(reading)))
            for one, logs, state in zip(reading, log_probabilities(logits), states, strict=True):
                one.read(logs, state)
            reading = [one for one in reading if one.coming]
        for stanza in stanzas:
            if read := found.get(stanza.key):
                stanza.endings = (*stanza.endings, (read.word, read.nats))

    def _step(self, rows: Sequence[_Row]) -> None:
        """Draw a symbol for each row. Rows that have the same text so far share the model's step."""
        first: dict[tuple[int, str], _Stanza] = {}
        keys = [row.stanza.key for row in rows]
        for key, row in zip(keys, rows, strict=True):
            first.setdefault(key, row.stanza)
        places = {key: place for place, key in enumerate(first)}
        which = [places[key] for key in keys]
        self.stepper.resume([stanza.model_state for stanza in first.values()])
        logits = self._logits(list(first.values()))
        states = self.stepper.states(range(len(first)))
        for row, place in zip(rows, which, strict=True):
            row.stanza.model_before, row.stanza.model_state = row.stanza.model_state, states[place]
        self._draw_symbols(rows, logits[which])

    def _logits(self, stanzas: Sequence[_Stanza]) -> Floats:
        """Feed the last symbol of each -> (stanzas, symbols)."""
        context = Context.of([stanza.packed for stanza in stanzas])
        return self.stepper.step(np.array([stanza.symbol for stanza in stanzas]), context)

    def _prompt(self, stanza: _Stanza) -> None:
        prompt = stanza.job.prompt
        if not prompt:
            return
        self.stepper.resume([stanza.model_state])
        for character, symbol in zip(prompt, self.vocabulary.encode(prompt), strict=True):
            self._logits([stanza])
            stanza.write(symbol, character)
        [stanza.model_state] = self.stepper.states([0])
        stanza.word_start = None

    def _draw_symbols(self, rows: Sequence[_Row], logits: Floats) -> None:
        logits[:, :EOS] = -np.inf
        allowed = self._allowed([row.stanza for row in rows], logits)
        dead = [not any(some) for some in allowed.tolist()]
        allowed[dead] = True
        uniforms = np.array([row.random.random() for row in rows])
        weights = _proposed([row.proposal for row in rows], np.where(allowed, logits, -np.inf))
        ids = draw(weights, uniforms).tolist()
        drawn = np.arange(len(rows)), ids
        losses, costs = -log_probabilities(logits)[drawn], -np.log(weights[drawn])
        for number, row in enumerate(rows):
            if dead[number]:
                row.stanza.die()
                continue
            row.stanza.weigh(float(losses[number]), float(costs[number]))
            row.stanza.add(ids[number], self.vocabulary.tokens[ids[number]] if ids[number] != EOS else None)

    def _allowed(self, stanzas: Sequence[_Stanza], logits: Floats) -> Mask:
        """Which symbols may follow each stanza, (stanzas, symbols)."""
        allowed: Mask = np.isfinite(logits)
        for number, stanza in enumerate(stanzas):
            if stanza.job.rules:
                allowed[number] &= stanza.job.rules.allowed(stanza.trie_state, stanza.progress, stanza.text)
            elif not stanza.text:
                allowed[number, EOS] = False
        return allowed


def _proposed(proposals: Sequence[Sampling], logits: Floats) -> Floats:
    """Each row's probabilities by its own proposal, (rows, symbols)."""
    alike: dict[Sampling, list[int]] = {}
    for number, proposal in enumerate(proposals):
        alike.setdefault(proposal, []).append(number)
    weights = np.empty_like(logits)
    for proposal, numbers in alike.items():
        weights[numbers] = probabilities(logits[numbers], proposal)
    return weights
