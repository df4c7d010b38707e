"""``songwriter report``: one page to look at. Like the other offline commands it imports ``training``
when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.console import (
    BAD_DATA,
    Finite,
    checkpoints_option,
    load_image_describer,
    load_lyrics_generator,
    make_room,
    needs_extra,
    path_type,
    polite,
)
from model.conditioning import DEFAULT_TEMPERATURE
from model.errors import BadOption

if TYPE_CHECKING:
    from training.evaluation.report.pictures import Photograph, References

MAX_STANZAS = 10


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="The page: one HTML file.")  # fmt: skip
@click.option("--images", type=path_type, help="Folder of pictures.")
@click.option("--captions", type=path_type, help="What people wrote: Flickr8k.token.txt or captions.txt.")
@click.option("--split", type=path_type, help="List of picture names.  [default: the folder, by name]")
@click.option("--count", type=click.IntRange(1, 1000), default=30, show_default=True,
              help="How many pictures, from the beginning of the list.")  # fmt: skip
@click.option("--embed-pictures", is_flag=True,
              help="Put the pictures into the page: only those that you may pass on.")  # fmt: skip
@click.option("--stanzas", type=click.IntRange(0, MAX_STANZAS), default=2, show_default=True,
              help="How many for each picture.")  # fmt: skip
@click.option("-t", "--temperature", type=Finite(), default=DEFAULT_TEMPERATURE, show_default=True)
@click.option("-r", "--random-seed", "seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True)
@click.option("--beam", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--log", "logs", type=path_type, multiple=True, help="A run's log.csv; may be repeated.")
@click.option("--result", "results", type=path_type, multiple=True,
              help="Result of an evaluate command; may be repeated.")  # fmt: skip
@click.option("--ratings", type=path_type, help="Result of `evaluate ratings`.")
@click.option("--title", default="What the songwriter sees", show_default=True)
@checkpoints_option
@polite
def report(
    output: Path,
    title: str,
    logs: Sequence[Path],
    results: Sequence[Path],
    ratings: Path | None,
    seed: int,
    **options: Any,
) -> None:
    """Write one HTML page: photographs, attention, stanzas, losses, temperature and ratings.

    It opens by double click, asks no network for anything, and leaves out what there is
    nothing about. Bad pictures are reported, the others still shown.
    """
    images, captions, split = options["images"], options["captions"], options["split"]
    if images is None and (captions or split):
        raise BadOption("--captions and --split are about the pictures of --images: name that folder, too.")
    if not (images or logs or results or ratings):
        raise BadOption("Nothing to show: give --images, --log, --result or --ratings.")
    needs_extra("jinja2", "nltk", "tqdm")
    from model.files import CHECKPOINTS, write_whole
    from training.evaluation.report.page import Sections, render
    from training.evaluation.report.sources import read_log, read_ratings, read_results
    from training.evaluation.results import PROVENANCE, stamped

    # Files first: a mistake in their names is told before the models have worked for minutes.
    losses = [chart for path in logs for chart in read_log(path)]
    studies, measures = read_results(results)
    thought = read_ratings(ratings) if ratings else None
    make_room(output)
    photographs = _photographs(options, seed) if images else []
    read: dict[str, Path | list[Path]] = {
        str(path): path for path in (captions, split, *logs, *results, ratings) if path
    }
    if images:
        read["pictures"] = [images / photo.name for photo in photographs if not photo.error]
        folder = options["checkpoints"] or CHECKPOINTS
        read |= {name: folder / name for name in ("captioner.safetensors", "generator.safetensors")}
    sections = Sections(photographs, losses, studies, thought, measures)
    page = render(title, sections, stamped({}, read, seed)[PROVENANCE])
    write_whole(output, page)
    bad = [photo for photo in photographs if photo.error]
    for photo in bad:
        click.echo(f"songwriter: {photo.error}", err=True)
    click.echo(f"{click.format_filename(output)}: {len(page):,} bytes", err=True)
    if bad:
        sys.exit(BAD_DATA)


def _photographs(options: dict[str, Any], seed: int) -> list[Photograph]:
    from model.prompts import MAX_SEED
    from model.request import GenerationRequest
    from model.sampling import Sampling
    from training.evaluation.report.pictures import choose, look

    requests = [
        GenerationRequest(Sampling(options["temperature"]), seed=(seed + number) % (MAX_SEED + 1))
        for number in range(options["stanzas"])
    ]
    references: References
    names, references = choose(options["images"], options["captions"], options["split"], options["count"])
    describer, writer = (
        load_image_describer(options["checkpoints"]),
        load_lyrics_generator(options["checkpoints"]),
    )
    return list(
        look(
            describer,
            writer,
            options["images"],
            names,
            references,
            requests,
            options["beam"],
            options["embed_pictures"],
        )
    )
