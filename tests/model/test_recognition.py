"""The second opinion: what is told of pictures that the captioner knows and does not know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from model.checkpoint import save_checkpoint
from model.encoder import Encoder
from model.errors import BadCheckpoint
from model.image_describer import ImageDescriber
from model.keywords import RARE, extract, sung
from model.pictures import open_picture
from model.recognition import ImageNetClassifier, Recognition, Thing, before_ground, colours, lighting, look
from tests.bench.drawings import drawing
from tests.bench.pictures import drawn
from tests.shipped import LEXICON
from training.corpora.flickr8k import read_split
from training.loops.names import build, class_words

SHIPPED = Path(__file__).parents[2] / "data" / "checkpoints"
CAPTION = "a man in a red shirt is standing in the grass"


def sight(*things: tuple[str, float], out_of_distribution: float = 1.1, flat: bool = False) -> Recognition:
    return Recognition(tuple(Thing(*thing) for thing in things), out_of_distribution, ("blue", "white"), flat)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (sight(("a cat", 0.99), out_of_distribution=0.9), CAPTION),
        (sight(("a cat", 0.995)), "a cat"),
        (sight(("a cat", 0.75), ("a dog", 0.05)), "perhaps a cat"),
        (sight(("coffee", 0.72), ("a cup", 0.27)), "perhaps coffee or a cup"),
        (sight(("a cat", 0.4), ("a dog", 0.3)), "something blue and white"),
        (sight(("hay", 0.2), out_of_distribution=0.9, flat=True), "something blue and white"),
        (sight(("a shirt", 0.99)), "a shirt"),
        (sight(("a cat", 0.9)), "perhaps a cat"),
        (sight(("a cat", 0.995), out_of_distribution=0.95), "a cat"),
        (sight(("a cat", 0.9), out_of_distribution=0.95), f"perhaps {CAPTION}"),
        (sight(("a shirt", 0.99), out_of_distribution=0.95), f"perhaps {CAPTION}"),
        (sight(("a mountain", 0.95), out_of_distribution=0.5), f"perhaps {CAPTION}"),
        (sight(("a partridge", 0.6), ("a hawk", 0.3)), "perhaps a bird"),
        (sight(("a palace", 0.4), ("a church", 0.3), ("a dome", 0.2)), "perhaps a building"),
        (sight(out_of_distribution=0.9), CAPTION),
    ],
)
def test_the_surest_is_told(seen: Recognition, told: str) -> None:
    assert seen.description(CAPTION) == told


@pytest.mark.parametrize(
    ("seen", "believed"),
    [
        (sight(("cattle", 0.995), ("a dog", 0.005), out_of_distribution=0.9), False),
        (sight(("cattle", 0.98), ("a dog", 0.05), out_of_distribution=0.9), True),
        (sight(("cattle", 0.98), ("a dog", 0.005), out_of_distribution=0.5), True),
    ],
)
def test_a_dog_that_the_classifier_denies_is_not_believed_of_a_picture_that_is_nearly_strange(
    seen: Recognition, believed: bool
) -> None:
    caption = "two dogs are running through a field"
    assert seen.description(caption) == (caption if believed else "cattle")


def test_nobody_is_put_into_a_landscape_without_perhaps_but_who_moves_there_is_believed() -> None:
    seen = sight(("a mountain", 0.95), out_of_distribution=0.5)
    assert seen.description("a man is walking on a mountain") == "perhaps a man is walking on a mountain"
    assert seen.description("a skier is skiing down a mountain") == "a skier is skiing down a mountain"


def test_a_drawing_is_never_taken_for_a_photograph() -> None:
    drawn = replace(sight(("a ball", 0.99), out_of_distribution=0.5), drawn=True)
    assert drawn.description(CAPTION) == "perhaps a ball"
    assert replace(drawn, things=(Thing("a ball", 0.4),)).description(CAPTION) == "something blue and white"


def test_specks_in_the_dark_are_stars_unless_they_are_written() -> None:
    night = replace(sight(("a ball", 0.9)), starry=True)
    assert night.description(CAPTION) == "perhaps stars in the night"
    assert replace(night, things=(Thing("a page", 0.8),)).description(CAPTION) == "perhaps a page"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("red heart", ("red", "white")), ("blue heart", ("blue", "black")),
        ("golden star", ("golden", "blue")), ("balloon", ("red", "blue")), ("stripes", None), ("noise", None),
        ("pink fade", None),
    ],
)  # fmt: skip
def test_what_is_before_a_ground_has_its_own_colour(name: str, told: tuple[str, str] | None) -> None:
    assert before_ground(drawing(name)) == told


def test_light_takes_the_second_colours_place_and_both_steer() -> None:
    dark = Recognition((Thing("a cat", 0.4),), 1.1, ("golden", "white"), False, "dark")
    assert dark.description(CAPTION) == "something golden in the dark"
    assert set(extract(dark.description(CAPTION), LEXICON, 2, looks=True)) == {"golden", "dark"}
    # Beside a thing colours and "dark" say nothing, as ever.
    assert extract("a golden dog in the dark", LEXICON, 2) == ["dog", "golden"]
    assert extract("a white dog in the dark", LEXICON, 2) == ["dog"]


@pytest.mark.parametrize(
    ("shades", "word"),
    [
        ([10], "night"), ([50], "dark"), ([128], None), ([250], "light"),
        ([20, 230], "shadow"), ([20, 128, 128, 230], None),
    ],
)  # fmt: skip
def test_light_that_is_special_has_a_word(shades: list[int], word: str | None) -> None:
    assert lighting(np.repeat(np.array(shades, np.float32), 12)) == word


@given(arrays.arrays(np.uint8, (6, 6, 3)))
def test_whatever_is_told_by_its_looks_steers(pixels: np.ndarray) -> None:
    square = Image.fromarray(pixels)
    seen = look(square, np.zeros(1, np.float32), None)
    assert 1 <= len(extract(seen._looks(), LEXICON, 2, looks=True)) <= 2


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("#000000", "black"), ("#101418", "black"), ("#ffffff", "white"), ("#808080", "grey"),
        ("#e02020", "red"), ("#ff8010", "orange"), ("#7a4a1c", "brown"), ("#ffd020", "golden"),
        ("#30a030", "green"), ("#2060d0", "blue"), ("#8030c0", "purple"), ("#ff60b0", "pink"),
    ],
)  # fmt: skip
def test_colours_have_the_names_people_use(colour: str, name: str) -> None:
    assert colours(Image.new("RGB", (20, 20), colour)) == (name,)


def test_the_larger_colour_comes_first_and_specks_are_left_out() -> None:
    picture = Image.new("RGB", (100, 100), "#2060d0")
    picture.paste("#30a030", (0, 0, 100, 35))
    picture.paste("#e02020", (0, 0, 10, 10))
    assert colours(picture) == ("blue", "green")


@given(arrays.arrays(np.uint8, (6, 6, 3)))
def test_every_picture_has_one_or_two_colours_that_can_be_sung(pixels: np.ndarray) -> None:
    found = colours(Image.fromarray(pixels))
    assert 1 <= len(found) <= 2
    assert len(set(found)) == len(found)


def test_classes_of_one_name_add_up_and_those_without_are_never_told() -> None:
    weight = np.log(np.array([[0.2], [0.3], [0.1], [0.4]], np.float32))
    names = ImageNetClassifier(
        weight, np.zeros(4, np.float32), ["a dog", "a dog", "a cat", None], *_space(1), 0.5
    )
    first, second = names.things(np.ones(1, np.float32))
    assert (first.name, second.name) == ("a dog", "a cat")
    assert first.confidence == pytest.approx(0.5)
    assert second.confidence == pytest.approx(0.1)


@given(arrays.arrays(np.float32, 4, elements=st.floats(-8, 8, width=32)))
def test_strangeness_is_the_share_outside_the_familiar_directions(features: np.ndarray) -> None:
    names = ImageNetClassifier(*_nothing(4), *_space(4, known=2), 0.5)
    out_of_distribution_score = names.out_of_distribution_score(features)
    assert -1e-5 <= out_of_distribution_score <= 1 + 1e-5
    inside, outside = features * [1, 1, 0, 0], features * [0, 0, 1, 1]
    if float(inside @ inside) > 1e-3:
        assert names.out_of_distribution_score(inside.astype(np.float32)) == pytest.approx(0, abs=1e-5)
    if float(outside @ outside) > 1e-3:
        assert names.out_of_distribution_score(outside.astype(np.float32)) == pytest.approx(1)


def _space(channels: int, known: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(channels, np.float32), np.eye(channels, dtype=np.float32)[:known]


def _nothing(channels: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    return np.zeros((1, channels), np.float32), np.zeros(1, np.float32), ["a cat"]


def test_without_a_classifier_nothing_is_strange() -> None:
    picture = Image.effect_noise((32, 32), 80).convert("RGB")
    assert look(picture, np.zeros(3, np.float32), None).description(CAPTION) == CAPTION


def test_names_for_another_backbone_are_refused() -> None:
    with pytest.raises(BadCheckpoint, match="not for resnet18"):
        ImageNetClassifier.load(SHIPPED / "names.safetensors", "resnet18")


def test_names_without_their_parts_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "names.safetensors", "names", {"backbone": "x"}, {"weight": torch.ones(2, 2)})
    with pytest.raises(BadCheckpoint, match="lacks or garbles"):
        ImageNetClassifier.load(tmp_path / "names.safetensors", "x")


@pytest.mark.parametrize(
    ("part", "shape", "said"),
    [
        ("names", (2,), "has 2 names for 3 classes"),
        ("names", (4,), "has 4 names for 3 classes"),
        ("bias", (2,), r"bias is \(2,\), not \(3,\)"),
        ("centre", (4,), r"centre is \(4,\), not \(2,\)"),
        ("directions", (1, 3), r"directions is \(1, 3\), not \(1, 2\)"),
        ("weight", (3,), "lacks or garbles"),
    ],
)
def test_names_that_do_not_fit_their_table_are_refused(
    tmp_path: Path, part: str, shape: tuple[int, ...], said: str
) -> None:
    shapes = {"names": (3,), "weight": (3, 2), "bias": (3,), "centre": (2,), "directions": (1, 2)}
    shapes[part] = shape
    names = ["a cat"] * shapes.pop("names")[0]
    header = {"backbone": "x", "names": names, "familiar": 0.5}
    path = tmp_path / "names.safetensors"
    save_checkpoint(path, "names", header, {name: torch.ones(size) for name, size in shapes.items()})
    with pytest.raises(BadCheckpoint, match=said):
        ImageNetClassifier.load(path, "x")


def test_every_name_asks_for_a_word_that_songs_know() -> None:
    names = ImageNetClassifier.load(SHIPPED / "names.safetensors", "tf_efficientnet_lite2").names
    assert len(names) > 250
    for name in names:
        [keyword] = extract(f"perhaps {name}", LEXICON)
        assert sung(keyword, LEXICON) >= RARE, name


@pytest.fixture(scope="module")
def describer(models_read_once: None) -> ImageDescriber:
    return ImageDescriber.load()


@pytest.mark.parametrize(
    ("file", "told"),
    [("chelsea.png", "a cat"), ("coffee.png", "coffee"), ("gravel.png", "something grey")],
)
def test_photographs_from_elsewhere(
    describer: ImageDescriber, photograph: Path, file: str, told: str
) -> None:
    seen = describer.see(open_picture(photograph.with_name(file)))
    assert seen.text == told
    # The captioner's own caption is kept beside it, with its probability.
    assert seen.caption.text != told
    assert seen.caption.log_probability < 0


@pytest.mark.parametrize(
    ("name", "told"), [("blue", "something blue"), ("black", "something black in the night")]
)
def test_a_plain_picture_is_its_colour(describer: ImageDescriber, name: str, told: str) -> None:
    assert describer.see(drawn(name)).text == told


def test_captions_of_pictures_that_the_captioner_knows_are_believed(
    describer: ImageDescriber, data: Path
) -> None:
    flickr = data / "flickr8k"
    names = read_split(flickr / "Flickr_8k.devImages.txt")[::50]
    seen = [describer.see(open_picture(flickr / "images" / name)) for name in names]
    assert sum(one.text == one.caption.text for one in seen) >= 0.9 * len(names)


@pytest.mark.usefixtures("nltk_data")
def test_imagenets_classes_become_words_of_songs() -> None:
    classes = {
        "n02123045": "cat", "n07920052": "coffee", "n03100240": "car", "n04344873": "couch",
        "n06359193": "page", "n02099601": "dog", "n02504458": "elephant", "n03642806": "laptop",
    }  # fmt: skip
    assert class_words(list(classes), LEXICON) == list(classes.values())


@pytest.mark.usefixtures("nltk_data")
def test_building_needs_a_classifier_of_imagenets_classes(tmp_path: Path) -> None:
    encoder = Encoder("tf_efficientnet_lite2")
    rng = np.random.default_rng(1)
    trunk = rng.random((140, 1, 120, 2, 2), dtype=np.float32).astype(np.float16)
    output = tmp_path / "names.safetensors"
    figures = build(encoder, LEXICON, trunk, trunk[:10], output)
    assert figures["classes"] == 1000
    names = ImageNetClassifier.load(output, "tf_efficientnet_lite2")
    assert names.threshold == pytest.approx(figures["familiar"])
    assert names.directions @ names.directions.T == pytest.approx(np.eye(len(names.directions)), abs=0.02)
