"""What discord.py cannot parse is skipped: otherwise one odd event would end the process."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, MutableMapping
from functools import wraps
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

Parser = Callable[[Any], Any]

# Without it nothing is known, not even who the bot is: then it is better to start again.
_INDISPENSABLE = "READY"
# What an event may be found by.
_IDS = ("id", "message_id", "channel_id")


def guard(parsers: MutableMapping[str, Parser]) -> None:
    """Make discord.py's parsers survive what they cannot parse.

    Args:
        parsers: by the event's name; changed in place, as every shard reads this one table.
    """
    for event, parse in [*parsers.items()]:
        if event != _INDISPENSABLE:
            parsers[event] = _guarded(event, parse)


def log_skipped(event: str, data: Any, error: Exception) -> None:
    """One line about a skipped event: its name, an id, and where parsing failed; nothing of what it says."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
    _log.error("%s %s is skipped, as discord.py cannot parse it: %s", event, _id(data), where)


def _guarded(event: str, parse: Parser) -> Parser:
    @wraps(parse)
    def careful(data: Any) -> Any:
        try:
            return parse(data)
        except Exception as error:
            log_skipped(event, data, error)
            return None

    return careful


def _id(data: Any) -> str:
    found = (data.get(name) for name in _IDS) if isinstance(data, dict) else ()
    # A number and nothing else: in an odd event it could be a text.
    return next((str(one) for one in found if str(one).isdecimal()), "without an id")
