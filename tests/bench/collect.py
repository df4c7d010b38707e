"""How fast ``songwriter data lyrics`` is against a local server with the limit lifted.

Run: ``python -m tests.bench.collect``. The server is a process of its own; where there is one core
only, it still takes its part of that. Politeness, not the program, is meant to be what bounds a
real run.
"""

from __future__ import annotations

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from tests.training.collecting.server import Track, serving

SONGS = 2_000
LIMIT = 200  # songs a second


def main() -> None:
    tracks = [Track("The Counters", f"Number {n}", f"This is song number {n}\n" * 40) for n in range(SONGS)]
    print(f"{'whole process, start included':<32}{'songs/s':>9}{'limit':>7}{'CPU ms a song':>15}")
    with tempfile.TemporaryDirectory() as folder, _server(tracks) as (url, line):
        songs, output = Path(folder) / "songs.csv", Path(folder) / "lyrics.sqlite"
        songs.write_text("artist,title\n" + "".join(f"{t.artist},{t.title}\n" for t in tracks))
        for what in ("every song asked for", "every song known already"):
            wall, cpu = _collect(songs, output, url)
            print(f"{what:<32}{SONGS / wall:>9.0f}{LIMIT:>7}{1000 * cpu / SONGS:>15.2f}")
        line.send("how many?")
        questions, cpu = line.recv()
        print(
            f"{questions:,} questions for {SONGS:,} songs; {1000 * cpu / questions:.2f} ms of the server each"
        )


@contextmanager
def _server(tracks: Sequence[Track]) -> Iterator[tuple[str, Connection]]:
    """The server's address, and a line that tells its questions and CPU seconds when asked."""
    context = multiprocessing.get_context("spawn")
    line, other = context.Pipe()
    process = context.Process(target=_serve, args=(tracks, other))
    process.start()
    other.close()  # so that the line ends where the server does
    try:
        yield line.recv(), line
    finally:
        line.send("end")
        process.join()


def _serve(tracks: Sequence[Track], line: Connection) -> None:
    with serving(tracks) as server:
        before = time.process_time()
        line.send(server.url)
        while line.recv() != "end":
            line.send((len(server.asked), time.process_time() - before))


def _collect(songs: Path, output: Path, url: str) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    options = ["--base-url", url, "--rate", "1000", "--concurrency", "32"]
    command = [
        sys.executable,
        "-m",
        "bot.cli.main",
        "data",
        "lyrics",
        str(songs),
        "-o",
        str(output),
        *options,
    ]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


if __name__ == "__main__":
    main()
