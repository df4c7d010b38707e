"""Photographs with everything that the models make of them, ready for the page."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from model.beam import Caption
from model.errors import BadInput
from model.formats import SUFFIXES
from model.image_describer import ImageDescriber
from model.lyrics_generator import LyricsGenerator
from model.pictures import open_picture
from model.pipeline import describe, write
from model.request import GenerationRequest
from training.corpora.flickr8k import read_captions, read_split, read_split_captions
from training.evaluation.metrics import CiderD, tokenize

# Longest side of an embedded picture, in pixels: sharp at the width it is shown, about 30 kB.
THUMBNAIL = 480
_QUALITY = 80
# Where there is no picture to darken, attention is laid on in this colour.
_HEAT = (203, 94, 48)
_DARKEST = 190

References = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Word:
    """A word of a caption: its map as a data URI, and the picture's share of the attention (0..1)."""

    text: str
    map: str
    share: float


@dataclass(frozen=True)
class Photograph:
    """A picture and what was made of it; ``error`` says why nothing was.

    Attributes:
        name: file name.
        size: of the drawing, width and height.
        thumbnail: a data URI, or None where pictures are not embedded.
        caption: in words.
        log_probability: of the caption, in nats, its end included.
        told: what steered the stanzas, where a second opinion overruled the caption.
        certainty: geometric mean of its words' probabilities.
        cider: CIDEr-D times 100, or None without references.
        words: of the caption.
        references: what people wrote.
        keywords: that steered the stanzas.
        stanzas: each a tuple of lines.
        error: one sentence.
    """

    name: str
    size: tuple[int, int] = (1, 1)
    thumbnail: str | None = None
    caption: str = ""
    told: str = ""
    log_probability: float = 0.0
    certainty: float = 0.0
    cider: float | None = None
    words: tuple[Word, ...] = ()
    references: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    stanzas: tuple[tuple[str, ...], ...] = ()
    error: str = ""


class Judge:
    """Scores captions against what people wrote about a whole list of pictures.

    Args:
        references: raw captions by picture; document frequencies come from all of them.
    """

    def __init__(self, references: References) -> None:
        self.references = references
        self._rows = {name: row for row, name in enumerate(references)}
        self._cider = CiderD([[tokenize(text) for text in texts] for texts in references.values()])

    def score(self, name: str, caption: str) -> float | None:
        """CIDEr-D times 100, as in ``evaluate captions``; None where nobody wrote anything."""
        row = self._rows.get(name)
        return None if row is None else 100 * self._cider.score(row, tokenize(caption))


def choose(
    images: Path, captions: Path | None, split: Path | None, count: int
) -> tuple[list[str], References]:
    """The first pictures of a list, or of a folder by name, and references by picture.

    Raises:
        BadInput: a file cannot be read, or the folder holds no pictures.
    """
    if split is None:
        names = _folder(images)
        references: References = read_captions(captions) if captions else {}
    else:
        names = read_split(split)
        references = read_split_captions(captions, split) if captions else {}
    return names[:count], references


def look(
    describer: ImageDescriber,
    writer: LyricsGenerator,
    images: Path,
    names: Sequence[str],
    references: References,
    requests: Sequence[GenerationRequest],
    beam: int,
    embed: bool,
) -> Iterator[Photograph]:
    """Caption each picture and write stanzas about it; a bad picture becomes its error.

    Args:
        describer: the captioner.
        writer: the generator.
        images: folder of the pictures.
        names: their file names.
        references: raw human captions by name, of these pictures or of more.
        requests: one a stanza.
        beam: beam size.
        embed: put the picture itself into the page.
    """
    judge = Judge(references)
    for name in tqdm(names, desc="report", unit="picture"):
        try:
            picture = open_picture(images / name)
        except BadInput as error:
            yield Photograph(name, error=str(error))
            continue
        described = describe(describer, [picture], beam)
        [seen] = described.seen
        found = seen.caption
        songs = write(writer, [(described, request) for request in requests])
        small = _small(picture)
        yield Photograph(
            name=name,
            size=small.size if embed else (THUMBNAIL, THUMBNAIL),
            thumbnail=_uri(small, "JPEG", quality=_QUALITY) if embed else None,
            caption=found.text,
            told=seen.text if seen.text != found.text else "",
            log_probability=found.log_probability,
            certainty=math.exp(found.log_probability / (len(found.words) + 1)),
            cider=judge.score(name, found.text),
            words=tuple(_words(found, embed)),
            references=tuple(references.get(name, ())),
            keywords=writer.keywords(seen.text, ""),
            stanzas=tuple(song.lines for song in songs),
        )


def heat_map(weights: npt.NDArray[np.float32], embed: bool) -> str:
    """Attention over a square grid -> a PNG of a pixel a region, as a data URI.

    Over a picture it is a shade that leaves bright what was looked at; without one it is
    opaque there instead. The largest weight is 1 in both.

    Args:
        weights: (regions,), not negative.
        embed: whether there is a picture under it.
    """
    side = math.isqrt(len(weights))
    grid = weights.reshape(side, side) / max(float(weights.max()), 1e-9)
    pixels = np.zeros((side, side, 4), dtype=np.uint8)
    if embed:
        pixels[..., 3] = np.round(_DARKEST * (1 - grid))
    else:
        pixels[..., :3] = _HEAT
        pixels[..., 3] = np.round(255 * grid)
    return _uri(Image.fromarray(pixels), "PNG")


def _words(caption: Caption, embed: bool) -> Iterator[Word]:
    for word, weights in zip(caption.words, caption.attention, strict=True):
        yield Word(word, heat_map(weights, embed), float(weights.sum()))


def _small(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    # Pillow would write comments and the like into the copy.
    small.info.clear()
    return small


def _folder(images: Path) -> list[str]:
    try:
        names = sorted(path.name for path in images.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise BadInput(f"{images} cannot be read: {error.strerror}.") from error
    if not names:
        raise BadInput(f"{images} holds no pictures: put JPEG, PNG, WebP or GIF files into it.")
    return names


def _uri(picture: Image.Image, kind: str, **options: int) -> str:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"
