"""What a generator loses on texts: nats a character of stanzas, of songs and of the songbook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from model.conditioning import Conditioning
from model.errors import BadInput
from model.generator import Conditions, Generator, State, conditions_of, load_generator
from model.lexicon import Lexicon
from model.plan import plan_of
from model.vocabulary import CharVocabulary
from training.corpora.songbook import Verse, read_songbook, split_songbook
from training.corpora.songs import collate_pieces, timetable
from training.corpora.stanzas import IGNORE, collate, line_syllables

# Stanzas a batch; songs, and characters of each at a time.
_BATCH = 64
_PIECE = 256


def nats_per_character(model: Generator, texts: list[str], vocabulary: CharVocabulary) -> float:
    """Mean negative log-likelihood a predicted symbol over the texts; see ``stanza_nats``."""
    return sum(stanza_nats(model, texts, vocabulary)) / sum(len(text) + 1 for text in texts)


@torch.inference_mode()
def stanza_nats(
    model: Generator,
    texts: list[str],
    vocabulary: CharVocabulary,
    asked: Sequence[Conditioning] = (),
) -> list[float]:
    """Negative log-likelihood of each text in nats, conditioned on nothing or on what each is asked to be.

    It is over the characters of the stanza, line ends and the end token included:
    ``len(text) + 1`` symbols.
    """
    model.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    nats = [0.0] * len(texts)
    for start in range(0, len(order), _BATCH):
        numbers = order[start : start + _BATCH]
        batch = [texts[number] for number in numbers]
        inputs, targets = collate(batch, vocabulary)
        wanted = [asked[number] if asked else Conditioning() for number in numbers]
        conditions = conditions_of(model, list(zip(wanted, batch, strict=True)))
        logits, _ = model(inputs.to(device), conditions.to(device))
        losses = nn.functional.cross_entropy(
            logits.float().transpose(1, 2), targets.to(device), ignore_index=IGNORE, reduction="none"
        )
        for number, loss in zip(numbers, losses.double().sum(1).tolist(), strict=True):
            nats[number] = loss
    return nats


@torch.inference_mode()
def song_nats(model: Generator, songs: list[str], vocabulary: CharVocabulary) -> float:
    """Mean negative log-likelihood a symbol of whole songs, the state carried from end to end.

    It is over every character, empty lines between stanzas and one end token a song included.
    """
    model.eval()
    device = next(model.parameters()).device
    state: State = ()
    nats = 0.0
    for step in timetable(songs, min(_BATCH, len(songs)), _PIECE):
        inputs, targets, fresh = collate_pieces(step, _PIECE, vocabulary)
        kept = tuple(part * ~fresh.to(device)[:, None] for part in state)
        conditions = Conditions.none(*inputs.shape).to(device)
        logits, state = model(inputs.to(device), conditions, kept or None)
        nats += float(
            nn.functional.cross_entropy(
                logits.flatten(0, 1).double(),
                targets.to(device).flatten(),
                ignore_index=IGNORE,
                reduction="sum",
            )
        )
    return nats / sum(len(song) + 1 for song in songs)


def songbook_nats(
    model: Generator, verses: Sequence[Verse], vocabulary: CharVocabulary, lexicon: Lexicon
) -> dict[str, float]:
    """Nats a character of each voice's stanzas, told nothing and told the whole plan and form."""
    found = {}
    for voice in ("plain", "witty"):
        texts = [verse.text for verse in verses if verse.voice == voice]
        if not texts:
            continue
        asked = [told_plan(verse, lexicon) for verse in verses if verse.voice == voice]
        symbols = sum(len(text) + 1 for text in texts)
        found[voice] = sum(stanza_nats(model, texts, vocabulary)) / symbols
        if model.plan:
            found[f"{voice}_planned"] = sum(stanza_nats(model, texts, vocabulary, asked)) / symbols
    return found


def told_plan(verse: Verse, lexicon: Lexicon) -> Conditioning:
    """All that a planner says of a stanza: its plan, style, mood, lines and their syllables."""
    return replace(
        Conditioning.of((), lexicon, verse.style, verse.mood, len(verse.lines)),
        syllables=line_syllables(verse.lines, lexicon.sounds),
        plan=plan_of(verse.lines),
    )


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
