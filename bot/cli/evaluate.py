"""The ``songwriter evaluate`` commands. The command line is the one place of ``bot`` that knows
``training``: each command imports it when it runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.console import (
    FAILED,
    Finite,
    checkpoints_option,
    file_type,
    flickr_options,
    json_option,
    load_image_describer,
    load_lyrics_generator,
    make_room,
    needs_extra,
    path_type,
    polite,
    reading_database,
    stop,
    with_options,
)
from model.conditioning import CANDIDATES
from model.errors import BadInput
from model.files import CHECKPOINTS
from model.request import BACKENDS, MAX_CANDIDATES

if TYPE_CHECKING:
    from training.evaluation.journal import Journal

Inputs = Mapping[str, Path | Sequence[Path]]

result_options = with_options(
    json_option,
    click.option(
        "--save",
        type=file_type,
        default=None,
        help="Also write the JSON object here; with it, an interrupted measurement can go on.",
    ),
)
seed_option = click.option(
    "-r", "--random-seed", "seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True
)
# https://sqlite.org/fileformat2.html#magic_header_string
_SQLITE = b"SQLite format 3\0"
corpus_help = "The generator's songs: keywords from dev, copies from train."
corpus_option = click.option("--corpus", type=path_type, required=True, help=corpus_help)
# What decides how a measurement is shown, and not what comes out.
_SHOWN = {"as_json", "meteor"}


def drawing_options(
    count: int, of: str, least: int = 1
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """How many stanzas are drawn, ``of`` what, and how."""
    return with_options(
        count_option(count, of, least),
        click.option("-t", "--temperature", type=Finite(), default=0.4, show_default=True),
        candidates_option(CANDIDATES, "Drawn for each stanza; the best is measured."),
        seed_option,
    )


def count_option(count: int, of: str, least: int = 1) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """How many stanzas, ``of`` what."""
    numbers = click.IntRange(least, 10_000)
    return click.option("-n", "--count", type=numbers, default=count, show_default=True, help=of)


def candidates_option(candidates: int, of: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """How many are drawn, ``of`` what."""
    numbers = click.IntRange(1, MAX_CANDIDATES)
    return click.option("--candidates", type=numbers, default=candidates, show_default=True, help=of)


def engine_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What runs the generator, as in ``model.lyrics_generator.LyricsGenerator.load``."""
    return click.option(
        "--engine",
        type=click.Choice(BACKENDS),
        default=default,
        show_default=True,
        help="What runs the generator: ONNX Runtime in 8 bits or in float32, or PyTorch.",
    )


def finish(
    result: dict[str, Any],
    as_json: bool,
    save: Path | None,
    readable: Callable[[dict[str, Any]], str] | None = None,
) -> None:
    """Print a result of ``training.evaluation.results.stamped``, and write it where ``--save`` says."""
    from training.evaluation import results

    click.echo(json.dumps(result) if as_json else (readable or results.readable)(result))
    if save is not None:
        results.save(result, save)


@contextmanager
def resumed(save: Path | None, inputs: Inputs) -> Iterator[Journal]:
    """What is finished of a measurement is kept beside ``--save`` until the block ends well.

    The same command on the same files goes on from there.
    """
    from model.lyrics_generator import METHOD
    from training.evaluation.journal import Journal
    from training.evaluation.results import digest

    context = click.get_current_context()
    options = {
        name: value
        for name, value in context.params.items()
        if name not in _SHOWN and not isinstance(value, Path)
    }
    of = {
        "command": context.command.name,
        "options": options,
        "inputs": {role: digest(files) for role, files in inputs.items()},
        "version": version("neural-songwriter"),
        "method": METHOD,
    }
    journal = Journal(save, of)
    try:
        yield journal
    except KeyboardInterrupt:
        kept = journal.path is not None and journal.path.exists()
        stop(f"interrupted. {'The same command goes on from here.' if kept else 'Nothing is kept.'}", FAILED)
    journal.remove()


def _present(images: Path, names: Sequence[str]) -> list[Path]:
    """The pictures of a list that are there: those that are not were left out."""
    return [path for name in names if (path := images / name).is_file()]


def model_files(checkpoints: Path | None, *names: str) -> dict[str, Path]:
    """Files of a checkpoint folder as inputs of a result; a plain generator has no lexicon."""
    paths = [(checkpoints or CHECKPOINTS) / name for name in names]
    return {path.name.partition(".")[0]: path for path in paths if path.exists()}


def _generator_files(checkpoints: Path | None) -> dict[str, Path]:
    """Whatever decides which stanzas are written, as inputs of a result."""
    from model.lyrics_generator import PARTS
    from training.evaluation.samples import lexicon_of

    files = model_files(checkpoints, *(f"{name}.safetensors" for name in ("generator", *PARTS)))
    return {"lexicon": lexicon_of(checkpoints or CHECKPOINTS), **files}


@click.group()
def evaluate() -> None:
    """Measure the models."""


@evaluate.command("captions")
@with_options(*flickr_options)
@click.option("--split", type=path_type, required=True, help="List of picture names, one a line.")
@click.option("--beam", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--output", type=file_type, default=None, help="Write the captions here, as JSON lines.")
@click.option("--results", type=file_type, default=None, help="Write captions and references here, as JSON.")
@click.option("--meteor/--no-meteor", default=True, help="METEOR 1.5, where Java and pycocoevalcap are here.")
@result_options
@checkpoints_option
@polite
def evaluate_captions(
    images: Path,
    captions: Path,
    split: Path,
    beam: int,
    output: Path | None,
    results: Path | None,
    meteor: bool,
    as_json: bool,
    save: Path | None,
    checkpoints: Path | None,
) -> None:
    """BLEU-1..4, ROUGE-L, CIDEr-D and METEOR by the coco-caption convention, times 100."""
    needs_extra("nltk", "tqdm")
    from training.corpora.flickr8k import read_split
    from training.evaluation.evaluation import evaluate_captions as measure
    from training.evaluation.results import stamped

    make_room(output, results, save)
    describer = load_image_describer(checkpoints)
    inputs: Inputs = {
        "images": _present(images, read_split(split)),
        "captions": captions,
        "split": split,
        **model_files(checkpoints, "captioner.safetensors"),
    }
    with resumed(save, inputs) as journal:
        figures = measure(describer, images, captions, split, beam, output, results, meteor, journal)
        finish(stamped(figures, inputs), as_json, save)


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
@engine_option("torch")
@result_options
@checkpoints_option
@polite
def evaluate_lyrics(
    file: Path,
    split: str,
    primer: Path | None,
    engine: str,
    as_json: bool,
    save: Path | None,
    checkpoints: Path | None,
) -> None:
    """Bits a character of the generator on the songs of FILE, beside xz and a 6-gram model."""
    needs_extra("nltk", "tqdm")
    from model.image_describer import limit_threads
    from training.evaluation.evaluation import evaluate_lyrics as measure
    from training.evaluation.results import stamped

    make_room(save)
    limit_threads()
    inputs: Inputs = {
        "songs": file,
        **model_files(checkpoints, "generator.safetensors"),
        **({"primer": primer} if primer else {}),
    }
    with resumed(save, inputs) as journal:
        figures = measure(checkpoints or CHECKPOINTS, file, split, primer, engine, journal)
        finish(stamped(figures, inputs), as_json, save)


@evaluate.command("songbook")
@click.argument("file", type=path_type)
@click.option(
    "--split",
    type=click.Choice(["all", "train", "dev", "test"]),
    default="dev",
    show_default=True,
    help="Which stanzas of FILE, by the split that training used.",
)
@result_options
@checkpoints_option
@polite
def evaluate_songbook(
    file: Path, split: str, as_json: bool, save: Path | None, checkpoints: Path | None
) -> None:
    """Nats a character of the generator on the stanzas of FILE, told nothing and told their plans."""
    needs_extra("nltk", "tqdm")
    from model.image_describer import limit_threads
    from training.evaluation.results import stamped
    from training.evaluation.songbook_losses import evaluate_songbook as measure

    make_room(save)
    limit_threads()
    inputs: Inputs = {"songbook": file, **model_files(checkpoints, "generator.safetensors")}
    finish(stamped(measure(checkpoints or CHECKPOINTS, file, split), inputs), as_json, save)


@evaluate.command("samples")
@corpus_option
@drawing_options(500, "Stanzas.")
@engine_option("int8")
@result_options
@checkpoints_option
@polite
def evaluate_samples(
    corpus: Path,
    count: int,
    temperature: float,
    candidates: int,
    seed: int,
    engine: str,
    as_json: bool,
    save: Path | None,
    checkpoints: Path | None,
) -> None:
    """Write stanzas for keywords of held-back songs and measure them beside what people wrote:
    words, variety, repetition, form, rhymes, keywords used, spans copied, filtered words.
    """
    needs_extra("nltk", "tqdm")
    from bot.config import Filter
    from bot.wordfilter import forbidden_words
    from model.image_describer import limit_threads
    from training.evaluation.results import stamped
    from training.evaluation.samples import evaluate_samples as measure

    make_room(save)
    limit_threads()
    folder, forbidden = checkpoints or CHECKPOINTS, forbidden_words(Filter())
    inputs = {"corpus": corpus, **_generator_files(folder)}
    with resumed(save, inputs) as journal:
        figures = measure(folder, corpus, count, temperature, candidates, seed, forbidden, engine, journal)
        finish(stamped(figures, inputs, seed), as_json, save)


@evaluate.command("forms")
@corpus_option
@drawing_options(100, "Stanzas a scheme.")
@result_options
@checkpoints_option
@polite
def evaluate_forms(
    corpus: Path,
    count: int,
    temperature: float,
    candidates: int,
    seed: int,
    as_json: bool,
    save: Path | None,
    checkpoints: Path | None,
) -> None:
    """Whether stanzas rhyme and scan as they are asked to, and what it costs in likelihood."""
    needs_extra("nltk", "tqdm")
    from training.evaluation.forms import evaluate_forms as measure
    from training.evaluation.results import stamped

    make_room(save)
    folder = checkpoints or CHECKPOINTS
    inputs = {"corpus": corpus, **_generator_files(folder)}
    with resumed(save, inputs) as journal:
        figures = measure(folder, corpus, count, temperature, candidates, seed, journal)
        finish(stamped(figures, inputs, seed), as_json, save)


@evaluate.command("temperature")
@click.option("--from", "first", type=Finite(), default=0.1, show_default=True)
@click.option("--to", "last", type=Finite(), default=1.2, show_default=True)
@click.option("--step", type=Finite(), default=0.1, show_default=True)
@count_option(100, "Stanzas a temperature.")
@candidates_option(1, "Drawn for each stanza; 1 is the bare generator.")
@click.option("--corpus", type=path_type, default=None, help=corpus_help)
@click.option(
    "--output", type=path_type, default=None, help="Folder for temperature.json and temperature.png."
)
@seed_option
@result_options
@checkpoints_option
@polite
def evaluate_temperature(
    first: float,
    last: float,
    step: float,
    count: int,
    candidates: int,
    corpus: Path | None,
    output: Path | None,
    seed: int,
    as_json: bool,
    save: Path | None,
    checkpoints: Path | None,
) -> None:
    """Quality against diversity over a range of temperatures, and where structure is lost."""
    needs_extra("nltk", "tqdm", "matplotlib")
    from model.image_describer import limit_threads
    from training.evaluation import results, temperature

    limit_threads()
    folder, steps = checkpoints or CHECKPOINTS, temperature.temperatures(first, last, step)
    copy = output and output / "temperature.json"
    make_room(save, copy)
    inputs = {**_generator_files(folder), **({"corpus": corpus} if corpus else {})}
    with resumed(save or copy, inputs) as journal:
        figures = temperature.study(folder, corpus, steps, count, candidates, seed, journal)
        result = results.stamped(figures, inputs, seed)
        if copy is not None:
            results.save(result, copy)
            temperature.plot(result, copy.with_suffix(".png"))
        finish(result, as_json, save)


@evaluate.command("compare")
@click.argument("files", nargs=-1, required=True, type=path_type, metavar="RESULT...")
@json_option
@polite
def evaluate_compare(files: Sequence[Path], as_json: bool) -> None:
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


@evaluate.command("context")
@with_options(*flickr_options)
@click.option("--split", type=path_type, required=True, help="List of picture names, at least 100.")
@drawing_options(200, "Stanzas, each about another picture.", least=2)
@click.option("--beam", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--output", type=file_type, help="Write stanzas and their ranks here, as JSON lines.")
@result_options
@checkpoints_option
@polite
def evaluate_context(
    images: Path,
    captions: Path,
    split: Path,
    count: int,
    temperature: float,
    candidates: int,
    beam: int,
    output: Path | None,
    seed: int,
    as_json: bool,
    save: Path | None,
    checkpoints: Path | None,
) -> None:
    """Write stanzas about photographs and find these by them, among 10 and among 100."""
    needs_extra("nltk", "tqdm")
    from model.image_describer import GenerationRequest
    from model.sampling import Sampling
    from training.corpora.flickr8k import read_split
    from training.evaluation.context import context_table
    from training.evaluation.context import evaluate_context as measure
    from training.evaluation.results import stamped

    request = GenerationRequest(Sampling(temperature), candidates=candidates, seed=seed)
    make_room(output, save)
    describer, writer = load_image_describer(checkpoints), load_lyrics_generator(checkpoints)
    inputs: Inputs = {
        "images": _present(images, read_split(split)),
        "captions": captions,
        "split": split,
        **model_files(checkpoints, "captioner.safetensors"),
        **_generator_files(checkpoints),
    }
    with resumed(save, inputs) as journal:
        figures = measure(describer, writer, images, captions, split, count, request, beam, output, journal)
        if figures["minilm"] is None:
            click.echo("Without sentence vectors: pip install '.[context]' adds them.", err=True)
        finish(stamped(figures, inputs, seed), as_json, save, context_table)


@evaluate.command("moods")
@click.option(
    "--corpus",
    type=path_type,
    required=True,
    help="The generator's songs; some from dev and test teach a judge.",
)
@drawing_options(40, "Stanzas a mood.")
@click.option("--output", type=file_type, help="Write stanzas and what was heard here, as JSON lines.")
@result_options
@checkpoints_option
@polite
def evaluate_moods(
    corpus: Path,
    count: int,
    temperature: float,
    candidates: int,
    output: Path | None,
    seed: int,
    as_json: bool,
    save: Path | None,
    checkpoints: Path | None,
) -> None:
    """Write stanzas for each mood and have independent judges say which mood they hear."""
    needs_extra("nltk", "tqdm")
    from training.evaluation.moods import evaluate_moods as measure
    from training.evaluation.moods import moods_table
    from training.evaluation.results import stamped

    make_room(output, save)
    writer = load_lyrics_generator(checkpoints)
    inputs = {"corpus": corpus, **_generator_files(checkpoints)}
    with resumed(save, inputs) as journal:
        figures = measure(writer, corpus, count, temperature, candidates, seed, output, journal)
        if figures["reader"] is None:
            click.echo("Without the judge that a reader taught: pip install '.[context]' adds it.", err=True)
        finish(stamped(figures, inputs, seed), as_json, save, moods_table)


@evaluate.command("sense")
@click.argument("file", type=path_type)
@seed_option
@result_options
@checkpoints_option
@polite
def evaluate_sense(file: Path, seed: int, as_json: bool, save: Path | None, checkpoints: Path | None) -> None:
    """Whether stanzas make sense and are about their captions, by a reader that generation never sees.

    FILE has JSON lines with "lines" and "caption". Higher is better.
    """
    needs_extra("nltk", "tqdm")
    from model.lexicon import Lexicon
    from model.reader import Reader
    from training.evaluation.results import stamped
    from training.evaluation.sense import evaluate_sense as measure

    make_room(save)
    folder = checkpoints or CHECKPOINTS
    files = model_files(folder, "lexicon.json.xz", "judge.safetensors", "reader.safetensors")
    judge = Reader.load(folder / "judge.safetensors")
    reader = Reader.load(files["reader"]) if "reader" in files else None
    figures = measure(file, Lexicon.load(folder / "lexicon.json.xz"), judge, reader, seed)
    finish(stamped(figures, {"stanzas": file, **files}, seed), as_json, save)


@evaluate.command("ratings")
@click.argument("file", type=path_type)
@click.option(
    "--positive", multiple=True, default=("👍",), show_default=True,
    help="Praise; may be given several times.",
)  # fmt: skip
@click.option(
    "--negative", multiple=True, default=("👎",), show_default=True,
    help="No praise; may be given several times.",
)  # fmt: skip
@click.option("--output", type=path_type, default=None, help="Folder for ratings.json, tables and plots.")
@result_options
@checkpoints_option
@polite
def evaluate_ratings(
    file: Path,
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    save: Path | None,
    checkpoints: Path | None,
) -> None:
    """Say what people's reactions say of stanzas: FILE is the bot's database, or an export of it.

    Where FILE is the database, servers that chose their own reactions keep them.
    """
    needs_extra("nltk", "matplotlib")
    from model.lexicon import Lexicon
    from training.evaluation import rating_analysis as opinions
    from training.evaluation.results import stamped

    lexicon = Lexicon.load((checkpoints or CHECKPOINTS) / "lexicon.json.xz")
    rows, chosen = _database_ratings(file) if _is_database(file) else (None, {})
    ratings = opinions.read_export(file) if rows is None else opinions.ratings_of(rows, file)
    figures = opinions.study(ratings, opinions.Scale(chosen, positive, negative), lexicon)
    result = stamped(figures, {"ratings": file, **model_files(checkpoints, "lexicon.json.xz")})
    if output is not None:
        opinions.write_folder(result, output)
    finish(result, as_json, save, opinions.readable)


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from error


def _database_ratings(file: Path) -> tuple[list[dict[str, Any]], dict[str | None, tuple[str, ...]]]:
    """The rows that an export of the database would have, and the servers' own reactions."""
    from bot.store.rating_queries import rating_rows, reactions_by_server

    with reading_database(file) as connection:
        return list(rating_rows(connection)), reactions_by_server(connection)
