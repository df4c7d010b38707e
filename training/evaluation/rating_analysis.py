"""What people's reactions say: how stanzas are rated, by what was asked for and by what came out."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.errors import BadInput, BadOption
from model.files import replacing, write_whole
from model.keywords import used
from model.lexicon import Lexicon
from model.text import fold, words
from training.corpora.rhymes import Rhymes
from training.evaluation.intervals import CONFIDENCE, rank_correlation, rank_correlation_interval, wilson
from training.evaluation.results import save, table
from training.evaluation.verse import Dictionary, describe

# With 30 ratings the interval of a share reaches 17 points to either side; fewer than five people
# are their taste, and no longer quite anonymous. With 50 stanzas the interval of one correlation
# reaches 0.28 to either side.
MIN_RATINGS, MIN_PEOPLE, MIN_STANZAS = 30, 5, 50
TOO_FEW, CONSTANT = "too few", "always the same"

# The default temperature, 0.4, is the middle of its cell.
_FIRST, _STEP = 0.1, 0.2
_TRUTH = {"true": True, "false": False}

Measures = Mapping[str, float | None]


@dataclass(frozen=True)
class Rating:
    """What one person thought of one stanza, as ``songwriter ratings export`` tells it.

    Attributes:
        output: which stanza.
        person: a pseudonym.
        server: a pseudonym, "" for a direct message.
        reaction: an emoji.
        self_rating: by who asked for the stanza.
        bot: by a bot.
        text: the stanza.
        keywords: lemmas that steered it.
        picture: whether it is about a picture.
        seed: whether it had to start with a given word or phrase.
        mood: that was asked for, "" for none.
        temperature: 0.1 to 1.2.
        captioner: digest, "" without a picture.
        generator: digest.
    """

    output: str
    person: str
    server: str
    reaction: str
    self_rating: bool
    bot: bool
    text: str
    keywords: tuple[str, ...]
    picture: bool
    seed: bool
    mood: str
    temperature: float
    captioner: str
    generator: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Rating:
        """One row of an export, of either format.

        Raises:
            KeyError: a column is missing.
            TypeError, ValueError: a value is of the wrong kind.
        """
        keywords, temperature = row["keywords"], float(row["temperature"])
        if not math.isfinite(temperature):
            raise ValueError(temperature)
        named = ("output", "person", "server", "reaction", "text", "mood", "captioner", "generator")
        texts = {name: str(row[name] or "") for name in named}
        keywords = tuple(filter(None, keywords.split(", ") if isinstance(keywords, str) else keywords))
        # Fails for keywords that are no texts, and for half a surrogate pair, which nothing can print.
        "".join((*texts.values(), *keywords)).encode()
        return cls(
            **texts,
            self_rating=_truth(row["self_rating"]),
            bot=_truth(row["bot"]),
            keywords=keywords,
            picture=bool(row["captioner"]),
            seed=bool(row["seed"]),
            temperature=temperature,
        )


def _truth(value: Any) -> bool:
    found = _TRUTH.get(str(value).lower())
    if found is None:
        raise ValueError(value)
    return found


def read_export(path: Path) -> list[Rating]:
    """Read what ``songwriter ratings export`` wrote, CSV or JSON lines.

    Raises:
        BadInput: the file cannot be read, or is something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if text.startswith("{"):
            return ratings_of([json.loads(line) for line in text.split("\n") if line.strip()], path)
        return ratings_of(csv.DictReader(io.StringIO(text, newline=""), strict=True), path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error, RecursionError) as error:
        raise BadInput(f"{path} is no export of ratings: it is neither CSV nor JSON lines.") from error


def ratings_of(rows: Iterable[Mapping[str, Any]], path: Path) -> list[Rating]:
    """Rows with the columns of the export -> ratings; messages name ``path``.

    Raises:
        BadInput: a column or value is missing or wrong, or there are no ratings.
    """
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(Rating.of(row))
        except KeyError as error:
            raise BadInput(f"{path} is no export of ratings: it has no column {error}.") from error
        except (TypeError, ValueError) as error:
            raise BadInput(f"{path}, rating {number}: a value is missing or of the wrong kind.") from error
    if not found:
        raise BadInput(f"{path} holds no ratings.")
    return found


@dataclass(frozen=True)
class Scale:
    """Which reactions are praise and which are not.

    Attributes:
        chosen: the reactions of the servers that chose their own, the best first.
        positive: elsewhere.
        negative: elsewhere.

    Raises:
        BadOption: a reaction is both.
    """

    chosen: Mapping[str | None, Sequence[str]]
    positive: Sequence[str]
    negative: Sequence[str]

    def __post_init__(self) -> None:
        if both := sorted({*self.positive} & {*self.negative}):
            raise BadOption(f"{both[0]} cannot be praise and no praise: leave out one of them.")

    def positively(self, rating: Rating) -> bool | None:
        """Whether a rating is positive; None for a reaction that is none of the scale."""
        chosen = self.chosen.get(rating.server)
        good, bad = (chosen[:1], chosen[1:]) if chosen else (self.positive, self.negative)
        return True if rating.reaction in good else False if rating.reaction in bad else None


Counted = Sequence[tuple[Rating, bool]]


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
    left_out = Counter({"self_rating": 0, "bot": 0, "other_reaction": 0})
    other: Counter[str] = Counter()
    counted = []
    for rating in ratings:
        positive = scale.positively(rating)
        if rating.bot or rating.self_rating:
            left_out["bot" if rating.bot else "self_rating"] += 1
        elif positive is None:
            left_out["other_reaction"] += 1
            other[rating.reaction] += 1
        else:
            counted.append((rating, positive))
    return {
        "stanzas": len({rating.output for rating, _ in counted}),
        **_share(counted),
        "left_out": dict(left_out),
        "other_reactions": dict(other.most_common()),
        "minimum": {"ratings": MIN_RATINGS, "people": MIN_PEOPLE, "stanzas": MIN_STANZAS},
        **{f"by_{name}": _by(name, cell_of, counted) for name, cell_of in _CELLS.items()},
        "correlations": _correlations(counted, lexicon),
    }


def _seed_kind(rating: Rating) -> str:
    if rating.picture:
        return "picture and seed" if rating.seed else "picture"
    return "seed" if rating.seed else "neither"


def _temperature_cell(rating: Rating) -> str:
    # 0.3 is stored a hair below three tenths and still belongs to the cell that starts there.
    low = _FIRST + _STEP * math.floor((rating.temperature - _FIRST) / _STEP + 1e-9)
    return f"{low:.1f} to {low + _STEP:.1f}"


_CELLS: dict[str, Callable[[Rating], str]] = {
    "temperature": _temperature_cell,
    "mood": lambda rating: rating.mood or "none",
    "seed_kind": _seed_kind,
    "generator": lambda rating: rating.generator,
    "captioner": lambda rating: rating.captioner or "none",
}


def _by(name: str, cell_of: Callable[[Rating], str], counted: Counted) -> list[dict[str, Any]]:
    cells: dict[str, list[tuple[Rating, bool]]] = defaultdict(list)
    for rating, positive in counted:
        cells[cell_of(rating)].append((rating, positive))
    return [{name: cell, **_share(cells[cell])} for cell in sorted(cells)]


def _share(cell: Counted) -> dict[str, Any]:
    people = len({rating.person for rating, _ in cell})
    size = {"ratings": len(cell), "people": people}
    if len(cell) < MIN_RATINGS or people < MIN_PEOPLE:
        return {**size, "positive": None, "share": None, "low": None, "high": None, "note": TOO_FEW}
    positive = sum(good for _, good in cell)
    low, high = wilson(positive, len(cell))
    return {**size, "positive": positive, "share": positive / len(cell), "low": low, "high": high}


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
