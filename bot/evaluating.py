"""The ``songwriter evaluate`` commands. The command line is the one place of ``bot`` that knows
``training``: each command imports it when it runs.
"""

from __future__ import annotations

from pathlib import Path

import click

from bot.console import (
    Finite,
    checkpoints_option,
    flickr_options,
    json_option,
    load_eye,
    load_pen,
    needs_extra,
    path_type,
    polite,
    print_result,
    with_options,
)


@click.group()
def evaluate() -> None:
    """Measure the models."""


@evaluate.command("captions")
@with_options(*flickr_options)
@click.option("--split", type=path_type, required=True, help="List of picture names, one a line.")
@click.option("--beam", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--output", type=path_type, default=None, help="Write the captions here, as JSON lines.")
@json_option
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
    print_result(measure(eye, images, captions, split, beam, output), as_json)


@evaluate.command("lyrics")
@click.argument("file", type=path_type)
@click.option(
    "--split",
    type=click.Choice(["all", "train", "dev", "test"]),
    default="all",
    show_default=True,
    help="Which songs of FILE, by the split that training used.",
)
@click.option("--primer", type=path_type, help="Corpus whose training songs the 6-gram model learns first.")
@json_option
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
    print_result(measure(checkpoints or CHECKPOINTS, file, split, primer), as_json)


@evaluate.command("samples")
@click.option("--corpus", type=path_type, required=True, help="Songs: keywords from dev, copies from train.")
@click.option("-n", "--count", type=click.IntRange(1, 10_000), default=500, show_default=True)
@click.option("-t", "--temperature", type=Finite(), default=0.4, show_default=True)
@click.option("--candidates", type=click.IntRange(1, 256), default=16, show_default=True)
@click.option("-r", "--random-seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True)
@json_option
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
    print_result(measure(pen, corpus, count, temperature, candidates, random_seed), as_json)
