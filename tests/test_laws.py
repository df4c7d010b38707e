"""The arrows between the rooms: read from every import, and held by importing in a fresh process."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("bot", "model", "training")
PAGE = ROOT / "docs" / "architecture.md"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def modules() -> dict[str, Path]:
    return {module_of(path): path for room in ROOMS for path in (ROOT / room).rglob("*.py")}


def for_types_only(tree: ast.AST) -> set[ast.AST]:
    """What stands below ``if TYPE_CHECKING``."""
    blocks = (node for node in ast.walk(tree) if isinstance(node, ast.If))
    return {inner for node in blocks if "TYPE_CHECKING" in ast.dump(node.test) for inner in ast.walk(node)}


def imports_of(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, at its head or in a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aside = for_types_only(tree)
    for node in ast.walk(tree):
        if node in aside:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules() else node.module for name in names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@cache
def graph() -> dict[str, set[str]]:
    return {name: {one for one in imports_of(path) if one in modules()} for name, path in modules().items()}


def room_of(module: str) -> str:
    """A folder of ours, such as "bot.cli", or the top one, "bot"; ``model`` is one room.

    ``python -m bot`` is a command that has to stand where it stands.
    """
    if module == "bot.__main__":
        return "bot.cli"
    top, _, rest = module.partition(".")
    folder = rest.partition(".")[0]
    return f"{top}.{folder}" if folder and (ROOT / top / folder).is_dir() and top != "model" else top


def arrows() -> set[tuple[str, str]]:
    found = {(room_of(name), room_of(other)) for name, others in graph().items() for other in others}
    return {(one, other) for one, other in found if one != other}


def drawn() -> set[tuple[str, str]]:
    """The arrows of the page's picture: ``a --> b`` in its Mermaid block, rooms by their dotted names."""
    [picture] = re.findall(r"```mermaid\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = dict(re.findall(r'(\w+)\["`([\w/]+)', picture))
    found = set()
    for left, right in re.findall(r"^\s*(\w+(?: & \w+)*) --> (\w+(?: & \w+)*)$", picture, re.MULTILINE):
        for one in left.split(" & "):
            found |= {(one, other) for other in right.split(" & ")}
    return {(names[one].replace("/", "."), names[other].replace("/", ".")) for one, other in found}


def test_no_module_imports_in_a_circle() -> None:
    # A circle raises, and says which modules it goes through.
    TopologicalSorter(graph()).prepare()


def test_the_rooms_arrows_are_those_of_the_page() -> None:
    assert arrows() == drawn()


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("model", {"bot", "training"}),
        ("training", {"bot"}),
        ("bot.store", {"bot.cli", "bot.cogs", "bot.ui", "bot.engine", "bot.ops", "training"}),
        ("bot.engine", {"bot.cli", "bot.cogs", "bot.ui", "bot.store", "bot.ops", "training"}),
        ("bot.ops", {"bot.cli", "bot.cogs", "bot.ui", "bot.engine", "training"}),
        ("bot.ui", {"bot.cli", "bot.cogs", "training"}),
        ("bot.cogs", {"bot.cli", "training"}),
    ],
)
def test_a_room_knows_nothing_of_those_above_it(room: str, never: set[str]) -> None:
    inside = [name for name in modules() if f"{name}.".startswith(f"{room}.")]
    assert inside
    known = {other for name in inside for other in graph()[name]}
    assert not [one for one in known for other in never if f"{one}.".startswith(f"{other}.")]


@pytest.mark.parametrize(
    ("room", "never"), [("model", {"aiohttp", "discord", "nltk"}), ("training", {"discord"})]
)
def test_a_room_needs_no_package_of_another(room: str, never: set[str]) -> None:
    inside = [path for name, path in modules().items() if name.startswith(f"{room}.")]
    assert inside
    assert not {name.partition(".")[0] for path in inside for name in imports_of(path)} & never


def test_nothing_of_the_bot_but_its_command_line_knows_of_training() -> None:
    users = {name for name, others in graph().items() if any(one.startswith("training") for one in others)}
    assert not [name for name in users if not name.startswith(("training", "bot.cli"))]


def imported(*modules: str) -> set[str]:
    script = f"import {', '.join(modules)}, json, sys; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(ended.stdout)}


def test_the_command_line_starts_without_torch() -> None:
    assert not {"torch", "timm", "torchvision", "nltk"} & imported("bot", "bot.cli.main")


def test_the_bot_is_free_of_torch() -> None:
    assert not {"torch", "timm", "torchvision", "nltk", "onnxruntime"} & imported("bot.app")


def test_text_policy_is_free_of_torch() -> None:
    parts = (
        "text", "lexicon", "keywords", "mood", "ranking", "decoding", "sampling", "vocabulary", "pictures",
        "rhyme", "request", "recipe", "explanation", "pipeline",
    )  # fmt: skip
    assert "torch" not in imported(*(f"model.{part}" for part in parts))


def test_the_code_reaches_into_no_pickle() -> None:
    """``torch.load`` appears only with ``weights_only``, for the package with ImageNet's weights."""
    for path in modules().values():
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
