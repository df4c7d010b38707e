"""Rating reactions, as they are kept and as they count.

They are kept as they were given: somebody may take one of two that count as one back, and keep the other.
"""

from __future__ import annotations

from model.emoji import plain

# Behind the emoji of a burst ("super") reaction. Discord counts those apart: a person can give both.
_BURST = " burst"


def kept(emoji: str, *, burst: bool) -> str:
    """How a reaction is kept."""
    return emoji + _BURST * burst


def given(reaction: str) -> str:
    """The emoji of a reaction that is kept."""
    return reaction.removesuffix(_BURST)


def meant(reaction: str) -> str:
    """What a reaction that is kept counts as."""
    return plain(given(reaction))
