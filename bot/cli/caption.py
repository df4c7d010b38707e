"""``songwriter caption``: what is on pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bot.cli.console import BAD_DATA, checkpoints_option, load_image_describer, path_type, polite
from model.errors import BadInput


@click.command()
@click.argument("images", nargs=-1, required=True, type=path_type, metavar="IMAGE...")
@click.option("--beam", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--jsonl", is_flag=True, help="One JSON object a line.")
@checkpoints_option
@polite
def caption(images: Sequence[Path], beam: int, jsonl: bool, checkpoints: Path | None) -> None:
    """Say what is on each IMAGE. Bad pictures are reported, the others still captioned."""
    from model.pictures import open_frames

    describer, bad = load_image_describer(checkpoints), 0
    for image in images:
        name = click.format_filename(image)
        try:
            frames = [describer.caption(frame, beam) for frame in open_frames(image)]
        except BadInput as error:
            bad += 1
            click.echo(f"songwriter: {error}", err=True)
            if jsonl:
                click.echo(json.dumps({"image": name, "error": str(error)}))
            continue
        text = "; ".join(dict.fromkeys(frame.text for frame in frames))
        if jsonl:
            row = {"image": name, "caption": text, "log_probability": frames[0].log_probability}
            click.echo(json.dumps(row))
        else:
            click.echo(f"{name}\t{text}")
    if bad:
        sys.exit(BAD_DATA)
