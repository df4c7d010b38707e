"""How much of its stanzas the program retells from the songbook's, and how much of people's stanzas is so.

Run by hand: ``python -m tests.bench.retold data/songbook/stanzas.jsonl.xz stanzas.jsonl``, with JSON lines
that have "text", such as ``songwriter evaluate context --output`` writes.
"""

from __future__ import annotations

import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from model.lexicon import Lexicon
from model.plan import PRONOUNS, telling
from model.text import NEWLINE, fold, words
from training.collecting.rows import read_rows
from training.corpora.songbook import read_songbook, split_songbook

PEOPLES = 300


class Book:
    """The stanzas that plans come from, by their telling words."""

    def __init__(self, stanzas: Iterable[Sequence[str]], lexicon: Lexicon) -> None:
        self.stanzas, self._lexicon = list(stanzas), lexicon
        self._having: dict[str, list[int]] = defaultdict(list)
        for number, lines in enumerate(self.stanzas):
            for lemma in self.told(lines):
                self._having[lemma].append(number)

    def told(self, lines: Sequence[str]) -> frozenset[str]:
        """The lemmas of the telling words."""
        found = {word for line in lines for word in words(fold(line)) if telling(word)}
        return frozenset(map(self._lexicon.lemma, found - PRONOUNS))

    def nearest(self, lines: Sequence[str]) -> tuple[float, float, int]:
        """Of the stanza that has most of its telling words: the share of those, the share of all words in
        their order, and the longest run of words.
        """
        told = self.told(lines)
        counts = Counter(number for lemma in sorted(told) for number in self._having.get(lemma, ()))
        number, shared = counts.most_common(1)[0]
        own, other = (
            [word for line in some for word in words(fold(line))] for some in (lines, self.stanzas[number])
        )
        blocks = SequenceMatcher(None, own, other, autojunk=False).get_matching_blocks()
        sizes = [block.size for block in blocks]
        return shared / len(told), sum(sizes) / len(own), max(sizes)


def main() -> None:
    songbook, stanzas = map(Path, sys.argv[1:])
    parts = split_songbook(read_songbook(songbook))
    book = Book(
        (verse.lines for verse in parts["train"]), Lexicon.load(Path("data/checkpoints/lexicon.json.xz"))
    )
    print("median of the stanza that is nearest: telling words, all words in order, longest run")
    _row("the program's", book, [row["text"].split(NEWLINE) for row in read_rows(stanzas)])
    _row("held-back ones of people", book, [verse.lines for verse in parts["dev"][:PEOPLES]])


def _row(name: str, book: Book, stanzas: Sequence[Sequence[str]]) -> None:
    told, same, runs = zip(*(book.nearest(lines) for lines in stanzas if book.told(lines)), strict=True)
    print(
        f"{name} ({len(told)}): {statistics.median(told):.0%}, {statistics.median(same):.0%}, "
        f"{statistics.median(runs):.0f} words"
    )


if __name__ == "__main__":
    main()
