"""The shipped models on held-back real data: a fast check that they are what the model card says."""

import json
from pathlib import Path

from click.testing import CliRunner

from bot.cli.main import main
from model.generator import load_generator
from training.corpora.corpus import pieces, read_songs, split
from training.corpora.flickr8k import read_split
from training.evaluation.losses import stanza_nats


def test_captions_of_held_back_photographs(data: Path, tmp_path: Path) -> None:
    flickr = data / "flickr8k"
    some = tmp_path / "some.txt"
    some.write_text("\n".join(read_split(flickr / "Flickr_8k.devImages.txt")[::8]) + "\n")
    words = ["--images", flickr / "images", "--captions", flickr / "Flickr8k.token.txt", "--split", some]
    found = {}
    for beam in ("1", "3"):
        command = ["evaluate", "captions", *map(str, words), "--beam", beam, "--no-meteor", "--json"]
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        found[beam] = json.loads(result.stdout)
    assert found["3"]["pictures"] == 125
    # Document frequencies of 125 pictures are not those of 1,000: a floor, not the figure.
    assert found["3"]["cider"] > 45
    assert found["3"]["bleu4"] > 17
    assert found["3"]["cider"] >= found["1"]["cider"]


def test_held_back_songs(data: Path, checkpoints: Path) -> None:
    songs = split(read_songs(data / "lyrics" / "pd_songs.jsonl.xz"))["dev"]
    texts = pieces(songs)[::25]
    model, vocabulary, _ = load_generator(checkpoints / "generator.safetensors")
    nats = sum(stanza_nats(model, texts, vocabulary)) / sum(len(text) + 1 for text in texts)
    assert nats < 1.5
