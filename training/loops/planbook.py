"""Making the plan book: the plans of a songbook's stanzas, and which words can stand for which."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from model.checkpoint import save_checkpoint
from model.conditioning import MAX_LINES
from model.errors import BadInput
from model.generator import load_generator
from model.lexicon import Lexicon
from model.plan import PRONOUNS, telling
from model.planbook import KIND, LINE, NATS, PlanBook, form_number
from model.precision import native_bfloat16
from model.rhyme import FREE, SCHEMES, last_word, partner
from model.text import words
from training.corpora.marks import read_marks
from training.corpora.songbook import Verse, read_songbook, split_songbook
from training.corpora.stand_ins import StandIns, read_stand_ins
from training.evaluation.losses import stanza_nats
from training.loops.exchanges import KEPT, Exchange, Exchanger, Judge

# Plans with a word that fewer stanzas have are left out: the generator hardly knows it.
_COMMON = 6
# Words that may stand in a word's place.
_STAND_INS = 8
_SCHEMES = frozenset(SCHEMES) - {FREE}
# Stanzas that are weighed at once.
_BATCH = 512


def write_planbook(
    songbook: Path, lexicon: Lexicon, stand_ins: Path, marks: Path, generator: Path, output: Path
) -> PlanBook:
    """Write the plans of the training stanzas; return what was written.

    Args:
        songbook: file of stanzas.
        lexicon: word table.
        stand_ins: list of words that may stand in another's place.
        marks: which stanzas are not told again, and which are liked.
        generator: says how likely lines are with other words.
        output: planbook.safetensors.

    Raises:
        BadCheckpoint: the generator cannot be read.
        BadInput: songbook, list or marks cannot be read, or no plan is fit.
    """
    verses = split_songbook(read_songbook(songbook))["train"]
    near, marked = read_stand_ins(stand_ins), read_marks(marks)
    # Each once, in order: a set would have another order every time.
    counts = Counter(word for verse in verses for word in dict.fromkeys(words(verse.text)))
    common = {word for word, count in counts.items() if count >= _COMMON}
    fit = [verse for verse in verses if verse.id not in marked.rough and _fits(verse, common, lexicon)]
    if not fit:
        raise BadInput(f"{songbook} has no stanza of {MAX_LINES} lines whose words others have, too.")
    judge = _judge(generator)
    nats = _nats(fit, judge)
    exchanger = Exchanger(near, counts, judge, lexicon)
    found = list(tqdm(exchanger.best(fit), total=len(fit), desc="exchanges"))
    own = {word for verse in fit for word in words(verse.text)}
    # Keywords and exchanges may bring words that no plan has.
    others = {word for old in own for word in near.get(old, ())} & lexicon.entries.keys()
    named = sorted(own | others | {one.new for some in found for one in some})
    ids = {word: number for number, word in enumerate(named, start=LINE + 1)}
    schemes = sorted({verse.scheme for verse in fit})
    tensors = {
        "tokens": np.array([n for verse in fit for n in _tokens(verse, ids)], np.uint16),
        "forms": np.array([_form(verse, schemes) for verse in fit], np.uint8),
        "nats": nats,
        "liked": np.array([verse.id in marked.liked for verse in fit], np.uint8),
        "exchanges": _exchanges(found, ids),
        "stand_ins": _stand_ins(near, ids),
    }
    data = hashlib.sha256(songbook.read_bytes()).hexdigest()[:16]
    header = {"words": " ".join(named), "schemes": schemes, "data": data}
    save_checkpoint(output, KIND, header, {name: torch.from_numpy(a) for name, a in tensors.items()})
    return PlanBook.load(output, lexicon)


def _judge(generator: Path) -> Judge:
    """Weighs texts by a generator that is told nothing."""
    model, vocabulary, _ = load_generator(generator)
    mixed = native_bfloat16(torch.device("cpu"))

    def nats(texts: Sequence[str]) -> list[float]:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            return stanza_nats(model, list(texts), vocabulary)

    return nats


def _fits(verse: Verse, common: set[str], lexicon: Lexicon) -> bool:
    """Whether a stanza has the usual length, common words, and rhymes by the table."""
    if len(verse.lines) != MAX_LINES or verse.scheme not in _SCHEMES:
        return False
    if not all(map(words, verse.lines)) or not common.issuperset(words(verse.text)):
        return False
    if any(_says_again(line, lexicon) for line in verse.lines):
        return False
    ends = [last_word(line) for line in verse.lines]
    pairs = [(line, partner(verse.scheme, line)) for line in range(MAX_LINES)]
    return all(lexicon.sounds.rhyme(ends[one], ends[other]) for one, other in pairs if other is not None)


def _says_again(line: str, lexicon: Lexicon) -> bool:
    """Whether a line has a telling word twice, in whatever form: the rules of writing bar that."""
    found = [lexicon.lemma(word) for word in words(line) if telling(word) and word not in PRONOUNS]
    return len(set(found)) < len(found)


def _tokens(verse: Verse, ids: Mapping[str, int]) -> list[int]:
    return [n for line in verse.lines for n in (*(ids[word] for word in words(line)), LINE)]


def _form(verse: Verse, schemes: Sequence[str]) -> int:
    return form_number(verse.style, schemes.index(verse.scheme), verse.mood, len(schemes))


def _nats(verses: Sequence[Verse], judge: Judge) -> npt.NDArray[np.uint8]:
    """How unlikely each stanza is, on average a word, in ``NATS``, (plans,)."""
    groups = tqdm(range(0, len(verses), _BATCH), desc="stanzas")
    nats = [cost for start in groups for cost in judge([one.text for one in verses[start : start + _BATCH]])]
    counts = [len(words(verse.text)) for verse in verses]
    found = np.array(nats) / np.array(counts) / NATS
    return np.asarray(np.rint(found).clip(0, 255), dtype=np.uint8)


def _exchanges(found: Sequence[Sequence[Exchange]], ids: Mapping[str, int]) -> npt.NDArray[np.uint16]:
    """Of each line words and others, the best first, (plans, lines, ``KEPT``, 2), 0 for none."""
    table = np.zeros((len(found), MAX_LINES, KEPT, 2), np.uint16)
    for row, some in zip(table, found, strict=True):
        for line in range(MAX_LINES):
            for place, one in enumerate(one for one in some if one.line == line):
                row[line, place] = ids[one.old], ids[one.new]
    return table


def _stand_ins(near: StandIns, ids: Mapping[str, int]) -> npt.NDArray[np.uint16]:
    """Of each word those that may stand in its place, the surest first, (words, ``_STAND_INS``)."""
    table = np.zeros((len(ids), _STAND_INS), np.uint16)
    for row, word in zip(table, ids, strict=True):
        others = [ids[other] for other in near.get(word, ()) if other in ids][:_STAND_INS]
        row[: len(others)] = others
    return table
