"""METEOR 1.5 (Denkowski and Lavie, WMT 2014): the jar that the package pycocoevalcap brings, under Java."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

# As coco-caption starts it.
_MEMORY = "-Xmx2G"
_OPTIONS = ("-", "-", "-stdio", "-l", "en", "-norm")


class NoMeteor(Exception):
    """METEOR cannot be computed here; says why."""


def meteor(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> float:
    """METEOR 1.5 (0..1) of tokenised captions, over the whole set as coco-caption has it.

    Raises:
        NoMeteor: Java or pycocoevalcap is not installed, or Java fails.
    """
    command = [_java(), _MEMORY, "-jar", str(_jar()), *_OPTIONS]
    try:
        with subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        ) as process:
            try:
                return _score(process.stdin, process.stdout, candidates, references)
            finally:
                process.kill()
    except (OSError, ValueError) as error:
        raise NoMeteor("Java could not run METEOR") from error


def _score(
    ask: IO[str] | None,
    answers: IO[str] | None,
    candidates: Sequence[Sequence[str]],
    references: Sequence[Sequence[Sequence[str]]],
) -> float:
    """Its protocol: statistics of each caption, then the scores of all statistics and the total."""
    assert ask is not None
    assert answers is not None
    statistics = []
    for candidate, refs in zip(candidates, references, strict=True):
        parts = ("SCORE", *(" ".join(tokens) for tokens in refs), " ".join(candidate))
        print(" ||| ".join(parts), file=ask, flush=True)
        statistics.append(answers.readline().strip())
    print(" ||| ".join(("EVAL", *statistics)), file=ask, flush=True)
    for _ in statistics:
        answers.readline()
    return float(answers.readline())


def _java() -> str:
    found = shutil.which("java")
    if found is None:
        raise NoMeteor("Java is not installed")
    return found


def _jar() -> Path:
    package = importlib.util.find_spec("pycocoevalcap")
    for folder in package.submodule_search_locations or () if package else ():
        jar = Path(folder) / "meteor" / "meteor-1.5.jar"
        if jar.is_file():
            return jar
    raise NoMeteor("the package pycocoevalcap is not installed")
