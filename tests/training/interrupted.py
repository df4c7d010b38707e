"""Ctrl-C while a command trains."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence


def interrupted(words: Sequence[str]) -> tuple[int, str]:
    """A ``train generator`` command that would go on for ever, stopped while it learns.

    Returns:
        its exit status, and what it said after Ctrl-C.
    """
    command = [sys.executable, "-c", "from bot.cli.main import main; main()", *words, "--epochs", "100000"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    # The progress bar appears once the handler is in place.
    before = ""
    while "generator:" not in before:
        before += (character := running.stderr.read(1))
        assert character, before
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    return running.returncode, said
