"""What ratings say of stanzas: shares by what was asked for, correlations with what came out."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.files import replacing, write_whole
from model.keywords import used
from model.lexicon import Lexicon
from model.text import fold, words
from training.corpora.rhymes import Rhymes
from training.evaluation import preferences
from training.evaluation.intervals import CONFIDENCE, rank_correlation, rank_correlation_interval
from training.evaluation.ratings import (
    Count,
    Counted,
    Rating,
    Scale,
    cells,
    positive_share,
    temperature_range,
)
from training.evaluation.results import save, table
from training.evaluation.verse import Dictionary, describe

# With 30 ratings the interval of a share reaches 17 points to either side; fewer than five people
# are their taste, and no longer quite anonymous. With 50 stanzas the interval of one correlation
# reaches 0.28 to either side.
MIN_RATINGS, MIN_PEOPLE, MIN_STANZAS = 30, 5, 50
TOO_FEW, CONSTANT = "too few", "always the same"

Measures = Mapping[str, float | None]


def study(ratings: Sequence[Rating], scale: Scale, lexicon: Lexicon) -> dict[str, Any]:
    """Shares of positive ratings, and what about the stanzas goes with them.

    Self-ratings, bots' and those by other reactions are left out and counted. A cell with
    fewer ratings or people than the minimum, and a correlation over fewer stanzas, has a note
    instead of figures.

    Args:
        ratings: each person's rating of a stanza once.
        scale: what the reactions mean.
        lexicon: to find keywords in stanzas.

    Returns:
        ``by_...``: rows with a cell's ``ratings``, ``people``, ``positive``, their ``share`` and its
        Wilson interval; ``correlations``: rows with Spearman's ``rho`` between a measure of a
        stanza and the share of its ratings that are positive, one pair a stanza. Their intervals
        are widened (Bonferroni), so that all of them hold together at 95 %.

    Raises:
        BadInput: NLTK's word lists are not here.
    """
    count = Count.of(ratings, scale)
    return {
        "stanzas": count.stanzas,
        **_share(count.counted),
        "left_out": {
            "self_rating": count.self_ratings,
            "bot": count.bots,
            "other_reaction": sum(count.other_reactions.values()),
        },
        "other_reactions": dict(count.other_reactions),
        "minimum": {"ratings": MIN_RATINGS, "people": MIN_PEOPLE, "stanzas": MIN_STANZAS},
        **{
            f"by_{name}": [{name: cell, **_share(some)} for cell, some in cells(count.counted, key).items()]
            for name, key in _KEYS.items()
        },
        "correlations": _correlations(count.counted, lexicon),
    }


def _seed_kind(rating: Rating) -> str:
    if rating.picture:
        return "picture and seed" if rating.prompt else "picture"
    return "seed" if rating.prompt else "neither"


_KEYS: dict[str, Callable[[Rating], str]] = {
    "temperature": lambda rating: "{:.1f} to {:.1f}".format(*temperature_range(rating)),
    "mood": lambda rating: rating.mood or "none",
    "seed_kind": _seed_kind,
    "generator": lambda rating: rating.generator,
    "captioner": lambda rating: rating.captioner or "none",
}


def _share(cell: Counted) -> dict[str, Any]:
    people = len({rating.person for rating, _ in cell})
    size = {"ratings": len(cell), "people": people}
    if len(cell) < MIN_RATINGS or people < MIN_PEOPLE:
        return {**size, "positive": None, "share": None, "low": None, "high": None, "note": TOO_FEW}
    return {**size, **positive_share(cell)}


def _correlations(counted: Counted, lexicon: Lexicon) -> list[dict[str, Any]]:
    stanzas = {rating.output: rating for rating, _ in counted}
    votes: dict[str, list[bool]] = defaultdict(list)
    for rating, positive in counted:
        votes[rating.output].append(positive)
    dictionary, rhymes = Dictionary(), Rhymes()
    measured = {name: measures(one, lexicon, dictionary, rhymes) for name, one in stanzas.items()}
    columns = dict.fromkeys(key for found in measured.values() for key in found)
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(columns))
    return [
        {
            "measure": column,
            **_correlation(
                [
                    (value, sum(votes[name]) / len(votes[name]))
                    for name, found in measured.items()
                    if (value := found.get(column)) is not None
                ],
                confidence,
            ),
        }
        for column in columns
    ]


def measures(stanza: Rating, lexicon: Lexicon, dictionary: Dictionary, rhymes: Rhymes) -> Measures:
    """The automatic measures of one stanza, None where one does not apply; see ``verse.describe``."""
    text = fold(stanza.text)
    if not words(text):
        return {}
    found = describe([text], dictionary, rhymes)
    kept = ("dictionary_words", "distinct_1", "distinct_2", "repeated_4grams", "words", "words_per_line")
    present = len(used(stanza.keywords, text, lexicon))
    return {
        "temperature": stanza.temperature,
        "keywords_used": present / len(stanza.keywords) if stanza.keywords else None,
        **{name: found[name] for name in kept},
        "lines": found["lines_per_stanza"],
        "rhyming_lines": found["rhymes"]["rhyming_lines"],
    }


def _correlation(pairs: Sequence[tuple[float, float]], confidence: float) -> dict[str, Any]:
    nothing = {"stanzas": len(pairs), "rho": None, "low": None, "high": None}
    if len(pairs) < MIN_STANZAS:
        return {**nothing, "note": TOO_FEW}
    rho = rank_correlation([value for value, _ in pairs], [share for _, share in pairs])
    if rho is None:
        return {**nothing, "note": CONSTANT}
    low, high = rank_correlation_interval(rho, len(pairs), confidence)
    return {"stanzas": len(pairs), "rho": rho, "low": low, "high": high}


def readable(result: Mapping[str, Any]) -> str:
    """What `study` found, for people."""
    out, least = result["left_out"], result["minimum"]
    others = ", ".join(f"{reaction} {count}" for reaction, count in result["other_reactions"].items())
    parts = [
        f"Ratings: {result['ratings']}, of stanzas: {result['stanzas']}, by people: {result['people']}. "
        f"Left out: self-ratings {out['self_rating']}, bots' {out['bot']}, "
        f"other reactions {out['other_reaction']}{f' ({others})' if others else ''}.\n"
        f"Too few: fewer than {least['ratings']} ratings, {least['people']} people, or for a correlation "
        f"{least['stanzas']} stanzas."
    ]
    for key, rows in _tables(result).items():
        heads = ("rho", "stanzas") if key == "correlations" else ("share", "ratings", "people")
        cells = [(next(iter(row.values())), *(row[head] for head in heads), _interval(row)) for row in rows]
        parts.append(table([(key.replace("_", " "), *heads, "95 % interval"), *cells]))
    if "score" in result:
        parts.append(preferences.readable(result["score"]))
    return "\n\n".join(parts)


def _tables(result: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, Any]]]:
    return {key: rows for key, rows in result.items() if key.startswith("by_") or key == "correlations"}


def _interval(row: Mapping[str, Any]) -> str:
    return str(row["note"]) if row["low"] is None else f"{row['low']:.2f} to {row['high']:.2f}"


def write_folder(result: Mapping[str, Any], folder: Path) -> None:
    """Write the result as ``ratings.json``, its tables as CSV files and its plots as PNG files."""
    save(result, folder / "ratings.json")
    for key, rows in _tables(result).items():
        columns = dict.fromkeys(column for row in rows for column in row)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(folder / f"{key}.csv", text.getvalue().encode())
    plot_shares(result, folder / "shares.png")
    plot_correlations(result, folder / "correlations.png")


def plot_shares(result: Mapping[str, Any], path: Path) -> None:
    """Shares of positive ratings with their intervals as a PNG, a panel a question."""
    panels = {key: rows for key, rows in _tables(result).items() if key != "correlations"}
    heights = [1 + len(rows) for rows in panels.values()]
    figure = Figure(figsize=(8, 0.45 * sum(heights) + 1), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, height_ratios=heights)
    for place, (key, rows) in zip(axes, panels.items(), strict=True):
        labels = [f"{next(iter(row.values()))}  ({row['ratings']})" for row in rows]
        _forest(place, rows, "share", labels)
        place.set_title(key.replace("_", " "), loc="left", fontsize="medium")
        if result["share"] is not None:
            place.axvline(result["share"], color="0.6", linestyle=":")
    axes[-1].set(xlim=(0, 1), xlabel="share of positive ratings, 95 % interval; dotted: all ratings")
    _write(figure, path)


def plot_correlations(result: Mapping[str, Any], path: Path) -> None:
    """Spearman's correlations with their intervals as a PNG."""
    rows = result["correlations"]
    figure = Figure(figsize=(8, 0.35 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    _forest(axes, rows, "rho", [f"{row['measure'].replace('_', ' ')}  ({row['stanzas']})" for row in rows])
    axes.axvline(0, color="0.6", linestyle=":")
    axes.set(xlim=(-1, 1), xlabel="rank correlation with the share of positive ratings, joint 95 % intervals")
    _write(figure, path)


def _forest(axes: Axes, rows: Sequence[Mapping[str, Any]], key: str, labels: Sequence[str]) -> None:
    """A point and its interval a row, the first on top; what there is too little of says so."""
    for height, row in enumerate(rows):
        if row[key] is None:
            axes.text(
                0.02, height, row["note"], color="0.5", va="center", transform=axes.get_yaxis_transform()
            )
            continue
        reach = [[row[key] - row["low"]], [row["high"] - row[key]]]
        axes.errorbar(row[key], height, xerr=reach, fmt="o", color="C0", capsize=3)
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(max(1, len(rows)) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)


def _write(figure: Figure, path: Path) -> None:
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=110)
