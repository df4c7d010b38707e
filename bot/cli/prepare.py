"""Commands that turn what was collected into what training reads: parts of ``songwriter data``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from bot.cli.console import BAD_DATA, Finite, needs_extra, polite
from model.conditioning import MAX_LINES, STYLES
from model.errors import BadOption

P = ParamSpec("P")
R = TypeVar("R")

_path = click.Path(path_type=Path)
_style = click.option(
    "--style", type=click.Choice(STYLES), default="song", show_default=True, help="Of songs that have none."
)


_columns = click.option(
    "--columns",
    callback=lambda _context, _parameter, text: _column_names(text),
    metavar="artist=…,title=…,text=…",
    help="What a CSV file calls them, where that is not to be guessed.",
)


def _column_names(text: str | None) -> dict[str, str]:
    names = dict(part.partition("=")[::2] for part in (text or "").split(",") if part)
    for what, name in names.items():
        if what not in ("artist", "title", "text") or not name:
            raise BadOption("--columns takes artist=NAME, title=NAME and text=NAME, with commas between.")
    return names


def _prepared(command: Callable[P, R]) -> Callable[P, R]:
    """What these commands share: the extra they need, and polite errors."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        needs_extra("ftfy", "nltk", "tqdm")
        return command(*args, **kwargs)

    return polite(run)


@click.command()
@click.argument("source", type=_path, metavar="LYRICS")
@click.option("-o", "--output", type=_path, required=True, help="CSV file.")
@click.option("--report", type=_path, help="Write what was dropped and why, as JSON.")
@_columns
@_prepared
def clean(source: Path, output: Path, report: Path | None, columns: dict[str, str]) -> None:
    """Clean LYRICS: English songs, each once.

    LYRICS is the file of `data lyrics`, a CSV file, JSON lines, lyricsgenius' JSON, or a folder
    of .txt and .lrc files. Section marks, chords, credits, time stamps and what web pages glue to
    lyrics are stripped; misses, instrumentals, duplicates and songs in other languages are dropped.
    """
    from training.collecting.clean import clean_file

    click.echo(str(clean_file(source, output, report, columns)), err=True)


@click.command()
@click.argument("source", type=_path, metavar="LYRICS")
@click.option("-o", "--output", type=_path, required=True, help="Corpus: .jsonl or .jsonl.xz.")
@click.option("--max-lines", type=click.IntRange(1, MAX_LINES), help="Of a stanza.  [default: 3]")
@click.option("--full-songs", is_flag=True, help="Keep the songs as they are, instead.")
@_style
@_columns
@_prepared
def stanzas(
    source: Path,
    output: Path,
    max_lines: int | None,
    full_songs: bool,
    style: str,
    columns: dict[str, str],
) -> None:
    """Cut cleaned LYRICS into short stanzas: the corpus for `train generator`."""
    from training.collecting.refine import refine_file

    if full_songs and max_lines is not None:
        raise BadOption("--full-songs keeps songs whole: leave out --max-lines.")
    size = None if full_songs else max_lines or 3
    click.echo(str(refine_file(source, output, size, style, columns)), err=True)


@click.command()
@click.argument("books", nargs=-1, required=True, metavar="BOOK...")
@click.option("-o", "--output", type=_path, required=True, help="Corpus: .jsonl or .jsonl.xz.")
@click.option("--cache", type=_path, help="Folder for downloaded books.  [default: the user's cache]")
@click.option("--base-url", help="Mirror of Project Gutenberg.  [default: https://gutenberg.pglaf.org]")
@click.option("--pause", type=Finite(), default=2.0, show_default=True, help="Seconds between downloads.")
@_style
@_prepared
def gutenberg(
    books: Sequence[str], output: Path, cache: Path | None, base_url: str | None, pause: float, style: str
) -> None:
    """Take the verse out of each BOOK, a Project Gutenberg number or a text file.

    Bad books are reported, the others still read.
    """
    from training.collecting.gutenberg import BASE_URL, collect, default_cache

    if not 0 <= pause <= 3600:
        raise BadOption("--pause is out of its range, 0 to 3600 seconds.")
    found = collect(books, output, cache or default_cache(), base_url or BASE_URL, pause, style)
    for refusal in found.refusals:
        click.echo(f"songwriter: {refusal}", err=True)
    click.echo(str(found), err=True)
    if found.refusals:
        sys.exit(BAD_DATA)


@click.command()
@click.argument("folder", type=_path, metavar="PATH")
@click.option("--output", type=_path, help="Folder for captions and lists that fit the readable pictures.")
@click.option("--resize", type=click.IntRange(32, 1024), help="Also pictures, squashed to this side.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_prepared
def flickr8k(folder: Path, output: Path | None, resize: int | None, as_json: bool) -> None:
    """Check Flickr8k in PATH, in either common layout, and prepare it for training."""
    from training.corpora.flickr8k_preparation import prepare

    if resize and not output:
        raise BadOption("--resize needs --output, the folder for the pictures.")
    report = prepare(folder, output, resize)
    click.echo(json.dumps(report.to_json()) if as_json else str(report))


@click.command()
@click.option("--folder", type=_path, help="Default: NLTK_DATA's first, else the user's data folder.")
@click.option("--index-url", help="Another index of corpora than NLTK's own.")
@_prepared
def nltk(folder: Path | None, index_url: str | None) -> None:
    """Download the NLTK corpora that collecting, training and evaluating use."""
    from training.collecting.nltk_data import CORPORA, default_folder, download, missing

    target = folder or default_folder()
    wanted = missing(target)
    if wanted:
        download(target, wanted, index_url)
    here = [name for name in CORPORA if name not in wanted]
    for names, where in ((wanted, f"downloaded to {target}"), (here, "already here")):
        if names:
            click.echo(f"{', '.join(names)}: {where}", err=True)


COMMANDS: list[click.Command] = [clean, stanzas, gutenberg, flickr8k, nltk]
