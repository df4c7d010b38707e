"""What reaches stderr, through the real queue and thread."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import string
import subprocess
import sys
import threading
import time
import warnings
from datetime import UTC, datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.config import Log
from bot.ops import log
from bot.ops.log import configure, redact, request_id

URL_SAFE = string.ascii_letters + string.digits + "-_"
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.0123456789-abcdefghijklmno_PQRSTUVW"  # noqa: S105
INTERACTION = "aW50ZXJhY3Rpb246MTIzNDU2Nzg5OmFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6"


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def words(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(URL_SAFE, min_size=least, max_size=most)


bot_tokens = st.builds("{}.{}.{}".format, words(23, 28), words(6, 7), words(27, 43))
around = st.text(max_size=30)


# Redaction


@given(around, bot_tokens, around)
@example("x" * 30 + ".abcdef.", TOKEN, "")
@example("Bot ", TOKEN, "\n")
def test_no_bot_token_survives(before: str, token: str, after: str) -> None:
    signature = token.rpartition(".")[2]
    assume(signature not in before + after)
    assert signature not in redact(before + token + after)


@given(around, st.sampled_from(["webhooks", "interactions"]), st.integers(0, 2**64), words(30, 100), around)
def test_no_token_of_an_address_survives(before: str, kind: str, number: int, token: str, after: str) -> None:
    for rest in (f"/{after}", "", "?wait=true", "/messages/@original", "'", '"'):
        assume(token not in before + rest)
        shown = redact(f"{before} https://discord.com/api/v10/{kind}/{number}/{token}{rest}")
        assert token not in shown
        assert f"/{kind}/{number}/[redacted]" in shown


@given(st.sampled_from(["", "Bot ", "Bearer ", "Basic "]), st.text(URL_SAFE + "+/.=", min_size=8))
def test_no_authorization_survives(scheme: str, secret: str) -> None:
    value = scheme + secret
    for text in (
        f"Authorization: {value}\r\nHost: discord.com",
        str({"Authorization": value, "Host": "discord.com"}),
        str([("authorization", value)]),
        str([(b"AUTHORIZATION", value.encode())]),
        json.dumps({"Authorization": value}),
        json.dumps({"headers": json.dumps({"Authorization": value})}),
    ):
        assert secret not in redact(text)


@given(words(20, 120))
def test_no_token_of_a_payload_survives(token: str) -> None:
    for text in (str({"token": token, "id": "1"}), json.dumps({"d": {"token": token}}), f"token={token}&x=1"):
        assert token not in redact(text)


def test_an_interaction_s_token_is_known_anywhere() -> None:
    assert redact(f"late answer to {INTERACTION}, given up") == "late answer to [redacted], given up"


def test_a_signed_address_loses_its_signature() -> None:
    address = "https://cdn.discordapp.com/attachments/1/2/a.png?ex=66&is=65&hm=0badc0de&"
    assert "0badc0de" not in redact(address)


@pytest.mark.parametrize(
    "plain",
    [
        "Logged in as 123456789012345678 with 3 shards in 1.25 s",
        "There is no token: set DISCORD_TOKEN, or DISCORD_TOKEN_FILE to a file that holds it.",
        "captioner 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "bot.engine.requests.BadPicture: That picture is empty: post it again.",
        "GET https://discord.com/api/v10/channels/1/messages/2 has returned 200",
        "neural_songwriter-0.1.0-py3-none-any.whl",
    ],
)
def test_plain_lines_stay_as_they_are(plain: str) -> None:
    assert redact(plain) == plain


@pytest.mark.parametrize(
    "part", ["a", "a.", "-a", "token", "token ", "authorization ", "/webhooks/", "a" * 20 + "."]
)
def test_redaction_takes_linear_time(part: str) -> None:
    began = time.perf_counter()
    redact(part * (200_000 // len(part)))
    # In the square of its length it would take hours.
    assert time.perf_counter() - began < 20


def test_messages_arguments_and_exceptions_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("bot.test")
    with configure(Log()):
        logger.info(f"in the message {TOKEN}")
        logger.info("as an argument %s, in one %r", TOKEN, {"k": [TOKEN]})
        logger.info("by name %(key)s", {"key": TOKEN})
        try:
            raise ValueError(f"in the cause {TOKEN}")
        except ValueError as cause:
            try:
                raise RuntimeError(f"in the error /interactions/1/{INTERACTION}/callback") from cause
            except RuntimeError:
                logger.exception("failed", stack_info=True)
        logger.info("%s does not fit %s", TOKEN)
        logger.info(ValueError(TOKEN))
    shown = capsys.readouterr().err
    assert shown.count("[redacted]") == 8
    assert "ValueError: in the cause [redacted]" in shown
    assert "Stack (most recent call last)" in shown
    for secret in (TOKEN, TOKEN.rpartition(".")[2], INTERACTION):
        assert secret not in shown


def test_traces_have_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    with configure(Log()):
        text = "".join(["what somebody", " wrote"])
        try:
            assert not text
        except AssertionError as error:
            error.args = ()
            logging.getLogger("bot").exception("failed")
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "what somebody wrote" not in shown


# Levels


def test_discord_py_never_prints_addresses_or_messages(capsys: pytest.CaptureFixture[str]) -> None:
    with configure(Log(level="debug")):
        for name in ("discord.http", "discord.webhook.async_"):
            logging.getLogger(name).info("POST https://discord.com/api")
            logging.getLogger(name).warning("rate limited")
        logging.getLogger("discord.gateway").debug("WebSocket Event: MESSAGE_CREATE")
        logging.getLogger("discord.gateway").info("connected")
        logging.getLogger("bot").debug("details")
    shown = " ".join(lines(capsys))
    assert shown.count("rate limited") == 2
    assert "POST" not in shown
    assert "MESSAGE_CREATE" not in shown
    assert "connected" in shown
    assert "details" in shown


def test_the_level_holds_for_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    with configure(Log(level="error")):
        for name in ("bot", "discord", "discord.http"):
            logging.getLogger(name).warning("quiet")
            logging.getLogger(name).error("loud")
    assert len(lines(capsys)) == 3


def test_everything_is_as_before_afterwards() -> None:
    names = ("", "discord", "discord.http")
    before = [(logging.getLogger(name).level, logging.getLogger(name).handlers[:]) for name in names]
    with configure(Log(level="debug")):
        pass
    assert [(logging.getLogger(name).level, logging.getLogger(name).handlers) for name in names] == before


# Shape


def test_a_text_line_has_time_level_logger_request_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    began = datetime.now(UTC)
    with configure(Log()):
        logging.getLogger("bot.test").info("queued after %d ms", 12)
    (line,) = lines(capsys)
    when, rest = line.split(" ", 1)
    assert rest == "INFO bot.test [-] queued after 12 ms"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    assert abs((datetime.fromisoformat(when) - began).total_seconds()) < 5


def test_a_json_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    with configure(Log(format="json")):
        logging.getLogger("bot.test").warning('two\nlines and a "quote" \ud800')
        try:
            raise KeyError("x")
        except KeyError:
            logging.getLogger("bot.test").exception("failed")
    plain, failed = [json.loads(line) for line in lines(capsys)]
    assert set(plain) == {"time", "level", "logger", "request_id", "message"}
    assert (plain["level"], plain["logger"], plain["request_id"]) == ("WARNING", "bot.test", "-")
    assert plain["message"] == 'two\nlines and a "quote" \ud800'
    assert datetime.fromisoformat(plain["time"]).utcoffset() is not None
    assert failed["exception"].endswith("KeyError: 'x'")


@given(st.text())
@example("done\n2026-01-01T00:00:00.000Z CRITICAL bot [-] forged")
@example("\x1b[2Jgone \x85 \u2028 there")
def test_no_message_makes_a_second_line(message: str) -> None:
    record = logging.LogRecord("bot", logging.INFO, "", 0, message, None, None)
    assert len(log._Text().format(record).splitlines()) == 1


def test_an_exception_cannot_pass_for_a_line_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with configure(Log()):
        try:
            raise ValueError("x\n2026-01-01T00:00:00.000Z CRITICAL bot [-] forged")
        except ValueError:
            logging.getLogger("bot").exception("failed")
    (first, *trace) = lines(capsys)
    assert first.endswith("failed")
    assert any("forged" in line for line in trace)
    assert all(line.startswith("  ") for line in trace)


def test_warnings_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    with configure(Log()), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old thing", stacklevel=1)
    assert "py.warnings" in capsys.readouterr().err


# Requests


@pytest.mark.asyncio
async def test_each_task_logs_its_own_request(capsys: pytest.CaptureFixture[str]) -> None:
    async def serve(name: str) -> None:
        request_id.set(name)
        await asyncio.sleep(0)
        logging.getLogger("bot").info("of %s", name)
        await asyncio.to_thread(logging.getLogger("bot").info, "of %s", name)

    with configure(Log(format="json")):
        await asyncio.gather(*(serve(f"r{number}") for number in range(5)))
        logging.getLogger("bot").info("of -")
    found = [json.loads(line) for line in lines(capsys)]
    assert len(found) == 11
    assert all(line["message"] == f"of {line['request_id']}" for line in found)


# A stderr that blocks

_BLOCKED = """
import logging, sys, time
from bot.ops import log
from bot.config import Log
log.MAX_WAITING = 50
with log.configure(Log()):
    began = time.monotonic()
    for number in range(5000):
        logging.getLogger("bot").info("line %d %s", number, "x" * 100)
    took = time.monotonic() - began
    sys.stdout.write(f"{took}\\n"); sys.stdout.flush()
    sys.stdin.readline()
    deadline = time.monotonic() + 60
    queue = logging.getLogger().handlers[0].queue
    while not queue.empty() and time.monotonic() < deadline:
        time.sleep(0.01)
    logging.getLogger("bot").info("last line")
"""


def test_a_blocked_stderr_costs_lines_and_says_so() -> None:
    """A pipe nobody reads: logging goes on at once, memory is bounded, the gap is reported."""
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", _BLOCKED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
    )
    os.close(writing)
    watchdog = threading.Timer(120, child.kill)
    watchdog.start()
    assert child.stdout is not None
    assert child.stdin is not None
    assert float(child.stdout.readline()) < 60
    child.stdin.write("go on\n")
    child.stdin.flush()
    with os.fdopen(reading, encoding="utf-8") as stderr:
        shown = stderr.read()
    child.communicate(timeout=60)
    watchdog.cancel()
    kept = [line for line in shown.splitlines() if "] line " in line]
    (last,) = [line for line in shown.splitlines() if "last line" in line]
    lost = [int(count) for count in re.findall(r"\((\d+) lines before this one are lost\)", shown)]
    assert lost
    assert last == shown.splitlines()[-1]
    assert len(kept) + sum(lost) == 5000
