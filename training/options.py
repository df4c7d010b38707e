"""Options of the training runs; free of torch, so that the command line can list them."""

from __future__ import annotations

from dataclasses import dataclass

STAGES = ("frozen", "finetune", "scst")


@dataclass(frozen=True)
class GeneratorOptions:
    """Everything that decides the result of a generator's training.

    ``minutes`` ends the run after that much training time, the learning rate following a
    cosine over it; without it (0) the cosine runs over ``epochs``.
    """

    embedding: int = 64
    control: int = 128
    hidden: int = 512
    layers: int = 2
    dropout: float = 0.0
    batch: int = 64
    learning_rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    epochs: int = 5
    minutes: float = 0.0
    seed: int = 1
    validate_every: int = 400
    validate_characters: int = 120_000


@dataclass(frozen=True)
class CaptionerOptions:
    """Everything that decides the result of one stage of the captioner's training."""

    stage: str = "frozen"
    hidden: int = 512
    attention: int = 256
    dropout: float = 0.5
    tied: bool = False
    threshold: int = 5
    batch: int = 32
    epochs: int = 12
    learning_rate: float = 1e-3
    encoder_rate: float = 3e-5
    warmup: int = 100
    weight_decay: float = 0.01
    smoothing: float = 0.1
    clip: float = 1.0
    ema: float = 0.998
    patience: int = 4
    samples: int = 5
    cross_entropy: float = 0.0
    seed: int = 1
