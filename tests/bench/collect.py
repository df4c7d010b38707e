"""How fast ``songwriter data lyrics`` is against a local server with the limit lifted.

Run: ``python -m tests.bench.collect``. The server shares this process' time; politeness, not
the program, is meant to be what bounds a real run.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.collecting.server import Track, serving

SONGS = 2_000
LIMIT = 200  # songs a second


def main() -> None:
    tracks = [Track("The Counters", f"Number {n}", f"This is song number {n}\n" * 40) for n in range(SONGS)]
    print(f"{'whole process, start included':<32}{'songs/s':>9}{'limit':>7}{'CPU ms a song':>15}")
    with tempfile.TemporaryDirectory() as folder, serving(tracks) as server:
        songs, output = Path(folder) / "songs.csv", Path(folder) / "lyrics.sqlite"
        songs.write_text("artist,title\n" + "".join(f"{t.artist},{t.title}\n" for t in tracks))
        for what in ("every song asked for", "every song known already"):
            wall, cpu = _collect(songs, output, server.url)
            print(f"{what:<32}{SONGS / wall:>9.0f}{LIMIT:>7}{1000 * cpu / SONGS:>15.2f}")
        print(f"{len(server.asked):,} questions for {SONGS:,} songs")


def _collect(songs: Path, output: Path, url: str) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    options = ["--base-url", url, "--rate", "1000", "--concurrency", "32"]
    command = [sys.executable, "-m", "bot.cli", "data", "lyrics", str(songs), "-o", str(output), *options]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


if __name__ == "__main__":
    main()
