"""NLTK's corpora: found where they are at hand, downloaded only when a command asks for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.errors import BadInput, Unavailable

CORPORA = ("words", "stopwords", "cmudict", "wordnet")
HINT = "run `songwriter data nltk`, or set NLTK_DATA to the folder that has it"
# Seconds that the server may stay silent; NLTK itself would wait for ever.
_TIMEOUT = 30.0


def default_folder() -> Path:
    """The first folder of ``NLTK_DATA``; where that is not set, one of ours in the user's data."""
    named = [folder for folder in os.environ.get("NLTK_DATA", "").split(os.pathsep) if folder]
    return Path(named[0]) if named else _ours()


def corpus(name: str) -> Any:
    """One of NLTK's corpus readers, loaded, from NLTK's own folders or from ours.

    Raises:
        BadInput: the corpus is not on this machine, or is damaged.
    """
    from nltk import corpus as corpora

    _look_in(_ours())
    reader = getattr(corpora, name)
    try:
        reader.ensure_loaded()
    except LookupError as error:
        raise BadInput(f"NLTK's {name} is not here: {HINT}.") from error
    except Exception as error:
        # A damaged archive surfaces as whatever zipfile or the reader stumbles over.
        raise BadInput(f"NLTK's {name} is damaged: {HINT}.") from error
    return reader


def missing(folder: Path, names: Sequence[str] = CORPORA) -> list[str]:
    """Those of the corpora that are neither in the folder nor anywhere NLTK looks."""
    import nltk.data

    return [name for name in names if not _find(name, [str(folder), *nltk.data.path])]


def download(folder: Path, names: Sequence[str] = CORPORA, index_url: str | None = None) -> None:
    """Fetch corpora with NLTK's own downloader, which checks their digests.

    Args:
        folder: made where it does not exist.
        names: of the corpora.
        index_url: another index than NLTK's.

    Raises:
        Unavailable: the index or a corpus cannot be had; what came before stays.
        OSError: the folder cannot be written to.
    """
    from nltk.downloader import Downloader

    folder.mkdir(parents=True, exist_ok=True)
    # NLTK writes only to folders that it also reads.
    _look_in(folder)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    downloader = Downloader(server_index_url=index_url, download_dir=str(folder))
    try:
        for name in names:
            _fetch(downloader, name, folder)
    finally:
        socket.setdefaulttimeout(before)


def _fetch(downloader: Any, name: str, folder: Path) -> None:
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        try:
            downloader.download(name, str(folder), quiet=True, raise_on_error=True, print_error_to=nowhere)
            # A file that the index does not describe rightly is fetched, yet not complete.
            complete = bool(_find(name, [str(folder)]))
        except (ValueError, OSError) as error:
            raise Unavailable(_sentence(name, downloader.url, str(error))) from error
    if not complete:
        raise Unavailable(_sentence(name, downloader.url, "what came is no such corpus"))


def _sentence(name: str, url: str, reason: str) -> str:
    return (
        f"NLTK's {name} could not be had from {url} ({reason.strip('.')}): try again later, or "
        "set NLTK_DATA to a folder that has it."
    )


def _look_in(folder: Path) -> None:
    import nltk.data

    if str(folder) not in nltk.data.path:
        nltk.data.path.append(str(folder))


def _find(name: str, folders: list[str]) -> str | None:
    import nltk.data

    for path in (f"corpora/{name}", f"corpora/{name}.zip"):
        try:
            return str(nltk.data.find(path, folders))
        except (LookupError, OSError):
            continue
    return None


def _ours() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "songwriter" / "nltk_data"
