"""Serving without what training needs: in an environment that has none of it, nothing is missed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bot.program import HIDDEN_ADDRESS, Program, by_connector, by_hosts, no_hosts, running
from tests.bot.test_black_box import Place
from tests.bot.test_contract import BUTTONS
from tests.conftest import ROOT
from tests.discord import LoopbackDiscord

# What only the extras bring: not found here, as where it was never installed, and noted.
ABSENT = "torch torchvision timm pandas nltk matplotlib h5py tqdm scipy onnx rapidocr cv2".split()
HIDDEN = f"""
import os, sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in {ABSENT}:
            with open(os.environ["MISSED"], "a") as file:
                print(name, file=file)
            return None
        return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""
# sqlite-utils takes pandas where it is.
TRIED_BY_OTHERS = {"pandas"}
# The photograph is of an astronaut, smiling, in her suit.
SEEN = {"woman", "man", "girl", "boy", "person", "people", "child", "lady"}


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for ``PYTHONPATH`` with which Python finds none of the extras; what was asked for is noted."""
    (tmp_path / "sitecustomize.py").write_text(HIDDEN)
    monkeypatch.setenv("MISSED", str(tmp_path / "missed"))
    return tmp_path


def missed(bare: Path) -> set[str]:
    file = bare / "missed"
    return set(file.read_text().split()) if file.exists() else set()


def songwriter(bare: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot.cli.main", *map(str, words)],
        env=os.environ | {"PYTHONPATH": f"{bare}{os.pathsep}{ROOT}"},
        cwd=bare,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_sing_lyrics_and_caption_ask_for_nothing_else(bare: Path, photograph: Path) -> None:
    sung = songwriter(bare, "sing", photograph, "-r", "1", "--json")
    assert sung.returncode == 0, sung.stderr
    assert json.loads(sung.stdout)["stanzas"]
    assert songwriter(bare, "lyrics", "-s", "kiss").returncode == 0
    captioned = songwriter(bare, "caption", photograph)
    assert captioned.returncode == 0, captioned.stderr
    assert songwriter(bare, "check").returncode == 0
    assert missed(bare) <= TRIED_BY_OTHERS


async def looks_and_sings(place: Place, program: Program, photograph: Path) -> None:
    await program.ready(place.server)
    posted = await place.posts(photograph.read_bytes(), "astronaut.png")
    reply = await place.server.wait_for_reply(posted, 60)
    *stanza, facts = reply.content.splitlines()
    assert len(stanza) == 4
    assert facts.startswith("-# ")
    assert SEEN & {*facts.split()}, facts
    await place.server.wait_until(lambda: len(reply.reactions) == 2)
    assert [part["label"] for part in reply.buttons] == BUTTONS
    program.signal(signal.SIGTERM)
    assert await program.ended() == 0
    assert place.server.token not in program.log


@pytest.mark.asyncio
async def test_nor_does_the_bot(bare: Path, photograph: Path) -> None:
    """Where it can be tried, it is the normal command, which finds Discord by name and its authority in
    ``SSL_CERT_FILE``.
    """
    config = bare / "config.toml"
    config.write_text('[discord]\npicture_channels = "all"\n[engine]\nworkers = 1\n')
    hidden = not no_hosts(bare)
    async with LoopbackDiscord.running(*((HIDDEN_ADDRESS, 443) if hidden else ())) as server:
        command = by_hosts(config) if hidden else by_connector(config, server, None)
        async with running(command, bare, server.token, server.ca_file, [bare]) as program:
            await looks_and_sings(Place.on(server), program, photograph)
    assert missed(bare) <= TRIED_BY_OTHERS


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("train generator songs.jsonl --lexicon lexicon.json.xz --run run", "train"),
        ("train captioner --stage frozen --captions a --train-list b --train-cache c --dev-list d "
         "--dev-cache e --run f", "train"),
        ("data songs --msd here -o songs.csv", "train"),
        ("evaluate lyrics songs.jsonl", "train"),
        ("report -o report.html --images photos", "train"),
    ],
)  # fmt: skip
def test_what_needs_more_says_which_extra(bare: Path, command: str, extra: str) -> None:
    done = songwriter(bare, *command.split())
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert f"'.[{extra}]'" in sentence


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("setting", "extra"), [('[engine]\ndevice = "cuda"\n', "gpu"), ("[eye]\ntext = true\n", "text")]
)
def test_a_setting_that_needs_more_says_which_extra(
    bare: Path, monkeypatch: pytest.MonkeyPatch, setting: str, extra: str, command: str
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "x.y.z")
    (bare / "config.toml").write_text(setting)
    done = songwriter(bare, command)
    assert done.returncode == 78
    (sentence,) = done.stderr.splitlines()
    assert f"'.[{extra}]'" in sentence
