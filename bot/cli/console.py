"""What every command shares: exit codes, polite errors, common options, loading the models."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from model.errors import BadCheckpoint, BadInput, BadInstallation, BadOption, Unavailable

if TYPE_CHECKING:
    import sqlite3

    from bot.config import Config
    from model.hub_captioner import HubCaptioner
    from model.image_describer import ImageDescriber
    from model.lyrics_generator import LyricsGenerator

P = ParamSpec("P")
R = TypeVar("R")

# After sysexits.h.
FAILED, USAGE, BAD_DATA, UNAVAILABLE, BAD_CONFIGURATION = 1, 2, 65, 69, 78

# What cannot be read is bad data or configuration, which the command itself says; click says usage.
path_type = click.Path(path_type=Path, readable=False)
file_type = click.Path(path_type=Path, dir_okay=False, readable=False)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
flickr_options = (
    click.option("--images", type=path_type, required=True, help="Folder of pictures."),
    click.option("--captions", type=path_type, required=True, help="Flickr8k.token.txt."),
)

checkpoints_option = click.option(
    "--checkpoints",
    type=path_type,
    envvar="SONGWRITER_CHECKPOINTS",
    default=None,
    help="Folder with the models. Default: those that ship with the program.",
)


config_option = click.option(
    "--config",
    "config_path",
    type=path_type,
    default=None,
    help="Default: config.toml where there is one, else the built-in defaults.",
)

_DEFAULT_CONFIG = Path("config.toml")


class Finite(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A float that is neither NaN nor infinite."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is not a number.", param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def with_options(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several click options in one decorator, in the order of their help."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def polite(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors a user can do something about into one sentence and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BadOption as error:
            stop(str(error), USAGE)
        except BadInput as error:
            stop(str(error), BAD_DATA)
        except (BadCheckpoint, BadInstallation) as error:
            stop(str(error), BAD_CONFIGURATION)
        except Unavailable as error:
            stop(str(error), UNAVAILABLE)
        except KeyboardInterrupt:
            stop("interrupted.", FAILED)
        except BrokenPipeError:
            # The reader has gone (`| head`): nothing is left to say, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)
        except OSError as error:
            # Of a file that could not be renamed, the second name is the one that was asked for.
            name = error.filename2 or error.filename or "the file system"
            stop(f"{name}: {error.strerror or error}.", FAILED)

    return run


def make_room(*files: Path | None) -> None:
    """Make the folders of files that are to be written: one that cannot be made is known before the work."""
    for file in files:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)


def stop(sentence: str, code: int) -> NoReturn:
    """Say one sentence on stderr and end the program."""
    click.echo(f"songwriter: {' '.join(sentence.split())}", err=True)
    sys.exit(code)


def needs_extra(*modules: str) -> None:
    """End the program, saying what to install, where a module of the extra "train" is not here."""
    for name in modules:
        try:
            import_module(name)
        except ImportError as error:
            stop(f"this command needs the extra 'train': pip install '.[train]' ({error}).", FAILED)


def load_image_describer(checkpoints: Path | None, text: bool = False) -> ImageDescriber:
    """The shipped captioner, or that of another folder; with ``text`` it reads what is written, too."""
    from model.files import CHECKPOINTS
    from model.image_describer import ImageDescriber
    from model.threads import threads

    folder = checkpoints or CHECKPOINTS
    describer = ImageDescriber.load(folder, threads=threads())
    if text:
        from model.lexicon import Lexicon
        from model.scene_text import TextReader

        describer.reader = TextReader(Lexicon.load(folder / "lexicon.json.xz"), threads())
    return describer


def load_other_captioner(name: str, revision: str | None) -> HubCaptioner:
    """Another captioner than ours, on the GPU where there is one; see ``model.hub``."""
    from model.extras import needing_eye
    from model.eye import Model
    from model.hub import check_name, check_revision
    from model.threads import limit_threads

    try:
        check_name(name)
        check_revision(name, revision)
    except ValueError as error:
        raise BadOption(f"--eye {name}: {error}.") from error
    with needing_eye():
        import torch

    limit_threads()
    return Model.fetch(name, revision).load("cuda" if torch.cuda.is_available() else "cpu")


def load_lyrics_generator(checkpoints: Path | None, backend: str | None = None) -> LyricsGenerator:
    """The shipped generator and lexicon, or those of another folder; see ``LyricsGenerator.load``."""
    from model.files import CHECKPOINTS
    from model.lyrics_generator import LyricsGenerator
    from model.novelty import remark

    folder = checkpoints or CHECKPOINTS
    if said := remark(folder):
        click.echo(f"songwriter: {said}", err=True)
    return LyricsGenerator.load(folder, backend=backend)


def load_settings(path: Path | None) -> Config:
    """The named configuration file, or ``config.toml`` where there is one, or the defaults."""
    from bot.config import BadConfiguration, Config, load_config

    if path is None and not _DEFAULT_CONFIG.exists():
        return Config()
    try:
        return load_config(path or _DEFAULT_CONFIG)
    except BadConfiguration as error:
        stop(str(error), BAD_CONFIGURATION)


def word_filter(path: Path | None) -> frozenset[str]:
    """The words that the bot of a configuration must not write; see ``load_settings``."""
    from bot.wordfilter import forbidden_words

    return forbidden_words(load_settings(path).filter)


@contextmanager
def reading_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the bot's database that cannot write; a fault of the moment ends the program.

    Raises:
        BadStore: it cannot be used at all.
    """
    from bot.store.errors import BadStore, StoreError
    from bot.store.files import reading

    try:
        with reading(path) as connection:
            yield connection
    except BadStore:
        raise
    except StoreError as error:
        stop(str(error), FAILED)
