"""What people are told about an error, and what the log is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import discord
import pytest
from discord import app_commands

from bot.engine.requests import Busy
from bot.store import StoreError
from bot.ui.refusals import DayIsOver, Refusal, is_ours, sentence
from model.errors import BadOption
from model.sentence import say

KIND = discord.AppCommandOptionType.channel


class Transformer(app_commands.Transformer):
    async def transform(self, interaction: object, value: object, /) -> object:
        return value


@pytest.mark.parametrize(
    "error",
    [
        Refusal("No."),
        Busy("Busy.", 3),
        BadOption("No such mood."),
        StoreError("It is locked."),
        KeyError("key"),
        OSError("lost"),
        app_commands.CommandNotFound("gone", []),
        app_commands.CheckFailure("no"),
        app_commands.MissingPermissions(["manage_guild"]),
        app_commands.NoPrivateMessage(),
        app_commands.CommandOnCooldown(app_commands.Cooldown(1, 2), 1.5),
        app_commands.TransformerError(object(), KIND, Transformer()),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whoever_is_told_a_number_finds_it_in_the_log(error: Exception) -> None:
    said = sentence(error, "number-17")
    assert is_ours(error) is ("number-17" in said)
    assert said.endswith(".")
    assert "object at" not in said


def test_a_day_that_is_over_says_when_the_next_begins() -> None:
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    said = str(DayIsOver(say("You had 3 songs today: come back {when}.")))
    stamp = int(said.split("<t:")[1].split(":")[0])
    assert 0 <= stamp - tomorrow.timestamp() <= 2
    assert stamp > time.time()
    assert said.startswith("You had 3 songs today")
