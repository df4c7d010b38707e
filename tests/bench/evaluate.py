"""Time and memory of the measures: captions, samples, spans shared with the songs.

Run by hand: ``python -m tests.bench.evaluate Flickr8k.token.txt LIST songs.jsonl.xz`` (NLTK's
corpora are needed). CPU time is what is held against the limit: wall time is the machine's.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from training.corpora.flickr8k import read_split_captions
from training.corpora.rhymes import Rhymes
from training.evaluation.meteor import NoMeteor, meteor
from training.evaluation.metrics import score_captions, tokenize
from training.evaluation.samples import Songs
from training.evaluation.suffixes import shared_spans
from training.evaluation.verse import Dictionary, describe

CAPTIONS, SECONDS, MEGABYTES = 1000, 5.0, 2000.0
STANZAS = 500

T = TypeVar("T")


def main() -> None:
    tokens, names, corpus = map(Path, sys.argv[1:])
    print("| what | wall s | CPU s | peak MB so far |\n|---|---|---|---|")
    captions = dict(list(read_split_captions(tokens, names).items())[:CAPTIONS])
    first = {name: found[0] for name, found in captions.items()}
    others = {name: found[1:] for name, found in captions.items()}
    seconds, _ = _measure(f"{len(first)} captions without METEOR", lambda: score_captions(first, others))
    _measure(f"{len(first)} captions, METEOR", lambda: _meteor(first, others))
    _, songs = _measure("reading and splitting the songs", lambda: Songs.read(corpus))
    _, lists = _measure("NLTK's word lists", lambda: (Dictionary(), Rhymes()))
    some = songs.some(STANZAS, seed=1)
    _measure(f"describing {STANZAS} stanzas", lambda: describe(some, *lists))
    _measure(f"spans of {STANZAS} stanzas in the songs", lambda: shared_spans(some, songs.sung))
    if seconds > SECONDS or _peak() > MEGABYTES:
        sys.exit(f"over the limit of {SECONDS:.0f} s for captions or {MEGABYTES:.0f} MB")


def _measure(name: str, job: Callable[[], T]) -> tuple[float, T]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = job()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"| {name} | {wall:.1f} | {cpu:.1f} | {_peak():.0f} |", flush=True)
    return cpu, result


def _meteor(first: dict[str, str], others: dict[str, list[str]]) -> None:
    try:
        meteor([tokenize(one) for one in first.values()], [[*map(tokenize, others[n])] for n in first])
    except NoMeteor as reason:
        print(f"METEOR is left out: {reason}.", file=sys.stderr)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
