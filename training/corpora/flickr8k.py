"""Flickr8k: split lists and captions (Hodosh, Young and Hockenmaier, JAIR 47, 2013)."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from model.errors import BadInput


def read_captions(path: Path) -> dict[str, list[str]]:
    """Captions a picture, from ``Flickr8k.token.txt`` or a ``captions.txt`` CSV.

    Returns:
        picture file name -> its captions, raw, in the file's order.

    Raises:
        BadInput: the file cannot be read or has a line that is no caption.
    """
    captions: dict[str, list[str]] = defaultdict(list)
    text = _text(path)
    is_csv = next(csv.reader([text.partition("\n")[0].lower()]), []) == ["image", "caption"]
    for number, name, caption in _table(text, path) if is_csv else _tabbed(text):
        if not caption:
            raise BadInput(f"{path}, line {number}: expected a picture name and a caption.")
        captions[name.rpartition("#")[0] or name].append(caption)
    if not captions:
        raise BadInput(f"{path} holds no captions.")
    # A known slip of the official file: this key has no picture.
    captions.pop("2258277193_586949ec62.jpg.1", None)
    return dict(captions)


def read_split(path: Path) -> list[str]:
    """Picture names of a split list, one a line, each once.

    Raises:
        BadInput: the list cannot be read or is empty.
    """
    names = list(dict.fromkeys(line.strip() for line in _text(path).splitlines() if line.strip()))
    if not names:
        raise BadInput(f"{path} lists no pictures.")
    return names


def read_split_captions(captions: Path, split: Path) -> dict[str, list[str]]:
    """Captions of the pictures that a split list names, in its order.

    Raises:
        BadInput: a file is missing or malformed, or a listed picture has no captions.
    """
    names, known = read_split(split), read_captions(captions)
    missing = [name for name in names if name not in known]
    if missing:
        raise BadInput(f"{captions} has no captions for {missing[0]} and {len(missing) - 1} more.")
    return {name: known[name] for name in names}


def _tabbed(text: str) -> Iterator[tuple[int, str, str]]:
    """Each line's number, picture and caption."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            name, _, caption = line.partition("\t")
            yield number, name, caption.strip().strip('"').strip()


def _table(text: str, path: Path) -> Iterator[tuple[int, str, str]]:
    """The same of a CSV; a caption without quotation marks around it may have commas, too."""
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        for name, *rest in filter(None, islice(rows, 1, None)):
            caption = " ".join(",".join(rest).replace('""', '"').split())
            yield rows.line_num, name, caption
    except csv.Error as error:
        raise BadInput(f"{path}, line {rows.line_num}: {error}.") from error


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text.") from error
