"""Is the mood that a stanza was asked for heard in it? Two judges that share nothing with the generator.

``reader`` is a small model trained on held-back songs: sentence vectors of stanzas, and what a
reader heard in them. ``wordnet`` is a lexicon grown from a few of WordNet's senses for each mood.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import BadInput
from model.lexicon import Lexicon
from model.lyrics_generator import LyricsGenerator
from model.mood import MOODS, SIGNS, signs
from model.request import GenerationRequest
from model.text import NEWLINE, words
from training.collecting.nltk_data import corpus as nltk_corpus
from training.corpora.corpus import pieces, read_songs, split
from training.evaluation.context import sentence_vectors
from training.evaluation.intervals import wilson
from training.evaluation.journal import Journal
from training.evaluation.results import table, write_rows
from training.evaluation.samples import SampleOptions, Stanza, write_all

# Texts -> the mood heard in each, None where a judge hears none.
Judge = Callable[[Sequence[str]], list[str | None]]

# What the stanzas are about: two words as captions give them, and every fourth time nothing.
_ABOUT = (
    ("dog", "snow"), ("child", "water"), ("girl", "street"), (), ("boy", "ball"), ("hill", "climb"),
    ("horse", "field"), (), ("wave", "beach"), ("dance", "crowd"), ("car", "road"), (), ("bird", "tree"),
    ("boat", "lake"), ("dog", "grass"), (),
)  # fmt: skip
# Digests of held-back stanzas by the mood that a reader, shown nothing else, heard in them.
# Those in which none was heard, or several were, are left out.
HEARD = Path(__file__).with_name("heard_moods.json")
_DIGITS = 12
# With fewer of them a corpus is another one.
ENOUGH = 100
# Ridge penalty; the agreement hardly changes between 1 and 10.
_PENALTY = 3.0
_FOLDS = 5
# WordNet's senses that a judge's lexicon grows from.
_SENSES = {
    "happy": """joy.n.01 happiness.n.02 cheerfulness.n.02 merriment.n.02 happy.a.01 joyful.a.01
        cheerful.a.01 gay.s.02 celebrate.v.02 festivity.n.01 laugh.v.01 rejoice.v.01""",
    "sad": """sadness.n.01 grief.n.01 sad.a.01 sorrowful.a.01 mourn.v.01 weep.v.01 loneliness.n.01
        lonely.s.01 misery.n.01 death.n.01 grave.n.02 despair.n.01 melancholy.n.01 farewell.n.02""",
    "tender": """love.n.01 love.v.01 affection.n.01 sweetheart.n.01 kiss.v.01 embrace.v.02 loving.a.01
        affectionate.s.01 beloved.s.01 caress.v.01 baby.n.01 mother.n.01 comfort.v.01 care.n.01""",
    "angry": """anger.n.01 hate.n.01 war.n.01 fight.v.02 battle.n.01 angry.a.01 hate.v.01 revenge.n.01
        violence.n.01 cruel.s.01 enemy.n.01 kill.v.01 contempt.n.01 weapon.n.01 curse.v.02 fury.n.01""",
    "dreamy": """dream.n.01 dream.v.02 reverie.n.01 sleep.n.01 sleep.v.01 enchantment.n.02
        mysterious.s.01 dreamy.s.02 night.n.01 twilight.n.01 moonlight.n.01 fantasy.n.01 star.n.01
        mist.n.01 quiet.a.01 fairy.n.01 phantom.n.01 shadow.n.01 murmur.n.01""",
}
# Steps from a sense, each of which halves what a word weighs, and how common the sense must be
# among the word's own.
_STEPS, _RANK = 2, 2


def evaluate_moods(
    writer: LyricsGenerator,
    corpus: Path,
    options: SampleOptions,
    output: Path | None = None,
    journal: Journal | None = None,
) -> dict[str, Any]:
    """Write stanzas for each mood, and as many for none, and ask the judges which mood they hear.

    Args:
        writer: generator and lexicon.
        corpus: the songs that the generator was trained on; the held-back ones teach ``reader``.
        options: how many stanzas a mood, and how; the draws are the same for every mood.
        output: where to write stanzas and what was heard, as JSON lines.
        journal: of the stanzas.

    Returns:
        for each judge ``recovered``, the share of stanzas in which the mood asked for is heard, with
        Wilson's interval; ``unlisted``, the same after all words of ``mood.SIGNS`` are taken out;
        ``agreement`` with what a reader heard in the ``labelled`` held-back stanzas, to which
        ``reader`` owes its training: there each fifth is judged by the others. ``reader`` is None
        where sentence vectors are not installed. ``rows`` count what was heard by what was asked.

    Raises:
        BadInput: the corpus cannot be read, is another one, or NLTK's WordNet is not here.
    """
    texts, heard = labelled(corpus)
    lexicon = grown()
    judges: dict[str, Judge | None] = {"reader": None, "wordnet": by_lexicon(lexicon)}
    agreement = {"wordnet": _share(by_lexicon(lexicon)(texts), heard)}
    if embed := sentence_vectors():
        vectors = np.asarray(embed(texts))
        learnt = trained(vectors, heard)
        judges["reader"] = lambda found: list(learnt(np.asarray(embed(found))))
        agreement["reader"] = _share(_cross_judged(vectors, heard), heard)
    asked = [mood for mood in (*MOODS, None) for _ in range(options.count)]
    stanzas = write_all(writer, _wanted(options), journal)
    found = {name: judge and judge([one.text for one in stanzas]) for name, judge in judges.items()}
    bare = [without(one.text, writer.lexicon) for one in stanzas]
    unlisted = {name: judge and judge(bare) for name, judge in judges.items()}
    if output is not None:
        write_rows(output, _rows(asked, stanzas, found))
    moody = options.count * len(MOODS)
    return {
        "stanzas": moody,
        "temperature": options.temperature,
        "candidates": options.candidates,
        "generator": writer.digest,
        "chance": 1 / len(MOODS),
        "labelled": len(texts),
        **{
            name: said
            and {
                **_recovered(said[:moody], asked[:moody]),
                "unlisted": _share((unlisted[name] or [])[:moody], asked[:moody]),
                "agreement": agreement[name],
            }
            for name, said in found.items()
        },
        "shared_words": _shared(lexicon),
        "nats_per_char": _nats(stanzas[:moody]),
        "nats_per_char_without_mood": _nats(stanzas[moody:]),
        "rows": [row for name, said in found.items() if said for row in _confusion(name, said, asked)],
        "random_seed": options.seed,
    }


def labelled(corpus: Path) -> tuple[list[str], list[str]]:
    """Held-back stanzas, and the mood that a reader heard in each.

    Raises:
        BadInput: the corpus cannot be read, or is not the one that was read.
    """
    digests = json.loads(HEARD.read_text())
    moods = {digest: mood for mood, listed in digests.items() for digest in listed}
    parts = split(read_songs(corpus))
    found = {text: moods.get(_digest(text)) for text in pieces([*parts["dev"], *parts["test"]])}
    heard = {text: mood for text, mood in found.items() if mood}
    if len(heard) < ENOUGH:
        raise BadInput(
            f"{corpus} has {len(heard)} of the {len(moods)} stanzas whose mood was judged by hand, too few "
            "to teach a judge: give the corpus that the shipped generator was trained on."
        )
    return list(heard), list(heard.values())


def trained(vectors: np.ndarray, heard: Sequence[str]) -> Callable[[np.ndarray], list[str]]:
    """Ridge regression onto the moods, each of which counts the same however often it was heard.

    Args:
        vectors: (stanzas, dimensions).
        heard: the mood of each.
    """
    moods = np.array([MOODS.index(mood) for mood in heard])
    wanted = np.eye(len(MOODS))[moods]
    weight = (1 / wanted.sum(0).clip(1))[moods][:, None] * len(moods) / len(MOODS)
    middle = vectors.mean(0)
    inputs = vectors - middle
    square = inputs.T @ (inputs * weight) + _PENALTY * np.eye(inputs.shape[1])
    slopes = np.linalg.solve(square, inputs.T @ ((wanted - 1 / len(MOODS)) * weight))
    return lambda found: [MOODS[n] for n in ((found - middle) @ slopes).argmax(1)]


def _cross_judged(vectors: np.ndarray, heard: Sequence[str]) -> list[str]:
    """Each stanza judged by a model that was taught by other ones."""
    fold = np.random.default_rng(0).permutation(len(heard)) % _FOLDS
    judged = [""] * len(heard)
    for number in range(_FOLDS):
        taught, tried = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        judge = trained(vectors[taught], [heard[int(n)] for n in taught])
        for place, mood in zip(tried, judge(vectors[tried]), strict=True):
            judged[place] = mood
    return judged


def grown() -> dict[str, dict[str, float]]:
    """WordNet's words around ``_SENSES``: mood -> lemma -> weight, 1 for a word of the senses themselves.

    Each word is in one mood, that which it is nearest to; words between two are left out.

    Raises:
        BadInput: NLTK's WordNet is not here.
    """
    wordnet = nltk_corpus("wordnet")
    near = {mood: _around(map(wordnet.synset, _SENSES[mood].split()), wordnet) for mood in MOODS}
    lexicon: dict[str, dict[str, float]] = {mood: {} for mood in MOODS}
    for word in {word for listed in near.values() for word in listed}:
        weights = {mood: near[mood].get(word, 0.0) for mood in MOODS}
        best, second = sorted(weights.values(), reverse=True)[:2]
        if best > second:
            lexicon[max(weights, key=lambda mood: weights[mood])][word] = best
    return lexicon


def _around(senses: Iterable[Any], wordnet: Any) -> dict[str, float]:
    """Words of senses and of those that derive from them, resemble them or are kinds of them."""
    found: dict[str, float] = {}
    seen: set[Any] = set()
    front = list(senses)
    for step in range(_STEPS + 1):
        following = []
        for sense in front:
            if sense in seen:
                continue
            seen.add(sense)
            for lemma in sense.lemmas():
                word = lemma.name().lower()
                if word.isalpha() and sense in wordnet.synsets(word)[:_RANK]:
                    found.setdefault(word, 0.5**step)
                following += [other.synset() for other in lemma.derivationally_related_forms()]
            following += sense.hyponyms() + sense.similar_tos()
        front = following
    return found


def by_lexicon(lexicon: Mapping[str, Mapping[str, float]]) -> Judge:
    """Whichever mood has the most weight in a text.

    Raises:
        BadInput: NLTK's WordNet, which finds the lemmas, is not here.
    """
    wordnet = nltk_corpus("wordnet")

    def heard(text: str) -> str | None:
        lemmas = [wordnet.morphy(part) or part for word in words(text) for part in word.split("-")]
        weights = {mood: sum(lexicon[mood].get(lemma, 0.0) for lemma in lemmas) for mood in MOODS}
        best = max(MOODS, key=lambda mood: weights[mood])
        return best if weights[best] else None

    return lambda texts: list(map(heard, texts))


def without(text: str, lexicon: Lexicon) -> str:
    """A folded text without the words, in any form, that the generator knows moods by."""
    known = frozenset[str]().union(*(signs(mood, lexicon) for mood in MOODS))
    lines = text.split(NEWLINE)
    return NEWLINE.join(" ".join(word for word in words(line) if word not in known) for line in lines)


def moods_table(result: Mapping[str, Any]) -> str:
    """A result as people read it: a line a judge, and what was heard by what was asked."""
    named = ("recovered", "low", "high", "unlisted", "agreement")
    judges = [(name, result[name] or {}) for name in ("reader", "wordnet")]
    rows = result["rows"]
    return "\n\n".join(
        [
            table([("judge", *named), *((name, *map(figures.get, named)) for name, figures in judges)]),
            table([tuple(rows[0]), *(tuple(row.values()) for row in rows)]),
            table([(key, result[key]) for key in ("stanzas", "nats_per_char", "nats_per_char_without_mood")]),
        ]
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _wanted(options: SampleOptions) -> list[tuple[Sequence[str], GenerationRequest]]:
    """Keywords and a request a stanza, mood by mood, and none at last.

    The n-th of each mood is about the same and has the same random numbers.
    """
    return [
        (_ABOUT[number % len(_ABOUT)], replace(request, mood=mood))
        for mood in (*MOODS, None)
        for number, request in enumerate(options.requests())
    ]


def _recovered(said: Sequence[str | None], asked: Sequence[str | None]) -> dict[str, float]:
    low, high = wilson(sum(one == other for one, other in zip(said, asked, strict=True)), len(asked))
    return {"recovered": _share(said, asked), "low": low, "high": high}


def _share(said: Sequence[str | None], asked: Sequence[str | None]) -> float:
    return sum(one == other for one, other in zip(said, asked, strict=True)) / len(asked)


def _shared(lexicon: Mapping[str, Mapping[str, float]]) -> dict[str, int]:
    """How many words ``wordnet`` has, how many the generator is told by, and how many both have alike."""
    return {
        "wordnet": sum(map(len, lexicon.values())),
        "steering": sum(map(len, SIGNS.values())),
        "both": sum(len(SIGNS[mood] & lexicon[mood].keys()) for mood in MOODS),
    }


def _nats(found: Sequence[Stanza]) -> float:
    return sum(one.nats for one in found) / len(found)


def _confusion(
    name: str, said: Sequence[str | None], asked: Sequence[str | None]
) -> list[dict[str, str | int]]:
    counts = Counter(zip(asked, said, strict=True))
    return [
        {"judge, asked": f"{name}, {mood or 'none'}"}
        | {heard or "none": counts[mood, heard] for heard in (*MOODS, None)}
        for mood in (*MOODS, None)
    ]


def _rows(
    asked: Sequence[str | None], stanzas: Sequence[Stanza], found: Mapping[str, list[str | None] | None]
) -> Iterable[dict[str, Any]]:
    for number, (mood, one) in enumerate(zip(asked, stanzas, strict=True)):
        heard = {name: said and said[number] for name, said in found.items()}
        yield {"mood": mood, "text": one.text, **heard}
