"""How well a generator knows the songbook: told nothing, and told each stanza's whole plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.generator import load_generator
from model.lexicon import Lexicon
from training.corpora.songbook import read_songbook, split_songbook
from training.loops.generator import songbook_nats


def evaluate_songbook(checkpoints: Path, file: Path, part: str) -> dict[str, Any]:
    """Nats a character of each voice's stanzas, line ends and one end a stanza included.

    Args:
        checkpoints: folder with ``generator.safetensors`` and ``lexicon.json.xz``.
        file: a songbook.
        part: "all", or one side of the training split.

    Returns:
        ``plain`` and ``witty``: told nothing; ``plain_planned``, ``witty_planned``: told style, mood,
        lines, syllables and plan; ``stanzas``; ``generator``, its digest.

    Raises:
        BadInput: the songbook cannot be read, or holds nothing for the part.
        BadCheckpoint: a model is missing or damaged.
    """
    verses = read_songbook(file)
    chosen = verses if part == "all" else split_songbook(verses)[part]
    if not chosen:
        raise BadInput(f"{file} holds no stanzas in the part '{part}'.")
    model, vocabulary, checkpoint = load_generator(checkpoints / "generator.safetensors")
    lexicon = Lexicon.load(checkpoints / "lexicon.json.xz")
    figures = songbook_nats(model, chosen, vocabulary, lexicon)
    return {**figures, "stanzas": len(chosen), "part": part, "generator": checkpoint.digest}
