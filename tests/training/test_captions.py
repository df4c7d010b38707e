import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bot.cli.main import main
from model.image_describer import ImageDescriber
from tests.tiny_hub import save_captioner
from training.corpora.flickr8k import read_captions, read_split
from training.evaluation.captions import caption_all
from training.evaluation.journal import Journal
from training.evaluation.meteor import NoMeteor, meteor
from training.evaluation.metrics import tokenize

# pycocoevalcap 1.2 under Java 17, on the same tokens.
GOLDEN_METEOR = 0.28738406089134516

pytestmark = pytest.mark.usefixtures("models_read_once")


@pytest.fixture
def flickr(tmp_path: Path, photograph: Path) -> dict[str, Path]:
    images = tmp_path / "images"
    images.mkdir()
    lines = []
    for name, side in (("a.jpg", 300), ("b.jpg", 200)):
        with Image.open(photograph) as picture:
            picture.crop((0, 0, side, side)).save(images / name)
        lines += [f"{name}#{n}\tA woman in an orange suit smiles {word} ." for n, word in enumerate("xyz")]
    captions, split = tmp_path / "token.txt", tmp_path / "list.txt"
    captions.write_text("\n".join(lines) + "\n")
    split.write_text("a.jpg\nb.jpg\n")
    return {"--images": images, "--captions": captions, "--split": split}


def evaluate(flickr: dict[str, Path], *more: str | Path) -> Result:
    named = [word for pair in flickr.items() for word in pair]
    return CliRunner().invoke(main, [str(word) for word in ("evaluate", "captions", *named, *more)])


def test_captions_are_scored_and_kept(flickr: dict[str, Path], tmp_path: Path) -> None:
    kept = tmp_path / "results.json"
    result = evaluate(
        flickr, "--json", "--no-meteor", "--results", kept, "--output", tmp_path / "captions.jsonl"
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["pictures"] == 2
    assert "meteor" not in figures
    assert figures["provenance"]["inputs"]["images"]["files"] == 2
    rows = json.loads(kept.read_text())
    assert [row["image"] for row in rows] == ["a.jpg", "b.jpg"]
    assert rows[0]["references"][0] == "A woman in an orange suit smiles x ."
    assert all(row["candidate"] and row["log_probability"] < 0 for row in rows)
    lines = [json.loads(line) for line in (tmp_path / "captions.jsonl").open()]
    assert [line["caption"] for line in lines] == [row["candidate"] for row in rows]


def test_captions_go_on_and_what_could_not_be_read_is_still_known(
    flickr: dict[str, Path], checkpoints: Path, tmp_path: Path
) -> None:
    names = ["a.jpg", "none.jpg", "b.jpg"]
    (flickr["--images"] / "none.jpg").write_bytes(b"no picture")
    describer, result = ImageDescriber.load(checkpoints), tmp_path / "result.json"
    first = caption_all(describer, flickr["--images"], names[:2], 1, Journal(result, {}))
    assert list(first) == ["a.jpg"]
    (flickr["--images"] / "a.jpg").unlink()
    found = caption_all(describer, flickr["--images"], names, 1, Journal(result, {}))
    assert list(found) == ["a.jpg", "b.jpg"]
    assert found["a.jpg"] == first["a.jpg"]


def test_without_java_meteor_is_left_out(
    flickr: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = evaluate(flickr, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["meteor"] is None
    assert "Java is not installed" in result.stderr


def test_a_java_that_fails_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is not installed")
    (tmp_path / "java").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoMeteor, match="could not run"):
        meteor([["a", "dog"]] * 1000, [[["a", "cat"]]] * 1000)


def test_meteor_is_that_of_coco_caption(data: Path) -> None:
    """The first human caption of twenty pictures against the other four, and an empty one."""
    captions = read_captions(data / "flickr8k" / "Flickr8k.token.txt")
    names = read_split(data / "flickr8k" / "Flickr_8k.devImages.txt")[:20]
    tokens = [*([tokenize(caption) for caption in captions[name]] for name in names), [(), ("a", "dog")]]
    try:
        found = meteor([first for first, *_ in tokens], [others for _, *others in tokens])
    except NoMeteor as reason:
        pytest.skip(str(reason))
    assert found == pytest.approx(GOLDEN_METEOR, abs=1e-9)


def test_another_captioner_stands_beside_ours(flickr: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="another captioner needs the extra eye")
    name, kept = f"hf:{save_captioner(tmp_path / 'tiny')}", tmp_path / "kept.json"
    result = evaluate(flickr, "--no-meteor", "--eye", name, "--save", kept)
    assert result.exit_code == 0, result.output
    assert "the other" in result.stdout.splitlines()[0]
    figures = json.loads(kept.read_text())
    assert figures["eye"]["captioner"] == name
    assert figures["eye"]["pictures"] == figures["pictures"] == 2
    assert figures["eye"].keys() <= figures.keys()


@pytest.mark.parametrize(
    ("name", "code", "complaint"),
    [
        ("hf:owner/name", 2, "40 hex digits"),
        ("tiny", 2, "hf:OWNER/NAME"),
        ("hf:/nowhere", 78, "model.safetensors"),
    ],
)
def test_one_that_cannot_be_had_is_a_sentence(
    flickr: dict[str, Path], name: str, code: int, complaint: str
) -> None:
    result = evaluate(flickr, "--eye", name)
    assert result.exit_code == code
    (sentence,) = result.stderr.splitlines()
    assert complaint in sentence
