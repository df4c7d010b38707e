"""The ``songwriter train`` commands. The command line is the one place of ``bot`` that knows
``training``: its options at import, the rest inside the commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import click

from bot.cli.console import (
    Finite,
    checkpoints_option,
    config_option,
    flickr_options,
    load_settings,
    make_room,
    needs_extra,
    path_type,
    polite,
    with_options,
    word_filter,
)
from bot.cli.ratings import read_ratings
from model.files import CHECKPOINTS
from training.loops.options import DEFAULT_BACKBONE, STAGES, CaptionerOptions, GeneratorOptions, ReaderOptions
from training.loops.presets import DEFAULT, PRESETS


@click.group()
def train() -> None:
    """Train the models. Every command goes on where its run folder stopped."""


def _fields(kind: type, *without: str) -> list[Callable[..., Any]]:
    """One command-line option a field of an options class. What is not given is the preset's."""
    options = []
    for field in fields(kind):
        if field.name in without:
            continue
        name = "--" + field.name.replace("_", "-")
        text = f"{field.metadata['help']} Built in: {field.default}."
        if isinstance(field.default, bool):
            options.append(click.option(f"{name}/--no-{name[2:]}", default=None, help=text))
        else:
            options.append(click.option(name, type=_type(field), help=text))
    return options


def _type(field: Field[Any]) -> Any:
    if field.metadata["choices"]:
        return click.Choice(field.metadata["choices"])
    return Finite() if isinstance(field.default, float) else int


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


_preset = click.option(
    "--preset", type=click.Choice(PRESETS), default=DEFAULT, show_default=True,
    help="Named settings; any option given beside it takes precedence.",
)  # fmt: skip


@train.command("lexicon")
@click.argument("corpus", type=path_type)
@click.option("--songbook", type=path_type, help="Stanzas in today's English, whose words count, too.")
@click.option("--captions", type=path_type, required=True, help="Flickr8k.token.txt.")
@click.option("--train-list", type=path_type, required=True, help="Names of the training pictures.")
@click.option("--output", type=path_type, required=True, help="lexicon.json.xz")
@polite
def train_lexicon(
    corpus: Path, songbook: Path | None, captions: Path, train_list: Path, output: Path
) -> None:
    """Build the word table from songs, songbook, captions, WordNet and VADER."""
    needs_extra("nltk", "tqdm")
    from training.corpora.lexicon import build_from_files

    lexicon = build_from_files(corpus, captions, train_list, songbook)
    lexicon.save(output)
    click.echo(f"{len(lexicon.entries):,} words, {len(lexicon.substitutes):,} substitutes", err=True)


@train.command("novelty")
@click.argument("corpus", type=path_type)
@click.option("--output", type=path_type, required=True, help="novelty.safetensors, beside the generator.")
@polite
def train_novelty(corpus: Path, output: Path) -> None:
    """Index the training songs, so that the generator trained on them can't copy them."""
    needs_extra("tqdm")
    from training.corpora.novelty import build_from_file

    novelty = build_from_file(corpus)
    novelty.save(output)
    click.echo(f"{len(novelty):,} spans", err=True)


@train.command("thoughts")
@click.argument("songbook", type=path_type)
@click.option("--songs", type=path_type, help="A corpus of songs, for their styles.")
@click.option("--about", type=path_type, help="The songbook's stanzas with the captions they are about.")
@click.option("--captions", type=path_type, help="Flickr8k.token.txt.")
@click.option("--train-list", type=path_type, help="Names of the training pictures.")
@click.option("--dev-list", type=path_type, help="Names of the held-back pictures.")
@click.option("--minutes", type=Finite(), default=8.0, show_default=True, help="Of training.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of weights and draws.")
@click.option("--output", type=path_type, required=True, help="thoughts.safetensors")
@polite
def train_thoughts(
    songbook: Path,
    songs: Path | None,
    about: Path | None,
    captions: Path | None,
    train_list: Path | None,
    dev_list: Path | None,
    minutes: float,
    seed: int,
    output: Path,
) -> None:
    """Train the sentence encoder on a SONGBOOK: what stands beside what, and the means of styles."""
    needs_extra("tqdm")
    from model.threads import limit_threads
    from training.corpora.neighbours import Sources
    from training.loops.thoughts import Settings, train

    sources = Sources(songbook, songs, about, captions, train_list, dev_list)
    settings = Settings(minutes=minutes, seed=seed)
    make_room(output)
    limit_threads()
    for line in train(sources, output, settings):
        click.echo(line)


@train.command("lines")
@click.argument("songbook", type=path_type)
@click.option("--output", type=path_type, required=True, help="lines.safetensors, beside the generator.")
@polite
def train_lines(songbook: Path, output: Path) -> None:
    """Index the lines of a SONGBOOK, so that the generator sings none of them again."""
    needs_extra("nltk")
    from training.corpora.songbook import known_lines

    lines = known_lines(songbook)
    lines.save(output)
    click.echo(f"{len(lines):,} lines", err=True)


@train.command("planner")
@click.argument("songbook", type=path_type)
@click.option("--lexicon", type=path_type, required=True, help="lexicon.json.xz, from `train lexicon`.")
@click.option("--output", type=path_type, required=True, help="planner.safetensors, beside the generator.")
@click.option("--passes", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of weights and order.")
@polite
def train_planner(songbook: Path, lexicon: Path, output: Path, passes: int, seed: int) -> None:
    """Train the planner on the plans of a SONGBOOK's stanzas."""
    needs_extra("nltk", "tqdm")
    from model.threads import limit_threads
    from training.loops.planner import train as learn

    limit_threads()
    best = learn(songbook, lexicon, output, passes, seed)
    click.echo(f"best dev {best:.4f} nats a planned word: {output}", err=True)


@train.command("planbook")
@click.argument("songbook", type=path_type)
@click.option("--lexicon", type=path_type, required=True, help="lexicon.json.xz, from `train lexicon`.")
@click.option("--stand-ins", type=path_type, required=True, help="Words that may stand in another's place.")
@click.option("--marks", type=path_type, required=True, help="Stanzas not to be told again, and liked ones.")
@click.option("--generator", type=path_type, required=True, help="generator.safetensors, trained.")
@click.option("--output", type=path_type, required=True, help="planbook.safetensors, beside the generator.")
@polite
def train_planbook(
    songbook: Path, lexicon: Path, stand_ins: Path, marks: Path, generator: Path, output: Path
) -> None:
    """Keep the plans of a SONGBOOK's stanzas, to be taken up where a picture is about the same."""
    needs_extra("torch", "tqdm")
    from model.lexicon import Lexicon
    from model.threads import limit_threads
    from training.loops.planbook import write_planbook

    limit_threads()
    book = write_planbook(songbook, Lexicon.load(lexicon), stand_ins, marks, generator, output)
    click.echo(f"{len(book):,} plans", err=True)


@train.command("generator")
@click.argument("corpus", type=path_type)
@click.option("--lexicon", type=path_type, required=True, help="lexicon.json.xz, from `train lexicon`.")
@click.option("--run", type=path_type, required=True, help="Folder of the run; one that holds a run goes on.")
@click.option("--from", "start", type=path_type, help="Begin with this checkpoint's weights.")
@click.option("--songbook", type=path_type, help="Stanzas in today's English, read beside the songs.")
@click.option("--captions", type=path_type, help="Flickr8k's captions, read beside them: plain sentences.")
@click.option("--train-list", type=path_type, help="The pictures whose captions are read.")
@_preset
@with_options(*_fields(GeneratorOptions))
@polite
def train_generator(
    corpus: Path,
    lexicon: Path,
    run: Path,
    start: Path | None,
    songbook: Path | None,
    captions: Path | None,
    train_list: Path | None,
    preset: str,
    **options: Any,
) -> None:
    """Train the character network on songs."""
    if bool(captions) != bool(train_list):
        raise click.UsageError("--captions and --train-list go together.")
    needs_extra("matplotlib", "nltk", "torch", "tqdm")
    from model.lexicon import Lexicon
    from model.threads import limit_threads
    from training.loops.generator import GeneratorTrainer
    from training.loops.presets import generator_options
    from training.processes import processes

    limit_threads()
    chosen = generator_options(preset, _given(options))
    with processes() as here:
        trainer = GeneratorTrainer(
            corpus, Lexicon.load(lexicon), run, chosen, here, songbook, captions, train_list
        )
        _say_arithmetic(trainer.mixed, here.first)
        if not trainer.resume() and start:
            trainer.start_from(start)
        best = trainer.train()
        if here.first:
            click.echo(f"best dev {best:.4f} nats a character: {run / 'generator.safetensors'}", err=True)


@train.command("negatives")
@click.argument("songbook", type=path_type)
@click.option("--output", type=path_type, required=True, help="Where to write them, as JSON lines.")
@click.option("-n", "--count", type=click.IntRange(1, 100_000), default=1000, show_default=True,
              help="Stanzas of the songbook whose keywords are taken.")  # fmt: skip
@click.option("--plans", is_flag=True, help="Plans instead of stanzas.")
@click.option("--adapted", is_flag=True, help="People's stanzas as plans adapt them; nothing is drawn.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of all draws.")
@checkpoints_option
@polite
def train_negatives(
    songbook: Path,
    output: Path,
    count: int,
    plans: bool,
    adapted: bool,
    seed: int,
    checkpoints: Path | None,
) -> None:
    """Write the program's own stanzas about what a SONGBOOK's are about, for the reader to learn from."""
    needs_extra("nltk", "tqdm")
    from model.files import CHECKPOINTS
    from model.lyrics_generator import LyricsGenerator
    from training.loops.negatives import write_negatives

    make_room(output)
    written = write_negatives(
        LyricsGenerator.load(checkpoints or CHECKPOINTS), songbook, output, count, plans, seed, adapted
    )
    click.echo(f"{written:,} written: {output}", err=True)


@train.command("reader")
@click.argument("songbook", type=path_type)
@click.option("--lexicon", type=path_type, required=True, help="lexicon.json.xz, from `train lexicon`.")
@click.option("--output", type=path_type, required=True, help="reader.safetensors or judge.safetensors.")
@click.option("--songs", type=path_type, help="Songs that are read beside the songbook.")
@click.option("--negatives", type=path_type, multiple=True,
              help="Stanzas of the generator, JSON lines; may be given several times.")  # fmt: skip
@click.option("--plans", is_flag=True, help="Learn to read plans instead, for plan_reader.safetensors.")
@with_options(*_fields(ReaderOptions))
@polite
def train_reader(
    songbook: Path,
    lexicon: Path,
    output: Path,
    songs: Path | None,
    negatives: tuple[Path, ...],
    plans: bool,
    **options: Any,
) -> None:
    """Train the reader, which tells people's stanzas about something from what makes less sense."""
    needs_extra("nltk", "tqdm")
    from model.lexicon import Lexicon
    from model.threads import limit_threads
    from training.loops.reader import ReaderTrainer

    make_room(output)
    limit_threads()
    chosen = ReaderOptions(**_given(options))
    figures = ReaderTrainer(songbook, Lexicon.load(lexicon), chosen, songs, negatives, plans).train(output)
    click.echo(json.dumps(figures, indent=2), err=True)


@train.command("ranking")
@click.argument("export", type=path_type)
@click.option("--positive", multiple=True, default=("👍",), show_default=True,
              help="Praise; may be given several times.")  # fmt: skip
@click.option("--negative", multiple=True, default=("👎",), show_default=True,
              help="No praise; may be given several times.")  # fmt: skip
@click.option("--output", type=path_type, help="Default: ranking.json, beside the generator.")
@config_option
@checkpoints_option
@polite
def train_ranking(
    export: Path,
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    output: Path | None,
    config_path: Path | None,
    checkpoints: Path | None,
) -> None:
    """Teach the score of candidates what people like: EXPORT is of `ratings export`, or the bot's database.

    Every rated stanza is written again to see what the score counted. Where the votes are too few, or
    teach nothing that holds on stanzas that were held back, nothing is written.
    """
    needs_extra("nltk", "tqdm")
    from model.taught import RANKING
    from training.evaluation.preferences import readable
    from training.evaluation.ratings import Scale
    from training.loops.ranking import teach

    folder = checkpoints or load_settings(config_path).engine.checkpoints or CHECKPOINTS
    place = output or folder / RANKING
    make_room(place)
    given, chosen = read_ratings(export)
    scale = Scale(chosen, positive, negative)
    click.echo(readable(teach(given, scale, folder, word_filter(config_path), place)))
    click.echo(f"written: {place}", err=True)


@train.command("features")
@with_options(*flickr_options)
@click.option("--split", type=path_type, required=True, help="List of picture names, one a line.")
@click.option("--cache", type=path_type, required=True, help="Folder for this list's activations.")
@click.option("--backbone", default=DEFAULT_BACKBONE, show_default=True,
              help="A timm model, or torchvision:NAME.")  # fmt: skip
@click.option("--views", type=click.IntRange(min=1), default=2, show_default=True,
              help="Of each picture: as it is, mirrored, then crops in other colours.")  # fmt: skip
@polite
def train_features(images: Path, captions: Path, split: Path, cache: Path, backbone: str, views: int) -> None:
    """Run the frozen encoder once over a list of pictures, mirrored and cropped too."""
    needs_extra("nltk", "tqdm")
    from model.threads import limit_threads
    from training.loops.captioner import cache_features

    limit_threads()
    cache_features(images, captions, split, cache, backbone, views)


@train.command("captioner")
@click.option("--stage", type=click.Choice(STAGES), required=True)
@click.option("--captions", type=path_type, required=True, help="Flickr8k.token.txt.")
@click.option("--train-list", type=path_type, required=True)
@click.option("--train-cache", type=path_type, required=True, help="From `train features`.")
@click.option("--dev-list", type=path_type, required=True)
@click.option("--dev-cache", type=path_type, required=True, help="From `train features`.")
@click.option("--run", type=path_type, required=True, help="Folder of the run; one that holds a run goes on.")
@click.option("--from", "start", type=path_type, help="Checkpoint of the stage before; not for 'frozen'.")
@click.option("--backbone", default=DEFAULT_BACKBONE, show_default=True, help="The caches' backbone.")
@_preset
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
    stage: str,
    preset: str,
    **options: Any,
) -> None:
    """Train the captioner: frozen, then finetune, then scst."""
    needs_extra("matplotlib", "nltk", "torch", "tqdm")
    from model.threads import limit_threads
    from training.loops.captioner import Flickr, start_stage
    from training.loops.presets import captioner_options
    from training.processes import processes

    limit_threads()
    chosen = captioner_options(preset, stage, _given(options))
    with processes() as here:
        trainer = start_stage(
            Flickr.open(captions, train_list, train_cache, backbone),
            Flickr.open(captions, dev_list, dev_cache, backbone),
            run,
            chosen,
            start,
            backbone,
            here,
        )
        _say_arithmetic(trainer.mixed, here.first)
        trainer.resume()
        best = trainer.train()
        if here.first:
            click.echo(f"best dev CIDEr {best:.2f}: {run / 'captioner.safetensors'}", err=True)


def _say_arithmetic(bfloat16: bool, first: bool) -> None:
    if first:
        click.echo(f"products in {'bfloat16' if bfloat16 else 'float32'}, the faster one here", err=True)


@train.command("names")
@click.argument("captioner", type=path_type)
@click.option("--lexicon", type=path_type, required=True, help="lexicon.json.xz, from `train lexicon`.")
@click.option("--captions", type=path_type, required=True, help="Flickr8k.token.txt.")
@click.option("--train-list", type=path_type, required=True)
@click.option("--train-cache", type=path_type, required=True, help="From `train features`.")
@click.option("--dev-list", type=path_type, required=True)
@click.option("--dev-cache", type=path_type, required=True, help="From `train features`.")
@click.option("--output", type=path_type, required=True, help="names.safetensors")
@polite
def train_names(
    captioner: Path,
    lexicon: Path,
    captions: Path,
    train_list: Path,
    train_cache: Path,
    dev_list: Path,
    dev_cache: Path,
    output: Path,
) -> None:
    """Build the second opinion for a CAPTIONER: ImageNet's classifier in words of songs."""
    needs_extra("matplotlib", "nltk", "torch", "tqdm")
    from model.captioner import load_captioner
    from model.lexicon import Lexicon
    from model.threads import limit_threads
    from training.loops.captioner import Flickr
    from training.loops.names import build

    limit_threads()
    encoder = load_captioner(captioner)[0].encoder
    train_pictures = Flickr.open(captions, train_list, train_cache, encoder.backbone).cache
    dev_pictures = Flickr.open(captions, dev_list, dev_cache, encoder.backbone).cache
    figures = build(encoder, Lexicon.load(lexicon), train_pictures.trunk(), dev_pictures.trunk(), output)
    click.echo("  ".join(f"{name} {value:.4g}" for name, value in figures.items()), err=True)


@train.command("average")
@click.argument("first", type=path_type)
@click.argument("second", type=path_type)
@click.option("--share", type=Finite(), default=0.5, show_default=True, help="Of SECOND, 0 to 1.")
@click.option("--mirrored", is_flag=True, help="The average looks at a picture's mirror image, too.")
@click.option("--guidance", type=Finite(), default=0.0, show_default=True,
              help="How far from what it would say without a picture; 0 for not at all.")  # fmt: skip
@click.option("--output", type=path_type, required=True, help="captioner.safetensors")
@polite
def train_average(
    first: Path, second: Path, share: float, mirrored: bool, guidance: float, output: Path
) -> None:
    """Average two captioners in weight space: a stage's start FIRST and its end SECOND."""
    needs_extra("nltk", "tqdm")
    from training.loops.captioner import average

    average(first, second, share, output, mirrored, guidance)
