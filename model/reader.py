"""A reader: does a stanza say something that a person might have said about these words?

A bidirectional GRU over the words of a stanza, which looks at the keywords before it reads (each
word attends to them) and after (each keyword attends to what was read), after ESIM (Chen et al.,
ACL 2017). Its score stands for a residual energy (Deng et al., ICLR 2020): the generator proposes,
the reader chooses. ``training/loops/reader.py`` trains it; here it runs in NumPy.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.checkpoint import described, load_checkpoint
from model.keywords import STOPWORDS
from model.lexicon import Lexicon
from model.text import NEWLINE, fold, words

KIND = "reader"
# The end of a line is a word, the first of every vocabulary.
LINE_END = NEWLINE
# Longer texts are read so far, and no more keywords are asked about.
MAX_WORDS = 96
MAX_KEYWORDS = 16
# A rare word is known by a hash, and every word by the hash of how it ends ("-ing", "-ed").
_ENDING = 3
# Rows of every matrix product: of one shape, a row's numbers do not depend on its neighbours.
_ROWS = 16

_ONE, _HALF = np.float32(1), np.float32(0.5)

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class WordTable:
    """Which rows of the network's table stand for a word: its own or a hash's, and its ending's.

    Attributes:
        known: words with a row of their own -> row; ``LINE_END`` has row 0.
        buckets: rows for the other words, behind those.
        endings: rows for endings, behind those.
    """

    known: dict[str, int]
    buckets: int
    endings: int

    @classmethod
    def of(cls, vocabulary: Iterable[str], buckets: int, endings: int) -> WordTable:
        listed = [LINE_END, *vocabulary]
        return cls({word: row for row, word in enumerate(listed)}, buckets, endings)

    def __len__(self) -> int:
        return len(self.known) + self.buckets + self.endings

    def rows(self, word: str) -> tuple[int, int]:
        """The two rows whose sum is the word's vector."""
        first = len(self.known)
        own = self.known.get(word, first + _hash(word) % self.buckets)
        return own, first + self.buckets + _hash(word[-_ENDING:]) % self.endings


class Reader:
    """Scores stanzas; thread-safe.

    Attributes:
        header: of the checkpoint; ``metrics`` says how well it tells people's stanzas from others.
        digest: names the checkpoint.
    """

    def __init__(self, header: dict[str, Any], arrays: dict[str, Floats], digest: str = "") -> None:
        """Build the network from a checkpoint's parts.

        Raises:
            KeyError, TypeError, ValueError: they do not fit each other.
        """
        self.header, self.digest = header, digest
        self._words = WordTable.of(header["words"].split(), header["buckets"], header["endings"])
        self._table = arrays["table.weight"]
        if len(self._table) != len(self._words):
            raise ValueError("not as many vectors as words")
        self._null = arrays["null"]
        self._ask = arrays["ask.weight"].T
        size = arrays["gru.weight_hh_l0"].shape[1]
        # A sigmoid is half a tanh of half its input, so halves of the first two gates are enough;
        # of the third, what the reset gate multiplies, half as well.
        halves = np.repeat(np.array([0.5, 0.5, 1], np.float32), size)
        weights, bias = (_both(arrays, name) for name in ("weight_ih_l0", "bias_ih_l0"))
        recur, recur_bias = (_both(arrays, name) * _HALF for name in ("weight_hh_l0", "bias_hh_l0"))
        self._recur = np.ascontiguousarray(recur.swapaxes(1, 2))[:, None]
        self._new_bias = recur_bias[:, None, 2 * size :]
        self._input = np.ascontiguousarray((weights * halves[:, None]).swapaxes(1, 2))
        self._input_bias = bias * halves
        self._input_bias[:, : 2 * size] += recur_bias[:, : 2 * size]
        self._value, self._value_bias = arrays["value.weight"].T, arrays["value.bias"]
        self._query = arrays["query.weight"].T
        self._predict, self._predict_bias = arrays["predict.weight"].T, arrays["predict.bias"]
        self._spot, self._spot_bias = arrays["spot.weight"].T, arrays["spot.bias"]
        self._hidden, self._hidden_bias = arrays["hidden.weight"].T, arrays["hidden.bias"]
        self._out, self._out_bias = arrays["out.weight"].T, arrays["out.bias"]
        self._scale = np.float32(self._table.shape[1] ** -0.5)
        # Whatever does not fit shows at the first reading.
        self.scores([()], [""])

    @classmethod
    def load(cls, path: Path) -> Reader:
        """Read a checkpoint.

        Raises:
            BadCheckpoint: it is missing, damaged or of another kind or version.
        """
        checkpoint = load_checkpoint(path, KIND)
        with described(path):
            return cls(checkpoint.header, checkpoint.arrays, checkpoint.digest)

    def scores(self, keywords: Sequence[Sequence[str]], texts: Sequence[str]) -> list[float]:
        """How likely it is that people wrote each text about its keywords.

        Args:
            keywords: for each text lemmas of what it should be about, as ``subject`` gives them, in
                any order; none for anything.
            texts: folded stanzas, or their first whole lines.

        Returns:
            natural logarithms of odds, the same whatever other texts are asked about.
        """
        alike: dict[tuple[str, ...], list[int]] = {}
        for place, told in enumerate(keywords):
            alike.setdefault(tuple(sorted(set(told))[:MAX_KEYWORDS]), []).append(place)
        found = np.zeros(len(texts), np.float32)
        for told, places in alike.items():
            found[places] = self._read(told, [tokens(texts[place]) for place in places])
        return [float(score) for score in found]

    def _read(self, keywords: tuple[str, ...], texts: Sequence[Sequence[str]]) -> Floats:
        """Texts about the same keywords -> (texts,)."""
        keys = np.stack([self._null, *(self._vector(word) for word in keywords)])
        places: dict[str, int] = {}
        ids = np.zeros((max(map(len, texts)), _whole(len(texts))), np.intp)
        lengths = np.ones(ids.shape[1], np.intp)
        for row, text in enumerate(texts):
            ids[: len(text), row] = [places.setdefault(word, len(places)) for word in text]
            lengths[row] = len(text)
        table = np.zeros((_whole(len(places)), self._table.shape[1]), np.float32)
        table[: len(places)] = [self._vector(word) for word in places]
        vectors = self._blocks(table)
        gates = self._gates(vectors, keys)
        states = self._recurrent(gates, ids, lengths)
        outside = np.arange(len(ids))[:, None] >= lengths
        states[outside] = 0
        near = (vectors @ (keys * self._scale).T).reshape(-1, len(keys))[ids]
        near[outside] = -np.inf
        fit = self._fit(states, table[ids])
        features = [
            *_pooled(states, outside, lengths),
            *self._found(states, outside, keys, near.max(0)),
            *self._fitting(states, fit, outside, lengths),
        ]
        return self._verdict(np.concatenate(features, axis=-1, dtype=np.float32))[: len(texts)]

    def _vector(self, word: str) -> Floats:
        own, ending = self._words.rows(word)
        return np.asarray(self._table[own] + self._table[ending])

    def _gates(self, vectors: Floats, keys: Floats) -> Floats:
        """Distinct words (blocks, rows, size) and keywords -> what they add to the gates, (2, words, 3 h)."""
        heard = _softmax(vectors @ (keys @ self._ask * self._scale).T, axis=-1) @ keys
        read = np.concatenate([vectors, vectors * heard], axis=-1)
        gates = read @ self._input[:, None] + self._input_bias[:, None, None]
        return np.asarray(gates.reshape(2, -1, gates.shape[-1]))

    def _recurrent(self, gates: Floats, ids: Ints, lengths: Ints) -> Floats:
        """The GRU both ways: ids (words, texts) -> states (words, texts, 2 h).

        Each way begins at its own end of a text, so that what is behind a text never enters it.
        """
        steps, count = ids.shape
        size = self._recur.shape[-2]
        states = np.zeros((steps, 2, count, size), np.float32)
        state = np.zeros((2, count, size), np.float32)
        words = gates.reshape(-1, 3 * size)
        for step, rows in enumerate(_both_ways(ids, lengths, gates.shape[1])):
            given = words.take(rows, axis=0)
            kept = (state.reshape(2, -1, _ROWS, size) @ self._recur).reshape(2, count, -1)
            both = given[..., : 2 * size]
            both += kept[..., : 2 * size]
            np.tanh(both, out=both)
            both += _ONE
            new = kept[..., 2 * size :]
            new += self._new_bias
            new *= both[..., :size]
            new += given[..., 2 * size :]
            np.tanh(new, out=new)
            state = state - new
            state *= both[..., size:]
            state *= _HALF
            state += new
            states[step] = state
        turned = states[_turned(lengths, steps), 1, np.arange(count)]
        return np.concatenate([states[:, 0], turned], axis=-1)

    def _found(self, states: Floats, outside: Bools, keys: Floats, near: Floats) -> tuple[Floats, Floats]:
        """What each key finds in a text, the most and the mean of all, (texts, size + 1) each.

        Args:
            states: (words, texts, 2 h).
            outside: where there are no words any more, (words, texts).
            keys: (keys, size).
            near: how near the nearest word comes to each key, (texts, keys).
        """
        values = self._blocks(states) @ self._value + self._value_bias
        logits = (values @ (keys @ self._query * self._scale).T).reshape(*outside.shape, -1)
        weights = _softmax(np.where(outside[..., None], -np.inf, logits), axis=0)
        values = values.reshape(*outside.shape, -1)
        found = np.stack([(weights[..., [key]] * values).sum(0) * keys[key] for key in range(len(keys))])
        found = np.concatenate([found, near.T[..., None]], axis=-1)
        return found.max(0), found.mean(0)

    def _fit(self, states: Floats, vectors: Floats) -> Floats:
        """How far each word is what those around it ask for, (words, texts)."""
        size = states.shape[-1] // 2
        around = np.zeros_like(states)
        around[1:, :, :size] = states[:-1, :, :size]
        around[:-1, :, size:] = states[1:, :, size:]
        predicted = (self._blocks(around) @ self._predict + self._predict_bias) * self._scale
        return np.asarray((predicted.reshape(vectors.shape) * vectors).sum(-1))

    def _fitting(self, states: Floats, fit: Floats, outside: Bools, lengths: Ints) -> tuple[Floats, ...]:
        """The least and the mean fit of a text's words, and how far they look changed, (texts, 1) each."""
        spotted = (self._blocks(states) @ self._spot + self._spot_bias).reshape(fit.shape) - fit
        least = np.where(outside, np.inf, fit).min(0)
        most = np.where(outside, -np.inf, spotted).max(0)
        means = [np.where(outside, 0, numbers).sum(0) / lengths for numbers in (fit, spotted)]
        return least[:, None], means[0][:, None], most[:, None], means[1][:, None]

    def _verdict(self, features: Floats) -> Floats:
        blocks = self._blocks(features) @ self._hidden + self._hidden_bias
        return np.asarray((np.maximum(blocks, 0) @ self._out + self._out_bias).reshape(len(features)))

    @staticmethod
    def _blocks(rows: Floats) -> Floats:
        """Rows, a multiple of a block's -> (..., rows of a block, size)."""
        return rows.reshape(-1, _ROWS, rows.shape[-1])


def _pooled(states: Floats, outside: Bools, lengths: Ints) -> tuple[Floats, Floats]:
    """The most and the mean of a text's states, (texts, 2 h) each."""
    peak = np.where(outside[..., None], -np.inf, states).max(0)
    return peak, states.sum(0) / lengths[:, None].astype(np.float32)


def tokens(text: str) -> list[str]:
    """A folded text as the reader sees it: words without punctuation, each line with its end."""
    found = []
    for line in text.split(NEWLINE):
        found += [part for word in words(line) for part in word.split("-")]
        found.append(LINE_END)
    return found[:MAX_WORDS]


def subject(caption: str, lexicon: Lexicon) -> tuple[str, ...]:
    """Lemmas of the words of a caption that mean something by themselves, as in the songbook.

    Where it has none, all its words: "down under" is a subject, too.
    """
    found = words(fold(caption))
    parts = {part for word in found for part in word.split("-") if part not in STOPWORDS}
    return tuple(sorted({lexicon.lemma(part) for part in parts} or set(found)))


def _hash(word: str) -> int:
    return zlib.crc32(word.encode())


def _whole(count: int) -> int:
    """The next multiple of a block's rows."""
    return -(-count // _ROWS) * _ROWS


def _turned(lengths: Ints, steps: int) -> Ints:
    """Where each text's words are when it is read from its end, (words, texts)."""
    return np.asarray(np.maximum(lengths - 1 - np.arange(steps)[:, None], 0))


def _both_ways(ids: Ints, lengths: Ints, words: int) -> Ints:
    """Rows of the gates that a step takes, those of the second way behind the ``words`` of the first."""
    back = ids[_turned(lengths, len(ids)), np.arange(ids.shape[1])]
    return np.stack([ids, words + back], axis=1)


def _softmax(logits: Floats, axis: int) -> Floats:
    powers = np.exp(logits - logits.max(axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis, keepdims=True))


def _both(arrays: Mapping[str, Floats], name: str) -> Floats:
    """A tensor of the GRU, forward and backward, (2, ...)."""
    return np.stack([arrays[f"gru.{name}"], arrays[f"gru.{name}_reverse"]])
