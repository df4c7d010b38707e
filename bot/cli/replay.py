"""``--replay``: a stanza of before, by its recipe or by the short name under a song of the bot's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from bot.cli.console import load_lyrics_generator, load_settings, reading_database
from model.errors import BadInput, BadOption
from model.prompts import MAX_SEED, check_seed

if TYPE_CHECKING:
    from bot.config import Config
    from model.lyrics_generator import LyricsGenerator, Song

# What can be said beside --replay, and beside --rewrite as well: the rest is in the recipe.
ALONE = {"replay", "rewrite", "explain", "as_json", "checkpoints", "config_path"}
WITH_REWRITE = {"seed"}


def wanted(options: Mapping[str, Any]) -> bool:
    """Whether a stanza is to be written again.

    Raises:
        BadOption: an option is in the way, or comes to nothing.
    """
    if options["replay"] is not None:
        _check_alone(ALONE | (WITH_REWRITE if options["rewrite"] else set()))
        return True
    if options["rewrite"]:
        raise BadOption("--rewrite needs a stanza to start from: name its recipe with --replay.")
    if options["config_path"] is not None:
        raise BadOption("--config says where a song of the bot's is kept: it goes with --replay only.")
    return False


def replayed(options: Mapping[str, Any], checkpoints: Path | None) -> tuple[LyricsGenerator, list[Song]]:
    """The stanza of a recipe, by the engine that wrote it first, with the lines replaced that are to be.

    Raises:
        BadOption: it is no recipe, or too many lines were replaced.
        BadInput: it is of other models, or the bot keeps no song of that name.
    """
    from bot.store.records import is_id
    from model.pipeline import write_again
    from model.recipe import Recipe

    name, config = options["replay"].strip("` \t\n"), None
    if options["config_path"] is not None or is_id(name):
        config = load_settings(options["config_path"])
        checkpoints = checkpoints or config.engine.checkpoints
        name = _kept(name, config) if is_id(name) else name
    recipe = Recipe.parse(name)
    first = check_seed(options["seed"])
    for number, line in enumerate(options["rewrite"]):
        recipe = recipe.rewriting(line, (first + number) % (MAX_SEED + 1))
    writer = load_lyrics_generator(checkpoints, recipe.backend)
    return writer, [write_again(writer, recipe, _word_filter(recipe.word_filter, config))]


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


def _kept(name: str, config: Config) -> str:
    """The recipe of a song that the bot has posted.

    Raises:
        BadInput: there is none, or it must not be used.
    """
    from bot.store.people import kept_since
    from bot.store.recipes import find

    database = config.store.path
    if not database.is_file():
        raise BadInput(
            f"{name} is the short name of a song of the bot's, and its database {database} is not here: "
            "name its configuration with --config, or give the recipe that Why this one? shows."
        )
    with reading_database(database) as connection:
        found = find(connection, name, kept_since(time.time(), config.store.keep_outputs_days))
    if found is None:
        raise BadInput(
            f"{database} has no song {name}: a letter is wrong, or it was deleted, or it is past its time."
        )
    if found.left_alone:
        raise BadInput("Whoever posted that song's picture wants to be left alone: it is not written again.")
    if found.recipe is None:
        raise BadInput("That song is from before the bot kept recipes: it cannot be written again.")
    return found.recipe


def _word_filter(mark: int, config: Config | None) -> frozenset[str]:
    """The words that may not be written: the bot's; without it the shipped ones if they could not be then.

    Where others held, that is said.
    """
    from bot.config import Filter
    from bot.wordfilter import forbidden_words
    from model.recipe import filter_mark

    held = forbidden_words(config.filter if config else Filter())
    if config is None and filter_mark(held) != mark:
        held = frozenset()
    if filter_mark(held) != mark:
        click.echo("songwriter: another word filter held for it than here, so it may differ.", err=True)
    return held
