"""What a run looks like as it goes: a CSV row at every validation, and a picture of them all."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.files import replacing, write_whole

LOG, PICTURE = "log.csv", "curves.png"

# Inches, and dots an inch.
_PANEL, _DPI = (5.5, 3.8), 100
# Seconds from one picture to the next: a short run would draw for longer than it learns.
_PAUSE = 10.0


@dataclass(frozen=True)
class Panel:
    """A diagram of the picture.

    Attributes:
        title: what its vertical axis says.
        columns: of the log, a line each, the last one drawn thicker.
    """

    title: str
    columns: Sequence[str]


class Curves:
    """A run's log. Its first column is ``step``, one of the others ``minutes``.

    Args:
        run: the folder.
        panels: of the picture.
        clock: gives the time in seconds.
    """

    def __init__(
        self, run: Path, panels: Sequence[Panel], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.run, self.panels = run, panels
        self._clock, self._next, self._stale = clock, -math.inf, False

    def begin(self, step: int) -> None:
        """Keep what an earlier process logged up to this step; 0 begins anew.

        A process that is killed between its log and its state leaves a row that comes again.

        Raises:
            BadInput: the log is not one of ours.
        """
        # What cannot be written to should be known before the first validation.
        self.run.mkdir(parents=True, exist_ok=True)
        path = self.run / LOG
        if not path.exists():
            return
        kept = [row for row in self.rows() if int(row["step"]) <= step] if step else []
        if kept:
            self._write(kept)
        else:
            path.unlink()

    def rows(self) -> list[dict[str, str]]:
        """What is logged, a dictionary a row.

        Raises:
            BadInput: the log is not one of ours.
        """
        path = self.run / LOG
        try:
            rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
            for row in rows:
                int(row["step"]), float(row["minutes"])
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise BadInput(f"{path} is no log of a training run: move it away.") from error
        return rows

    def add(self, row: dict[str, Any]) -> None:
        """Append a row, and draw the picture anew unless that was just done."""
        before = self.rows() if (self.run / LOG).exists() else []
        self._write([*before, {name: _short(value) for name, value in row.items()}])
        self._stale = True
        if self._clock() >= self._next:
            self.finish()

    def finish(self) -> None:
        """Draw the picture if it lacks a row."""
        if self._stale:
            self._draw()
            self._next, self._stale = self._clock() + _PAUSE, False

    def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, dict.fromkeys(name for row in rows for name in row))
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.run / LOG, text.getvalue().encode())

    def _draw(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        rows = self.rows()
        minutes = [float(row["minutes"]) for row in rows]
        size = (_PANEL[0] * len(self.panels), _PANEL[1])
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        axes = figure.subplots(1, len(self.panels), squeeze=False)[0]
        for axis, panel in zip(axes, self.panels, strict=True):
            for column in panel.columns:
                values = [float(row[column] or "nan") for row in rows]
                width = 2 if column == panel.columns[-1] else 1
                axis.plot(minutes, values, marker=".", label=column, linewidth=width)
            axis.set(xlabel="minutes of training", ylabel=panel.title)
            axis.grid(alpha=0.3)
            axis.legend()
        with replacing(self.run / PICTURE) as place:
            figure.set_canvas(FigureCanvasAgg(figure))
            figure.savefig(place, format="png")


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"
