"""Texts that stand beside one another, which ``training.loops.thoughts`` learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.errors import BadInput, BadOption
from model.text import NEWLINE
from model.thoughts import CAPTIONS
from training.collecting.rows import read_rows
from training.corpora.corpus import Song, cut, read_songs, split, training_weight
from training.corpora.flickr8k import read_split_captions
from training.corpora.songbook import Verse, read_songbook, split_songbook

Pair = tuple[str, str]

# How much of the pairs of lines are the songs', beside a songbook's.
_SONGS = 0.5


@dataclass
class Neighbours:
    """Pairs of neighbours of one kind, and how often each is drawn beside the others."""

    pairs: list[Pair] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, pairs: Sequence[Pair], weight: float) -> None:
        """Add pairs that share a weight."""
        self.pairs += pairs
        self.weights += [weight / max(1, len(pairs))] * len(pairs)

    @property
    def chances(self) -> npt.NDArray[np.float64]:
        """Of each pair to be drawn, (pairs,)."""
        weights = np.array(self.weights)
        return weights / weights.sum()


@dataclass(frozen=True)
class Readings:
    """What is read for an encoder.

    Attributes:
        train: neighbours by kind: "lines", "about" and, of pictures, "captions".
        dev: held-back neighbours by the name of their figure.
        manners: training texts by style, and those under ``CAPTIONS``.
        asked: held-back captions, keywords where there are none.
        lines: the songbook's training lines.
    """

    train: dict[str, Neighbours]
    dev: dict[str, list[Pair]]
    manners: dict[str, list[str]]
    asked: list[str]
    lines: list[str]


@dataclass(frozen=True)
class Sources:
    """Files to read: the songbook, and beside it whatever there is.

    Attributes:
        songbook: stanzas, such as ``data/songbook/stanzas.jsonl.xz``.
        songs: a corpus such as ``pd_songs.jsonl.xz``.
        about: the songbook's stanzas once more, with ``id`` and ``about``, a caption or topic.
        captions: ``Flickr8k.token.txt``; ``train_list`` and ``dev_list`` name its pictures.

    Raises:
        BadOption: there are captions without a list of pictures, or a list without captions.
    """

    songbook: Path
    songs: Path | None = None
    about: Path | None = None
    captions: Path | None = None
    train_list: Path | None = None
    dev_list: Path | None = None

    def __post_init__(self) -> None:
        if bool(self.captions) != bool(self.train_list) or (self.dev_list and not self.captions):
            raise BadOption("Captions come with the list of their training pictures: give both or neither.")

    def read(self) -> Readings:
        """Read them all.

        Raises:
            BadInput: one of them cannot be read.
        """
        verses = split_songbook(read_songbook(self.songbook))
        songs = split(read_songs(self.songs)) if self.songs else {"train": [], "dev": []}
        about = _read_about(self.about) if self.about else {}
        pictures = [self._captions(names) for names in (self.train_list, self.dev_list)]
        manners = _manners(verses["train"], songs["train"])
        told = [one for said in pictures[0] for one in said]
        bags = [_bag(verse) for verse in verses["dev"]]
        return Readings(
            _train(verses["train"], songs["train"], about, pictures[0]),
            _dev(verses["dev"], songs["dev"], about, pictures[1]),
            # Whoever has no captions asks by keywords.
            manners | {CAPTIONS: told or [_bag(verse) for verse in verses["train"]]},
            [said[0] for said in pictures[1]] or bags,
            [line for verse in verses["train"] for line in verse.lines],
        )

    @property
    def digest(self) -> str:
        """A hash of the files."""
        found = hashlib.sha256()
        for one in fields(self):
            if path := getattr(self, one.name):
                found.update(path.read_bytes())
        return found.hexdigest()[:16]

    def _captions(self, names: Path | None) -> list[list[str]]:
        if not (self.captions and names):
            return []
        return list(read_split_captions(self.captions, names).values())


def _train(
    verses: Sequence[Verse], songs: Sequence[Song], about: Mapping[str, str], pictures: Sequence[list[str]]
) -> dict[str, Neighbours]:
    """Neighbours by kind; a stanza counts once, whatever its length, and songs as they do in training."""
    lines, told, said = Neighbours(), Neighbours(), Neighbours()
    weights = [(stanza, training_weight(song)) for song in songs for stanza in song.stanzas]
    share = _SONGS / (1 - _SONGS) * len(verses) / max(1.0, sum(weight for _, weight in weights))
    for stanza, weight in weights:
        lines.add(list(pairwise(stanza)), weight * share)
    for verse in verses:
        lines.add(list(pairwise(verse.lines)), 1.0)
        for telling in _tellings(verse, about):
            told.add([(telling, verse.text)], 1.0)
            told.add([(telling, line) for line in verse.lines], 1.0)
    for captions in pictures:
        said.add(list(combinations(captions, 2)), 1.0)
    kinds = {"lines": lines, "about": told, "captions": said}
    return {name: kind for name, kind in kinds.items() if kind.pairs}


def _dev(
    verses: Sequence[Verse], songs: Sequence[Song], about: Mapping[str, str], pictures: Sequence[list[str]]
) -> dict[str, list[Pair]]:
    """Held-back neighbours by figure, one pair a stanza or picture."""
    found = {
        "next line, songbook": _firsts(verse.lines for verse in verses),
        "next line, songs": _firsts(stanza for song in songs for stanza in song.stanzas),
        "keywords, stanza": [(_bag(verse), verse.text) for verse in verses if verse.keywords],
        "caption, stanza": [(about[verse.id], verse.text) for verse in verses if verse.id in about],
        "caption, caption": _firsts(pictures),
    }
    return {name: pairs for name, pairs in found.items() if pairs}


def _manners(verses: Iterable[Verse], songs: Iterable[Song]) -> dict[str, list[str]]:
    """Stanzas of at most four lines by style: what a shifted caption should look like is a stanza."""
    manners: dict[str, list[str]] = {}
    for verse in verses:
        manners.setdefault(verse.style, []).append(verse.text)
    for song in songs:
        for stanza in song.stanzas:
            manners.setdefault(song.style, []).extend(NEWLINE.join(piece) for piece in cut(stanza))
    return manners


def _tellings(verse: Verse, about: Mapping[str, str]) -> list[str]:
    """In what words a picture of the stanza may be told."""
    return [telling for telling in (_bag(verse), about.get(verse.id)) if telling]


def _firsts(groups: Iterable[Sequence[str]]) -> list[Pair]:
    """The first two texts of each group that has two."""
    return [(group[0], group[1]) for group in groups if len(group) > 1]


def _bag(verse: Verse) -> str:
    return " ".join(verse.keywords)


def _read_about(path: Path) -> dict[str, str]:
    """What stanzas are about, by id.

    Raises:
        BadInput: the file cannot be read, or a line of it has no id.
    """
    rows = list(read_rows(path))
    if not all(isinstance(row, dict) and "id" in row for row in rows):
        raise BadInput(f"{path}: expected objects with 'id' and 'about'.")
    return {str(row["id"]): str(row["about"]) for row in rows if row.get("about")}
