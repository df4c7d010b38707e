"""The words that matter in a caption, a prompt or a stanza.

One extractor for all three: what the generator learnt to be asked for is what a caption
asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from model.lexicon import Lexicon
from model.text import fold, words

MAX_KEYWORDS = 4
# A lemma sung less often than this is unknown to the generator: it cannot steer.
RARE = 4
# A lemma sung less often than this in the corpus is replaced by its substitute, if it has one.
KNOWN = 25

# Nouns name what is seen; verbs and adjectives come next; adverbs hardly carry a picture.
_POS_WEIGHT = {"n": 1.0, "v": 0.6, "a": 0.55, "r": 0.1, "": 0.3}
_FILLER_WEIGHT = 0.12

# What is told of a picture on which nothing was recognised starts so; see ``model.recognition``.
UNNAMED = "something"

# Function words: no picture in them. (Own list; contractions are split by the stem before "'".)
STOPWORDS = frozenset(
    """a about above across after again against all along also am amid among an and another any are around
    as at away be because been before behind being below beneath beside between beyond both but by can
    cannot could did do does doing done down during each either else er ere etc even ever every few for
    from further get gets getting go goes going gone got had has have having he her here hers herself
    him himself his how however i if in into is it its itself just last least less let like many may me
    might mine more most much must my myself near neither never next no none nor not nothing now o of
    off oft often oh on once one only onto or other others ought our ours ourselves out over own per
    quite rather same shall she should since so some something still such than that the thee their
    theirs them themselves then there these they thine this those thou though through thus thy till to
    together too toward towards twas two three four five six several under until unto up upon us very
    was way we well went were what when where whether which while who whom whose why will with within
    without would ye yes yet you your yours yourself come came comes say said says make made makes take
    took taken put set give gave given thing things ah hath doth art dost hast wilt shalt tis till ay
    yea lo know knew see saw seen think thought tell told aren couldn didn doesn don hadn hasn haven isn
    shouldn wasn weren won wouldn needn mustn mightn oughtn ain em perhaps""".split()
)

# True of half the pictures in Flickr8k, so they say nothing about this one.
_FILLER = frozenset(
    """man men woman women person people someone somebody guy lady group couple stand sit wear hold look
    walk front background side top picture photo photograph camera view area image scene shirt dress
    pant jacket short young old little small large big white black red blue green yellow brown pink
    orange purple grey gray color colored colour dark light another pose use other several next part
    piece place something outside inside outdoors outdoor indoors
    male female adult asian african american caucasian wait prepare appear various multiple middle edge
    be have watch pass foreground closeup""".split()
)


def extract(
    text: str, lexicon: Lexicon, limit: int = MAX_KEYWORDS, looks: bool = False, filled: bool = False
) -> list[str]:
    """The content words of a text as lemmas, the most telling first.

    Words that the songs hardly know are replaced by a synonym or hypernym that they sing.

    Args:
        text: caption, prompt or stanza, in any case.
        lexicon: word table.
        limit: how many keywords at the most.
        looks: whether colours say something, as where pictures are told by their looks.
        filled: whether filler ("man", "standing", "red") follows where there are too few others, as a
            plan needs to know who does it; otherwise it is there only where nothing else is.

    Returns:
        distinct lemmas.
    """
    weights: dict[str, float] = {}
    for word in words(fold(text)):
        for part in word.split("-"):
            lemma = _content_lemma(part.partition("'")[0], lexicon)
            if lemma is not None:
                weights.setdefault(singable(lemma, lexicon), weight(lemma, lexicon))
    ranked = sorted(weights, key=lambda lemma: -weights[lemma])
    filler = frozenset[str]() if looks else _FILLER
    telling = [lemma for lemma in ranked if lemma not in filler and sung(lemma, lexicon) >= RARE]
    return (distinct([*telling, *ranked]) if filled else telling or ranked)[:limit]


def unnamed(told: str) -> bool:
    """Whether what is told of pictures names nothing on any, but only how they look."""
    return all(one.startswith(f"{UNNAMED} ") for one in told.split("; "))


def weight(lemma: str, lexicon: Lexicon) -> float:
    """How much a lemma says: part of speech times rarity, filler weighted down."""
    entry = lexicon.entries.get(lemma)
    pos = entry.pos if entry else ""
    rarity = math.log(1e6 / (50 + lexicon.count(lemma)))
    return _POS_WEIGHT.get(pos, 0.3) * rarity * (_FILLER_WEIGHT if lemma in _FILLER else 1.0)


def singable(lemma: str, lexicon: Lexicon) -> str:
    """The lemma itself where the songs know it, else its substitute."""
    if sung(lemma, lexicon) >= KNOWN:
        return lemma
    return lexicon.substitutes.get(lemma, lemma)


def sung(lemma: str, lexicon: Lexicon) -> int:
    """Occurrences of a lemma in the training songs, inflections included."""
    return sum(lexicon.count(form) for form in lexicon.forms(lemma))


def used(keywords: Iterable[str], text: str, lexicon: Lexicon) -> list[str]:
    """Those keywords that a text contains; inflections count."""
    present = {part for word in words(fold(text)) for part in (word, *word.split("-"))}
    return [keyword for keyword in keywords if present & lexicon.forms(keyword)]


def _content_lemma(word: str, lexicon: Lexicon) -> str | None:
    if len(word) < 3 or word in STOPWORDS:
        return None
    lemma = lexicon.lemma(word)
    return None if lemma in STOPWORDS or len(lemma) < 2 else lemma


def distinct(sequence: Sequence[str]) -> list[str]:
    """The items in order, each once."""
    return list(dict.fromkeys(sequence))
