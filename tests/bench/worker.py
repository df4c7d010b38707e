"""What a worker process holds while it works. Run: ``python -m tests.bench.worker FOLDER`` with pictures."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from bot.engine import worker
from bot.engine.requests import SongRequest, SongResult

BATCH, BATCHES = 4, 6


def main() -> None:
    pictures = sorted(Path(sys.argv[1]).glob("*.jpg"))[: BATCH * BATCHES]
    began = time.process_time()
    worker.confine()
    worker.load(worker.Setup("bot.engine.models:load", 0, "cpu", None, 25_000_000, 3))
    print(f"ready after {time.process_time() - began:.2f} s of CPU: {_peak()} MB at the most")
    for start in range(0, len(pictures), BATCH):
        batch = [_request(number, path) for number, path in enumerate(pictures[start : start + BATCH])]
        written = worker.write_batch(batch, [60.0] * len(batch))
        assert all(isinstance(one, SongResult) for one in written)
        print(f"{start + len(batch)} pictures: {_peak()} MB at the most", flush=True)


def _request(number: int, path: Path) -> SongRequest:
    return SongRequest(
        f"r{number}", user=1, server=None, seed=number, temperature=0.4, pictures=(path.read_bytes(),)
    )


def _peak() -> int:
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


if __name__ == "__main__":
    main()
