"""Sentences for people that can be said in other languages: each knows of what it was made.

They are written in English, and are English wherever nobody asks for more. ``bot/language.py`` says
them in another language: that has to be known only where somebody is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any


class Sentence(str):
    """A text in English that another language has, too.

    Attributes:
        message: as translators know it, with the names of its fields in braces.
        many: the same where ``number`` is not 1, "" where no number decides.
        number: of what is spoken of.
        context: tells words apart that are the same in English, "" where none are.
        fields: what stands in it, by name; sentences among it are said in the other language, too.
    """

    message: str
    many: str
    number: int
    context: str
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, message: str, many: str, number: int, context: str, fields: Mapping[str, Any]) -> Sentence:
        """The English text of all that; a field that is not there yet stands for itself."""
        text = message if number == 1 or not many else many
        made = cls(text.format_map(_Later(fields)) if fields else text)
        made.message, made.many, made.number = message, many, number
        made.context, made.fields = context, fields
        return made

    def filled(self, **fields: Any) -> Sentence:
        """The same with fields that were not there yet, or others."""
        return Sentence.of(self.message, self.many, self.number, self.context, {**self.fields, **fields})


class _Later(dict[str, Any]):
    """Fields by name."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def say(message: str, /, **fields: Any) -> Sentence:
    """A sentence, with its fields or to be ``filled`` later."""
    return Sentence.of(message, "", 1, "", fields)


def count(one: str, many: str, number: int, /, **fields: Any) -> Sentence:
    """A sentence about a number of things, which is its field ``n``."""
    return Sentence.of(one, many, number, "", {"n": number, **fields})


def choice(name: str, /) -> Sentence:
    """What people choose in a list, and what is said of what they chose."""
    return Sentence.of(name, "", 1, "choice", {})


def joined(separator: str, parts: Iterable[object]) -> Sentence:
    """Several as one."""
    fields = {f"part{number}": part for number, part in enumerate(parts)}
    return say(separator.join(f"{{{name}}}" for name in fields), **fields)


def listed(first: object, *others: object) -> Sentence:
    """Several in a row: "1 and 2 and 3"."""
    return reduce(_both, others, joined("", [first]))


def _both(some: Sentence, more: object) -> Sentence:
    return say("{some} and {more}", some=some, more=more)


def sentence_of(error: BaseException) -> Sentence:
    """What an error says, as it was said: ``str`` would make it English for good."""
    said = error.args[0] if error.args else None
    return said if isinstance(said, Sentence) else say(str(error))
