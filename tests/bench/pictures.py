"""Is a keyword right on pictures unlike Flickr8k's? Run: ``python -m tests.bench.pictures``.

The pictures come out of packages (``pip install scikit-image scikit-learn gradio ultralytics``;
Debian's ``opencv-doc``, ``lomiri-wallpapers-16.04``, ``mate-backgrounds``, ``gnome-backgrounds``
and ``tuxpaint-stamps-default``), out of this repository, or are drawn here. What is right was
written down by looking at them, before any model did (what is right of their light, before that was
told). Absent pictures are skipped and counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from model.files import CHECKPOINTS
from model.image_describer import ImageDescriber
from model.keywords import extract
from model.lyrics_generator import LyricsGenerator
from model.mood import picture_mood, takes_picture
from model.pictures import open_picture
from model.sampling_jobs import FROM_CAPTION

_ROOT = Path(__file__).parent.parent.parent
_DEBIAN = {
    "opencv": "usr/share/doc/opencv-doc/examples/data",
    "lomiri": "usr/share/backgrounds",
    "mate": "usr/share/backgrounds/mate/nature",
    "gnome": "usr/share/backgrounds/gnome",
    "tuxpaint": "usr/share/tuxpaint/stamps",
}
_PYTHON = {
    "skimage": "data",
    "sklearn": "datasets/images",
    "gradio": "media_assets/images",
    "ultralytics": "assets",
}

# Source, file: words that name what is there; true words for its colours; for its light and air.
_PICTURES = """
skimage chelsea.png: cat eye; brown
skimage coffee.png: coffee cup tea spoon table drink; red brown
skimage motorcycle_left.png: wheel motor shop; red
skimage rocket.jpg: rocket tower light; blue; night dark
skimage coins.png: coin money silver gold king; grey; dark shadow
skimage moon.png: moon stone sand; grey
skimage hubble_deep_field.jpg: star heaven sky; black; night dark
skimage page.png: page book paper letter word write; white grey
skimage text.png: page paper word write letter; grey
skimage horse.png: horse; black white; shadow light
skimage brick.png: brick wall stone street road; grey
skimage grass.png: grass hay field; grey
skimage gravel.png: stone rock; grey
skimage retina.jpg: eye; red orange
skimage color.png: rainbow; ; bright light
sklearn china.jpg: temple tower palace castle tree lake; green
sklearn flower.jpg: flower rose daisy; orange golden; dark
docs raccoon.jpg: bear fox grass leaf; grey green
gradio cheetah.jpg: leopard cat tiger lion run; brown golden
gradio cheetah1.jpg: leopard cat tiger lion; brown
gradio groot.jpeg: tree wood bark man; blue; dark
gradio lion.jpg: lion rock; brown
gradio tower.jpg: tower sky; blue golden; light evening
ultralytics bus.jpg: bus street walk wheel man; blue
lomiri Bridge_by_Sander_Klootwijk.jpg: bridge rope shore sand beach sky sea cloud; blue; light
lomiri Picture_0B_by_freespace.jpg: fig fruit bowl dish; red
lomiri Picture_1A_by_freespace.jpg: brush paint; ; bright
lomiri Wine_by_Jakkub_Mede.jpg: wine room drum bottle table chair; brown golden; shadow
lomiri aitzgorri_by_Aitzol_Berasategi.jpg: mountain hill field meadow valley grass wood; green; autumn
lomiri analogpattern_by_Peter_Nerlich.jpg: mist; purple green
lomiri free_by_Peter_Nerlich.jpg: bird lamp light wing fly; grey; bright
lomiri greentock_by_Peter_Nerlich.jpg: clock hour watch time; grey
lomiri life_by_Aitzol_Berasategi.jpg: stream brook water river wood rock stone forest; green grey; shadow
lomiri picosdeeuropa_by_Aitzol_Berasategi.jpg: mountain hill rock path valley cloud; blue; shadow light
lomiri seeding_by_Clements_Engelhardt.jpg: flower seed grass meadow field; golden green; light
lomiri sunset_by_Aitzol_Berasategi.jpg: sun sunset hill mountain sky; golden; evening bright light shadow dark
lomiri umang_by_Abhishek_Mudgal.jpg: rainbow; orange purple; bright
mate Aqua.jpg: water drop rain; blue white; light
mate Blinds.jpg: leaf; green; light
mate Dune.jpg: grass sand sea shore beach hay; golden blue
mate FreshFlower.jpg: flower rose; red orange
mate Garden.jpg: flower garden; red golden; dark shadow
mate GreenMeadow.jpg: grass meadow field corn; green
mate LadyBird.jpg: beetle flower leaf grass insect; green
mate RainDrops.jpg: leaf rain dew drop grass water; green
mate Storm.jpg: storm cloud road sky field; grey blue; dark
mate Wood.jpg: wood board; grey green; light
mate YellowFlower.jpg: flower daisy; golden yellow; dark shadow
gnome adwaita-d.webp: ; purple blue; dark night
opencv fruits.jpg: fruit orange; orange green; dark shadow
opencv baboon.jpg: ape monkey face; blue red
opencv leuvenA.jpg: street house town village roof; grey; dark shadow
opencv squirrel_cls.jpg: squirrel tree leaf; green
opencv home.jpg: palace church temple castle tower house roof sky; blue
opencv aloeL.jpg: pot plant flower leaf; green; light
opencv starry_night.jpg: star night sky moon painting picture town; blue; dark
opencv orange.jpg: orange fruit; golden orange
opencv licenseplate_motion.jpg: car light wheel road; red grey
opencv box.png: box letter paper; grey
opencv apple.jpg: apple fruit; red orange golden
opencv butterfly.jpg: butterfly leaf wing; green
opencv building.jpg: house prison window palace tower; grey; shadow light
opencv aero1.jpg: town city field river land; grey
opencv sudoku.png: puzzle page paper number; grey
opencv smarties.png: ball sweet bead; white; bright light
opencv board.jpg: board iron metal; green
opencv graf1.png: wall painting picture; red
opencv cards.png: card game; white; light
opencv notes.png: music song note page; white; light
opencv imageTextN.png: page book paper word letter write; white; light
opencv chicky_512.png: dog; brown blue
opencv ela_original.jpg: book case; black; dark
tuxpaint food/pizza.png: bread supper feast; white; light
tuxpaint vehicles/auto/beetle.png: car wheel beetle; red; light
tuxpaint vehicles/auto/sportscar2.png: car wheel; red; light
tuxpaint household/dishes/teapot.png: tea pot; brown black; dark light
tuxpaint household/dishes/mug.png: cup coffee; grey white; light
tuxpaint household/kettle.png: kettle tea kitchen pot; silver; light
tuxpaint hobbies/music/string/violin.png: fiddle violin music; brown; light
tuxpaint hobbies/music/brass/trumpet.png: trumpet horn music; golden; light
tuxpaint plants/flowers/rose.png: rose flower; red; light
tuxpaint animals/birds/owl.png: owl bird; white; light
tuxpaint animals/mammals/elephant.png: elephant; brown; light
tuxpaint food/fruit/banana.png: fruit banana; yellow golden green; light
tuxpaint food/vegetables/corn.png: corn; golden yellow; light
tuxpaint hobbies/camera_35mm.png: picture glass; black; dark light
docs channel.png: page screen letter; grey; dark
docs report.png: page letter screen book paper; white; light
docs temperature.png: page screen line paper; white; light
drawn blue: sky; blue
drawn black: ; black; dark night
drawn night: star moon night sky; blue; dark
drawn sunset: sun sunset sea sky evening; golden red orange; light
drawn house: house sun grass sky; blue green; light
drawn face: face smile sun; golden yellow white; light
drawn terminal: screen page letter; black; dark
drawn table: page paper screen; white; light
drawn letter: page paper letter book; white; light
"""

# Of docs/data/pictures.tsv.
COLUMNS = ("picture", "keywords_of_captioner", "right_of_captioner", "told", "keywords", "right", "mood")


class Row(NamedTuple):
    """A picture and what is right to say of it."""

    source: str
    file: str
    right: dict[str, frozenset[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debian", type=Path, default=Path("/"), help="where the packages are unpacked")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    options = parser.parse_args()
    describer, writer = (
        ImageDescriber.load(options.checkpoints),
        LyricsGenerator.load(options.checkpoints),
    )
    found = rows()
    alone, beside, believed, moods = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    print(*COLUMNS, sep="\t")
    for row in found:
        picture = _open(row, options.debian)
        if picture is None:
            continue
        seen = describer.see(picture)
        before, after = (
            extract(seen.caption.text, writer.lexicon, FROM_CAPTION),
            writer.keywords(seen.text, ""),
        )
        old, new = judge(row, before), judge(row, after)
        mood = None
        if takes_picture(None, seen.text):
            mood = picture_mood(describer.preprocessing.square(picture), seen.text, writer.lexicon)
            moods[mood or "none"] += 1
        alone[old] += 1
        beside[new] += 1
        believed[new] += seen.text == seen.caption.text
        name = Path(row.file).stem
        cells = [name, ", ".join(before), old, seen.text, ", ".join(after), new, mood or ""]
        print(*cells, sep="\t")
    print(f"\n{alone.total()} pictures, {len(found) - alone.total()} absent")
    print("captioner alone:", dict(alone))
    print("with the second opinion:", dict(beside))
    print("captions that are told:", dict(believed))
    print("told by looks, moods:", dict(moods))


def rows() -> list[Row]:
    """The list above."""
    found = []
    for line in _PICTURES.strip().splitlines():
        where, _, words = line.partition(": ")
        right = dict(zip(("thing", "colour", "light"), map(_words, words.split(";")), strict=False))
        found.append(Row(*where.split(" "), right))
    return found


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def judge(row: Row, keywords: Sequence[str]) -> str:
    """What the most telling right keyword is: of a thing, a colour or the light; "no" without one."""
    return next((kind for kind, words in row.right.items() if words.intersection(keywords)), "no")


def _open(row: Row, debian: Path) -> Image.Image | None:
    if row.source == "drawn":
        return drawn(row.file)
    path = _folder(row.source, debian) / row.file
    return open_picture(path) if path.is_file() else None


def _folder(source: str, debian: Path) -> Path:
    if source == "docs":
        return _ROOT / "docs" / "images"
    if source in _DEBIAN:
        return debian / _DEBIAN[source]
    spec = importlib.util.find_spec(source)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0] if places else tempfile.gettempdir()) / _PYTHON[source]


def drawn(name: str) -> Image.Image:
    """One of the pictures that are drawn here."""
    return _DRAWN[name]()


def _plain(colour: str) -> Image.Image:
    return Image.new("RGB", (400, 300), colour)


def _night() -> Image.Image:
    picture = _plain("#0a1030")
    draw = ImageDraw.Draw(picture)
    source = np.random.default_rng(1)
    for x, y in source.integers(0, (400, 220), (90, 2)):
        draw.point((int(x), int(y)), "white")
    draw.ellipse((290, 40, 340, 90), "#f4f0d0")
    draw.polygon([(0, 300), (0, 250), (120, 220), (260, 260), (400, 230), (400, 300)], "black")
    return picture


def _sunset() -> Image.Image:
    height = np.linspace(0, 1, 300)[:, None, None]
    top, bottom = np.array([90, 40, 110]), np.array([255, 160, 50])
    rows = np.broadcast_to(top + (bottom - top) * height, (300, 400, 3)).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(rows))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((170, 170, 230, 230), "#fff0a0")
    draw.rectangle((0, 230, 400, 300), "#402040")
    return picture


def _house() -> Image.Image:
    picture = _plain("#8fd0ff")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 220, 400, 300), "#50b050")
    draw.rectangle((120, 130, 280, 240), "#e0c090", "black", 4)
    draw.polygon([(105, 132), (200, 60), (295, 132)], "#c04030", "black")
    draw.rectangle((180, 180, 220, 240), "#805030", "black", 3)
    draw.rectangle((135, 150, 165, 180), "white", "black", 3)
    draw.ellipse((330, 15, 385, 70), "#ffe040", "black")
    return picture


def _face() -> Image.Image:
    picture = _plain("white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((100, 50, 300, 250), "#ffe040", "black", 5)
    draw.ellipse((150, 110, 170, 140), "black")
    draw.ellipse((230, 110, 250, 140), "black")
    draw.arc((145, 110, 255, 210), 20, 160, "black", 6)
    return picture


def _written(lines: Sequence[str], ink: str, ground: str) -> Image.Image:
    picture = Image.new("RGB", (640, 400), ground)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(16)
    for number, line in enumerate(lines):
        draw.text((20, 16 + 24 * number), line, ink, font)
    return picture


def _terminal() -> Image.Image:
    steps = [f"epoch {n}  minutes {3.1 * n:.1f}  loss {4 / n:.4f}  dev {5 / n:.3f}" for n in range(1, 13)]
    return _written(["$ songwriter train generator", *steps, "$"], "#40e060", "black")


def _letter() -> Image.Image:
    line = "We shall be glad to see you when the ships come in, and hope that you are well."
    return _written(["Dear Ann,", "", *[line] * 9, "", "Yours"], "black", "white")


def _table() -> Image.Image:
    picture = _plain("white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    for row in range(12):
        for column in range(5):
            x, y = 10 + 76 * column, 8 + 24 * row
            draw.rectangle((x, y, x + 76, y + 24), "#e0e0e0" if row == 0 else "white", "#888888")
            draw.text((x + 6, y + 5), f"{(row * 37 + column * 91) % 500 / 10:.1f}", "black", font)
    return picture


_DRAWN: dict[str, Callable[[], Image.Image]] = {
    "blue": lambda: _plain("#2060d0"),
    "black": lambda: _plain("black"),
    "night": _night,
    "sunset": _sunset,
    "house": _house,
    "face": _face,
    "terminal": _terminal,
    "table": _table,
    "letter": _letter,
}

if __name__ == "__main__":
    main()
