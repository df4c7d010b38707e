"""A run's best checkpoints: each under the name of its score, the best one under its plain name too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CheckpointKeeper:
    """Where checkpoints are kept.

    Attributes:
        plain: the best one, such as ``generator.safetensors``; the others stand beside it, such
            as ``generator-1.3488.safetensors``.
        count: how many are kept under their scores.
        digits: of a score in a name.
        lower: whether lower scores are better.
    """

    plain: Path
    count: int
    digits: int
    lower: bool

    def offer(
        self, score: float, kept: list[float], best: bool, write: Callable[[Path], None]
    ) -> list[float]:
        """Write a checkpoint if it is among the best, and remove the one it takes the place of.

        Args:
            score: its score.
            kept: scores of those on the shelf.
            best: whether it gets the plain name.
            write: writes it to a path.

        Returns:
            scores of those on the shelf now, the best first.
        """
        score = round(score, self.digits)
        ranked = sorted({*kept, score}, reverse=not self.lower)[: self.count]
        # A later one that is no better does not take a name that is taken.
        named = score in ranked and (best or score not in kept)
        for place in [*([self.plain] if best else []), *([self.named(score)] if named else [])]:
            write(place)
        for lost in set(kept) - set(ranked):
            self.named(lost).unlink(missing_ok=True)
        return ranked

    def named(self, score: float) -> Path:
        """Where a checkpoint with this score stands."""
        return self.plain.with_stem(f"{self.plain.stem}-{score:.{self.digits}f}")
