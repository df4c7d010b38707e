"""How long the spans are that texts share with a collection, by a suffix automaton of the texts.

Blumer et al., The smallest automaton recognizing the subwords of a text, Theoretical Computer
Science 40 (1985). The automaton is that of the few texts, not of the large collection: this one
streams through it once, all its members side by side, so that time is linear in the collection
and memory is what the collection itself takes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.intp]

# Characters of texts an automaton; its table has about a million rows at the most.
CHUNK = 400_000
# Below the root stands a state from which every symbol leads to the root: no search need stop there.
_BELOW, _ROOT, _NOWHERE = 0, 1, -1


def shared_spans(texts: Sequence[str], collection: Sequence[str], chunk: int = CHUNK) -> list[Ints]:
    """For each character of each text: the longest span ending there that the collection has.

    Args:
        texts: few; about 100 bytes a character are held.
        collection: many; a span lies within one member.
        chunk: characters of texts that one automaton is made of.

    Returns:
        an array of ``len(text)`` lengths a text (matching statistics).
    """
    alphabet = sorted(set().union(*texts))
    members = _Members.of(collection, alphabet)
    numbers = {character: number for number, character in enumerate(alphabet)}
    return [
        found
        for some in _chunks(texts, chunk)
        for found in _shared([[numbers[character] for character in text] for text in some], members)
    ]


def longest(spans: Ints) -> int:
    """The longest shared span of a text, in characters."""
    return int(spans.max(initial=0))


def novel(spans: Ints, n: int) -> tuple[int, int]:
    """How many of a text's character n-grams the collection lacks, and how many it has in all."""
    ends = spans[n - 1 :]
    return int((ends < n).sum()), len(ends)


@dataclass(frozen=True)
class _Members:
    """The collection as symbols, longest member first.

    Attributes:
        codes: (characters,) symbols of all members.
        starts: (members,) where each begins.
        lengths: (members,) falling.
        symbols: how many there are: the texts' characters, one that separates the texts, and one
            for all characters that no text has.
    """

    codes: npt.NDArray[np.uint16]
    starts: Ints
    lengths: Ints
    symbols: int

    @classmethod
    def of(cls, collection: Sequence[str], alphabet: Sequence[str]) -> _Members:
        symbols = len(alphabet) + 2
        table = np.full(0x110000, symbols - 1, dtype=np.uint16)
        table[[ord(character) for character in alphabet]] = np.arange(len(alphabet))
        points = np.frombuffer("".join(collection).encode("utf-32-le", "surrogatepass"), dtype="<u4")
        lengths = np.fromiter(map(len, collection), dtype=np.intp, count=len(collection))
        order = np.argsort(-lengths, kind="stable")
        return cls(table[points], (np.cumsum(lengths) - lengths)[order], lengths[order], symbols)


@dataclass(frozen=True)
class _Automaton:
    """States as rows: where each symbol leads, the suffix link, the longest span of the state."""

    goto: npt.NDArray[np.int32]  # (states * symbols,)
    link: npt.NDArray[np.int32]
    length: npt.NDArray[np.int32]
    ends: list[int]  # the state of each prefix of what it was built from


def _chunks(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    """The texts in parts of at most so many characters, a longer text by itself."""
    part: list[str] = []
    size = 0
    for text in texts:
        if part and size + len(text) > most:
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield part


def _shared(texts: Sequence[Sequence[int]], members: _Members) -> list[Ints]:
    separator = members.symbols - 2
    automaton = _build([code for text in texts for code in (*text, separator)], members.symbols)
    at_state = _spread(automaton, _stream(automaton, members))
    at_prefix = at_state[automaton.ends]
    bounds = np.cumsum([len(text) + 1 for text in texts])
    return [part[:-1] for part in np.split(at_prefix, bounds[:-1])]


def _build(codes: Sequence[int], symbols: int) -> _Automaton:
    """Online construction: a state for each symbol, and one for each that has to be split."""
    goto = array("i", [_ROOT] * symbols + [_NOWHERE] * symbols)
    blank = array("i", [_NOWHERE] * symbols)
    link, length = array("i", [_NOWHERE, _BELOW]), array("i", [-1, 0])
    ends, last = [], _ROOT
    for code in codes:
        new, state = len(length), last
        length.append(length[last] + 1)
        link.append(_NOWHERE)
        goto.extend(blank)
        while goto[state * symbols + code] == _NOWHERE:
            goto[state * symbols + code] = new
            state = link[state]
        target = link[new] = goto[state * symbols + code]
        if length[target] > length[state] + 1:
            half = link[new] = len(length)
            length.append(length[state] + 1)
            link.append(link[target])
            goto.extend(goto[target * symbols : (target + 1) * symbols])
            link[target] = half
            while goto[state * symbols + code] == target:
                goto[state * symbols + code] = half
                state = link[state]
        ends.append(new)
        last = new
    return _Automaton(
        np.array(goto, dtype=np.int32), np.array(link, dtype=np.int32), np.array(length, dtype=np.int32), ends
    )


def _stream(automaton: _Automaton, members: _Members) -> npt.NDArray[np.int32]:
    """The longest span of each state that the collection was seen to have, (states,); 0 for none."""
    goto, link, length = automaton.goto, automaton.link, automaton.length
    best = np.zeros(len(link), dtype=np.int32)
    state = np.full(len(members.starts), _ROOT, dtype=np.int32)
    matched = np.zeros(len(members.starts), dtype=np.int32)
    rising = -members.lengths
    for position in range(members.lengths.max(initial=0)):
        alive = np.searchsorted(rising, -position)
        state, matched = state[:alive], matched[:alive]
        symbols = members.codes[members.starts[:alive] + position]
        reached = goto[state * members.symbols + symbols]
        lost = np.flatnonzero(reached == _NOWHERE)
        while lost.size:
            shorter = state[lost] = link[state[lost]]
            matched[lost] = length[shorter]
            reached[lost] = goto[shorter * members.symbols + symbols[lost]]
            lost = lost[reached[lost] == _NOWHERE]
        state, matched = reached, matched + 1
        better = np.flatnonzero(matched > best[state])
        np.maximum.at(best, state[better], matched[better])
    return best


def _spread(automaton: _Automaton, seen: npt.NDArray[np.int32]) -> Ints:
    """From what was seen at each state to its longest shared span, that of a suffix included."""
    link, length, best = automaton.link.tolist(), automaton.length.tolist(), seen.tolist()
    rising = np.argsort(automaton.length, kind="stable").tolist()[2:]
    for state in reversed(rising):
        if best[state]:
            best[link[state]] = length[link[state]]
    for state in rising:
        best[state] = best[state] or best[link[state]]
    return np.array(best, dtype=np.intp)
