"""Who a plan is about, and whether its pronouns keep to that."""

from __future__ import annotations

from collections.abc import Iterable

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
_OTHER = {"he": {"he": "she", "him": "her", "himself": "herself"}, "she": {"she": "he", "herself": "himself"}}


def disagreement(plan: Plan, lexicon: Lexicon) -> int:
    """How many pronouns of a plan stand for nobody that it names.

    What is named first is the subject; other nouns for people may have their pronouns, too. "It" may
    stand for any thing, and I, you and we are always there.
    """
    return strangers([word for line in plan for word in (*line.inner, line.end)], lexicon)


def strangers(words: Iterable[str], lexicon: Lexicon) -> int:
    """How many pronouns of a text, "his" and "them" included, stand for nobody that is named before.

    An animal or a child is he or she as it is first called, and not the other one from there on.
    """
    named: set[str] = set()
    either: set[str] = set()
    wrong = 0
    for word in words:
        stem = word.partition("'")[0]
        pronoun = _CASES.get(stem, stem)
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


def regendered(plan: Plan, old: str, new: str) -> Plan:
    """A plan in which a word has taken a person's place: he is she from there on, or she is he.

    Nothing changes where anybody else could be meant.
    """
    was, now = _gender(old), _gender(new)
    others = {_gender(word) for line in plan for word in (*line.inner, line.end) if word != new}
    if not (was and now) or was == now or was in others:
        return plan
    return tuple(LinePlan(tuple(_turned(word, was) for word in line.inner), line.end) for line in plan)


def _gender(word: str) -> str | None:
    return "he" if word in _HE else "she" if word in _SHE else None


def _turned(word: str, pronoun: str) -> str:
    """The other pronoun for one, "he's" and "him" included."""
    stem, stop, rest = word.partition("'")
    return f"{_OTHER[pronoun].get(stem, stem)}{stop}{rest}"


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
