"""What only some need is installed by them alone: the extras of pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from model.errors import BadInstallation

_TORCH = {"torch", "torchvision", "timm"}


@contextmanager
def needing_torch(what: str) -> Iterator[None]:
    """Importing what runs on PyTorch.

    Args:
        what: is to run on it, as the beginning of a sentence.

    Raises:
        BadInstallation: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _TORCH:
            raise
        raise BadInstallation(
            f"{what} runs on PyTorch, which is not installed: install the extra 'gpu' "
            f"with pip install '.[gpu]' ({error})."
        ) from error
