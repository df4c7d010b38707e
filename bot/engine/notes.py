"""What models remark on a request goes back with its result: only the parent process keeps a log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_MODELS = "model"


@contextmanager
def noted() -> Iterator[list[str]]:
    """The warnings of ``model/`` within the block, as they come; none goes to this process's stderr."""
    handler = _Notes()
    logger = logging.getLogger(_MODELS)
    logger.addHandler(handler)
    try:
        yield handler.kept
    finally:
        logger.removeHandler(handler)


class _Notes(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record.getMessage())
