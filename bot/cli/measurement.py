"""What every ``songwriter evaluate`` command does around its measuring: where its figures come from,
going on after an interruption, printing and saving.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.console import (
    FAILED,
    checkpoints_option,
    file_type,
    json_option,
    make_room,
    needs_extra,
    polite,
    stop,
    with_options,
)
from model.files import CHECKPOINTS

if TYPE_CHECKING:
    from training.evaluation.journal import Journal

Inputs = Mapping[str, Path | Sequence[Path]]

_save_option = click.option(
    "--save",
    type=file_type,
    default=None,
    help="Also write the JSON object here; with it, an interrupted measurement can go on.",
)
# Options that decide how a measurement is shown, and not what comes out.
_SHOWN = {"as_json", "meteor"}


@dataclass(frozen=True)
class Measurement:
    """What a command measures.

    Attributes:
        inputs: role -> file, or files that count as one: whatever decides the figures.
        measure: does the work and returns the figures; keeps what is finished in the journal.
        show: the result as people read it; None shows every figure.
        write: writes what the command writes beside the result.
        beside: without ``--save``, what is finished is kept beside this file; None keeps nothing.
        resumable: whether what is finished is kept at all; what takes seconds is done again.
    """

    inputs: Inputs
    measure: Callable[[Journal], dict[str, Any]]
    show: Callable[[dict[str, Any]], str] | None = None
    write: Callable[[dict[str, Any]], None] | None = None
    beside: Path | None = None
    resumable: bool = True


def measurement(
    group: click.Group,
    name: str,
    *options: Callable[..., Any],
    needs: Sequence[str] = ("nltk", "tqdm"),
) -> Callable[[Callable[..., Measurement]], click.Command]:
    """A command of ``group`` from a function that says what is measured.

    The function gets the values of ``options`` and ``checkpoints``, a folder. Its docstring is the
    command's help. Before it is called the folders of files that are to be written are there.

    Args:
        group: where the command belongs.
        name: of the command.
        options: its own; ``--json``, ``--save`` and ``--checkpoints`` come with every one.
        needs: modules of the extra "train".
    """

    def register(declare: Callable[..., Measurement]) -> click.Command:
        @group.command(name)
        @with_options(*options, json_option, _save_option, checkpoints_option)
        @polite
        @wraps(declare)
        def run(as_json: bool, save: Path | None, checkpoints: Path | None, **asked: Any) -> None:
            needs_extra(*needs)
            make_room(save, *_written(asked))
            _run(declare(checkpoints=checkpoints or CHECKPOINTS, **asked), as_json, save, asked.get("seed"))

        return run

    return register


def _written(asked: Mapping[str, Any]) -> list[Path]:
    """The files that a command's own options say are to be written."""
    types = {option.name: option.type for option in click.get_current_context().command.params}
    return [value for name, value in asked.items() if value is not None and types[name] is file_type]


def _run(of: Measurement, as_json: bool, save: Path | None, seed: int | None) -> None:
    from training.evaluation import results

    with _resumed(of, save) as journal:
        result = results.stamped(of.measure(journal), of.inputs, seed)
        if of.write is not None:
            of.write(result)
        click.echo(json.dumps(result) if as_json else (of.show or results.readable)(result))
        if save is not None:
            results.save(result, save)


@contextmanager
def _resumed(of: Measurement, save: Path | None) -> Iterator[Journal]:
    """What is finished of a measurement is kept beside its result until the block ends well.

    The same command on the same files goes on from there.
    """
    from training.evaluation.journal import Journal

    if not of.resumable:
        yield Journal()
        return
    journal = Journal(save or of.beside, _identity(of.inputs))
    try:
        yield journal
    except KeyboardInterrupt:
        kept = journal.path is not None and journal.path.exists()
        stop(f"interrupted. {'The same command goes on from here.' if kept else 'Nothing is kept.'}", FAILED)
    journal.remove()


def _identity(inputs: Inputs) -> dict[str, Any]:
    """Whatever the figures depend on: a measurement goes on only where all of it is the same."""
    from model.lyrics_generator import METHOD
    from training.evaluation.results import digest

    context = click.get_current_context()
    return {
        "command": context.command.name,
        "options": {
            name: value
            for name, value in context.params.items()
            if name not in _SHOWN and not isinstance(value, Path)
        },
        "inputs": {role: digest(files) for role, files in inputs.items()},
        "version": version("neural-songwriter"),
        "method": METHOD,
    }
