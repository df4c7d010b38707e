"""A stanza's mood from its words: five short word lists and VADER's valences.

VADER: Hutto and Gilbert, ICWSM 2014 (MIT licence); its values are in the lexicon.
"""

from __future__ import annotations

from model.lexicon import Lexicon
from model.text import fold, words

MOODS = ("happy", "sad", "tender", "angry", "dreamy")

_SIGNS = {
    "happy": """joy laugh merry glad gay dance sing jolly cheer cheerful happy smile delight fun bright
        sunshine play bliss hurrah mirth frolic holiday""",
    "sad": """weep tear grief sorrow mourn sigh lonely alone grave death die dead lost farewell pale sad
        gloom despair woe cry bitter mournful tomb""",
    "tender": """love dear sweet heart kiss gentle tender darling fond embrace beloved mother babe baby
        lover sweetheart bosom arms cradle caress true""",
    "angry": """war fight blood sword hate rage fury curse foe battle slay strike storm thunder wrath
        revenge fierce cruel kill tyrant hell scorn""",
    "dreamy": """dream moon star night sleep shadow silver mist twilight cloud soft whisper slumber
        dusk haze moonlight stars drift fairy silent magic mystic glimmer""",
}
_LISTS = {mood: frozenset(text.split()) for mood, text in _SIGNS.items()}
# One listed word weighs as much as a strongly charged VADER word.
_SIGN_WEIGHT = 3.0
# Below this a stanza has no mood worth naming.
_THRESHOLD = 4.0


def mood_of(text: str, lexicon: Lexicon) -> str | None:
    """The mood a text's words point to, or None where they are few or plain."""
    scores = scores_of(text, lexicon)
    mood = max(MOODS, key=lambda name: scores[name])
    return mood if scores[mood] >= _THRESHOLD else None


def scores_of(text: str, lexicon: Lexicon) -> dict[str, float]:
    """A score a mood: listed words, plus valence for happy and sad."""
    scores = dict.fromkeys(MOODS, 0.0)
    for word in words(fold(text)):
        entry = lexicon.entries.get(word)
        lemma = entry.lemma if entry else word
        for mood, signs in _LISTS.items():
            if word in signs or lemma in signs:
                scores[mood] += _SIGN_WEIGHT
        valence = entry.valence if entry else 0.0
        scores["happy" if valence > 0 else "sad"] += abs(valence) / 2
    return scores
