"""An adaptive character n-gram model, so that an LSTM's bits a character mean something."""

from __future__ import annotations

import math
from collections.abc import Iterable

ORDER = 6


class AdaptiveNgram:
    """Interpolated Witten-Bell model that learns from the text while it predicts it.

    Like a compressor it needs no training text, and may have one. Witten and Bell, IEEE
    Transactions on Information Theory 37 (1991).

    Args:
        symbols: size of the alphabet, for the uniform distribution at the bottom.
        order: characters a gram, the predicted one included.
    """

    def __init__(self, symbols: int, order: int = ORDER) -> None:
        self.symbols, self.order = symbols, order
        self._counts: dict[str, dict[str, int]] = {}
        self._totals: dict[str, int] = {}

    def bits(self, texts: Iterable[str], learn: bool = True) -> tuple[float, int]:
        """Code length of the texts in bits, and how many characters were predicted."""
        bits, characters = 0.0, 0
        for text in texts:
            for position in range(len(text)):
                context = text[max(0, position - self.order + 1) : position]
                bits -= math.log2(self._probability(context, text[position]))
                if learn:
                    self._learn(context, text[position])
            characters += len(text)
        return bits, characters

    def _probability(self, context: str, character: str) -> float:
        probability = 1.0 / self.symbols
        for start in range(len(context), -1, -1):
            seen = self._counts.get(context[start:])
            if seen is None:
                break
            total, kinds = self._totals[context[start:]], len(seen)
            probability = (seen.get(character, 0) + kinds * probability) / (total + kinds)
        return probability

    def _learn(self, context: str, character: str) -> None:
        for start in range(len(context) + 1):
            seen = self._counts.setdefault(context[start:], {})
            seen[character] = seen.get(character, 0) + 1
            self._totals[context[start:]] = self._totals.get(context[start:], 0) + 1
