"""Captions of photographs, scored against what people wrote of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from model.files import write_whole
from model.hub_captioner import HubCaptioner
from model.image_describer import ImageDescriber
from model.pictures import open_picture
from training.corpora.features import Gallery
from training.corpora.flickr8k import read_split, read_split_captions
from training.evaluation.journal import Journal
from training.evaluation.meteor import NoMeteor, meteor
from training.evaluation.metrics import score_captions, tokenize
from training.evaluation.results import readable, table, write_rows

# Pictures that are captioned at once.
_BATCH = 8


class Caption(NamedTuple):
    """What the captioner says of a picture, and the natural logarithm of how likely it finds that."""

    text: str
    log_probability: float


@dataclass(frozen=True)
class Photographs:
    """Photographs that people described.

    Attributes:
        images: their folder.
        captions: ``Flickr8k.token.txt`` or ``captions.txt``.
        split: list of their names, one a line.
    """

    images: Path
    captions: Path
    split: Path

    def references(self) -> dict[str, list[str]]:
        """What people wrote, by photograph, in the order of the list.

        Raises:
            BadInput: a file is missing or malformed, or a listed photograph has no captions.
        """
        return read_split_captions(self.captions, self.split)

    def files(self) -> dict[str, Path | list[Path]]:
        """What decides a measurement on them. Photographs that are not there were left out of the folder.

        Raises:
            BadInput: the list cannot be read.
        """
        present = [path for name in read_split(self.split) if (path := self.images / name).is_file()]
        return {"images": present, "captions": self.captions, "split": self.split}


def evaluate_captions(
    describer: ImageDescriber,
    photographs: Photographs,
    beam: int,
    output: Path | None = None,
    results: Path | None = None,
    with_meteor: bool = True,
    journal: Journal | None = None,
    other: HubCaptioner | None = None,
) -> dict[str, Any]:
    """Caption photographs and score the captions (times 100) against what people wrote.

    ``distinct`` counts the different captions.

    Args:
        describer: the captioner.
        photographs: of Flickr8k, or like it.
        beam: beam size.
        output: where to write picture, caption and log-probability as JSON lines.
        results: where to write a JSON list of pictures, each with ``image``, ``candidate``,
            ``log_probability`` and ``references``, after NeuralTalk's result_struct.json.
        with_meteor: METEOR 1.5, too, where Java and pycocoevalcap are here; ``meteor`` is None
            where they are not.
        journal: of the captions.
        other: another captioner, whose figures stand under ``eye``.

    Raises:
        BadInput: a file is missing or malformed, a listed picture has no captions, or too many
            pictures cannot be read; a few are reported, left out and counted as ``skipped``.
    """
    references = photographs.references()
    found = caption_all(describer, photographs.images, list(references), beam, journal)
    if output is not None:
        write_rows(
            output,
            (
                {"image": name, "caption": one.text, "log_probability": one.log_probability}
                for name, one in found.items()
            ),
        )
    if results is not None:
        write_whole(results, (json.dumps(_result_list(found, references), indent=1) + "\n").encode())
    texts = {name: caption.text for name, caption in found.items()}
    figures = {**_figures(texts, references, with_meteor), "beam": beam, "captioner": describer.digest}
    if other is not None:
        said = other_captions(other, photographs.images, list(found), beam, journal)
        figures["eye"] = {**_figures(said, references, with_meteor), "beam": beam, "captioner": other.name}
    return figures


def captions_table(result: Mapping[str, Any]) -> str:
    """What ``evaluate_captions`` found, for people; another captioner's figures in a second column."""
    if "eye" not in result:
        return readable(result)
    ours, theirs = result, result["eye"]
    return table([("", "ours", "the other"), *((key, ours[key], value) for key, value in theirs.items())])


def _figures(texts: Mapping[str, str], references: dict[str, list[str]], meteor: bool) -> dict[str, Any]:
    texts = dict(texts)
    return {
        **score_captions(texts, references),
        **({"meteor": _meteor(texts, references)} if meteor else {}),
        "distinct": len(set(texts.values())),
        "pictures": len(texts),
        "skipped": len(references) - len(texts),
    }


def _result_list(found: dict[str, Caption], references: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [
        {
            "image": name,
            "candidate": caption.text,
            "log_probability": caption.log_probability,
            "references": references[name],
        }
        for name, caption in found.items()
    ]


def _meteor(texts: dict[str, str], references: dict[str, list[str]]) -> float | None:
    try:
        return 100 * meteor(
            [tokenize(text) for text in texts.values()],
            [[tokenize(reference) for reference in references[name]] for name in texts],
        )
    except NoMeteor as reason:
        tqdm.write(f"METEOR is left out: {reason}.", file=sys.stderr)
        return None


def caption_all(
    describer: ImageDescriber,
    images: Path,
    names: Sequence[str],
    beam: int,
    journal: Journal | None = None,
) -> dict[str, Caption]:
    """Caption pictures of a folder; by name, in the order of the names.

    Those that cannot be read are reported and left out; see ``Gallery``.
    """
    journal, stage = journal or Journal(), "captions"
    gallery = Gallery(images, describer.preprocessing, len(names))
    gallery.unreadable = [name for name, said in zip(names, journal.done(stage), strict=False) if not said]

    def work(some: Sequence[str]) -> list[Caption | None]:
        readable, pictures = gallery.load(some)
        seen = describer.captioner
        captions = seen.describe(seen.features(pictures.numpy()), beam) if readable else []
        found = {
            name: Caption(one.text, one.log_probability) for name, one in zip(readable, captions, strict=True)
        }
        return [found.get(name) for name in some]

    said = journal.each(stage, names, work, _BATCH, "picture")
    return {name: Caption(*one) for name, one in zip(names, said, strict=True) if one}


def other_captions(
    captioner: HubCaptioner, images: Path, names: Sequence[str], beam: int, journal: Journal | None = None
) -> dict[str, str]:
    """What another captioner says of pictures that can be read; by name, in the order of the names.

    Those of which it says nothing are left out.
    """

    def work(some: Sequence[str]) -> list[str]:
        return [captioner.caption(open_picture(images / name), beam) for name in some]

    said = (journal or Journal()).each("other captions", names, work, _BATCH, "picture")
    return {name: text for name, text in zip(names, said, strict=True) if text}
