"""What ``songwriter run`` would load and write to, tried without running anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from bot.config import Config
from bot.engine.worker import Setup
from bot.store import StoreError
from bot.store.files import check_usable
from model.errors import SongwriterError
from model.eye import Eye
from model.files import CHECKPOINTS
from model.novelty import remark


def faults(config: Config) -> Iterator[str]:
    """A sentence for each thing that a bot of this configuration could not use."""
    for attempt in (_load_models, _open_store):
        if said := _failed(attempt, config):
            yield said


def _failed(attempt: Callable[[Config], None], config: Config) -> str | None:
    from bot.engine.models import NoDevice

    try:
        attempt(config)
    except (SongwriterError, StoreError, NoDevice) as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or 'The file system'}: {error.strerror or error}."
    return None


def _load_models(config: Config) -> None:
    """As a worker does it, with the first song."""
    from bot.engine.models import load

    engine, pictures, eye = config.engine, config.pictures, Eye.ready(**dict(config.eye))
    load(Setup("", 0, engine.device, engine.checkpoints, pictures.max_pixels, 1, eye)).warm_up()


def _open_store(config: Config) -> None:
    check_usable(config.store.path)


def remarks(config: Config) -> Iterator[str]:
    """A sentence for each thing without which it would run, but not as it is meant to."""
    if said := remark(config.engine.checkpoints or CHECKPOINTS):
        yield said
    folder = config.store.backups
    if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        yield "store.backups is no folder that can be written to: there will be no backups."
