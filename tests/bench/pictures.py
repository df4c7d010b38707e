"""Is what is told of pictures unlike Flickr8k's right? Run: ``python -m tests.bench.pictures``.

The pictures come out of packages (``pip install scikit-image scikit-learn matplotlib networkx sympy
playwright gradio ultralytics``; Debian's ``opencv-doc``, ``lomiri-wallpapers-16.04``,
``mate-backgrounds``, ``gnome-backgrounds`` and ``tuxpaint-stamps-default``), out of this repository, or
are drawn here. What is right was written down by looking at them, before any model did. Those of
``--apart`` had no part in choosing a rule or a bound. Absent pictures are skipped and counted.
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
from model.keywords import STOPWORDS, extract, unnamed
from model.lexicon import Lexicon
from model.mood import picture_mood, takes_picture
from model.pictures import open_picture
from model.text import words
from tests.bench.drawings import DRAWINGS, drawing
from training.corpora.flickr8k import read_split

_ROOT = Path(__file__).parent.parent.parent
_OPENCV = "usr/share/doc/opencv-doc/examples"
_DEBIAN = {
    "opencv": f"{_OPENCV}/data",
    **{
        name: f"{_OPENCV}/{folder}"
        for name, folder in {
            "alphamat": "alphamat/input_images",
            "dnn_superres": "dnn_superres",
            "fuzzy": "fuzzy",
            "hfs": "hfs/data",
            "reg": "reg",
            "text": "text",
            "ximgproc": "ximgproc",
        }.items()
    },
    "lomiri": "usr/share/backgrounds",
    "mate": "usr/share/backgrounds/mate/nature",
    "gnome": "usr/share/backgrounds/gnome",
    "tuxpaint": "usr/share/tuxpaint/stamps",
}
_PYTHON = {
    "skimage": "data",
    "sklearn": "datasets/images",
    "matplotlib": "mpl-data/sample_data",
    "networkx": "drawing/tests/baseline",
    "sympy": "plotting/tests",
    "playwright": "driver/package/lib/server/chromium",
    "gradio": "media_assets/images",
    "ultralytics": "assets",
}

# Source, file: words that name what is there; true words for its colours; for its light and air; and others
# that are true of it in a sentence.
_PICTURES = """
skimage chelsea.png: cat eye; brown
skimage coffee.png: coffee cup tea spoon table drink; red brown
skimage motorcycle_left.png: wheel motor shop bike; red
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
sklearn china.jpg: temple tower palace castle building tree lake; green
sklearn flower.jpg: flower rose daisy; orange golden; dark
docs raccoon.jpg: bear fox grass leaf; grey green
gradio cheetah.jpg: leopard cat tiger lion run; brown golden
gradio cheetah1.jpg: leopard cat tiger lion; brown
gradio groot.jpeg: tree wood bark man; blue; dark
gradio lion.jpg: lion rock; brown
gradio tower.jpg: tower building sky; blue golden; light evening
ultralytics bus.jpg: bus street walk wheel man; blue; ; woman people person
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
opencv leuvenA.jpg: street house building town village roof; grey; dark shadow
opencv squirrel_cls.jpg: squirrel tree leaf; green
opencv home.jpg: building palace church temple castle tower house roof sky; blue
opencv aloeL.jpg: pot plant flower leaf; green; light
opencv starry_night.jpg: star night sky moon painting picture town; blue; dark
opencv orange.jpg: orange fruit; golden orange
opencv licenseplate_motion.jpg: car light wheel road; red grey
opencv box.png: box letter paper; grey
opencv apple.jpg: apple fruit; red orange golden
opencv butterfly.jpg: butterfly leaf wing; green
opencv building.jpg: building house prison window palace tower; grey; shadow light
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
tuxpaint hobbies/camera_35mm.png: camera picture glass; black; dark light
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

# As above: of pictures that were looked at once, when everything was done.
_APART = """
skimage astronaut.png: woman astronaut rocket flag smile helmet suit; orange red white; ; person lady
skimage camera.png: man camera field grass coat; grey black; shadow; person tripod sky city
skimage cell.png: ; grey
skimage clock_motion.png: clock; grey
skimage ihc.png: ; brown blue grey white
skimage microaneurysms.png: ; grey
skimage logo.png: snake; green orange; light
matplotlib grace_hopper.jpg: woman flag hat soldier uniform cap; black blue; ; person glasses lady old suit
matplotlib Minduka_Present_Blue_Pack.png: present gift box bow ribbon; blue; light
networkx test_display_complex.png: ; white; light
playwright appIcon.png: mask face; green red; light; smile
sympy test_region_xor.png: ; blue; light
opencv HappyFish.jpg: fish; orange golden; light; bubble
opencv LinuxLogo.jpg: word; black white; dark night
opencv WindowsLogo.jpg: window screen flag; blue green
opencv aero3.jpg: town city land river road valley; grey; ; view
opencv aloeGT.png: pot plant leaf; grey black; dark
opencv blox.jpg: block box; grey white; light
opencv digits.png: number; black; dark night
opencv gradient.png: ; white black grey
opencv left.jpg: book; brown grey black; dark; table
opencv left01.jpg: board man computer screen desk; black white grey; ; person chess shirt
opencv messi5.jpg: ball man player game field grass play kick; green; ; soccer shirt uniform boy person
opencv ml.png: robot book; grey white; light
opencv pic3.png: ; white green; light
opencv pic5.png: ; blue green; dark
opencv rubberwhale1.png: toy curtain letter fence; orange blue golden brown
opencv stuff.jpg: pencil table lighter; brown grey
opencv templ.png: face head man; black; shadow light
alphamat plant.jpg: pot plant leaf tree; green
dnn_superres butterfly.png: butterfly wing flower; orange golden; ; leaf
fuzzy input.png: girl face hair woman; purple pink black red; ; eye
hfs 000.jpg: robin bird; orange brown
hfs 001.jpg: lake water sky tree forest; blue
hfs 002.jpg: tree field grass meadow sky; green blue; ; hill
reg home.png: house roof brick window sky wall building; red; ; chimney
text scenetext01.jpg: sign car street road tree; green grey red; ; man person parking
text scenetext02.jpg: sign tree; black green; dark night; street
text scenetext05.jpg: fence street road barrier sign; grey golden; ; sidewalk gate
text scenetext06.jpg: house shop street building window car; golden blue white; ; store sky
text scenetext_word02.jpg: word letter sign; white grey; light
ximgproc stanford.png: map page screen; golden white; light
lomiri Dragonfly_by_Bolly.jpg: tree leaf branch sky fly; green golden; ; bush
lomiri friends_by_Aitzol_Berasategi.jpg: dog door wall house wood window fence; grey white; ; balcony building
mate ../abstract/Elephants.jpg: elephant painting picture; blue
mate TwoWings.jpg: flower seed plant; orange green golden brown
mate ../desktop/Float-into-MATE.png: ; blue
gnome adwaita-l.webp: ; blue; light
gnome grid-l.webp: ; golden orange
gnome truchet-d.webp: ; blue; dark
gnome wood-l.webp: wood board wall curtain; brown golden
gnome pixels-d.webp: ; black grey; dark
gradio bus.png: bus; red; light
gradio hf-logo_transpng.png: face smile; golden orange; light
ultralytics zidane.jpg: man coat crowd suit; black red; ; men people person
drawing red heart: heart; red; light
drawing heart on pink: heart; red pink; light
drawing blue heart: heart; blue black; dark night
drawing golden star: star; golden blue; dark
drawing rocket at night: rocket star sky; black red white; night dark; night
drawing rocket on white: rocket; white red; light
drawing starry sky: star sky heaven night; black blue; night dark
drawing crescent: moon star sky night; blue; night dark
drawing town at night: town city window house star sky night building; black golden; night dark
drawing milky way: star sky heaven night; black blue; night dark
drawing planet: planet star moon; black orange brown; night dark; sky
drawing setting sun: sun sunset sea sky evening water; orange red purple; evening shadow
drawing sunny: sun sky day; blue golden; light bright
drawing rainbow: rainbow sky; blue red; light bright
drawing smile: smile face; golden blue; light
drawing sad face: face; golden; light; ball
drawing cat face: cat face; grey; light; eye
drawing portrait: woman face hair girl lady; brown red; light; smile person shirt
drawing stick figure: man; white black; light; person people
drawing bars: page screen paper chart; blue; light
drawing lines: line page screen paper chart; white red; light
drawing pie: wheel ball circle chart; blue orange; light
drawing dots: page paper screen chart; pink purple white; light
drawing dialog: page screen letter word paper; grey blue white; light
drawing chat: page screen letter word; black grey; dark
drawing code: page screen letter word; black; dark night
drawing page: page book paper letter word write; white; light
drawing meme: page word letter sign; green blue; dark
drawing stop sign: sign street; red; ; stop
drawing music: music song note page paper; white black; light
drawing chessboard: board game floor; brown golden white
drawing flag: flag; blue red white; light
drawing fish: fish sea water; orange blue
drawing tree: tree leaf grass sky; green blue; light
drawing flower: flower rose; pink; light
drawing snowman: snow snowman winter; white blue; light; man
drawing car: car wheel street road; red; light
drawing boat: boat ship sail sea water; blue brown white; light; sailboat ocean
drawing umbrella: umbrella rain; red pink grey
drawing mushroom: mushroom; red; light
drawing balloon: balloon sky ball; red blue
drawing apple: apple fruit cherry; red; light
drawing clock: clock hour time watch; white golden; light
drawing map: map land island page; golden blue; light
drawing mountains: mountain hill sky snow valley grass field; blue grey; light
drawing noise: ; grey
drawing stripes: ; green white; light
drawing squares: ; red blue white; light
drawing pink fade: ; pink purple
drawing blue fade: sky; blue
"""

# Of docs/data/pictures.tsv and docs/data/pictures-apart.tsv.
COLUMNS = ("picture", "caption", "right_of_captioner", "told", "how", "keywords", "right", "mood")
# Keywords that count, as many as a song is sure to take up.
_TELLING = 2
# Nouns that stand for no thing.
_PLACES = frozenset("front side top middle background air group couple".split())


class Row(NamedTuple):
    """A picture and what is right to say of it."""

    source: str
    file: str
    right: dict[str, frozenset[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debian", type=Path, default=Path("/"), help="where the packages are unpacked")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--apart", action="store_true", help="those that were kept apart")
    parser.add_argument("--flickr8k", type=Path, help="how much is told plainly of its held-back pictures")
    parser.add_argument("--sheet", type=Path, help="write twenty drawings there, with what is told of them")
    options = parser.parse_args()
    describer = ImageDescriber.load(options.checkpoints)
    if options.flickr8k:
        _plainly(describer, options.flickr8k)
        return
    if options.sheet:
        _sheet(describer, [name for number, name in enumerate(DRAWINGS) if number % 5 < 2]).save(
            options.sheet
        )
        return
    lexicon = Lexicon.load(options.checkpoints / "lexicon.json.xz")
    listed = rows(_APART if options.apart else _PICTURES)
    found = [(row, picture) for row in listed if (picture := _open(row, options.debian))]
    alone, right, moods = Counter[str](), Counter[str](), Counter[str]()
    ways = Counter[tuple[str, str]]()
    print(*COLUMNS, sep="\t")
    for row, picture in found:
        seen = describer.see(picture)
        caption, told = seen.caption.text, seen.text
        keywords = extract(told, lexicon, _TELLING, looks=unnamed(told))
        mood = picture_mood(seen.square, told, lexicon) if takes_picture(None, told) else None
        way, verdict = how(told, caption), judge(row, keywords)
        if way == "caption" and not true_of(row, told, lexicon):
            verdict = "no"
        before = judge(row, extract(caption, lexicon, _TELLING))
        alone[before] += 1
        right[verdict] += 1
        ways[way, "right" if verdict != "no" else "wrong"] += 1
        if unnamed(told):
            moods[mood or "none"] += 1
        name = Path(row.file).stem
        print(name, caption, before, told, way, ", ".join(keywords), verdict, mood or "", sep="\t")
    print(f"\n{len(found)} pictures, {len(listed) - len(found)} absent")
    print("captioner alone:", dict(alone))
    print("with the second opinion:", dict(right))
    for (way, verdict), number in sorted(ways.items()):
        print(f"told as {way}, {verdict}: {number}")
    wrong = ways["caption", "wrong"] + ways["name", "wrong"]
    print(f"told wrong without perhaps: {wrong}, {100 * wrong / max(1, len(found)):.1f} %")
    print("told by looks, moods:", dict(moods))


def _sheet(describer: ImageDescriber, names: Sequence[str]) -> Image.Image:
    """Drawings in rows of five, each with what is told of it below."""
    width, height, font = 220, 195, ImageFont.load_default(13)
    sheet = Image.new("RGB", (5 * width, -(-len(names) // 5) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, name in enumerate(names):
        x, y = number % 5 * width, number // 5 * height
        picture = drawing(name)
        told = describer.see(picture).text
        sheet.paste(picture.resize((200, 150)), (x + 10, y + 10))
        draw.text((x + width // 2, y + 164), told, "black", font, anchor="ma")
    return sheet.quantize(256)


def _plainly(describer: ImageDescriber, folder: Path) -> None:
    """Print in which ways the held-back pictures of Flickr8k are told."""
    ways = Counter[str]()
    for name in read_split(folder / "Flickr_8k.devImages.txt"):
        seen = describer.see(open_picture(folder / "images" / name))
        hesitant = seen.text == f"perhaps {seen.caption.text}"
        ways["perhaps the caption" if hesitant else how(seen.text, seen.caption.text)] += 1
    print(dict(ways))


def how(told: str, caption: str) -> str:
    """Whether the caption is told, a name, either with "perhaps", or only looks."""
    if unnamed(told):
        return "looks"
    if told.startswith("perhaps "):
        return "perhaps"
    return "caption" if told == caption else "name"


def true_of(row: Row, sentence: str, lexicon: Lexicon) -> bool:
    """Whether every thing in a sentence is on the picture."""
    entries = [lexicon.entries.get(word) for word in words(sentence)]
    nouns = {entry.lemma for entry in entries if entry and entry.pos == "n"} - _PLACES - STOPWORDS
    return nouns <= frozenset[str]().union(*row.right.values())


def rows(listed: str = _PICTURES) -> list[Row]:
    """One of the lists above."""
    found = []
    for line in listed.strip().splitlines():
        where, _, right = line.partition(":")
        source, _, file = where.partition(" ")
        kinds = ("thing", "colour", "light", "also")
        found.append(Row(source, file, dict(zip(kinds, map(_words, right.split(";")), strict=False))))
    return found


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def judge(row: Row, keywords: Sequence[str]) -> str:
    """What the most telling right keyword is: of a thing, a colour or the light; "no" without one."""
    kinds = ("thing", "colour", "light")
    return next((kind for kind in kinds if row.right.get(kind, frozenset()).intersection(keywords)), "no")


def _open(row: Row, debian: Path) -> Image.Image | None:
    if row.source == "drawn":
        return drawn(row.file)
    if row.source == "drawing":
        return drawing(row.file)
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
