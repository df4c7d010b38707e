"""What an engine tells whoever measures it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Meter(Protocol):
    """Receives measurements; each method must be quick and must not raise."""

    def batch(self, size: int, seconds: float) -> None:
        """A batch of ``size`` requests came back after ``seconds``."""

    def answered(self, seconds: Mapping[str, float]) -> None:
        """A request was answered; ``seconds`` by stage, as in ``SongResult``."""

    def restarted(self) -> None:
        """A worker process ended and is started again."""


class Unmeasured:
    """A meter that forgets."""

    def batch(self, size: int, seconds: float) -> None:
        pass

    def answered(self, seconds: Mapping[str, float]) -> None:
        pass

    def restarted(self) -> None:
        pass
