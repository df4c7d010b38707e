"""What a command that refuses says."""

from __future__ import annotations

from click.testing import Result


def refused(result: Result, code: int) -> str:
    """Check the exit code and that stderr is one clear sentence; return it."""
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    said = [line for line in result.stderr.splitlines() if line.strip()]
    if code != 2:
        assert len(said) == 1, said
    return said[-1]
