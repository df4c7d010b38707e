"""What the guards notice and what they cost. Needs no network.

Run by hand: ``python -m tests.bench.guards novelty.safetensors songs.jsonl.xz``, with the songs that
the index was made of.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.config import Filter
from bot.wordfilter import forbidden_words
from model.conditioning import CANDIDATES
from model.novelty import SPAN, Novelty, ends
from model.wordfilter import Forbidden
from training.evaluation.samples import Songs
from training.evaluation.suffixes import longest, shared_spans

STANZAS, COPIES, ROUNDS = 2000, 5000, 9
LENGTHS = (*range(SPAN, 39, 2), 41)
_WORD_END = re.compile("(?<=[a-z'])(?![a-z'])")


def main() -> None:
    file, corpus = map(Path, sys.argv[1:])
    began = time.perf_counter()
    novelty = Novelty.load(file)
    print(
        f"{len(novelty):,} spans, {file.stat().st_size:,} bytes, read in {time.perf_counter() - began:.2f} s"
    )
    songs = Songs.read(corpus)
    stanzas = songs.some(STANZAS, seed=1)
    _held_back(novelty, stanzas, songs.sung)
    for length in LENGTHS:
        print(f"copies of {length} characters noticed: {_noticed(novelty, songs.sung, length):.2%}")
    texts = [text[: match.end()] for text in stanzas for match in _WORD_END.finditer(text)]
    _cost("novelty", novelty.copies, texts)
    _cost("word filter", Forbidden(forbidden_words(Filter())).ends, texts)


def _held_back(novelty: Novelty, stanzas: Sequence[str], sung: Sequence[str]) -> None:
    spans = shared_spans(stanzas, sung)
    noticed = [[end for end in ends(text) if novelty.has(text, end)] for text in stanzas]
    false = sum(found[end - 1] < SPAN for found, some in zip(spans, noticed, strict=True) for end in some)
    words = sum(len(ends(text)) for text in stanzas)
    passed = [longest(found) for found, some in zip(spans, noticed, strict=True) if not some]
    print(f"{len(stanzas)} held-back stanzas: longest copy {max(map(longest, spans))} characters")
    print(f"in the {len(passed)} of them where nothing is noticed: {max(passed)}")
    print(f"words falsely taken for the end of a copy: {false / words:.2%}")


def _noticed(novelty: Novelty, sung: Sequence[str], length: int) -> float:
    """Share of copies, cut from anywhere, that are noticed before they are longer."""
    draw = random.Random(length)
    long = [stanza for stanza in sung if len(stanza) > length]
    found = 0
    for stanza in draw.choices(long, k=COPIES):
        begin = draw.randrange(len(stanza) - length)
        # Strange letters on both sides, so that it is no longer than that.
        text = "q" + stanza[begin : begin + length] + "q"
        found += any(novelty.has(text, end) for end in ends(text) if SPAN < end < len(text))
    return found / COPIES


def _cost(name: str, guard: Callable[[str], bool], texts: Sequence[str]) -> None:
    seconds = min(_seconds(guard, texts) for _ in range(ROUNDS)) - _seconds(lambda _: False, texts)
    stanza = CANDIDATES * seconds / STANZAS * 1e3
    print(f"{name}: {seconds / len(texts) * 1e6:.2f} us a word, {stanza:.1f} ms for {CANDIDATES} stanzas")


def _seconds(guard: Callable[[str], bool], texts: Sequence[str]) -> float:
    began = time.process_time()
    for text in texts:
        guard(text)
    return time.process_time() - began


if __name__ == "__main__":
    main()
