"""What runs in a worker process: it loads the models once, and writes what it is sent.

The parent imports this module too, to name the functions, so the models are imported only
when ``load`` runs.
"""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.engine.attempts import Attempts, Models, Order
from bot.engine.confinement import cap_memory
from bot.engine.requests import EngineError, SongResult
from model.eye import Eye


@dataclass(frozen=True)
class Setup:
    """How a worker is set up.

    Attributes:
        loader: importable name ("package.module:function") of what takes this and returns ``Models``.
        number: which worker this is, from 0.
        device: "auto", "cpu" or "cuda".
        checkpoints: folder with the models, or None for those that ship.
        max_pixels: larger pictures are refused.
        attempts: stanzas to try before the word filter's refusal is final.
        eye: what else looks at pictures.
    """

    loader: str
    number: int
    device: str
    checkpoints: Path | None
    max_pixels: int
    attempts: int
    eye: Eye = field(default_factory=Eye)


@dataclass(frozen=True)
class Ready:
    """A worker that has loaded and warmed up.

    Attributes:
        process: its process id.
        device: "cpu", "cuda:0", …
        captioner: digest of the captioner's checkpoint.
        generator: digest of the generator's checkpoint.
    """

    process: int
    device: str
    captioner: str
    generator: str


# A pool's task is a function by name: what a process loads once can only live here.
_loaded: list[Attempts] = []


def load(setup: Setup) -> Ready:
    """Load the models and run them once."""
    models: Models = pkgutil.resolve_name(setup.loader)(setup)
    models.warm_up()
    if models.device == "cpu":
        cap_memory()
    _loaded[:] = [Attempts(models, setup.attempts)]
    return Ready(os.getpid(), models.device, models.captioner, models.generator)


def write_batch(orders: Sequence[Order]) -> list[SongResult | EngineError]:
    """Write a song for each order; see ``bot.engine.attempts``."""
    if not _loaded:
        raise RuntimeError("load() has to run first")
    return _loaded[0].write(orders)
