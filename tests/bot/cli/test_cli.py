"""The command line as a user meets it: the contract, and what bad input gets."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bot.cli.main import main
from tests.model.test_pictures import png_header
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("models_read_once")

# Enough candidates to choose from, where it does not matter how good the choice is.
FEW = ("--candidates", "8")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_sing_json(photograph: Path) -> None:
    result = run("sing", photograph, "-n", "2", "-r", "7", *FEW, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found) == {"image", "caption", "keywords", "stanzas", "model"}
    assert found["image"] == str(photograph)
    assert set(found["model"]) == {"captioner", "generator"}
    assert len(found["stanzas"]) == 2
    for number, stanza in enumerate(found["stanzas"]):
        assert set(stanza) == {"lines", "text", "random_seed", "temperature", "recipe"}
        assert stanza["text"] == "\n".join(stanza["lines"])
        assert stanza["random_seed"] == 7 + number
        assert stanza["temperature"] == 0.4
        assert all(line.strip() == line and line for line in stanza["lines"])


def test_lyrics_json_is_the_same_without_image_and_caption() -> None:
    found = json.loads(run("lyrics", "-s", "kiss", "-t", "0.4", "-n", "3", *FEW, "--json").stdout)
    assert set(found) == {"keywords", "stanzas", "model"}
    assert found["keywords"] == ["kiss"]
    assert len(found["stanzas"]) == 3
    assert all(stanza["text"].startswith("Kiss") for stanza in found["stanzas"])


def test_a_stanza_can_be_asked_for_again() -> None:
    words = ("lyrics", "-s", "the sea", *FEW, "--json")
    first = json.loads(run(*words, "-n", "3").stdout)["stanzas"]
    assert len({stanza["text"] for stanza in first}) > 1
    for stanza in first:
        again = run(*words, "-r", str(stanza["random_seed"]))
        assert json.loads(again.stdout)["stanzas"][0] == stanza


def test_without_json_there_is_text_to_read(photograph: Path) -> None:
    result = run("sing", photograph, "-r", "1", *FEW)
    assert result.exit_code == 0
    assert result.stdout.startswith("caption ")
    assert "keywords " in result.stdout


def test_lyrics_from_nothing() -> None:
    result = run("lyrics", "-r", "3", *FEW)
    assert result.exit_code == 0
    assert result.stdout.strip()


def test_stdout_is_verse_and_the_recipe_is_beside_it() -> None:
    result = run("lyrics", "-r", "3", "-n", "2", *FEW)
    stanzas = json.loads(run("lyrics", "-r", "3", "-n", "2", *FEW, "--json").stdout)["stanzas"]
    assert result.stdout == "\n\n".join(stanza["text"] for stanza in stanzas) + "\n"
    assert result.stderr.split() == ["recipe", stanzas[0]["recipe"], "recipe", stanzas[1]["recipe"]]


def test_a_recipe_writes_the_stanza_again_byte_for_byte(photograph: Path) -> None:
    options = ("-t", "0.8", "-r", "11", "--scheme", "abab", "--syllables", "8", "--mood", "sad", "--explain",
               *FEW)  # fmt: skip
    first = json.loads(run("sing", photograph, *options, "--json").stdout)
    [stanza] = first["stanzas"]
    again = run("lyrics", "--replay", stanza["recipe"])
    assert again.stdout == stanza["text"] + "\n"
    assert again.stderr == f"recipe {stanza['recipe']}\n"
    sung = json.loads(run("sing", "--replay", stanza["recipe"].upper(), "--explain", "--json").stdout)
    assert sung["image"] is sung["caption"] is None
    assert sung["keywords"] == first["keywords"]
    [replayed] = sung["stanzas"]
    # Only the caption is not in a recipe, so nobody can say which of its words led where.
    for why in (stanza, replayed):
        for word in why["explanation"]["words"]:
            word.pop("said")
    assert replayed == stanza


def test_a_line_is_rewritten_and_the_others_stay() -> None:
    stanza = json.loads(run("lyrics", "-s", "the sea", "-r", "5", *FEW, "--json").stdout)["stanzas"][0]
    replay = ("lyrics", "--replay", stanza["recipe"], "--rewrite", "2")
    once = json.loads(run(*replay, "-r", "1", "--json").stdout)["stanzas"][0]
    changed = [
        one for one, other in enumerate(zip(stanza["lines"], once["lines"], strict=True)) if len({*other}) > 1
    ]
    assert changed == [1]
    assert run(*replay, "-r", "1").stdout == run("lyrics", "--replay", once["recipe"]).stdout
    twice = json.loads(run(*replay, "--rewrite", "3", "-r", "1", "--json").stdout)["stanzas"][0]
    assert twice["lines"][:2] == once["lines"][:2]
    assert twice["lines"][2] != once["lines"][2]


def test_the_mood_of_a_picture(tmp_path: Path) -> None:
    dark = tmp_path / "dark.png"
    Image.new("RGB", (64, 64), (10, 10, 40)).save(dark)
    words = ("sing", dark, "-r", "1", *FEW, "--mood")
    found = [json.loads(run(*words, mood, "--json").stdout) for mood in ("picture", "dreamy")]
    assert found[0] == found[1]
    assert "'picture' is not one of" in refused(run("lyrics", "--mood", "picture"), 2)


def test_a_picture_that_is_told_by_its_looks_gives_the_mood_unless_one_is_said(tmp_path: Path) -> None:
    dark = tmp_path / "dark.png"
    Image.new("RGB", (64, 64), (10, 10, 40)).save(dark)
    words = ("sing", dark, "-r", "1", *FEW, "--explain", "--json")
    unsaid, none, sad = (
        json.loads(run(*words, *mood).stdout) for mood in ((), ("--mood", "none"), ("--mood", "sad"))
    )
    assert (unsaid["caption"], unsaid["keywords"]) == ("something black in the night", ["night", "black"])
    moods = [one["stanzas"][0]["explanation"]["mood"] for one in (unsaid, none, sad)]
    assert moods == ["dreamy", None, "sad"]
    [stanza] = unsaid["stanzas"]
    assert run("lyrics", "--replay", stanza["recipe"]).stdout == stanza["text"] + "\n"
    shown = run("sing", dark, "-r", "1", *FEW).stdout
    facts = "caption   something black in the night\nkeywords  night, black\nmood      dreamy"
    assert shown == f"{facts}\n\n{stanza['text']}\n"


def test_a_picture_on_which_something_is_named_leaves_the_mood_to_the_words(photograph: Path) -> None:
    words = ("sing", photograph, "-r", "1", *FEW, "--explain", "--json")
    [stanza] = json.loads(run(*words).stdout)["stanzas"]
    assert stanza["explanation"]["mood"] is None


def test_an_explanation_says_what_led_where(photograph: Path) -> None:
    found = json.loads(run("sing", photograph, "-r", "7", *FEW, "--explain", "--json").stdout)
    [stanza] = found["stanzas"]
    why = stanza["explanation"]
    assert set(why) == {"words", "mood", "scheme", "syllables", "copied", "rivals", "candidates", "plan"}
    assert [word["keyword"] for word in why["words"]] == found["keywords"]
    for word in why["words"]:
        assert word["said"]
        assert set(word["said"]) <= set(found["caption"].split())
        assert all(1 <= line <= len(stanza["lines"]) for line in word["lines"])
    assert len(why["scheme"]) == len(why["syllables"]) == len(stanza["lines"])
    scores = [rival["score"] for rival in why["rivals"]]
    assert scores == sorted(scores, reverse=True)
    assert len({tuple(rival["lines"]) for rival in why["rivals"]}) == len(scores) <= why["candidates"]
    for rival in why["rivals"]:
        assert sum(rival["parts"].values()) == pytest.approx(rival["score"])
    text = run("sing", photograph, "-r", "7", *FEW, "--explain").stdout
    assert text.index(stanza["text"]) < text.index(f"rhymes     {why['scheme']}")
    assert f"{scores[0]:+.2f}" in text


RECIPE = "040j6hb7h6nxxbdyxw00mt3fe9spa83jd5j6a3dcv330"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("lyrics", "--replay", RECIPE[:-1]), 2, "not a recipe"),
        (("sing", "--replay", ""), 2, "not a recipe"),
        (
            ("lyrics", "--replay", RECIPE),
            65,
            "made by other models or another version (0123456789ab, int8) than these",
        ),
        (("lyrics", "--replay", RECIPE, "-t", "0.4", "--mood", "sad"), 2, "leave out --temperature, --mood"),
        (("lyrics", "--replay", RECIPE, "-r", "4"), 2, "leave out --random-seed"),
        (("sing", "photo.jpg", "--replay", RECIPE), 2, "leave out IMAGE"),
        (("lyrics", "--rewrite", "2"), 2, "--rewrite needs a stanza to start from"),
        (("lyrics", "--replay", RECIPE, "--rewrite", "5"), 2, "5 is not in the range"),
        (("lyrics", "--scheme", "AABA"), 2, "'AABA' is not one of"),
        (("lyrics", "--syllables", "2"), 2, "2 is not in the range"),
        (("sing",), 2, "Missing argument 'IMAGE'"),
    ],
)
def test_what_cannot_be_replayed_or_asked_for_is_one_sentence(
    words: tuple[str, ...], code: int, said: str
) -> None:
    assert said in refused(run(*words), code)


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


def test_an_animation_is_captioned_by_what_it_shows(photograph: Path, tmp_path: Path) -> None:
    """It begins black."""
    with Image.open(photograph) as picture:
        small = picture.convert("RGB").resize((96, 96))
    black = Image.new("RGB", small.size)
    black.save(tmp_path / "a.webp", save_all=True, append_images=[small, small], lossless=True)
    small.save(tmp_path / "a.tiff")
    result = run("caption", tmp_path / "a.webp", tmp_path / "a.tiff")
    assert result.exit_code == 0, result.output
    animated, still = (line.partition("\t")[2] for line in result.stdout.splitlines())
    assert animated == still


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
    command = [*AS_ANYBODY, sys.executable, "-m", "bot.cli.main", "sing", str(locked)]
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
        from bot.cli.main import main
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


@pytest.mark.parametrize("prompt", ["", " ", "日本", "🎵", "123", "x" * 10_000])
def test_bad_seeds(prompt: str) -> None:
    assert "seed" in refused(run("lyrics", "-s", prompt), 2)


@pytest.mark.parametrize("prompt", ["Café!", "L’Été", "I'm “blue”", "KISS\nme", "naïve 🎵 love"])
def test_unicode_seeds_are_folded(prompt: str) -> None:
    result = run("lyrics", "-s", prompt, "-r", "1", *FEW)
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
        generator.write_bytes(re.sub(rb'\\"format\\": \d', rb'\\"format\\": 9', data, count=1))
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
