"""What only some need is installed by them alone: the extras of pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from model.errors import BadInstallation

_TORCH = ("torch", "torchvision", "timm")


def has_heif() -> bool:
    """Whether what decodes HEIC is installed, the extra ``heif``; it is not imported."""
    return find_spec("pillow_heif") is not None


def check_text() -> None:
    """See that what reads text on pictures is here, without importing it.

    Raises:
        BadInstallation: it is not installed.
    """
    if find_spec("rapidocr") is None:
        raise _needs("Reading what is written on pictures", "text")


def check_torch(what: str) -> None:
    """See that PyTorch is here, without importing it.

    Args:
        what: is to run on it, as the beginning of a sentence.

    Raises:
        BadInstallation: it is not installed.
    """
    if find_spec("torch") is None:
        raise _missing(what)


@contextmanager
def needing_eye() -> Iterator[None]:
    """Importing what runs another captioner.

    Raises:
        BadInstallation: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise _needs("Another captioner", "eye") from error


@contextmanager
def needing_torch(what: str) -> Iterator[None]:
    """Importing what runs on PyTorch; ``what`` and errors as in ``check_torch``."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _TORCH:
            raise
        raise _missing(what) from error


def _needs(what: str, extra: str) -> BadInstallation:
    return BadInstallation(f"{what} needs the extra '{extra}': pip install '.[{extra}]' installs it.")


def _missing(what: str) -> BadInstallation:
    return BadInstallation(
        f"{what} runs on PyTorch, which is not installed: install the extra 'gpu' with pip install '.[gpu]'."
    )
