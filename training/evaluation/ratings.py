"""Ratings of stanzas: read, held against a scale, put into cells, and their shares with intervals."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from model.emoji import plain
from model.errors import BadInput, BadOption
from training.evaluation.intervals import wilson

Key = TypeVar("Key")

# The default temperature, 0.4, is the middle of its range.
_FIRST, _STEP = 0.1, 0.2
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Rating:
    """What one person thought of one stanza, as ``songwriter ratings export`` tells it.

    Attributes:
        output: which stanza.
        person: a pseudonym.
        server: a pseudonym, "" for a direct message.
        reaction: an emoji, plain.
        self_rating: by who asked for the stanza.
        bot: by a bot.
        text: the stanza.
        keywords: lemmas that steered it.
        picture: whether it is about a picture.
        prompt: whether it had to start with a given word or phrase.
        mood: that was asked for, "" for none.
        temperature: 0.1 to 1.2.
        captioner: digest, "" without a picture.
        generator: digest.
        recipe: of the stanza, "" for none.
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
    prompt: bool
    mood: str
    temperature: float
    captioner: str
    generator: str
    recipe: str = ""

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
        texts["reaction"] = plain(texts["reaction"])
        texts["recipe"] = str(row.get("recipe") or "")
        keywords = tuple(filter(None, keywords.split(", ") if isinstance(keywords, str) else keywords))
        # Fails for keywords that are no texts, and for half a surrogate pair, which nothing can print.
        "".join((*texts.values(), *keywords)).encode()
        return cls(
            **texts,
            self_rating=_truth(row["self_rating"]),
            bot=_truth(row["bot"]),
            keywords=keywords,
            picture=bool(row["captioner"]),
            prompt=bool(row["seed"]),
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
        BadInput: a column or value is missing or wrong.
    """
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(Rating.of(row))
        except KeyError as error:
            raise BadInput(f"{path} is no export of ratings: it has no column {error}.") from error
        except (TypeError, ValueError) as error:
            raise BadInput(f"{path}, rating {number}: a value is missing or of the wrong kind.") from error
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
        if both := sorted({*map(plain, self.positive)} & {*map(plain, self.negative)}):
            raise BadOption(f"{both[0]} cannot be praise and no praise: leave out one of them.")

    def is_positive(self, rating: Rating) -> bool | None:
        """Whether a rating is positive; None for a reaction that is not on the scale."""
        chosen = self.chosen.get(rating.server)
        good, bad = (chosen[:1], chosen[1:]) if chosen else (self.positive, self.negative)
        given = rating.reaction
        return True if given in map(plain, good) else False if given in map(plain, bad) else None


# Ratings that count, and whether each is positive.
Counted = Sequence[tuple[Rating, bool]]


@dataclass(frozen=True)
class Count:
    """Ratings that count, and how many do not.

    Attributes:
        counted: the former.
        self_ratings: given by who asked for the stanza.
        bots: given by bots.
        other_reactions: how often each reaction that is not on the scale was given.
    """

    counted: Counted
    self_ratings: int
    bots: int
    other_reactions: Mapping[str, int]

    @property
    def stanzas(self) -> int:
        """How many different stanzas the counted ratings are of."""
        return len({rating.output for rating, _ in self.counted})

    @classmethod
    def of(cls, ratings: Iterable[Rating], scale: Scale) -> Count:
        """Hold each person's rating of a stanza against the scale."""
        counted: list[tuple[Rating, bool]] = []
        left_out: Counter[str] = Counter()
        others: Counter[str] = Counter()
        for rating in ratings:
            positive = scale.is_positive(rating)
            if rating.bot or rating.self_rating:
                left_out["bot" if rating.bot else "self"] += 1
            elif positive is None:
                others[rating.reaction] += 1
            else:
                counted.append((rating, positive))
        return cls(counted, left_out["self"], left_out["bot"], dict(others.most_common()))


def cells(counted: Counted, key: Callable[[Rating], Key]) -> dict[Key, Counted]:
    """The ratings by a key of theirs, in rising order of the key."""
    found: dict[Any, list[tuple[Rating, bool]]] = defaultdict(list)
    for rating, positive in counted:
        found[key(rating)].append((rating, positive))
    return {name: found[name] for name in sorted(found)}


def temperature_range(rating: Rating) -> tuple[float, float]:
    """The tenths between which the temperature of a stanza lies, the first one included."""
    # 0.3 is stored a hair below three tenths and still belongs to the range that starts there.
    number = math.floor((rating.temperature - _FIRST) / _STEP + 1e-9)
    return round(_FIRST + number * _STEP, 1), round(_FIRST + (number + 1) * _STEP, 1)


def positive_share(counted: Counted) -> dict[str, float | int | None]:
    """How many ratings are positive.

    Returns:
        ``positive``, their ``share`` (0..1), and ``low`` and ``high``, the ends of its Wilson interval
        at 95 %; the last three are None where there are no ratings.
    """
    positive = sum(good for _, good in counted)
    if not counted:
        return {"positive": positive, "share": None, "low": None, "high": None}
    low, high = wilson(positive, len(counted))
    return {"positive": positive, "share": positive / len(counted), "low": low, "high": high}
