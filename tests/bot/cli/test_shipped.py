"""The shipped models on held-back real data: a fast check that they are what the model card says."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli.main import main
from model.generator import load_generator
from training.corpora.corpus import pieces, read_songs, split
from training.corpora.flickr8k import read_split
from training.evaluation.losses import stanza_nats


@pytest.mark.usefixtures("models_read_once")
def test_captions_of_held_back_photographs(data: Path, tmp_path: Path) -> None:
    flickr = data / "flickr8k"
    some = tmp_path / "some.txt"
    some.write_text("\n".join(read_split(flickr / "Flickr_8k.devImages.txt")[::25]) + "\n")
    words = ["--images", flickr / "images", "--captions", flickr / "Flickr8k.token.txt", "--split", some]
    command = ["evaluate", "captions", *map(str, words), "--no-meteor", "--json"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["pictures"] == 40
    # Document frequencies of 40 pictures are not those of 1,000: a floor, not the figure.
    assert found["cider"] > 45
    assert found["bleu4"] > 17


def test_held_back_songs(data: Path, checkpoints: Path) -> None:
    songs = split(read_songs(data / "lyrics" / "pd_songs.jsonl.xz"))["dev"]
    texts = pieces(songs)[::300]
    model, vocabulary, _ = load_generator(checkpoints / "generator.safetensors")
    nats = sum(stanza_nats(model, texts, vocabulary)) / sum(len(text) + 1 for text in texts)
    assert nats < 1.5
