"""Whether a caption's vector, shifted to a style, finds stanzas about the same in that style.

``python -m tests.bench.thoughts songs.jsonl.xz --captions Flickr8k.token.txt --list Flickr_8k.devImages.txt``
looks for the ten stanzas nearest to each of 200 held-back captions among held-back ones, as many of
each style, and prints for each kind of question two shares of what is found: those that have one of
the caption's keywords, and those in the style. Then the same among the songbook's stanzas alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from model.files import CHECKPOINTS
from model.keywords import extract, used
from model.lexicon import Lexicon
from model.text import NEWLINE
from model.thoughts import CAPTIONS, Floats, Thoughts
from training.corpora.corpus import cut, read_songs, split
from training.corpora.flickr8k import read_split_captions
from training.corpora.songbook import STYLES, read_songbook, split_songbook

SONGBOOK = Path(__file__).parents[2] / "data" / "songbook" / "stanzas.jsonl.xz"
NEAREST = 10

Question = Callable[[str, str], Floats]


@dataclass(frozen=True)
class Pool:
    """Stanzas to find: texts, the style of each, unit vectors, and which captions' keywords each has."""

    styles: np.ndarray
    vectors: Floats
    fitting: np.ndarray

    @classmethod
    def of(cls, by_style: dict[str, list[str]], captions: list[str], thoughts: Thoughts) -> Pool:
        lexicon = Lexicon.load(CHECKPOINTS / "lexicon.json.xz")
        texts = [text for some in by_style.values() for text in some]
        keywords = [extract(caption, lexicon) for caption in captions]
        fitting = [[bool(used(words, text, lexicon)) for text in texts] for words in keywords]
        styles = [style for style, some in by_style.items() for _ in some]
        return cls(np.array(styles), thoughts.encode(texts), np.array(fitting))

    def shares(self, asked: Floats, style: str) -> tuple[float, float]:
        """Of what is nearest to each question, (captions, size): with a keyword, and in the style."""
        found = np.argsort(-asked @ self.vectors.T, axis=1, kind="stable")[:, :NEAREST]
        return float(np.take_along_axis(self.fitting, found, 1).mean()), float(
            (self.styles[found] == style).mean()
        )


def questions(thoughts: Thoughts) -> dict[str, Question]:
    def caption(text: str) -> Floats:
        return thoughts.encode([text])[0]

    return {
        "caption": lambda text, _: caption(text),
        "caption less the mean of captions": lambda text, _: caption(text) - thoughts.means[CAPTIONS],
        "mean of the style": lambda _, style: thoughts.means[style],
        "shifted": thoughts.shifted,
    }


def table(pool: Pool, captions: list[str], styles: Iterable[str], thoughts: Thoughts) -> None:
    for style in styles:
        share = np.mean(pool.styles == style)
        print(f"{style}: {pool.fitting.mean():.1%} of all have a keyword, {share:.1%} its style")
        for name, question in questions(thoughts).items():
            asked = np.stack([question(text, style) for text in captions])
            fitting, manner = pool.shares(asked, style)
            print(f"  {name:36} keyword {fitting:6.1%}  style {manner:6.1%}")


@click.command()
@click.argument("songs", type=click.Path(path_type=Path))
@click.option("--captions", "caption_file", type=click.Path(path_type=Path), required=True)
@click.option("--list", "names", type=click.Path(path_type=Path), required=True)
@click.option(
    "--thoughts", "path", type=click.Path(path_type=Path), default=CHECKPOINTS / "thoughts.safetensors"
)
@click.option("--count", default=200, help="Captions.")
def main(songs: Path, caption_file: Path, names: Path, path: Path, count: int) -> None:
    thoughts = Thoughts.load(path)
    captions = [said[0] for said in read_split_captions(caption_file, names).values()][:count]
    by_style: dict[str, list[str]] = {style: [] for style in thoughts.styles}
    for song in split(read_songs(songs))["dev"]:
        by_style[song.style] += [NEWLINE.join(piece) for stanza in song.stanzas for piece in cut(stanza)]
    for verse in split_songbook(read_songbook(SONGBOOK))["dev"]:
        by_style[verse.style].append(verse.text)
    size = min(map(len, by_style.values()))
    draw = np.random.default_rng(0)
    alike = {
        style: [texts[n] for n in draw.permutation(len(texts))[:size]] for style, texts in by_style.items()
    }
    print(f"{len(captions)} captions, {size} stanzas of each of {len(alike)} styles")
    table(Pool.of(alike, captions, thoughts), captions, thoughts.styles, thoughts)
    ours = {style: by_style[style] for style in STYLES.values()}
    print(f"the songbook alone: {sum(map(len, ours.values()))} stanzas")
    table(Pool.of(ours, captions, thoughts), captions, ours, thoughts)


if __name__ == "__main__":
    main()
