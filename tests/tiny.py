"""A run small enough for a test: invented songs and a network of a few units."""

from __future__ import annotations

import json
from pathlib import Path

from model.lexicon import Entry, Lexicon
from training.loops.generator import GeneratorTrainer
from training.loops.options import GeneratorOptions

TINY = GeneratorOptions(
    embedding=8,
    control=8,
    hidden=16,
    layers=1,
    batch=16,
    epochs=1,
    warmup=2,
    learning_rate=0.01,
    validate_every=1000,
    dropout=0.2,
)
BIRDS = [f"{a}{b}{c}rk" for a in "abcdefghij" for b in "aeiou" for c in "nmlst"]
TREES = ("oak", "elm")
WORDS = Lexicon(
    {
        word: Entry(50, "n" if word in (*BIRDS, *TREES) else "", word, 0.0)
        for word in (*BIRDS, *TREES, *"the sings to and day goes by".split())
    },
    names={},
    substitutes={},
)


def write_songs(folder: Path) -> Path:
    """250 songs of two stanzas."""
    path = folder / "songs.jsonl"
    rows = [
        {
            "title": f"song {n}",
            "author": "A",
            "style": "song",
            "archaic": 0.0,
            "stanzas": [[f"the {bird} sings to the {tree}", "and the day goes by"] for tree in TREES],
        }
        for n, bird in enumerate(BIRDS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def trainer(
    corpus: Path, run: Path, options: GeneratorOptions = TINY, lexicon: Lexicon = WORDS
) -> GeneratorTrainer:
    return GeneratorTrainer(corpus, lexicon, run, options)
