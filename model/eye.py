"""What looks at pictures beside the captioner that ships, where whoever hosts the bot wants it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.hub_captioner import HubCaptioner


@dataclass(frozen=True)
class Model:
    """Another captioner, on this machine.

    Attributes:
        name: as it was asked for.
        folder: where it is.
        revision: of the hub's, a commit.
    """

    name: str
    folder: Path
    revision: str | None = None

    @classmethod
    def fetch(cls, name: str, revision: str | None) -> Model:
        """See ``model.hub.fetched``."""
        from model.hub import fetched

        return cls(name, fetched(name, revision), revision)

    @property
    def digest(self) -> str:
        """12 hex digits that tell it from others, as those of a checkpoint do."""
        return hashlib.sha256(f"{self.name}@{self.revision}".encode()).hexdigest()[:12]

    def load(self, device: str = "cpu") -> HubCaptioner:
        """Read it; see ``model.hub_captioner``."""
        from model.hub_captioner import HubCaptioner

        return HubCaptioner(self.folder, self.name, device)


@dataclass(frozen=True)
class Eye:
    """What else looks at pictures.

    Attributes:
        text: read what is written on them, too; see ``model.scene_text``.
        model: describes them in the place of the captioner that ships, or None.
    """

    text: bool = False
    model: Model | None = None

    @classmethod
    def ready(cls, text: bool, model: str | None, revision: str | None) -> Eye:
        """See that all that is asked for is here; a model of the hub that is not is fetched.

        Raises:
            BadInstallation: an extra is not installed, or the model cannot be had.
        """
        from model.extras import check_text

        if text:
            check_text()
        return cls(text, Model.fetch(model, revision) if model else None)
