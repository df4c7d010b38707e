"""Commands of the offline side: measuring and training.

The command line is the one place of ``bot`` that knows ``training``: its options at import,
the rest inside the commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from bot.console import (
    Finite,
    checkpoints_option,
    load_eye,
    load_pen,
    needs_extra,
    polite,
    with_options,
)
from training.options import DEFAULT_BACKBONE, STAGES, CaptionerOptions, GeneratorOptions

_path = click.Path(path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_flickr = (
    click.option("--images", type=_path, required=True, help="Folder of pictures."),
    click.option("--captions", type=_path, required=True, help="Flickr8k.token.txt."),
)


@click.group()
def evaluate() -> None:
    """Measure the models."""


@click.group()
def train() -> None:
    """Train the models. Every command goes on where its run folder stopped."""


def _fields(kind: type, *without: str) -> list[Callable[..., Any]]:
    """One command-line option a field of an options class."""
    options = []
    for field in fields(kind):
        if field.name in without:
            continue
        name = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            options.append(click.option(f"{name}/--no-{name[2:]}", default=field.default, show_default=True))
        else:
            value = Finite() if isinstance(field.default, float) else int
            options.append(click.option(name, type=value, default=field.default, show_default=True))
    return options


@evaluate.command("captions")
@with_options(*_flickr)
@click.option("--split", type=_path, required=True, help="List of picture names, one a line.")
@click.option("--beam", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--output", type=_path, default=None, help="Write the captions here, as JSON lines.")
@_json
@checkpoints_option
@polite
def evaluate_captions(
    images: Path,
    captions: Path,
    split: Path,
    beam: int,
    output: Path | None,
    as_json: bool,
    checkpoints: Path | None,
) -> None:
    """BLEU-1..4, ROUGE-L and CIDEr-D by the coco-caption convention, times 100."""
    needs_extra("nltk", "tqdm")
    from training.evaluation import evaluate_captions as measure

    eye = load_eye(checkpoints)
    _print_result(measure(eye, images, captions, split, beam, output), as_json)


@evaluate.command("lyrics")
@click.argument("file", type=_path)
@click.option(
    "--split",
    type=click.Choice(["all", "train", "dev", "test"]),
    default="all",
    show_default=True,
    help="Which songs of FILE, by the split that training used.",
)
@click.option("--primer", type=_path, help="Corpus whose training songs the 6-gram model learns first.")
@_json
@checkpoints_option
@polite
def evaluate_lyrics(
    file: Path, split: str, primer: Path | None, as_json: bool, checkpoints: Path | None
) -> None:
    """Bits a character of the generator on the songs of FILE, beside xz and a 6-gram model."""
    needs_extra("nltk", "tqdm")
    from model.files import CHECKPOINTS
    from model.songwriter import limit_threads
    from training.evaluation import evaluate_lyrics as measure

    limit_threads()
    _print_result(measure(checkpoints or CHECKPOINTS, file, split, primer), as_json)


@evaluate.command("samples")
@click.option("--corpus", type=_path, required=True, help="Songs: keywords from dev, copies from train.")
@click.option("-n", "--count", type=click.IntRange(1, 10_000), default=500, show_default=True)
@click.option("-t", "--temperature", type=Finite(), default=0.4, show_default=True)
@click.option("--candidates", type=click.IntRange(1, 256), default=16, show_default=True)
@click.option("-r", "--random-seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True)
@_json
@checkpoints_option
@polite
def evaluate_samples(
    corpus: Path,
    count: int,
    temperature: float,
    candidates: int,
    random_seed: int,
    as_json: bool,
    checkpoints: Path | None,
) -> None:
    """Write stanzas for keywords of held-back songs; count words, endings, keywords and copies."""
    needs_extra("nltk", "tqdm")
    from training.samples import evaluate_samples as measure

    pen = load_pen(checkpoints)
    _print_result(measure(pen, corpus, count, temperature, candidates, random_seed), as_json)


@train.command("lexicon")
@click.argument("corpus", type=_path)
@click.option("--captions", type=_path, required=True, help="Flickr8k.token.txt.")
@click.option("--train-list", type=_path, required=True, help="Names of the training pictures.")
@click.option("--output", type=_path, required=True, help="lexicon.json.xz")
@polite
def train_lexicon(corpus: Path, captions: Path, train_list: Path, output: Path) -> None:
    """Build the word table from songs, captions, WordNet and VADER."""
    needs_extra("nltk", "tqdm")
    from training.lexicon import build_from_files

    lexicon = build_from_files(corpus, captions, train_list)
    lexicon.save(output)
    click.echo(f"{len(lexicon.entries):,} words, {len(lexicon.substitutes):,} substitutes", err=True)


@train.command("generator")
@click.argument("corpus", type=_path)
@click.option("--lexicon", type=_path, required=True, help="lexicon.json.xz, from `train lexicon`.")
@click.option("--run", type=_path, required=True, help="Folder of the run; one that holds a run goes on.")
@click.option("--from", "start", type=_path, help="Begin with this checkpoint's weights.")
@with_options(*_fields(GeneratorOptions))
@polite
def train_generator(corpus: Path, lexicon: Path, run: Path, start: Path | None, **options: Any) -> None:
    """Train the character LSTM on songs."""
    needs_extra("nltk", "tqdm")
    from model.lexicon import Lexicon
    from model.songwriter import limit_threads
    from training.generator import GeneratorTrainer

    limit_threads()
    trainer = GeneratorTrainer(corpus, Lexicon.load(lexicon), run, GeneratorOptions(**options))
    if not trainer.resume() and start:
        trainer.start_from(start)
    best = trainer.train()
    click.echo(f"best dev {best:.4f} nats a character: {run / 'generator.safetensors'}", err=True)


@train.command("features")
@with_options(*_flickr)
@click.option("--split", type=_path, required=True, help="List of picture names, one a line.")
@click.option("--cache", type=_path, required=True, help="Folder for this list's activations.")
@click.option("--backbone", default=DEFAULT_BACKBONE, show_default=True,
              help="A timm model, or torchvision:NAME.")  # fmt: skip
@polite
def train_features(images: Path, captions: Path, split: Path, cache: Path, backbone: str) -> None:
    """Run the frozen encoder once over a list of pictures, mirrored too."""
    needs_extra("nltk", "tqdm")
    from model.songwriter import limit_threads
    from training.captioner import cache_features

    limit_threads()
    cache_features(images, captions, split, cache, backbone)


@train.command("captioner")
@click.option("--stage", type=click.Choice(STAGES), required=True)
@click.option("--captions", type=_path, required=True, help="Flickr8k.token.txt.")
@click.option("--train-list", type=_path, required=True)
@click.option("--train-cache", type=_path, required=True, help="From `train features`.")
@click.option("--dev-list", type=_path, required=True)
@click.option("--dev-cache", type=_path, required=True, help="From `train features`.")
@click.option("--run", type=_path, required=True, help="Folder of the run; one that holds a run goes on.")
@click.option("--from", "start", type=_path, help="Checkpoint of the stage before; not for 'frozen'.")
@click.option("--backbone", default=DEFAULT_BACKBONE, show_default=True, help="The caches' backbone.")
@with_options(*_fields(CaptionerOptions, "stage"))
@polite
def train_captioner(
    captions: Path,
    train_list: Path,
    train_cache: Path,
    dev_list: Path,
    dev_cache: Path,
    run: Path,
    start: Path | None,
    backbone: str,
    **options: Any,
) -> None:
    """Train the captioner: frozen, then finetune, then scst."""
    needs_extra("nltk", "tqdm")
    from model.songwriter import limit_threads
    from training.captioner import Flickr, start_stage

    limit_threads()
    trainer = start_stage(
        Flickr.open(captions, train_list, train_cache, backbone),
        Flickr.open(captions, dev_list, dev_cache, backbone),
        run,
        CaptionerOptions(**options),
        start,
        backbone,
    )
    trainer.resume()
    best = trainer.train()
    click.echo(f"best dev CIDEr {best:.2f}: {run / 'captioner.safetensors'}", err=True)


@train.command("average")
@click.argument("first", type=_path)
@click.argument("second", type=_path)
@click.option("--share", type=Finite(), default=0.5, show_default=True, help="Of SECOND, 0 to 1.")
@click.option("--output", type=_path, required=True, help="captioner.safetensors")
@polite
def train_average(first: Path, second: Path, share: float, output: Path) -> None:
    """Average two captioners in weight space: a stage's start FIRST and its end SECOND."""
    needs_extra("nltk", "tqdm")
    from training.captioner import average

    average(first, second, share, output)


def _print_result(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result))
        return
    for name, value in result.items():
        if isinstance(value, dict):
            value = "  ".join(f"{key} {_number(item)}" for key, item in value.items())
        click.echo(f"{name:<28}{_number(value)}")


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
