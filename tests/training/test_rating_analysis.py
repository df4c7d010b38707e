"""What ratings say: a planted effect is found, none is made up, what is too little says so."""

from __future__ import annotations

import asyncio
import csv
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bot.cli.main import main
from bot.store import Output, ServerSettings, Store, new_id
from bot.store.files import reading
from bot.store.rating_queries import rating_rows
from training.evaluation.rating_analysis import readable
from training.evaluation.ratings import ratings_of, read_export

KNOWN = "moon river silver heart night dance summer garden sing golden water stone light".split()
NONSENSE = "blorf zintle quarg flimp drozz vasket".split()
ASKING, PEOPLE, ROBOT = 1, range(10, 22), 99
HOME, STARRY = 5, 6
GENERATOR, RARE = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


pytestmark = pytest.mark.usefixtures("word_lists_read_once")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People like low temperatures and real words, and nothing else."""
    path = tmp_path_factory.mktemp("ratings") / "songwriter.sqlite3"
    asyncio.run(fill(path))
    return path


async def fill(path: Path) -> None:
    draw = random.Random(4)
    async with Store.open(path) as store:
        await store.change_settings(STARRY, lambda _: ServerSettings(reactions=("⭐", "💤")))
        for message in range(130):
            real, cool, starry = draw.random() < 0.5, draw.random() < 0.5, message < 15
            rare = message >= 120
            await store.add_output(
                stanza(
                    draw,
                    message=message,
                    server=STARRY if starry else HOME,
                    lines=lines(draw, real),
                    temperature=0.3 if cool else 1.0,
                    generator=RARE if rare else GENERATOR,
                )
            )
            good, bad = ("⭐", "💤") if starry else ("👍", "👎")
            for person in draw.sample(PEOPLE, 4) if not rare else [*PEOPLE][:4]:
                liked = draw.random() < 0.15 + 0.35 * real + 0.35 * cool
                await store.add_rating(message, person, good if liked else bad, is_bot=False)
            # Who asked and other bots would turn every figure round.
            await store.add_rating(message, ASKING, bad if real else good, is_bot=False)
            await store.add_rating(message, ROBOT, bad if cool else good, is_bot=True)


def stanza(draw: random.Random, **known: Any) -> Output:
    picture = draw.random() < 0.6
    return Output(
        id=new_id(),
        user=ASKING,
        channel=3,
        caption="a dog" if picture else None,
        keywords=("moon", "dog") if draw.random() < 0.8 else (),
        prompt="the" if draw.random() < 0.4 else "",
        style="song",
        mood=draw.choice(["happy", "sad", None]) if draw.random() < 0.98 else "angry",
        line_count=3,
        seed=1,
        captioner="cccccccccccc" if picture else "",
        created=1.7e9,
        **known,
    )


def lines(draw: random.Random, real: bool) -> tuple[str, ...]:
    spoken = [draw.choice(KNOWN if real or draw.random() < 0.4 else NONSENSE) for _ in range(12)]
    return tuple(" ".join(spoken[start : start + 4]).capitalize() for start in (0, 4, 8))


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def measured(*words: str | Path) -> dict[str, Any]:
    result = run("evaluate", "ratings", *words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def found(word_lists_read_once: None, database: Path, folder: Path) -> dict[str, Any]:
    return measured(database, "--output", folder / "new", "--save", folder / "saved.json")


def test_stanzas_without_recipes_cannot_be_written_again(database: Path) -> None:
    found = measured(database, "--score")["score"]
    assert (found["votes"], found["note"], [*found["left_out"]]) == (0, "too few", ["no recipe"])
    assert (
        "it takes 240 votes by 5 people on 50 stanzas"
        in run("evaluate", "ratings", database, "--score").stdout
    )


def cell(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if name in row.values())


def test_what_was_planted_is_found(found: dict[str, Any]) -> None:
    cool, hot = (cell(found["by_temperature"], name) for name in ("0.3 to 0.5", "0.9 to 1.1"))
    assert cool["low"] > hot["high"]
    assert cell(found["correlations"], "temperature")["high"] < 0
    assert cell(found["correlations"], "dictionary_words")["low"] > 0


def test_what_was_not_planted_is_not_found(found: dict[str, Any]) -> None:
    for key in ("by_mood", "by_seed_kind"):
        cells = [row for row in found[key] if row["share"] is not None]
        assert len(cells) > 2
        assert max(row["low"] for row in cells) < min(row["high"] for row in cells)
    for measure in ("keywords_used", "distinct_1", "distinct_2", "repeated_4grams", "rhyming_lines"):
        row = cell(found["correlations"], measure)
        assert row["rho"] is None or row["low"] < 0 < row["high"], row


def test_self_ratings_and_bots_are_left_out_and_counted(found: dict[str, Any]) -> None:
    assert found["left_out"] == {"self_rating": 130, "bot": 130, "other_reaction": 0}
    assert found["ratings"] == 4 * 130
    assert found["people"] == len(PEOPLE)


def test_too_little_says_so_instead_of_a_number(found: dict[str, Any]) -> None:
    angry = cell(found["by_mood"], "angry")
    assert 0 < angry["ratings"] < found["minimum"]["ratings"]
    # Enough ratings, but by four people.
    rare = cell(found["by_generator"], RARE)
    assert rare["ratings"] >= found["minimum"]["ratings"]
    assert rare["people"] < found["minimum"]["people"]
    for row in (angry, rare):
        assert row["note"] == "too few"
        assert {row[key] for key in ("positive", "share", "low", "high")} == {None}
    # Every stanza has three lines.
    assert cell(found["correlations"], "lines")["note"] == "always the same"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_export_holds_what_the_database_does(database: Path, tmp_path: Path, kind: str) -> None:
    exported = read_export(export(database, tmp_path / f"ratings.{kind}"))
    with reading(database) as connection:
        assert exported == ratings_of(rating_rows(connection), database)


def test_an_export_has_to_be_told_about_a_servers_own_reactions(
    database: Path, found: dict[str, Any], tmp_path: Path
) -> None:
    file = export(database, tmp_path / "ratings.csv")
    plain = measured(file)
    assert plain["left_out"]["other_reaction"] == sum(plain["other_reactions"].values()) == 4 * 15
    assert set(plain["other_reactions"]) == {"⭐", "💤"}
    whole = measured(file, "--positive", "👍", "--positive", "⭐", "--negative", "👎", "--negative", "💤")
    assert whole.pop("provenance")["inputs"]["ratings"]["path"] == str(file)
    assert whole == {key: value for key, value in found.items() if key != "provenance"}


def export(database: Path, file: Path) -> Path:
    config = file.with_name("config.toml")
    config.write_text(f'[store]\npath = "{database}"\n')
    result = run("ratings", "export", "--config", config, "--format", file.suffix[1:], "-o", file)
    assert result.exit_code == 0, result.output
    return file


def test_tables_and_plots(found: dict[str, Any], folder: Path) -> None:
    written = folder / "new"
    assert json.loads((folder / "saved.json").read_text()) == found
    assert json.loads((written / "ratings.json").read_text()) == found
    with (written / "by_temperature.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["share"]) for row in rows] == [row["share"] for row in found["by_temperature"]]
    for name in ("shares.png", "correlations.png"):
        with Image.open(written / name) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 200
    assert not list(written.glob("*.partial"))
    shown = readable(found)
    assert "self-ratings 130" in shown
    assert any("angry" in line and "too few" in line for line in shown.splitlines())


def test_a_handful_of_ratings_gives_no_figures(tmp_path: Path) -> None:
    async def write() -> None:
        async with Store.open(tmp_path / "few.sqlite3") as store:
            await store.add_output(
                stanza(
                    random.Random(1), message=1, server=None, lines=("Moon",), temperature=0.4, generator="g"
                )
            )
            await store.add_rating(1, 2, "👍", is_bot=False)

    asyncio.run(write())
    few = measured(tmp_path / "few.sqlite3", "--output", tmp_path / "plots")
    assert few["note"] == "too few"
    assert few["share"] is None
    assert all(row["note"] == "too few" for row in few["correlations"])
    assert (tmp_path / "plots" / "shares.png").stat().st_size > 1000


HEADER = (
    "output,person,server,reaction,self_rating,bot,keywords,text,seed,mood,temperature,captioner,generator\n"
)
LINE = (
    b'{"output": "o", "person": "p", "server": "s", "reaction": "r", "self_rating": false, "bot": false, '
    b'"seed": "", "mood": null, "temperature": 0.4, "captioner": "", "generator": "g", "keywords": %s}\n'
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no ratings"),
        (HEADER.encode(), "holds no ratings"),
        (b"name,age\nAda,36\n", "has no column 'keywords'"),
        (
            HEADER.encode() + b"o,p,s,r,True,False,k,t,,,hot,,g\n",
            "rating 1: a value is missing or of the wrong",
        ),
        (HEADER.encode() + b"o,p,s,r,perhaps,False,k,t,,,0.4,,g\n", "rating 1"),
        (HEADER.encode() + b"o,p\n", "rating 1"),
        (b'{"output": "o"}\n{"outp', "neither CSV nor JSON lines"),
        (b'{"output": "o"}\n[1]\n', "has no column"),
        (LINE % b'[1], "text": "t"', "rating 1: a value is missing or of the wrong"),
        (LINE % b'[], "text": "\\ud83d"', "rating 1: a value is missing or of the wrong"),
        (b"\xff\xfe\x00", "neither CSV nor JSON lines"),
        (b"SQLite format 3\0 and so on" * 100, "is not a database"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "ratings.csv"
    file.write_bytes(content)
    refused(run("evaluate", "ratings", file), said)


def test_a_reaction_is_praise_or_is_not(tmp_path: Path) -> None:
    file = tmp_path / "ratings.jsonl"
    file.write_bytes(LINE % b'[], "text": "t"')
    result = run("evaluate", "ratings", file, "--negative", "👍")
    assert result.exit_code == 2
    assert "👍 cannot be praise and no praise" in result.stderr


@pytest.mark.filterwarnings("error")
def test_where_nothing_counts_the_plots_are_empty_and_silent(tmp_path: Path) -> None:
    file = tmp_path / "ratings.jsonl"
    file.write_bytes(LINE % b'[], "text": "t"')
    result = run("evaluate", "ratings", file, "--output", tmp_path / "plots")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "other reactions 1 (r 1)" in result.stdout


def test_what_is_not_there_or_anothers_is_refused(tmp_path: Path) -> None:
    refused(run("evaluate", "ratings", tmp_path / "none.csv"), "cannot be read")
    refused(run("evaluate", "ratings", tmp_path), "cannot be read")
    other = tmp_path / "other.sqlite3"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE ratings (a)")
    refused(run("evaluate", "ratings", other), "other.sqlite3")


def refused(result: Result, said: str) -> None:
    assert result.exit_code == 65, result.output
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr
