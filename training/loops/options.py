"""Options of the training runs; free of torch, so that the command line can list them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from model.errors import BadOption

DEFAULT_BACKBONE = "tf_efficientnet_lite2"
STAGES = ("frozen", "finetune", "scst")
CELLS = ("lstm", "gru", "rnn")
REGIMES = ("stanzas", "songs")
OPTIMISERS = ("adamw", "adagrad", "rmsprop")
SCHEDULES = ("cosine", "decay")
# What is wider than this is a slip of the finger.
_WIDEST = 2**16


def _option(
    default: Any, text: str, least: float = 0, below: float = 2**32, choices: tuple[str, ...] = ()
) -> Any:
    """A field with what the command line says of it and with its range."""
    return field(default=default, metadata={"help": text, "least": least, "below": below, "choices": choices})


def _check(options: Any) -> None:
    for one in fields(options):
        value, limits = getattr(options, one.name), one.metadata
        if isinstance(value, bool):
            continue
        if isinstance(value, str):
            fits = value in limits["choices"]
        else:
            fits = limits["least"] <= value < limits["below"]
        if not fits:
            raise BadOption(f"--{one.name.replace('_', '-')} {value} is out of range.")


@dataclass(frozen=True)
class GeneratorOptions:
    """Everything that decides the result of a generator's training."""

    regime: str = _option(
        "stanzas", "What a row of a batch reads: stanzas, or whole songs piece by piece.", choices=REGIMES
    )
    cell: str = _option("lstm", "Recurrent cell.", choices=CELLS)
    plain: bool = _option(False, "Tell the network nothing beside the characters; --regime songs needs it.")
    embedding: int = _option(64, "Size of a character's vector.", 1, _WIDEST)
    control: int = _option(128, "Size of the request's vector, where not --plain.", 1, _WIDEST)
    word: int = _option(64, "Size of a written word's vector, where not --plain.", 1, _WIDEST)
    plan: int = _option(0, "Size of a planned word's vector; 0 for a network without plans.", 0, _WIDEST)
    songs: float = _option(0.25, "Share of the characters that are the songs', beside a songbook.", below=1)
    hidden: int = _option(512, "Units a layer.", 1, _WIDEST)
    layers: int = _option(2, "Recurrent layers.", 1, 100)
    dropout: float = _option(0.0, "Between layers and before the softmax.", below=1)
    batch: int = _option(64, "Rows a step, for each process.", 1)
    sequence: int = _option(128, "Characters a step with --regime songs; gradients end there.", 1)
    optimiser: str = _option("adamw", "Optimiser.", choices=OPTIMISERS)
    learning_rate: float = _option(3e-3, "Highest learning rate.")
    schedule: str = _option(
        "cosine", "Learning rate: a cosine to the end, or times 0.97 an epoch from the 11th.",
        choices=SCHEDULES,
    )  # fmt: skip
    warmup: int = _option(100, "Steps over which the rate rises; a cosine's, a twentieth of the run at most.")
    weight_decay: float = _option(0.01, "Decoupled with adamw, else added to the gradient.")
    clip: float = _option(1.0, "Longest gradient; 0 for any.")
    ema: float = _option(0.998, "Decay of the averaged weights that are measured and kept; 0 for none.",
                         below=1)  # fmt: skip
    epochs: int = _option(5, "Passes over the songs, where --minutes is 0.", 1)
    minutes: float = _option(0.0, "End after so much training time, validation not counted; 0 for --epochs.")
    patience: int = _option(0, "End after so many validations without a new best; 0 for never.")
    keep: int = _option(3, "Best checkpoints that are kept under the name of their loss.")
    seed: int = _option(1, "Of weights, order and dropout.")
    validate_every: int = _option(400, "Steps.", 1)
    validate_characters: int = _option(120_000, "Size of the sample of held-back songs.", 1)

    def __post_init__(self) -> None:
        _check(self)
        if self.regime == "songs" and not self.plain:
            raise BadOption(
                "A whole song is not written to requests for a stanza: give --plain with --regime songs."
            )


@dataclass(frozen=True)
class CaptionerOptions:
    """Everything that decides the result of one stage of the captioner's training."""

    stage: str = _option("frozen", "Stage.", choices=STAGES)
    hidden: int = _option(512, "Units of the decoder; 'frozen' only.", 1, _WIDEST)
    attention: int = _option(256, "Size of the attention; 'frozen' only.", 1, _WIDEST)
    dropout: float = _option(0.5, "In the decoder.", below=1)
    tied: bool = _option(False, "One table for words read and words written; 'frozen' only.")
    threshold: int = _option(5, "Count from which a word is in the vocabulary; 'frozen' only.", 1)
    batch: int = _option(32, "Pictures a step, for each process.", 1)
    epochs: int = _option(12, "Passes over the pictures.", 1)
    learning_rate: float = _option(1e-3, "Highest learning rate of the decoder.")
    encoder_rate: float = _option(
        3e-5, "Highest learning rate of the encoder; not for 'frozen'. 0 in 'scst' leaves it as it is."
    )
    warmup: int = _option(100, "Steps over which the rates rise; a twentieth of the run at most.")
    weight_decay: float = _option(0.01, "Decoupled.")
    smoothing: float = _option(0.1, "Label smoothing.", below=1)
    clip: float = _option(1.0, "Longest gradient; 0 for any.")
    ema: float = _option(0.998, "Decay of the averaged weights that are measured and kept; 0 for none.",
                         below=1)  # fmt: skip
    patience: int = _option(4, "End after so many epochs without a new best.", 1)
    keep: int = _option(3, "Best checkpoints that are kept under the name of their CIDEr.")
    samples: int = _option(5, "Captions drawn a picture; 'scst' only.", 2)
    cross_entropy: float = _option(0.0, "Share of the word loss in the loss; 'scst' only.")
    distinct: float = _option(
        0.0, "How much of what a caption scores for similar pictures its reward loses; 'scst' only.", below=1
    )
    seed: int = _option(1, "Of weights, order, dropout and draws.")

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class ReaderOptions:
    """Everything beside the data that decides the result of a reader's training."""

    judge: bool = _option(False, "Train on the stanzas that the generator's own reader never sees.")
    passes: float = _option(12.0, "Over people's stanzas.", 0.01)
    embedding: int = _option(96, "Size of a word's vector.", 1, _WIDEST)
    hidden: int = _option(96, "Units each way.", 1, _WIDEST)
    features: int = _option(64, "Units of the last layer but one.", 1, _WIDEST)
    dropout: float = _option(0.1, "Of words' vectors; twice as much before the last layers.", below=1)
    batch: int = _option(128, "Texts a step.", 1)
    learning_rate: float = _option(2e-3, "Highest learning rate.")
    validations: int = _option(24, "How often held-back stanzas are measured; the best weights are kept.", 1)
    patience: int = _option(6, "End after so many validations without a new best; 0 for never.")
    seed: int = _option(1, "Of weights, order, corruptions and dropout.")

    def __post_init__(self) -> None:
        _check(self)
