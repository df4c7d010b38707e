"""Where the time and the memory of ``songwriter sing`` go. Run: ``make bench``.

Medians of one run on two threads; quote ratios, machines differ.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.lyrics_generator import LyricsGenerator, Song
    from model.request import GenerationRequest

THREADS = 2
LIMITS = {"help": 0.3, "cold": 2.0, "caption": 0.035, "stanza": 0.2, "rhymed": 0.60, "memory": 350}


def main() -> None:
    photograph = _photograph()
    rows: list[tuple[str, str, str]] = []
    for name, words in (("help", ["--help"]), ("cold", ["sing", str(photograph), "-r", "1"])):
        cold = _median(lambda words=words: _cold(words), 3)  # type: ignore[misc]
        rows.append((f"songwriter {words[0]}, whole process", f"{cold:.2f} s", f"{LIMITS[name]} s"))
    parts = _parts()
    rows += [(f"  of it: {name}", f"{seconds:.2f} s", "") for name, seconds in parts]
    rows += _warm(photograph)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    rows.append(("resident memory, peak, everything loaded", f"{peak:.0f} MB", f"{LIMITS['memory']} MB"))
    width = max(len(row[0]) for row in rows)
    for name, value, limit in (("what", "measured", "limit"), *rows):
        print(f"{name:<{width}}  {value:>14}  {limit:>8}")


def _photograph() -> Path:
    return Path(__file__).parents[2] / "docs/images/cat.jpg"


def _median(job: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        job()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _cold(words: Sequence[str]) -> None:
    subprocess.run([sys.executable, "-m", "bot.cli.main", *words], check=True, capture_output=True)


def _parts() -> list[tuple[str, float]]:
    """Seconds of each part of a fresh process, in order."""
    script = """
import time
last = time.perf_counter()
def lap(name):
    global last
    now = time.perf_counter(); print(f"{name}\\t{now - last}"); last = now
import numpy; lap("import numpy")
import onnxruntime; lap("import onnxruntime")
from model.image_describer import ImageDescriber; from model.lyrics_generator import LyricsGenerator
from model.pipeline import Description, describe, write; from model.request import GenerationRequest
lap("import the rest")
describer = ImageDescriber.load(threads=2); lap("load the captioner")
writer = LyricsGenerator.load(); lap("load the generator and the lexicon")
from PIL import Image
describe(describer, [Image.new("RGB", (640, 480))]); lap("first caption")
write(writer, [(Description("a dog in the snow"), GenerationRequest())]); lap("first stanza")
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [(name, float(seconds)) for name, seconds in rows]


def _warm(photograph: Path) -> list[tuple[str, str, str]]:
    from model.image_describer import ImageDescriber
    from model.lyrics_generator import LyricsGenerator
    from model.pictures import open_picture
    from model.request import GenerationRequest

    describer, writer = ImageDescriber.load(threads=THREADS), LyricsGenerator.load()
    picture = open_picture(photograph)
    square = describer.preprocessing.square(picture)
    describer.see(square)
    _song(writer, "a dog", GenerationRequest())
    seeds = iter(range(1000))
    captions = ["two dogs run through the snow", "a boy jumps into a lake", "a woman rides a horse"]

    def stanza(candidates: int) -> float:
        request = lambda: GenerationRequest(seed=next(seeds), candidates=candidates)  # noqa: E731
        return _median(lambda: _song(writer, captions[next(seeds) % 3], request()), 15)

    caption = _median(lambda: describer.see(open_picture(photograph)), 15)
    alone = _median(lambda: describer.caption(square), 15)
    return [
        ("picture seen, warm, file included", _ms(caption), f"{LIMITS['caption'] * 1000:.0f} ms"),
        ("  of it: caption", _ms(alone), ""),
        ("  of it: open and decode", _ms(_median(lambda: open_picture(photograph), 15)), ""),
        ("stanza from 16 candidates, warm", _ms(stanza(16)), ""),
        ("stanza from 48 candidates, warm", _ms(stanza(48)), f"{LIMITS['stanza'] * 1000:.0f} ms"),
        ("best of 64, AABB, p95", _ms(_rhymed(writer, captions)), f"{LIMITS['rhymed'] * 1000:.0f} ms"),
    ]  # fmt: skip


def _rhymed(writer: LyricsGenerator, captions: Sequence[str]) -> float:
    """The 95th percentile of 40 rhymed stanzas from 64 candidates each, seconds."""
    from model.request import GenerationRequest

    seconds = []
    for seed in range(40):
        started = time.perf_counter()
        _song(writer, captions[seed % 3], GenerationRequest(seed=seed, candidates=64, scheme="AABB"))
        seconds.append(time.perf_counter() - started)
    return statistics.quantiles(seconds, n=20)[-1]


def _song(writer: LyricsGenerator, caption: str, request: GenerationRequest) -> Song:
    from model.pipeline import Description, write

    return write(writer, [(Description(caption), request)])[0]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


if __name__ == "__main__":
    main()
