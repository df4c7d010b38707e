"""Flickr8k as it lies on a disk: checked, and made ready for training."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from model.errors import BadInput
from model.files import write_whole
from model.pictures import Preprocessing, open_picture
from training.corpora.flickr8k import read_captions, read_split

SPLITS = ("train", "dev", "test")
# The official zip spells its folder wrongly; copies vary.
_FOLDERS = ("Flickr8k_Dataset", "Flicker8k_Dataset", "Images", "images")
_TOKEN, _CSV = "Flickr8k.token.txt", "captions.txt"
# Shares of dev and test where there are no official lists: 1,000 of 8,000 each.
_HELD_BACK = 0.125
# Above this, a second compression cannot be seen.
_QUALITY = 92


@dataclass(frozen=True)
class Layout:
    """Where the parts of a copy of Flickr8k lie."""

    images: Path
    captions: Path
    lists: Mapping[str, Path]

    @property
    def kind(self) -> str:
        """'official' or 'csv'."""
        return "official" if self.captions.name == _TOKEN else "csv"


@dataclass
class Coverage:
    """How many pictures a split names, and how many of them can be used."""

    listed: int
    usable: int

    @property
    def share(self) -> float:
        """0..1."""
        return self.usable / self.listed


@dataclass
class Checked:
    """What was found. Names are of picture files."""

    layout: Layout
    captioned: int = 0
    captions: int = 0
    no_picture: list[str] = field(default_factory=list)
    no_caption: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    splits: dict[str, Coverage] = field(default_factory=dict)
    official_splits: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "layout": self.layout.kind,
            "images": str(self.layout.images),
            "captions_file": str(self.layout.captions),
            "pictures": self.captioned,
            "captions": self.captions,
            "no_picture": self.no_picture,
            "no_caption": self.no_caption,
            "unreadable": self.unreadable,
            "official_splits": self.official_splits,
            "splits": {
                name: {"listed": found.listed, "usable": found.usable, "coverage": round(found.share, 4)}
                for name, found in self.splits.items()
            },
        }

    def __str__(self) -> str:
        lines = [
            f"{self.layout.kind} layout: {self.layout.images}, {self.layout.captions.name}",
            f"{self.captioned:,} pictures with captions, {self.captions:,} captions",
        ]
        for what, names in (
            ("captions without a picture", self.no_picture),
            ("pictures without captions", self.no_caption),
            ("unreadable, skipped", self.unreadable),
        ):
            if names:
                more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
                lines.append(f"{what}: {', '.join(names[:5])}{more}")
        for name, found in self.splits.items():
            lines.append(f"{name:<6}{found.usable:>6,} of {found.listed:,} usable ({found.share:.1%})")
        if not self.official_splits:
            lines.append(
                "there are no official lists here: these splits are ours, figures on them are not comparable"
            )
        return "\n".join(lines)


def find_layout(folder: Path) -> Layout:
    """Find pictures, captions and split lists in a folder, or one folder below.

    Raises:
        BadInput: one of them is not there.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder: name the one that holds Flickr8k.")
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    captions = _first(places, _TOKEN) or _first(places, _CSV)
    if captions is None:
        raise BadInput(f"{folder} holds neither {_TOKEN} nor {_CSV}.")
    folders = [place / name for place in places for name in (*_FOLDERS, ".")]
    images = next((path for path in folders if path.is_dir() and any(path.glob("*.jpg"))), None)
    if images is None:
        raise BadInput(f"{folder} holds no pictures: expected them in {', '.join(_FOLDERS)}.")
    lists = {name: captions.parent / f"Flickr_8k.{name}Images.txt" for name in SPLITS}
    return Layout(images.resolve(), captions, {name: path for name, path in lists.items() if path.is_file()})


def prepare(folder: Path, output: Path | None = None, resize: int | None = None) -> Checked:
    """Check every picture, caption and list; write what training needs.

    Args:
        folder: a copy of Flickr8k, as its authors give it out or with ``captions.txt``.
        output: gets ``Flickr8k.token.txt`` and the split lists, of usable pictures only.
        resize: ``output/images`` gets the pictures as JPEGs squashed to this side, as the
            captioner squashes them. Those that are there already are kept.

    Raises:
        BadInput: this is no copy of Flickr8k, or no picture in it can be used.
        OSError: the output cannot be written.
    """
    layout = find_layout(folder)
    captions = read_captions(layout.captions)
    report = Checked(layout)
    present = {path.name for path in layout.images.glob("*.jpg")}
    report.no_picture = sorted(set(captions) - present)
    report.no_caption = sorted(present - set(captions))
    usable = []
    for name in tqdm(sorted(present & set(captions)), desc="pictures", unit="picture", disable=None):
        try:
            _check(layout.images / name, output / "images" / name if output and resize else None, resize)
        except BadInput:
            report.unreadable.append(name)
            continue
        usable.append(name)
    if not usable:
        raise BadInput(f"No picture in {layout.images} can be read and has captions in {layout.captions}.")
    report.captioned, report.captions = len(usable), sum(len(captions[name]) for name in usable)
    lists = {name: read_split(path) for name, path in layout.lists.items()}
    report.official_splits = bool(lists)
    lists = lists or _own_splits(sorted(captions))
    known = set(usable)
    fit = {name: [picture for picture in names if picture in known] for name, names in lists.items()}
    report.splits = {name: Coverage(len(lists[name]), len(fit[name])) for name in lists}
    if output:
        _write(output, {name: captions[name] for name in usable}, fit)
    return report


def _check(path: Path, copy: Path | None, side: int | None) -> None:
    """Decode a picture; write the squashed copy where it is not there already."""
    if copy is None or side is None:
        open_picture(path)
    elif not _is_there(copy, side):
        buffer = io.BytesIO()
        Preprocessing(size=side).square(open_picture(path)).save(buffer, "JPEG", quality=_QUALITY)
        write_whole(copy, buffer.getvalue())


def _is_there(copy: Path, side: int) -> bool:
    try:
        with Image.open(copy) as picture:
            return picture.size == (side, side)
    except (OSError, UnidentifiedImageError):
        return False


def _own_splits(names: Sequence[str]) -> dict[str, list[str]]:
    """Train, dev and test by a hash of the name: the same on every machine."""
    splits: dict[str, list[str]] = {name: [] for name in SPLITS}
    for name in names:
        draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
        splits["dev" if draw < _HELD_BACK else "test" if draw < 2 * _HELD_BACK else "train"].append(name)
    return {name: chosen for name, chosen in splits.items() if chosen}


def _write(output: Path, captions: Mapping[str, Sequence[str]], lists: Mapping[str, Sequence[str]]) -> None:
    lines = [
        f"{name}#{number}\t{caption}\n"
        for name, own in captions.items()
        for number, caption in enumerate(own)
    ]
    write_whole(output / _TOKEN, "".join(lines).encode())
    for name, names in lists.items():
        write_whole(output / f"Flickr_8k.{name}Images.txt", "".join(f"{n}\n" for n in names).encode())


def _first(places: Sequence[Path], name: str) -> Path | None:
    return next((place / name for place in places if (place / name).is_file()), None)
