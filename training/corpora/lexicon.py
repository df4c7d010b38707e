"""Building the shipped lexicon: counts from the songs, lemmas and substitutes from WordNet.

Needs NLTK's ``wordnet`` and the ``vaderSentiment`` package, here only: the result is a table.
"""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.keywords import KNOWN, STOPWORDS, sung
from model.lexicon import Entry, Lexicon
from model.text import fold, words
from training.collecting.nltk_data import corpus
from training.collecting.rows import read_rows
from training.corpora.corpus import Song, read_songs, split
from training.corpora.flickr8k import read_captions, read_split
from training.corpora.pronunciations import pronunciations
from training.corpora.songbook import read_songbook, split_songbook

MIN_COUNT = 3
# SemCor occurrences that make a noun common.
_COMMON_NOUN = 10
# Nouns whose plural WordNet takes for a verb.
_IRREGULAR = {"leaves": "leaf", "wolves": "wolf"}
# A name is a word that is printed with a capital inside lines at least this often.
_NAME_SHARE = 0.8
_CAPITALISED = re.compile(r"(?<=[a-z,;] )([A-Z][a-z]+(?:'[a-z]+)?)")
_INNER = re.compile(r"(?<=[a-z,;] )([A-Za-z][a-z]+(?:'[a-z]+)?)")


def build(songs: Sequence[Song], raw_lines: Iterable[str], captions: Iterable[str]) -> Lexicon:
    """The lexicon of training songs and training captions.

    Args:
        songs: training songs (folded).
        raw_lines: their lines as printed, to learn which words are names.
        captions: training captions, whose words get lemmas and substitutes too.
    """
    wordnet = corpus("wordnet")
    counts = Counter(
        word for song in songs for stanza in song.stanzas for line in stanza for word in words(line)
    )
    seen = Counter(word for caption in captions for word in words(fold(caption)))
    known = {word for word, count in counts.items() if count >= MIN_COUNT}
    known |= {word for word, count in seen.items() if count >= 2}
    valences = _valences()
    entries = {}
    for word in sorted(known):
        pos, lemma = _analyse(word, wordnet)
        entries[word] = Entry(counts[word], pos, lemma, valences.get(word, 0.0))
    lexicon = Lexicon(entries, _names(raw_lines), {})
    lemmas = sorted({lexicon.lemma(word) for word in seen if word in entries})
    found = {lemma: _substitute(lemma, lexicon, wordnet) for lemma in lemmas}
    substitutes = {lemma: substitute for lemma, substitute in found.items() if substitute}
    substitutes |= {lemma: chosen for lemma, chosen in _chosen().items() if sung(lemma, lexicon) < KNOWN}
    return Lexicon(entries, lexicon.names, substitutes, pronunciations(entries))


def build_from_files(corpus: Path, captions: Path, train_list: Path, songbook: Path | None = None) -> Lexicon:
    """The lexicon of a corpus' training songs, a songbook's training stanzas and the training captions.

    Raises:
        BadInput: a file cannot be read, or WordNet or VADER is not installed.
    """
    known = read_captions(captions)
    chosen = [caption for name in read_split(train_list) for caption in known.get(name, ())]
    raw_lines = [line for row in read_rows(corpus) for stanza in row["stanzas"] for line in stanza]
    songs = split(read_songs(corpus))["train"]
    if songbook is not None:
        raw_lines += [line for row in read_rows(songbook) for line in row["lines"]]
        songs += [verse.song for verse in split_songbook(read_songbook(songbook))["train"]]
    return build(songs, raw_lines, chosen)


def _valences() -> dict[str, float]:
    spec = importlib.util.find_spec("vaderSentiment")
    if spec is None or spec.origin is None:
        raise BadInput("The package vaderSentiment is not installed: pip install '.[train]'.")
    table = Path(spec.origin).with_name("vader_lexicon.txt").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines())
    return {row[0]: round(float(row[1]), 1) for row in rows if row[0].isalpha()}


def _analyse(word: str, wordnet: Any) -> tuple[str, str]:
    """Part of speech and lemma by WordNet's sense counts (SemCor)."""
    base = word.partition("'")[0]
    if base in _IRREGULAR:
        return "n", _IRREGULAR[base]
    if base.endswith("ing") and _is_common_noun(base, wordnet):
        return "n", base  # a building, a painting
    best: tuple[float, str, str] = (0.0, "", base)
    for pos, prior in (("n", 0.5), ("v", 0.4), ("a", 0.3), ("r", 0.2)):
        for lemma in _lemmas(base, pos, wordnet):
            score = prior + _occurrences(lemma, pos, wordnet)
            # "running" is a noun in WordNet too: an inflected verb is the likelier reading.
            score *= 1.5 if lemma != base else 1.0
            if score > best[0]:
                best = (score, pos, lemma)
    lemma = fold(best[2])
    return best[1], lemma if re.fullmatch("[a-z]+", lemma) else base


def _lemmas(word: str, pos: str, wordnet: Any) -> list[str]:
    """WordNet's lemma, and beside "swinge" also "swing" for "swinging"."""
    lemma = wordnet.morphy(word, pos)
    if lemma is None:
        return []
    shorter = lemma.removesuffix("e")
    # "pin" would double its consonant: only stems like "swing" keep it single.
    fits = shorter + "ing" == word and re.search("[^aeiou]{2}$", shorter)
    return [lemma, shorter] if fits and wordnet.synsets(shorter, pos) else [lemma]


def _is_common_noun(word: str, wordnet: Any) -> bool:
    """Whether a word in -ing is a noun of its own, not just now and then a verb's."""
    noun = _occurrences(word, "n", wordnet)
    verbs = (lemma for lemma in _lemmas(word, "v", wordnet) if lemma != word)
    verb = max((_occurrences(lemma, "v", wordnet) for lemma in verbs), default=0)
    return noun >= _COMMON_NOUN and 3 * noun >= verb


def _occurrences(lemma: str, pos: str, wordnet: Any) -> int:
    senses = (sense for synset in wordnet.synsets(lemma, pos) for sense in synset.lemmas())
    return sum(sense.count() for sense in senses if sense.name().lower() == lemma)


def _names(raw_lines: Iterable[str]) -> dict[str, str]:
    capital: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    for line in raw_lines:
        capital.update(_CAPITALISED.findall(line))
        inner.update(word.lower() for word in _INNER.findall(line))
    names = {}
    for word, count in capital.items():
        if count >= 5 and count >= _NAME_SHARE * inner[word.lower()] and len(word) > 2:
            names[word.lower()] = word
    return {key: value for key, value in names.items() if key not in STOPWORDS}


def _substitute(lemma: str, lexicon: Lexicon, wordnet: Any) -> str | None:
    """The nearest synonym or hypernym that the songs sing, by WordNet's first senses."""
    forms = lexicon.forms(lemma)
    if sum(lexicon.count(form) for form in forms) >= KNOWN:
        return None
    frontier = wordnet.synsets(lemma)[:2]
    for _ in range(3):
        names = [s.name().lower() for synset in frontier for s in synset.lemmas()]
        # "skate_board" and "ice_hockey" end in the word that can be sung.
        heads = [name.rpartition("_")[2] for name in names]
        sung = [h for h in heads if h != lemma and lexicon.count(h) >= 2 * KNOWN and h not in ABSTRACT]
        if sung:
            best: str = max(sung, key=lexicon.count)
            return best
        frontier = [above for synset in frontier for above in synset.hypernyms()]
    return None


# Where WordNet's first sense leads astray: what a song would call the thing in a photograph.
_CHOSEN = """
ball: football baseball basketball soccer softball tennis volleyball rugby racket goalie referee
rider: bicyclist biker cyclist motorcyclist motorcycle motorbike skateboarder snowboarder
wheel: bike bicycle scooter unicycle skateboard
snow: ski skier skiing sled snowboard snowboarding
ice: hockey skate skater skating rink
wave: surfboard surfer surfing surf
dog: puppy poodle greyhound retriever terrier collie dalmatian doberman
child: toddler kid
coat: sweater sweatshirt jersey t-shirt tee hoodie
leap: hurdle obstacle stunt handstand somersault cartwheel
boat: kayak canoe raft
swim: swimsuit bikini
street: sidewalk
hill: ramp
golden: blond blonde
air: midair parachute
glass: sunglasses
chain: leash
cart: truck
climb: climber
wander: hiker hike hiking
train: subway
car: jeep racetrack
bread: pizza sandwich hotdog
table: restaurant
song: microphone
play: playground
dance: hula
stripe: striped
rail: railing
picture: painting
house: backyard
toy: frisbee balloon
chair: wheelchair stroller
fight: wrestler
"""


def _chosen() -> dict[str, str]:
    rows = (line.split(": ") for line in _CHOSEN.strip().splitlines())
    return {lemma: substitute for substitute, lemmas in rows for lemma in lemmas.split()}


# Hypernyms so general that they say nothing, and words whose sense in a song is another.
ABSTRACT = STOPWORDS | frozenset(
    """whole object entity artifact unit matter part person individual body act event way state being
    device instrumentality conveyance cause agent action soul mortal little color colour point plant ray
    move language tongue check sound drink country tramp creature beast work deed feature scheme lead
    cover knowledge subject forces traveller figure spot mark motion fish travel sight portion""".split()
)
