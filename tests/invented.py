"""What somebody brings who trains a songwriter of their own, made up from a seed: a track list, a lyrics
service's songs, a songbook, pictures that people described, ratings.
"""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw

from bot.store import Output, Store, new_id
from tests.training.collecting.server import Track

RHYMES = [
    group.split()
    for group in (
        "night light bright sight|day away way stay|sea me free tree|rain again train lane|sky high fly by",
        "heart apart start art|hand land sand stand|moon soon tune noon|fire higher desire choir",
        "stone alone bone throne|road load toad abode|wing sing spring king|gold old cold told",
    )
    for group in group.split("|")
]
THINGS = """river mountain meadow garden window candle winter summer morning evening harbour shadow sailor
mother father brother sister lover dancer stranger feather ribbon lantern valley forest island kettle
flower mirror letter whistle engine thunder pillow orchard castle hammer blanket cradle fiddle""".split()
TELLING = """silver golden weary lonely gentle bitter quiet broken hollow tender yellow crimson early
distant burning frozen silent tiny mighty drunken""".split()
DOING = """sings waits turns falls calls weeps dreams shines sleeps burns wanders rises trembles whispers
dances lingers""".split()
WHERE = "beneath beyond behind beside against before across above under near".split()
OPENING = ["oh", "and still", "but now", "so tell me how", "I know", "I swear", "they say", "I saw how"]
FOREIGN = "te quiero mi corazón porque la noche es larga y el camino está lejos de tu casa\n"

SOUNDS, ENDINGS = "Bell Dorn Fair Gold Hart Kell Marl North Rook Vane".split(), "by ham ton ley wood".split()


def line(draw: random.Random, end: str) -> str:
    words = f"{draw.choice(OPENING)} the {draw.choice(TELLING)} {draw.choice(THINGS)} {draw.choice(DOING)}"
    if draw.random() < 0.5:
        return f"{words} {draw.choice(WHERE)} the {draw.choice(THINGS)} {end}".capitalize()
    place = f"{draw.choice(WHERE)} the {draw.choice(TELLING)} {end}"
    return f"The {draw.choice(THINGS)} {draw.choice(DOING)} {place}"


def stanza(draw: random.Random) -> str:
    first, second = draw.sample(RHYMES, 2)
    ends = [*draw.sample(first, 2), *draw.sample(second, 2)]
    return "\n".join(line(draw, end) for end in ends)


def words(draw: random.Random) -> str:
    """A song as web services have it: marks, a chorus that comes again, a credit."""
    chorus = f"[Chorus]\n{stanza(draw)}"
    verses = [f"[Verse {number}]\n{stanza(draw)}" for number in (1, 2, 3)]
    return "\n\n".join([verses[0], chorus, verses[1], chorus, verses[2], "Written by: Nobody At All"])


def tracks(count: int) -> list[Track]:
    """Songs of a service, and one of them by somebody else.

    Of ten songs one has time stamps only, of fifty one is in Spanish and one instrumental.
    """
    draw = random.Random(5)
    found = []
    for number in range(count):
        artist = f"{draw.choice(SOUNDS)}{draw.choice(ENDINGS)} {number}"
        title = f"{draw.choice(TELLING)} {draw.choice(THINGS)} {draw.choice(THINGS)}".title()
        text: str | None = FOREIGN * 8 if number % 50 == 7 else words(draw)
        if number % 50 == 9:
            found.append(Track(artist, title, instrumental=True))
        elif number % 10 == 3:
            assert text
            stamped = (f"[{n // 6:02}:{n % 6}0.00] {row}" for n, row in enumerate(text.splitlines()))
            found.append(Track(artist, title, synced="\n".join(stamped)))
        else:
            found.append(Track(artist, title, text))
    found.append(Track("The Copy Cats", found[0].title, found[0].plain))
    return found


def track_list(known: list[Track], unknown: int) -> str:
    """The official shape of the Million Song Dataset's list; the last songs no service knows."""
    names = [(track.artist, track.title) for track in known]
    names += [(f"Unheard Band {n}", f"Unsung {THINGS[n % len(THINGS)]}") for n in range(unknown)]
    return "".join(
        f"TR{number:016}<SEP>SO{number:016}<SEP>{artist}<SEP>{title}\n"
        for number, (artist, title) in enumerate(names)
    )


def songbook(songs: int) -> str:
    """A book as Project Gutenberg gives it out."""
    draw = random.Random(6)
    pieces = []
    for _ in range(songs):
        heading = f"{draw.choice(TELLING)} {draw.choice(THINGS)}".upper()
        pieces.append(f"{heading}\n\n\n" + "\n\n".join(stanza(draw) for _ in range(3)))
    body = "\n\n\n\n\n".join(pieces)
    return (
        "The Project Gutenberg eBook of A Made-up Songbook\n\nTitle: A Made-up Songbook\n\nAuthor: Nobody\n\n"
        "Language: English\n\n*** START OF THE PROJECT GUTENBERG EBOOK A MADE-UP SONGBOOK ***\n\n\n\n\n"
        f"{body}\n\n\n\n*** END OF THE PROJECT GUTENBERG EBOOK A MADE-UP SONGBOOK ***\n"
    )


GROUNDS = {"grass": "#4c9a3f", "snow": "#eef2f6", "sand": "#dcc48a", "water": "#2f6da8"}
COLOURS = {"red": "#c8202a", "black": "#17181b", "yellow": "#f2c81e", "purple": "#7a2f9a"}
SHAPES = ("ball", "house", "boat", "tree")


def scene(draw: random.Random, ground: str, colour: str, shape: str) -> Image.Image:
    """A coloured thing on a ground under a sky, 320 x 240."""
    picture = Image.new("RGB", (320, 240), draw.choice(["#a9d3f2", "#d7e6ef", "#f3d9c0"]))
    writer = ImageDraw.Draw(picture)
    writer.rectangle((0, draw.randint(120, 150), 320, 240), GROUNDS[ground])
    x, y, r = draw.randint(70, 250), draw.randint(110, 170), draw.randint(40, 60)
    paint = COLOURS[colour]
    if shape == "ball":
        writer.ellipse((x - r, y - r, x + r, y + r), paint)
    elif shape == "house":
        writer.rectangle((x - r, y - r // 2, x + r, y + r), paint)
        writer.polygon([(x - r, y - r // 2), (x, y - r - r // 2), (x + r, y - r // 2)], "#8a5a3b")
    elif shape == "boat":
        writer.polygon([(x - r, y), (x + r, y), (x + r // 2, y + r // 2), (x - r // 2, y + r // 2)], paint)
        writer.polygon([(x, y - 4), (x, y - r - 20), (x + r // 2, y - 4)], "white")
    else:
        writer.rectangle((x - 8, y, x + 8, y + r), "#6b4a2f")
        writer.ellipse((x - r, y - r, x + r, y + r // 3), paint)
    return picture


def captions(ground: str, colour: str, shape: str) -> list[str]:
    return [
        f"A {colour} {shape} on the {ground} .",
        f"There is a {colour} {shape} on {ground} .",
        f"A {shape} stands on the {ground} .",
        f"The {shape} is {colour} .",
        f"A big {colour} {shape} under the sky .",
    ]


def write_flickr8k(folder: Path, train: int, dev: int, test: int) -> None:
    """A copy of Flickr8k in its authors' layout; the first training picture is half there."""
    draw = random.Random(7)
    pictures = folder / "Flickr8k_Dataset"
    pictures.mkdir(parents=True)
    said: list[str] = []
    for part, count in (("train", train), ("dev", dev), ("test", test)):
        names = [f"{part}_{number:03}.jpg" for number in range(count)]
        for name in names:
            chosen = draw.choice([*GROUNDS]), draw.choice([*COLOURS]), draw.choice(SHAPES)
            scene(draw, *chosen).save(pictures / name, quality=85)
            said += [f"{name}#{number}\t{text}\n" for number, text in enumerate(captions(*chosen))]
        (folder / f"Flickr_8k.{part}Images.txt").write_text("".join(f"{name}\n" for name in names))
    broken = pictures / "train_000.jpg"
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    (folder / "Flickr8k.token.txt").write_text("".join(said))


async def write_ratings(path: Path, generator: str) -> None:
    """A bot's database: fifty stanzas, each rated by six people, who like what is cool."""
    draw = random.Random(8)
    async with Store.open(path) as store:
        for message in range(50):
            cool = message % 2 == 0
            stanza_of = Output(
                id=new_id(), user=1, server=5, channel=3, message=message,
                caption=captions("grass", "red", "ball")[0], keywords=("ball", "grass"),
                lines=tuple(stanza(draw).splitlines()), prompt="", style="song", mood=None, line_count=4,
                temperature=0.3 if cool else 0.9, seed=message, captioner="c" * 12,
                generator=generator, created=1.7e9,
            )  # fmt: skip
            await store.add_output(stanza_of)
            for person in range(10, 16):
                liked = draw.random() < (0.8 if cool else 0.3)
                await store.add_rating(message, person, "👍" if liked else "👎", is_bot=False)
