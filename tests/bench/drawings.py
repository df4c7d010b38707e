"""Pictures that are drawn rather than taken, for ``tests.bench.pictures``.

Hearts, rockets, night skies, charts, screens, texts and the like, as people post them. None of
these had a part in choosing a rule or a bound of ``model/recognition.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_SIZE = (400, 300)
_WIDTH, _HEIGHT = _SIZE


def drawing(name: str) -> Image.Image:
    """The picture of this name."""
    return DRAWINGS[name]()


def _plain(colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", _SIZE, colour)
    return picture, ImageDraw.Draw(picture)


def _fading(top: str, bottom: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """From one colour above to another below."""
    share = np.linspace(0, 1, _HEIGHT)[:, None, None]
    ends = [np.array(Image.new("RGB", (1, 1), colour)).reshape(1, 1, 3) for colour in (top, bottom)]
    rows = np.broadcast_to(ends[0] * (1 - share) + ends[1] * share, (_HEIGHT, _WIDTH, 3))
    picture = Image.fromarray(np.ascontiguousarray(rows).astype(np.uint8))
    return picture, ImageDraw.Draw(picture)


def _heart(ink: str, ground: str) -> Image.Image:
    picture, draw = _plain(ground)
    turns = np.linspace(0, 2 * math.pi, 200)
    x = 200 + 7.5 * 16 * np.sin(turns) ** 3
    y = 140 - 7.5 * (13 * np.cos(turns) - 5 * np.cos(2 * turns) - 2 * np.cos(3 * turns) - np.cos(4 * turns))
    draw.polygon(list(zip(x.tolist(), y.tolist(), strict=True)), ink)
    return picture


def _star(ink: str, ground: str) -> Image.Image:
    picture, draw = _plain(ground)
    corners = [(_round(200, 155, 130 if corner % 2 == 0 else 52, corner / 10)) for corner in range(10)]
    draw.polygon(corners, ink)
    return picture


def _round(x: float, y: float, radius: float, share: float) -> tuple[float, float]:
    """A point on a circle, a share of the way round from the top."""
    turn = 2 * math.pi * share - math.pi / 2
    return x + radius * math.cos(turn), y + radius * math.sin(turn)


def _rocket(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon([(170, 110), (200, 40), (230, 110)], "#d03030")
    draw.rectangle((170, 110, 230, 220), "#e8e8e8")
    draw.ellipse((185, 125, 215, 155), "#3070c0")
    draw.polygon([(170, 180), (140, 230), (170, 220)], "#d03030")
    draw.polygon([(230, 180), (260, 230), (230, 220)], "#d03030")
    draw.polygon([(180, 220), (200, 285), (220, 220)], "#ffa020")


def _rocket_at_night() -> Image.Image:
    picture, draw = _stars("#060818", 60)
    _rocket(draw)
    return picture


def _rocket_on_white() -> Image.Image:
    picture, draw = _plain("white")
    _rocket(draw)
    return picture


def _stars(sky: str, number: int, seed: int = 3) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture, draw = _plain(sky)
    rng = np.random.default_rng(seed)
    for x, y, radius in rng.integers((0, 0, 0), (_WIDTH, _HEIGHT, 2), (number, 3)).tolist():
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), "#f4f4ff")
    return picture, draw


def _starry() -> Image.Image:
    return _stars("#04061a", 160)[0]


def _crescent() -> Image.Image:
    picture, draw = _stars("#101840", 40)
    draw.ellipse((150, 60, 270, 180), "#f8f0c0")
    draw.ellipse((190, 50, 300, 165), "#101840")
    return picture


def _town_at_night() -> Image.Image:
    picture, draw = _stars("#0a0f2a", 70)
    rng = np.random.default_rng(5)
    for number in range(8):
        left, top = 50 * number, int(rng.integers(130, 220))
        draw.rectangle((left, top, left + 46, _HEIGHT), "#05060c")
        for y in range(top + 10, _HEIGHT - 8, 18):
            for x in range(left + 6, left + 40, 14):
                draw.rectangle((x, y, x + 6, y + 8), "#ffd860" if rng.random() < 0.5 else "#10121c")
    return picture


def _milky_way() -> Image.Image:
    picture, _ = _stars("#080a20", 500, seed=9)
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    band = 70 * np.exp(-(((y - 0.6 * x - 30) / 45) ** 2))
    pixels = np.asarray(picture, dtype=np.float64) + band[:, :, None] * [0.9, 0.8, 1.1]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _planet() -> Image.Image:
    picture, draw = _stars("black", 90)
    draw.ellipse((130, 70, 290, 230), "#d08040")
    for number, y in enumerate(range(95, 220, 25)):
        draw.arc((130, y - 20, 290, y + 20), 10, 170, "#a05820" if number % 2 else "#f0b070", 6)
    return picture


def _setting_sun() -> Image.Image:
    picture, draw = _fading("#402060", "#ff8040")
    draw.ellipse((150, 130, 250, 230), "#ffe080")
    draw.rectangle((0, 190, _WIDTH, _HEIGHT), "#203060")
    for y in range(200, 300, 14):
        draw.line((200 - (300 - y) // 2, y, 200 + (300 - y) // 2, y), "#ffb060", 4)
    return picture


def _sunny() -> Image.Image:
    picture, draw = _plain("#70c0ff")
    draw.ellipse((150, 90, 250, 190), "#ffdc30")
    for ray in range(12):
        draw.line((*_round(200, 140, 62, ray / 12), *_round(200, 140, 95, ray / 12)), "#ffdc30", 6)
    return picture


def _rainbow() -> Image.Image:
    picture, draw = _plain("#a8dcff")
    for number, colour in enumerate(["#e02020", "#ff9020", "#ffe030", "#30b040", "#3060d0", "#8030b0"]):
        edge = 20 + 16 * number
        draw.arc((edge, edge + 20, _WIDTH - edge, 2 * _HEIGHT - edge), 180, 360, colour, 16)
    return picture


def _smile(mouth: tuple[int, int], ground: str) -> Image.Image:
    picture, draw = _plain(ground)
    draw.ellipse((90, 40, 310, 260), "#ffd830", "#806000", 4)
    for x in (150, 230):
        draw.ellipse((x, 105, x + 24, 145), "#402000")
    top = 130 if mouth == (20, 160) else 190
    draw.arc((140, top, 260, top + 90), *mouth, "#402000", 8)
    return picture


def _cat_face() -> Image.Image:
    picture, draw = _plain("#f8f0e0")
    draw.polygon([(110, 120), (120, 30), (190, 90)], "#808080")
    draw.polygon([(290, 120), (280, 30), (210, 90)], "#808080")
    draw.ellipse((100, 70, 300, 260), "#808080")
    for x in (150, 225):
        draw.ellipse((x, 130, x + 28, 165), "#80d060")
        draw.ellipse((x + 10, 133, x + 18, 162), "black")
    draw.polygon([(190, 185), (210, 185), (200, 200)], "#f0a0a0")
    for y in (195, 210, 225):
        draw.line((60, y - 10, 170, 205), "black", 2)
        draw.line((340, y - 10, 230, 205), "black", 2)
    return picture


def _portrait() -> Image.Image:
    picture, draw = _plain("#d8e8f0")
    draw.ellipse((120, 20, 280, 190), "#502810")
    draw.rectangle((180, 180, 220, 230), "#f0c8a0")
    draw.ellipse((140, 50, 260, 210), "#f0c8a0")
    draw.pieslice((90, 215, 310, 400), 180, 360, "#c03050")
    for x in (170, 218):
        draw.ellipse((x, 115, x + 16, 128), "white")
        draw.ellipse((x + 5, 117, x + 12, 127), "#305080")
    draw.arc((175, 140, 225, 180), 20, 160, "#a03030", 4)
    return picture


def _stick_figure() -> Image.Image:
    picture, draw = _plain("white")
    draw.ellipse((175, 40, 225, 90), "white", "black", 4)
    lines = [(200, 90, 200, 190), (200, 120, 150, 160), (200, 120, 250, 160), (200, 190, 160, 260)]
    for line in [*lines, (200, 190, 240, 260)]:
        draw.line(line, "black", 4)
    return picture


def _bars() -> Image.Image:
    picture, draw = _plain("white")
    draw.line((40, 20, 40, 260, 380, 260), "black", 2)
    for number, height in enumerate([60, 110, 90, 160, 200, 140]):
        left = 55 + 54 * number
        draw.rectangle((left, 260 - height, left + 36, 259), "#3878b8")
        draw.text((left + 6, 266), f"Q{number + 1}", "black", ImageFont.load_default(14))
    return picture


def _lines() -> Image.Image:
    picture, draw = _plain("white")
    for y in range(30, 270, 40):
        draw.line((40, y, 380, y), "#dddddd")
    for colour, slope in (("#d04040", 0.5), ("#4060d0", 0.3), ("#40a040", 0.15)):
        points = [(x, 250 - slope * x + 12 * math.sin(x / 17 + slope * 30)) for x in range(40, 380, 6)]
        draw.line(points, colour, 3)
    return picture


def _pie() -> Image.Image:
    picture, draw = _plain("white")
    start = 0
    for share, colour in ((140, "#4878c8"), (90, "#e07840"), (70, "#58a858"), (60, "#c84858")):
        draw.pieslice((90, 40, 310, 260), start, start + share, colour, "white")
        start += share
    return picture


def _dots() -> Image.Image:
    picture, draw = _plain("white")
    draw.rectangle((40, 20, 380, 260), None, "black")
    for x, y in np.random.default_rng(2).normal((210, 140), (55, 40), (150, 2)).tolist():
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), "#c04080")
    return picture


def _dialog() -> Image.Image:
    picture, draw = _plain("#c8d0d8")
    font = ImageFont.load_default(14)
    draw.rectangle((50, 60, 350, 230), "#f4f4f4", "#808080")
    draw.rectangle((50, 60, 350, 88), "#3868a8")
    draw.text((60, 65), "Save changes?", "white", font)
    draw.text((70, 115), "Your changes will be lost if you\ndo not save them.", "black", font)
    for left, label in ((150, "Cancel"), (250, "Save")):
        draw.rectangle((left, 190, left + 85, 216), "#e0e0e0", "#808080")
        draw.text((left + 20, 194), label, "black", font)
    return picture


def _chat() -> Image.Image:
    picture, draw = _plain("#313338")
    font = ImageFont.load_default(13)
    for number, line in enumerate(
        ["hi all", "did you see the game?", "no, I was at work", "what a goal", "lol"]
    ):
        y = 14 + 56 * number
        draw.ellipse((14, y, 46, y + 32), ["#5865f2", "#57f287", "#eb459e"][number % 3])
        draw.text((60, y - 2), ["Ann", "Bob", "Cy"][number % 3], "white", font)
        draw.text((60, y + 16), line, "#c8cacd", font)
    return picture


def _code() -> Image.Image:
    lines = ["def area(radius):", "    # of a circle", "    return 3.14159 * radius ** 2", "",
             "for radius in range(10):", "    print(area(radius))"]  # fmt: skip
    picture, draw = _plain("#1e1e1e")
    for number, line in enumerate(lines * 2):
        draw.text((20, 12 + 23 * number), line, ["#569cd6", "#6a9955", "#d4d4d4"][number % 3],
                  ImageFont.load_default(15))  # fmt: skip
    return picture


def _written(lines: Sequence[str], ink: str, ground: str, size: int) -> Image.Image:
    picture, draw = _plain(ground)
    for number, line in enumerate(lines):
        draw.text((24, 20 + int(1.3 * size) * number), line, ink, ImageFont.load_default(size))
    return picture


def _page() -> Image.Image:
    line = "It was late in the year when the last boat left the bay, and no one waved."
    return _written([line] * 17, "#202020", "#faf8f0", 12)


def _meme() -> Image.Image:
    picture, draw = _fading("#40a0a0", "#205060")
    for y, line in ((20, "ONE DOES NOT SIMPLY"), (240, "CLOSE THE EDITOR")):
        draw.text((200, y), line, "white", ImageFont.load_default(32), anchor="ma", stroke_width=3,
                  stroke_fill="black")  # fmt: skip
    return picture


def _stop_sign() -> Image.Image:
    picture, draw = _plain("#b8d8f0")
    corners = [_round(200, 140, 115, (2 * corner + 1) / 16) for corner in range(8)]
    draw.rectangle((192, 240, 208, 300), "#808080")
    draw.polygon(corners, "#c81818", "white")
    draw.text((200, 140), "STOP", "white", ImageFont.load_default(64), anchor="mm")
    return picture


def _music() -> Image.Image:
    picture, draw = _plain("white")
    rng = np.random.default_rng(4)
    for top in (30, 120, 210):
        for line in range(5):
            draw.line((20, top + 12 * line, 380, top + 12 * line), "black")
        for x in range(50, 370, 36):
            y = top + 6 * int(rng.integers(0, 9))
            draw.ellipse((x, y - 5, x + 14, y + 6), "black")
            draw.line((x + 13, y, x + 13, y - 36), "black", 2)
    return picture


def _chessboard() -> Image.Image:
    picture, draw = _plain("#f0e0c0")
    for row in range(6):
        for column in range(8):
            if (row + column) % 2:
                draw.rectangle((50 * column, 50 * row, 50 * column + 49, 50 * row + 49), "#704020")
    return picture


def _flag() -> Image.Image:
    picture, draw = _plain("white")
    draw.rectangle((0, 0, 133, _HEIGHT), "#1040a0")
    draw.rectangle((267, 0, _WIDTH, _HEIGHT), "#d82030")
    return picture


def _fish() -> Image.Image:
    picture, draw = _plain("#3090d0")
    draw.polygon([(290, 150), (360, 90), (360, 210)], "#ff8c20")
    draw.ellipse((80, 80, 310, 220), "#ff8c20")
    draw.ellipse((120, 120, 145, 145), "white")
    draw.ellipse((126, 126, 140, 140), "black")
    for x in (30, 50, 40):
        draw.ellipse((x, 2 * x - 20, x + 14, 2 * x - 6), None, "white", 2)
    return picture


def _tree() -> Image.Image:
    picture, draw = _plain("#b0e0ff")
    draw.rectangle((0, 250, _WIDTH, _HEIGHT), "#60b050")
    draw.rectangle((185, 170, 215, 262), "#704820")
    for x, y in ((140, 70), (200, 40), (180, 100), (120, 110), (220, 100)):
        draw.ellipse((x - 20, y - 10, x + 80, y + 90), "#2c8c38")
    return picture


def _flower() -> Image.Image:
    picture, draw = _plain("#e8f4e0")
    draw.line((200, 150, 200, 295), "#308030", 10)
    for petal in range(8):
        x, y = _round(200, 120, 55, petal / 8)
        draw.ellipse((x - 32, y - 32, x + 32, y + 32), "#e860a0")
    draw.ellipse((165, 85, 235, 155), "#ffd030")
    return picture


def _snowman() -> Image.Image:
    picture, draw = _fading("#6090c0", "#c0d8f0")
    draw.rectangle((0, 240, _WIDTH, _HEIGHT), "#f4f8ff")
    for top, radius in ((20, 40), (90, 55), (180, 70)):
        draw.ellipse((200 - radius, top, 200 + radius, top + 2 * radius), "white", "#a0b0c0", 2)
    for x in (184, 210):
        draw.ellipse((x, 45, x + 8, 53), "black")
    draw.polygon([(200, 60), (240, 68), (200, 72)], "#ff8020")
    return picture


def _car() -> Image.Image:
    picture, draw = _plain("#d8ecf8")
    draw.rectangle((0, 230, _WIDTH, _HEIGHT), "#707070")
    draw.polygon([(110, 160), (150, 100), (250, 100), (290, 160)], "#c02020")
    draw.rectangle((60, 158, 340, 225), "#c02020")
    draw.polygon([(135, 155), (160, 112), (195, 112), (195, 155)], "#b0e0ff")
    draw.polygon([(205, 155), (205, 112), (242, 112), (265, 155)], "#b0e0ff")
    for x in (95, 250):
        draw.ellipse((x, 195, x + 56, 251), "black")
        draw.ellipse((x + 16, 211, x + 40, 235), "#c0c0c0")
    return picture


def _boat() -> Image.Image:
    picture, draw = _plain("#c8e8ff")
    draw.rectangle((0, 210, _WIDTH, _HEIGHT), "#2060b0")
    draw.polygon([(100, 190), (300, 190), (265, 240), (135, 240)], "#804020")
    draw.line((200, 40, 200, 190), "#503010", 6)
    draw.polygon([(206, 50), (206, 180), (290, 180)], "white", "#808080")
    return picture


def _umbrella() -> Image.Image:
    picture, draw = _plain("#8898a8")
    draw.pieslice((90, 50, 310, 270), 180, 360, "#e03060")
    draw.line((200, 160, 200, 260), "#302010", 6)
    draw.arc((170, 240, 203, 280), 0, 180, "#302010", 6)
    for x in range(10, 400, 36):
        draw.line((x, 10 + x % 70, x - 6, 32 + x % 70), "#d0e0f0", 2)
    return picture


def _mushroom() -> Image.Image:
    picture, draw = _plain("#d8f0c8")
    draw.rectangle((175, 150, 225, 260), "#f8f0e0")
    draw.pieslice((90, 50, 310, 260), 180, 360, "#d82828")
    for x, y in ((140, 110), (190, 75), (240, 115), (200, 125)):
        draw.ellipse((x - 14, y - 14, x + 14, y + 14), "white")
    return picture


def _balloon() -> Image.Image:
    picture, draw = _plain("#88c8f8")
    draw.ellipse((130, 20, 270, 190), "#e82838")
    draw.polygon([(190, 188), (210, 188), (200, 202)], "#e82838")
    draw.line([(200, 202), (190, 230), (208, 260), (196, 295)], "white", 2)
    return picture


def _apple() -> Image.Image:
    picture, draw = _plain("white")
    draw.ellipse((105, 70, 215, 250), "#d02020")
    draw.ellipse((185, 70, 295, 250), "#d02020")
    draw.line((200, 85, 210, 35), "#603010", 8)
    draw.ellipse((212, 35, 270, 62), "#40a030")
    return picture


def _clock() -> Image.Image:
    picture, draw = _plain("#e8e0d0")
    draw.ellipse((90, 40, 310, 260), "white", "black", 8)
    for hour in range(1, 13):
        x, y = _round(200, 150, 85, hour / 12)
        draw.text((x, y), str(hour), "black", ImageFont.load_default(20), anchor="mm")
    draw.line((200, 150, *_round(200, 150, 50, 10 / 12)), "black", 7)
    draw.line((200, 150, *_round(200, 150, 72, 2 / 12)), "black", 4)
    return picture


def _map() -> Image.Image:
    picture, draw = _plain("#a8d8f0")
    draw.polygon([(40, 60), (160, 30), (240, 80), (370, 70), (350, 240), (200, 280), (60, 220)], "#e8e0b0")
    for line in ([(60, 120), (200, 140), (340, 110)], [(180, 60), (200, 140), (190, 270)]):
        draw.line(line, "#e07840", 4)
    for x, y, name in ((120, 90, "Oldham"), (230, 170, "Marsh"), (110, 200, "Ferry")):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), "black")
        draw.text((x + 8, y - 8), name, "black", ImageFont.load_default(14))
    return picture


def _mountains() -> Image.Image:
    picture, draw = _fading("#80b8e8", "#e0f0ff")
    for points, colour in (
        ([(0, 300), (110, 90), (220, 300)], "#708090"), ([(130, 300), (260, 50), (400, 300)], "#586878"),
    ):  # fmt: skip
        draw.polygon(points, colour)
    draw.polygon([(228, 112), (260, 50), (295, 112), (262, 98)], "white")
    draw.rectangle((0, 260, _WIDTH, _HEIGHT), "#508848")
    return picture


def _noise() -> Image.Image:
    return Image.fromarray(_random((_HEIGHT, _WIDTH, 3)))


def _random(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(6).integers(0, 256, shape, dtype=np.uint8)


def _stripes() -> Image.Image:
    picture, draw = _plain("#f8f8f0")
    for x in range(0, _WIDTH, 50):
        draw.rectangle((x, 0, x + 24, _HEIGHT), "#208060")
    return picture


def _squares() -> Image.Image:
    picture, draw = _plain("#f0e8d8")
    for box, colour in (
        ((30, 30, 190, 160), "#d03828"), ((210, 30, 370, 100), "#2848a0"), ((210, 120, 290, 270), "#f0c030"),
        ((30, 180, 190, 270), "#101010"),
    ):  # fmt: skip
        draw.rectangle(box, colour)
    return picture


DRAWINGS: dict[str, Callable[[], Image.Image]] = {
    "red heart": lambda: _heart("#e01030", "white"),
    "heart on pink": lambda: _heart("#c00828", "#ffd0dc"),
    "blue heart": lambda: _heart("#2850e0", "black"),
    "golden star": lambda: _star("#ffd020", "#203080"),
    "rocket at night": _rocket_at_night,
    "rocket on white": _rocket_on_white,
    "starry sky": _starry,
    "crescent": _crescent,
    "town at night": _town_at_night,
    "milky way": _milky_way,
    "planet": _planet,
    "setting sun": _setting_sun,
    "sunny": _sunny,
    "rainbow": _rainbow,
    "smile": lambda: _smile((20, 160), "#60b0e0"),
    "sad face": lambda: _smile((200, 340), "white"),
    "cat face": _cat_face,
    "portrait": _portrait,
    "stick figure": _stick_figure,
    "bars": _bars,
    "lines": _lines,
    "pie": _pie,
    "dots": _dots,
    "dialog": _dialog,
    "chat": _chat,
    "code": _code,
    "page": _page,
    "meme": _meme,
    "stop sign": _stop_sign,
    "music": _music,
    "chessboard": _chessboard,
    "flag": _flag,
    "fish": _fish,
    "tree": _tree,
    "flower": _flower,
    "snowman": _snowman,
    "car": _car,
    "boat": _boat,
    "umbrella": _umbrella,
    "mushroom": _mushroom,
    "balloon": _balloon,
    "apple": _apple,
    "clock": _clock,
    "map": _map,
    "mountains": _mountains,
    "noise": _noise,
    "stripes": _stripes,
    "squares": _squares,
    "pink fade": lambda: _fading("#ff80b0", "#8040c0")[0],
    "blue fade": lambda: _fading("#1030a0", "#f0f8ff")[0],
}
