"""The ``songwriter`` command: thin; the models are imported only when a command needs them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.collecting import data
from bot.console import BAD_DATA, checkpoints_option, load_eye, load_pen, path_type, polite, with_options
from bot.evaluating import evaluate
from bot.hosting import check, run
from bot.ratings import backup, ratings
from bot.reporting import report
from bot.training import train
from model.errors import BadInput
from model.mood import MOODS
from model.seeds import MAX_RANDOM_SEED, check_random_seed, check_seed
from model.steering import CANDIDATES, MAX_LINES, STYLES

if TYPE_CHECKING:
    from model.songwriter import Song, Wish


# The options that ``sing`` and ``lyrics`` share.
singing = with_options(
    click.option("-t", "--temperature", type=float, default=0.4, show_default=True,
                 help="0.1 (safe) to 2 (wild)."),
    click.option("-s", "--seed", default=None, help="A word or phrase the stanza starts with."),
    click.option("-n", "--count", type=click.IntRange(1, 100), default=1, show_default=True,
                 help="How many stanzas."),
    click.option("-r", "--random-seed", type=click.IntRange(0, 2**32 - 1), default=None,
                 help="The same number gives the same stanza."),
    click.option("--top-k", type=click.IntRange(0, 1000), default=0, help="Draw from the k likeliest."),
    click.option("--top-p", type=float, default=1.0, help="Nucleus sampling; 1 is off."),
    click.option("--lines", type=click.IntRange(1, MAX_LINES), default=4, show_default=True),
    click.option("--style", type=click.Choice(STYLES),
                 default="song", show_default=True),
    click.option("--mood", type=click.Choice(MOODS),
                 default=None, help="Default: left to the words."),
    click.option("--candidates", type=click.IntRange(1, 256), default=CANDIDATES, show_default=True,
                 help="Stanzas drawn, of which the best is kept."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object."),
    checkpoints_option,
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="neural-songwriter")
def main() -> None:
    """Neural Songwriter: a photograph becomes a stanza."""
    # What a terminal has no sign for, such as an emoji or a file's odd name, is no reason to stop.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


@main.command()
@click.argument("image", type=path_type)
@singing
@polite
def sing(image: Path, as_json: bool, checkpoints: Path | None, **options: Any) -> None:
    """Write a stanza about the photograph IMAGE."""
    from model.pictures import open_picture

    asked = _asked(options)
    picture = open_picture(image)
    eye, pen = load_eye(checkpoints), load_pen(checkpoints)
    caption = eye.caption(picture).text
    songs = [pen.song(caption, wish, eye.digest) for wish in _wishes(asked)]
    if as_json:
        click.echo(json.dumps({"image": click.format_filename(image), "caption": caption, **_report(songs)}))
        return
    click.echo(f"caption   {caption}\nkeywords  {', '.join(songs[0].keywords)}\n")
    _print_songs(songs)


@main.command()
@singing
@polite
def lyrics(as_json: bool, checkpoints: Path | None, **options: Any) -> None:
    """Write a stanza from a seed, or from nothing."""
    asked = _asked(options)
    pen = load_pen(checkpoints)
    songs = [pen.song(None, wish) for wish in _wishes(asked)]
    if as_json:
        click.echo(json.dumps(_report(songs)))
    else:
        _print_songs(songs)


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


def _asked(options: dict[str, Any]) -> list[dict[str, Any]]:
    """A wish's arguments for each stanza, checked before PyTorch is loaded: that takes seconds."""
    from model.decoding import Sampling

    sampling = Sampling(options["temperature"], options["top_k"], options["top_p"])
    seed = "" if options["seed"] is None else check_seed(options["seed"])
    first = check_random_seed(options["random_seed"])
    kept = {name: options[name] for name in ("candidates", "style", "mood", "lines")}
    return [
        {"sampling": sampling, "seed": seed, "random_seed": (first + number) % (MAX_RANDOM_SEED + 1), **kept}
        for number in range(options["count"])
    ]


def _wishes(asked: Sequence[dict[str, Any]]) -> list[Wish]:
    from model.songwriter import Wish

    return [Wish(**one) for one in asked]


def _report(songs: Sequence[Song]) -> dict[str, Any]:
    return {
        "keywords": list(songs[0].keywords),
        "stanzas": [
            {
                "lines": list(song.lines),
                "text": song.text,
                "random_seed": song.wish.random_seed,
                "temperature": song.wish.sampling.temperature,
            }
            for song in songs
        ],
        "model": {"captioner": songs[0].captioner, "generator": songs[0].generator},
    }


def _print_songs(songs: Sequence[Song]) -> None:
    click.echo("\n\n".join(song.text for song in songs))


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
