"""Models of Hugging Face's hub, or of a folder, by a name such as ``hf:OWNER/NAME``."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from model.errors import BadInstallation
from model.extras import needing_eye

PREFIX = "hf:"
# A branch or a tag would be another model tomorrow.
REVISION = re.compile("[0-9a-f]{40}")
_ON_HUB = re.compile(r"\w[\w.-]*/\w[\w.-]*")
# Weights in safetensors, and what is beside them; no code, and nothing pickled.
_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]


def check_name(name: str) -> None:
    """See that a name is one of a model.

    Raises:
        ValueError: it is not; the message says what one looks like.
    """
    where = name.removeprefix(PREFIX)
    if where == name or not (_is_folder(where) or _ON_HUB.fullmatch(where)):
        raise ValueError('name a model as "hf:OWNER/NAME", or its folder as "hf:/path"')


def check_revision(name: str, revision: str | None) -> None:
    """See that a model of the hub is pinned.

    Raises:
        ValueError: it is not; the message says how it would be.
    """
    if not _is_folder(name.removeprefix(PREFIX)) and not REVISION.fullmatch(revision or ""):
        raise ValueError("a model of the hub needs the revision that is meant, a commit's 40 hex digits")


def fetched(name: str, revision: str | None) -> Path:
    """The folder of a model: as it was named, or from the hub's cache; the first time from the hub.

    Args:
        name: ``hf:OWNER/NAME`` or ``hf:/path``.
        revision: of the first, a commit.

    Raises:
        BadInstallation: it is not there and cannot be had, or the extra ``eye`` is not installed.
    """
    where = name.removeprefix(PREFIX)
    if _is_folder(where):
        folder = Path(where)
        if not _whole(folder):
            raise BadInstallation(
                f"The captioner {name} is no folder with a config.json and model.safetensors."
            )
        return folder
    with needing_eye():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    # What it says of each try is said in a sentence at the end.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        folder = Path(snapshot_download(where, revision=revision, local_files_only=True))
        if _whole(folder):
            return folder
    except LocalEntryNotFoundError:
        pass
    try:
        folder = Path(snapshot_download(where, revision=revision, allow_patterns=_FILES))
    except Exception as error:
        raise BadInstallation(
            f"The captioner {name} cannot be had from the hub ({type(error).__name__}): look at its name, "
            "its revision and the network, or download it elsewhere and name its folder."
        ) from error
    if not _whole(folder):
        raise BadInstallation(f"The captioner {name} has no weights in safetensors: name another one.")
    return folder


def _is_folder(where: str) -> bool:
    return where.startswith("/")


def _whole(folder: Path) -> bool:
    """Whether a model's configuration and all of its weights are in a folder."""
    index = folder / "model.safetensors.index.json"
    try:
        parts = set(json.loads(index.read_text())["weight_map"].values()) if index.exists() else set()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return all((folder / name).is_file() for name in ("config.json", *(parts or {"model.safetensors"})))
