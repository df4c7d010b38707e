"""Who a plan is about, and whether its pronouns keep to that."""

from __future__ import annotations

from model.lexicon import Lexicon
from model.plan import Plan

_HE = frozenset(
    "man boy father dad brother son king guy grandfather grandad uncle husband gentleman sir prince".split()
)
_SHE = frozenset(
    "woman girl mother mum mom sister daughter queen lady grandmother grandma aunt wife princess".split()
)
# Who may be he, she or it.
_ANIMALS = frozenset("dog puppy cat kitten horse bird animal child baby kid cow sheep pony fish".split())
_PEOPLE = frozenset("people men women boys girls children dogs kids friends they we".split())
_THIRD = ("he", "she", "they", "it")


def disagreement(plan: Plan, lexicon: Lexicon) -> int:
    """How many pronouns of a plan stand for nobody that it names.

    What is named first is the subject; other nouns for people may have their pronouns, too. "It" may
    stand for any thing, and I, you and we are always there.
    """
    named: set[str] = set()
    wrong = 0
    for line in plan:
        for word in (*line.inner, line.end):
            pronoun = word.partition("'")[0]
            if pronoun in _THIRD:
                # The first pronoun may come before its noun, or stand for somebody in the picture.
                named = named or {pronoun, "it"}
                wrong += pronoun not in named and pronoun != "it"
            else:
                named |= _pronouns(word, lexicon)
    return wrong


def _pronouns(word: str, lexicon: Lexicon) -> set[str]:
    """The pronouns that a noun may have; none for another word."""
    lemma = lexicon.lemma(word)
    if word in _PEOPLE or (lemma in _HE | _SHE | _ANIMALS and word != lemma):
        return {"they"}
    if lemma in _HE:
        return {"he"}
    if lemma in _SHE:
        return {"she"}
    if lemma in _ANIMALS:
        return {"he", "she", "it"}
    entry = lexicon.entries.get(word)
    if entry and entry.pos == "n" and word != lemma and word.endswith("s"):
        return {"they"}
    return set()
