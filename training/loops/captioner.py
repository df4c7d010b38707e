"""Training the captioner in three stages, each a run of its own that resumes.

1. ``frozen``: cross-entropy on cached grid features, encoder frozen, mirrored second view.
2. ``finetune``: encoder's top and decoder together, from cached trunk activations.
3. ``scst``: self-critical training on CIDEr-D (Rennie et al., CVPR 2017) with the mean of
   the other samples as baseline (Luo, arXiv 2003.09971); ``<eos>`` is part of the reward,
   or captions would end in fragments (Hu et al., arXiv 2305.12254).
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.beam import BEAM, MAX_WORDS
from model.captioner import Captioner, Decoder, load_captioner
from model.checkpoint import load_checkpoint, save_checkpoint
from model.encoder import Encoder, load_imagenet
from model.errors import BadOption
from model.pictures import Preprocessing
from model.precision import native_bfloat16
from model.vocabulary import BOS, EOS, PAD, UNK, WordVocabulary
from training.corpora.features import FeatureCache
from training.corpora.flickr8k import read_split_captions
from training.evaluation.metrics import CiderD, score_captions, tokenize
from training.loops.checkpoint_keeper import CheckpointKeeper
from training.loops.curves import Curves, Panel
from training.loops.options import CaptionerOptions
from training.loops.schedule import Ema, RunState, check_finite, cosine
from training.processes import Processes

CAPTIONS = 5
# Bytes everywhere change one caption in twelve; spared these, one in a hundred (docs/captioner.md).
_SPARED = ("encoder.", "decoder.mix.", "decoder.output.")
_PANELS = (Panel("training loss", ("loss",)), Panel("dev, times 100", ("bleu1", "bleu4", "rouge_l", "cider")))


@dataclass
class Flickr:
    """Captions and cached activations of one split, without pictures that could not be read."""

    names: list[str]
    captions: dict[str, list[str]]
    cache: FeatureCache

    @classmethod
    def open(cls, captions: Path, names: Path, cache: Path, backbone: str) -> Flickr:
        """Read the caption file and a split list.

        Raises:
            BadInput: a file is missing or malformed, a picture has no captions, or the cache is
                of another list.
        """
        known = read_split_captions(captions, names)
        features = FeatureCache(cache, list(known), backbone)
        return cls(features.readable(), known, features)

    def fingerprint(self) -> str:
        """Names the pictures, the backbone and the captions."""
        captions = json.dumps([self.captions[name] for name in self.names])
        return hashlib.sha256((self.cache.fingerprint() + captions).encode()).hexdigest()[:16]

    def tokens(self) -> list[list[tuple[str, ...]]]:
        return [[tokenize(caption) for caption in self.captions[name]] for name in self.names]


def cache_features(images: Path, captions: Path, names: Path, cache: Path, backbone: str) -> None:
    """Fill a feature cache with ImageNet's encoder."""
    data = Flickr.open(captions, names, cache, backbone)
    encoder = Encoder(backbone)
    preprocessing = load_imagenet(encoder)
    data.cache.build(images, encoder, preprocessing)


def start_stage(
    train: Flickr,
    dev: Flickr,
    run: Path,
    options: CaptionerOptions,
    start: Path | None,
    backbone: str,
    processes: Processes | None = None,
) -> CaptionerTrainer:
    """A trainer for a stage, from ImageNet ('frozen') or from the checkpoint of the stage before.

    Raises:
        BadOption: 'frozen' with a checkpoint, or another stage without one.
    """
    if (start is None) != (options.stage == "frozen"):
        raise BadOption("Give --from for 'finetune' and 'scst', and only for them.")
    torch.manual_seed(options.seed)
    if start is None:
        captioner, preprocessing = _fresh(train, options, backbone)
        return CaptionerTrainer(captioner, preprocessing, train, dev, run, options, processes=processes)
    captioner, preprocessing, checkpoint = load_captioner(start, options.dropout)
    # The network is what it was; only a fresh one can be given another size.
    kept = replace(options, **captioner.decoder.architecture)  # type: ignore[arg-type]
    return CaptionerTrainer(captioner, preprocessing, train, dev, run, kept, checkpoint.digest, processes)


def _fresh(train: Flickr, options: CaptionerOptions, backbone: str) -> tuple[Captioner, Preprocessing]:
    encoder = Encoder(backbone)
    preprocessing = load_imagenet(encoder)
    vocabulary = WordVocabulary.count(
        (caption for captions in train.tokens() for caption in captions), options.threshold
    )
    decoder = Decoder(
        encoder.channels, len(vocabulary), options.hidden, options.attention, options.dropout, options.tied
    )
    return Captioner(encoder, decoder, vocabulary), preprocessing


class CaptionerTrainer:
    """One stage: network, data, optimiser and their resumable state."""

    def __init__(
        self,
        captioner: Captioner,
        preprocessing: Preprocessing,
        train: Flickr,
        dev: Flickr,
        run: Path,
        options: CaptionerOptions,
        start: str = "",
        processes: Processes | None = None,
    ) -> None:
        self.options, self.run, self.train_data, self.dev = options, run, train, dev
        self.data = train.fingerprint() + start
        self.preprocessing = preprocessing
        self.processes = processes or Processes()
        self.device = self.processes.device
        self.mixed = native_bfloat16(self.device)
        torch.manual_seed(options.seed)
        self.captioner = captioner.to(self.device)
        self.decoder, self.encoder = captioner.decoder, captioner.encoder
        self.tunes = options.stage == "finetune"
        self.targets = self._encode_captions()
        self.reward = CiderD(_with_end(train.tokens())) if options.stage == "scst" else None
        groups = [{"params": list(self.decoder.parameters()), "lr": options.learning_rate}]
        if self.tunes:
            groups.append({"params": list(self.encoder.top.parameters()), "lr": options.encoder_rate})
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=options.weight_decay)
        self.rates = [float(group["lr"]) for group in groups]  # type: ignore[arg-type]
        self.ema = Ema(self.captioner, options.ema)
        self.state = RunState(
            run / "state.safetensors",
            self.captioner,
            self.optimiser,
            self.ema,
            options,
            self.data,
            self.processes,
        )
        self.curves = Curves(run, _PANELS)
        self.shelf = CheckpointKeeper(run / "captioner.safetensors", options.keep, digits=2, lower=False)
        # Every process begins with the same weights and goes on with draws of its own.
        if not self.processes.first:
            torch.manual_seed(options.seed * 1000 + self.processes.rank)
        self.train_features = self._features(train)
        self.dev_features = self._features(dev)
        self.progress: dict[str, Any] = {
            "step": 0, "epoch": 0, "seconds": 0.0, "best": -math.inf, "best_epoch": 0, "kept": [],
        }  # fmt: skip

    def resume(self) -> bool:
        """Continue from the run's folder, if it holds a state."""
        found = self.state.read()
        if found is not None:
            self.progress.update(found[0])
        return found is not None

    def train(self) -> float:
        """Run to the end of the schedule or of the patience; return the best dev CIDEr.

        Raises:
            BadOption: the loss is no number any more.
        """
        if self.processes.first:
            self.curves.begin(self.progress["step"])
        if self.progress["epoch"] == 0 and self.options.stage != "frozen":
            self._validate(math.nan)
        while self.progress["epoch"] < self.options.epochs and not self._waited_enough():
            loss = self._epoch()
            check_finite(self.progress["step"], loss)
            self.progress["epoch"] += 1
            self._validate(loss)
        return float(self.progress["best"])

    def _waited_enough(self) -> bool:
        since = self.progress["epoch"] - self.progress["best_epoch"]
        return bool(since >= self.options.patience)

    def _epoch(self) -> float:
        started, losses = time.perf_counter(), []
        self.captioner.train()
        order = np.random.default_rng(self.options.seed * 1000 + self.progress["epoch"])
        batches = self._share(list(self._batches(order)))
        # Over all epochs, so that the time left is the whole run's.
        bar = tqdm(
            batches, desc=f"{self.options.stage} {self.progress['epoch'] + 1}", mininterval=5,
            initial=self.progress["step"], total=len(batches) * self.options.epochs,
            disable=not self.processes.first,
        )  # fmt: skip
        for rows, views in bar:
            self._set_rates(len(batches))
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
                grid = self._grid(rows, views)
                loss = self._scst_loss(grid, rows) if self.reward else self._word_loss(grid, rows)
            self.optimiser.zero_grad()
            loss.backward()
            self.processes.average_gradients(self.captioner.parameters())
            nn.utils.clip_grad_norm_(self.captioner.parameters(), self.options.clip or math.inf)
            self.optimiser.step()
            self.ema.update(self.captioner, self.progress["step"])
            self.progress["step"] += 1
            losses.append(float(loss.detach()))
        self.progress["seconds"] += self.processes.greatest(time.perf_counter() - started)[0]
        return sum(losses) / len(losses)

    def _share(self, batches: list[Any]) -> list[Any]:
        """This process's batches, as many as every other's.

        Raises:
            BadOption: there are fewer batches than processes.
        """
        rank, count = self.processes.rank, self.processes.count
        if len(batches) < count:
            raise BadOption(f"{len(batches)} batches are too few for {count} processes: lower --batch.")
        return batches[rank : len(batches) - len(batches) % count : count]

    def _batches(self, order: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        permutation = order.permutation(len(self.train_data.names))
        for start in range(0, len(permutation), self.options.batch):
            rows = permutation[start : start + self.options.batch]
            yield rows, order.integers(0, 2, len(rows))

    def _set_rates(self, batches: int) -> None:
        done = self.progress["step"] / (batches * self.options.epochs)
        factor = cosine(done, self.progress["step"], self.options.warmup)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def _features(self, data: Flickr) -> np.ndarray:
        """Trunk activations where the encoder is trained, else grids of the encoder as it is."""
        if self.tunes:
            return data.cache.trunk()
        if self.options.stage == "frozen":
            return data.cache.grid()
        return regrid(self.encoder, data.cache.trunk())

    def _grid(self, rows: np.ndarray, views: np.ndarray) -> Tensor:
        features = torch.from_numpy(self.train_features[rows, views]).to(self.device).float()
        if not self.tunes:
            return features
        grid: Tensor = self.encoder.grid(features.contiguous(memory_format=torch.channels_last))
        return grid

    def _word_loss(self, grid: Tensor, rows: np.ndarray) -> Tensor:
        targets = self.targets[torch.from_numpy(rows)].flatten(0, 1).to(self.device)
        targets = targets[:, : int((targets != PAD).sum(1).max())]
        inputs = torch.cat([torch.full_like(targets[:, :1], BOS), targets[:, :-1]], 1)
        logits = self.decoder(self.decoder.look(grid).repeat(CAPTIONS), inputs)
        return nn.functional.cross_entropy(
            logits.float().flatten(0, 1),
            targets.flatten(),
            ignore_index=PAD,
            label_smoothing=self.options.smoothing,
        )

    def _scst_loss(self, grid: Tensor, rows: np.ndarray) -> Tensor:
        assert self.reward is not None
        count = self.options.samples
        memory = self.decoder.look(grid)
        tokens, log_probabilities = sample_captions(self.decoder, memory.repeat(count))
        rewards = torch.tensor(
            [
                self.reward.score(int(rows[number // count]), self._ended(ids))
                for number, ids in enumerate(tokens.tolist())
            ],
            device=self.device,
        ).view(-1, count)
        others = (rewards.sum(1, keepdim=True) - rewards) / (count - 1)
        advantage = (rewards - others).flatten()
        said = (tokens != PAD).float()
        loss = -(advantage[:, None] * log_probabilities * said).sum() / said.sum()
        if self.options.cross_entropy:
            loss = loss + self.options.cross_entropy * self._word_loss(grid, rows)
        return loss

    def _ended(self, ids: Sequence[int]) -> list[str]:
        """Sampled ids -> words, with the end token where the sample has one."""
        words = self.captioner.vocabulary.decode(ids)
        return [*words, "<eos>"] if EOS in ids else words

    def _encode_captions(self) -> Tensor:
        """(pictures, 5, MAX_WORDS + 1) ids, padded."""
        names = self.train_data.names
        targets = torch.full((len(names), CAPTIONS, MAX_WORDS + 1), PAD)
        for row, captions in enumerate(self.train_data.tokens()):
            for column in range(CAPTIONS):
                caption = captions[column % len(captions)][:MAX_WORDS]
                ids = self.captioner.vocabulary.encode(caption)
                targets[row, column, : len(ids)] = torch.tensor(ids)
        return targets

    def _validate(self, loss: float) -> None:
        with self.ema.swapped(self.captioner):
            scores = self._measure()
            best = scores["cider"] > self.progress["best"]
            if best:
                self.progress.update(best=scores["cider"], best_epoch=self.progress["epoch"])
            if self.processes.first:
                self._tell(loss, scores)
                self.progress["kept"] = self.shelf.offer(
                    scores["cider"], self.progress["kept"], best, lambda path: self._save(path, scores)
                )
        self.state.write(self.progress)

    def _measure(self) -> dict[str, float]:
        """Dev scores, CIDEr the same in every process; the first one measures."""
        scores = {"cider": -math.inf}
        if self.processes.first:
            scores = evaluate(self.captioner, self.dev, self.dev_features, tunes=self.tunes)
        return {**scores, "cider": self.processes.greatest(scores["cider"])[0]}

    def _tell(self, loss: float, scores: dict[str, float]) -> None:
        epoch, minutes = self.progress["epoch"], self.progress["seconds"] / 60
        tqdm.write(
            f"epoch {epoch}  minutes {minutes:.1f}  loss {loss:.4f}  "
            + "  ".join(f"{name} {value:.2f}" for name, value in scores.items())
        )
        self.curves.add(
            {"step": self.progress["step"], "epoch": epoch, "minutes": minutes, "loss": loss, **scores}
        )

    def _save(self, path: Path, scores: dict[str, float]) -> None:
        header = {
            "encoder": {"backbone": self.encoder.backbone, "tunable": self.encoder.tunable},
            "decoder": self.decoder.architecture,
            "words": self.captioner.vocabulary.words,
            "preprocessing": self.preprocessing.to_header(),
            "data": self.data,
            "training": {**asdict(self.options), **self.progress},
            "metrics": {"dev_beam3": scores},
        }
        save_checkpoint(path, "captioner", header, self.captioner.state_dict(), half=True)


def sample_captions(decoder: Decoder, memory: Any) -> tuple[Tensor, Tensor]:
    """Draw a caption a row, keeping the graph.

    Returns:
        ids (rows, time), padded after the end token, and their log-probabilities (rows, time).
    """
    rows = memory.mean.shape[0]
    words = torch.full((rows,), BOS, device=memory.mean.device)
    ended = torch.zeros(rows, dtype=torch.bool, device=words.device)
    state = decoder.begin(memory)
    tokens, log_probabilities = [], []
    for _ in range(MAX_WORDS + 1):
        logits, state, _ = decoder.step(memory, words, state)
        logits = logits.float()
        logits[:, [PAD, BOS, UNK]] = -torch.inf
        steps = torch.log_softmax(logits, 1)
        drawn = torch.multinomial(steps.detach().exp(), 1)
        words = torch.where(ended, PAD, drawn[:, 0])
        tokens.append(words)
        log_probabilities.append(torch.where(ended, 0.0, steps.gather(1, drawn)[:, 0]))
        ended = ended | (words == EOS)
        if bool(ended.all()):
            break
    return torch.stack(tokens, 1), torch.stack(log_probabilities, 1)


@torch.inference_mode()
def evaluate(
    captioner: Captioner, data: Flickr, features: np.ndarray, beam: int = BEAM, tunes: bool = False
) -> dict[str, float]:
    """Free-running metrics (times 100) on cached activations."""
    captioner.eval()
    device = next(captioner.parameters()).device
    captions: dict[str, str] = {}
    for start in range(0, len(data.names), 50):
        batch = torch.from_numpy(np.array(features[start : start + 50, 0])).to(device).float()
        grid = captioner.encoder.grid(batch.contiguous(memory_format=torch.channels_last)) if tunes else batch
        found = captioner.describe(grid, beam)
        names = data.names[start : start + 50]
        captions |= {name: caption.text for name, caption in zip(names, found, strict=True)}
    return score_captions(captions, {name: data.captions[name] for name in data.names})


@torch.inference_mode()
def regrid(encoder: Encoder, trunk: np.ndarray) -> np.ndarray:
    """Grids (pictures, views, regions, channels) float16 from cached trunk activations."""
    encoder = encoder.eval().to(memory_format=torch.channels_last)
    device = next(encoder.parameters()).device
    rows = []
    for start in tqdm(range(0, len(trunk), 8), desc="grids", mininterval=5):
        batch = torch.from_numpy(np.array(trunk[start : start + 8])).to(device).float()
        grid = encoder.grid(batch.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        rows.append(grid.unflatten(0, batch.shape[:2]).half().cpu().numpy())
    return np.concatenate(rows)


def _with_end(references: Sequence[Sequence[Sequence[str]]]) -> list[list[list[str]]]:
    return [[[*reference, "<eos>"] for reference in refs] for refs in references]


def average(first: Path, second: Path, share: float, output: Path) -> None:
    """Write the captioner between two of the same architecture, in weight space.

    Self-critical training from few pictures drifts into phrases that the reward likes;
    half-way back towards the cross-entropy weights both kinds of score are higher than at
    either end (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).

    Args:
        first: checkpoint before.
        second: checkpoint after; its header is kept.
        share: of the second, 0 to 1.
        output: where the average goes.

    Raises:
        BadCheckpoint: one cannot be read.
        BadOption: they differ in architecture or vocabulary, or the share is out of range.
    """
    if not 0 <= share <= 1:
        raise BadOption(f"The share must be between 0 and 1, not {share:g}.")
    before, after = load_checkpoint(first, "captioner"), load_checkpoint(second, "captioner")
    for key in ("encoder", "decoder", "words", "preprocessing"):
        if before.header[key] != after.header[key]:
            raise BadOption(f"{first} and {second} differ in '{key}': they cannot be averaged.")
    weights = {
        name: before.weights[name].lerp(tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in after.weights.items()
    }
    header = {key: value for key, value in after.header.items() if key not in ("format", "kind", "metrics")}
    header["average"] = {"first": before.digest, "second": after.digest, "share": share}
    save_checkpoint(output, "captioner", header, weights, half=True, int8=True, spared=_SPARED)
