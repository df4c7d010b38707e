"""Songbooks from a local server and from files. The books and their verses are made up."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st

from bot.cli.prepare import gutenberg
from training.collecting.gutenberg import blocks_of, is_verse, songs_of, strip_boilerplate
from training.collecting.rows import read_rows
from training.corpora.corpus import read_songs

NEW_HEADER = """\ufeffThe Project Gutenberg eBook of Songs of a Kettle

This eBook is for the use of anyone anywhere.

Title: Songs of a Kettle
        and Other Pieces

Author: Jane Roe

Language: English

Credits: Somebody and the Online Team

*** START OF THE PROJECT GUTENBERG EBOOK SONGS OF
A KETTLE ***




Produced by Somebody, Somebody Else and the
Online Team at http://example.org

"""
NEW_FOOTER = """



*** END OF THE PROJECT GUTENBERG EBOOK SONGS OF A KETTLE ***

Updated editions will replace the previous one.
Some Words Are Here
And Look Like Verse
"""
OLD_HEADER = """**The Project Gutenberg Etext of Songs of a Kettle, by Jane Roe**

Please take a look at the important information in this header.

**Welcome To The World of Free Plain Vanilla Electronic Texts**

***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here?
*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*


"""
OLD_FOOTER = """

End of The Project Gutenberg Etext of Songs of a Kettle, by Jane Roe

Some Words Are Here
And Look Like Verse
"""
BODY = """[Illustration: A kettle
on a stove]

SONGS OF A KETTLE

BY JANE ROE

LONDON: 1888


CONTENTS.

THE KETTLE                 7
Rain
Evening


PREFACE.

These songs were written down by the author in the course of a long winter
in the north, when there was little else to do; and she hopes that Mr. Brown
will forgive her the tunes.




THE KETTLE.

_Words by Jane Roe. Air--"The Stove."_


[Music]

    The kettle sings upon the stove,
      The rain is at the door,      5
    I put away my _winter_ glove
      And sweep the kitchen floor.[1]

[Pg 12]

    2. The kettle sings, the kettle sings,
      And so, my love, do I,
    For every little drop that rings
      Is falling from the sky.--_The kettle, &c._

[Footnote 1: The floor was of stone, and it is said by those who knew the
house that it was never swept.]




Rain


    Come down upon the garden wall,
    Come down upon the lane,
    =There= is no sorrow in your fall
    For those that love you, rain.

           *       *       *       *       *

    Come down, come down.

    Come down upon the thirsty wheat,
    Come down upon the hill.

This piece was sung at the harvest supper of that year, and the company
would not go home before it had been sung again.

THE END.
"""
KETTLE = [
    ["The kettle sings upon the stove,", "The rain is at the door,", "I put away my winter glove",
     "And sweep the kitchen floor."],
    ["The kettle sings, the kettle sings,", "And so, my love, do I,", "For every little drop that rings",
     "Is falling from the sky."],
]  # fmt: skip
RAIN = [
    ["Come down upon the garden wall,", "Come down upon the lane,", "There is no sorrow in your fall",
     "For those that love you, rain."],
    ["Come down upon the thirsty wheat,", "Come down upon the hill."],
]  # fmt: skip


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(gutenberg, [str(word) for word in words])


def refused(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    said = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(said) == 1, said
    return said[0]


@dataclass
class Mirror:
    """A mirror of Project Gutenberg; ``faults`` are the statuses of its next answers."""

    books: dict[int, bytes] = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)
    asked: Counter[int] = field(default_factory=Counter)
    agents: set[str] = field(default_factory=set)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        self.asked[number] += 1
        self.agents.add(request.headers["User-Agent"])
        if self.faults:
            return web.Response(status=self.faults.pop(0))
        if number not in self.books:
            return web.Response(status=404, text="<html>Not found</html>", content_type="text/html")
        return web.Response(body=self.books[number], content_type="text/plain")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """In a thread of its own, as the command has its own event loop."""
    found, ready, loop = Mirror(), threading.Event(), asyncio.new_event_loop()

    async def serve() -> web.AppRunner:
        app = web.Application()
        app.router.add_get(r"/cache/epub/{number:\d+}/{file:pg\d+\.txt}", found.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        return runner

    runner = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    assert ready.wait(10)
    yield found
    asyncio.run_coroutine_threadsafe(runner.result().cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize(("header", "footer"), [(NEW_HEADER, NEW_FOOTER), (OLD_HEADER, OLD_FOOTER)])
def test_the_verse_of_a_book_is_kept_and_nothing_else(
    tmp_path: Path, header: str, footer: str, encoding: str
) -> None:
    book = tmp_path / "kettle.txt"
    text = (header.lstrip("\ufeff") + BODY + footer).replace("Mr. Brown", "Monsieur Café")
    book.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    out = tmp_path / "o.jsonl.xz"
    result = run(book, "-o", out, "--style", "ballad")
    assert result.exit_code == 0, result.output
    kettle, rain = read_rows(out)
    assert (kettle["title"], kettle["stanzas"]) == ("THE KETTLE", KETTLE)
    assert (rain["title"], rain["stanzas"]) == ("Rain", RAIN)
    assert {row["author"] for row in (kettle, rain)} == {"Jane Roe"}
    assert kettle["source"].startswith("Songs of a Kettle")
    assert kettle["style"] == "ballad"
    assert "2 songs, 4 stanzas from 1 books" in result.stderr
    assert len(read_songs(out)) == 2


def test_books_by_number_are_fetched_once(mirror: Mirror, tmp_path: Path) -> None:
    mirror.books[77] = (NEW_HEADER + BODY + NEW_FOOTER).encode()
    for _ in range(2):
        result = run("77", "077", "-o", tmp_path / "o.jsonl", "--cache", tmp_path / "cache",
                     "--base-url", mirror.url, "--pause", "0")  # fmt: skip
        assert result.exit_code == 0, result.output
    assert mirror.asked == {77: 1}
    assert all(agent.startswith("neural-songwriter/") for agent in mirror.agents)
    row = next(iter(read_rows(tmp_path / "o.jsonl")))
    assert row["source"] == "PG77 Songs of a Kettle and Other Pieces"
    assert (row["gid"], row["licence"]) == ("77", "public domain (US)")


def test_a_mirror_that_stumbles_is_asked_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.books[77] = (NEW_HEADER + BODY + NEW_FOOTER).encode()
    mirror.faults = [503, 429, 500]
    result = run("77", "-o", tmp_path / "o.jsonl", "--cache", tmp_path / "cache",
                 "--base-url", mirror.url, "--pause", "0")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert mirror.asked == {77: 4}


def test_a_mirror_that_is_away(mirror: Mirror, tmp_path: Path) -> None:
    mirror.faults = [503] * 9
    for url in (mirror.url, "http://127.0.0.1:9"):
        result = run("77", "-o", tmp_path / "o.jsonl", "--cache", tmp_path / "cache",
                     "--base-url", url, "--pause", "0")  # fmt: skip
        assert "--base-url" in refused(result, 69)
    assert not list(tmp_path.rglob("*.*"))


def test_a_bad_book_does_not_stop_the_others(mirror: Mirror, tmp_path: Path) -> None:
    mirror.books[77] = (NEW_HEADER + BODY + NEW_FOOTER).encode()
    mirror.books[78] = mirror.books[77].replace(b"Language: English", b"Language: German")
    mirror.books[79] = mirror.books[77].replace(
        b"This eBook is for", b"** This is a COPYRIGHTED Project Gutenberg eBook, Details Below **"
    )
    result = run("76", "77", "78", "79", tmp_path / "none.txt", "-o", tmp_path / "o.jsonl",
                 "--cache", tmp_path / "cache", "--base-url", mirror.url, "--pause", "0")  # fmt: skip
    assert result.exit_code == 65
    for words in ("no book 76", "not in English but in German", "copyright", "none.txt cannot be read"):
        assert words in result.stderr
    assert {row["gid"] for row in read_rows(tmp_path / "o.jsonl")} == {"77"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"<!DOCTYPE html><p>A book</p>", "no plain text"),
        (b"PK\x03\x04\x00\x00", "no plain text"),
        (b"just one long paragraph of prose that\ngoes on and on.\n", "no verse"),
    ],
)
def test_files_that_are_no_songbook(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "book.txt").write_bytes(content)
    assert words in refused(run(tmp_path / "book.txt", "-o", tmp_path / "o.jsonl"), 65)
    assert not list(tmp_path.glob("o.*"))


def test_an_address_that_is_none(tmp_path: Path) -> None:
    result = run("77", "-o", tmp_path / "o.jsonl", "--cache", tmp_path, "--base-url", "ftp://x")
    assert "https://" in refused(result, 65)


MARKERS = st.sampled_from(
    [
        "*** START OF THE PROJECT GUTENBERG EBOOK X ***",
        "***START OF THIS PROJECT GUTENBERG EBOOK X",
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        "*** END OF THE PROJECT GUTENBERG EBOOK X ***",
        "End of Project Gutenberg's X, by Y",
        "End of the Project Gutenberg EBook of X",
        "*** START: FULL LICENSE ***",
        "* * *",
        "A line",
        "",
    ]
)


@given(st.lists(st.one_of(MARKERS, st.text(max_size=20)), max_size=12).map("\n".join))
@example("*** START OF THE PROJECT GUTENBERG\n*** END OF THE PROJECT GUTENBERG EBOOK ***\nx")
def test_stripping_is_idempotent_and_only_cuts(text: str) -> None:
    body = strip_boilerplate(text)
    assert body in text
    assert strip_boilerplate(body) == body


BOOKS = st.lists(st.sampled_from(["The sea,", "the SEA", "", "", "* * *", "12", "[Pg 3]", "É"]), max_size=30)


@given(BOOKS, st.sampled_from([(NEW_HEADER, NEW_FOOTER), (OLD_HEADER, OLD_FOOTER)]))
def test_what_stands_between_the_markers_comes_back_whole(lines: list[str], around: tuple[str, str]) -> None:
    body = "\n".join(lines)
    assert strip_boilerplate(around[0] + body + around[1]).strip().endswith(body.strip())


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    found = [line for _, stanzas in songs_of(blocks_of(text)) for stanza in stanzas for line in stanza]
    assert all(line.strip() == line and line and "\n" not in line for line in found)


@pytest.mark.parametrize(
    ("lines", "verse"),
    [
        (["The sea is wide", "And I am small"], True),
        (["'Tis late, my love,", '"And dark," said he,', "The moon's above", "the apple tree"], True),
        (["A single line"], False),
        (
            ["The weather was fine when they went out to the harbour and saw", "that the boats had gone."],
            False,
        ),
        (["THE SEA", "A SONG", "BY JANE ROE"], False),
        (["The Kettle 7", "Rain 9", "Evening 12"], False),
        (["Transcribed by Jane Roe", "For Everybody"], False),
        (["London town is far away", "London town is dear"], True),
    ],
)
def test_verse_is_told_from_what_is_around_it(lines: list[str], verse: bool) -> None:
    assert is_verse(lines) is verse


def test_real_songs_come_back_out_of_a_book(data: Path) -> None:
    """Songs of a corpus, printed as books are, with prose between them."""
    prose = ["This song was sung in the north by fishermen and their wives, who had it", "from a collector."]
    songs = [row for n, row in enumerate(read_rows(data / "lyrics" / "pd_songs.jsonl.xz")) if n % 80 == 0]
    lines: list[str] = []
    for row in songs:
        lines += [*[""] * 4, row["title"], "", "BY SOMEBODY.", "", "[Music]", ""]
        for stanza in row["stanzas"]:
            lines += [*("  " * (n % 2) + line for n, line in enumerate(stanza)), ""]
        lines += ["[Pg 7]", "", *prose, ""]
    found = list(songs_of(blocks_of("\n".join(lines))))
    printed = {tuple(stanza) for row in songs for stanza in row["stanzas"] if max(map(len, stanza)) <= 72}
    read = {tuple(stanza) for _, stanzas in found for stanza in stanzas}
    assert len(printed & read) > 0.95 * len(printed)
    assert len(read - printed) < 0.02 * len(read)
    assert tuple(prose) not in read
