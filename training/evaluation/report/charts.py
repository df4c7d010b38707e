"""Line and interval charts as plain geometry; ``page.html`` draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# In units of the drawing, which a desktop shows at about a pixel each and a phone at 0.8.
WIDTH, HEIGHT = 440, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 40
ROW = 30
# Where the rows of an interval chart have their scale; labels stand to the left, counts to the right.
ROW_LEFT, ROW_RIGHT = 130, 100
# Longer labels reach out of the drawing.
MAX_LABEL = 20
# More points than that are no longer seen at this width.
MAX_POINTS = 400

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: place in the drawing and label."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """One curve: an SVG path, its name, its last value and place, and the height of what it is held to."""

    name: str
    path: str
    last: str
    end: tuple[float, float]
    level: float | None


@dataclass(frozen=True)
class LineChart:
    """Curves over a common axis, with a description for those who do not see them."""

    title: str
    description: str
    x_label: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    mark: Tick | None


@dataclass(frozen=True)
class Curve:
    """What a line is drawn from: points in the order of x, at least one, all finite.

    Attributes:
        name: what it shows.
        points: x and y.
        level: a value that the curve is held to, such as that of human texts.
    """

    name: str
    points: Points
    level: float | None = None


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; ``interval`` (low, middle, high) is None where too little is known.

    Attributes:
        label: what it is about.
        interval: ends and middle.
        text: the figure in words.
    """

    label: str
    interval: tuple[float, float, float] | None
    text: str


@dataclass(frozen=True)
class Row:
    """An estimate in the drawing."""

    label: str
    places: tuple[float, ...]
    y: float
    text: str


@dataclass(frozen=True)
class IntervalChart:
    """Estimates below each other, over a common scale."""

    title: str
    description: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    height: float


def line_chart(
    title: str, x_label: str, curves: Sequence[Curve], mark: tuple[float, str] | None = None
) -> LineChart:
    """Curves -> where everything goes.

    Args:
        title: what is measured.
        x_label: what the horizontal axis counts.
        curves: at least one.
        mark: a place on the horizontal axis, and what is there.
    """
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    levels = [curve.level for curve in curves if curve.level is not None]
    across = _Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    up = _Scale(min(ys + levels), max(ys + levels), HEIGHT - BOTTOM, TOP, whole=True)
    lines = []
    for curve in curves:
        places = [(across(x), up(y)) for x, y in thinned(curve.points)]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        level = None if curve.level is None else up(curve.level)
        lines.append(Line(curve.name, path, number(curve.points[-1][1]), places[-1], level))
    told = "; ".join(map(_told, curves))
    if mark:
        told += f"; {mark[1]} at {number(mark[0])}"
    return LineChart(
        title,
        f"By {x_label}: {told}.",
        x_label,
        tuple(lines),
        tuple(across.ticks()),
        tuple(up.ticks()),
        Tick(across(mark[0]), mark[1]) if mark else None,
    )


def interval_chart(
    title: str, estimates: Sequence[Estimate], ends: tuple[float, float], ticks: Sequence[tuple[float, str]]
) -> IntervalChart:
    """Estimates -> where everything goes.

    Args:
        title: what is estimated.
        estimates: a row each, at least one.
        ends: of the scale.
        ticks: values on it, and how they are written.
    """
    across = _Scale(*ends, ROW_LEFT, WIDTH - ROW_RIGHT)
    rows = tuple(
        Row(_short(one.label), tuple(map(across, one.interval or ())), ROW * (place + 0.5), one.text)
        for place, one in enumerate(estimates)
    )
    told = "; ".join(f"{one.label}: {one.text}" for one in estimates)
    marks = tuple(Tick(across(value), label) for value, label in ticks)
    return IntervalChart(title, f"{told}.", rows, marks, ROW * len(rows))


def thinned(points: Points) -> Points:
    """At most about ``MAX_POINTS`` of the points, evenly, the last among them."""
    stride = math.ceil(len(points) / MAX_POINTS)
    return [*points[:-1:stride], points[-1]]


def number(value: float) -> str:
    """A figure with three or four digits, large ones by thousands and millions."""
    for size, unit in ((1e9, " bn"), (1e6, " M"), (1e4, "")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}" if unit else f"{value / 1e3:.3g} k"
    if value == int(value):
        return f"{value:.0f}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _short(label: str) -> str:
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"


def percent(share: float) -> str:
    """A share (0..1) in whole per cent."""
    return f"{100 * share:.0f} %"


class _Scale:
    """From values to places in the drawing; ``whole`` widens the ends to ticks."""

    def __init__(self, low: float, high: float, start: float, end: float, whole: bool = False) -> None:
        if low == high:
            low, high = low - (abs(low) or 1.0) / 10, high + (abs(high) or 1.0) / 10
        self.step = _nice((high - low) / (4 if whole else 6))
        self.low, self.high = low, high
        if whole:
            self.low = math.floor(low / self.step + 1e-9) * self.step
            self.high = math.ceil(high / self.step - 1e-9) * self.step
        self._start, self._length = start, end - start

    def __call__(self, value: float) -> float:
        return self._start + (value - self.low) / (self.high - self.low) * self._length

    def ticks(self) -> Iterator[Tick]:
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        for count in range(first, last + 1):
            # Multiplied, not added up, and rounded: 0.1 three times is not 0.3.
            value = float(f"{count * self.step:.10g}")
            yield Tick(self(value), number(value))


def _nice(step: float) -> float:
    """The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not below the step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * size for size in (1, 2, 2.5, 5, 10, 20) if power * size >= step * (1 - 1e-9))


def _told(curve: Curve) -> str:
    values = [y for _, y in curve.points]
    return (
        f"{curve.name} from {number(values[0])} to {number(values[-1])}, "
        f"lowest {number(min(values))}, highest {number(max(values))}"
    )
