"""The way from pictures to songs: pictures, a description, a request, a song.

The bot's worker, the command line, the report and the tests go it by the same two functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from model.beam import BEAM
from model.description import Description as Description
from model.image_describer import ImageDescriber
from model.lexicon import Lexicon
from model.lyrics_generator import LyricsGenerator, Song
from model.mood import MOODS, takes_picture
from model.recipe import Recipe
from model.request import GenerationRequest
from model.wordfilter import is_forbidden


def describe(describer: ImageDescriber, pictures: Sequence[Image.Image], beam: int = BEAM) -> Description:
    """RGB pictures, or an animation's frames -> one description of them all, which says nothing twice."""
    seen = tuple(describer.see(picture, beam) for picture in pictures)
    texts = dict.fromkeys(part for one in seen for part in one.text.split("; "))
    return Description("; ".join(texts), describer.digest, seen=seen)


def write(writer: LyricsGenerator, wanted: Sequence[tuple[Description, GenerationRequest]]) -> list[Song]:
    """A song for each description and request, all drawn in one batch, which does not change any.

    Raises:
        BadOption: nothing but punctuation came out, as it may at high temperatures.
    """
    songs = writer.sung([(_keywords(writer, *one), _in_mood(writer.lexicon, *one)) for one in wanted])
    return [
        replace(song, caption=description.text, captioner=description.captioner)
        for song, (description, _) in zip(songs, wanted, strict=True)
    ]


def write_again(writer: LyricsGenerator, recipe: Recipe, forbidden: frozenset[str] = frozenset()) -> Song:
    """The song of a recipe.

    Raises:
        OtherModels: other models wrote it.
    """
    recipe.check(writer.origin, writer.backend)
    known = Description(keywords=recipe.keywords)
    return write(writer, [(known, replace(recipe.request, forbidden=forbidden))])[0]


def _keywords(
    writer: LyricsGenerator, description: Description, request: GenerationRequest
) -> tuple[str, ...]:
    """The lemmas that steer a song, the most telling first, without forbidden ones."""
    if description.keywords is not None:
        return description.keywords
    found = writer.keywords(description.text, request.prompt)
    return tuple(word for word in found if not is_forbidden(word, request.forbidden))


def _in_mood(lexicon: Lexicon, description: Description, request: GenerationRequest) -> GenerationRequest:
    """The request with a mood to write in, in the place of one that its pictures decide."""
    if description.seen and takes_picture(request.mood, description.text or ""):
        return replace(request, mood=description.mood(lexicon))
    return request if request.mood in MOODS else replace(request, mood=None)
