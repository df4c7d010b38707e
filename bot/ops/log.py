"""Logging to stderr, as text or as JSON lines, without tokens and without waiting for the disk.

What is logged are ids and timings: never names, message text, pictures or tokens. The redaction
here is the net under that rule, not a licence to break it.
"""

from __future__ import annotations

import copy
import json
import logging
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue

from bot.config import Log

# Names the request a line belongs to; set it where a command begins.
request_id: ContextVar[str] = ContextVar("request_id", default="-")

# A blocked stderr may cost lines, not memory: about 10 MB of records.
MAX_WAITING = 10_000

# The debug lines of these hold addresses with interaction tokens.
_QUIET = ("discord.http", "discord.webhook")

_HIDDEN = "[redacted]"
# Between a field's name and its value: HTTP, Python, JSON, or JSON within JSON.
_IS = r"[\\\"']*\s*[:=,]\s*(?:b(?=[\"']))?[\\\"']*"
_VALUE = r"[^\s\\\"',;&{}()<>]"
# In each, what is kept is group 1.
_SECRETS = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        # Webhooks' and interactions' tokens are part of their addresses.
        r"(/(?:webhooks|interactions)/\w+/)[^/\s?\"'<>\\]+",
        # A header with an optional scheme, in HTTP, in a repr or in JSON.
        rf"(authorization{_IS})(?:(?:bot|bearer|basic)\s+)?{_VALUE}+",
        # A field of a payload; shorter words are prose.
        rf"(token{_IS}){_VALUE}{{20,}}",
        # A bot's token: an id, a time and a signature.
        r"()(?<![\w-])[\w-]{20,}\.[\w-]{5,8}\.[\w-]{20,}[\w.-]*",
        # An interaction's token is the base64 of "interaction:…".
        r"()aW50ZXJhY3Rpb246[\w-]+=*",
        # A signed address is the key to somebody's picture.
        r"([?&]hm=)[0-9a-f]+",
    )
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def redact(text: str) -> str:
    """Replace everything that has the shape of a secret."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{_HIDDEN}", text)
    return text


@contextmanager
def configure(log: Log) -> Iterator[None]:
    """Log everything to stderr until the end of the block, then write out what is left.

    Lines are written by a thread of their own, so that the event loop never waits for them.
    """
    level = logging.getLevelName(log.level.upper())
    output = logging.StreamHandler()
    output.setFormatter(_Json() if log.format == "json" else _Text())
    handler = _Sender(Queue(MAX_WAITING))
    listener = _Writer(handler.queue, output)
    # At DEBUG discord.py prints what people write.
    levels = {"": level, "discord": max(level, logging.INFO)}
    levels |= {name: max(level, logging.WARNING) for name in _QUIET}
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, [handler]
    before = {name: logging.getLogger(name).level for name in levels}
    _set_levels(levels)
    logging.captureWarnings(True)
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        logging.captureWarnings(False)
        root.handlers = handlers
        _set_levels(before)


def _set_levels(levels: dict[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class _Sender(QueueHandler):
    """Makes a record plain, redacted text where it is logged, and queues it."""

    queue: Queue[logging.LogRecord]

    def __init__(self, lines: Queue[logging.LogRecord]) -> None:
        super().__init__(lines)
        self._lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        plain = copy.copy(record)
        plain.msg, plain.args = redact(_message(record)), None
        plain.request_id = request_id.get()
        plain.exc_text = redact(_trace(record)) or None
        plain.exc_info = plain.stack_info = None
        return plain

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._lost:
            record.msg = f"{record.msg} ({self._lost} lines before this one are lost)"
        try:
            self.queue.put_nowait(record)
            self._lost = 0
        except Full:
            self._lost += 1


class _Writer(QueueListener):
    """Waits for room where the end is marked: the queue may be full."""

    def enqueue_sentinel(self) -> None:
        self.queue.put(self._sentinel)  # type: ignore[attr-defined]


class _Text(logging.Formatter):
    """``2026-11-22T14:46:40.123Z INFO bot.client [request] message``, traces indented below."""

    def format(self, record: logging.LogRecord) -> str:
        # Escaped and indented, so that nothing that is logged can pass for a line of ours.
        message = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", record.msg)
        request = getattr(record, "request_id", "-")
        line = f"{_utc(record)} {record.levelname} {record.name} [{request}] {message}"
        trace = "".join(f"\n  {part}" for part in (record.exc_text or "").splitlines())
        return line + trace


class _Json(logging.Formatter):
    """One object a line: time, level, logger, request_id, message and, if any, exception."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _utc(record),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "message": record.msg,
        }
        if record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line)


def _utc(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.created % 1 * 1000):03d}Z"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # The standard complaint would print the arguments, secrets included.
        return f"{record.msg} (its arguments do not fit)"


def _trace(record: logging.LogRecord) -> str:
    """The exception and the stack of a record, without the values of any variable."""
    parts = [record.stack_info or ""]
    if record.exc_info and record.exc_info[0] is not None:
        parts.insert(0, "".join(traceback.format_exception(*record.exc_info)))
    return "\n".join(part.rstrip() for part in parts if part)
