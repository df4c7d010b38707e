"""Options of the training runs; free of torch, so that the command line can list them."""

from __future__ import annotations

from dataclasses import dataclass

from model.errors import BadOption

DEFAULT_BACKBONE = "tf_efficientnet_lite2"
STAGES = ("frozen", "finetune", "scst")

# Lowest value of an option, where it is not 0; and the options that must stay below 1.
_AT_LEAST = {
    **dict.fromkeys(("embedding", "control", "word", "hidden", "attention", "layers", "batch", "epochs"), 1),
    **dict.fromkeys(("validate_every", "validate_characters", "threshold", "patience"), 1),
    "samples": 2,
}
_BELOW_ONE = ("dropout", "ema", "smoothing")


def _check(options: object) -> None:
    for name, value in vars(options).items():
        if isinstance(value, str | bool):
            continue
        if value < _AT_LEAST.get(name, 0) or (name in _BELOW_ONE and value >= 1):
            raise BadOption(f"--{name.replace('_', '-')} {value:g} is out of range.")


@dataclass(frozen=True)
class GeneratorOptions:
    """Everything that decides the result of a generator's training.

    ``minutes`` ends the run after that much training time, the learning rate following a
    cosine over it; without it (0) the cosine runs over ``epochs``.
    """

    embedding: int = 64
    control: int = 128
    word: int = 64
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

    def __post_init__(self) -> None:
        _check(self)


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

    def __post_init__(self) -> None:
        _check(self)
