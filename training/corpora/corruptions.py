"""Stanzas that make less sense than the ones that people wrote, made of these."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from model.keywords import STOPWORDS
from model.lexicon import Lexicon
from model.text import words

# A stanza as the reader sees it: lines of words.
Lines = list[list[str]]

# Words that stand for others. Exchanged, the stanza is about somebody else from there on.
_PRONOUNS = """i me my you your he him his she her it its we us our they them their""".split()
_AGREEING = [
    ("is", "are", "am"), ("was", "were"), ("has", "have"), ("does", "do"), ("this", "these"),
    ("that", "those"), ("a", "an"),
    ("isn't", "aren't"), ("doesn't", "don't"), ("wasn't", "weren't"), ("it's", "they're", "i'm"),
]  # fmt: skip
_DISAGREEING = {one: [other for other in group if other != one] for group in _AGREEING for one in group}
_FUNCTION = """a the to of in on at by for from with and but is was are be it that as so up out not no
    had has do if when then will can his her my your their i he she they we you""".split()
_WORD_ENDS = ("ing", "ed", "ly", "s")
# Tries at a corruption that may find nothing to corrupt.
_TRIES = 12


@dataclass(frozen=True)
class About:
    """Lines of words, and lemmas of what they are about.

    Attributes:
        voice: of the songbook, or a song's style: lines of one voice are exchanged for one another.
        keywords: none where it is not known.
        lines: at least one.
    """

    voice: str
    keywords: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]

    @cached_property
    def said(self) -> frozenset[str]:
        return frozenset(word for line in self.lines for word in line)


def about(voice: str, keywords: Iterable[str], lines: Iterable[str]) -> About:
    """Folded lines as words, without punctuation."""
    split = (tuple(part for word in words(line) for part in word.split("-")) for line in lines)
    return About(voice, tuple(keywords), tuple(line for line in split if line))


class Corruptor:
    """Makes a stanza worse in one of ``KINDS``.

    Args:
        stanzas: what exchanged lines, words and subjects are taken from.
        lexicon: parts of speech, inflections and rhymes.
        draw: of all choices.
    """

    def __init__(self, stanzas: Sequence[About], lexicon: Lexicon, draw: random.Random) -> None:
        self._stanzas, self._lexicon, self._draw = stanzas, lexicon, draw
        self._counts = Counter(word for one in stanzas for line in one.lines for word in line)
        self._voices: dict[str, list[About]] = defaultdict(list)
        self._lines: dict[tuple[str, str, str], list[tuple[About, int]]] = defaultdict(list)
        for one in stanzas:
            self._voices[one.voice].append(one)
            for place, line in enumerate(one.lines):
                for keyword in (*one.keywords, ""):
                    for sound in ("", *lexicon.sounds.classes(line[-1])):
                        self._lines[one.voice, keyword, sound].append((one, place))
        self._alike: dict[tuple[str, str, int], list[str]] = defaultdict(list)
        for word in self._counts:
            if self._content(word):
                self._alike[self._class(word)].append(word)
        self._faults: list[Callable[[Lines], bool]] = [
            self._inflect, self._inflect, self._pronoun, self._drop, self._add, self._other, self._swap,
            self._echo, self._agreement, self._agreement, self._break,
        ]  # fmt: skip

    def corrupt(self, kind: str, one: About, count: int) -> About | None:
        """The first ``count`` lines of a stanza made worse; None where it does not lend itself to that.

        Args:
            kind: "subject" (somebody else's keywords), "line" (one or two lines of other stanzas, if
                possible about the same and with the same rhyme), "word" (content words exchanged for
                others of the same part of speech and about as common) or "grammar".
            one: what a person wrote.
            count: of its lines.
        """
        if kind == "subject":
            return self._elsewhere(one, count)
        lines = [list(line) for line in one.lines[:count]]
        change = {"line": self._exchange, "word": self._replace, "grammar": self._garble}[kind]
        if not change(one, lines):
            return None
        return About(one.voice, one.keywords, tuple(tuple(line) for line in lines if line))

    def _elsewhere(self, one: About, count: int) -> About | None:
        own = {form for keyword in one.keywords for form in self._lexicon.forms(keyword)} | one.said
        for _ in range(_TRIES if one.keywords else 0):
            told = self._draw.choice(self._voices[one.voice]).keywords
            if told and own.isdisjoint(told):
                return About(one.voice, told, one.lines[:count])
        return None

    def _exchange(self, one: About, lines: Lines) -> bool:
        if len(lines) < 2:
            return False
        place = self._draw.randrange(len(lines))
        found = self._other_line(one, one.lines[place])
        if found is None:
            return False
        other, theirs = found
        lines[place] = list(other.lines[theirs])
        if len(lines) > 2 and place + 1 < len(lines) and self._draw.random() < 0.3:
            follows = other.lines[theirs + 1 : theirs + 2]
            lines[place + 1 : place + 1 + len(follows)] = map(list, follows)
        return True

    def _other_line(self, one: About, line: tuple[str, ...]) -> tuple[About, int] | None:
        """A line of another stanza in place of one, the nearer in subject and rhyme the better."""
        keywords = self._draw.sample(one.keywords, len(one.keywords))
        sounds = self._lexicon.sounds.classes(line[-1])[:1]
        keys = [(one.voice, keyword, sound) for sound in (*sounds, "") for keyword in (*keywords, "")]
        for key in keys:
            choices = self._lines.get(key, [])
            for other, place in self._draw.sample(choices, min(4, len(choices))):
                if other.lines[place] not in one.lines:
                    return other, place
        return None

    def _replace(self, _: About, lines: Lines) -> bool:
        places = [(row, column) for row, line in enumerate(lines) for column in range(len(line))]
        content = [(row, column) for row, column in places if self._content(lines[row][column])]
        wanted = self._draw.choice((1, 1, 2, 3))
        changed = False
        for row, column in self._draw.sample(content, min(wanted, len(content))):
            alike = self._alike[self._class(lines[row][column])]
            lemma = self._lexicon.lemma(lines[row][column])
            others = self._draw.sample(alike, min(4, len(alike)))
            others = [word for word in others if self._lexicon.lemma(word) != lemma]
            if others:
                lines[row][column], changed = others[0], True
        return changed

    def _garble(self, _: About, lines: Lines) -> bool:
        wanted = self._draw.choice((1, 1, 2))
        for _try in range(_TRIES):
            wanted -= self._draw.choice(self._faults)(lines)
            if wanted == 0:
                return True
        return False

    def _inflect(self, lines: Lines) -> bool:
        """Another form of a word: "the dog run", "sat sitting"."""
        return self._change(lines, self._other_forms)

    def _pronoun(self, lines: Lines) -> bool:
        return self._change(lines, lambda word: _PRONOUNS if word in _PRONOUNS else ())

    def _agreement(self, lines: Lines) -> bool:
        return self._change(lines, lambda word: _DISAGREEING.get(word, ()))

    def _other(self, lines: Lines) -> bool:
        """Another function word: "sat of the chair"."""
        return self._change(lines, lambda word: _FUNCTION if word in _FUNCTION else ())

    def _echo(self, lines: Lines) -> bool:
        """A word that stands in the stanza already, or another form of it."""
        content = [word for line in lines for word in line if self._content(word)]
        if len(content) < 2:
            return False
        word = self._draw.choice(content)
        echo = self._draw.choice([word, *self._other_forms(word)])
        return self._change(lines, lambda old: (echo,) if self._content(old) and old != word else ())

    def _drop(self, lines: Lines) -> bool:
        line = self._draw.choice(lines)
        places = [place for place, word in enumerate(line) if word in STOPWORDS]
        if len(line) < 3 or not places:
            return False
        del line[self._draw.choice(places)]
        return True

    def _add(self, lines: Lines) -> bool:
        line = self._draw.choice(lines)
        place = self._draw.randrange(len(line))
        line.insert(place, line[place] if self._draw.random() < 0.2 else self._draw.choice(_FUNCTION))
        return True

    def _swap(self, lines: Lines) -> bool:
        line = self._draw.choice(lines)
        place = self._draw.randrange(len(line))
        if place == 0 or line[place] == line[place - 1]:
            return False
        line[place - 1 : place + 1] = line[place], line[place - 1]
        return True

    def _break(self, lines: Lines) -> bool:
        """A line that ends in "the"."""
        place = self._draw.randrange(len(lines))
        if place == 0 or len(lines[place]) < 3 or lines[place][0] not in STOPWORDS:
            return False
        lines[place - 1].append(lines[place].pop(0))
        return True

    def _change(self, lines: Lines, others: Callable[[str], Iterable[str]]) -> bool:
        """Put another word in one place, if the word there has others."""
        line = self._draw.choice(lines)
        place = self._draw.randrange(len(line))
        choices = [word for word in others(line[place]) if word != line[place]]
        if choices:
            line[place] = self._draw.choice(choices)
        return bool(choices)

    def _other_forms(self, word: str) -> list[str]:
        if not self._content(word):
            return []
        forms = self._lexicon.forms(self._lexicon.lemma(word))
        return sorted(form for form in forms if form != word and self._counts[form] > 2)

    def _content(self, word: str) -> bool:
        entry = self._lexicon.entries.get(word)
        known = entry is not None and entry.pos != "" and "'" not in word
        return known and word not in STOPWORDS and len(word) > 2

    def _class(self, word: str) -> tuple[str, str, int]:
        """Part of speech, ending and how common: words of one class stand in the same places."""
        ending = next((end for end in _WORD_ENDS if word.endswith(end)), "")
        return self._lexicon.entries[word].pos, ending, int(math.log2(self._counts[word]) / 1.5)
