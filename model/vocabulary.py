"""Symbols of the two networks: words for the captioner, characters for the generator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from model.errors import BadInput
from model.text import ALPHABET

PAD, BOS, EOS, UNK = 0, 1, 2, 3


class WordVocabulary:
    """Words above a count, plus pad, begin, end and unknown (ids 0 to 3)."""

    SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self.ids = {word: number for number, word in enumerate((*self.SPECIAL, *self.words))}

    @classmethod
    def count(cls, captions: Iterable[Sequence[str]], threshold: int = 5) -> WordVocabulary:
        """Words seen at least ``threshold`` times, the commonest first."""
        counts = Counter(word for caption in captions for word in caption)
        kept = [word for word, number in counts.items() if number >= threshold]
        return cls(sorted(kept, key=lambda word: (-counts[word], word)))

    def __len__(self) -> int:
        return len(self.SPECIAL) + len(self.words)

    def encode(self, caption: Sequence[str]) -> list[int]:
        """Words -> ids with the end token; words outside the vocabulary become <unk>."""
        return [*(self.ids.get(word, UNK) for word in caption), EOS]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Ids up to the end token -> words; special ids are left out."""
        words = []
        for number in ids:
            if number == EOS:
                break
            if number >= len(self.SPECIAL):
                words.append(self.words[number - len(self.SPECIAL)])
        return words


class CharVocabulary:
    """The generator's symbols: pad, begin and end, then the alphabet."""

    SPECIAL = ("<pad>", "<bos>", "<eos>")

    def __init__(self, alphabet: str = ALPHABET) -> None:
        self.alphabet = alphabet
        self.tokens = [*self.SPECIAL, *alphabet]
        self.ids = {token: number for number, token in enumerate(self.tokens)}
        self.first_character = len(self.SPECIAL)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, folded: str) -> list[int]:
        """A folded text -> ids.

        Raises:
            BadInput: a character is not in the alphabet (the text was not folded).
        """
        try:
            return [self.ids[character] for character in folded]
        except KeyError as error:
            raise BadInput(f"The character {error.args[0]!r} is not in the alphabet.") from error

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> text, up to the end token; pad and begin are left out."""
        characters = []
        for number in ids:
            if number == EOS:
                break
            if number >= self.first_character:
                characters.append(self.tokens[number])
        return "".join(characters)
