"""The host's commands: export, summary and backup, as they are typed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
import pandas
import pytest
from click.testing import CliRunner, Result

from bot.cli.ratings import backup, ratings
from bot.store import Output, ServerSettings, Store
from tests.bot.store.test_store import ADA, BOB, EVE, NOON, PEOPLE, SERVER, stanza

COLUMNS = [
    "output", "person", "server", "reaction", "self_rating", "bot", "rated_at", "created", "caption",
    "keywords", "text", "line_count", "seed", "style", "mood", "temperature", "random_seed", "captioner",
    "generator", "recipe",
]  # fmt: skip


def run(command: click.Command, *words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def refused(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    said = result.stderr.splitlines()
    assert len(said) == 1, said
    return said[0]


Fill = Callable[..., Path]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Make a database of outputs and ratings; return its configuration file."""

    def make(*rated: tuple[Output, dict[int, str]], bots: tuple[int, ...] = (), **servers: object) -> Path:
        async def write() -> None:
            async with Store.open(tmp_path / "s.sqlite3") as store:
                for message, (output, given_by) in enumerate(rated):
                    await store.add_output(replace(output, message=message))
                    for user, reaction in given_by.items():
                        await store.add_rating(message, user, reaction, is_bot=user in bots)
                for chosen in servers.values():
                    assert isinstance(chosen, ServerSettings)
                    await store.change_settings(SERVER, lambda _, chosen=chosen: chosen)

        asyncio.run(write())
        config = tmp_path / "config.toml"
        config.write_text('[store]\npath = "s.sqlite3"\n')
        return config

    return make


# Every name that a table reader might take for a number, a truth value or nothing.
TRICKY = stanza(
    id="123456789012",
    captioner="123456789012",
    generator="12345e678901",
    prompt="none",
    caption='he said "null", =1+1',
    keywords=("nan", "null"),
    lines=("A line, with a comma", "and a “quotation”"),
    mood=None,
    server=None,
)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_pandas_reads_the_export_with_the_right_types(fill: Fill, tmp_path: Path, kind: str) -> None:
    config = fill((TRICKY, {ADA: "👍", BOB: "👎", EVE: "👎"}), bots=(EVE,))
    file = tmp_path / "ratings.out"
    result = run(ratings, "export", "--config", config, "--format", kind, "-o", file)
    assert result.exit_code == 0, result.output
    assert result.output == ""
    dates = ["rated_at", "created"]
    if kind == "csv":
        text = {"output": str, "captioner": str, "generator": str}
        table = pandas.read_csv(file, keep_default_na=False, parse_dates=dates, dtype=text)
    else:
        moment = "datetime64[ms, UTC]"
        table = pandas.read_json(file, lines=True, dtype=False).astype(dict.fromkeys(dates, moment))
    assert list(table.columns) == COLUMNS
    assert len(table) == 3
    for column in ("self_rating", "bot"):
        assert table[column].dtype == bool
    assert table["temperature"].dtype == float
    for column in ("random_seed", "line_count"):
        assert table[column].dtype == int
    for column in dates:
        assert pandas.api.types.is_datetime64_any_dtype(table[column])
    row = table[table["self_rating"]].iloc[0]
    for column in ("captioner", "generator", "caption", "style"):
        assert row[column] == getattr(TRICKY, column)
    assert row["seed"] == TRICKY.prompt
    assert row["output"] == TRICKY.id
    assert row["text"] == "\n".join(TRICKY.lines)
    assert row["keywords"] == ("nan, null" if kind == "csv" else ["nan", "null"])
    assert row["random_seed"] == TRICKY.seed
    assert row["created"].timestamp() == NOON
    assert row["mood"] == "" if kind == "csv" else pandas.isna(row["mood"])
    assert list(table["reaction"]) == ["👍", "👎", "👎"]
    assert table["bot"].sum() == 1
    assert table["person"].nunique() == 3
    assert not any(str(user) in file.read_text() for user in PEOPLE)


def test_ordinary_rows_need_no_special_reading(fill: Fill, tmp_path: Path) -> None:
    config = fill((stanza(), {ADA: "👍", BOB: "👎"}))
    (tmp_path / "r.csv").write_bytes(run(ratings, "export", "--config", config).stdout_bytes)
    lines = run(ratings, "export", "--config", config, "--format", "jsonl").stdout_bytes
    (tmp_path / "r.jsonl").write_bytes(lines)
    for table in (pandas.read_csv(tmp_path / "r.csv"), pandas.read_json(tmp_path / "r.jsonl", lines=True)):
        assert table["temperature"].dtype == float
        assert table["self_rating"].dtype == bool
        assert table["random_seed"].dtype == int
        assert set(table["captioner"]) == {"0123456789ab"}
        assert table["person"].nunique() == 2


def test_no_ratings_are_a_header_or_nothing(fill: Fill) -> None:
    config = fill((stanza(), {}))
    assert run(ratings, "export", "--config", config).stdout == ",".join(COLUMNS) + "\n"
    assert run(ratings, "export", "--config", config, "--format", "jsonl").stdout == ""
    assert run(ratings, "summary", "--config", config).stdout.startswith("Ratings: 0,")
    found = json.loads(run(ratings, "summary", "--config", config, "--json").stdout)
    assert (found["ratings"], found["share"], found["by_mood"]) == (0, None, [])


def test_a_failed_export_leaves_the_file_as_it_was(fill: Fill, tmp_path: Path) -> None:
    config = fill((stanza(), {BOB: "👍"}))
    file = tmp_path / "ratings.csv"
    file.write_text("of yesterday")
    with closing(sqlite3.connect(tmp_path / "s.sqlite3")) as connection, connection:
        connection.execute("UPDATE ratings SET reaction = CAST(x'ff' AS TEXT)")
    refused(run(ratings, "export", "--config", config, "-o", file), 1)
    assert file.read_text() == "of yesterday"
    assert not list(tmp_path.glob("*.partial"))


def test_the_summary_counts_people_who_are_no_authors_and_no_bots(fill: Fill) -> None:
    config = fill(
        (stanza(temperature=0.4, mood="sad"), {ADA: "👍", BOB: "👍", EVE: "👍", 7: "👎"}),
        (stanza(temperature=0.3, mood="sad"), {8: "👎", 9: "🥕"}),
        (stanza(temperature=1.2, mood=None), {BOB: "👍"}),
        bots=(EVE,),
    )
    found = json.loads(run(ratings, "summary", "--config", config, "--json").stdout)
    assert (found["outputs"], found["ratings"], found["positive"]) == (3, 4, 2)
    assert found["share"] == 0.5
    assert found["left_out"] == {"self": 1, "bot": 1, "other_reaction": 1}
    assert [(row["from"], row["to"], row["ratings"], row["positive"]) for row in found["by_temperature"]] == [
        (0.3, 0.5, 3, 1),
        (1.1, 1.3, 1, 1),
    ]
    assert [(row["mood"], row["ratings"], row["positive"]) for row in found["by_mood"]] == [
        (None, 1, 1),
        ("sad", 3, 1),
    ]
    table = run(ratings, "summary", "--config", config).stdout
    assert table.splitlines()[0] == (
        "Ratings: 4, of stanzas: 3. Left out: self-ratings 1, bots' 1, other reactions 1."
    )
    assert any(line.split()[:6] == ["mood", "sad", "3", "1", "33%", "6%"] for line in table.splitlines())


def test_a_servers_own_reactions_say_what_is_positive(fill: Fill) -> None:
    config = fill(
        (stanza(), {BOB: "❤️", EVE: "👍"}),
        (stanza(server=None), {BOB: "❤️", EVE: "👍"}),
        server=ServerSettings(reactions=("❤️", "💤")),
    )
    found = json.loads(run(ratings, "summary", "--config", config, "--json").stdout)
    assert (found["ratings"], found["positive"], found["left_out"]["other_reaction"]) == (2, 2, 2)


def test_backup_on_the_command_line_while_the_bot_runs(fill: Fill, tmp_path: Path) -> None:
    config = fill((stanza(id="kept"), {BOB: "👍"}))
    target = tmp_path / "copy.sqlite3"

    async def live() -> None:
        async with Store.open(tmp_path / "s.sqlite3") as store:
            await store.put("last", "word")
            result = await asyncio.to_thread(run, backup, "--config", config, target)
            assert result.exit_code == 0, result.output
            await store.put("still", "writing")
        async with Store.open(target) as copy:
            assert await copy.get("last") == "word"
            assert await copy.output("kept") is not None

    asyncio.run(live())
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "exists already" in refused(run(backup, "--config", config, target), 1)


@pytest.mark.parametrize("words", [("export",), ("summary",), ("summary", "--json")])
def test_a_missing_database_is_bad_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "songwriter.sqlite3" in refused(run(ratings, *words), 65)
    assert "songwriter.sqlite3" in refused(run(backup, "copy"), 65)
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_bad_data(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[store]\npath = "s.sqlite3"\n')
    for content in (b"", b"no database " * 100):
        (tmp_path / "s.sqlite3").write_bytes(content)
        refused(run(ratings, "export", "--config", config), 65)


def test_the_configuration_beside_is_used(
    fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill((stanza(), {BOB: "👍"}))
    monkeypatch.chdir(tmp_path)
    assert run(ratings, "summary").stdout.startswith("Ratings: 1,")
    (tmp_path / "config.toml").write_text("[sotre]\n")
    assert "sotre" in refused(run(ratings, "summary"), 78)
    refused(run(ratings, "summary", "--config", "elsewhere.toml"), 78)
