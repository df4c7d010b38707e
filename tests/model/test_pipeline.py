"""The one way from pictures to songs, with the models that ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from model.image_describer import ImageDescriber
from model.lyrics_generator import LyricsGenerator, Song
from model.pictures import open_picture
from model.pipeline import Description, describe, write, write_again
from model.recipe import OtherModels
from model.request import GenerationRequest

BLACK = Image.new("RGB", (64, 64), "black")


@pytest.fixture(scope="module")
def describer(models_read_once: None) -> ImageDescriber:
    return ImageDescriber.load()


@pytest.fixture(scope="module")
def writer(lyrics_generator: LyricsGenerator) -> LyricsGenerator:
    return lyrics_generator


def mood(writer: LyricsGenerator, description: Description, asked: str | None) -> str | None:
    [song] = write(writer, [(description, GenerationRequest(mood=asked, candidates=1, lines=1))])
    return song.request.mood


def test_a_picture_told_by_its_looks_gives_the_mood_where_none_was_said(
    describer: ImageDescriber, writer: LyricsGenerator, photograph: Path
) -> None:
    night = describe(describer, [BLACK])
    assert night.text == "something black in the night"
    assert mood(writer, night, None) == "dreamy"
    assert mood(writer, night, "picture") == "dreamy"
    assert mood(writer, night, "happy") == "happy"
    assert mood(writer, night, "none") is None
    # One of two pictures has a name: the song is about that.
    both = describe(describer, [open_picture(photograph), BLACK])
    assert mood(writer, both, None) is None
    assert mood(writer, both, "picture") is not None
    # As "Another one" asks, which has the mood of the song before.
    assert mood(writer, Description(night.text), None) is None


def test_frames_of_which_the_same_is_said_are_told_once(describer: ImageDescriber, photograph: Path) -> None:
    assert describe(describer, [BLACK, BLACK]).text == "something black in the night"
    both = describe(describer, [open_picture(photograph), BLACK])
    assert both.text is not None
    assert both.text.endswith("; something black in the night")


def test_a_song_is_written_again_and_has_none_of_the_forbidden_words(writer: LyricsGenerator) -> None:
    forbidden = frozenset({"dog"})
    asked = GenerationRequest(seed=5, forbidden=forbidden)
    [song] = write(writer, [(Description("a dog runs in the snow", "digest"), asked)])
    assert (song.caption, song.captioner) == ("a dog runs in the snow", "digest")
    assert "dog" not in song.keywords
    again = write_again(writer, writer.recipe(song), forbidden)
    assert (again.lines, again.keywords, again.caption) == (song.lines, song.keywords, None)
    with pytest.raises(OtherModels):
        write_again(writer, replace(writer.recipe(song), origin="0123456789ab"))


def test_company_in_a_batch_changes_no_song(writer: LyricsGenerator) -> None:
    wanted = [(Description("two cats on a bed"), GenerationRequest(seed=n, candidates=8)) for n in range(2)]
    together = write(writer, wanted)
    assert [song.lines for song in together] == [write(writer, [one])[0].lines for one in wanted]


@dataclass(frozen=True)
class Keyed(GenerationRequest):
    key: str = "C"


def test_a_field_that_is_new_reaches_the_lyrics_generator(
    writer: LyricsGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[GenerationRequest] = []
    sung = LyricsGenerator.sung

    def spy(self: LyricsGenerator, wanted: Sequence[tuple[Sequence[str], GenerationRequest]]) -> list[Song]:
        asked.extend(request for _, request in wanted)
        return sung(self, wanted)

    monkeypatch.setattr(LyricsGenerator, "sung", spy)
    write(writer, [(Description("a dog", seen=()), Keyed(mood="picture", candidates=1, lines=1, key="D"))])
    assert [getattr(request, "key", None) for request in asked] == ["D"]
