"""Making the plan book: the plans of a songbook's stanzas, and which words can stand for which."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from model.checkpoint import fill, load_checkpoint, save_checkpoint
from model.conditioning import MAX_LINES
from model.errors import BadInput
from model.keywords import STOPWORDS
from model.lexicon import Lexicon
from model.plan import PRONOUNS, Plan, plan_of, planned_words, telling
from model.planbook import KIND, LINE, NATS, PlanBook, form_number
from model.planner import FIRST_WORD
from model.rhyme import FREE, SCHEMES, last_word, partner
from model.text import words
from training.corpora.songbook import Verse
from training.loops.exchanges import Exchange, Exchanger
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
# Plans that are weighed at once.
_BATCH = 128
_ENDINGS = ("ing", "ed", "ly", "s")


def write_planbook(songbook: Path, lexicon: Lexicon, planner: Path, output: Path) -> PlanBook:
    """Write the plans of the training stanzas; return what was written.

    Args:
        songbook: file of stanzas.
        lexicon: word table.
        planner: its words' vectors say which of them are planned in the same places.
        output: planbook.safetensors.

    Raises:
        BadCheckpoint: the planner cannot be read.
        BadInput: the songbook cannot be read, or no plan of it is fit.
    """
    judge = PlannerTrainer(songbook, lexicon)
    fill(judge.model, load_checkpoint(planner, "planner").weights, planner)
    verses = judge.train_verses
    # Each once, in order: a set would have another order every time.
    counts = Counter(word for verse in verses for word in dict.fromkeys(planned_words(plan_of(verse.lines))))
    vectors = dict(zip(judge.words, judge.model.token.weight.detach().numpy()[FIRST_WORD:], strict=True))
    common = {word for word, count in counts.items() if count >= _COMMON and word in vectors}
    fit = [verse for verse in verses if _fits(verse, common, lexicon)]
    if not fit:
        raise BadInput(f"{songbook} has no stanza of {MAX_LINES} lines whose words others have, too.")
    named = sorted({word for verse in fit for word in planned_words(plan_of(verse.lines))})
    near = _stand_ins(verses, named, counts, vectors, lexicon)
    ids = {word: number for number, word in enumerate(named, start=LINE + 1)}
    numbers = np.zeros((len(named), _STAND_INS), np.uint16)
    for row, others in zip(numbers, near, strict=True):
        row[: len(others)] = [ids[other] for other in others]
    classes = {word: _class(word, lexicon) for word in named}
    found = Exchanger(dict(zip(named, near, strict=True)), classes, judge, lexicon).best(fit)
    schemes = sorted({verse.scheme for verse in fit})
    tensors = {
        "tokens": np.array([n for verse in fit for n in _tokens(plan_of(verse.lines), ids)], np.uint16),
        "syllables": np.array([[*map(lexicon.sounds.spoken, verse.lines)] for verse in fit], np.uint8),
        "forms": np.array([_form(verse, schemes) for verse in fit], np.uint8),
        "nats": _nats(fit, judge),
        "exchanges": _exchanges(found, ids, len(fit)),
        "stand_ins": numbers,
    }
    data = hashlib.sha256(songbook.read_bytes()).hexdigest()[:16]
    header = {"words": " ".join(named), "schemes": schemes, "data": data}
    save_checkpoint(output, KIND, header, {name: torch.from_numpy(a) for name, a in tensors.items()})
    return PlanBook.load(output, lexicon)


def _fits(verse: Verse, common: set[str], lexicon: Lexicon) -> bool:
    """Whether a stanza has the usual length, common words, and rhymes by the table."""
    if len(verse.lines) != MAX_LINES or verse.scheme not in _SCHEMES:
        return False
    plan = plan_of(verse.lines)
    if not all(line.end for line in plan) or not common.issuperset(planned_words(plan)):
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


def _tokens(plan: Plan, ids: Mapping[str, int]) -> list[int]:
    return [n for line in plan for n in (*(ids[word] for word in (*line.inner, line.end)), LINE)]


def _form(verse: Verse, schemes: Sequence[str]) -> int:
    return form_number(verse.style, schemes.index(verse.scheme), verse.mood, len(schemes))


def _nats(verses: Sequence[Verse], judge: PlannerTrainer) -> npt.NDArray[np.uint8]:
    """How unlikely each plan is, on average a word and line end, in ``NATS``, (plans,)."""
    groups = range(0, len(verses), _BATCH)
    nats = [cost for start in groups for cost in judge.plan_nats(verses[start : start + _BATCH])]
    counts = [len(planned_words(plan_of(verse.lines))) + MAX_LINES for verse in verses]
    found = np.array(nats) / np.array(counts) / NATS
    return np.asarray(np.rint(found).clip(0, 255), dtype=np.uint8)


def _exchanges(
    found: Iterable[Sequence[Exchange]], ids: Mapping[str, int], count: int
) -> npt.NDArray[np.uint16]:
    """A word of each line and a close one, and a word and another one, (plans, lines, 2, 2), 0 for none."""
    table = np.zeros((count, MAX_LINES, 2, 2), np.uint16)
    for row, some in zip(table, tqdm(found, total=count, desc="exchanges"), strict=True):
        for one in some:
            row[one.line, 0 if one.close else 1] = ids[one.old], ids[one.new]
    return table


def _stand_ins(
    verses: Sequence[Verse],
    words: Sequence[str],
    counts: Counter[str],
    planned: Mapping[str, Floats],
    lexicon: Lexicon,
) -> list[list[str]]:
    """For each word those of its class that are planned in the same places and company.

    Company alone would put a ball in a player's place.
    """
    places = _likeness(np.stack([planned[word] for word in words]))
    company = _likeness(_company(verses, words, counts))
    near = (places >= _NEAR[0]) & (company >= _NEAR[1]) & (places + company >= _NEAR[2])
    classes, lemmas = [_class(word, lexicon) for word in words], list(map(lexicon.lemma, words))
    found: list[list[str]] = []
    for row, own in enumerate(classes):
        others = np.flatnonzero(near[row]) if own is not None else np.zeros(0, np.intp)
        order = others[np.argsort(-(places + company)[row, others], kind="stable")].tolist()
        alike = [n for n in order if classes[n] == own and lemmas[n] != lemmas[row]][:_STAND_INS]
        found.append([words[n] for n in alike])
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
