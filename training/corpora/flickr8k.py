"""Flickr8k: split lists and captions (Hodosh, Young and Hockenmaier, JAIR 47, 2013)."""

from __future__ import annotations

from collections import defaultdict
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
    lines = _lines(path)
    is_csv = bool(lines) and lines[0].strip().lower() == "image,caption"
    for number, line in enumerate(lines[1:] if is_csv else lines, start=2 if is_csv else 1):
        if not line.strip():
            continue
        name, separator, caption = line.partition("," if is_csv else "\t")
        if not separator:
            raise BadInput(f"{path}, line {number}: expected a picture name and a caption.")
        captions[name.rpartition("#")[0] or name].append(caption.strip().strip('"').strip())
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
    names = list(dict.fromkeys(line.strip() for line in _lines(path) if line.strip()))
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


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text.") from error
