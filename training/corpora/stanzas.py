"""Minibatches of stanzas for the generator: requests, padding, masks."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from model.conditioning import MAX_LINES, MODERN, STYLES, Conditioning
from model.generator import Conditions, Generator, conditions_of
from model.keywords import MAX_KEYWORDS, extract, used
from model.lexicon import Lexicon
from model.mood import mood_of
from model.plan import LinePlan, Plan, plan_of, whole_line
from model.rhyme import MAX_SYLLABLES, Pronunciations, last_word, rhyme_bucket
from model.text import words
from model.vocabulary import BOS, EOS, PAD, CharVocabulary
from training.corpora.corpus import Song, cut, training_weight
from training.corpora.songbook import Verse

IGNORE = -100

# Chance that a part of the request is left out, so that each can be asked for alone.
FREE, NO_STYLE, NO_MOOD, NO_LINES, NO_KEYWORDS = 0.6, 0.3, 0.5, 0.3, 0.15
NO_SYLLABLES, NO_RHYMES = 0.3, 0.3
NO_PLAN = 0.2
# The same for an old song: what is told beside the songbook teaches how plans become sentences, too.
NO_SONG_PLAN = 0.5
# Chances that a line is planned with every word.
WHOLE = (0.0, 0.5, 1.0)
# Chances that a plan lacks a word.
GAPS = (0.0, 0.0, 0.0, 0.3)
# Share of the witty stanzas that a pass reads: the plain ones are what a small network learns.
WITTY = 0.7
# Share of the captions that a pass reads.
CAPTIONED = 0.3
# A caption is in no style that anybody asks for.
_CAPTION = ""
# Chance that a line is told its rhyme only where an earlier line has it, as when songs are written.
FOLLOWERS = 0.6
# Chance that a stanza is cut into short pieces of one to three lines.
SHORT = 0.15


class Example(NamedTuple):
    """A stanza to read: its text, style, and mood where that is known."""

    text: str
    style: str
    mood: str | None = None


def plan(
    songs: Sequence[Song],
    common: Set[str],
    batch: int,
    seed: int,
    songbook: Sequence[Verse] = (),
    share: float = 1.0,
    captions: Sequence[str] = (),
) -> list[list[Example]]:
    """One pass: stanzas drawn by weight, cut afresh, groups of similar length in random order.

    Args:
        songs: what to draw from.
        common: words that make a stanza plain; see ``plainness``.
        batch: stanzas a group.
        seed: of all draws.
        songbook: read whole, plain stanzas and ``WITTY`` of the witty ones.
        share: of the characters that are to be the songs', where there is a songbook.
        captions: folded; of each pass's, ``CAPTIONED``.
    """
    draw = random.Random(seed)
    modern = [
        Example(piece, verse.style, verse.mood)
        for verse in songbook
        if verse.voice == "plain" or draw.random() < WITTY
        for piece in _cut_afresh(verse.lines, draw)
    ]
    old: list[Example] = []
    for song in songs:
        weight = training_weight(song)
        for stanza in song.stanzas:
            if draw.random() < weight * plainness(stanza, common):
                old += [Example(piece, song.style, song.mood) for piece in _cut_afresh(stanza, draw)]
    if modern:
        wanted = share / (1 - share) * sum(len(one.text) for one in modern)
        old = draw.sample(old, min(len(old), round(wanted / _mean_length(old)))) if old else []
    told = [Example(caption, _CAPTION) for caption in captions if draw.random() < CAPTIONED]
    return _by_length(modern + old + told, batch, draw)


def _mean_length(examples: Sequence[Example]) -> float:
    return sum(len(one.text) for one in examples) / len(examples)


def plainness(stanza: Sequence[str], common: Set[str]) -> float:
    """1 for a stanza with at most a tenth of its words outside the common ones, less the more there are.

    Dialect, inventories and learned verse cost a small network more than they teach it.
    """
    found = [word for line in stanza for word in words(line)]
    rare = sum(word not in common for word in found) / max(1, len(found))
    return math.exp(-max(0.0, rare - 0.1) / 0.1)


def encode(
    group: Sequence[Example],
    lexicon: Lexicon,
    vocabulary: CharVocabulary,
    generator: Generator,
    seed: int,
) -> tuple[Tensor, Tensor, Conditions]:
    """A group with requests drawn at random.

    Returns:
        inputs and targets as from ``collate``, and the conditions.
    """
    draw = random.Random(seed)
    wanted = [(_request(one, lexicon, draw), one.text) for one in group]
    inputs, targets = collate([one.text for one in group], vocabulary)
    return inputs, targets, conditions_of(generator, wanted)


def collate(texts: Sequence[str], vocabulary: CharVocabulary) -> tuple[Tensor, Tensor]:
    """Texts -> padded inputs and targets, both (batch, time): input 0 is ``<bos>``, the last
    target of each row ``<eos>``, and targets on the padding are ``IGNORE``.
    """
    time = 1 + max(map(len, texts))
    inputs = torch.full((len(texts), time), PAD)
    targets = torch.full((len(texts), time), IGNORE)
    for row, text in enumerate(texts):
        ids = vocabulary.encode(text)
        inputs[row, : len(ids) + 1] = torch.tensor([BOS, *ids])
        targets[row, : len(ids) + 1] = torch.tensor([*ids, EOS])
    return inputs, targets


def _cut_afresh(stanza: Sequence[str], draw: random.Random) -> Iterator[str]:
    size = draw.randint(1, MAX_LINES - 1) if draw.random() < SHORT else MAX_LINES
    offset = draw.choice((0, 0, 1, 2, 3)) if len(stanza) > MAX_LINES else 0
    return ("\n".join(piece) for piece in cut(stanza, size, offset))


def _by_length(examples: list[Example], batch: int, draw: random.Random) -> list[list[Example]]:
    draw.shuffle(examples)
    pool = batch * 50
    groups = []
    for start in range(0, len(examples), pool):
        near = sorted(examples[start : start + pool], key=lambda example: len(example.text))
        groups += [near[at : at + batch] for at in range(0, len(near), batch)]
    draw.shuffle(groups)
    return groups


def _request(example: Example, lexicon: Lexicon, draw: random.Random) -> Conditioning:
    text, style = example.text, example.style
    if draw.random() < FREE:
        return Conditioning()
    asked = Conditioning.of(
        keywords=[] if draw.random() < NO_KEYWORDS else _some_keywords(text, lexicon, draw),
        lexicon=lexicon,
        style=None if draw.random() < NO_STYLE or style not in STYLES else style,
        mood=None if draw.random() < NO_MOOD else example.mood or mood_of(text, lexicon),
        lines=None if draw.random() < NO_LINES else text.count("\n") + 1,
    )
    lines = text.split("\n")
    return replace(
        asked,
        syllables=() if draw.random() < NO_SYLLABLES else line_syllables(lines, lexicon.sounds),
        rhymes=() if draw.random() < NO_RHYMES else _rhymes(lines, lexicon.sounds, draw),
        plan=() if draw.random() < (NO_SONG_PLAN if _is_old(style) else NO_PLAN) else _some_plan(lines, draw),
    )


def _is_old(style: str) -> bool:
    return style in STYLES and style not in MODERN


def _some_plan(lines: Sequence[str], draw: random.Random) -> Plan:
    """The plan of the lines, some of them whole, as sure as a planner's or with words left out."""
    gaps, whole = draw.choice(GAPS), draw.choice(WHOLE)
    planned = [
        whole_line(line) if draw.random() < whole else usual
        for line, usual in zip(lines, plan_of(lines), strict=True)
    ]
    return tuple(
        LinePlan(
            tuple(word for word in line.inner if draw.random() >= gaps),
            line.end if draw.random() >= gaps / 2 else "",
        )
        for line in planned
    )


def line_syllables(lines: Sequence[str], sounds: Pronunciations) -> tuple[int, ...]:
    """Syllables of each folded line, 0 for one too long to be counted."""
    return tuple(count if count <= MAX_SYLLABLES else 0 for count in map(sounds.spoken, lines))


def _rhymes(lines: Sequence[str], sounds: Pronunciations, draw: random.Random) -> tuple[int, ...]:
    """The bucket of each line's rhyme class, the one shared with another line where there is one."""
    classes = [sounds.classes(last_word(line)) for line in lines]
    counts = Counter(sound for found in classes for sound in set(found))
    chosen = [max(found, key=lambda sound: counts[sound], default="") for found in classes]
    if draw.random() < FOLLOWERS:
        chosen = [sound if sound in chosen[:line] else "" for line, sound in enumerate(chosen)]
    return tuple(rhyme_bucket(sound) if sound else 0 for sound in chosen)


def _some_keywords(text: str, lexicon: Lexicon, draw: random.Random) -> list[str]:
    present = used(extract(text, lexicon, limit=2 * MAX_KEYWORDS), text, lexicon)
    count = min(len(present), draw.randint(1, MAX_KEYWORDS))
    # Captions give their words in no particular order of the stanza's.
    return draw.sample(present, count)
