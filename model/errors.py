"""Errors a user can do something about. Each carries one clear sentence."""


class SongwriterError(Exception):
    """Base of every error that is the input's or the installation's fault, not a bug."""


class BadInput(SongwriterError):
    """A picture, a text or a data file that cannot be used (exit code 65)."""


class BadOption(SongwriterError):
    """An option outside its range (exit code 2)."""


class Unavailable(SongwriterError):
    """A service that cannot be reached or refuses (exit code 69)."""


class BadCheckpoint(SongwriterError):
    """A checkpoint that is missing, damaged or of another version (exit code 78)."""


class BadInstallation(SongwriterError):
    """Something that the program needs is not installed, or too old (exit code 78)."""
