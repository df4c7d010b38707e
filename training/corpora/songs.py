"""Minibatches of whole songs, for truncated backpropagation with a carried state.

Every row runs through one song after another, a piece a step, while the state is carried
over (Williams and Peng, 1990); a row that has come to the end of its song begins the next
with a fresh state.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain

import torch
from torch import Tensor

from model.vocabulary import BOS, EOS, PAD, CharVocabulary
from training.corpora.corpus import Song, training_weight
from training.corpora.stanzas import IGNORE, plainness

# A song and the place in it where a row's next piece begins; None for a row that is done.
Piece = tuple[str, int] | None


def whole(song: Song) -> str:
    """A song as one text, an empty line between its stanzas."""
    return "\n\n".join("\n".join(stanza) for stanza in song.stanzas)


def plan_songs(
    songs: Sequence[Song], common: Set[str], rows: int, sequence: int, seed: int
) -> list[list[Piece]]:
    """One pass: songs drawn by weight, in random order, spread over the rows; see ``timetable``.

    It ends when less than half of the rows have a song left: a few long poems would make small,
    noisy steps.

    Args:
        songs: what to draw from.
        common: words that make a song plain; see ``training.corpora.stanzas.plainness``.
        rows: songs under way at a time.
        sequence: characters a piece.
        seed: of all draws.
    """
    draw = random.Random(seed)
    chosen = [
        whole(song)
        for song in songs
        if song.stanzas
        and draw.random() < training_weight(song) * plainness(list(chain(*song.stanzas)), common)
    ]
    draw.shuffle(chosen)
    enough = min(rows, len(chosen)) / 2
    return [step for step in timetable(chosen, rows, sequence) if sum(map(bool, step)) >= enough]


def timetable(texts: Iterable[str], rows: int, sequence: int) -> list[list[Piece]]:
    """What each row reads at each step. A row whose text has ended takes the next one."""
    waiting = ((text, 0) for text in texts)
    pieces: list[Piece] = [next(waiting, None) for _ in range(rows)]
    table = []
    while any(pieces):
        table.append(pieces)
        pieces = [_after(piece, sequence, waiting) for piece in pieces]
    return table


def _after(piece: Piece, sequence: int, waiting: Iterator[tuple[str, int]]) -> Piece:
    if piece is None:
        return None
    text, start = piece
    return (text, start + sequence) if start + sequence <= len(text) else next(waiting, None)


def collate_pieces(
    pieces: Sequence[Piece], sequence: int, vocabulary: CharVocabulary
) -> tuple[Tensor, Tensor, Tensor]:
    """A step of a timetable as tensors.

    Returns:
        inputs and targets (rows, sequence) as from ``training.corpora.stanzas.collate``, padded where
        a song ends, and for each row whether it begins afresh, (rows,).
    """
    inputs = torch.full((len(pieces), sequence), PAD)
    targets = torch.full((len(pieces), sequence), IGNORE)
    fresh = torch.ones(len(pieces), dtype=torch.bool)
    for row, piece in enumerate(pieces):
        if piece is None:
            continue
        text, start = piece
        # Input 0 is the begin token, so input n is the character before target n.
        ids = vocabulary.encode(text[max(0, start - 1) : start + sequence])
        symbols = torch.tensor([*([BOS] if start == 0 else []), *ids, EOS])
        length = min(sequence, len(text) + 1 - start)
        inputs[row, :length] = symbols[:length]
        targets[row, :length] = symbols[1 : length + 1]
        fresh[row] = start == 0
    return inputs, targets, fresh
