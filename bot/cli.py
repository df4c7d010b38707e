"""The ``songwriter`` command: thin; the models are imported only when a command needs them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bot.collecting import data
from bot.console import BAD_DATA, checkpoints_option, load_eye, path_type, polite
from bot.evaluating import evaluate
from bot.hosting import check, run
from bot.ratings import backup, ratings
from bot.reporting import report
from bot.singing import lyrics, sing
from bot.training import train
from model.errors import BadInput


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="neural-songwriter")
def main() -> None:
    """Neural Songwriter: a photograph becomes a stanza."""
    # What a terminal has no sign for, such as an emoji or a file's odd name, is no reason to stop.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


@main.command()
@click.argument("images", nargs=-1, required=True, type=path_type, metavar="IMAGE...")
@click.option("--beam", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--jsonl", is_flag=True, help="One JSON object a line.")
@checkpoints_option
@polite
def caption(images: Sequence[Path], beam: int, jsonl: bool, checkpoints: Path | None) -> None:
    """Say what is on each IMAGE. Bad pictures are reported, the others still captioned."""
    from model.pictures import open_picture

    eye, bad = load_eye(checkpoints), 0
    for image in images:
        name = click.format_filename(image)
        try:
            found = eye.caption(open_picture(image), beam)
        except BadInput as error:
            bad += 1
            click.echo(f"songwriter: {error}", err=True)
            if jsonl:
                click.echo(json.dumps({"image": name, "error": str(error)}))
            continue
        if jsonl:
            row = {
                "image": name,
                "caption": found.text,
                "log_probability": found.log_probability,
            }
            click.echo(json.dumps(row))
        else:
            click.echo(f"{name}\t{found.text}")
    if bad:
        sys.exit(BAD_DATA)


main.add_command(sing)
main.add_command(lyrics)
main.add_command(run)
main.add_command(check)
main.add_command(ratings)
main.add_command(backup)
main.add_command(evaluate)
main.add_command(train)
main.add_command(data)
main.add_command(report)

if __name__ == "__main__":
    main()
