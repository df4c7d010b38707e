"""What to say of a picture: the captioner's sentence, a thing that is named beside it, or colours.

The captioner describes any picture as if it were one of those it learnt from. So three more
questions are asked: do the features it sees look like those pictures', what does ImageNet's
classifier call them, and was the picture taken at all, or drawn?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.checkpoint import described, load_checkpoint
from model.errors import BadCheckpoint
from model.keywords import UNNAMED

Features = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

# Below this a name is wrong more often than right, on pictures from elsewhere (docs/captioner.md).
SURE = 0.7
# From here on there is no "perhaps", unless the picture is drawn.
CERTAIN = 0.99
# A second thing is worth a mention beside one that is not certain.
POSSIBLE = 0.15
# Above this share of the out-of-distribution threshold a caption is told with "perhaps", as 6 % of
# Flickr8k's held-back pictures are.
_DOUBTFUL = 0.9
# So much of a drawing, a screenshot or a cut-out is just like the pixel on its left: more than of any
# of those held-back pictures.
_DRAWN = 0.62
# The captioner sees dogs in whatever has four legs, and ImageNet has 120 breeds of them. Of Flickr8k's
# held-back pictures with a dog in their caption 98 % have at least this probability of one: where it
# is less, a picture that is nearly out of distribution is taken for one that is.
_DOG, _NO_DOG = "a dog", 0.01
_NEARLY = 0.85
# The captioner puts somebody into any landscape, who stands, sits or walks there: a caption that does so
# where the classifier is so sure of a landscape is told with "perhaps", too.
_LANDSCAPES = frozenset(
    ["a cliff", "a dock", "a lake", "a mountain", "a pier", "a spring", "a valley", "the shore"]
)
_POSES = frozenset(["sitting", "standing", "walking"])
_LANDSCAPE = 0.9
# Where no single name is sure, what several have in common may be: Deng et al., Hedging Your Bets,
# CVPR 2012. Names without their articles.
_WRITTEN = "a page"
_KINDS = {
    "a bird": """bird cock cuckoo crane duck eagle goose hawk hen heron jay magpie owl parrot partridge
        peacock pelican quail robin stork swan vulture""",
    "a building": """barn castle church cloister dome house market mill monument palace prison roof shop
        temple tower""",
    _WRITTEN: "book ink letter page paper pencil puzzle ruler screen",
    "fruit": "apple berry fig fruit orange strawberry",
    "a flower": "bee butterfly flower",
    "a mountain": "cliff mountain valley",
    "the land": "cliff lake mountain shore spring valley",
    "a boat": "boat dock pier sail ship",
    "music": "drum fiddle flute guitar harp horn microphone organ piano whistle",
    "cloth": "handkerchief scarf towel velvet wool",
}
# Brightness (0 to 255) spreads less in a picture with nothing to see in it.
FLAT = 4.0
# A share of the picture that makes a colour one of its colours, and how many are told.
_SHARE, _COLOURS = 0.2, 2
# A ground is the colour of so much of the edge, which is so wide (of the picture's side); what is
# before it fills at least so much of the picture.
_GROUND, _EDGE, _SUBJECT = 0.7, 1 / 16, 0.03
# People name a colour before they name white, grey or black.
_COLOURLESS = 0.5
# Stars: so many specks brighter than this, of 255, that are together no more than so much of a night.
_SPECKS, _BRIGHT, _SPARSE = 15, 110, 0.04
# Of 255: what is darker is black and what is less saturated is grey or white, whatever the hue.
_BLACK, _WHITE, _PALE = 56, 200, 48
# Mean brightness of 255. Of Flickr8k's held-back pictures 2 % are darker than the first, 7 % than the
# second, and 5 % are brighter than the third.
_NIGHT, _DARK, _LIGHT = 38, 64, 166
# What is darker or brighter than this is in the shadow or in the light, and where a picture has
# this much of both it is one of light and shadow.
_SHADED, _LIT = 51, 178
_MUCH_SHADED, _MUCH_LIT = 0.3, 0.15
# Orange that is not bright is brown; red that is bright and not saturated is pink.
_BROWN, _ROSY, _PASTEL = 150, 200, 130
# Pillow's hues, 0 to 255 round the circle, each up to the named bound.
_HUES = (
    (8, "red"), (25, "orange"), (44, "golden"), (115, "green"), (172, "blue"), (205, "purple"),
    (240, "pink"), (256, "red"),
)  # fmt: skip
_NAMES = list(dict.fromkeys([*(name for _, name in _HUES), "brown", "white", "grey", "black"]))
_WEIGHTS = np.array([_COLOURLESS if name in ("white", "grey", "black") else 1.0 for name in _NAMES])
# For each hue the number of its colour.
_CODES = np.array(
    [next(_NAMES.index(name) for bound, name in _HUES if hue < bound) for hue in range(256)], np.uint8
)


@dataclass(frozen=True)
class Thing:
    """What the classifier calls a picture.

    Attributes:
        name: as people say it, "a cat" or "coffee"; its word is one that songs sing.
        confidence: probability, 0 to 1, of all classes with the name.
    """

    name: str
    confidence: float


class ImageNetClassifier:
    """ImageNet's classifier on the captioner's features, and what the captioner's pictures look like.

    Args:
        weight: (classes, channels), of the classifier.
        bias: (classes,).
        names: for each class what it is called, or None.
        centre: (channels,), the mean features of the captioner's training pictures.
        directions: (directions, channels), orthonormal, those in which they differ the most.
        threshold: the score that most of the captioner's held-back pictures stay below.
    """

    def __init__(
        self,
        weight: Features,
        bias: Features,
        names: Sequence[str | None],
        centre: Features,
        directions: Features,
        threshold: float,
    ) -> None:
        self.weight, self.bias = weight, bias
        self.names = sorted({name for name in names if name})
        self.centre, self.directions, self.threshold = centre, directions, threshold
        column = {name: number for number, name in enumerate(self.names)}
        # Classes without a name share a last column, which is never told.
        self._columns = np.array([column[name] if name else len(column) for name in names])

    @classmethod
    def load(cls, path: Path, backbone: str) -> ImageNetClassifier:
        """Read a checkpoint of kind "names".

        Raises:
            BadCheckpoint: see ``model.checkpoint``, or it was made for another backbone, or its
                parts do not fit each other.
        """
        checkpoint = load_checkpoint(path, "names")
        header, arrays = checkpoint.header, checkpoint.arrays
        if header.get("backbone") != backbone:
            raise BadCheckpoint(f"The checkpoint {path} is for {header.get('backbone')}, not for {backbone}.")
        with described(path):
            _check_shapes(path, header["names"], arrays)
            return cls(
                arrays["weight"],
                arrays["bias"],
                header["names"],
                arrays["centre"],
                arrays["directions"],
                float(header["familiar"]),
            )

    def things(self, features: Features) -> list[Thing]:
        """Mean features (channels,) -> every name with its probability, the likeliest first."""
        # Not "@": the threads of NumPy's BLAS would get in the way of torch's for a while after.
        scores = np.einsum("cf,f->c", self.weight, features) + self.bias
        shares = np.exp(scores - scores.max())
        sums = np.bincount(self._columns, shares / shares.sum(), len(self.names) + 1)[:-1]
        return [Thing(self.names[number], float(sums[number])) for number in np.argsort(-sums)]

    def out_of_distribution_score(self, features: Features) -> float:
        """How much of a picture's features (channels,) the familiar directions leave out, 0 to 1.

        The residual of a principal component analysis, as in novelty detection (Jackson and
        Mudholkar, Technometrics 21, 1979), relative to the distance from the centre.
        """
        away = features - self.centre
        length = float(np.square(away).sum())
        inside = np.einsum("df,f->d", self.directions, away)
        return 1.0 - float(np.square(inside).sum()) / length if length else 0.0


def _check_shapes(path: Path, names: Sequence[str | None], arrays: Mapping[str, Features]) -> None:
    classes, channels = arrays["weight"].shape
    if len(names) != classes:
        raise BadCheckpoint(f"The checkpoint {path} has {len(names)} names for {classes} classes.")
    directions = len(arrays["directions"])
    fitting = {"bias": (classes,), "centre": (channels,), "directions": (directions, channels)}
    for name, shape in fitting.items():
        if arrays[name].shape != shape:
            raise BadCheckpoint(
                f"The checkpoint {path} is damaged: {name} is {arrays[name].shape}, not {shape}."
            )


@dataclass(frozen=True)
class Recognition:
    """A picture's second opinion.

    Attributes:
        things: what the classifier calls it, the likeliest first.
        out_of_distribution: how unlike the captioner's pictures it looks; most of those are below 1.
        colours: its main colours, never empty: the largest first, or what is before a ground and the
            ground.
        flat: whether it has nothing but one colour.
        light: what its light is like, where that is worth a word; see ``lighting``.
        drawn: whether it was drawn rather than taken.
        ground: whether the last colour is that of a ground.
        starry: whether it is a night with bright specks.
    """

    things: tuple[Thing, ...]
    out_of_distribution: float
    colours: tuple[str, ...]
    flat: bool
    light: str | None = None
    drawn: bool = False
    ground: bool = False
    starry: bool = False

    def description(self, caption: str) -> str:
        """What to say and to sing of: the caption, a thing's name, or colours and light.

        The caption is believed of pictures like those it comes from, unless the classifier denies
        what it says. Of others a name the classifier is sure of is better; where there is none, what
        can be seen without knowing anything is all that is said.
        """
        if self.flat:
            return self._looks()
        if not self._unfamiliar(caption):
            return f"perhaps {caption}" if self._doubtful(caption) else caption
        if self.starry and self._kinds()[_WRITTEN] < SURE:
            return "perhaps stars in the night"
        return self._name() or self._looks()

    def _unfamiliar(self, caption: str) -> bool:
        if not self.things:
            return False
        if self.drawn or self.out_of_distribution > 1.0:
            return True
        first = self.things[0]
        if self.out_of_distribution > _DOUBTFUL and first.confidence >= CERTAIN:
            return not _says(caption, first.name)
        return self.out_of_distribution > _NEARLY and self._denied(caption)

    def _denied(self, caption: str) -> bool:
        dog = sum(thing.confidence for thing in self.things if thing.name == _DOG)
        return _says(caption, _DOG) and dog < _NO_DOG

    def _doubtful(self, caption: str) -> bool:
        if self.out_of_distribution > _DOUBTFUL:
            return True
        first = next(iter(self.things), None)
        landscape = first is not None and first.name in _LANDSCAPES and first.confidence >= _LANDSCAPE
        return landscape and not _POSES.isdisjoint(caption.split())

    def _name(self) -> str | None:
        first, *others = self.things
        if first.confidence >= CERTAIN and not self.drawn:
            return first.name
        kind, of_kind = max(self._kinds().items(), key=lambda one: one[1])
        if of_kind >= max(SURE, first.confidence + POSSIBLE):
            return f"perhaps {kind}"
        if first.confidence < SURE:
            return None
        second = [f" or {other.name}" for other in others[:1] if other.confidence >= POSSIBLE]
        return "perhaps " + first.name + "".join(second)

    def _kinds(self) -> dict[str, float]:
        shares = {thing.name.rpartition(" ")[2]: thing.confidence for thing in self.things}
        return {kind: sum(shares.get(name, 0.0) for name in names.split()) for kind, names in _KINDS.items()}

    def _looks(self) -> str:
        # As many words as steer: what is before what, colours, or the first of them and the light.
        if self.ground:
            return f"{UNNAMED} {' on '.join(self.colours)}"
        if self.light:
            return f"{UNNAMED} {self.colours[0]} in the {self.light}"
        return f"{UNNAMED} {' and '.join(self.colours)}"


def look(square: Image.Image, features: Features, classifier: ImageNetClassifier | None) -> Recognition:
    """The second opinion on a picture.

    Args:
        square: what the encoder saw, RGB.
        features: (channels,), the encoder's mean features.
        classifier: None where there is none; then nothing is out of distribution.
    """
    pixels = np.asarray(square.convert("L"), dtype=np.float32)
    things = tuple(classifier.things(features)) if classifier else ()
    out_of_distribution = 0.0
    if classifier:
        out_of_distribution = classifier.out_of_distribution_score(features) / classifier.threshold
    light, codes = lighting(pixels), _codes(square)
    before = _before_ground(codes)
    return Recognition(
        things,
        out_of_distribution,
        before or _main(codes),
        bool(pixels.std() < FLAT),
        light,
        drawn=evenness(square) > _DRAWN,
        ground=before is not None,
        starry=light == "night" and _specks(pixels) >= _SPECKS,
    )


def evenness(square: Image.Image) -> float:
    """The share of an RGB picture's pixels that are just like the one on their left, 0 to 1.

    The noise of a camera leaves few of them; a drawing or a screenshot has little else.
    """
    # A pixel's four bytes as one number.
    pixels = np.asarray(square.convert("RGBX")).view(np.uint32)
    return float((pixels[:, 1:] == pixels[:, :-1]).mean())


def colours(square: Image.Image) -> tuple[str, ...]:
    """The main colours of an RGB picture, the most striking first: at least one and at most two."""
    return _main(_codes(square))


def _main(codes: Codes) -> tuple[str, ...]:
    counts = np.bincount(codes.ravel(), minlength=len(_NAMES))
    order = np.argsort(-counts * _WEIGHTS, kind="stable")
    large = [_NAMES[number] for number in order if counts[number] >= _SHARE * counts.sum()]
    return tuple(large[:_COLOURS] or [_NAMES[order[0]]])


def before_ground(square: Image.Image) -> tuple[str, str] | None:
    """The colour of what is in the middle of an RGB picture, and that of the ground all round it.

    None where the edge is of several colours, or nothing stands out.
    """
    return _before_ground(_codes(square))


def _before_ground(codes: Codes) -> tuple[str, str] | None:
    width = max(1, round(len(codes) * _EDGE))
    inner = codes[width:-width, width:-width]
    counts = np.bincount(codes.ravel(), minlength=len(_NAMES))
    edge = counts - np.bincount(inner.ravel(), minlength=len(_NAMES))
    ground = int(edge.argmax())
    if edge[ground] < _GROUND * edge.sum():
        return None
    counts[ground] = 0
    subject = int((counts * _WEIGHTS).argmax())
    # As much of it on the edge as elsewhere is a pattern.
    stands_out = edge[subject] / edge.sum() < counts[subject] / codes.size / 2
    if not stands_out or counts[subject] < _SUBJECT * codes.size:
        return None
    return _NAMES[subject], _NAMES[ground]


def _codes(square: Image.Image) -> Codes:
    """For every pixel of an RGB picture (height, width) the number of its colour's name."""
    hue, saturation, value = np.moveaxis(np.asarray(square.convert("HSV")), 2, 0)
    found = _CODES[hue]
    found = np.where((found == _NAMES.index("orange")) & (value < _BROWN), _NAMES.index("brown"), found)
    rosy = (found == _NAMES.index("red")) & (value > _ROSY) & (saturation < _PASTEL)
    found = np.where(rosy, _NAMES.index("pink"), found)
    pale = np.where(value > _WHITE, _NAMES.index("white"), _NAMES.index("grey"))
    found = np.where(saturation < _PALE, pale, found)
    return np.where(value < _BLACK, _NAMES.index("black"), found)


def _specks(brightness: npt.NDArray[np.float32]) -> int:
    """How many bright specks there are on a dark picture, 0 where they are no specks."""
    bright = brightness > _BRIGHT
    if bright.mean() > _SPARSE:
        return 0
    # One for each: its first pixel has no bright one on the left and none above.
    left, above = np.roll(bright, 1, 1), np.roll(bright, 1, 0)
    return int((bright & ~left & ~above).sum())


def lighting(brightness: Features) -> str | None:
    """A word for the light of a picture, from its pixels' brightness (0 to 255), if it is special."""
    mean = brightness.mean()
    if mean < _NIGHT:
        return "night"
    if mean < _DARK:
        return "dark"
    if mean > _LIGHT:
        return "light"
    shaded, lit = (brightness < _SHADED).mean(), (brightness > _LIT).mean()
    return "shadow" if shaded > _MUCH_SHADED and lit > _MUCH_LIT else None


def _says(caption: str, name: str) -> bool:
    word = name.rpartition(" ")[2]
    return not {word, word + "s", word + "es"}.isdisjoint(caption.split())
