"""Commands of the offline side: collecting songs and their words, and preparing data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.console import FAILED, Finite, needs_extra, polite, stop
from bot.cli.prepare import COMMANDS
from training.collecting.options import MAX_CONCURRENCY, PUBLIC_RATE, LyricsOptions

if TYPE_CHECKING:
    from collections import Counter

    from training.collecting.cache import Status

_path = click.Path(path_type=Path)
_file = click.Path(path_type=Path, dir_okay=False)


@click.group()
def data() -> None:
    """Collect and prepare what the models learn from."""


@data.command("songs")
@click.option("--msd", type=_path, required=True, help="Track list, .h5 file, folder of them, or .db file.")
@click.option("-o", "--output", type=_file, required=True, help="CSV, written whole or not at all.")
@polite
def songs(msd: Path, output: Path) -> None:
    """Read song metadata from any shape of the Million Song Dataset.

    Files that are truncated and lines that are no songs are named and skipped.
    """
    needs_extra("h5py", "pandas", "rapidfuzz", "tqdm")
    from model.files import write_whole
    from training.collecting.songs import read_metadata, to_csv

    found = read_metadata(msd)
    for remark in found.remarks:
        click.echo(f"songwriter: {remark}", err=True)
    write_whole(output, to_csv(found.table))
    click.echo(
        f"{len(found.table):,} song{'s' * (len(found.table) != 1)}: {click.format_filename(output)}", err=True
    )


@data.command("lyrics")
@click.argument("songs", type=_path, metavar="SONGS.csv")
@click.option("--source", default=LyricsOptions.source, show_default=True,
              help="lrclib, lyrics-ovh, or the file of a database dump that LRCLIB publishes.")  # fmt: skip
@click.option("-o", "--output", type=_file, required=True,
              help="SQLite file of every answer; one that exists is gone on with.")  # fmt: skip
@click.option("--base-url", default=None, envvar="SONGWRITER_LYRICS_URL", show_envvar=True,
              help="Address of the service. Default: the public one.")  # fmt: skip
@click.option("--rate", type=Finite(), default=LyricsOptions.rate, show_default=True,
              envvar="SONGWRITER_LYRICS_RATE", show_envvar=True,
              help=f"Requests a second; more than {PUBLIC_RATE:g} only with --base-url.")  # fmt: skip
@click.option("--concurrency", type=int, default=LyricsOptions.concurrency, show_default=True,
              help=f"Requests under way at a time, at most {MAX_CONCURRENCY}.")  # fmt: skip
@click.option("--timeout", type=Finite(), default=LyricsOptions.timeout, show_default=True,
              help="Seconds for one whole answer.")  # fmt: skip
@click.option("--min-score", type=Finite(), default=LyricsOptions.min_score, show_default=True,
              help="How well artist and title must match, out of 100.")  # fmt: skip
@polite
def lyrics(songs: Path, output: Path, **options: Any) -> None:
    """Ask a service, or a dump, for the words of the songs in a CSV file.

    Stop it at any time: every answer is kept, and the same command goes on from there.
    """
    needs_extra("h5py", "pandas", "rapidfuzz", "tqdm")
    from training.collecting.lyrics import collect

    try:
        counts = collect(songs, output, LyricsOptions(**options))
    except KeyboardInterrupt:
        stop("stopped. Every answer so far is kept; the same command goes on from there.", FAILED)
    click.echo(_summary(counts), err=True)


def _summary(counts: Counter[Status]) -> str:
    parts = f"{counts['hit']:,} found, {counts['instrumental']:,} instrumental, {counts['miss']:,} not known"
    if failed := counts["error"]:
        parts += f", {failed:,} failed (the same command asks again after a day)"
    return f"{counts.total():,} songs: {parts}"


for _command in COMMANDS:
    data.add_command(_command)
