"""Building the index by which the generator notices that it copies; see ``model.novelty``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tqdm import tqdm

from model.novelty import Novelty, ends, fingerprint
from model.text import NEWLINE
from training.corpora.corpus import read_songs, split


def build_from_file(corpus: Path) -> Novelty:
    """The index of a corpus' training songs.

    Raises:
        BadInput: it cannot be read.
    """
    songs = split(read_songs(corpus))["train"]
    sung = dict.fromkeys(NEWLINE.join(stanza) for song in songs for stanza in song.stanzas)
    stanzas = tqdm(sung, desc="songs", unit="stanza")
    prints = (fingerprint(stanza, end) for stanza in stanzas for end in ends(stanza))
    return Novelty.of(prints, hashlib.sha256(corpus.read_bytes()).hexdigest()[:16])
