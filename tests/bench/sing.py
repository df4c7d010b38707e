"""Where the time and the memory of ``songwriter sing`` go. Run: ``make bench``.

Medians of one run on two threads; quote ratios, machines differ.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

THREADS = 2
LIMITS = {"cold": 8.0, "caption": 0.25, "stanza": 0.70, "memory": 1.2}


def main() -> None:
    photograph = _photograph()
    rows: list[tuple[str, str, str]] = []
    cold = _median(lambda: _cold(photograph), 3)
    rows.append(("songwriter sing, cold, whole process", f"{cold:.2f} s", f"{LIMITS['cold']:.0f} s"))
    parts = _parts()
    rows += [(f"  of it: {name}", f"{seconds:.2f} s", "") for name, seconds in parts]
    rows += _warm(photograph)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows.append(("resident memory, peak, everything loaded", f"{peak:.2f} GiB", f"{LIMITS['memory']} GiB"))
    rows += _steps()
    width = max(len(row[0]) for row in rows)
    for name, value, limit in (("what", "measured", "limit"), *rows):
        print(f"{name:<{width}}  {value:>14}  {limit:>8}")


def _photograph() -> Path:
    import skimage

    return Path(skimage.__file__).parent / "data" / "astronaut.png"


def _median(job: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        job()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _cold(photograph: Path) -> None:
    command = [sys.executable, "-m", "bot.cli", "sing", str(photograph), "-r", "1"]
    subprocess.run(command, check=True, capture_output=True)


def _parts() -> list[tuple[str, float]]:
    """Seconds of each part of a fresh process, in order."""
    script = """
import time
last = time.perf_counter()
def lap(name):
    global last
    now = time.perf_counter(); print(f"{name}\\t{now - last}"); last = now
import torch; torch.set_num_threads(2); lap("import torch")
import timm; lap("import timm")
import model.songwriter as s; lap("import the rest")
eye = s.Eye.load(); lap("load the captioner")
pen = s.Pen.load(); lap("load the generator and the lexicon")
from PIL import Image
eye.caption(Image.new("RGB", (640, 480))); lap("first caption")
pen.song("a dog in the snow", s.Wish()); lap("first stanza")
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [(name, float(seconds)) for name, seconds in rows]


def _warm(photograph: Path) -> list[tuple[str, str, str]]:
    import torch

    from model.pictures import open_picture
    from model.songwriter import Eye, Pen, Wish

    torch.set_num_threads(THREADS)
    eye, pen = Eye.load(), Pen.load()
    picture = open_picture(photograph)
    square = eye.preprocessing.square(picture)
    eye.caption(square)
    pen.song("a dog", Wish())
    seeds = iter(range(1000))
    captions = ["two dogs run through the snow", "a boy jumps into a lake", "a woman rides a horse"]

    def stanza(candidates: int) -> float:
        wish = lambda: Wish(random_seed=next(seeds), candidates=candidates)  # noqa: E731
        return _median(lambda: pen.song(captions[next(seeds) % 3], wish()), 15)

    caption = _median(lambda: eye.caption(open_picture(photograph)), 15)
    return [
        ("caption, warm, file included", _ms(caption), f"{LIMITS['caption'] * 1000:.0f} ms"),
        ("  of it: open and decode", _ms(_median(lambda: open_picture(photograph), 15)), ""),
        ("stanza from 16 candidates, warm", _ms(stanza(16)), f"{LIMITS['stanza'] * 1000:.0f} ms"),
        ("stanza from 48 candidates, warm", _ms(stanza(48)), ""),
    ]  # fmt: skip


def _steps() -> list[tuple[str, str, str]]:
    """Characters a second of ``nn.LSTM`` stepped naively and of our stepper."""
    import torch

    from model.decoding import Context
    from model.files import CHECKPOINTS
    from model.generator import Conditions, conditions_of, fast_stepper, load_generator
    from model.steering import Progress, Steering

    model, _, _ = load_generator(CHECKPOINTS / "generator.safetensors")
    stepper = fast_stepper(model)
    rows = []
    for batch in (1, 16, 64):
        symbols, ids = torch.full((batch, 1), 30), np.full(batch, 30)
        conditions = conditions_of(model, [(Steering(), "")] * batch)
        context = Context.of([Progress(Steering()).state] * batch, [0] * batch)
        state = None

        @torch.inference_mode()
        def naive(symbols: torch.Tensor = symbols, conditions: Conditions = conditions) -> None:
            nonlocal state
            _, state = model(symbols, conditions, state)

        stepper.resume(stepper.start([Steering()]) * batch)
        plain = batch / _median(naive, 60)
        ours = batch / _median(lambda ids=ids, context=context: stepper.step(ids, context), 60)  # type: ignore[misc]
        rows.append((f"nn.LSTM step, batch {batch}", f"{plain:,.0f} ch/s", ""))
        rows.append((f"our step, batch {batch}", f"{ours:,.0f} ch/s", f"{ours / plain:.1f} x"))
    return rows


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


if __name__ == "__main__":
    main()
