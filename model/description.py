"""What is known before a song is written: what is on its pictures, and the words that steer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.mood import suggested

if TYPE_CHECKING:
    from model.image_describer import Seen
    from model.lexicon import Lexicon


@dataclass(frozen=True)
class Description:
    """What is known before a song is written.

    Attributes:
        text: what is on the pictures, the captioner's words or the second opinion's; those of several are
            joined by "; ". None without a picture.
        captioner: digest of the captioner's checkpoint, "" where nobody looked.
        keywords: lemmas that steer, where they are known already, as those of a recipe; None: those of
            the text and the prompt.
        seen: what was seen on each picture.
    """

    text: str | None = None
    captioner: str = ""
    keywords: tuple[str, ...] | None = None
    seen: tuple[Seen, ...] = ()

    def mood(self, lexicon: Lexicon) -> str | None:
        """The mood of the first picture that suggests any."""
        moods = (suggested(one.text, *one.light, lexicon) for one in self.seen)
        return next((mood for mood in moods if mood), None)
