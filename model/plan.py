"""What each line of a stanza is to say, decided before it is written (Yao et al., AAAI 2019).

A plan has for each line its words in their order, as they are to be spelt, and the one that it ends in,
but for those that a network of letters chooses well by itself: articles, whose a thing is, "do" and
"will". "And", "is" and prepositions are in it: which of them belongs between two words is a person's
knowledge, or that of a network over words. Any stanza has a plan: so plans are learnt from stanzas that
people wrote. A line may be planned whole, too, where it is sure to be nobody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from model.keywords import STOPWORDS
from model.text import words

# Words of a line beside its last one.
MAX_INNER = 7
# Who acts: a stanza that keeps to one person reads as one scene.
PRONOUNS = frozenset("i you he she it we they".split())
# What a plain sentence hangs on, though no picture shows it.
_TELLING = frozenset(
    """come comes came coming go goes going gone went know knows knew see sees saw seen think thinks
    thought tell tells told say says said make makes made take takes took taken put give gives gave given
    get gets got let like likes once nothing never""".split()
)
# What verse says of anything: any picture may be told so.
COMMONPLACE = frozenset("sun sea sky light night day world dead dawn moon".split())
# What a plan leaves to whoever writes the line.
_OPEN = frozenset("a an the my your his her its our their do does did will would shall".split())
# Words that only hold the others together.
_BINDING = (STOPWORDS | {"very", "too", "just"}) - _TELLING - PRONOUNS


class LinePlan(NamedTuple):
    """One line: at most ``MAX_INNER`` words in order, and its last one; "" for any."""

    inner: tuple[str, ...] = ()
    end: str = ""


Plan = tuple[LinePlan, ...]


def plan_of(lines: Sequence[str]) -> Plan:
    """The plan of folded lines that are written."""
    return tuple(map(_line_plan, lines))


def whole_line(line: str) -> LinePlan:
    """Every word of a folded line, where a plan has room for them; else its usual plan."""
    found = words(line)
    if not 0 < len(found) <= MAX_INNER + 1:
        return _line_plan(line)
    return LinePlan(tuple(found[:-1]), found[-1])


def telling(word: str) -> bool:
    """Whether a folded word has a meaning of its own, or says who acts."""
    stem = word.partition("'")[0]
    return stem in PRONOUNS or stem not in _BINDING


def planned_words(plan: Plan) -> tuple[str, ...]:
    """Every word of a plan, line by line."""
    return tuple(word for line in plan for word in (*line.inner, line.end) if word)


def outline(plan: Plan) -> tuple[str, ...]:
    """The words of each line of a plan, as if they were a line."""
    return tuple(" ".join(word for word in (*line.inner, line.end) if word) for line in plan)


def _line_plan(line: str) -> LinePlan:
    found = words(line)
    inner = [word for word in found[:-1] if word not in _OPEN]
    return LinePlan(tuple(inner[:MAX_INNER]), found[-1] if found else "")
