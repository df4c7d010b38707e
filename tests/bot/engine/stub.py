"""Models for a real worker process: a picture's bytes are a command, or else its caption."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Sequence

from bot.engine.worker import RequestState, Setup, Written
from model.errors import BadInput
from model.recipe import Recipe
from model.request import GenerationRequest
from model.sampling import Sampling


class Stub:
    """Obeys its pictures: "crash", "hang", "raise TEXT", "exit", "slow SECONDS", "burn SECONDS", …"""

    def __init__(self, setup: Setup) -> None:
        self.device = "cpu" if setup.device == "auto" else setup.device
        self.captioner, self.generator, self.engine = "captioner", "0123456789ab", "torch"
        self.origin = self.generator
        self.written = 0

    def warm_up(self) -> None:
        self.caption(self.decode(b"blank"))

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
                raise BadInput("The picture is damaged: it could not be decoded.")
            case "allocate":
                bytearray(int(value))
            case "slow":
                time.sleep(float(value.split()[0]))
            case "burn":
                end = time.monotonic() + float(value.split()[0])
                while time.monotonic() < end:
                    pass
        return picture.decode()

    def caption(self, picture: str) -> str:
        return picture[:40]

    def mood(self, picture: str, caption: str) -> str | None:
        """Night is dreamy, everything else is nothing."""
        return "dreamy" if "night" in picture else None

    def keywords(self, caption: str | None, prompt: str) -> Sequence[str]:
        return [*prompt.split(), *(caption or "").split()]

    def write(self, states: Sequence[RequestState]) -> list[Written]:
        return [Written(self.lines(state), self.recipe(state).text) for state in states]

    def recipe(self, state: RequestState) -> Recipe:
        request = state.request
        if request.replay is not None:
            return request.replay
        sampling = Sampling(request.temperature)
        kept = GenerationRequest(sampling, request.prompt, state.seed, forbidden=request.forbidden)
        return Recipe.of(("stub",), kept, self.generator, self.engine)

    def lines(self, state: RequestState) -> Sequence[str]:
        """The keywords, then which process wrote it and how many it wrote so far.

        An angry stanza always swears, a sad one only with the random seed that was asked for.
        """
        self.written += 1
        request = state.request
        if request.mood == "angry" or (request.mood == "sad" and state.seed == request.seed):
            return ["Oh", "damn-ation"]
        return [" ".join(state.keywords) or "la", f"{os.getpid()} {self.written}"]


def load(setup: Setup) -> Stub:
    return Stub(setup)


def fail(setup: Setup) -> Stub:
    raise RuntimeError("no models here")


def die(setup: Setup) -> Stub:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Nosy(Stub):
    """Tells what it may do, and dies of a seed."""

    def lines(self, state: RequestState) -> Sequence[str]:
        if state.request.prompt == "crash":
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
