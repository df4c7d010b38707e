"""Models for a real worker process: a picture's bytes are a command, or else its caption."""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence

from bot.engine.attempts import RequestState, Written
from bot.engine.worker import Setup
from model.description import Description
from model.errors import BadInput
from model.recipe import Recipe
from model.sentence import say


class Stub:
    """Obeys its pictures: "crash", "hang", "raise TEXT", "exit", "slow SECONDS", "burn SECONDS", …"""

    def __init__(self, setup: Setup) -> None:
        self.device = "cpu" if setup.device == "auto" else setup.device
        self.captioner, self.generator, self.backend = "captioner", "0123456789ab", "torch"
        self.origin = self.generator
        self.written = 0

    def warm_up(self) -> None:
        self.describe([self.decode(b"blank")])

    def decode(self, picture: bytes) -> str:
        command, _, value = picture.decode().partition(" ")
        match command:
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(3600)
            case "raise":
                raise KeyError(value)
            case "exit":
                sys.exit(value)
            case "bad":
                raise BadInput(say("{name} is damaged.", name="The picture"))
            case "odd":
                logging.getLogger("model.pictures").warning("The picture is odd.")
            case "allocate":
                bytearray(int(value))
            case "slow":
                time.sleep(float(value.split()[0]))
            case "burn":
                end = time.monotonic() + float(value.split()[0])
                while time.monotonic() < end:
                    pass
        return picture.decode()

    def describe(self, pictures: Sequence[str]) -> Description:
        return Description("; ".join(picture[:40] for picture in pictures), self.captioner)

    def write(self, states: Sequence[RequestState]) -> list[Written]:
        return [self.song(state) for state in states]

    def song(self, state: RequestState) -> Written:
        recipe = state.request.recipe or Recipe.of(("stub",), state.generation, self.origin, self.backend)
        return Written(self.lines(state), self.keywords(state), state.generation, recipe.text)

    def keywords(self, state: RequestState) -> tuple[str, ...]:
        known, text = state.description.keywords, state.description.text or ""
        return (*state.generation.prompt.split(), *text.split()) if known is None else known

    def lines(self, state: RequestState) -> Sequence[str]:
        """The keywords, then which process wrote it and how many it wrote so far.

        An angry stanza always swears, a sad one only with the random seed that was asked for.
        """
        self.written += 1
        mood, first = state.generation.mood, state.request.generation.seed
        if mood == "angry" or (mood == "sad" and state.generation.seed == first):
            return ["Oh", "damn-ation"]
        return [" ".join(self.keywords(state)) or "la", f"{os.getpid()} {self.written}"]


def load(setup: Setup) -> Stub:
    return Stub(setup)


def fail(setup: Setup) -> Stub:
    raise RuntimeError("no models here")


def die(setup: Setup) -> Stub:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Nosy(Stub):
    """Tells what it may do, and dies of a prompt."""

    def lines(self, state: RequestState) -> Sequence[str]:
        if state.generation.prompt == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        core, memory, file = (
            resource.getrlimit(kind)[1]
            for kind in (resource.RLIMIT_CORE, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE)
        )
        token = any(name.startswith("DISCORD") for name in os.environ)
        return [
            f"core={core} token={token} discord={'discord' in sys.modules} torch={'torch' in sys.modules} "
            f"memory={0 < memory < 8 * 2**30} file={0 < file < 2**24}"
        ]


def load_nosy(setup: Setup) -> Nosy:
    return Nosy(setup)
