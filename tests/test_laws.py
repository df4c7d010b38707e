"""The arrows between the rooms, held by importing them in a fresh process."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def imported(*modules: str) -> set[str]:
    script = f"import {', '.join(modules)}, json, sys; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(ended.stdout)}


def test_the_command_line_starts_without_torch() -> None:
    assert not {"torch", "timm", "torchvision", "nltk"} & imported("bot", "bot.cli.main")


def test_the_models_know_nothing_of_discord_or_training() -> None:
    modules = [f"model.{path.stem}" for path in (ROOT / "model").glob("*.py") if path.stem != "__init__"]
    assert not {"discord", "aiohttp", "training", "bot", "nltk"} & imported(*modules)


def test_text_policy_is_free_of_torch() -> None:
    parts = (
        "text", "lexicon", "keywords", "mood", "ranking", "decoding", "vocabulary", "pictures", "rhyme",
        "wish", "recipe", "explanation",
    )  # fmt: skip
    assert "torch" not in imported(*(f"model.{part}" for part in parts))


def test_training_knows_nothing_of_the_bot() -> None:
    modules = [f"training.{p.stem}" for p in (ROOT / "training").glob("*.py") if p.stem != "__init__"]
    assert not {"bot", "discord"} & imported(*modules)


def test_no_pickle_is_loaded() -> None:
    """``torch.load`` appears only with ``weights_only``, for the package with ImageNet's weights."""
    for room in ("bot", "model", "training"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text()
            assert "import pickle" not in text, path
            for line in text.splitlines():
                assert "torch.load(" not in line or "weights_only=True" in line, path


def test_what_ships_stays_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "data" / "checkpoints").rglob("*") if path.is_file()]
    assert sum(sizes) < 40_000_000


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "PRIVACY.md", "Makefile", "config.example.toml"])
def test_what_a_newcomer_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).read_text().strip()


def test_the_wheel_takes_every_room() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [
        "bot", "model", "training", "data",
    ]  # fmt: skip
