"""Why a stanza is as it is: words and their lines, how the lines sound, who else was in the running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.conditioning import MODERN
from model.keywords import extract, used
from model.lexicon import Lexicon
from model.novelty import SPAN, Novelty
from model.plan import LinePlan
from model.rhyme import last_word
from model.sentence import Sentence, count, joined, listed, say
from model.text import NEWLINE, fold, words

if TYPE_CHECKING:
    from model.lyrics_generator import Song
    from model.ranking import Candidate

_LETTERS = "ABCD"
# More candidates than anybody reads.
_SHOWN = 5


@dataclass(frozen=True)
class Placed:
    """A keyword and where it went.

    Attributes:
        keyword: the lemma that steered.
        said: the words of the caption and the seed that it stands for; none in a replay, whose
            recipe has no caption.
        lines: those that contain it, from 1.
    """

    keyword: str
    said: tuple[str, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Rival:
    """A candidate of the last choice.

    Attributes:
        lines: folded.
        score: the total, higher is better.
        parts: what each part adds to the total, by name.
    """

    lines: tuple[str, ...]
    score: float
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Explanation:
    """Why this stanza.

    Attributes:
        words: one for each keyword.
        mood: as asked, or as the picture suggested it; None without one.
        scheme: a letter a line, the same where lines rhyme strictly ("ABCB").
        syllables: of each line.
        copied: characters of the longest stretch that looks copied from the training songs, 0 where none has
            ``novelty.SPAN``; None where there is no index of them.
        rivals: the best candidates, the chosen one first.
        candidates: how many there were in the end that differ in their words.
        plan: what each line was to say, its last word at the end; empty where no plan
            fits, None where none was looked for.
    """

    words: tuple[Placed, ...]
    mood: str | None
    scheme: str
    syllables: tuple[int, ...]
    copied: int | None
    rivals: tuple[Rival, ...]
    candidates: int
    plan: tuple[str, ...] | None = None


def described(words: Sequence[Placed]) -> Sentence:
    """Which word is in which line: "wheel, for skateboard (line 1), ride (lines 2 and 3)"."""
    placed = (joined(" ", [_named(word), _numbers(word.lines)]) for word in words)
    return joined(", ", placed) or say("none were asked for")


def outline(plan: Sequence[str]) -> Sentence:
    """What each line was to say, in words."""
    return joined(" / ", plan) or say("none: none fits what was asked for")


def originality(copied: int) -> Sentence:
    """How much looks copied, in words."""
    if copied:
        return say("{n} characters in a row", n=copied)
    return say("fewer than {n} characters in a row", n=SPAN)


def explain(song: Song, lexicon: Lexicon, novelty: Novelty | None) -> Explanation:
    """Explain a stanza that was just written."""
    # Rows that grew from one beginning may have ended alike, but for a comma.
    different: dict[str, Candidate] = {}
    for one in song.candidates:
        different.setdefault(" ".join(words(one.text)), one)
    rivals = list(different.values())
    folded = [fold(line) for line in song.lines]
    given = words(fold(f"{song.request.prompt} {song.caption or ''}"))
    return Explanation(
        words=tuple(
            Placed(
                keyword,
                tuple(dict.fromkeys(word for word in given if extract(word, lexicon, 1) == [keyword])),
                tuple(n for n, line in enumerate(folded, start=1) if used([keyword], line, lexicon)),
            )
            for keyword in song.keywords
        ),
        mood=song.request.mood,
        scheme=scheme_of(folded, lexicon),
        syllables=tuple(map(lexicon.sounds.spoken, folded)),
        copied=None if novelty is None else novelty.span(song.candidates[0].text, len(song.request.prompt)),
        rivals=tuple(
            Rival(tuple(one.text.split(NEWLINE)), one.score.total, one.score.parts) for one in rivals[:_SHOWN]
        ),
        candidates=len(rivals),
        plan=tuple(map(_outlined, song.candidates[0].plan)) if song.request.style in MODERN else None,
    )


def _outlined(line: LinePlan) -> str:
    return ", ".join(word for word in (*line.inner, line.end) if word)


def scheme_of(lines: Sequence[str], lexicon: Lexicon) -> str:
    """The scheme in which folded lines really rhyme: a letter a line, the same one for rhymes."""
    ends = [last_word(line) for line in lines]
    letters = ""
    for number, end in enumerate(ends):
        partner = next((n for n in range(number) if lexicon.sounds.rhyme(ends[n], end)), None)
        letters += _LETTERS[len(set(letters))] if partner is None else letters[partner]
    return letters


def _named(word: Placed) -> str:
    """A keyword, and what of the caption it stands for where that is another word."""
    others = [said for said in word.said if said != word.keyword]
    return say("{word}, for {others}", word=word.keyword, others=listed(*others)) if others else word.keyword


def _numbers(lines: Sequence[int]) -> Sentence:
    if not lines:
        return say("(in no line)")
    return count("(line {lines})", "(lines {lines})", len(lines), lines=listed(*lines))
