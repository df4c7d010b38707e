"""What looks at pictures beside the captioner that ships, where whoever hosts the bot wants it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Eye:
    """What else looks at pictures.

    Attributes:
        text: read what is written on them, too; see ``model.scene_text``.
    """

    text: bool = False
