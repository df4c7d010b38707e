"""Cleaning lyrics, through the command where a user would notice. Every song here is made up."""

import csv
import json
import lzma
import resource
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.cli.prepare import clean
from model.errors import BadInput
from tests.conftest import real_data
from training.collecting.clean import clean_text
from training.collecting.english import English
from training.collecting.furniture import MAX_LINE, tidy_line

LAKE = "The lamps are burning on the lake,\nThe boats have gone to sea,\nAnd every wave the oars awake"
GATE = (
    "I walked along the garden gate,\nThe roses told me you were late,\nI waited there till half past eight"
)
PIECES = st.sampled_from(
    [
        *("[Chorus]", "(x2)", "[00:12.34]", "<00:01.00>", "Verse 2:", "{C}", "[[", "]]", "x2]", "(", ")"),
        *(
            "Embed",
            "12Embed",
            "You might also like",
            "Written by: A B",
            "Words by Jane Roe",
            "\u00a9",
            "www.a.b",
        ),
        *("<br>", "<b>", "&amp;", "amp;", "&lt;", "br&gt;", "\u200b", "\ufeff", "\u2028", "\x00", "\ud800"),
        *("love", "oh", "\u00e9", "7", " ", "\n", "\n\n", "\r\n", "* * *", "Chorus", "x" * MAX_LINE),
    ]
)
SOUP = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map("".join))


@pytest.fixture(scope="session")
def corpora() -> None:
    """NLTK's corpora, from the data folder or from where NLTK looks."""
    import nltk.data

    folder = real_data()
    if folder:
        nltk.data.path.append(str(folder / "nltk"))
    try:
        English()
    except BadInput as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def english(corpora: None) -> English:
    return English()


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(clean, [str(word) for word in words])


def refused(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    said = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(said) == 1, said
    return said[0]


def cache(path: Path, *songs: tuple[str, str, str, str | bytes | None]) -> Path:
    """A file of `data lyrics`: status, artist, title, text."""
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE lyrics (track_id, artist, title, status, text, matched_artist, matched_title, "
            "score, source, fetched_at)"
        )
        for number, (status, artist, title, text) in enumerate(songs):
            row = (f"TR{number}", artist, title, status, text, artist, title, 1.0, "lrclib", 0)
            database.execute("INSERT INTO lyrics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.close()
    return path


def table(path: Path, *songs: tuple[str, str, str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("artist", "title", "text"), *songs])
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_only_english_songs_are_left_and_the_report_says_why(corpora: None, tmp_path: Path) -> None:
    lyrics = cache(
        tmp_path / "lyrics.sqlite",
        ("hit", "A", "Lake", LAKE),
        ("miss", "B", "Nothing", None),
        ("instrumental", "C", "Hum", None),
        ("error", "D", "Later", None),
        ("hit", "E", "Strings", "[Instrumental]"),
        ("hit", "F", "Mar", "Quiero volver contigo otra vez\nmi corazón espera junto al puerto\ndime cuándo"),
        ("hit", "A", "Lake (Live)", LAKE.upper().replace(",", " --") + "\n\n" + LAKE),
        ("hit", "G", "Gate", GATE),
        ("hit", "H", "Broken", b"\xff\xfe caf\xe9"),
    )
    result = run(lyrics, "-o", tmp_path / "out.csv", "--report", tmp_path / "report.json")
    assert result.exit_code == 0, result.output
    assert [(row["track_id"], row["title"], row["text"]) for row in rows(tmp_path / "out.csv")] == [
        ("TR0", "Lake", LAKE),
        ("TR7", "Gate", GATE),
    ]
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["read"], report["kept"]) == (9, 2)
    assert report["dropped"] == {
        "miss": 1, "instrumental": 2, "error": 1, "not English": 1, "duplicate": 1, "wrong encoding": 1,
    }  # fmt: skip
    assert {"artist": "F", "title": "Mar", "reason": "not English"} in report["songs"]
    assert "2 of 9 songs kept" in result.stderr
    assert "not English" in result.stderr


def test_a_chorus_is_kept_once_with_its_count(corpora: None, tmp_path: Path) -> None:
    verse = "Another evening by the stone"
    text = f"[Verse 1]\n{GATE}\n[Chorus]\n{LAKE}\n\n[Verse 2]\n{verse}\n\n[Chorus x2]\n{LAKE}!"
    out = tmp_path / "out.csv"
    assert run(table(tmp_path / "in.csv", ("A", "T", text)), "-o", out).exit_code == 0
    assert rows(out)[0]["text"] == f"{GATE}\n\n{LAKE}\n\n{verse}"
    assert rows(out)[0]["counts"] == "1 2 1"


def test_cleaning_its_own_output_changes_nothing(corpora: None, tmp_path: Path) -> None:
    table(tmp_path / "in.csv", ("A", "One", f"[Intro]\n{LAKE}"), ("B", "Two", GATE), ("B", "Two again", GATE))
    assert run(tmp_path / "in.csv", "-o", tmp_path / "once.csv").exit_code == 0
    assert run(tmp_path / "once.csv", "-o", tmp_path / "twice.csv").exit_code == 0
    assert (tmp_path / "once.csv").read_bytes() == (tmp_path / "twice.csv").read_bytes()


def test_a_corpus_keeps_what_it_says_about_a_song(corpora: None, tmp_path: Path) -> None:
    song = {"title": "T", "author": "A", "style": "hymn", "stanzas": [LAKE.split("\n"), GATE.split("\n")]}
    corpus = tmp_path / "songs.jsonl.xz"
    corpus.write_bytes(lzma.compress(json.dumps(song).encode()))
    assert run(corpus, "-o", tmp_path / "out.csv").exit_code == 0
    (row,) = rows(tmp_path / "out.csv")
    assert (row["artist"], row["style"], row["text"]) == ("A", "hymn", f"{LAKE}\n\n{GATE}")


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("[00:12.34] The lamps are burning", "The lamps are burning"),
        ("[00:12.34][01:02.00]Again <00:13.10>and again", "Again and again"),
        ("[ar: Somebody]", ""),
        ("[Verse 1: Somebody & Else]", ""),
        ("(Chorus)", ""),
        ("Pre-Chorus:", ""),
        ("VERSE 2", ""),
        ("Repeat Chorus x2", ""),
        ("Chorus: Come home with me", "Come home with me"),
        ("Come home with me (x3)", "Come home with me"),
        ("Come home with me 2x", "Come home with me"),
        ("Written by: Jane Roe", ""),
        ("Words and music by Jane Roe and John Doe", ""),
        ("Songwriters: Jane Roe, John Doe", ""),
        ("© 1999 Some Publisher", ""),
        ("3 ContributorsLake Lyrics", ""),
        ("all the way home12Embed", "all the way home"),
        ("all the way homeYou might also like", "all the way home"),
        ("See Somebody LiveGet tickets as low as $40", ""),
        ("******* This Lyrics is NOT for Commercial use *******", ""),
        ("Rock &amp; roll <i>tonight</i>", "Rock & roll tonight"),
        ("read it on https://example.org/song", "read it on"),
        # What is sung stays, however like a mark it looks.
        ("(break my heart)", "(break my heart)"),
        ("written by the stars above", "written by the stars above"),
        ("there is a bridge over the water", "there is a bridge over the water"),
        ("a verse for you: remember", "a verse for you: remember"),
        ("I count to 2", "I count to 2"),
        ("Under the chorus of the rain", "Under the chorus of the rain"),
    ],
)
def test_what_is_not_sung_goes_and_the_rest_stays(line: str, left: str) -> None:
    assert tidy_line(line)[0] == left


@settings(max_examples=300, deadline=None)
@given(SOUP)
@example("&amp;amp;lt;br&gt;")
@example("[[x2] 3x]")
def test_cleaning_is_idempotent_never_grows_and_keeps_the_order(text: str) -> None:
    stanzas = list(clean_text(text))
    cleaned = "\n\n".join(stanzas)
    assert list(clean_text(cleaned)) == stanzas
    assert len(cleaned) <= len(text)
    tidy = [tidy_line(line)[0].casefold() for line in text.replace("<br>", "\n").splitlines()]
    places = iter(tidy)
    assert all(line.casefold() in places for stanza in stanzas for line in stanza.split("\n"))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["the sea", "the moon", "a song of home"]), min_size=1, max_size=12))
def test_counts_add_up(sung: list[str]) -> None:
    assert clean_text("\n\n".join(sung)) == Counter(sung)


def test_inflected_forms_are_english(english: English) -> None:
    for word in ("wolves", "ran", "happier", "children's", "they'll", "ain't", "isn't", "singin'", "walkin",
                 "wander'd", "heav'n", "o'er", "loooove", "yeah", "gonna", "roads", "geese"):  # fmt: skip
        assert english.foreign_share(word) == 0, word


@pytest.mark.parametrize(
    "text",
    [
        "Cuando te vi por primera vez en la calle no sabía qué decir, mi amor",
        "Les jours sont longs et les nuits sont froides, mais mon amour ne change pas",
        "Die Nacht hat mir gesagt, dass du nicht mehr da bist, komm mit mir in den Wald",
        "Quando ti vedo il mio cuore batte forte, la notte è lunga senza te",
        "Нет никого на берегу, только море",
        "夜の海を見ている",
        "...",
    ],
)
def test_other_languages_are_not(english: English, text: str) -> None:
    assert english.foreign_share(text) > 0.5


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, "cannot be read"),
        ("empty.csv", b"", "is empty"),
        ("other.csv", b"a,b\n1,2\n", "no column artist"),
        ("short.csv", b"artist,title,text\nA,T\n", "line 2"),
        ("quote.csv", b'artist,title,text\nA,T,"no end\n', "line"),
        ("nothing.csv", b"artist,title,text\n", "holds no songs"),
        ("latin.csv", "artist,title,text\nA,T,caf\xe9\n".encode("latin-1"), "not UTF-8"),
        ("broken.sqlite", b"SQLite format 3\x00" + b"x" * 500, "cannot be read as"),
        ("bad.jsonl", b"{}\n", "line 1"),
        ("cut.jsonl.xz", lzma.compress(b"{}" * 999)[:-20], "intact"),
        ("song.doc", b"la la la", ".csv"),
    ],
)
def test_bad_input_leaves_no_output(
    corpora: None, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    source = tmp_path / name
    if content is not None:
        source.write_bytes(content)
    sentence = refused(run(source, "-o", tmp_path / "out" / "o.csv"), 65)
    assert words in sentence
    assert name in sentence
    assert not list(tmp_path.rglob("o.csv*"))


def test_another_programs_database(corpora: None, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as database:
        database.execute("CREATE TABLE notes (text)")
    database.close()
    assert "songwriter data lyrics" in refused(run(tmp_path / "other.sqlite", "-o", tmp_path / "o.csv"), 65)


def test_without_nltk_data_the_command_that_gets_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nltk.data
    from nltk.corpus.reader import WordListCorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    fresh = LazyCorpusLoader("words", WordListCorpusReader, r"(?!README|\.).*", nltk_data_subdir="corpora")
    monkeypatch.setattr("nltk.corpus.words", fresh)
    source = table(tmp_path / "in.csv", ("A", "T", LAKE))
    assert "songwriter data nltk" in refused(run(source, "-o", tmp_path / "o.csv"), 65)


def test_a_full_disk_leaves_the_old_output(corpora: None, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("what was here")
    names = ["".join(chr(97 + int(digit)) for digit in str(n)) for n in range(400)]
    source = table(tmp_path / "in.csv", *(("A", n, LAKE.replace("lake", n).replace("sea", n)) for n in names))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        result = run(source, "-o", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(out) in refused(result, 1)
    assert out.read_text() == "what was here"
    assert not list(tmp_path.glob("*.partial"))


def test_an_output_that_is_a_folder(corpora: None, tmp_path: Path) -> None:
    source = table(tmp_path / "in.csv", ("A", "T", LAKE))
    assert "folder" in refused(run(source, "-o", tmp_path), 1)


def test_real_songs_lose_nothing_that_is_sung(corpora: None, data: Path, tmp_path: Path) -> None:
    """Of 300 songs none is taken for another language, and hardly a line is touched."""
    with lzma.open(data / "lyrics" / "pd_songs.jsonl.xz", "rt") as file:
        lines = [line for number, line in enumerate(file) if number % 79 == 0]
    source = tmp_path / "songs.jsonl"
    source.write_text("".join(lines))
    assert run(source, "-o", tmp_path / "o.csv", "--report", tmp_path / "r.json").exit_code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert set(report["dropped"]) <= {"duplicate"}
    assert report["kept"] > 0.98 * len(lines)
    assert sum(report["stripped"].get(what, 0) for what in ("marks", "credits", "junk", "markup")) < 5
