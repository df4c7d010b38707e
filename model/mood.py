"""Moods of words and pictures: five short word lists and VADER's valences, light and colour.

VADER: Hutto and Gilbert, ICWSM 2014 (MIT licence); its values are in the lexicon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from model.keywords import unnamed
from model.lexicon import Lexicon
from model.text import fold, words

if TYPE_CHECKING:
    from PIL import Image

MOODS = ("happy", "sad", "tender", "angry", "dreamy")
# Asks for the one that a picture suggests, and for none whatever it suggests.
PICTURE, NONE = "picture", "none"

_WORDS = {
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
# Lemmas that a mood is known by.
SIGNS = {mood: frozenset(text.split()) for mood, text in _WORDS.items()}
# One listed word weighs as much as a strongly charged VADER word.
_SIGN_WEIGHT = 3.0
# Below this a stanza has no mood worth naming; a caption is short and plain, and one word says it.
_THRESHOLD = 4.0
_CAPTION_THRESHOLD = 2.0
# Of 0 to 1. Darker is night, brighter is day; paler is grey, more saturated is bright paint.
_DARK, _BRIGHT = 0.25, 0.5
_PALE, _VIVID = 0.2, 0.45
# Of -1 to 1. Warm is the light of a room or of an evening, cold that of shade and sea.
_WARM, _HOT, _COLD = 0.1, 0.4, 0.0


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
        for mood, signs in SIGNS.items():
            if word in signs or lemma in signs:
                scores[mood] += _SIGN_WEIGHT
        valence = entry.valence if entry else 0.0
        scores["happy" if valence > 0 else "sad"] += abs(valence) / 2
    return scores


def leaning(text: str, mood: str, lexicon: Lexicon) -> float:
    """How clearly a text's words lean to one mood rather than to the strongest other, -1 to 1."""
    scores = scores_of(text, lexicon)
    others = max(score for name, score in scores.items() if name != mood)
    return (scores[mood] - others) / (scores[mood] + others + _SIGN_WEIGHT)


def signs(mood: str | None, lexicon: Lexicon) -> frozenset[str]:
    """The spellings of a mood's words, inflections included; none for no mood."""
    return frozenset[str]().union(*(lexicon.forms(word) for word in SIGNS[mood])) if mood else frozenset()


def suggested(
    caption: str | None, brightness: float, warmth: float, saturation: float, lexicon: Lexicon
) -> str | None:
    """The mood of a picture: that of its caption's words, or else of its light; None where neither says.

    Args:
        caption: what the picture shows, or None.
        brightness: mean, 0 to 1; see ``light``.
        warmth: -1 (blue) to 1 (red).
        saturation: mean, 0 to 1.
        lexicon: word table.
    """
    if caption:
        scores = scores_of(caption, lexicon)
        mood = max(MOODS, key=lambda name: scores[name])
        if scores[mood] >= _CAPTION_THRESHOLD:
            return mood
    if brightness < _DARK:
        return "dreamy"
    if brightness > _BRIGHT and saturation > _VIVID:
        return "happy"
    if warmth > _HOT and saturation > _VIVID:
        return "angry"
    if brightness > _BRIGHT and warmth > _WARM:
        return "tender"
    return "sad" if saturation < _PALE and brightness < _BRIGHT and warmth <= _COLD else None


def takes_picture(asked: str | None, told: str) -> bool:
    """Whether a stanza gets the mood of its picture: asked for, or where its looks are all that is told.

    Args:
        asked: one of ``MOODS``, ``PICTURE``, ``NONE``, or None where nothing was said.
        told: of the picture.
    """
    return asked == PICTURE or (asked is None and unnamed(told))


def picture_mood(square: Image.Image, caption: str, lexicon: Lexicon) -> str | None:
    """The mood that a picture and what is said of it suggest, if any; see ``suggested``."""
    return suggested(caption, *light(np.asarray(square)), lexicon)


def light(pixels: npt.NDArray[np.uint8]) -> tuple[float, float, float]:
    """Mean brightness, warmth and saturation of (height, width, 3) RGB, for ``suggested``.

    Brightness is luma (ITU-R BT.601), warmth how much more red than blue there is, saturation that
    of HSV.
    """
    scaled = pixels.reshape(-1, 3) / 255
    most, least = scaled.max(1), scaled.min(1)
    saturation = (most - least) / np.maximum(most, 1 / 255)
    brightness = scaled @ [0.299, 0.587, 0.114]
    return float(brightness.mean()), float((scaled[:, 0] - scaled[:, 2]).mean()), float(saturation.mean())
