"""The command line as a user meets it: the contract, and what bad input gets."""

import json
import os
import resource
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bot.cli import main
from tests.refusals import refused
from tests.test_pictures import png_header


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_sing_json(photograph: Path) -> None:
    result = run("sing", photograph, "-n", "2", "-r", "7", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found) == {"image", "caption", "keywords", "stanzas", "model"}
    assert found["image"] == str(photograph)
    assert set(found["model"]) == {"captioner", "generator"}
    assert len(found["stanzas"]) == 2
    for number, stanza in enumerate(found["stanzas"]):
        assert set(stanza) == {"lines", "text", "random_seed", "temperature"}
        assert stanza["text"] == "\n".join(stanza["lines"])
        assert stanza["random_seed"] == 7 + number
        assert stanza["temperature"] == 0.4
        assert all(line.strip() == line and line for line in stanza["lines"])


def test_lyrics_json_is_the_same_without_image_and_caption() -> None:
    found = json.loads(run("lyrics", "-s", "kiss", "-t", "0.4", "-n", "3", "--json").stdout)
    assert set(found) == {"keywords", "stanzas", "model"}
    assert found["keywords"] == ["kiss"]
    assert len(found["stanzas"]) == 3
    assert all(stanza["text"].startswith("Kiss") for stanza in found["stanzas"])


def test_a_stanza_can_be_asked_for_again() -> None:
    first = json.loads(run("lyrics", "-s", "the sea", "-n", "3", "--json").stdout)["stanzas"]
    assert len({stanza["text"] for stanza in first}) > 1
    for stanza in first:
        again = run("lyrics", "-s", "the sea", "-r", str(stanza["random_seed"]), "--json")
        assert json.loads(again.stdout)["stanzas"][0] == stanza


def test_without_json_there_is_text_to_read(photograph: Path) -> None:
    result = run("sing", photograph, "-r", "1")
    assert result.exit_code == 0
    assert result.stdout.startswith("caption ")
    assert "keywords " in result.stdout


def test_lyrics_from_nothing() -> None:
    result = run("lyrics", "-r", "3")
    assert result.exit_code == 0
    assert result.stdout.strip()


def test_caption_goes_on_after_a_bad_file(photograph: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    result = run("caption", bad, photograph, "--jsonl")
    assert result.exit_code == 65
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert set(rows[0]) == {"image", "error"}
    assert set(rows[1]) == {"image", "caption", "log_probability"}
    assert rows[1]["log_probability"] < 0
    assert str(bad) in result.stderr


@pytest.fixture
def bad_files(tmp_path: Path, photograph: Path) -> dict[str, Path]:
    files = {name: tmp_path / f"{name}.jpg" for name in ("missing", "empty", "text", "truncated", "pixel")}
    files["empty"].touch()
    files["text"].write_text("a text file named .jpg")
    jpeg = tmp_path / "whole.jpg"
    Image.open(photograph).convert("RGB").save(jpeg)
    files["truncated"].write_bytes(jpeg.read_bytes()[:5000])
    Image.new("RGB", (1, 1)).save(files["pixel"])
    files["directory"] = tmp_path
    files["bomb"] = tmp_path / "bomb.png"
    files["bomb"].write_bytes(png_header(20_000, 20_000))
    return files


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated", "pixel", "directory", "bomb"])
def test_bad_pictures(bad_files: dict[str, Path], kind: str) -> None:
    sentence = refused(run("sing", bad_files[kind]), 65)
    assert str(bad_files[kind]) in sentence


# A superuser may read every file, unless it gives that up.
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@pytest.mark.skipif(AS_ANYBODY != () and shutil.which("setpriv") is None, reason="setpriv is not here")
def test_unreadable_picture(photograph: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked.png"
    shutil.copy(photograph, locked)
    locked.chmod(0)
    command = [*AS_ANYBODY, sys.executable, "-m", "bot.cli", "sing", str(locked)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 65, ended.stderr
    assert ended.stderr == f"songwriter: {locked} cannot be read: permission denied.\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [(("sing", "missing.jpg"), 65), (("lyrics", "-t", "0"), 2), (("sing", "missing.jpg", "-s", ""), 2)],
)
def test_a_refusal_does_not_wait_for_the_networks(words: tuple[str, ...], code: int) -> None:
    """Loading PyTorch takes seconds."""
    script = """
        import sys
        from click.testing import CliRunner
        from bot.cli import main
        print(CliRunner().invoke(main, sys.argv[1:]).exit_code, "torch" in sys.modules)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), *words]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{code} False\n"


@pytest.mark.parametrize("temperature", ["0", "-1", "nan", "5", "inf"])
def test_bad_temperatures(temperature: str) -> None:
    result = run("lyrics", "-t", temperature)
    refused(result, 2)
    assert result.stderr.startswith("songwriter: The temperature must be between 0.1 and 2.0")
    assert result.stderr.count("\n") == 1


def test_a_temperature_that_is_no_number() -> None:
    assert "'warm'" in refused(run("lyrics", "-t", "warm"), 2)


@pytest.mark.parametrize("seed", ["", " ", "日本", "🎵", "123", "x" * 10_000])
def test_bad_seeds(seed: str) -> None:
    assert "seed" in refused(run("lyrics", "-s", seed), 2)


@pytest.mark.parametrize("seed", ["Café!", "L’Été", "I'm “blue”", "KISS\nme", "naïve 🎵 love"])
def test_unicode_seeds_are_folded(seed: str) -> None:
    result = run("lyrics", "-s", seed, "-r", "1")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "words", [("-n", "0"), ("-n", "1000"), ("-r", "-1"), ("--lines", "9"), ("--top-p", "2")]
)
def test_other_options_out_of_range(words: tuple[str, str]) -> None:
    refused(run("lyrics", *words), 2)


@pytest.mark.parametrize("harm", ["missing", "truncated", "version"])
def test_bad_checkpoints(checkpoints: Path, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "models"
    shutil.copytree(checkpoints, folder)
    generator = folder / "generator.safetensors"
    data = generator.read_bytes()
    if harm == "missing":
        generator.unlink()
    elif harm == "truncated":
        generator.write_bytes(data[:100_000])
    else:
        generator.write_bytes(data.replace(b'\\"format\\": 1', b'\\"format\\": 9', 1))
    sentence = refused(run("lyrics", "--checkpoints", folder), 78)
    assert "generator.safetensors" in sentence


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(checkpoints: Path, tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the write fail half-way, as a full disk does."""
    old, shipped = tmp_path / "captioner.safetensors", checkpoints / "captioner.safetensors"
    old.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        result = run("train", "average", shipped, shipped, "--output", old)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(old) in refused(result, 1)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(old.name, b"old")]


def test_help_names_every_command() -> None:
    text = run("--help").stdout
    for command in ("sing", "lyrics", "caption", "evaluate", "train"):
        assert command in text


def test_the_versions_is_printed() -> None:
    assert run("--version").exit_code == 0
