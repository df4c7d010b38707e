"""What the documents say is what the program does."""

import re
import shlex
from pathlib import Path

import click
import pytest

from bot.cli.main import main
from bot.config import Config
from model.prompts import MAX_PROMPT
from model.recipe import LONGEST_RECIPE
from model.request import MAX_REWRITTEN

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "PRIVACY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "data/checkpoints/README.md",
]
# What waits for a word or a figure: "TODO", "XX.X %", "{forms.strict}", "{{ words }}".
PLACEHOLDER = re.compile(r"\b(?:TODO|TBD|FIXME|XX+(?:\.X+)?|N\.N+)\b|\?\?+|\{+ ?[\w.:-]+ ?\}+|\{\.\.\.\}")
BLOCK = re.compile(r"```(?:sh)?\n(.*?)```", re.DOTALL)


def shown_commands() -> list[tuple[str, str]]:
    found = []
    for path in DOCUMENTS:
        for block in BLOCK.findall(path.read_text()):
            joined = block.replace("\\\n", " ")
            found += [
                (path.name, line.strip()) for line in joined.splitlines() if line.startswith("songwriter ")
            ]
    return found


def children(command: click.Command) -> dict[str, click.Command]:
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: child for name, child in found.items() if child}


def commands(group: click.Group, name: str = "songwriter") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for child, command in children(group).items():
        path = f"{name} {child}"
        found += commands(command, path) if isinstance(command, click.Group) else [(path, command)]
    return found


@pytest.mark.parametrize(("document", "line"), shown_commands())
def test_every_command_shown_exists_with_its_options(document: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = main
    while words and words[0] in children(command):
        command = children(command)[words.pop(0)]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for word in words:
        if word.startswith("-") and word not in ("--help", "-h"):
            assert word in known, f"{document}: {word}"
    assert not isinstance(command, click.Group) or "--help" in words


@pytest.mark.parametrize(("name", "command"), commands(main))
def test_every_command_has_help_and_is_in_a_document(name: str, command: click.Command) -> None:
    assert command.help
    assert any(name in path.read_text() for path in DOCUMENTS), name


def anchors(document: Path) -> set[str]:
    """The headings of a document, as links name them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    for name, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", path.read_text()):
        target = path.parent / name if name else path
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), anchor


def test_every_document_is_reachable_from_the_readme() -> None:
    found, new = set(), {ROOT / "README.md"}
    while new:
        found |= new
        linked = {
            (path.parent / name).resolve()
            for path in new
            for name in re.findall(r"\]\(([^)#]+\.md)", path.read_text())
        }
        new = linked - found
    assert found >= set((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_waits_to_be_filled_in(path: Path) -> None:
    assert PLACEHOLDER.findall(path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        *(("TODO: the table", True), ("p95 | XX ms", True), ("XX.X %", True), ("{samples_0.3}", True)),
        *(("{{ forms.strict }}", True), ("{...}", True), ("is it 5 ???", True), ("| TBD |", True)),
        *(('prints {"image", "caption"}', False), ('`{"words": 3}`', False), ("METEOR", False)),
        *(
            ("runs/XL", False),
            ("the XXI century", False),
            ("Why this one?", False),
            ("NLTK_DATA=NN_x", False),
        ),
    ],
)
def test_what_waits_is_told_from_what_does_not(text: str, waits: bool) -> None:
    assert bool(PLACEHOLDER.search(text)) == waits


def test_every_picture_shown_is_described_and_small() -> None:
    for text, name in re.findall(r"!\[([^]]*)\]\(([^)]+)\)", (ROOT / "README.md").read_text()):
        assert len(text) > 50
        assert (ROOT / name).stat().st_size < 300_000


def test_every_limit_that_can_be_set_is_explained() -> None:
    text = (ROOT / "docs/bot.md").read_text()
    for table in ("limits", "pictures", "engine"):
        for key in type(getattr(Config(), table)).model_fields:
            if key not in ("hosts", "device", "checkpoints"):
                assert f"`{table}.{key}`" in text


def test_the_limits_of_a_song_are_those_of_the_program() -> None:
    text = (ROOT / "docs/bot.md").read_text()
    assert f"| lines of a song that were rewritten | {MAX_REWRITTEN} |" in text
    assert f"| a recipe | {LONGEST_RECIPE} characters |" in text
    assert f"| seed | {MAX_PROMPT} characters |" in text


def test_the_readmes_commands_are_the_makefiles() -> None:
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text()):
        assert target in rules
