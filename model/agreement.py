"""Who a plan is about, and whether its pronouns keep to that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from model.keywords import STOPWORDS
from model.lexicon import Lexicon
from model.plan import LinePlan, Plan

_HE = frozenset(
    "man boy father dad brother son king guy grandfather grandad uncle husband gentleman sir prince".split()
)
_SHE = frozenset(
    "woman girl mother mum mom sister daughter queen lady grandmother grandma aunt wife princess".split()
)
# Who may be he, she or it.
_ANIMALS = frozenset("dog puppy cat kitten horse bird animal child baby kid cow sheep pony fish".split())
_PEOPLE = frozenset("people men women boys girls children dogs kids friends they we".split())
# Whoever is called so is somebody in particular.
PEOPLE = _HE | _SHE | _PEOPLE
_THIRD = ("he", "she", "they", "it")
_CASES = {"him": "he", "his": "he", "himself": "he", "her": "she", "hers": "she", "herself": "she",
          "them": "they", "their": "they", "theirs": "they", "themselves": "they"}  # fmt: skip
_OTHER = {
    "he": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
    "she": {"she": "he", "hers": "his", "herself": "himself"},
}
# What "an" stands before: "u" and "h" are spoken either way.
_AN = re.compile(r"[aeio]|u(?!ni|se|su|k)|hour|hon|heir")


def strangers(words: Iterable[str], lexicon: Lexicon) -> int:
    """How many pronouns of a text, "his" and "them" included, stand for nobody that is named before.

    What is named first is the subject; other nouns for people may have their pronouns, too. "It" may
    stand for any thing, and I, you and we are always there.
    An animal or a child is he or she as it is first called, and not the other one from there on.
    """
    named: set[str] = set()
    either: set[str] = set()
    wrong = 0
    for word in words:
        pronoun = _pronoun(word)
        if pronoun not in _THIRD:
            found = _pronouns(word, lexicon)
            either |= found if len(found) > 1 else set()
            named |= found if len(found) == 1 else found & {"it"}
            continue
        if pronoun in either - named and pronoun != "it":
            named.add(pronoun)
            either = set()
        # The first pronoun may come before its noun, or stand for somebody in the picture.
        if not named and not either:
            named = {pronoun, "it"}
        wrong += pronoun not in named and pronoun != "it"
    return wrong


def regendered(plan: Plan, old: str, new: str) -> Plan | None:
    """A plan in which a word has a person's or an animal's place: she is he from there on, or he is she.

    None where somebody else could be meant, or a line ends in such a pronoun.
    """
    now = _gender(new)
    wrong = {"he": "she", "she": "he"}.get(now or "", "")
    said = [_pronoun(word) for line in plan for word in (*line.inner, line.end)]
    if not wrong or wrong not in said or not (_gender(old) == wrong or old in _ANIMALS):
        return plan
    others = {_gender(word) for line in plan for word in (*line.inner, line.end) if word != new}
    if wrong in others or any(_pronoun(line.end) == wrong for line in plan):
        return None
    return tuple(LinePlan(_turned((*line.inner, line.end), wrong)[:-1], line.end) for line in plan)


def articled(found: Sequence[str]) -> list[str]:
    """Words with "a" and "an" as the first letters of those behind them ask for."""
    pairs = zip(found, [*found[1:], ""], strict=True)
    return [
        ("an" if _AN.match(behind) else "a") if word in ("a", "an") and behind else word
        for word, behind in pairs
    ]


def _gender(word: str) -> str | None:
    return "he" if word in _HE else "she" if word in _SHE else None


def _pronoun(word: str) -> str:
    """Whom a pronoun stands for; the word itself where it is none."""
    stem = word.partition("'")[0]
    return _CASES.get(stem, stem)


def _turned(found: Sequence[str], pronoun: str) -> tuple[str, ...]:
    """A line's words with the other pronoun for one, "he's" and "him" included."""
    turned = []
    for word, behind in zip(found, [*found[1:], ""], strict=True):
        stem, stop, rest = word.partition("'")
        if pronoun == "she" and stem == "her":
            other = "him" if not behind or behind in STOPWORDS else "his"
        else:
            other = _OTHER[pronoun].get(stem, stem)
        turned.append(f"{other}{stop}{rest}")
    return tuple(turned)


def _pronouns(word: str, lexicon: Lexicon) -> set[str]:
    """The pronouns that a noun may have; none for another word."""
    lemma = lexicon.lemma(word)
    if word in _PEOPLE or (lemma in _HE | _SHE | _ANIMALS and word != lemma):
        return {"they"}
    if gender := _gender(lemma):
        return {gender}
    if lemma in _ANIMALS:
        return {"he", "she", "it"}
    entry = lexicon.entries.get(word)
    if entry and entry.pos == "n" and word != lemma and word.endswith("s"):
        return {"they"}
    return set()
