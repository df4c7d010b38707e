"""What can be set, what is refused, and in which words."""

from __future__ import annotations

import math
import re
import shutil
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st

from bot.cli.main import main
from bot.config import BadConfiguration, Config, dump, load_config, parse, token
from model.files import CHECKPOINTS
from tests.refusals import refused

EXAMPLE = Path(__file__).parent.parent.parent / "config.example.toml"
SECRET = "MTE4NzY1NDMyMTA5ODc2NTQzMg.GhIjKl.abcdefghijklmnopqrstuvwxyz0123456789AB"  # noqa: S105 - made up
KEYS = [(name, key) for name, table in Config() for key in type(table).model_fields]


def check(path: Path, **environment: str) -> Result:
    nothing: dict[str, str | None] = {"DISCORD_TOKEN": None, "DISCORD_TOKEN_FILE": None}
    return CliRunner().invoke(main, ["check", "--config", str(path)], env=nothing | environment)


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def outcome(make: Callable[[], Config]) -> Config | str:
    try:
        return make()
    except BadConfiguration as error:
        return str(error)


def uncommented(text: str) -> str:
    """With the keys that the example only shows."""
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)


def test_the_example_is_the_defaults() -> None:
    assert parse(tomllib.loads(EXAMPLE.read_text())) == Config()


def test_the_example_has_every_key() -> None:
    shown = tomllib.loads(uncommented(EXAMPLE.read_text()))
    assert [(name, key) for name, table in shown.items() for key in table] == KEYS
    parse(shown)


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_every_key_has_a_comment(name: str, key: str) -> None:
    """Above it, or above the key it stands with."""
    lines = EXAMPLE.read_text().splitlines()
    table = lines[lines.index(f"[{name}]") + 1 :]
    at = next(number for number, line in enumerate(table) if re.match(rf"(# )?{key} = ", line))
    shared = {"total_seconds": 2, "waiting": 2}
    assert re.match(r"# (?!\w+ = )", table[at - shared.get(key, 1)])


BAD = {
    "nope = 1": ("nope", "is not a known table: use one of discord, lyrics"),
    "[nope]\nx = 1": ("nope", "is not a known table"),
    "[limits]\nqueu = 1": ("limits.queu", "is not a known key: use one of cooldown_seconds"),
    "limits = 3": ("limits", "write its keys below [limits]"),
    "[[limits]]\nqueue = 1": ("limits", "write its keys below [limits]"),
    '[limits]\nqueue = "2"': ("limits.queue", 'must be a number, not "2"'),
    "[limits]\nqueue = true": ("limits.queue", "must be a number, not true"),
    "[limits]\nqueue = 2.5": ("limits.queue", "integer"),
    "[limits]\nqueue = nan": ("limits.queue", "finite"),
    "[limits]\nqueue = 2026-11-22": ("limits.queue", "must be a number"),
    "[limits]\nqueue = 0": ("limits.queue", "greater than or equal to 1, not 0"),
    "[limits]\nqueue = 10001": ("limits.queue", "less than or equal to 10000"),
    "[limits]\ncooldown_seconds = nan": ("limits.cooldown_seconds", "finite"),
    "[limits]\ncooldown_seconds = inf": ("limits.cooldown_seconds", "finite"),
    "[limits]\ncooldown_seconds = -1": ("limits.cooldown_seconds", "greater than or equal to 0"),
    "[lyrics]\ntemperature = 1.3": ("lyrics.temperature", "less than or equal to 1.2"),
    "[lyrics]\nlines = 5": ("lyrics.lines", "less than or equal to 4"),
    '[lyrics]\nstyle = "rap"': (
        "lyrics.style",
        'use one of song, nursery, hymn, ballad, poem, modern, witty, not "rap"',
    ),
    "[health]\nenabled = 1": ("health.enabled", "must be true or false"),
    "[health]\nport = 65536": ("health.port", "less than or equal to 65535"),
    '[health]\nhost = ""': ("health.host", "at least 1 character"),
    '[discord]\npicture_channels = "some"': (
        "discord.picture_channels",
        'use "all" or a list of channel ids',
    ),
    '[discord]\npicture_channels = ["general"]': ("discord.picture_channels", 'integer, not "general"'),
    "[discord]\npicture_channels = [true]": ("discord.picture_channels", "integer, not true"),
    '[discord]\nowners = ["12"]': ("discord.owners", "integer"),
    "[discord]\ndev_guild = true": ("discord.dev_guild", "integer"),
    "[discord]\ndev_guild = 9223372036854775808": ("discord.dev_guild", "less than"),
    '[discord]\nreactions = ["👍"]': ("discord.reactions", "2 to 20 different"),
    '[discord]\nreactions = ["👍", "👍"]': ("discord.reactions", "2 to 20 different"),
    '[discord]\nreactions = ["up", "down"]': ("discord.reactions", "a reaction is an emoji"),
    "[pictures]\nhosts = []": ("pictures.hosts", "list names of hosts"),
    '[pictures]\nhosts = ["https://cdn.example"]': ("pictures.hosts", "without https://"),
    '[store]\npath = ""': ("store.path", "path of a file or folder"),
    '[store]\npath = "a\\u0000b"': ("store.path", "path of a file or folder"),
    "[store]\nbackups = 3": ("store.backups", "path of a file or folder, not 3"),
    '[host]\nprivacy = "http://example.org"': ("host.privacy", "address of a page, with https://"),
    '[host]\nname = ""': ("host.name", "at least 1 character"),
    '[host]\ncontact = "a\\nb"': ("host.contact", "write it on one line"),
    '[log]\nlevel = "loud"': ("log.level", "'debug', 'info', 'warning' or 'error'"),
    '[eye]\nmodel = "owner/name"': ("eye.model", 'name a model as "hf:OWNER/NAME"'),
    "[eye]\nmodel = 3": ("eye.model", "string"),
    '[eye]\nmodel = "hf:owner/name"': ("eye.revision", "a commit's 40 hex digits, not null"),
    '[eye]\nmodel = "hf:owner/name"\nrevision = "main"': ("eye.revision", '40 hex digits, not "main"'),
    "[filter]\nwords = [1]": ("filter.words", "string"),
    '[filter]\nwords = ["two words"]': ("filter.words", "single words in Latin letters"),
    '[filter]\nwords = ["слово"]': ("filter.words", "single words in Latin letters"),
    '[filter]\nwords = ["w0rd"]': ("filter.words", "single words in Latin letters"),
    '[filter]\nwords = ["halfслово"]': ("filter.words", "single words in Latin letters"),
    '[filter]\nwords = [""]': ("filter.words", "single words in Latin letters"),
    '[filter]\nallowed = ["-"]': ("filter.allowed", "single words in Latin letters"),
    "[limits": ("config.toml", "is not valid TOML"),
    "x = " + "[" * 5000: ("config.toml", "is not valid TOML"),
    "[limits]\nqueue = " + "9" * 5000: ("config.toml", "is not valid TOML"),
    "[limits]\nqueue = 0x" + "f" * 5000: ("config.toml", "is not valid TOML"),
    "#" * (2**20 + 1): ("config.toml", "more than 1048576 bytes"),
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:40])
def test_what_is_wrong_is_one_sentence_that_names_the_key(text: str, tmp_path: Path) -> None:
    result = check(written(tmp_path, text))
    key, complaint = BAD[text]
    assert result.exit_code == 78
    assert result.stdout == ""
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("songwriter: ")
    assert sentence.endswith(".")
    assert re.search(rf"\b{re.escape(key)}\b", sentence)
    assert complaint in sentence
    assert len(sentence) < 500


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        result = check(path)
        assert result.exit_code == 78
        assert f"{path} cannot be read: " in result.stderr


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes('[log]\nlevel = "größer"'.encode("latin-1"))
    result = check(path)
    assert result.exit_code == 78
    assert "is not valid TOML" in result.stderr


@pytest.mark.parametrize(
    "reactions",
    [
        ["👍🏽", "1️⃣"],
        ["❤️", "🏴󠁧󠁢󠁷󠁬󠁳󠁿"],
        ["👩‍👩‍👧‍👦", "<:yes:123456789012345678>"],
        ["<a:no:1234567890123456>", "💔"],
    ],
)
def test_every_kind_of_emoji_can_rate(reactions: list[str]) -> None:
    assert parse({"discord": {"reactions": reactions}}).discord.reactions == tuple(reactions)


def test_whole_numbers_will_do_for_seconds() -> None:
    assert parse({"limits": {"deadline_seconds": 30}}).limits.deadline_seconds == 30


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    path = written(
        tmp_path / "here",
        '[store]\npath = "../data/song.sqlite3"\nbackups = "/var/backups"\n[engine]\ncheckpoints = "models"',
    )
    monkeypatch.chdir(tmp_path)
    for name in (path, Path("here/config.toml")):
        config = load_config(name)
        assert config.store.path == tmp_path / "here" / "../data/song.sqlite3"
        assert config.store.backups == Path("/var/backups")
        assert config.engine.checkpoints == tmp_path / "here" / "models"


@pytest.mark.usefixtures("models_read_once")
def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["check"])
    assert result.exit_code == 0
    assert parse(tomllib.loads(result.stdout)) == Config()
    written(tmp_path, "[lyrics]\nlines = 2")
    assert parse(tomllib.loads(CliRunner().invoke(main, ["check"]).stdout)).lyrics.lines == 2


@pytest.mark.usefixtures("models_read_once")
def test_check_prints_what_is_in_force_and_not_the_token(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[discord]\npicture_channels = [123456789012345678]\ndev_guild = 7\nreactions = ["⭐", "💤"]\n'
        '[store]\nbackups = "back\\\\slash, quo\\"te, \\u007f"\n'
        '[filter]\nwords = ["Bástard", "o’clock"]\n[limits]\ncooldown_seconds = 1e-9\n',
    )
    result = check(path, DISCORD_TOKEN=SECRET)
    assert result.exit_code == 0
    assert parse(tomllib.loads(result.stdout)) == load_config(path)
    assert "The token is set" in result.stdout
    assert SECRET not in result.output
    assert "There is no token" in check(path).stdout
    assert "# checkpoints is not set" in result.stdout


@pytest.mark.usefixtures("models_read_once")
@pytest.mark.parametrize("variable", ["DISCORD_TOKEN_FILE", "DISCORD_TOKEN"])
def test_a_token_in_the_wrong_place_is_not_printed(variable: str, tmp_path: Path) -> None:
    """A token where a file's name belongs, or with rubbish in it."""
    result = check(written(tmp_path, ""), **{variable: f"{SECRET} é\n[limits]"})
    assert result.exit_code == 0
    assert SECRET[:20] not in result.output
    assert parse(tomllib.loads(result.stdout)).limits == Config().limits


def test_the_token_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"  {SECRET}\n")
    assert token({"DISCORD_TOKEN": f" {SECRET}\n"}) == SECRET
    assert token({"DISCORD_TOKEN_FILE": str(file)}) == SECRET
    assert token({"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": str(file)}) == SECRET
    assert token({"DISCORD_TOKEN": "first", "DISCORD_TOKEN_FILE": str(file)}) == "first"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"two words", "holds no token"),
        (b"two\nlines", "holds no token"),
        (b"\xff\xfe", "cannot be read"),
        (b"x" * 1001, "cannot be read"),
        ("gr\u00f6\u00dfer".encode(), "holds no token"),
        (None, "cannot be read"),
    ],
)
def test_a_file_without_a_token(content: bytes | None, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadConfiguration, match=complaint) as caught:
        token({"DISCORD_TOKEN_FILE": str(file)})
    assert "DISCORD_TOKEN_FILE" in str(caught.value)


def test_run_without_a_token_ends_with_78(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    nothing: dict[str, str | None] = {"DISCORD_TOKEN": None, "DISCORD_TOKEN_FILE": None}
    result = CliRunner().invoke(main, ["run", "--config", str(path)], env=nothing)
    assert result.exit_code == 78
    assert result.stderr.startswith("songwriter: There is no token: ")
    assert not (tmp_path / "songwriter.sqlite3").exists()


SCALARS = (
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.sampled_from(["all", "cpu", "song", "👍", "json", "info", "::1", ".", math.nan])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
NAMES = st.sampled_from([name for name, _ in KEYS]) | st.text(max_size=8)
TABLES = st.dictionaries(NAMES, VALUES | st.dictionaries(st.sampled_from([key for _, key in KEYS]), VALUES))


@given(TABLES)
@example({"limits": {"queue": date(2026, 11, 22)}})
@example({"discord": {"picture_channels": [[]]}})
@example({"store": {"path": "\x7f"}})
def test_any_tables_are_a_configuration_or_a_sentence(tables: dict[str, Any]) -> None:
    found = outcome(lambda: parse(tables))
    if isinstance(found, Config):
        assert parse(tomllib.loads(dump(found))) == found
    else:
        assert found.endswith(".")
        assert len(found) < 1000


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_is_a_configuration_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    found = outcome(lambda: load_config(path))
    assert isinstance(found, Config) or str(path) in found


WORD = st.from_regex(r"[a-zé]{1,9}(['’-][A-Z]{1,3})?", fullmatch=True)
VALID = st.fixed_dictionaries(
    {},
    optional={
        "discord": st.fixed_dictionaries(
            {},
            optional={
                "picture_channels": st.just("all") | st.lists(st.integers(1, 2**63 - 1), max_size=3),
                "owners": st.lists(st.integers(1, 2**63 - 1), max_size=3),
                "message_content": st.booleans(),
            },
        ),
        "filter": st.fixed_dictionaries({}, optional={"words": st.lists(WORD, max_size=3)}),
        "limits": st.fixed_dictionaries({}, optional={"cooldown_seconds": st.floats(0, 3600)}),
        "store": st.fixed_dictionaries(
            {},
            optional={"backups": st.text(min_size=1).filter(lambda name: name.strip() and "\0" not in name)},
        ),
    },
)


@given(VALID)
def test_what_is_printed_is_read_back(tables: dict[str, Any]) -> None:
    config = parse(tables)
    assert parse(tomllib.loads(dump(config))) == config


def test_a_mark_of_the_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[lyrics]\nlines = 2\n")
    assert load_config(path).lyrics.lines == 2


def models_in(folder: Path) -> Path:
    models = folder / "models"
    shutil.copytree(CHECKPOINTS, models)
    return models


@pytest.mark.parametrize("name", ["captioner.safetensors", "generator.safetensors", "names.safetensors"])
def test_check_loads_the_models(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, '[engine]\ncheckpoints = "models"\n')
    file = models_in(tmp_path) / name
    file.write_bytes(file.read_bytes()[:-1000])
    assert str(file) in refused(check(path), 78)
    file.unlink()
    assert (check(path).exit_code == 0) == (name == "names.safetensors")


@pytest.mark.usefixtures("models_read_once")
@pytest.mark.parametrize(
    ("store", "complaint"),
    [("nowhere/s.sqlite3", "there is no folder"), ("folder", "is a folder"), ("text", "not a database")],
)
def test_check_looks_where_the_database_is_to_be(tmp_path: Path, store: str, complaint: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("this is no database, and long enough to look like one" * 20)
    path = written(tmp_path, f'[store]\npath = "{store}"\n')
    assert complaint in refused(check(path), 78)


@pytest.mark.usefixtures("models_read_once")
def test_check_makes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, '[store]\npath = "s.sqlite3"\nbackups = "backups"\n')
    result = check(path)
    assert result.exit_code == 0
    assert "there will be no backups" in result.stdout
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
