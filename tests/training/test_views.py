"""Other views of a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from model.pictures import Preprocessing
from training.corpora.views import view

SMALL = Preprocessing(size=32)


@pytest.fixture
def picture() -> Image.Image:
    """Red grows to the right, green to the bottom."""
    across, down = np.meshgrid(np.linspace(60, 180, 90), np.linspace(60, 180, 60))
    return Image.fromarray(np.stack([across, down, np.full_like(down, 120)], 2).astype(np.uint8))


def pixels(picture: Image.Image, number: int, name: str = "a.jpg") -> np.ndarray:
    return np.asarray(view(picture, SMALL, number, name), dtype=float)


def test_the_first_is_what_the_encoder_sees_and_the_second_its_mirror_image(picture: Image.Image) -> None:
    assert np.array_equal(pixels(picture, 0), np.asarray(SMALL.square(picture)))
    assert np.array_equal(pixels(picture, 1), pixels(picture, 0)[:, ::-1])


def test_others_are_crops_in_other_colours_and_every_second_is_mirrored(picture: Image.Image) -> None:
    whole = pixels(picture, 0)
    for number in range(2, 12):
        found = pixels(picture, number)
        assert found.shape == whole.shape
        assert not np.allclose(found, whole, atol=2)
        redder_to_the_right = found[:, -1, 0].mean() > found[:, 0, 0].mean()
        assert redder_to_the_right == (number % 2 == 0)
        assert found[-1, :, 1].mean() > found[0, :, 1].mean()


def test_a_view_is_the_same_whenever_it_is_drawn(picture: Image.Image) -> None:
    assert np.array_equal(pixels(picture, 4), pixels(picture, 4))
    assert not np.array_equal(pixels(picture, 4), pixels(picture, 6))
    assert not np.array_equal(pixels(picture, 4), pixels(picture, 4, "b.jpg"))
