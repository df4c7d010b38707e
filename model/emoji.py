"""Emoji as people mean them."""

from __future__ import annotations

import re

# Variation selectors 15 and 16 and the five skin tones (Unicode Technical Standard 51, 1.4.3 and 2.4).
_SHADES = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")


def plain(emoji: str) -> str:
    """An emoji without what only changes its looks; of a skin tone alone that is all there is."""
    return _SHADES.sub("", emoji) or emoji
