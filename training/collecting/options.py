"""Options of the collecting commands; free of heavy imports, so that the command line can list them."""

from __future__ import annotations

from dataclasses import dataclass

from model.errors import BadOption

# Where the services live.
SERVICES = {"lrclib": "https://lrclib.net", "lyrics-ovh": "https://api.lyrics.ovh"}

# Requests a second. LRCLIB's operators ask for about one; a service of one's own bears more.
PUBLIC_RATE = 5.0
MAX_CONCURRENCY = 32

# Lowest and highest value of an option.
_RANGES = {
    "rate": (0.01, 1_000.0),
    "concurrency": (1, MAX_CONCURRENCY),  # more connections are no longer a guest's manners
    "timeout": (0.1, 300.0),
    "min_score": (50.0, 100.0),  # below, it is mostly other songs by the same artist
}


@dataclass(frozen=True)
class LyricsOptions:
    """How to ask a source for words.

    ``rate`` is requests a second, ``timeout`` seconds for a whole answer, ``min_score`` how well
    artist and title must match, out of 100; without ``base_url`` the public service is asked.

    Raises:
        BadOption: a value is out of its range.
    """

    source: str = "lrclib"
    base_url: str | None = None
    rate: float = 1.0
    concurrency: int = 4
    timeout: float = 30.0
    min_score: float = 85.0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:  # NaN neither
                raise BadOption(f"--{name.replace('_', '-')} {value:g} is not between {low:g} and {high:g}.")
