"""Flickr8k in its two layouts, with pictures that are drawn here."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bot.cli.prepare import flickr8k
from tests.refusals import refused
from training.corpora.flickr8k import read_captions, read_split

QUIRK = "2258277193_586949ec62.jpg.1"
HALF = "1798209205_77dbf525b0.jpg"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(flickr8k, [str(word) for word in words])


def draw(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.effect_noise((60 + number, 40), 50).convert("RGB").save(folder / name)


def captions(names: list[str]) -> str:
    return "".join(f"{name}#{n}\tA dog , number {n} .\n" for name in names for n in range(5))


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """As the authors' zips unpack, misspelt folder, quirks and all."""
    folder = tmp_path / "flickr"
    pictures = folder / "Flickr8k_Dataset" / "Flicker8k_Dataset"
    draw(pictures, "a.jpg", "b.jpg", "c.jpg", "d.jpg", HALF, "lonely.jpg")
    whole = (pictures / HALF).read_bytes()
    (pictures / HALF).write_bytes(whole[: len(whole) // 2])
    texts = folder / "Flickr8k_text"
    texts.mkdir()
    (texts / "Flickr8k.token.txt").write_text(captions(["a.jpg", "b.jpg", "c.jpg", "d.jpg", HALF, QUIRK]))
    (texts / "Flickr_8k.trainImages.txt").write_text(f"a.jpg\nb.jpg\n{HALF}\n")
    (texts / "Flickr_8k.devImages.txt").write_text("c.jpg\n")
    (texts / "Flickr_8k.testImages.txt").write_text("d.jpg\ngone.jpg\n")
    return folder


@pytest.fixture
def csv_layout(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    names = [f"p{n}.jpg" for n in range(40)]
    draw(folder / "Images", *names)
    rows = "".join(f'{name},"A dog , running ."\n' for name in names)
    (folder / "captions.txt").write_text("image,caption\n" + rows)
    return folder


def test_the_official_layout_and_its_quirks(official: Path) -> None:
    result = run(official, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["layout"] == "official"
    assert (found["pictures"], found["captions"]) == (4, 20)
    assert found["unreadable"] == [HALF]
    assert found["no_picture"] == []
    assert found["no_caption"] == ["lonely.jpg"]
    assert found["splits"] == {
        "train": {"listed": 3, "usable": 2, "coverage": 0.6667},
        "dev": {"listed": 1, "usable": 1, "coverage": 1.0},
        "test": {"listed": 2, "usable": 1, "coverage": 0.5},
    }


def test_without_json_there_is_a_table_to_read(official: Path) -> None:
    text = run(official).stdout
    assert f"unreadable, skipped: {HALF}" in text
    assert "2 of 3 usable (66.7%)" in text


def test_what_is_prepared_can_be_trained_on(official: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(official, "--output", out, "--resize", "32").exit_code == 0
    known = read_captions(out / "Flickr8k.token.txt")
    assert set(known) == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}
    assert known["a.jpg"][1] == "A dog , number 1 ."
    assert read_split(out / "Flickr_8k.trainImages.txt") == ["a.jpg", "b.jpg"]
    for name in known:
        with Image.open(out / "images" / name) as picture:
            assert picture.size == (32, 32)
    # Prepared, it is Flickr8k itself.
    again = json.loads(run(out, "--json").stdout)
    assert {split["coverage"] for split in again["splits"].values()} == {1.0}


def test_an_interrupted_run_goes_on_where_it_stopped(official: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(official, "--output", out, "--resize", "32").exit_code == 0
    stamps = {path.name: path.stat().st_mtime_ns for path in (out / "images").iterdir()}
    (out / "images" / "a.jpg").unlink()
    (out / "images" / "b.jpg").write_bytes(b"cut short")
    assert run(official, "--output", out, "--resize", "32").exit_code == 0
    now = {path.name: path.stat().st_mtime_ns for path in (out / "images").iterdir()}
    assert {name for name in now if now[name] != stamps[name]} == {"a.jpg", "b.jpg"}
    assert Image.open(out / "images" / "b.jpg").size == (32, 32)


def test_the_csv_layout_gets_splits_of_our_own(csv_layout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(csv_layout, "--output", out, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["layout"], found["official_splits"]) == ("csv", False)
    parts = [read_split(out / f"Flickr_8k.{name}Images.txt") for name in found["splits"]]
    assert sorted(name for part in parts for name in part) == sorted(f"p{n}.jpg" for n in range(40))
    assert read_captions(out / "Flickr8k.token.txt")["p0.jpg"] == ["A dog , running ."]
    assert "not comparable" in run(csv_layout).stdout


@pytest.mark.parametrize(
    "harm", ["missing", "empty", "no pictures", "no captions", "bad captions", "unreadable"]
)
def test_what_is_not_flickr8k(csv_layout: Path, tmp_path: Path, harm: str) -> None:
    folder, words = csv_layout, "captions.txt"
    if harm == "missing":
        folder, words = tmp_path / "nowhere", "no folder"
    elif harm == "empty":
        folder = tmp_path / "empty"
        folder.mkdir()
    elif harm == "no captions":
        (folder / "captions.txt").unlink()
    elif harm == "bad captions":
        (folder / "captions.txt").write_bytes(b"image,caption\na.jpg,caf\xe9\n")
    for picture in (folder / "Images").glob("*.jpg"):
        if harm == "no pictures":
            picture.unlink()
            words = "no pictures"
        elif harm == "unreadable":
            picture.write_bytes(b"no picture")
            words = "can be read"
    assert words in refused(run(folder, "--output", tmp_path / "out"), 65)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--resize", "64"], ["--resize", "9", "--output", "o"]])
def test_options_out_of_range(official: Path, options: list[str]) -> None:
    refused(run(official, *options), 2)


def test_an_output_that_cannot_be_written(official: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "file" in refused(run(official, "--output", tmp_path / "file", "--resize", "32"), 1)


def test_real_pictures(data: Path, tmp_path: Path) -> None:
    """Thirty pictures of the real data set, as they lie."""
    real = data / "flickr8k"
    names = read_split(real / "Flickr_8k.devImages.txt")[:30]
    folder = tmp_path / "part"
    (folder / "images").mkdir(parents=True)
    for name in names:
        (folder / "images" / name).symlink_to(real / "images" / name)
    for name in ("Flickr8k.token.txt", "Flickr_8k.devImages.txt", "Flickr_8k.trainImages.txt"):
        (folder / name).symlink_to(real / name)
    found = json.loads(run(folder, "--json").stdout)
    assert found["pictures"] == 30
    assert found["captions"] == 150
    assert found["splits"]["dev"]["usable"] == 30
    assert found["splits"]["train"]["usable"] == 0
    assert found["unreadable"] == []
