"""Draws ``report.png``: the page of ``songwriter report`` on photographs that may be passed on.

The page is the real one. Needs ``pip install -e '.[test]'`` and a Chromium; from the repository's
root:

    python -m docs.images.report
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import skimage
from click.testing import CliRunner
from PIL import Image

from bot.cli.main import main as songwriter
from tests.chromium import opened

HERE = Path(__file__).parent
TARGET = HERE / "report.png"
# All public domain or CC0: see README.md beside this file.
PICTURES = (
    HERE / "raccoon.jpg",
    *(Path(skimage.__file__).parent / "data" / name for name in ("coffee.png", "chelsea.png", "rocket.jpg")),
)
# The word that is pressed, from 0, and the size of the window.
WORD, SIZE = 4, (1160, 1130)
# Text and flat surfaces need few colours, and the photographs get by with these.
COLOURS = 256


async def draw(page: Path) -> None:
    """Open the page, press a word, take the picture."""
    async with opened(page) as tab:
        await tab.resize(*SIZE)
        await tab.call("Emulation.setScrollbarsHidden", hidden=True)
        await tab.prefer("light")
        await tab.run(f"document.querySelectorAll('#photo-1 .words button')[{WORD}].click()")
        # Two frames: one to lay out, one to paint.
        await tab.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await tab.screenshot(TARGET)
    Image.open(TARGET).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(TARGET, optimize=True)


def main() -> None:
    """Write the report and photograph it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in PICTURES:
            shutil.copy(path, folder)
        split, page = folder / "pictures.txt", folder / "report.html"
        split.write_text("".join(f"{path.name}\n" for path in PICTURES))
        words = ["report", "-o", page, "--images", folder, "--split", split, "--embed-pictures"]
        result = CliRunner().invoke(songwriter, list(map(str, words)))
        if result.exit_code:
            sys.exit(result.output)
        asyncio.run(draw(page))


if __name__ == "__main__":
    main()
