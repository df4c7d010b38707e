"""Spelling: which symbols may follow, so that nothing but known words and English punctuation is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.lexicon import Lexicon
from model.text import ELIDED, IN_WORD, NEWLINE
from model.vocabulary import EOS, CharVocabulary

# A word is spelled if the songs have it so often and WordNet or CMUdict knows it; or, for names
# and dialect, if they have it very often.
COMMON, FREQUENT = 4, 150
# Letters that are words; the songs also have initials, abbreviations and the ends of contractions.
_SHORT = frozenset({"a", "i", "o"})
_NO_WORDS = frozenset({"ll", "ve", "re", "th", "etc", "viz", "mr", "mrs", "st", "dr"})

NOWHERE = -1
# States that are not inside a word.
_SPACE, _LINE, _STOP, _HYPHEN, _DASH, _OUTSIDE = range(6)
_LEADS_TO = {" ": _SPACE, NEWLINE: _LINE, "-": _HYPHEN, **dict.fromkeys(",.;:!?", _STOP)}
# What may follow in them; in a word that is not known (a prompt's), what may follow a word.
_FOLLOW = {
    _SPACE: {},
    _LINE: {},
    _STOP: {" ": _SPACE, NEWLINE: _LINE},
    _HYPHEN: {"-": _DASH},
    _DASH: {" ": _SPACE, NEWLINE: _LINE},
    _OUTSIDE: _LEADS_TO,
}
_BEFORE_WORDS = [_SPACE, _LINE, _HYPHEN, _DASH]
_BEFORE_END = [_STOP, _DASH, _OUTSIDE]


@dataclass(frozen=True)
class Trie:
    """A finite automaton over the generator's symbols, most of it a trie of words.

    Attributes:
        follow: (states, symbols) the state after a symbol, ``NOWHERE`` where it may not come.
        ends: (states,) whether a known word ends there.
        vocabulary: the symbols.
    """

    follow: npt.NDArray[np.int32]
    ends: npt.NDArray[np.bool_]
    vocabulary: CharVocabulary

    # Where a text begins.
    START = _LINE

    @classmethod
    def of(cls, words: Iterable[str], vocabulary: CharVocabulary) -> Trie:
        table = np.full((len(_FOLLOW), len(vocabulary)), NOWHERE, dtype=np.int32)
        for state, following in _FOLLOW.items():
            for character, then in following.items():
                table[state, vocabulary.ids[character]] = then
        table[_BEFORE_END, EOS] = _SPACE
        return cls(table, np.zeros(len(table), dtype=bool), vocabulary).extended(words)

    def extended(self, words: Iterable[str]) -> Trie:
        """The same with more words, all of them without hyphens: compounds are words in a row."""
        ids = self.vocabulary.ids
        first = len(self.follow)
        grown: dict[tuple[int, str], int] = {}
        whole = []
        for word in words:
            state = _SPACE
            for character in word:
                after = NOWHERE if state >= first else int(self.follow[state, ids[character]])
                if after == NOWHERE:
                    after = grown.setdefault((state, character), first + len(grown))
                state = after
            whole.append(state)
        follow = np.vstack([self.follow, np.full((len(grown), len(ids)), NOWHERE, dtype=np.int32)])
        for (state, character), after in grown.items():
            follow[state, ids[character]] = after
        letters = [number for character, number in ids.items() if character in IN_WORD]
        follow[np.ix_(_BEFORE_WORDS, letters)] = follow[_SPACE, letters]
        follow[np.ix_(whole, [ids[character] for character in _LEADS_TO])] = list(_LEADS_TO.values())
        follow[whole, EOS] = _SPACE
        ends = np.concatenate([self.ends, np.zeros(len(grown), dtype=bool)])
        ends[whole] = True
        return Trie(follow, ends, self.vocabulary)

    def path(self, word: str) -> list[int]:
        """The states that a known word goes through, the one where it is whole last.

        Raises:
            LookupError: no known word begins so.
        """
        state, states = _SPACE, []
        for number in self.vocabulary.encode(word):
            state = int(self.follow[state, number])
            if state == NOWHERE:
                raise LookupError(word)
            states.append(state)
        return states

    def paths(self, words: Sequence[str]) -> npt.NDArray[np.int32]:
        """The states that each known word goes through, (words, letters), ``NOWHERE`` behind its end.

        Raises:
            LookupError: a word is not known.
        """
        letters = np.array([word.encode() for word in words] or [b""])
        letters = letters.view(np.uint8).reshape(len(letters), -1)[: len(words)]
        symbols = np.zeros(256, dtype=np.intp)
        for character in self.vocabulary.alphabet:
            symbols[ord(character)] = self.vocabulary.ids[character]
        states = np.full(letters.shape, NOWHERE, dtype=np.int32)
        at = np.full(len(words), _SPACE, dtype=np.int32)
        for place, column in enumerate(letters.T):
            # Padded with noughts to the longest word.
            inside = column > 0
            at = np.where(inside, self.follow[at, symbols[column]], NOWHERE)
            if (at[inside] == NOWHERE).any():
                raise LookupError(words[int(np.flatnonzero(inside & (at == NOWHERE))[0])])
            states[:, place] = at
        return states

    def after(self, state: int, symbol: int) -> int:
        """Where a symbol leads, also one that may not come there, as in a prompt."""
        following = int(self.follow[state, symbol])
        return following if following != NOWHERE else _LEADS_TO.get(self.vocabulary.tokens[symbol], _OUTSIDE)


def spellable(lexicon: Lexicon) -> list[str]:
    """The words of a lexicon that may be written."""
    known = [word for word in lexicon.entries if _is_spelled(word, lexicon)]
    return [*known, *(f"'{word}" for word in ELIDED if word in lexicon.entries)]


def _is_spelled(word: str, lexicon: Lexicon) -> bool:
    if "-" in word or word in _NO_WORDS or (len(word) == 1 and word not in _SHORT):
        return False
    entry = lexicon.entries[word]
    known = entry.pos or word in lexicon.sounds.table
    # Two letters are often an abbreviation. A word that is never sung is a caption's.
    known = known and len(word) != 2
    return entry.count >= FREQUENT or bool(known and (entry.count >= COMMON or not entry.count))
