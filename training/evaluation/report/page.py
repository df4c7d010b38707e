"""Puts the sections together: one HTML file that needs nothing else and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from training.evaluation.report import charts
from training.evaluation.report.charts import LineChart
from training.evaluation.report.pictures import Photograph
from training.evaluation.report.sources import Ratings, Study, Table

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Sections:
    """What there is to show; whatever is empty is left out with a sentence.

    Attributes:
        photographs: in the order of their list.
        losses: charts of training logs.
        studies: one a temperature study.
        ratings: what people thought, or None.
        measures: figures of result files side by side, or None.
    """

    photographs: Sequence[Photograph] = ()
    losses: Sequence[LineChart] = ()
    studies: Sequence[Study] = ()
    ratings: Ratings | None = None
    measures: Table | None = None


@dataclass(frozen=True)
class _Figure:
    name: str
    value: str


def render(title: str, sections: Sections, provenance: Mapping[str, Any]) -> bytes:
    """The whole page, as UTF-8.

    Every text is escaped by the template. A content security policy forbids all requests and
    every script and style but the page's own, named by their digests.

    Args:
        title: of the page.
        sections: what it shows.
        provenance: as ``training.evaluation.results.stamped`` makes it.
    """
    css, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(css)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _template().render(
        title=title,
        policy=policy,
        # These two come with the program, and must be what their digests say.
        css=Markup(css),  # noqa: S704
        script=Markup(script),  # noqa: S704
        figures=_figures(sections),
        embedded=any(photo.thumbnail for photo in sections.photographs),
        scored=any(photo.cider is not None for photo in sections.photographs),
        provenance=provenance,
        percent=charts.percent,
        width=charts.WIDTH,
        height=charts.HEIGHT,
        left=charts.LEFT,
        right=charts.RIGHT,
        top=charts.TOP,
        bottom=charts.BOTTOM,
        **vars(sections),
    )
    # File names need not be Unicode; the page must.
    return page.encode(errors="replace")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("page.html")


def _figures(sections: Sections) -> list[_Figure]:
    """What the page begins with."""
    good = [photo for photo in sections.photographs if not photo.error]
    if not good:
        return []
    found = [_Figure("Photographs" if len(good) > 1 else "Photograph", str(len(good)))]
    scores = [photo.cider for photo in good if photo.cider is not None]
    if scores:
        found.append(_Figure("Mean CIDEr-D of these captions", f"{fmean(scores):.1f}"))
    found.append(_Figure("Mean certainty", charts.percent(fmean(photo.certainty for photo in good))))
    if stanzas := sum(len(photo.stanzas) for photo in good):
        found.append(_Figure("Stanzas" if stanzas > 1 else "Stanza", str(stanzas)))
    return found


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
