"""The page of ``songwriter report``: what is in it, what stays out of it, and what it does in a browser."""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.cli.main import main
from model.errors import BadInput
from tests.chromium import Tab, chromium, opened
from training.evaluation.metrics import score_captions
from training.evaluation.report.charts import HEIGHT, MAX_POINTS, WIDTH, Curve, line_chart, thinned
from training.evaluation.report.page import Sections, render
from training.evaluation.report.pictures import Judge, Photograph, Word, heat_map
from training.evaluation.report.sources import read_log, read_ratings, read_results

VOID = {"meta", "link", "input", "br", "img"}
PROVENANCE = {"command": "songwriter report", "version": "1", "random_seed": 1, "inputs": {}}
HOSTILE = [
    "</script><script>document.title='taken'</script>",
    "\"' onmouseover='document.title=1' x=\"",
    "<img src=http://127.0.0.1:9/x onerror=document.title='taken'>",
    "&lt;b&gt; &amp; </style> --> ]]> {{ 7 * 7 }}",
    "שלום עולם",
    "👩‍🚒 sings ‮backwards",
]
real_browser = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")


class Page(HTMLParser):
    """What a page says: texts by element id and in all, attributes, scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.code: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.code:
            self.code[self.open[-1]].append(data)
        else:
            self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def thumbnail(colour: str) -> str:
    data = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(data, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def photograph(name: str, caption: str = "a dog runs", **others: Any) -> Photograph:
    weights = np.linspace(0, 0.02, 49, dtype=np.float32)
    words = tuple(
        Word(word, heat_map(np.roll(weights, place), embed=True), 0.5)
        for place, word in enumerate(caption.split())
    )
    filled = {"size": (60, 40), "thumbnail": thumbnail("teal"), "log_probability": -5.0, "certainty": 0.4}
    return Photograph(name, caption=caption, words=words, **{**filled, **others})


def page_of(*photographs: Photograph, **others: Any) -> Page:
    return Page(render("A report", Sections(photographs, **others), PROVENANCE).decode())


def assert_closed(page: Page) -> None:
    """Nothing but what the program brings runs, and nothing is asked for."""
    assert page.open == []
    assert len(page.code["script"]) == len(page.code["style"]) == 1
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name != "style", tag
        if name in ("src", "href", "action", "srcset", "data", "poster", "ping", "background"):
            assert value.startswith(("data:", "#")), (tag, name, value)
    [style] = page.code["style"]
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_texts_are_only_texts() -> None:
    stanzas = (tuple(HOSTILE), tuple(reversed(HOSTILE)))
    photos = [
        photograph(text, text, references=HOSTILE, keywords=tuple(HOSTILE), stanzas=stanzas)
        for text in HOSTILE
    ]
    failed = Photograph(HOSTILE[0], error=HOSTILE[2])
    page = Page(
        render(HOSTILE[0], Sections([*photos, failed]), {**PROVENANCE, "command": HOSTILE[0]}).decode()
    )
    assert_closed(page)
    for text in HOSTILE:
        # Name, caption, references, keywords and two stanzas of each picture.
        assert page.texts.count(text) >= 1 + 1 + 4 * len(HOSTILE)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=30))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    page = page_of(Photograph(text, error="damaged"))
    assert_closed(page)
    assert text in page.texts
    assert text in page.values("data-name")


def test_a_name_that_is_no_unicode_does_no_harm() -> None:
    assert page_of(photograph("\udcff.jpg")).values("data-name") == ["?.jpg"]


def test_the_policy_names_the_pages_own_code_and_nothing_else() -> None:
    page = page_of(photograph("a.jpg"))
    [policy] = [value for value in page.values("content") if "default-src" in value]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.code[kind][0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_script_is_short() -> None:
    [script] = page_of().code["script"]
    assert len(script.splitlines()) < 200


def test_without_data_a_sentence_says_what_is_missing() -> None:
    page = page_of()
    told = " ".join(page.texts)
    for option in ("--images", "--log", "--result", "--ratings"):
        assert option in told
    assert page.values("data-name") == []


def test_bright_is_where_the_captioner_looked() -> None:
    weights = np.zeros(49, dtype=np.float32)
    weights[7 * 2 + 5] = 0.3

    def alpha(embed: bool) -> np.ndarray:
        data = base64.b64decode(heat_map(weights, embed).partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., 3]

    shade, heat = alpha(embed=True), alpha(embed=False)
    assert shade.shape == (7, 7)
    assert shade[2, 5] == 0
    assert np.sum(shade == shade.max()) == 48
    assert heat[2, 5] == 255
    assert heat.sum() == 255


def test_nothing_looked_at_is_no_error() -> None:
    assert heat_map(np.zeros(49, dtype=np.float32), embed=True).startswith("data:image/png;base64,")


finite = st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-6)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=30), st.none() | finite)
def test_every_curve_stays_in_its_drawing(points: list[tuple[float, float]], level: float | None) -> None:
    chart = line_chart("loss", "step", [Curve("train", sorted(points), level)])
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", chart.lines[0].path)]
    assert all(-0.1 <= x <= WIDTH + 0.1 for x in numbers[::2])
    assert all(-0.1 <= y <= HEIGHT + 0.1 for y in numbers[1::2])
    assert 2 <= len(chart.y_ticks) <= 8
    assert len({tick.at for tick in chart.y_ticks}) == len(chart.y_ticks)
    assert all(-0.1 <= tick.at <= HEIGHT + 0.1 for tick in chart.y_ticks)


@given(st.integers(1, 5 * MAX_POINTS))
def test_long_curves_are_thinned_and_keep_their_ends(length: int) -> None:
    points = [(float(place), 0.0) for place in range(length)]
    found = thinned(points)
    assert len(found) <= MAX_POINTS + 1
    assert (found[0], found[-1]) == (points[0], points[-1])
    assert found == sorted(set(found))


def write_log(path: Path, rows: list[list[object]], torn: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(rows)
        file.write(torn)
    return path


def test_logs_are_read_tolerantly(tmp_path: Path) -> None:
    rows = [
        ["Step", "Characters", "learning_rate", "Train", "dev_loss"],
        [100, 5000, 0.1, 2.5, ""],
        [200, 10000, 0.1, 2.0, 2.25],
        [300, 15000, 0.1, "nan", 1.75],
    ]
    [chart] = read_log(write_log(tmp_path / "first" / "log.csv", rows, torn="400,200"))
    assert chart.title == "first"
    assert chart.x_label == "characters"
    assert [(line.name, line.last) for line in chart.lines] == [("Train", "2"), ("dev loss", "1.75")]
    assert "Train from 2.5 to 2" in chart.description


def test_numbers_that_cannot_be_drawn_are_left_out(tmp_path: Path) -> None:
    rows = [["step", "train"], [1, 2.5], [2, 1e308], [3, -1e308], [4, "1" * 400], [5, 3.5]]
    [chart] = read_log(write_log(tmp_path / "log.csv", rows))
    assert "train from 2.5 to 3.5, lowest 2.5, highest 3.5" in chart.description


def test_a_captioners_log_has_losses_and_scores(tmp_path: Path) -> None:
    rows = [["step", "epoch", "minutes", "loss", "cider"], [7, 1, 2.5, 3.1, 40.5], [14, 2, 5.0, 2.9, 48.25]]
    losses, scores = read_log(write_log(tmp_path / "eye" / "log.csv", rows))
    assert [(line.name, line.last) for line in losses.lines] == [("loss", "2.9")]
    assert [(line.name, line.last) for line in scores.lines] == [("cider", "48.25")]
    assert losses.x_label == scores.x_label == "step"


@pytest.mark.parametrize("text", ["", "step,words\n1,2\n", "train,dev\n", "\x00\xff", "no table"])
def test_what_is_no_log_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=re.escape(str(path))):
        read_log(path)


def study() -> dict[str, Any]:
    rows = [
        {
            "temperature": t,
            "dictionary_words": 1 - t / 4,
            "whole": 1 - t / 2,
            "distinct_2": t / 2,
            "novel": None,
        }
        for t in (0.1, 0.4, 0.8, 1.2)
    ]
    human = {"dictionary_words": 0.97, "whole": 0.95, "distinct_2": 0.8}
    return {"rows": rows, "corpus": human, "structure_lost_at": 0.8, "provenance": {}}


def ratings() -> dict[str, Any]:
    figures = {"people": 9, "positive": 60, "share": 0.6, "low": 0.5, "high": 0.7}
    nothing = {"people": 2, "positive": None, "share": None, "low": None, "high": None, "note": "too few"}
    return {
        "ratings": 104,
        "people": 11,
        "by_mood": [{"mood": "sad", "ratings": 100, **figures}, {"mood": "none", "ratings": 4, **nothing}],
        "correlations": [{"measure": "rhyming_lines", "stanzas": 80, "rho": 0.3, "low": 0.1, "high": 0.5}],
        "provenance": {},
    }


def save(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_a_temperature_study_becomes_charts_and_a_table(tmp_path: Path) -> None:
    other = save(tmp_path / "lyrics.json", {"bits_per_char": 1.75, "name": "x", "provenance": {}})
    [found], measures = read_results([save(tmp_path / "study.json", study()), other])
    quality, diversity = found.charts
    assert [line.name for line in quality.lines] == ["English words", "hold together"]
    assert all(line.level is not None for line in (*quality.lines, *diversity.lines))
    assert quality.mark is not None
    assert "structure lost at 0.8" in quality.description
    assert [row[0] for row in found.table.rows] == ["0.1", "0.4", "0.8", "1.2"]
    assert measures is not None
    assert measures.columns == ("measure", "lyrics")
    assert measures.rows == (("bits per char", "1.75"),)


def test_ratings_become_intervals_and_say_where_too_little_is_known(tmp_path: Path) -> None:
    found = read_ratings(save(tmp_path / "ratings.json", ratings()))
    moods, correlations = found.charts
    assert found.counts == "104 ratings, 11 people"
    assert [(row.label, row.text, bool(row.places)) for row in moods.rows] == [
        ("sad", "60 % of 100", True),
        ("none", "too few: 4", False),
    ]
    assert correlations.rows[0].text == "0.30 of 80"
    low, middle, high = moods.rows[0].places
    assert low < middle < high


@pytest.mark.parametrize(
    "text", ["", "[]", '{"rows": 1}', "{", '{"provenance": {}}', '{"provenance": {}, "by_mood": [{}]}']
)
def test_what_is_no_rating_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ratings.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=re.escape(str(path))):
        read_ratings(path)


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, words)])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs that scikit-image ships, one file that is none, and what people might write."""
    import skimage

    folder = tmp_path_factory.mktemp("pictures") / "images"
    folder.mkdir()
    for name in ("coffee.png", "rocket.jpg"):
        shutil.copy(Path(skimage.__file__).parent / "data" / name, folder)
    (folder / "torn.jpg").write_text("no picture")
    rows = [
        ("coffee.png#0", "A cup of coffee on a <wooden> table ."),
        ("coffee.png#1", "Coffee in a red cup ."),
        ("rocket.jpg#0", "A rocket stands on its ramp ."),
        ("torn.jpg#0", "Nothing to see ."),
    ]
    folder.with_name("captions.txt").write_text("".join("\t".join(row) + "\n" for row in rows))
    folder.with_name("split.txt").write_text("rocket.jpg\ntorn.jpg\ncoffee.png\n")
    return folder


@pytest.fixture(scope="module")
def whole(pictures: Path, models_read_once: None) -> tuple[Result, Path]:
    """A report of everything that there can be."""
    folder = pictures.parent
    output = folder / "report.html"
    rows: list[list[object]] = [["step", "train", "dev"], [1, 2.5, 2.6], [2, 2.0, 2.2], [3, 1.8, 2.1]]
    result = run(
        "-o", output, "--images", pictures, "--embed-pictures", "--stanzas", 1,
        "--captions", folder / "captions.txt", "--split", folder / "split.txt",
        "--log", write_log(folder / "run" / "log.csv", rows),
        "--result", save(folder / "study.json", study()),
        "--result", save(folder / "figures.json", {"bleu4": 23.5, "provenance": {}}),
        "--ratings", save(folder / "ratings.json", ratings()),
    )  # fmt: skip
    return result, output


def test_a_report_of_everything(whole: tuple[Result, Path]) -> None:
    result, output = whole
    # The bad picture is named, the others are there.
    assert result.exit_code == 65, result.output
    assert "torn.jpg" in result.stderr
    assert "Traceback" not in result.output
    page = Page(output.read_text())
    assert_closed(page)
    assert page.values("data-name") == ["rocket.jpg", "torn.jpg", "coffee.png"]
    assert len(page.values("data-score")) == len(page.values("data-certainty")) == 2
    assert "A cup of coffee on a <wooden> table ." in page.texts
    assert sum(value.startswith("data:image/jpeg") for value in page.values("href")) == 2
    assert "bleu4" in page.texts
    # Every chart can be heard.
    kinds = [tag for tag, name, value in page.attributes if (name, value) == ("role", "img")]
    assert kinds == ["svg"] * len(kinds)
    html = output.read_text()
    assert html.count("<desc>") == html.count('<figure class="chart">') == 1 + 2 + 2


@pytest.mark.usefixtures("models_read_once")
def test_pictures_stay_out_unless_somebody_says_that_they_may_go_in(pictures: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    for output in (first, second):
        result = run("-o", output, "--images", pictures, "--count", 1, "--stanzas", 0)
        assert result.exit_code == 0, result.output
    page = Page(first.read_text())
    assert page.values("data-name") == ["coffee.png"]
    assert not any("jpeg" in value for value in page.values("href"))
    maps = [value for value in page.values("href") if value.startswith("data:image/png")]
    assert len(maps) > 2
    for value in maps:
        assert Image.open(io.BytesIO(base64.b64decode(value.partition(",")[2]))).size == (7, 7)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.usefixtures("models_read_once")
def test_the_first_stanza_is_the_one_that_sing_writes(whole: tuple[Result, Path], pictures: Path) -> None:
    words = ["sing", str(pictures / "coffee.png"), "-r", "1", "--json"]
    sung = json.loads(CliRunner().invoke(main, words).stdout)
    texts = Page(whole[1].read_text()).texts
    assert sung["caption"] in texts
    assert all(line in texts for line in sung["stanzas"][0]["lines"])


@pytest.mark.usefixtures("models_read_once")
def test_a_picture_told_by_its_looks_gives_its_mood_as_where_it_is_sung(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (64, 64), "black").save(folder / "night.png")
    output = tmp_path / "report.html"
    assert run("-o", output, "--images", folder, "--stanzas", 1).exit_code == 0
    sung = CliRunner().invoke(main, ["sing", str(folder / "night.png"), "-r", "1"]).stdout
    assert "mood      dreamy" in sung
    texts = Page(output.read_text()).texts
    assert all(line in texts for line in sung.split("\n\n", 1)[1].strip().splitlines())


@pytest.mark.usefixtures("models_read_once")
def test_embedded_pictures_are_small_and_keep_no_secrets(tmp_path: Path) -> None:
    picture = Image.new("RGB", (1000, 500), "teal")
    exif = Image.Exif()
    exif[0x010F] = "secret camera"
    picture.save(tmp_path / "a.jpg", exif=exif, comment=b"secret comment", xmp=b"secret place")
    assert (tmp_path / "a.jpg").read_bytes().count(b"secret") == 3
    output = tmp_path / "report.html"
    result = run("-o", output, "--images", tmp_path, "--embed-pictures", "--stanzas", 0)
    assert result.exit_code == 0, result.output
    [value] = [v for v in Page(output.read_text()).values("href") if v.startswith("data:image/jpeg")]
    data = base64.b64decode(value.partition(",")[2])
    assert b"secret" not in data
    with Image.open(io.BytesIO(data)) as embedded:
        assert embedded.size == (480, 240)


def test_scores_average_to_those_of_evaluate_captions() -> None:
    references = {"a": ["a dog runs on grass", "the dog"], "b": ["two men talk"], "c": ["red bus", "a bus"]}
    captions = {"a": "a dog runs", "b": "men talk", "c": "a red bus"}
    judge = Judge(references)
    scores = [judge.score(name, caption) for name, caption in captions.items()]
    assert np.mean(np.array(scores)) == pytest.approx(score_captions(captions, references)["cider"])
    assert judge.score("unknown", "a dog") is None


def test_mistakes_are_told_before_anything_is_written(tmp_path: Path, pictures: Path) -> None:
    output, empty = tmp_path / "report.html", tmp_path / "empty"
    empty.mkdir()
    log = tmp_path / "log.csv"
    log.write_text("a,b\n1,2\n")
    for code, words in {
        2: [(), ("--captions", log), ("--log", log, "--split", log), ("--images", pictures, "-t", 9)],
        65: [
            ("--images", empty),
            ("--images", tmp_path / "nowhere"),
            ("--log", log),
            ("--result", log),
            ("--ratings", tmp_path / "nowhere.json"),
            ("--images", pictures, "--captions", log),
            ("--images", pictures, "--split", tmp_path / "nowhere.txt"),
        ],
    }.items():
        for options in words:
            result = run("-o", output, *options)
            assert result.exit_code == code, (options, result.output)
            assert "Traceback" not in result.output
            assert not output.exists()


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Five pictures whose order is another one by each key."""
    photos = [
        photograph("b10.jpg", "a dog runs", cider=50.0, certainty=0.5, references=("Ein Hund läuft .",)),
        photograph("b9.jpg", "two dogs play", cider=90.0, certainty=0.2, keywords=("play",)),
        photograph("a.jpg", HOSTILE[0], cider=10.0, certainty=0.9, stanzas=(("Oh the wild sea", "is wide"),)),
        photograph("c.jpg", "a boat", certainty=0.1),
        Photograph("d.jpg", error="d.jpg is damaged."),
    ]
    path = tmp_path / "gallery.html"
    path.write_bytes(render("Gallery", Sections(photos), PROVENANCE))
    return path


SHOWN = "[...document.querySelectorAll('.card')].filter(c => !c.hidden).map(c => c.dataset.name)"


def setting(element: str, value: str, event: str) -> str:
    return f"""(() => {{ const e = document.getElementById('{element}'); e.value = {json.dumps(value)};
        e.dispatchEvent(new Event('{event}')); return {SHOWN}; }})()"""


async def assert_quiet(tab: Tab, path: Path) -> None:
    assert tab.complaints == []
    assert {url for url in tab.requests if not url.startswith("data:")} == {path.resolve().as_uri()}


@real_browser
@pytest.mark.asyncio
async def test_sorting_and_filtering_in_a_browser(gallery: Path) -> None:
    async with opened(gallery) as tab:
        assert await tab.run("document.title") == "Gallery"
        assert await tab.run(SHOWN) == ["b10.jpg", "b9.jpg", "a.jpg", "c.jpg", "d.jpg"]
        for key, order in {
            "-score": ["b9.jpg", "b10.jpg", "a.jpg", "c.jpg", "d.jpg"],
            "score": ["a.jpg", "b10.jpg", "b9.jpg", "c.jpg", "d.jpg"],
            "certainty": ["c.jpg", "b9.jpg", "b10.jpg", "a.jpg", "d.jpg"],
            "name": ["a.jpg", "b9.jpg", "b10.jpg", "c.jpg", "d.jpg"],
            "place": ["b10.jpg", "b9.jpg", "a.jpg", "c.jpg", "d.jpg"],
        }.items():
            assert await tab.run(setting("sort", key, "change")) == order, key
        for text, found in {
            "DOG": ["b10.jpg", "b9.jpg"],
            "dog play": ["b9.jpg"],
            "läuft": ["b10.jpg"],
            "wild sea": ["a.jpg"],
            "</script>": ["a.jpg"],
            "d.jpg": ["d.jpg"],
            "[.*": [],
        }.items():
            assert await tab.run(setting("find", text, "input")) == found, text
        assert await tab.run("document.getElementById('nothing').hidden") is False
        await tab.run("document.getElementById('reset').click()")
        assert len(await tab.run(SHOWN)) == 5
        assert await tab.run(setting("least", "50", "input")) == ["b10.jpg", "b9.jpg"]
        assert await tab.run("document.getElementById('count').textContent") == "2 of 5 shown"
        assert await tab.run(setting("least", "1000", "input")) == ["b9.jpg"]
        await assert_quiet(tab, gallery)


@real_browser
@pytest.mark.asyncio
async def test_a_word_shows_where_the_captioner_looked(gallery: Path) -> None:
    large = "document.querySelector('#photo-1 .frame .map').getAttribute('href')"
    press = "document.querySelectorAll('#photo-1 .words button')[{}].click()"
    small = "document.querySelectorAll('#photo-1 .words .map')[{}].getAttribute('href')"
    async with opened(gallery) as tab:
        assert await tab.run(large) is None
        for word in (0, 1):
            await tab.run(press.format(word))
            assert await tab.run(large) == await tab.run(small.format(word))
        await tab.run(press.format(1))
        assert await tab.run(large) is None
        await assert_quiet(tab, gallery)


@real_browser
@pytest.mark.asyncio
async def test_colours_follow_the_system_until_somebody_chooses(gallery: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    async with opened(gallery) as tab:
        found = {}
        for scheme in ("light", "dark"):
            await tab.prefer(scheme)
            found[scheme] = await tab.run(ground)
        assert found["light"] != found["dark"]
        await tab.run("document.getElementById('theme-light').click()")
        assert await tab.run(ground) == found["light"]
        # The browser stores the choice in its own time: the very next load may still come before.
        for _ in range(20):
            await tab.open(gallery)
            if await tab.run(ground) == found["light"]:
                break
            await asyncio.sleep(0.1)
        assert await tab.run(ground) == found["light"]
        await assert_quiet(tab, gallery)


@real_browser
@pytest.mark.asyncio
async def test_the_real_page_in_a_browser(whole: tuple[Result, Path]) -> None:
    _, output = whole
    async with opened(output) as tab:
        for width, mobile in ((1280, False), (390, True)):
            await tab.resize(width, 844, mobile=mobile)
            assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), width
            sizes = await tab.run("[...document.querySelectorAll('.chart svg')].map(e => e.clientWidth)")
            assert len(sizes) == 5
            assert min(sizes) > 250
        decoded = """Promise.all([...document.querySelectorAll('image[href]')].map(e => {
            const picture = new Image(); picture.src = e.getAttribute('href');
            return picture.decode().then(() => picture.naturalWidth); }))"""
        assert min(await tab.run(decoded)) >= 7
        await assert_quiet(tab, output)


@real_browser
@pytest.mark.asyncio
async def test_long_words_and_many_pictures_fit_a_phone(tmp_path: Path) -> None:
    path = tmp_path / "long.html"
    texts = (" ".join(["donaudampfschifffahrt" * 4] * 20),)
    photos = [
        photograph(f"{'long' * 30}{number}.jpg", texts[0], references=texts, keywords=texts, stanzas=(texts,))
        for number in range(12)
    ]
    path.write_bytes(render(texts[0], Sections(photos), PROVENANCE))
    async with opened(path) as tab:
        await tab.resize(390, 844, mobile=True)
        assert await tab.run("document.documentElement.scrollWidth") == 390
        await assert_quiet(tab, path)
