"""What people's votes taught the candidate score: a small file beside the generator.

The file says what each part of the score is worth, as a factor of what its weights count in the
generator's header. A folder without it has a generator that was taught nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from model.errors import BadCheckpoint
from model.files import write_whole
from model.ranking import Weights

RANKING = "ranking.json"

# A part of the score -> the weights that it is made of.
WEIGHTS = {
    "likelihood": ("fluency",),
    "keywords": ("keyword",),
    "plan": ("plan", "promise", "stranger"),
    "sense": ("sense",),
    "rhyme": ("rhyme",),
    "mood": ("mood",),
    "evenness": ("uneven",),
    "endings": ("ending",),
    "novelty": ("novelty",),
    "repetition": ("repetition", "echo", "opening"),
    "unknown": ("unknown",),
    "form": ("unfinished", "missing_line"),
}
# No part is turned round or silenced: it may guard against what nobody votes on, as it is never shown.
LEAST, MOST = 0.1, 10.0


def read_factors(folder: Path) -> dict[str, float]:
    """The factors by part that a folder's generator was taught; none where it was taught nothing.

    Raises:
        BadCheckpoint: the file cannot be read or is damaged.
    """
    path = folder / RANKING
    if not path.exists():
        return {}
    try:
        factors = {part: float(json.loads(path.read_bytes())["factors"][part]) for part in WEIGHTS}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadCheckpoint(_damaged(path)) from error
    if not all(LEAST <= factor <= MOST for factor in factors.values()):
        raise BadCheckpoint(_damaged(path))
    return factors


def _damaged(path: Path) -> str:
    return f"{path} is damaged: write it again with songwriter train ranking, or delete it."


def save_factors(factors: Mapping[str, float], path: Path) -> None:
    """Write the factors of all parts, whole or not at all."""
    write_whole(path, (json.dumps({"factors": dict(factors)}, indent=2) + "\n").encode())


def weighed(shipped: Weights, factors: Mapping[str, float]) -> Weights:
    """The weights of a generator that was taught."""
    changed = {name: getattr(shipped, name) * f for part, f in factors.items() for name in WEIGHTS[part]}
    return replace(shipped, **changed)
