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

from model.checkpoint import fill, load_checkpoint, save_checkpoint
from model.conditioning import MAX_LINES
from model.errors import BadInput
from model.generator import load_generator
from model.keywords import STOPWORDS
from model.lexicon import Lexicon
from model.plan import PRONOUNS, plan_of, planned_words, telling
from model.planbook import KIND, LINE, NATS, PlanBook, form_number
from model.planner import FIRST_WORD
from model.precision import native_bfloat16
from model.rhyme import FREE, SCHEMES, last_word, partner
from model.text import words
from training.corpora.songbook import Verse
from training.evaluation.losses import stanza_nats
from training.loops.exchanges import KEPT, Exchange, Exchanger, Judge
from training.loops.planner import PlannerTrainer
from training.loops.wordvectors import word_vectors

Floats = npt.NDArray[np.float32]

# Plans with a word that fewer stanzas have are left out: planner and generator hardly know it.
_COMMON = 6
# Words that can stand for a word, and how near they are to it at least: cosines of the planner's vectors,
# of those of their company, and of both together.
_STAND_INS, _NEAR = 6, (0.15, 0.3, 0.75)
_SCHEMES = frozenset(SCHEMES) - {FREE}
_VECTOR = 96
# Stanzas that are weighed at once.
_BATCH = 512
_ENDINGS = ("ing", "ed", "ly", "s")


def write_planbook(
    songbook: Path, lexicon: Lexicon, planner: Path, generator: Path, output: Path
) -> PlanBook:
    """Write the plans of the training stanzas; return what was written.

    Args:
        songbook: file of stanzas.
        lexicon: word table.
        planner: its words' vectors say which of them are planned in the same places.
        generator: says how likely lines are with other words.
        output: planbook.safetensors.

    Raises:
        BadCheckpoint: planner or generator cannot be read.
        BadInput: the songbook cannot be read, or no plan of it is fit.
    """
    trained = PlannerTrainer(songbook, lexicon)
    fill(trained.model, load_checkpoint(planner, "planner").weights, planner)
    verses = trained.train_verses
    # Each once, in order: a set would have another order every time.
    counts = Counter(word for verse in verses for word in dict.fromkeys(words(verse.text)))
    vectors = dict(zip(trained.words, trained.model.token.weight.detach().numpy()[FIRST_WORD:], strict=True))
    common = {word for word, count in counts.items() if count >= _COMMON}
    fit = [verse for verse in verses if _fits(verse, common, lexicon)]
    if not fit:
        raise BadInput(f"{songbook} has no stanza of {MAX_LINES} lines whose words others have, too.")
    named = sorted({word for verse in fit for word in words(verse.text)})
    near = _stand_ins(verses, [word for word in named if word in vectors], counts, vectors, lexicon)
    judge = _judge(generator)
    nats = _nats(fit, judge)
    exchanger = Exchanger(near, {word: _class(word, lexicon) for word in named}, counts, judge, lexicon)
    found = list(tqdm(exchanger.best(fit), total=len(fit), desc="exchanges"))
    # The exchanges may bring words that no plan has.
    named = sorted({*named, *(one.new for some in found for one in some)})
    ids = {word: number for number, word in enumerate(named, start=LINE + 1)}
    numbers = np.zeros((len(named), _STAND_INS), np.uint16)
    for word, others in near.items():
        numbers[ids[word] - 1, : len(others)] = [ids[other] for other in others]
    schemes = sorted({verse.scheme for verse in fit})
    tensors = {
        "tokens": np.array([n for verse in fit for n in _tokens(verse, ids)], np.uint16),
        "forms": np.array([_form(verse, schemes) for verse in fit], np.uint8),
        "nats": nats,
        "exchanges": _exchanges(found, ids),
        "stand_ins": numbers,
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
    groups = range(0, len(verses), _BATCH)
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


def _stand_ins(
    verses: Sequence[Verse],
    words: Sequence[str],
    counts: Counter[str],
    planned: Mapping[str, Floats],
    lexicon: Lexicon,
) -> dict[str, list[str]]:
    """For each word those of its class that are planned in the same places and company.

    Company alone would put a ball in a player's place.
    """
    places = _likeness(np.stack([planned[word] for word in words]))
    company = _likeness(_company(verses, words, counts))
    near = (places >= _NEAR[0]) & (company >= _NEAR[1]) & (places + company >= _NEAR[2])
    classes, lemmas = [_class(word, lexicon) for word in words], list(map(lexicon.lemma, words))
    found: dict[str, list[str]] = {}
    for row, own in enumerate(classes):
        others = np.flatnonzero(near[row]) if own is not None else np.zeros(0, np.intp)
        order = others[np.argsort(-(places + company)[row, others], kind="stable")].tolist()
        alike = [n for n in order if classes[n] == own and lemmas[n] != lemmas[row]][:_STAND_INS]
        found[words[row]] = [words[n] for n in alike]
    return found


def _company(verses: Sequence[Verse], words: Sequence[str], counts: Counter[str]) -> Floats:
    """Vectors of what words are planned with and beside, (words, size)."""
    listed = [word for word, count in counts.most_common() if count >= _COMMON]
    numbers = {word: number for number, word in enumerate(listed)}
    texts = [
        [numbers[word] for word in planned_words(plan_of(verse.lines)) if word in numbers] for verse in verses
    ]
    subjects = [[numbers[word] for word in verse.keywords if word in numbers] for verse in verses]
    vectors = word_vectors(texts, subjects, len(listed), _VECTOR).numpy()
    found: Floats = vectors[[numbers[word] for word in words]]
    return found


def _likeness(vectors: Floats) -> Floats:
    """Cosines, (words, words)."""
    found = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.asarray(found @ found.T)


def _class(word: str, lexicon: Lexicon) -> tuple[str, str, bool] | None:
    """Part of speech, ending and whether it is inflected; None for what nothing else stands for."""
    entry = lexicon.entries.get(word)
    if entry is None or not entry.pos or word in STOPWORDS | PRONOUNS or len(word) < 3 or "'" in word:
        return None
    ending = next((end for end in _ENDINGS if word.endswith(end)), "")
    plural = lexicon.lemma(word) != word or word == "people"
    return entry.pos, ending if entry.pos != "n" else "", plural
