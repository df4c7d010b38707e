"""``songwriter sing`` and ``songwriter lyrics``: stanzas on the command line, also those of before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from bot.console import checkpoints_option, load_eye, load_pen, path_type, polite, with_options
from model.errors import BadOption
from model.mood import MOODS, PICTURE
from model.rhyme import SCHEMES
from model.seeds import MAX_RANDOM_SEED, check_random_seed, check_seed
from model.steering import CANDIDATES, LEAST_SYLLABLES, MAX_LINES, MOST_SYLLABLES, STYLES

if TYPE_CHECKING:
    from model.explanation import Explanation
    from model.pen import Pen, Song
    from model.recipe import Recipe
    from model.wish import Wish

# What can be said beside --replay, and beside --rewrite as well: the rest is in the recipe.
_WITH_REPLAY = {"replay", "rewrite", "explain", "as_json", "checkpoints"}
_WITH_REWRITE = {"random_seed"}


def _asking(moods: Sequence[str], unsaid: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options that ``sing`` and ``lyrics`` share: moods to choose from, and what holds without one."""
    return with_options(
        click.option("-t", "--temperature", type=float, default=0.4, show_default=True,
                     help="0.1 (safe) to 2 (wild)."),
        click.option("-s", "--seed", default=None, help="A word or phrase the stanza starts with."),
        click.option("-n", "--count", type=click.IntRange(1, 100), default=1, show_default=True,
                     help="How many stanzas."),
        click.option("-r", "--random-seed", type=click.IntRange(0, MAX_RANDOM_SEED), default=None,
                     help="The same number gives the same stanza."),
        click.option("--top-k", type=click.IntRange(0, 1000), default=0, help="Draw from the k likeliest."),
        click.option("--top-p", type=float, default=1.0, help="Nucleus sampling; 1 is off."),
        click.option("--lines", type=click.IntRange(1, MAX_LINES), default=4, show_default=True),
        click.option("--scheme", type=click.Choice(SCHEMES, case_sensitive=False), default=None,
                     help="Which lines rhyme. Default: left to the song."),
        click.option("--syllables", type=click.IntRange(LEAST_SYLLABLES, MOST_SYLLABLES), default=None,
                     help="Of each line. Default: left to the song."),
        click.option("--style", type=click.Choice(STYLES),
                     default="song", show_default=True),
        click.option("--mood", type=click.Choice(moods), default=None, help=unsaid),
        click.option("--candidates", type=click.IntRange(1, 256), default=CANDIDATES, show_default=True,
                     help="Stanzas drawn, of which the best is kept."),
        click.option("--replay", metavar="RECIPE", default=None,
                     help="Write the stanza of a recipe again, with no picture and no other options."),
        click.option("--rewrite", type=click.IntRange(1, MAX_LINES), multiple=True, metavar="LINE",
                     help="With --replay: replace that line and keep the others. May be repeated."),
        click.option("--explain", is_flag=True,
                     help="Say why this one: words and their lines, rhymes, candidates and their scores."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object."),
        checkpoints_option,
    )  # fmt: skip


@click.command()
@click.argument("image", type=path_type, required=False)
@_asking([*MOODS, PICTURE], "Default: left to the words; picture: as the picture's light and caption.")
@polite
def sing(image: Path | None, as_json: bool, explain: bool, checkpoints: Path | None, **options: Any) -> None:
    """Write a stanza about the photograph IMAGE."""
    from model.mood import picture_mood
    from model.pictures import open_picture

    recipe = _recipe(options)
    caption = None
    if recipe is not None:
        if image is not None:
            raise BadOption("--replay writes a stanza without looking at its picture: leave out IMAGE.")
        pen, songs = _replayed(recipe, checkpoints)
    elif image is None:
        context = click.get_current_context()
        raise click.MissingParameter(ctx=context, param_type="argument", param_hint="'IMAGE'")
    else:
        like_picture = options["mood"] == PICTURE
        wishes = _wishes(options | ({"mood": None} if like_picture else {}))
        picture = open_picture(image)
        eye, pen = load_eye(checkpoints), load_pen(checkpoints)
        caption = eye.see(picture).told
        if like_picture:
            mood = picture_mood(eye.preprocessing.square(picture), caption, pen.lexicon)
            wishes = [replace(wish, mood=mood) for wish in wishes]
        songs = [pen.song(caption, wish, eye.digest) for wish in wishes]
    if as_json:
        name = None if image is None else click.format_filename(image)
        click.echo(json.dumps({"image": name, "caption": caption, **_report(pen, songs, explain)}))
        return
    if caption is not None:
        click.echo(f"caption   {caption}")
    click.echo(f"keywords  {', '.join(songs[0].keywords)}\n")
    _print_songs(pen, songs, explain)


@click.command()
@_asking(MOODS, "Default: left to the words.")
@polite
def lyrics(as_json: bool, explain: bool, checkpoints: Path | None, **options: Any) -> None:
    """Write a stanza from a seed, or from nothing."""
    recipe = _recipe(options)
    if recipe is not None:
        pen, songs = _replayed(recipe, checkpoints)
    else:
        wishes = _wishes(options)
        pen = load_pen(checkpoints)
        songs = [pen.song(None, wish) for wish in wishes]
    if as_json:
        click.echo(json.dumps(_report(pen, songs, explain)))
    else:
        _print_songs(pen, songs, explain)


def _wishes(options: Mapping[str, Any]) -> list[Wish]:
    """A wish for each stanza, checked before PyTorch is loaded: that takes seconds."""
    from model.decoding import Sampling
    from model.wish import Wish

    first = check_random_seed(options["random_seed"])
    named = ("candidates", "style", "mood", "lines", "scheme", "syllables")
    wish = Wish(
        Sampling(options["temperature"], options["top_k"], options["top_p"]),
        "" if options["seed"] is None else check_seed(options["seed"]),
        **{name: options[name] for name in named},
    )
    return [
        replace(wish, random_seed=(first + number) % (MAX_RANDOM_SEED + 1))
        for number in range(options["count"])
    ]


def _recipe(options: Mapping[str, Any]) -> Recipe | None:
    """What is to be replayed, with the lines that are to be rewritten; None where nothing is.

    Raises:
        BadOption: it is no recipe, or other options are in the way.
    """
    from model.recipe import Recipe

    rewrite = options["rewrite"]
    if options["replay"] is None:
        if rewrite:
            raise BadOption("--rewrite needs a stanza to start from: name its recipe with --replay.")
        return None
    _check_alone(_WITH_REPLAY | (_WITH_REWRITE if rewrite else set()))
    recipe = Recipe.parse(options["replay"])
    first = check_random_seed(options["random_seed"])
    for number, line in enumerate(rewrite):
        recipe = recipe.rewriting(line, (first + number) % (MAX_RANDOM_SEED + 1))
    return recipe


def _check_alone(allowed: set[str]) -> None:
    """Only these options may have been given."""
    context = click.get_current_context()
    given = [
        parameter.opts[-1]
        for parameter in context.command.get_params(context)
        if isinstance(parameter, click.Option)
        and parameter.name not in allowed
        and context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise BadOption(f"--replay writes a stanza as it was: leave out {', '.join(given)}.")


def _replayed(recipe: Recipe, checkpoints: Path | None) -> tuple[Pen, list[Song]]:
    """The stanza of a recipe, by the engine that wrote it first."""
    pen = load_pen(checkpoints, recipe.engine)
    recipe.check(pen.origin, pen.engine)
    wish = replace(recipe.wish, forbidden=_word_filter(recipe.word_filter))
    return pen, pen.sung([(recipe.keywords, wish)])


def _word_filter(mark: int) -> frozenset[str]:
    """The words that could not be written, where they are the shipped list; none otherwise, which is said."""
    from bot.config import Filter
    from bot.wordfilter import forbidden_words
    from model.recipe import filter_mark

    shipped = forbidden_words(Filter())
    if mark == filter_mark(shipped):
        return shipped
    if mark:
        click.echo("songwriter: a word filter that is not here held for it, so it may differ.", err=True)
    return frozenset()


def _recipe_text(pen: Pen, song: Song) -> str:
    from model.recipe import Recipe

    return Recipe.of(song.keywords, song.wish, pen.origin, pen.engine).text


def _report(pen: Pen, songs: Sequence[Song], explain: bool) -> dict[str, Any]:
    return {
        "keywords": list(songs[0].keywords),
        "stanzas": [_stanza(pen, song, explain) for song in songs],
        "model": {"captioner": songs[0].captioner, "generator": songs[0].generator},
    }


def _stanza(pen: Pen, song: Song, explain: bool) -> dict[str, Any]:
    report = {
        "lines": list(song.lines),
        "text": song.text,
        "random_seed": song.wish.random_seed,
        "temperature": song.wish.sampling.temperature,
        "recipe": _recipe_text(pen, song),
    }
    return report | ({"explanation": asdict(_explained(pen, song))} if explain else {})


def _explained(pen: Pen, song: Song) -> Explanation:
    from model import explanation

    return explanation.explain(song, pen.lexicon, pen.tools.novelty)


def _print_songs(pen: Pen, songs: Sequence[Song], explain: bool) -> None:
    """Stanzas for people; the recipes go to stderr, so that ``> file`` gets nothing but verse."""
    for number, song in enumerate(songs):
        click.echo(f"\n{song.text}" if number else song.text)
        click.echo(f"recipe {_recipe_text(pen, song)}", err=True)
        if explain:
            click.echo("\n" + _table(_explained(pen, song)))


def _table(why: Explanation) -> str:
    """An explanation for people: words, sound, and a row for each candidate."""
    from model.explanation import described, originality

    shown = [name for name in why.rivals[0].parts if any(round(one.parts[name], 2) for one in why.rivals)]
    rows = [
        [f"{one.score:+.2f}", *(f"{one.parts[name]:+.2f}" for name in shown), " / ".join(one.lines)]
        for one in why.rivals
    ]
    names = ["score", *shown, f"the best of {why.candidates} candidates"]
    widths = [max(len(row[place]) for row in [names, *rows]) for place in range(len(names) - 1)]
    return "\n".join([
        f"words      {described(why.words) or 'none were asked for'}",
        *([f"mood       {why.mood}"] if why.mood else []),
        f"rhymes     {why.scheme}",
        f"syllables  {' '.join(map(str, why.syllables))}",
        *([f"copied     {originality(why.copied)}"] if why.copied is not None else []),
        "",
        *("  ".join([*map(str.rjust, row, widths), row[-1]]) for row in [names, *rows]),
    ])  # fmt: skip
