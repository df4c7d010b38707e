"""That the captioner's losses stay what they were, and that a run goes on as if nobody had stopped it."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.captioner import Captioner, Decoder
from model.checkpoint import load_checkpoint, save_checkpoint
from model.encoder import Encoder
from model.pictures import Preprocessing
from model.vocabulary import WordVocabulary
from training.corpora.features import VIEWS, FeatureCache
from training.evaluation.metrics import tokenize
from training.loops.captioner import CaptionerTrainer, Flickr, caption_loss
from training.loops.options import CaptionerOptions
from training.processes import Processes

pytestmark = pytest.mark.usefixtures("undrawn_curves")

BACKBONE, REGIONS = "mobilenetv3_small_050", 4
COLOURS = ("red", "green", "blue")
OPTIONS = CaptionerOptions(
    hidden=16, attention=8, dropout=0.0, threshold=1, batch=3, epochs=8, learning_rate=0.02, warmup=2, ema=0.8
)
# Losses of these very runs in float32, an epoch each, and of the averaged weights in the end, measured
# once: whoever changes the decoder, its beginnings, the order of the data, the loss or the optimiser
# changes them. Other CPUs differ in the last digits.
GOLDEN = {
    "two tables": (OPTIONS, [2.24535, 2.02085, 1.90963, 1.81997, 1.7692, 1.73187, 1.70635, 1.70134, 1.69338]),
    "one table": (
        replace(OPTIONS, tied=True),
        [2.22823, 2.00675, 1.88936, 1.83889, 1.8055, 1.78898, 1.77999, 1.77524, 1.77645],
    ),
    "no smoothing": (
        replace(OPTIONS, smoothing=0.0, learning_rate=0.01),
        [2.23293, 1.98477, 1.87319, 1.74558, 1.64468, 1.56532, 1.51461, 1.49599, 1.50018],
    ),
}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """As no frozen run changes it."""
    return Encoder(BACKBONE)


def invented(folder: Path, channels: int) -> Flickr:
    """Nine plain walls, five captions each, and activations drawn at random in the place of an encoder's."""
    draw = np.random.default_rng(0)
    names = [f"{number}.jpg" for number in range(9)]
    means = draw.normal(size=(len(COLOURS), channels))
    grids = [means[n % 3] + 0.1 * draw.normal(size=(VIEWS, REGIONS, channels)) for n in range(len(names))]
    cache = FeatureCache(folder, names, BACKBONE)
    np.save(folder / "grid.npy", np.stack(grids).astype(np.float16))
    state = {"done": len(names), "of": cache.fingerprint(), "unreadable": []}
    (folder / "done.json").write_text(json.dumps(state))
    captions = {name: [f"a plain {COLOURS[n % 3]} wall ."] * 5 for n, name in enumerate(names)}
    return Flickr(names, captions, cache)


def trainer(walls: Flickr, encoder: Encoder, run: Path, options: CaptionerOptions) -> CaptionerTrainer:
    vocabulary = WordVocabulary.count((tokenize(one[0]) for one in walls.captions.values()), 1)
    # The encoder's own beginnings are not looked at.
    torch.manual_seed(options.seed)
    decoder = Decoder(
        encoder.channels, len(vocabulary), options.hidden, options.attention, options.dropout, options.tied
    )
    here = Processes(device=torch.device("cpu"))
    captioner = Captioner(encoder, decoder, vocabulary)
    learner = CaptionerTrainer(captioner, Preprocessing(), walls, walls, run, options, processes=here)
    learner.mixed = False
    return learner


@pytest.mark.parametrize("name", GOLDEN)
def test_losses_are_what_they_were(tmp_path: Path, encoder: Encoder, name: str) -> None:
    options, expected = GOLDEN[name]
    walls = invented(tmp_path, encoder.channels)
    learner = trainer(walls, encoder, tmp_path / "run", replace(options, patience=options.epochs))
    learner.train()
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    rows = np.arange(len(walls.names))
    grid = torch.from_numpy(walls.cache.grid()[rows, rows % VIEWS]).float()
    with learner.run.averages.swapped(learner.captioner), torch.no_grad():
        losses.append(float(caption_loss(learner.decoder, grid, learner.targets, options.smoothing)))
    assert losses == pytest.approx(expected, abs=2e-4)


def test_a_resumed_captioner_equals_an_uninterrupted_one(tmp_path: Path, encoder: Encoder) -> None:
    options = replace(OPTIONS, epochs=4, dropout=0.3, patience=9)
    walls = invented(tmp_path, encoder.channels)
    whole = trainer(walls, encoder, tmp_path / "whole", options)
    whole.train()
    # Three steps a pass: stopped after a whole one, and in the middle of another.
    for steps in (6, 2):
        part = trainer(walls, encoder, tmp_path / "parts", options)
        assert part.resume() == (steps == 2)
        part.train(max_steps=steps)
    resumed = trainer(walls, encoder, tmp_path / "parts", options)
    assert resumed.resume()
    assert resumed.run.progress.step == 8
    resumed.train()
    for name, weights in whole.decoder.state_dict().items():
        assert torch.equal(weights, resumed.decoder.state_dict()[name]), name
    assert resumed.run.progress.step == 12


def test_a_state_of_before_goes_on(tmp_path: Path, encoder: Encoder) -> None:
    """Captioners used to note the pass to come and the best one instead of what they had waited."""
    options = replace(OPTIONS, epochs=4, dropout=0.3, patience=2)
    walls = invented(tmp_path, encoder.channels)
    whole = trainer(walls, encoder, tmp_path / "whole", options)
    whole.train(max_steps=9)
    trainer(walls, encoder, tmp_path / "half", options).train(max_steps=6)
    path = tmp_path / "half" / "state.safetensors"
    state = load_checkpoint(path, "training")
    before = {"step": 6, "epoch": 2, "seconds": 1.5, "best": math.inf, "best_epoch": 1, "kept": [61.5]}
    header = {name: state.header[name] for name in ("options", "data", "processes")}
    save_checkpoint(path, "training", {**header, "progress": before}, state.weights)
    resumed = trainer(walls, encoder, tmp_path / "half", options)
    assert resumed.resume()
    # Two passes without a new best end the run.
    assert resumed.train() == math.inf
    assert resumed.run.progress.step == 9
    for name, weights in whole.decoder.state_dict().items():
        assert torch.equal(weights, resumed.decoder.state_dict()[name]), name
