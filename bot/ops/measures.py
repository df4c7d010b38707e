"""The engine's measurements as metrics."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ops.health import Metrics


class EngineMeter:
    """See ``bot.engine.meter.Meter``."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def batch(self, size: int, seconds: float) -> None:
        self._metrics.batch_size.observe(size)
        self._metrics.batch_seconds.observe(seconds)

    def answered(self, seconds: Mapping[str, float]) -> None:
        for stage, taken in seconds.items():
            self._metrics.stages.labels(stage=stage).observe(taken)

    def restarted(self) -> None:
        self._metrics.worker_restarts.inc()
