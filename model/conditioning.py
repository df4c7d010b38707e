"""What a stanza is asked to be, and what of it is still to come at each character.

A header in front of the stanza has to be remembered for a hundred characters, and a
character LSTM learns that late: after 7.5 million characters four keywords in a header
lowered its loss by 0.0015 nats. So what is asked is given anew with every character, and only
the part of it that is still open: lines left to write, keywords not yet written.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from model.keywords import MAX_KEYWORDS
from model.lexicon import Lexicon
from model.mood import signs
from model.plan import MAX_INNER, LinePlan, Plan
from model.rhyme import FREE, Pronunciations, partner, rhyme_bucket
from model.text import IN_WORD, LETTERS, NEWLINE

# Today's English, plain and witty, and the kinds of verse of the songs from before 1930. A generator
# knows the first so many: new ones go to the end.
STYLES = ("song", "nursery", "hymn", "ballad", "poem", "modern", "witty")
MODERN = ("modern", "witty")
DEFAULT_STYLE = "modern"
DEFAULT_TEMPERATURE = 0.4
# What generators knew before there were the modern ones.
FIRST_STYLES = 5
MAX_LINES = 4
# Of a line, as people may ask for them: shorter ones are shouts, longer ones prose.
LEAST_SYLLABLES, MOST_SYLLABLES = 3, 14
# Stanzas drawn for a request, of which the best is kept.
CANDIDATES = 48
# Letters of a keyword that the generator is shown.
SPELLED = 10
# Words written before are told apart by a hash (Weinberger et al., ICML 2009): no list of
# words has to be kept, and a rare word that shares a bucket does little harm.
BUCKETS = 8192


class State(NamedTuple):
    """What of a conditioning is open at a character; see ``ConditioningState``."""

    lines_left: int
    waiting: tuple[bool, ...]
    written: tuple[int, int]
    syllables: int
    rhyme: int
    line: int = MAX_LINES
    planned: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Conditioning:
    """What a stanza is asked to be, as the generator understands it; every part may be missing.

    Attributes:
        style: one of ``STYLES``.
        mood: one of ``mood.MOODS``.
        lines: 1 to ``MAX_LINES``.
        keywords: at most ``MAX_KEYWORDS`` lemmas.
        forms: for each keyword the spellings that count as it.
        signs: the spellings that speak of the mood.
        syllables: how many each line should have, 1 to ``MAX_SYLLABLES``, or 0.
        rhymes: the bucket of the rhyme class that each line should end in, or 0.
        scheme: one of ``rhyme.SCHEMES``: lines without a class take that of the line they rhyme with.
        sounds: counts the syllables and knows the classes.
        plan: what each line is to say, or nothing.
    """

    style: str | None = None
    mood: str | None = None
    lines: int | None = None
    keywords: tuple[str, ...] = ()
    forms: tuple[frozenset[str], ...] = ()
    signs: frozenset[str] = frozenset()
    syllables: tuple[int, ...] = ()
    rhymes: tuple[int, ...] = ()
    scheme: str = FREE
    sounds: Pronunciations = field(default_factory=Pronunciations, repr=False, compare=False)
    plan: Plan = ()

    @classmethod
    def of(
        cls,
        keywords: Sequence[str],
        lexicon: Lexicon,
        style: str | None = None,
        mood: str | None = None,
        lines: int | None = None,
    ) -> Conditioning:
        """With the inflections of the keywords that the lexicon knows."""
        kept = tuple(keywords[:MAX_KEYWORDS])
        forms = tuple(lexicon.forms(word) for word in kept)
        return cls(style, mood, lines, kept, forms, signs(mood, lexicon), sounds=lexicon.sounds)


class ConditioningState:
    """What of a conditioning is open, as a stanza grows by characters.

    Attributes:
        lines_left: lines still to write, the one under way included; 0 where none were asked for.
        waiting: for each keyword whether it is still to be written.
        written: buckets of the last two whole words, the last one first; 0 for none yet.
        moody: the lines that have a word of the mood.
        spoken: syllables of the line's whole words.
        line: the one under way, from 0.
        asked: syllables that it should have, or 0.
        rhyme: bucket of the class that the line under way should end in, 0 for any.
        planned: for each inner word of the line's plan whether it is still to be written.
        ends: the last word of each line that is done.
        word: the letters of the word under way.
        words: those that are whole.
    """

    def __init__(self, conditioning: Conditioning) -> None:
        self.conditioning = conditioning
        self.lines_left = conditioning.lines or 0
        self.waiting = (True,) * len(conditioning.keywords)
        self.written = (0, 0)
        self.moody: frozenset[int] = frozenset()
        self.ends: tuple[str, ...] = ()
        self.planned: tuple[bool, ...] = ()
        self._begin_line()
        self.word = ""
        self.words: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """What the generator is given."""
        line = min(self.line, MAX_LINES) if self.conditioning.plan else MAX_LINES
        return State(
            self.lines_left, self.waiting, self.written, self.syllables, self.rhyme, line, self.planned
        )

    @property
    def syllables(self) -> int:
        """One more than the line's coming words should have, 0 where no number was asked for."""
        return 1 + max(0, self.asked - self.spoken) if self.asked else 0

    @property
    def last(self) -> str:
        """The last whole word, or ""."""
        return self.words[-1] if self.words else ""

    def fork(self) -> ConditioningState:
        """The same progress, to go on from independently: no attribute is changed in place."""
        return copy(self)

    def let_off(self) -> None:
        """Wait for no keyword any more."""
        self.waiting = (False,) * len(self.waiting)

    def add(self, character: str) -> None:
        """Take in the next character. A keyword is written once the character after it is there."""
        if character in IN_WORD:
            self.word += character
            return
        if word := self.word.strip("'"):
            self._take_in(word)
        self.word = ""
        if character == NEWLINE:
            self._end_line()

    def _take_in(self, word: str) -> None:
        self.written = (bucket(word), self.written[0])
        self.words = (*self.words, word)
        self.spoken += self.conditioning.sounds.syllables(word)
        if word in self.conditioning.signs:
            self.moody |= {self.line}
        for number, forms in enumerate(self.conditioning.forms):
            if self.waiting[number] and word in forms:
                self.waiting = _ticked(self.waiting, number)
        self._tick_off(word)

    def _tick_off(self, word: str) -> None:
        """Wait no more for the first planned word that is spelt so."""
        for number, wanted in enumerate(self._line_plan.inner if any(self.planned) else ()):
            if self.planned[number] and wanted == word:
                self.planned = _ticked(self.planned, number)
                return

    def _end_line(self) -> None:
        self.lines_left = max(min(1, self.lines_left), self.lines_left - 1)
        self.ends = (*self.ends, self.last)
        self._begin_line()

    def _begin_line(self) -> None:
        self.line, self.spoken = len(self.ends), 0
        self.asked = _at(self.conditioning.syllables, self.line)
        self.rhyme = self._rhyme()
        self.planned = (True,) * len(self._line_plan.inner)

    @property
    def _line_plan(self) -> LinePlan:
        plan = self.conditioning.plan
        return plan[self.line] if self.line < len(plan) else LinePlan()

    def _rhyme(self) -> int:
        if asked := _at(self.conditioning.rhymes, self.line):
            return asked
        model = partner(self.conditioning.scheme, self.line)
        if model is None:
            return 0
        found = self.conditioning.sounds.classes(self.ends[model])
        return rhyme_bucket(found[0]) if found else 0


def _ticked(waiting: tuple[bool, ...], number: int) -> tuple[bool, ...]:
    return (*waiting[:number], False, *waiting[number + 1 :])


def _at(values: Sequence[int], place: int) -> int:
    return values[place] if place < len(values) else 0


# The roles in which the generator is given a plan's words: the word that is next, those after it in the
# line, the line's last one, and all of the line to come. And the places of a plan's words, line by line,
# a line's last one behind its others.
ROLES = 4
PLACES = MAX_LINES * (MAX_INNER + 1)


def plan_words(plan: Plan) -> list[str]:
    """A plan's word at each of the ``PLACES``, "" for none."""
    lines = [*plan[:MAX_LINES], *[LinePlan()] * (MAX_LINES - len(plan))]
    return [word for line in lines for word in (*line.inner, *[""] * (MAX_INNER - len(line.inner)), line.end)]


def plan_roles(line: int, planned: Sequence[int]) -> list[list[int]]:
    """The places whose words have each of the ``ROLES``, while a line is written.

    Args:
        line: the one under way, ``MAX_LINES`` where nothing is planned.
        planned: which of its inner words are to come.
    """
    if line >= MAX_LINES:
        return [[], [], [], []]
    first = line * (MAX_INNER + 1)
    coming = [first + number for number, waits in enumerate(planned) if waits]
    after = first + MAX_INNER + 1
    ahead = list(range(after, after + MAX_INNER + 1)) if after < PLACES else []
    return [coming[:1], coming[1:], [first + MAX_INNER], ahead]


def style_id(style: str | None, rows: int) -> int:
    """A style's row in a table of so many; 0 for none, or for one that a generator does not know."""
    number = 1 + STYLES.index(style) if style else 0
    return number if number < rows else 0


def bucket(word: str) -> int:
    """1 to ``BUCKETS``, the same on every machine."""
    return 1 + zlib.crc32(word.encode()) % BUCKETS


def spelling(word: str) -> list[int]:
    """A keyword's first ``SPELLED`` letters as ids that name letter and place; 0 is no letter."""
    ids = [
        1 + place * len(LETTERS) + LETTERS.index(letter) if letter in LETTERS else 0
        for place, letter in enumerate(word[:SPELLED])
    ]
    return ids + [0] * (SPELLED - len(ids))
