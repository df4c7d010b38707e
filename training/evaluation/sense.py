"""Do stanzas make sense? By readers that were taught to tell people's stanzas from others.

The judge is a reader that generation never sees, trained on other stanzas than the one that
chooses among candidates (``training/loops/reader.py``): an answer to what "makes sense to humans" means
that a program can give. People's own stanzas, given as FILE, say what can be reached.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model.errors import BadInput
from model.lexicon import Lexicon
from model.reader import Reader, subject
from model.text import NEWLINE, fold_lines
from training.collecting.rows import read_rows
from training.evaluation.intervals import bootstrap, wilson


class Captioned(NamedTuple):
    """A folded stanza, and content words of the caption that it should be about."""

    text: str
    keywords: tuple[str, ...]


def evaluate_sense(
    file: Path, lexicon: Lexicon, judge: Reader, reader: Reader | None, seed: int
) -> dict[str, Any]:
    """Have stanzas read beside their own caption, and beside one another's.

    Args:
        file: JSON lines with "lines" and "caption".
        lexicon: lemmas of the captions' words.
        judge: a reader that generation does not use.
        reader: the one that it uses, if there is one.
        seed: decides whose captions are exchanged, and the intervals.

    Returns:
        ``count``, what ``read`` says by the judge, and under ``reader`` the same by the reader.

    Raises:
        BadInput: the file cannot be read, is malformed or has no stanza.
    """
    stanzas = read_captioned(file, lexicon)
    others = exchanged([one.keywords for one in stanzas], seed)
    return {
        "count": len(stanzas),
        **read(judge, stanzas, others, seed),
        "reader": reader and read(reader, stanzas, others, seed),
    }


def read(
    reader: Reader, stanzas: Sequence[Captioned], others: Sequence[tuple[str, ...] | None], seed: int
) -> dict[str, Any]:
    """What a reader makes of stanzas; all higher for more sense.

    Returns:
        ``sense``: mean log-odds that a person wrote the stanza about its caption. ``human``: share
        that is more likely a person's than not. ``relevance``: by how much the log-odds are higher
        beside the own caption than beside another's. ``own_caption``: share with higher log-odds
        beside the own one. The last two are None where all captions say the same. Intervals are
        bootstrapped, of shares Wilson's.
    """
    own = np.array(reader.scores([one.keywords for one in stanzas], [one.text for one in stanzas]))
    pairs = [(one, other, score) for one, other, score in zip(stanzas, others, own, strict=True) if other]
    beside = reader.scores([other for _, other, _ in pairs], [one.text for one, _, _ in pairs])
    gains = np.array([score for _, _, score in pairs]) - np.array(beside)
    return {
        "sense": float(own.mean()),
        "sense_interval": bootstrap(own, seed),
        **_share("human", own > 0),
        "relevance": float(gains.mean()) if len(gains) else None,
        "relevance_interval": bootstrap(gains, seed) if len(gains) else None,
        **(_share("own_caption", gains > 0) if len(gains) else {"own_caption": None}),
    }


def read_captioned(file: Path, lexicon: Lexicon) -> list[Captioned]:
    """The stanzas of a file of JSON lines with "lines" and "caption", other keys left alone.

    Raises:
        BadInput: it cannot be read, a line of it is no such object, or there is none.
    """
    found = []
    for number, row in enumerate(read_rows(file), start=1):
        try:
            if not isinstance(row["caption"], str) or isinstance(row["lines"], str):
                raise TypeError("a text and a list of texts")
            lines = fold_lines(row["lines"])
            if not lines:
                raise ValueError("no line has a letter")
            found.append(Captioned(NEWLINE.join(lines), subject(row["caption"], lexicon)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(
                f"{file}, line {number}: expected an object with 'lines', a list of lines, and 'caption'."
            ) from error
    if not found:
        raise BadInput(f"{file} holds no stanzas.")
    return found


def exchanged(keywords: Sequence[tuple[str, ...]], seed: int) -> list[tuple[str, ...] | None]:
    """For each stanza the keywords of another caption: never its own, nor equal ones.

    None where there are no others.
    """
    order = list(range(len(keywords)))
    random.Random(seed).shuffle(order)
    found: list[tuple[str, ...] | None] = [None] * len(keywords)
    for place, mine in enumerate(order):
        # The next one in a shuffled round is another's; equal captions are passed over.
        following = (keywords[order[(place + step) % len(order)]] for step in range(1, len(order)))
        found[mine] = next((other for other in following if other != keywords[mine]), None)
    return found


def _share(name: str, which: np.ndarray) -> dict[str, Any]:
    positive = int(which.sum())
    return {name: positive / len(which), f"{name}_interval": wilson(positive, len(which))}
