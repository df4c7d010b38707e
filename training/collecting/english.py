"""Whether a text is English: the share of its words that NLTK's vocabulary does not have.

The first Neural Songwriter dropped songs more than half of whose words were not in NLTK's
``words``. That list has few inflected forms, so plain English lost a fifth of its words.
Here a word also counts when WordNet's morphy takes it back to a known one ("wolves",
"ran"), when it is a contraction or possessive of one ("they'll", "heart's", "wander'd",
"singin'"), drawn out ("loooove"), or on a short list of what is sung but not in dictionaries.
"""

from __future__ import annotations

import re
from functools import lru_cache

from training.collecting.nltk_data import corpus

# More than this share of unknown words, and a song is not English.
FOREIGN = 0.5

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_DRAWN_OUT = re.compile(r"(.)\1{2,}")
# Both lists have every letter of the alphabet as a word.
_LETTERS = frozenset("aio")
# Both also have words of a few letters from everywhere (te, mi, amor): these must be in use.
_SHORT = 3
_ENDINGS = frozenset("s d ll ve re m t all em".split())
_SUNG = frozenset(
    """yeah gonna wanna gotta lemme gimme kinda sorta outta cuz cos coz til till em ain dunno whatcha
    ooh oooh oh uh huh mmm hmm la na da doo dum sha shoop woah whoa ah aha ha hey hi ho ya yo okay ok tv dj
    everybody everyone anybody anyone somebody someone nobody something anything everything myself yourself
    himself herself itself ourselves themselves mama papa daddy mommy babe goodbye alright
    email phone internet website video""".split()
)


class English:
    """NLTK's ``words`` and ``wordnet`` as a test of single words and of texts.

    Raises:
        BadInput: the corpora are not on this machine.
    """

    def __init__(self) -> None:
        self._listed = {word.lower() for word in corpus("words").words()}
        self._wordnet = corpus("wordnet")
        self._small = frozenset(corpus("stopwords").words("english")) | _SUNG
        # Songs share their words: asking WordNet once for each saves most of the time.
        self.knows = lru_cache(maxsize=200_000)(self._knows)

    def foreign_share(self, text: str) -> float:
        """Share (0..1) of the words that are not English; 1 where there are no words."""
        found = _WORD.findall(text.lower().replace("’", "'"))
        return sum(not self.knows(word) for word in found) / len(found) if found else 1.0

    def _knows(self, word: str) -> bool:
        if self._plain(word) or self._elided(word):
            return True
        short = _DRAWN_OUT.sub(r"\1", word)
        return short != word and (self._plain(short) or self._plain(_DRAWN_OUT.sub(r"\1\1", word)))

    def _plain(self, word: str) -> bool:
        if len(word) == 1:
            return word in _LETTERS
        if len(word) <= _SHORT:
            return word in self._small or self._is_written(word)
        return word in self._listed or word in _SUNG or self._wordnet.morphy(word) is not None

    def _is_written(self, word: str) -> bool:
        """Whether WordNet's hand-tagged English (SemCor) has the word, in any form."""
        bases = (self._wordnet.morphy(word, pos) for pos in "nvar")
        return any(
            lemma.count()
            for base in bases
            if base
            for lemma in self._wordnet.lemmas(base)
            if lemma.name() == base
        )

    def _elided(self, word: str) -> bool:
        if word.endswith("in") and self._wordnet.morphy(word + "g", "v"):
            return True  # singin'
        stem, apostrophe, ending = word.rpartition("'")
        if not apostrophe:
            return False
        if ending in _ENDINGS and (self._plain(stem) or self._plain(stem.removesuffix("n"))):
            return True  # they'll, isn't
        # wander'd, heav'n, o'er
        return self._plain(word.replace("'", "e")) or self._plain(word.replace("'", "v"))
