"""What a stanza may be, beside well spelled: where its words and its lines may end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.conditioning import Conditioning, ConditioningState
from model.known_lines import KnownLines
from model.lexicon import Lexicon
from model.novelty import Novelty
from model.plan import PRONOUNS, telling
from model.rhyme import FREE
from model.text import IN_WORD, NEWLINE, words
from model.trie import NOWHERE, Trie, spellable
from model.vocabulary import EOS, CharVocabulary
from model.wordfilter import Forbidden, is_forbidden

# A line may be so many syllables longer or shorter than was asked for.
SLACK = 2
# With so many syllables left, or fewer, the next word is the line's last.
LAST = 2
# A line that others will have to rhyme with ends in a word that has so many short rhymes.
RICH = 12
# No run of so many words comes twice in a stanza.
LOOP = 4
# Fewer letters are somebody's name or a word of their own ("josh", "omg") more often than a beginning.
_SHORTEST_BEGINNING = 5
# Said again with no more between than this, a word says nothing new: "the light of the light".
_BETWEEN = (
    "(?: (?:and|are|at|but|for|from|in|is|nor|of|on|or|to|was|were|with))?"
    "(?: (?:a|all|an|every|her|his|my|no|our|the|their|thy|your))?"
)
_REACH = 3
# But for "hand in hand" and "more and more"; a pause may be between ("far, far").
_ECHO = re.compile(
    rf"(?<![a-z'-])(?!(?:again|ever|less|more|on|out|over|round|so|through) and )"
    rf"([a-z']+)(?! in \1$){_BETWEEN} \1$"
)
# A line does not part these from what they belong to.
_NEVER_LAST = frozenset("a an the my your our their every of and or than".split())
# Words whose rhymes are kept, laid out over the trie.
_KEPT = 256
# Of a state that no word goes through, or where no syllables are asked for.
_FAR = 99
# With more syllables left than this, any word will do.
_NEAR = 5

Mask = npt.NDArray[np.bool_]
# For each state of the trie, and last for ``NOWHERE``, the syllables of the shortest of some words
# that goes through it.
Nearest = npt.NDArray[np.int8]


class Spelling:
    """The words that may be written, laid out for the sampler; one serves all requests."""

    def __init__(self, lexicon: Lexicon, vocabulary: CharVocabulary) -> None:
        self.sounds, self.lemma = lexicon.sounds, lexicon.lemma
        self._heard_of = (lexicon.entries, lexicon.names, lexicon.sounds.table)
        self.words = spellable(lexicon)
        self._rhyming: dict[str, list[str]] = {}
        for word in self.words:
            # What ends no line rhymes with nothing: the mask would lead to it, and into a dead end.
            for sound in self.sounds.classes(word) if word not in _NEVER_LAST else ():
                self._rhyming.setdefault(sound, []).append(word)
        tokens = vocabulary.tokens
        self.between = np.array([token not in IN_WORD for token in tokens])
        self.line_end = np.array([token == NEWLINE or number == EOS for number, token in enumerate(tokens)])
        self.newline = vocabulary.ids[NEWLINE]
        self.pause = np.array([token in tuple("-,.;:!?") for token in tokens])
        self.going_on = np.array([token in (" ", "-") for token in tokens])
        # What may not come behind an article: "u" and "h" may sound either way.
        vowels, consonants = tuple("aeio"), tuple("bcdfgjklmnpqrstvwxyz")
        self.behind_article = {
            "a": np.array([token in vowels for token in tokens]),
            "an": np.array([token in consonants for token in tokens]),
        }
        self._lay_out(Trie.of(self.words, vocabulary))
        self.any = self._nearest(self.words)
        self.rich = self._nearest([word for word in self.words if self.is_rich(word)])

    def extended(self, words: Sequence[str]) -> Spelling:
        """The same with more words without hyphens, which rhyme with none."""
        twin = copy(self)
        twin.words = [*self.words, *words]
        twin._lay_out(self.trie.extended(words))
        new = np.full(len(twin.ends) - len(self.ends), _FAR, dtype=np.int8)
        twin.rich = np.concatenate([self.rich, new])
        twin.any = np.minimum(np.concatenate([self.any, new]), twin._nearest(words))
        return twin

    def __contains__(self, word: str) -> bool:
        try:
            path = self.trie.path(word)
        except LookupError:
            return False
        return bool(path) and self.ends[path[-1]]

    def begins(self, letters: str) -> bool:
        """Whether letters are no word, but the beginning of one."""
        try:
            return not self.is_whole(letters) and bool(self.trie.path(letters))
        except LookupError:
            return False

    def is_whole(self, letters: str) -> bool:
        """Whether letters are not to be completed: a word or a name, also one that no song would have."""
        known = any(letters in table for table in self._heard_of)
        return known or len(letters) < _SHORTEST_BEGINNING or letters in self

    def is_rich(self, word: str) -> bool:
        """Whether a word leaves a choice of rhymes."""
        sounds = self.sounds.classes(word) if word not in _NEVER_LAST else ()
        return any(len(self._rhyming.get(sound, ())) >= RICH for sound in sounds)

    def _lay_out(self, trie: Trie) -> None:
        self.trie = trie
        self.open: Mask = trie.follow != NOWHERE
        # A list, because the sampler asks for one state at a time.
        self.ends: list[bool] = trie.ends.tolist()
        self._rhymes: dict[str, Nearest | None] = {}
        self._alone: dict[str, Nearest] = {}

    def rhymes(self, word: str) -> Nearest | None:
        """The rhymes of a word, None where there are none."""
        if word not in self._rhymes:
            if len(self._rhymes) >= _KEPT:
                self._rhymes.clear()
            self._rhymes[word] = self._find_rhymes(word)
        return self._rhymes[word]

    def alone(self, word: str) -> Nearest:
        """What leads to one word and to no other."""
        if word not in self._alone:
            if len(self._alone) >= _KEPT:
                self._alone.clear()
            self._alone[word] = self._nearest([word])
        return self._alone[word]

    def _find_rhymes(self, word: str) -> Nearest | None:
        found = {rhyme for sound in self.sounds.classes(word) for rhyme in self._rhyming.get(sound, ())}
        rhymes = [rhyme for rhyme in found if self.sounds.rhyme(word, rhyme)]
        return self._nearest(rhymes) if rhymes else None

    def _nearest(self, words: Sequence[str]) -> Nearest:
        nearest = np.full(len(self.ends) + 1, _FAR, dtype=np.int8)
        counts = np.array([self.sounds.syllables(word.strip("'")) for word in words], dtype=np.int8)
        paths = self.trie.paths(words)
        # Where paths meet, the shortest counts.
        np.minimum.at(nearest, paths, np.broadcast_to(counts[:, None], paths.shape))
        nearest[NOWHERE] = _FAR
        return nearest


class _Situation(NamedTuple):
    """All that decides where words and lines may end: wherever it is the same, so is the mask.

    Attributes:
        state: of the trie.
        word_is_whole: whether a known word ends there.
        word: that word, or behind a word that one; "" inside of a word.
        room: syllables that may still come behind those of the line's whole words; ``_FAR`` for any number.
        rhyming: the word that the line has to rhyme with, None for none.
        leads: whether another line will have to rhyme with it.
        taken: whether another line ends in ``word``.
        last_line: whether the stanza may end.
        wanted: the word that is to be the line's last, "" for any.
    """

    state: int
    word_is_whole: bool
    word: str
    room: int
    rhyming: str | None
    leads: bool
    taken: bool
    last_line: bool
    wanted: str

    @property
    def is_bound(self) -> bool:
        """Whether not any word may end the line."""
        return bool(self.rhyming or self.wanted)


@dataclass
class Rules:
    """What the rows of one request may write.

    Attributes:
        spelling: known words.
        conditioning: syllables and scheme.
        forbidden: words that can't be finished.
        novelty: tells copies of the training songs; None where that is not known.
        ends: last words of lines by number, where other lines are already there.
        prompt: what the stanza begins with. It is the person's own: only what comes behind it is judged.
        whole: whether its last word is not to become a longer one.
        planned: the last word of each line, "" for any; a line that has one ends in it.
        lines: of the songbook, none of which is written again; None where they are not known.
    """

    spelling: Spelling
    conditioning: Conditioning
    forbidden: Forbidden = field(default_factory=Forbidden)
    novelty: Novelty | None = None
    ends: Mapping[int, str] = field(default_factory=dict)
    prompt: str = ""
    whole: bool = False
    planned: Sequence[str] = ()
    lines: KnownLines | None = None
    # What does not change while a stanza grows is found once.
    _alike: list[tuple[int, ...]] = field(init=False, repr=False)
    _rhymings: dict[tuple[str, ...], tuple[str | None, bool]] = field(init=False, repr=False)
    _barred: dict[str, bool] = field(init=False, repr=False)
    _known: dict[str, bool] = field(init=False, repr=False)
    _masks: dict[_Situation, Mask] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        letters = (
            ""
            if self.conditioning.scheme == FREE
            else self.conditioning.scheme[: self.conditioning.lines or 0]
        )
        self._alike = [
            tuple(n for n, other in enumerate(letters) if n != line and other == letter)
            for line, letter in enumerate(letters)
        ]
        self._rhymings, self._masks, self._barred, self._known = {}, {}, {}, {}

    def allowed(self, state: int, progress: ConditioningState, text: str) -> Mask:
        """Which symbols may come next, (symbols,), not to be written to: none after a dead end.

        Args:
            state: where the text has led in the trie.
            progress: of the text.
            text: as far as it is written.
        """
        spelling, at = self.spelling, self._situation(state, progress)
        mask = self._masks.get(at)
        if mask is None:
            mask = self._masks[at] = self._mask(at)
        if at.word_is_whole and self._bars(text, (*progress.words, at.word)):
            return _without(mask, spelling.between)
        if self.lines is not None and mask[spelling.newline] and self._is_known_line(text):
            mask = _without(mask, spelling.line_end)
        if not progress.word and text[-1:] == " " and progress.last in spelling.behind_article:
            mask = _without(mask, spelling.behind_article[progress.last])
        return mask & spelling.between if self.whole and text == self.prompt else mask

    def bars(self, text: str) -> bool:
        """Whether a whole text has what word by word would not have been written."""
        found, own = words(text), len(words(self.prompt))
        runs = [found[:end] for end in range(own + 1, len(found) + 1)]
        copied = self.novelty is not None and self.novelty.span(text, len(self.prompt)) > 0
        given = self.prompt.split(NEWLINE)
        lines = [line for line in text.split(NEWLINE) if line not in given]
        copied = copied or (self.lines is not None and any(line in self.lines for line in lines))
        return copied or any(map(_loops, runs)) or is_forbidden(text, self.forbidden.words)

    def hinders(self, text: str) -> bool:
        """Whether a folded text could not be written word by word: a word of it may not be whole there."""
        begun = [text[: match.start()] for match in re.finditer(r"\s|$", text)]
        return any(self._bars(one, words(one)) for one in begun)

    def _is_known_line(self, text: str) -> bool:
        if text not in self._known:
            line = text.rpartition(NEWLINE)[2]
            self._known[text] = self.lines is not None and line in self.lines and line != self.prompt
        return self._known[text]

    def _bars(self, text: str, found: Sequence[str]) -> bool:
        """Whether the last word may not be whole there; rows with the same text share the answer."""
        known = self._barred.get(text)
        if known is None:
            copied = self.novelty is not None and self.novelty.copies(text)
            again = _echoes(text, found) or self._says_again(text, found[-1])
            barred = copied or _loops(found) or again or self.forbidden.ends(text)
            known = self._barred[text] = barred and text != self.prompt
        return known

    def _says_again(self, text: str, word: str) -> bool:
        """Whether a planned stanza's line has said a telling word already, in this form or in another."""
        if not self.conditioning.plan or word in PRONOUNS or not telling(word):
            return False
        lemma, line = self.spelling.lemma(word), words(text.rpartition(NEWLINE)[2])
        return any(self.spelling.lemma(other) == lemma for other in line[:-1])

    def _situation(self, state: int, progress: ConditioningState) -> _Situation:
        whole = self.spelling.ends[state]
        word = progress.word.strip("'") if whole else "" if progress.word else progress.last
        room = progress.asked + SLACK - progress.spoken if progress.asked else _FAR
        rhyming, leads = self._rhymings.get(progress.ends) or self._find_rhyming(progress.ends)
        taken = word in progress.ends or word in self.ends.values()
        wanted = self.planned[progress.line] if progress.line < len(self.planned) else ""
        return _Situation(state, whole, word, room, rhyming, leads, taken, progress.lines_left <= 1, wanted)

    def _mask(self, at: _Situation) -> Mask:
        """Which symbols may come next, (symbols,), but for what the text as a whole bars."""
        spelling, mask = self.spelling, self._spelled(at)
        if self._is_too_long(at) or self._comes_too_early(at):
            # A longer word that begins so may still fit.
            return _without(mask, spelling.between)
        ends, goes_on = self._may_end_line(at), self._may_go_on(at)
        if not ends:
            mask = _without(mask, spelling.line_end if goes_on else spelling.between)
        if not ends and at.is_bound and self._left(at) <= _NEAR:
            # "The sun was gone, feet": a word that is there for the rhyme alone.
            mask = _without(mask, spelling.pause)
        return mask if goes_on else _without(mask, spelling.going_on)

    def _spelled(self, at: _Situation) -> Mask:
        """What spells known words; near the end of the line, words that leave it a way to end."""
        mask: Mask = self.spelling.open[at.state].copy()
        mask[EOS] &= at.last_line
        return mask & (self.spelling.between | self._letters(at)) if at.room <= _NEAR else mask

    def _left(self, at: _Situation) -> int:
        """Syllables that the line may have behind the word that may be whole here."""
        counted = at.word_is_whole and at.room < _FAR
        return at.room - self.spelling.sounds.syllables(at.word) if counted else at.room

    def _is_too_long(self, at: _Situation) -> bool:
        """Whether the word that ends here has more syllables than the line has room for."""
        return at.word_is_whole and self._left(at) < 0

    def _comes_too_early(self, at: _Situation) -> bool:
        """Whether this is the word that is to end the line, and it may not yet: it would come twice."""
        return at.word_is_whole and at.word == at.wanted and not self._may_end_line(at)

    def _may_end_line(self, at: _Situation) -> bool:
        too_short = 2 * SLACK < self._left(at) < _FAR
        may_break = bool(self.spelling.open[at.state, self.spelling.newline])
        return may_break and not too_short and not at.taken and self._may_be_last(at)

    def _may_go_on(self, at: _Situation) -> bool:
        """Whether another word may come into the line."""
        if self._may_end_line(at) and (at.wanted or (at.rhyming and not at.word_is_whole)):
            # Behind a pause, another rhyme would be one word too many.
            return False
        return self._left(at) > 0 and at.room > (LAST if at.word_is_whole else 0)

    def alike(self, line: int) -> tuple[int, ...]:
        """The other lines that have a line's letter in the scheme."""
        return self._alike[line] if line < len(self._alike) else ()

    def _find_rhyming(self, ends: tuple[str, ...]) -> tuple[str | None, bool]:
        """The word that the line after such line ends has to rhyme with, if one that has rhymes; and
        whether another line will have to rhyme with it.
        """
        alike = self.alike(len(ends))
        known = (ends[line] if line < len(ends) else self.ends.get(line) for line in alike)
        rhyming = next((word for word in known if word and self.spelling.rhymes(word) is not None), None)
        self._rhymings[ends] = found = rhyming, bool(alike)
        return found

    def _letters(self, at: _Situation) -> Mask:
        """Letters toward a word that can end the line, or one that leaves room for such a word."""
        following = self.spelling.trie.follow[at.state]
        mask: Mask = self._last_words(at)[following] <= at.room
        if at.room > LAST:
            mask |= self.spelling.any[following] < at.room
        return mask

    def _last_words(self, at: _Situation) -> Nearest:
        """What leads to a word that may be the line's last."""
        if at.wanted:
            return self.spelling.alone(at.wanted)
        rhymes = self.spelling.rhymes(at.rhyming) if at.rhyming else None
        if rhymes is not None:
            return rhymes
        return self.spelling.rich if at.leads else self.spelling.any

    def _may_be_last(self, at: _Situation) -> bool:
        """Whether the word may be the line's last."""
        if at.wanted:
            return at.word == at.wanted
        if not at.word or at.word in _NEVER_LAST:
            return False
        if at.rhyming:
            return self.spelling.sounds.rhyme(at.word, at.rhyming)
        return not at.leads or self.spelling.is_rich(at.word)


def _without(mask: Mask, barred: Mask) -> Mask:
    left: Mask = mask & ~barred
    return left


def _echoes(text: str, words: Sequence[str]) -> bool:
    """Whether the last word says again what its line has just said."""
    near = words[-1] in words[-1 - _REACH : -1]
    return near and _ECHO.search(text.rpartition(NEWLINE)[2]) is not None


def _loops(words: Sequence[str]) -> bool:
    """Whether the last words were written in that order before."""
    run = tuple(words[-LOOP:])
    return any(tuple(words[start : start + LOOP]) == run for start in range(len(words) - LOOP))
