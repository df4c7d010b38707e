"""An error that only collecting has."""

from model.errors import SongwriterError


class Unavailable(SongwriterError):
    """A service that cannot be reached or refuses (exit code 69)."""
