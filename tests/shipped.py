"""What the tests know of the program's words: the lexicon that ships, read once."""

from functools import cache
from pathlib import Path

from model.lexicon import Lexicon
from model.rules import Spelling
from model.vocabulary import CharVocabulary

VOCABULARY = CharVocabulary()
LEXICON = Lexicon.load(Path(__file__).parent.parent / "data" / "checkpoints" / "lexicon.json.xz")


@cache
def spelling() -> Spelling:
    """All its words, laid out for the sampler."""
    return Spelling(LEXICON, VOCABULARY)
