"""The original's central finding, for any generator: what temperature does to quality and diversity,
and where structure is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import BadOption
from model.files import replacing
from model.generator import load_generator
from model.keywords import MAX_KEYWORDS, extract
from model.lyrics_generator import LyricsGenerator
from model.sampling import MAX_TEMPERATURE, MIN_TEMPERATURE
from training.evaluation.journal import Journal
from training.evaluation.losses import nats_per_character
from training.evaluation.results import save
from training.evaluation.samples import SampleOptions, Songs, Stanza, copying, lexicon_of, write
from training.evaluation.suffixes import shared_spans
from training.evaluation.verse import (
    Dictionary,
    as_many_words,
    count_words,
    dictionary_share,
    distinct,
    repeated_ngrams,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESULT = "temperature.json"
# A stanza that holds together ends by itself and has at most one unknown word in ten.
WHOLE_WORDS = 0.9
# Structure is lost where fewer than half of the stanzas hold together.
STRUCTURE = 0.5

_QUALITY = {
    "dictionary_words": "English words",
    "whole": "hold together",
    "ended": "end by themselves",
    "repeated_4grams": "repeated 4-grams",
}
_DIVERSITY = {
    "distinct_1": "distinct 1-grams",
    "distinct_2": "distinct 2-grams",
    "novel_20grams": "novel 20-grams",
}


def temperatures(first: float, last: float, step: float) -> list[float]:
    """From first to last, both included where the step meets them, rounded to hundredths.

    Raises:
        BadOption: a bound that no sampler takes, or a step that leads nowhere.
    """
    if not MIN_TEMPERATURE <= first <= last <= MAX_TEMPERATURE:
        raise BadOption(
            f"--from and --to must rise between {MIN_TEMPERATURE} and {MAX_TEMPERATURE}, "
            f"not from {first:g} to {last:g}."
        )
    if step < 0.01:
        raise BadOption(f"--step must be at least 0.01, not {step:g}.")
    # A hundredth of a step makes up for what binary fractions lack.
    return [round(first + number * step, 2) for number in range(int((last - first) / step + 1.01))]


def study(
    checkpoints: Path,
    corpus: Path | None,
    steps: Sequence[float],
    count: int,
    candidates: int,
    seed: int,
    journal: Journal | None = None,
) -> dict[str, Any]:
    """Write for the same requests at every temperature and measure what comes out.

    Args:
        checkpoints: folder with ``generator.safetensors``; see ``samples.lexicon_of``.
        corpus: the generator's training corpus: keywords come from its held-back songs, which are
            measured too. None: stanzas about nothing, and no figures of copying.
        steps: temperatures, rising.
        count: stanzas a temperature.
        candidates: drawn for each stanza; 1 shows the bare generator.
        seed: decides keywords and draws.
        journal: of the stanzas.

    Returns:
        ``rows``, one a temperature; ``corpus``, the same figures of held-back stanzas or None;
        ``structure_lost_at``, the lowest temperature where fewer than half of the stanzas end by
        themselves with nine of ten words in the dictionary, None where all do better.

    Raises:
        BadInput: the corpus cannot be read, or NLTK's word lists are not here.
    """
    dictionary = Dictionary()
    writer = LyricsGenerator.load(checkpoints, lexicon=lexicon_of(checkpoints))
    songs = Songs.read(corpus) if corpus else None
    keywords: list[list[str]] = [[] for _ in range(count)]
    if songs:
        keywords = [extract(text, writer.lexicon, MAX_KEYWORDS) for text in songs.some(count, seed)]
    drawn = {
        step: write(writer, keywords, SampleOptions(count, step, candidates, seed), journal=journal)
        for step in steps
    }
    human: list[Stanza] = []
    if songs:
        size = max(count_words(one.text for one in found) for found in drawn.values())
        chosen = as_many_words(songs.shuffled(seed), size)
        human = list(map(Stanza, chosen))
    figures = _figures([*drawn.values(), *([human] if human else [])], checkpoints, songs, dictionary)
    rows = [{"temperature": step, **row} for step, row in zip(steps, figures, strict=False)]
    return {
        "stanzas": count,
        "candidates": candidates,
        "structure_lost_at": next((row["temperature"] for row in rows if row["whole"] < STRUCTURE), None),
        "rows": rows,
        "corpus": figures[-1] if human else None,
        "generator": writer.digest,
    }


def write_folder(result: dict[str, Any], folder: Path) -> None:
    """Write a study as ``temperature.json`` and its curves as ``temperature.png``."""
    save(result, folder / RESULT)
    plot(result, (folder / RESULT).with_suffix(".png"))


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw a study: quality and diversity over temperature, and one against the other, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplot_mosaic([["quality", "diversity"], ["surprise", "trade"]])
    choice = (
        f"each the best of {result['candidates']}" if result["candidates"] > 1 else "each the only one drawn"
    )
    dotted = "; dotted: held-back songs" if result["corpus"] else ""
    figure.suptitle(f"{result['stanzas']} stanzas a temperature, {choice}{dotted}")
    for name, labels in (("quality", _QUALITY), ("diversity", _DIVERSITY)):
        _curves(axes[name], result, labels)
        axes[name].set(title=name, ylabel="share", ylim=(-0.02, 1.02))
    _curves(axes["surprise"], result, {"nats_per_char": "by the model, asked for nothing"})
    axes["surprise"].set(title="surprise", ylabel="nats a character")
    _trade(axes["trade"], result)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=110)


def _figures(
    sets: Sequence[Sequence[Stanza]], checkpoints: Path, songs: Songs | None, dictionary: Dictionary
) -> list[dict[str, Any]]:
    """The figures of each set of stanzas, distinct n-grams of as many words of each."""
    model, vocabulary, _ = load_generator(checkpoints / "generator.safetensors")
    texts = [[one.text for one in found] for found in sets]
    spans = iter(shared_spans([text for some in texts for text in some], songs.sung) if songs else ())
    size = min(map(count_words, texts))
    copied = [copying([next(spans) for _ in some]) if songs else {"novel_20grams": None} for some in texts]
    return [
        {
            "dictionary_words": dictionary_share(some, dictionary),
            "whole": sum(whole(one, dictionary) for one in found) / len(found),
            "ended": sum(one.ended for one in found) / len(found),
            "repeated_4grams": repeated_ngrams(some, 4),
            "nats_per_char": nats_per_character(model, some, vocabulary),
            **{f"distinct_{n}": distinct(as_many_words(some, size), n) for n in (1, 2, 3)},
            **copies,
        }
        for found, some, copies in zip(sets, texts, copied, strict=True)
    ]


def whole(one: Stanza, dictionary: Dictionary) -> bool:
    """Whether a stanza ends by itself and at most a tenth of its words are unknown."""
    return one.ended and dictionary_share([one.text], dictionary) >= WHOLE_WORDS


def _curves(axes: Axes, result: dict[str, Any], labels: dict[str, str]) -> None:
    """Curves over temperature; dotted the songs' own figures, dashed where structure is lost."""
    steps = [row["temperature"] for row in result["rows"]]
    for number, (key, label) in enumerate(labels.items()):
        values = [row[key] for row in result["rows"]]
        if None not in values:
            axes.plot(steps, values, marker="o", color=f"C{number}", label=label)
            if result["corpus"]:
                axes.axhline(result["corpus"][key], color=f"C{number}", linestyle=":", linewidth=1)
    if result["structure_lost_at"] is not None:
        axes.axvline(result["structure_lost_at"], color="0.4", linestyle="--", label="structure lost")
    axes.set(xlabel="temperature")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def _trade(axes: Axes, result: dict[str, Any]) -> None:
    """Quality against diversity, a point a temperature."""
    rows, human = result["rows"], result["corpus"]
    x, y = [row["distinct_2"] for row in rows], [row["whole"] for row in rows]
    axes.plot(x, y, color="0.6", marker="o", markerfacecolor="C0", markeredgecolor="C0")
    for row in rows:
        place = (row["distinct_2"], row["whole"])
        axes.annotate(f"{row['temperature']:g}", place, textcoords="offset points", xytext=(6, 4))
    if human:
        axes.plot(
            human["distinct_2"], human["whole"], "*", color="C3", markersize=14, label="held-back songs"
        )
        axes.legend()
    axes.set(
        title="one against the other", xlabel="distinct 2-grams", ylabel="hold together", ylim=(-0.02, 1.05)
    )
    axes.margins(x=0.1)
    axes.grid(alpha=0.3)
