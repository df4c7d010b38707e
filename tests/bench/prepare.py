"""Time and memory of `data clean` and `data stanzas` on a whole corpus.

Run by hand: ``python -m tests.bench.prepare songs.jsonl.xz`` (NLTK's corpora are needed).
CPU time is what is held against the limit: wall time is the machine's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS, MEGABYTES = 60.0, 500.0


def main() -> None:
    corpus = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        cleaned, short, full = (
            Path(folder) / name for name in ("lyrics.csv", "short.jsonl.xz", "full.jsonl.xz")
        )
        found = [
            ("data clean", *_measure("clean", corpus, "-o", cleaned)),
            ("data stanzas", *_measure("stanzas", cleaned, "-o", short)),
            ("data stanzas --full-songs", *_measure("stanzas", cleaned, "-o", full, "--full-songs")),
        ]
    print(f"| command | wall s | CPU s (limit {SECONDS:.0f} for both) | peak MB (limit {MEGABYTES:.0f}) |")
    print("|---|---|---|---|")
    for name, wall, cpu, peak in found:
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {peak:.0f} |")
    if found[0][2] + found[1][2] > SECONDS or max(row[3] for row in found) > MEGABYTES:
        sys.exit(1)


def _measure(command: str, *words: str | Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of one command in a process of its own."""
    start = time.perf_counter()
    script = f"from bot.cli.prepare import {command}; {command}()"
    child = subprocess.Popen([sys.executable, "-c", script, *map(str, words)])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(child.returncode)
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


if __name__ == "__main__":
    main()
