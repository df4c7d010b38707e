"""Training the captioner in three stages, each a run of its own that resumes.

1. ``frozen``: cross-entropy on cached grid features, encoder frozen, mirrored second view.
2. ``finetune``: encoder's top and decoder together, from cached trunk activations.
3. ``scst``: self-critical training of both on CIDEr-D (Rennie et al., CVPR 2017) with the mean of
   the other samples as baseline (Luo, arXiv 2003.09971).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.beam import BEAM, MAX_WORDS
from model.captioner import Captioner, Decoder, load_captioner
from model.checkpoint import load_checkpoint, save_checkpoint
from model.encoder import Encoder, load_imagenet
from model.errors import BadInput, BadOption
from model.pictures import Preprocessing
from model.precision import native_bfloat16
from model.vocabulary import BOS, EOS, PAD, UNK, WordVocabulary
from training.corpora.features import VIEWS, FeatureCache
from training.corpora.flickr8k import read_split_captions
from training.evaluation.metrics import score_captions, tokenize
from training.loops.curves import Panel
from training.loops.options import CaptionerOptions
from training.loops.rewards import Reward, most_similar
from training.loops.run import Measured, TrainingRun
from training.loops.schedule import cosine
from training.processes import Processes

CAPTIONS = 5
# Convolutions do not bear bytes (docs/captioner.md).
_SPARED = ("encoder.",)
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
        """Words of each picture's captions."""
        return [[tokenize(caption) for caption in self.captions[name]] for name in self.names]


def cache_features(
    images: Path, captions: Path, names: Path, cache: Path, backbone: str, views: int = VIEWS
) -> None:
    """Fill a feature cache with what ImageNet's encoder makes of so many views of each picture."""
    data = Flickr.open(captions, names, cache, backbone)
    encoder = Encoder(backbone)
    preprocessing = load_imagenet(encoder)
    data.cache.build(images, encoder, preprocessing, views)


def start_stage(
    train: Flickr,
    dev: Flickr,
    folder: Path,
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
        return CaptionerTrainer(captioner, preprocessing, train, dev, folder, options, processes=processes)
    captioner, preprocessing, checkpoint = load_captioner(start, options.dropout)
    # The network is what it was; only a fresh one can be given another size.
    kept = replace(options, **captioner.decoder.architecture)  # type: ignore[arg-type]
    return CaptionerTrainer(captioner, preprocessing, train, dev, folder, kept, checkpoint.digest, processes)


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


class Pictures(NamedTuple):
    """What one step looks at.

    Attributes:
        rows: numbers of the pictures, (batch,).
        views: the number of the view that is taken of each, (batch,).
    """

    rows: np.ndarray
    views: np.ndarray


class CaptionerTrainer:
    """One stage: the network, what it looks at, and how well it captions held-back pictures.

    Args:
        captioner: what the stage begins with.
        preprocessing: the encoder's.
        train: pictures to learn from.
        dev: held-back ones.
        folder: of the run.
        options: what decides the result.
        start: digest of the checkpoint that the stage begins with.
        processes: this one among those that train the network together.

    Raises:
        BadInput: a cache is not complete.
        BadOption: there are fewer batches than processes.
    """

    def __init__(
        self,
        captioner: Captioner,
        preprocessing: Preprocessing,
        train: Flickr,
        dev: Flickr,
        folder: Path,
        options: CaptionerOptions,
        start: str = "",
        processes: Processes | None = None,
    ) -> None:
        self.options, self.train_data, self.dev = options, train, dev
        self.preprocessing = preprocessing
        self.processes = processes or Processes()
        self.device = self.processes.device
        self.mixed = native_bfloat16(self.device)
        torch.manual_seed(options.seed)
        self.captioner = captioner.to(self.device)
        self.decoder, self.encoder = captioner.decoder, captioner.encoder
        self.tunes = options.stage == "finetune" or (options.stage == "scst" and options.encoder_rate > 0)
        self.targets = encode_captions(train, captioner.vocabulary)
        self.reward = self._reward() if options.stage == "scst" else None
        self._steps_a_pass = self._count_steps()
        self.run = TrainingRun(
            folder=folder,
            kind="captioner",
            title=options.stage,
            network=self.captioner,
            optimiser=self._optimiser(),
            options=options,
            data=train.fingerprint() + start,
            processes=self.processes,
            panels=_PANELS,
            digits=2,
            lower=False,
            every=self._steps_a_pass,
            # What a later stage begins with is a captioner already.
            measures_first=options.stage != "frozen",
        )
        self.train_features = self._features(train)
        self.dev_features = self._features(dev)

    def _count_steps(self) -> int:
        batches, count = -(-len(self.train_data.names) // self.options.batch), self.processes.count
        if batches < count:
            raise BadOption(f"{batches} batches are too few for {count} processes: lower --batch.")
        return batches // count

    def _optimiser(self) -> torch.optim.Optimizer:
        groups = [{"params": list(self.decoder.parameters()), "lr": self.options.learning_rate}]
        if self.tunes:
            groups.append({"params": list(self.encoder.top.parameters()), "lr": self.options.encoder_rate})
        return torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=self.options.weight_decay)

    def _reward(self) -> Reward:
        references = self.train_data.tokens()
        if not self.options.distinct:
            return Reward(references)
        similar = most_similar(self.targets, len(self.captioner.vocabulary))
        return Reward(references, similar, self.options.distinct)

    def _features(self, data: Flickr) -> np.ndarray:
        """What the trained part of the network begins with, float16.

        Returns:
            activations of the trunk (pictures, views, channels, height, width) where the encoder is
            trained, else grids (pictures, views, regions, channels) of the encoder as it is.
        """
        if self.tunes:
            return data.cache.trunk()
        if self.options.stage == "frozen":
            return data.cache.grid()
        return regrid(self.encoder, data.cache.trunk())

    def resume(self) -> bool:
        """Continue from the run's folder, if it holds a state; see ``TrainingRun.resume``."""
        return self.run.resume()

    def train(self, max_steps: int | None = None) -> float:
        """Train to the end, or so many steps; return the best dev CIDEr.

        See ``TrainingRun.train``.
        """
        return self.run.train(self, max_steps)

    def batches(self, epoch: int) -> list[Pictures]:
        """This process's batches of one pass, as many as every other's."""
        draw = np.random.default_rng(self.options.seed * 1000 + epoch)
        order = draw.permutation(len(self.train_data.names))
        parts = [order[at : at + self.options.batch] for at in range(0, len(order), self.options.batch)]
        views = self.train_features.shape[1]
        batches = [Pictures(rows, draw.integers(0, views, len(rows))) for rows in parts]
        count = self.processes.count
        return batches[self.processes.rank : self._steps_a_pass * count : count]

    def loss(self, batch: Pictures) -> Tensor:
        """Cross-entropy of the captions in nats a word, or what self-critical training makes smaller."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            grid = self._grid(batch)
            return self._scst_loss(grid, batch.rows) if self.reward else self._word_loss(grid, batch.rows)

    def rate(self) -> float:
        """The share of the highest learning rates, by a cosine."""
        return cosine(self.done(), self.run.progress.step, self.options.warmup)

    def done(self) -> float:
        """The share of the passes that is over."""
        return self.run.progress.step / (self._steps_a_pass * self.options.epochs)

    def _grid(self, batch: Pictures) -> Tensor:
        """The encoder's grid of each picture, (batch, regions, channels), float32."""
        features = torch.from_numpy(self.train_features[batch.rows, batch.views]).to(self.device).float()
        if not self.tunes:
            return features
        grid: Tensor = self.encoder.grid(features.contiguous(memory_format=torch.channels_last))
        return grid

    def _word_loss(self, grid: Tensor, rows: np.ndarray) -> Tensor:
        """Mean cross-entropy of all captions of some pictures, a number; see ``caption_loss``."""
        targets = self.targets[torch.from_numpy(rows)].to(self.device)
        return caption_loss(self.decoder, grid, targets, self.options.smoothing)

    def _scst_loss(self, grid: Tensor, rows: np.ndarray) -> Tensor:
        """REINFORCE on the reward, with the mean reward of a picture's other samples as the baseline.

        Args:
            grid: (batch, regions, channels).
            rows: numbers of the pictures, (batch,).

        Returns:
            a number: minus the log-probabilities of the drawn words, each times how far its caption's
            reward is above the baseline, averaged over the words.
        """
        assert self.reward is not None
        count, vocabulary = self.options.samples, self.captioner.vocabulary
        memory = self.decoder.look(grid)
        tokens, log_probabilities = sample_captions(self.decoder, memory.repeat(count))
        rewards = torch.tensor(
            [
                self.reward.score(int(rows[number // count]), vocabulary.decode(ids), EOS in ids)
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

    @property
    def _passes(self) -> int:
        """Whole passes over the pictures so far."""
        return self.run.progress.step // self._steps_a_pass

    def measure(self, loss: float) -> Measured:
        """Dev scores, times 100."""
        scores = evaluate(self.captioner, self.dev, self.dev_features, tunes=self.tunes)
        minutes = self.run.progress.seconds / 60
        line = f"epoch {self._passes}  minutes {minutes:.1f}  loss {loss:.4f}  " + "  ".join(
            f"{name} {value:.2f}" for name, value in scores.items()
        )
        row = {"step": self.run.progress.step, "epoch": self._passes, "minutes": minutes, "loss": loss}
        return Measured(scores["cider"], line, row | scores, {"dev_beam3": scores})

    def save(self, path: Path, measured: Measured) -> None:
        """Write the network with all that a reader of the file needs."""
        header = {
            "encoder": self.encoder.architecture,
            "decoder": self.decoder.architecture,
            "words": self.captioner.vocabulary.words,
            "guidance": self.captioner.guidance,
            "preprocessing": self.preprocessing.to_header(),
            "data": self.run.data,
            "training": {**asdict(self.options), **asdict(self.run.progress), "epoch": self._passes},
            "metrics": measured.metrics,
        }
        save_checkpoint(path, "captioner", header, self.captioner.state_dict(), half=True)


def encode_captions(data: Flickr, vocabulary: WordVocabulary) -> Tensor:
    """Ids of each picture's captions, padded, (pictures, ``CAPTIONS``, ``MAX_WORDS`` + 1)."""
    targets = torch.full((len(data.names), CAPTIONS, MAX_WORDS + 1), PAD)
    for row, captions in enumerate(data.tokens()):
        for column in range(CAPTIONS):
            caption = captions[column % len(captions)][:MAX_WORDS]
            ids = vocabulary.encode(caption)
            targets[row, column, : len(ids)] = torch.tensor(ids)
    return targets


def caption_loss(decoder: Decoder, grid: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Mean cross-entropy of captions, read word by word, in nats a word.

    Args:
        decoder: reads the captions.
        grid: of the pictures, (batch, regions, channels).
        targets: ids of their captions, padded, (batch, ``CAPTIONS``, words).
        smoothing: of the labels.

    Returns:
        a number, with its graph.
    """
    flat = targets.flatten(0, 1)
    flat = flat[:, : int((flat != PAD).sum(1).max())]
    inputs = torch.cat([torch.full_like(flat[:, :1], BOS), flat[:, :-1]], 1)
    logits = decoder(decoder.look(grid).repeat(CAPTIONS), inputs)
    return nn.functional.cross_entropy(
        logits.float().flatten(0, 1), flat.flatten(), ignore_index=PAD, label_smoothing=smoothing
    )


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
    """Free-running metrics (times 100) on cached activations, and how many captions are different.

    Raises:
        BadInput: the captioner looks at more views of a picture than there are.
    """
    captioner.eval()
    device, views = next(captioner.parameters()).device, captioner.encoder.views
    if features.shape[1] < views:
        raise BadInput(
            f"This captioner looks at {views} views of a picture: cache as many of the held-back ones."
        )
    captions: dict[str, str] = {}
    for start in range(0, len(data.names), 50):
        batch = torch.from_numpy(np.array(features[start : start + 50, :views])).to(device).float()
        if tunes:
            rows = batch.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            batch = captioner.encoder.grid(rows).unflatten(0, (-1, views))
        grid = batch.flatten(1, 2)
        found = captioner.describe(grid, beam)
        names = data.names[start : start + 50]
        captions |= {name: caption.text for name, caption in zip(names, found, strict=True)}
    scores = score_captions(captions, {name: data.captions[name] for name in data.names})
    return {**scores, "distinct": len(set(captions.values()))}


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


def average(
    first: Path, second: Path, share: float, output: Path, mirrored: bool = False, guidance: float = 0.0
) -> None:
    """Write the captioner between two of the same architecture, in weight space.

    Self-critical training from few pictures drifts into phrases that the reward likes;
    half-way back towards the cross-entropy weights both kinds of score are higher than at
    either end (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).

    Args:
        first: checkpoint before.
        second: checkpoint after; its header is kept.
        share: of the second, 0 to 1.
        output: where the average goes.
        mirrored: it looks at a picture's mirror image, too.
        guidance: how far it is led away from what it would say without a picture.

    Raises:
        BadCheckpoint: one cannot be read.
        BadOption: they differ in architecture or vocabulary, or a number is out of range.
    """
    if not 0 <= share <= 1:
        raise BadOption(f"The share must be between 0 and 1, not {share:g}.")
    if guidance < 0:
        raise BadOption(f"The guidance must be 0 or more, not {guidance:g}.")
    before, after = load_checkpoint(first, "captioner"), load_checkpoint(second, "captioner")
    for key in ("encoder", "decoder", "words", "preprocessing"):
        if before.header[key] != after.header[key]:
            raise BadOption(f"{first} and {second} differ in '{key}': they cannot be averaged.")
    weights = {
        name: before.weights[name].lerp(tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in after.weights.items()
    }
    header = {key: value for key, value in after.header.items() if key not in ("format", "kind", "metrics")}
    if mirrored:
        header["encoder"] = {**header["encoder"], "mirrored": True}
    header["guidance"] = guidance
    header["average"] = {"first": before.digest, "second": after.digest, "share": share}
    save_checkpoint(output, "captioner", header, weights, half=True, int8=True, spared=_SPARED)
