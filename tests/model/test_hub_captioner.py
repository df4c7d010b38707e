"""A captioner of somebody else's: a tiny one, made here, in the place of the one that ships."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from model.errors import BadInstallation
from model.eye import Eye, Model
from model.hub import check_name, check_revision, fetched
from model.hub_captioner import HubCaptioner
from model.image_describer import ImageDescriber
from model.pictures import open_picture
from model.pipeline import describe
from tests.tiny_hub import WORDS, save_captioner

pytest.importorskip("transformers", reason="another captioner needs the extra eye")

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_captioner(tmp_path_factory.mktemp("hub") / "tiny")


@pytest.fixture(autouse=True)
def offline() -> Iterator[None]:
    """No test may ask the network."""

    def refuse(*_: object) -> None:
        raise OSError("the network was asked")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


def model(folder: Path) -> Model:
    return Model.fetch(f"hf:{folder}", None)


def test_its_words_are_told_in_the_place_of_ours(folder: Path, photograph: Path) -> None:
    describer = ImageDescriber.load()
    ours, picture = describe(describer, [open_picture(photograph)]), open_picture(photograph)
    describer.give_way(model(folder))
    theirs = describe(describer, [picture])
    assert theirs.text is not None
    assert {*theirs.text.split()} <= {*WORDS}
    assert theirs.captioner != ours.captioner
    assert len(theirs.captioner) == len(ours.captioner)
    # It sees more than our square, in the worker, too.
    assert describer.kept(picture).size == picture.size
    # One colour is told as ever.
    assert describe(describer, [Image.new("RGB", (64, 64), "black")]).text == "something black in the night"


def test_a_picture_that_it_cannot_do_is_described_by_ours(
    folder: Path, photograph: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    describer, picture = ImageDescriber.load(), open_picture(photograph)
    ours = describe(describer, [picture]).text

    def fail(*_: object, **__: object) -> None:
        raise ValueError("a secret")

    captioner = HubCaptioner(folder, "hf:tiny")
    monkeypatch.setattr(Model, "load", lambda *_: captioner)
    describer.give_way(model(folder))
    monkeypatch.setattr(captioner, "_processor", fail)
    assert describe(describer, [picture]).text == ours
    (said,) = caplog.messages
    assert said == "The other captioner failed: ValueError; ours describes the picture."


@pytest.mark.parametrize("said", ["", " . ", "12 :", "\n"])
def test_so_is_one_of_which_it_says_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    captioner = HubCaptioner(folder, "hf:tiny")
    monkeypatch.setattr(captioner, "_tokenizer", Says(said))
    assert captioner.caption(Image.new("RGB", (9, 300))) == ""


def test_a_caption_is_one_line_as_ours_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = HubCaptioner(folder, "hf:tiny")
    monkeypatch.setattr(captioner, "_tokenizer", Says(" A dog;\n in snow. "))
    assert captioner.caption(Image.new("RGB", (64, 64))) == "a dog, in snow"


class Says:
    def __init__(self, text: str) -> None:
        self._text = text

    def decode(self, *_: object, **__: object) -> str:
        return self._text


def pickled(folder: Path) -> None:
    """Weights that would run what they like, were they opened."""
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


def with_code(folder: Path) -> None:
    """A model that brings its own code."""
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text("raise SystemExit('it was run')")


def damaged(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])


def sharded(folder: Path) -> None:
    """One of its parts is missing."""
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("spoil", [pickled, with_code, damaged, sharded])
def test_what_cannot_be_loaded_safely_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, spoil: Any
) -> None:
    copy = shutil.copytree(folder, tmp_path / "spoilt")
    spoil(copy)
    with pytest.raises(BadInstallation, match=r"hf:.*spoilt") as refusal:
        model(copy).load()
    assert "\n" not in str(refusal.value)


def cached(cache: Path, folder: Path) -> None:
    """As the hub's own client keeps a model."""
    kept = cache / "models--owner--name" / "snapshots" / REVISION
    shutil.copytree(folder, kept)


def test_after_the_first_time_the_hub_is_not_asked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    with pytest.raises(BadInstallation, match="hf:owner/name cannot be had from the hub"):
        fetched("hf:owner/name", REVISION)
    cached(tmp_path, folder)
    assert Model.fetch("hf:owner/name", REVISION).load().caption(Image.new("RGB", (64, 64)))


def test_a_model_of_the_hub_is_pinned() -> None:
    check_name("hf:owner/name")
    check_revision("hf:owner/name", REVISION)
    check_revision("hf:/models/tiny", None)
    for revision in (None, "main", REVISION[:-1]):
        with pytest.raises(ValueError, match="40 hex digits"):
            check_revision("hf:owner/name", revision)
    for name in ("owner/name", "hf:name", "hf:", "hf:a/b/c", "hf:../tiny"):
        with pytest.raises(ValueError, match="hf:OWNER/NAME"):
            check_name(name)


def test_without_the_extra_one_sentence_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(BadInstallation, match=r"pip install '\.\[eye\]'"):
        model(folder).load()
    assert Eye.ready(text=False, model=None, revision=None) == Eye()
