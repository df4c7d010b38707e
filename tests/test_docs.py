"""What the documents say is what the program does."""

import csv
import re
import shlex
from collections import Counter
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
CLI = ROOT / "docs/cli.md"
SPAN = re.compile(r"`([^`\n]+)`")
# A file or folder of this repository, as texts name them.
FILE = re.compile(r"(?:bot|model|training|tests|docs|packaging|data)/[\w./-]*")
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


each_command = pytest.mark.parametrize(
    ("name", "command"), commands(main), ids=[name for name, _ in commands(main)]
)
each_document = pytest.mark.parametrize(
    "path", DOCUMENTS, ids=[path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
)


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


@each_command
def test_every_command_has_help(name: str, command: click.Command) -> None:
    assert command.help, name


def entries() -> dict[str, tuple[dict[str, str], set[str]]]:
    """Of each command on the page: its rows, a default for each name, and the shared options it takes."""
    found = {}
    for section in re.split(r"^### ", CLI.read_text(), flags=re.MULTILINE)[1:]:
        name, *lines = section.split("\n## ")[0].splitlines()
        _, _, options = "\n".join(lines).partition("| option | default | |")
        table = [line for line in options.split("\n\n")[0].splitlines() if line.startswith("| `")]
        cells = [[cell.strip() for cell in line.split("|")[1:4]] for line in table]
        shared = [line for line in lines if line.startswith(("Also: ", "Options: "))]
        found[name] = (
            {option: default for names, default, _ in cells for option in SPAN.findall(names)},
            set(SPAN.findall(" ".join(shared))),
        )
    return found


def names_of(parameter: click.Parameter) -> set[str]:
    if isinstance(parameter, click.Argument):
        return {parameter.human_readable_name.rstrip(".")}
    return {*parameter.opts, *parameter.secondary_opts}


def default_of(parameter: click.Parameter) -> str | None:
    """What holds where nothing is said, as the help has it; none where no single value does."""
    built_in = re.search(r"Built in: (.+)\.$", getattr(parameter, "help", None) or "")
    if built_in:
        return {"True": "on", "False": "off"}.get(built_in[1], built_in[1])
    default = parameter.to_info_dict().get("default")
    if isinstance(default, bool):
        return "on" if default else "off"
    return None if default is None or isinstance(default, tuple) else str(default)


def test_the_command_lines_page_has_every_command() -> None:
    assert sorted(entries()) == sorted(name for name, _ in commands(main))


@each_command
def test_the_command_lines_page_has_every_option(name: str, command: click.Command) -> None:
    rows, shared = entries()[name]
    known = {one: parameter for parameter in command.params for one in names_of(parameter)}
    assert {*rows, *shared} == known.keys()
    for one, said in rows.items():
        expected = "required" if known[one].required else default_of(known[one])
        assert expected is None or said == expected, one


def test_shared_options_are_explained_once() -> None:
    head = CLI.read_text().split("### ")[0]
    explained = set(SPAN.findall(head))
    for rows, shared in entries().values():
        assert shared <= explained
        assert not rows.keys() & shared


def anchors(document: Path) -> set[str]:
    """The headings of a document, as links name them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@each_document
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


@each_document
def test_every_file_and_module_named_exists(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for span in SPAN.findall(text):
        if FILE.fullmatch(span):
            assert (ROOT / span).exists(), span
    for module in re.findall(r"python -m ((?:tests|bot|model|training)\.[\w.]+)", path.read_text()):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module


@each_document
def test_every_name_of_the_code_is_where_it_is_said_to_be(path: Path) -> None:
    for name, module in re.findall(r"`(\w+)` in `([\w/]+\.py)`", path.read_text()):
        assert re.search(rf"^(?:class |def |){name}\b", (ROOT / module).read_text(), re.MULTILINE), name


@each_document
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


def test_the_figures_of_pictures_from_elsewhere_are_those_of_the_file() -> None:
    with (ROOT / "docs/data/pictures.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    text = (ROOT / "docs/captioner.md").read_text()
    alone = Counter(row["right_of_captioner"] for row in rows)
    right = Counter(row["right"] for row in rows)
    moods = Counter(row["mood"] for row in rows)
    assert f"| captioner alone | {alone['thing']} of {len(rows)} | {alone['thing']} |" in text
    total = right.total() - right["no"]
    assert f"| **{total}** | **{right['thing']}** | {right['colour']} | {right['light']} |" in text
    for mood in moods.keys() - {""}:
        assert f"{mood} {moods[mood]}" in text
    assert_how_they_are_told(rows, text)


def test_the_figures_of_pictures_kept_apart_are_those_of_the_file() -> None:
    with (ROOT / "docs/data/pictures-apart.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    text = (ROOT / "docs/captioner.md").read_text()
    right = Counter(row["right"] for row in rows)
    total = right.total() - right["no"]
    assert f"| {total} | {right['thing']} | {right['colour']} | {right['light']} |" in text
    assert_how_they_are_told(rows, text)


def assert_how_they_are_told(rows: list[dict[str, str]], text: str) -> None:
    ways = Counter((row["how"], row["right"] != "no") for row in rows)
    for way, words in (("caption", "a caption"), ("name", "a name"), ("perhaps", 'with "perhaps"')):
        assert f"| {words} | {ways[way, True]} | {ways[way, False]} |" in text


def test_the_readmes_commands_are_the_makefiles() -> None:
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in ("README.md", "docs/cli.md"):
        for target in re.findall(r"make ([a-z-]+)", (ROOT / page).read_text()):
            assert target in rules
