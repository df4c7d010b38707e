"""``songwriter sing`` and ``songwriter lyrics``: stanzas on the command line, also those of before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli import replay as replaying
from bot.cli.console import (
    checkpoints_option,
    load_image_describer,
    load_lyrics_generator,
    path_type,
    polite,
    with_options,
)
from model.conditioning import (
    CANDIDATES,
    DEFAULT_STYLE,
    DEFAULT_TEMPERATURE,
    LEAST_SYLLABLES,
    MAX_LINES,
    MOST_SYLLABLES,
    STYLES,
)
from model.description import Description
from model.errors import BadOption
from model.mood import MOODS, NONE, PICTURE
from model.prompts import MAX_SEED, check_prompt, check_seed
from model.request import LINES, MAX_CANDIDATES, GenerationRequest
from model.rhyme import SCHEMES
from model.sampling import Sampling

if TYPE_CHECKING:
    from model.explanation import Explanation
    from model.lyrics_generator import LyricsGenerator, Song


def _asking(moods: Sequence[str], unsaid: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options that ``sing`` and ``lyrics`` share: moods to choose from, and what holds without one."""
    return with_options(
        click.option("-t", "--temperature", type=float, default=DEFAULT_TEMPERATURE, show_default=True,
                     help="0.1 (safe) to 2 (wild)."),
        click.option("-s", "--seed", "prompt", default=None, help="A word or phrase the stanza starts with."),
        click.option("-n", "--count", type=click.IntRange(1, 100), default=1, show_default=True,
                     help="How many stanzas."),
        click.option("-r", "--random-seed", "seed", type=click.IntRange(0, MAX_SEED), default=None,
                     help="The same number gives the same stanza."),
        click.option("--top-k", type=click.IntRange(0, 1000), default=0, help="Draw from the k likeliest."),
        click.option("--top-p", type=float, default=1.0, help="Nucleus sampling; 1 is off."),
        click.option("--lines", type=click.IntRange(1, MAX_LINES), default=LINES, show_default=True),
        click.option("--scheme", type=click.Choice(SCHEMES, case_sensitive=False), default=None,
                     help="Which lines rhyme. Default: left to the song."),
        click.option("--syllables", type=click.IntRange(LEAST_SYLLABLES, MOST_SYLLABLES), default=None,
                     help="Of each line. Default: left to the song."),
        click.option("--style", type=click.Choice(STYLES),
                     default=DEFAULT_STYLE, show_default=True),
        click.option("--mood", type=click.Choice(moods), default=None, help=unsaid),
        click.option("--candidates", type=click.IntRange(1, MAX_CANDIDATES), default=CANDIDATES,
                     show_default=True, help="Stanzas drawn, of which the best is kept."),
        click.option("--replay", metavar="RECIPE", default=None,
                     help="Write a stanza again, by its recipe or by the short name under a song of the "
                     "bot's. Of the other options only --rewrite (and then --random-seed), --explain, "
                     "--json, --checkpoints and --config may go with it; no IMAGE."),
        click.option("--config", "config_path", type=path_type, default=None,
                     help="With --replay: the bot's configuration, which says where its songs and its "
                     "models are and which words it does not write. Default: as for `songwriter run`."),
        click.option("--rewrite", type=click.IntRange(1, MAX_LINES), multiple=True, metavar="LINE",
                     help="With --replay: replace that line and keep the others. May be repeated."),
        click.option("--explain", is_flag=True,
                     help="Say why this one: words and their lines, rhymes, candidates and their scores."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object."),
        checkpoints_option,
    )  # fmt: skip


@click.command()
@click.argument("image", type=path_type, required=False)
@_asking(
    [*MOODS, PICTURE, NONE],
    "picture: as the picture's light and caption. Default: that where nothing on it is named, else none.",
)
@click.option("--text", is_flag=True, help="Read what is written on the picture, too (the extra 'text').")
@polite
def sing(
    image: Path | None, text: bool, as_json: bool, explain: bool, checkpoints: Path | None, **options: Any
) -> None:
    """Write a stanza about the photograph IMAGE."""
    from model import pipeline
    from model.pictures import open_frames

    caption = mood = None
    if replaying.wanted(options):
        if image is not None:
            raise BadOption("--replay writes a stanza without looking at its picture: leave out IMAGE.")
        writer, songs = replaying.replayed(options, checkpoints)
    elif image is None:
        context = click.get_current_context()
        raise click.MissingParameter(ctx=context, param_type="argument", param_hint="'IMAGE'")
    else:
        requests = _requests(options)
        frames = open_frames(image)
        described = pipeline.describe(load_image_describer(checkpoints, text), frames)
        writer = load_lyrics_generator(checkpoints)
        songs = [pipeline.write(writer, [(described, request)])[0] for request in requests]
        caption = described.text
        mood = songs[0].request.mood if requests[0].mood not in MOODS else None
    if as_json:
        name = None if image is None else click.format_filename(image)
        click.echo(json.dumps({"image": name, "caption": caption, **_report(writer, songs, explain)}))
        return
    if caption is not None:
        click.echo(f"caption   {caption}")
    click.echo(f"keywords  {', '.join(songs[0].keywords)}")
    if mood is not None:
        click.echo(f"mood      {mood}")
    click.echo()
    _print_songs(writer, songs, explain)


@click.command()
@_asking(MOODS, "Default: left to the words.")
@polite
def lyrics(as_json: bool, explain: bool, checkpoints: Path | None, **options: Any) -> None:
    """Write a stanza from a seed, or from nothing."""
    from model import pipeline

    if replaying.wanted(options):
        writer, songs = replaying.replayed(options, checkpoints)
    else:
        requests = _requests(options)
        writer = load_lyrics_generator(checkpoints)
        songs = [pipeline.write(writer, [(Description(), request)])[0] for request in requests]
    if as_json:
        click.echo(json.dumps(_report(writer, songs, explain)))
    else:
        _print_songs(writer, songs, explain)


def _requests(options: Mapping[str, Any]) -> list[GenerationRequest]:
    """A request for each song, checked before the models are loaded."""
    first = check_seed(options["seed"])
    said = {field.name: options[field.name] for field in fields(GenerationRequest) if field.name in options}
    said["prompt"] = "" if options["prompt"] is None else check_prompt(options["prompt"])
    sampling = Sampling(options["temperature"], options["top_k"], options["top_p"])
    request = GenerationRequest(**said | {"sampling": sampling, "seed": first})
    return [replace(request, seed=(first + number) % (MAX_SEED + 1)) for number in range(options["count"])]


def _report(writer: LyricsGenerator, songs: Sequence[Song], explain: bool) -> dict[str, Any]:
    return {
        "keywords": list(songs[0].keywords),
        "stanzas": [_stanza(writer, song, explain) for song in songs],
        "model": {"captioner": songs[0].captioner, "generator": songs[0].generator},
    }


def _stanza(writer: LyricsGenerator, song: Song, explain: bool) -> dict[str, Any]:
    report = {
        "lines": list(song.lines),
        "text": song.text,
        "random_seed": song.request.seed,
        "temperature": song.request.sampling.temperature,
        "recipe": writer.recipe(song).text,
    }
    return report | ({"explanation": asdict(_explained(writer, song))} if explain else {})


def _explained(writer: LyricsGenerator, song: Song) -> Explanation:
    from model import explanation

    return explanation.explain(song, writer.lexicon, writer.tools.novelty)


def _print_songs(writer: LyricsGenerator, songs: Sequence[Song], explain: bool) -> None:
    """Stanzas for people; the recipes go to stderr, so that ``> file`` gets nothing but verse."""
    for number, song in enumerate(songs):
        click.echo(f"\n{song.text}" if number else song.text)
        click.echo(f"recipe {writer.recipe(song).text}", err=True)
        if explain:
            click.echo("\n" + _table(_explained(writer, song)))


def _table(why: Explanation) -> str:
    """An explanation for people: words, sound, and a row for each candidate."""
    from model.explanation import described, originality, outline

    shown = [name for name in why.rivals[0].parts if any(round(one.parts[name], 2) for one in why.rivals)]
    rows = [
        [f"{one.score:+.2f}", *(f"{one.parts[name]:+.2f}" for name in shown), " / ".join(one.lines)]
        for one in why.rivals
    ]
    names = ["score", *shown, f"the best of {why.candidates} candidates"]
    widths = [max(len(row[place]) for row in [names, *rows]) for place in range(len(names) - 1)]
    return "\n".join([
        f"words      {described(why.words)}",
        *([f"plan       {outline(why.plan)}"] if why.plan is not None else []),
        *([f"mood       {why.mood}"] if why.mood else []),
        f"rhymes     {why.scheme}",
        f"syllables  {' '.join(map(str, why.syllables))}",
        *([f"copied     {originality(why.copied)}"] if why.copied is not None else []),
        "",
        *("  ".join([*map(str.rjust, row, widths), row[-1]]) for row in [names, *rows]),
    ])  # fmt: skip
