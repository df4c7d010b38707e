"""Collecting words from a service that knows them, does not, and fails in every way it can."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import assume, given
from hypothesis import strategies as st
from tqdm import tqdm

from bot.cli.main import main
from model.errors import Unavailable
from tests.training.collecting.server import FAULTS, LyricsServer, Track, serving
from training.collecting.answers import (
    Failed,
    Song,
    check_no_words,
    check_not_found,
    parse_get,
    parse_search,
    parse_words,
)
from training.collecting.cache import Cache, Status
from training.collecting.client import MAX_RETRY_AFTER, Backoff, Client, Pace, retry_after
from training.collecting.lyrics import Collector
from training.collecting.names import bare_title, first_artist, folded, score
from training.collecting.sources import Lrclib

TRACKS = [
    Track("The Box Tops", "Soul Deep", "Darlin', I don't know much"),
    Track("Casual", "I Didn't Mean To", synced="[00:01.00] I didn't mean to"),
    Track("Arthur Fiedler", "Rhapsody In Blue", instrumental=True),
    Track("Beyoncé", "Halo (Live)", "Remember those walls I built"),
    Track("Pink Floyd", "Another Brick in the Wall, Pt. 1", "Daddy's flown"),
    Track("AC/DC", "Who Made Who?", "The video game says"),
]
MANY = [Track("The Counters", f"Number {n}", f"This is song number {n}") for n in range(200)]


@pytest.fixture
def server() -> Iterator[LyricsServer]:
    with serving([*TRACKS, *MANY]) as running:
        yield running


def write_songs(folder: Path, songs: Sequence[tuple[str, str]]) -> Path:
    path = folder / "songs.csv"
    rows = [f'TR{n},"{artist}","{title}"\n' for n, (artist, title) in enumerate(songs)]
    path.write_text("track_id,artist,title\n" + "".join(rows))
    return path


def words(songs: Path, server: LyricsServer, *more: str | Path) -> list[str]:
    """A command line that collects from the local server without its limit."""
    return ["data", "lyrics", str(songs), "-o", str(songs.parent / "lyrics.sqlite"), "--rate", "1000",
            "--base-url", server.url, *map(str, more)]  # fmt: skip


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def start(arguments: list[str], **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bot.cli.main", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def refused(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    said = result.stderr.strip().splitlines()
    assert len(said) == 1, said
    return said[0]


def rows(path: Path, query: str = "SELECT * FROM lyrics ORDER BY track_id") -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(query)]


def gather(server: LyricsServer, songs: Sequence[Song], path: Path, concurrency: int = 4,
           timeout: float = 20) -> Counter[Status]:  # fmt: skip
    """Collect as the command does, but with hardly a pause after failures."""

    async def job(cache: Cache) -> Counter[Status]:
        async with Client.open(concurrency, timeout) as client:
            source = Lrclib(client, server.url)
            bar = tqdm(disable=True)
            backoff = Backoff(0.01, 0.05, random.Random(1))
            collector = Collector(source, cache, Pace(1000), bar, concurrency, backoff=backoff)
            await collector.run(songs)
            return collector.counts

    with Cache.open(path) as cache:
        return asyncio.run(job(cache))


def test_an_instrumental_may_have_words_in_another_entry(tmp_path: Path) -> None:
    tracks = [Track("Ann", "Fence", instrumental=True), Track("Ann", "Fence (Vocal)", "I painted the fence")]
    with serving(tracks) as server:
        gather(server, [Song("Ann", "Fence")], tmp_path / "lyrics.sqlite")
    [row] = rows(tmp_path / "lyrics.sqlite", "SELECT * FROM answers")
    assert (row["status"], row["text"]) == ("hit", "I painted the fence")


def test_every_kind_of_answer_is_kept(server: LyricsServer, tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [
        ("The Box Tops", "Soul Deep"), ("Casual", "I Didn't Mean To"), ("Arthur Fiedler", "Rhapsody In Blue"),
        ("Nobody", "Nothing"), ("", "No Artist"), ("!!!", "???"),
    ])  # fmt: skip
    result = run(*words(songs, server))
    assert result.exit_code == 0, result.output
    assert result.stderr == "6 songs: 2 found, 1 instrumental, 3 not known\n"
    found = rows(tmp_path / "lyrics.sqlite")
    assert [row["status"] for row in found] == ["hit", "hit", "instrumental", "miss", "miss", "miss"]
    assert [row["text"] for row in found[:3]] == [
        "Darlin', I don't know much", "[00:01.00] I didn't mean to", None,
    ]  # fmt: skip
    assert [row["score"] for row in found[:4]] == [100.0, 100.0, 100.0, None]
    assert all(row["source"] == "lrclib" for row in found)
    (agent,) = server.user_agents
    assert agent.startswith("neural-songwriter/0.")


def test_names_written_otherwise_are_found_with_their_score(server: LyricsServer, tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [
        ("the box tops", "Soul Deep (2000 Remaster)"), ("Beyoncé;Jay-Z", "Halo"),
        ("Pink Floyd", "Another Brick in the Wall, Pt. 2"), ("Pink Floyd", "Another Brick"),
    ])  # fmt: skip
    assert run(*words(songs, server)).exit_code == 0
    box_tops, halo, part_two, brick = rows(tmp_path / "lyrics.sqlite")
    assert box_tops["status"] == "hit"
    assert box_tops["score"] == 100
    assert halo["status"] == "hit"
    assert 85 <= halo["score"] < 100
    assert halo["found_title"] == "Halo (Live)"
    # What was refused is noted, so that somebody can choose another bound; its words are not.
    assert part_two["status"] == brick["status"] == "miss"
    assert brick["found_title"] == "Another Brick in the Wall, Pt. 1"
    assert 0 < brick["score"] < 85
    assert brick["text"] is None


def test_a_second_run_asks_nothing(server: LyricsServer, tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [(t.artist, t.title) for t in TRACKS] + [("Nobody", "Nothing")] * 3)
    first = run(*words(songs, server))
    asked = len(server.asked)
    # An instrumental is asked for once more, and songs with the same names once, by both ways.
    assert asked == len(TRACKS) + sum(track.instrumental for track in TRACKS) + 2
    second = run(*words(songs, server))
    assert second.stderr == first.stderr
    assert len(server.asked) == asked


def test_new_songs_are_asked_beside_old_answers(server: LyricsServer, tmp_path: Path) -> None:
    run(*words(write_songs(tmp_path, [("The Box Tops", "Soul Deep")]), server))
    songs = write_songs(tmp_path, [("The Box Tops", "Soul Deep"), ("Casual", "I Didn't Mean To")])
    assert "2 songs: 2 found" in run(*words(songs, server)).stderr
    assert server.asked == [("get", "The Box Tops", "Soul Deep"), ("get", "Casual", "I Didn't Mean To")]


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if "number" not in fault and "date" not in fault]
)
def test_a_failure_is_asked_again(server: LyricsServer, tmp_path: Path, fault: str) -> None:
    server.faults["Soul Deep"] = [fault] * (12 if fault == "redirects" else 2)
    songs = [Song("The Box Tops", "Soul Deep"), *(Song(t.artist, t.title) for t in MANY[:5])]
    # Only one that hangs has to be given up.
    counts = gather(server, songs, tmp_path / "lyrics.sqlite", timeout=1 if fault == "hang" else 20)
    assert counts == {"hit": 6}
    assert not server.faults["Soul Deep"]
    (row,) = rows(tmp_path / "lyrics.sqlite", "SELECT * FROM answers WHERE title = 'Soul Deep'")
    assert row["status"] == "hit"
    assert row["attempts"] == 0
    assert row["reason"] is None


@pytest.mark.parametrize("fault", ["429 number", "429 date"])
def test_retry_after_holds_back_every_question(server: LyricsServer, tmp_path: Path, fault: str) -> None:
    server.faults["Soul Deep"] = [fault]
    songs = [Song("The Box Tops", "Soul Deep"), *(Song(t.artist, t.title) for t in MANY[:3])]
    began = time.monotonic()
    assert gather(server, songs, tmp_path / "lyrics.sqlite", concurrency=1) == {"hit": 4}
    first, *rest = server.times
    # An HTTP date has no fractions of a second.
    assert min(rest) - first >= (0.95 if fault == "429 number" else 0.0)
    assert time.monotonic() - began < 60
    assert server.asked[1:].count(("get", "The Box Tops", "Soul Deep")) == 1


def test_a_long_retry_after_ends_the_run_and_holds_for_the_next(server: LyricsServer, tmp_path: Path) -> None:
    server.faults["Number 1"] = ["429 in 7200"]
    songs = write_songs(tmp_path, [(t.artist, t.title) for t in MANY[:5]])
    sentence = refused(run(*words(songs, server, "--concurrency", "1")), 69)
    assert "asks to be left alone until" in sentence
    assert len(server.asked) == 2
    assert refused(run(*words(songs, server)), 69) == sentence
    assert len(server.asked) == 2
    with closing(sqlite3.connect(tmp_path / "lyrics.sqlite")) as database, database:
        database.execute("UPDATE sources SET not_before = 0")
        database.execute("UPDATE answers SET retry_at = 0")
    assert "5 songs: 5 found" in run(*words(songs, server)).stderr
    assert Counter(server.asked)["get", "The Counters", "Number 0"] == 1


def test_a_song_that_always_fails_is_left_for_another_day(server: LyricsServer, tmp_path: Path) -> None:
    server.faults["Soul Deep"] = ["500"] * 100
    path = tmp_path / "lyrics.sqlite"
    songs = [Song("The Box Tops", "Soul Deep"), *(Song(t.artist, t.title) for t in MANY)]
    assert gather(server, songs, path) == {"hit": len(MANY), "error": 1}
    assert server.asked.count(("get", "The Box Tops", "Soul Deep")) == 5
    (row,) = rows(path, "SELECT * FROM answers WHERE status = 'error'")
    assert row["reason"] == "HTTP 500"
    assert 80_000 < row["retry_at"] - time.time() <= 86_400
    asked = len(server.asked)
    assert gather(server, songs, path) == {"hit": len(MANY), "error": 1}
    assert len(server.asked) == asked
    server.faults.clear()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE answers SET retry_at = 0 WHERE status = 'error'")
    assert gather(server, songs, path) == {"hit": len(MANY) + 1}
    assert len(server.asked) == asked + 1


def test_a_service_that_is_down_ends_the_run_and_nothing_is_lost(
    server: LyricsServer, tmp_path: Path
) -> None:
    path = tmp_path / "lyrics.sqlite"
    songs = [Song(t.artist, t.title) for t in MANY[:40]]
    for song in songs[10:]:
        server.faults[song.title] = ["500"] * 9
    with pytest.raises(Unavailable, match="times in a row, the last time: HTTP 500"):
        gather(server, songs, path)
    assert len(server.asked) < 60
    server.faults.clear()
    answered = Counter(server.answered)
    assert gather(server, songs, path) == {"hit": 40}
    assert set(server.answered.values()) == {1}
    assert len(answered) == 10


def test_nobody_at_the_address(tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [(t.artist, t.title) for t in MANY[:20]])
    result = run("data", "lyrics", songs, "-o", tmp_path / "l.sqlite", "--base-url", "http://127.0.0.1:9")
    assert "no connection" in refused(result, 69)


def test_the_rate_and_the_concurrency_are_kept(server: LyricsServer, tmp_path: Path) -> None:
    server.delay = 0.1
    songs = write_songs(tmp_path, [(t.artist, t.title) for t in MANY[:20]])
    assert run(*words(songs, server, "--rate", "25", "--concurrency", "2")).exit_code == 0
    assert server.most_at_once == 2
    assert server.times[-1] - server.times[0] >= 19 / 25 - 0.02


def test_a_killed_run_goes_on_and_asks_nothing_twice(server: LyricsServer, tmp_path: Path) -> None:
    songs = write_songs(
        tmp_path, [(t.artist, t.title) for t in MANY] + [("Nobody", f"No {n}") for n in range(20)]
    )
    # The questions under way at the end are never answered, so that what was answered was answered before.
    for held in ("Number 60", "Number 61", "Number 62", "Number 63"):
        server.faults[held] = ["hang"]
    server.alarm_at = 64
    process = start(words(songs, server))
    assert server.alarm.wait(60)
    # A worker asks on only when its last answer is on the disk; the fourth has asked, too.
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    answered = Counter(server.answered)
    assert len(answered) == 60
    server.faults.clear()
    result = run(*words(songs, server))
    assert "220 songs: 200 found, 0 instrumental, 20 not known" in result.stderr
    assert set(server.answered.values()) == {1}
    asked_twice = [question for question, times in Counter(server.asked).items() if times > 1]
    assert {title for _, _, title in asked_twice} == {"Number 60", "Number 61", "Number 62", "Number 63"}


def test_killed_between_both_questions_about_a_song(server: LyricsServer, tmp_path: Path) -> None:
    path = tmp_path / "lyrics.sqlite"
    songs = write_songs(tmp_path, [("Nobody", "Nothing (Live)")])
    server.faults["Nothing"] = ["hang"]  # the search's title; the first question has the whole one
    server.alarm_at = 2
    process = start(words(songs, server))
    assert server.alarm.wait(60)
    process.kill()
    process.wait(10)
    assert [row["status"] for row in rows(path)] == ["asking"]
    server.faults.clear()
    assert "1 not known" in run(*words(songs, server)).stderr
    assert [way for way, _, _ in server.asked] == ["get", "search", "search"]


def test_ctrl_c_says_one_sentence_and_keeps_what_is_under_way(server: LyricsServer, tmp_path: Path) -> None:
    server.delay = 0.3
    songs = write_songs(tmp_path, [(t.artist, t.title) for t in MANY])
    server.alarm_at = 6
    process = start(words(songs, server, "--concurrency", "2"))
    assert server.alarm.wait(60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == "songwriter: stopped. Every answer so far is kept; the same command goes on from there.\n"
    server.delay = 0.0
    assert "200 songs: 200 found" in run(*words(songs, server)).stderr
    assert set(Counter(server.asked).values()) == {1}


def test_a_second_run_at_the_same_file_is_refused(server: LyricsServer, tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [("The Box Tops", "Soul Deep")])
    with Cache.open(tmp_path / "lyrics.sqlite"):
        assert "another run is writing to it" in refused(run(*words(songs, server)), 1)
    assert run(*words(songs, server)).exit_code == 0


def test_a_full_disk_keeps_what_was_written(server: LyricsServer, tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [(t.artist, t.title) for t in MANY])
    limit = 150_000
    process = start(
        words(songs, server), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(said.strip().splitlines()) == 1, said
    kept = len(rows(tmp_path / "lyrics.sqlite", "SELECT * FROM answers"))
    assert 0 < kept < 200
    assert "200 songs: 200 found" in run(*words(songs, server)).stderr


@pytest.mark.parametrize("case", ["absent", "empty", "no column", "no rows", "latin-1", "ragged", "binary"])
def test_a_table_that_cannot_be_used(server: LyricsServer, tmp_path: Path, case: str) -> None:
    songs = tmp_path / "songs.csv"
    text = {"empty": b"", "no column": b"artist,name\na,b\n", "no rows": b"artist,title\n",
            "latin-1": "artist,title\nBeyoncé,Halo\n".encode("latin-1"),
            "ragged": b"artist,title\na,b\na,b,c,d,e\n", "binary": bytes(range(256))}  # fmt: skip
    if case != "absent":
        songs.write_bytes(text[case])
    assert str(songs) in refused(run(*words(songs, server)), 65)
    assert not list(tmp_path.glob("lyrics.sqlite*"))
    assert not server.asked


def test_an_output_that_is_something_else(server: LyricsServer, tmp_path: Path) -> None:
    songs, output = write_songs(tmp_path, [("The Box Tops", "Soul Deep")]), tmp_path / "lyrics.sqlite"
    output.write_text("my only copy of a poem, which is somewhat longer than a header\n" * 20)
    before = output.read_bytes()
    assert "is not an intact SQLite file" in refused(run(*words(songs, server)), 65)
    assert output.read_bytes() == before
    output.unlink()
    with closing(sqlite3.connect(output)) as database, database:
        database.execute("CREATE TABLE poems (text)")
    assert "another program's database" in refused(run(*words(songs, server)), 65)
    (tmp_path / "file").touch()
    refused(run(*words(songs, server, "-o", tmp_path / "file" / "l.sqlite")), 1)


@pytest.mark.parametrize("extra", [
    ["--rate", "nan"], ["--rate", "0"], ["--rate", "5000"], ["--concurrency", "0"], ["--concurrency", "33"],
    ["--timeout", "0"], ["--timeout", "inf"], ["--min-score", "101"], ["--base-url", "lrclib.net"],
    ["--base-url", "ftp://x"], ["--source", "genius"], ["--source", "dump.sqlite3"],
])  # fmt: skip
def test_options_out_of_their_range(server: LyricsServer, tmp_path: Path, extra: list[str]) -> None:
    result = run(*words(write_songs(tmp_path, [("a", "b")]), server, *extra))
    assert result.exit_code == 2, result.output
    assert not server.asked
    assert not (tmp_path / "lyrics.sqlite").exists()


def test_a_public_service_is_never_hurried(tmp_path: Path) -> None:
    result = run("data", "lyrics", write_songs(tmp_path, [("a", "b")]), "-o", tmp_path / "l", "--rate", "6")
    assert "at most 5 times a second" in refused(result, 2)


def test_lyrics_ovh_is_asked_for_what_is_still_missing(server: LyricsServer, tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [("The Box Tops", "Soul Deep"), ("Queen", "Innuendo"), ("No", "One")])
    assert "1 found, 0 instrumental, 2 not known" in run(*words(songs, server)).stderr
    server.tracks = [*server.tracks, Track("Queen", "Innuendo", "While the sun hangs in the sky")]
    server.asked.clear()
    result = run(*words(songs, server, "--source", "lyrics-ovh"))
    assert "2 found, 0 instrumental, 1 not known" in result.stderr
    assert server.asked == [("ovh", "Queen", "Innuendo"), ("ovh", "No", "One")]
    query = "SELECT track_id, source, status, score FROM lyrics ORDER BY track_id"
    assert rows(tmp_path / "lyrics.sqlite", query) == [
        {"track_id": "TR0", "source": "lrclib", "status": "hit", "score": 100.0},
        {"track_id": "TR1", "source": "lyrics-ovh", "status": "hit", "score": None},
        {"track_id": "TR2", "source": "lrclib", "status": "miss", "score": None},
    ]


def test_a_slash_in_a_name_stays_in_the_name(server: LyricsServer, tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [("Band", "Act I/Who? 100%")])
    server.tracks = [*server.tracks, Track("Band", "Act I/Who? 100%", "Words")]
    assert "1 found" in run(*words(songs, server, "--source", "lyrics-ovh")).stderr


# The tables of LRCLIB's database, with its trigger.
DUMP = """
CREATE TABLE tracks (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, name_lower TEXT, artist_name TEXT,
    artist_name_lower TEXT, album_name TEXT, album_name_lower TEXT, duration FLOAT, last_lyrics_id INTEGER,
    created_at DATETIME, updated_at DATETIME);
CREATE TABLE lyrics (id INTEGER PRIMARY KEY AUTOINCREMENT, plain_lyrics TEXT, synced_lyrics TEXT,
    track_id INTEGER, has_plain_lyrics BOOLEAN, has_synced_lyrics BOOLEAN, instrumental BOOLEAN, source TEXT,
    created_at DATETIME, updated_at DATETIME);
CREATE TRIGGER set_tracks_last_lyrics_id AFTER INSERT ON lyrics
    BEGIN UPDATE tracks SET last_lyrics_id = NEW.id WHERE tracks.id = NEW.track_id; END;
"""


def write_dump(path: Path) -> Path:
    lower = {"Beyoncé": "beyonce", "I Didn't Mean To": "i didnt mean to", "AC/DC": "ac dc"}
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(DUMP)
        for number, track in enumerate([*TRACKS, Track("Silent", "Known, But Without Words")], start=1):
            names = track.title, lower.get(track.title, track.title.lower().replace(",", ""))
            artist = track.artist, lower.get(track.artist, track.artist.lower())
            database.execute(
                "INSERT INTO tracks (id, name, name_lower, artist_name, artist_name_lower) "
                "VALUES (?, ?, ?, ?, ?)",
                [number, *names, *artist],
            )
            for plain in [None, track.plain] if number < 7 else []:
                database.execute(
                    "INSERT INTO lyrics (plain_lyrics, synced_lyrics, track_id, instrumental) "
                    "VALUES (?, ?, ?, ?)",
                    [plain, track.synced, number, track.instrumental],
                )
    return path


def test_a_dump_instead_of_the_network(tmp_path: Path) -> None:
    songs = write_songs(tmp_path, [
        ("Box Tops", "Soul Deep (Album Version)"), ("Casual", "I Didn't Mean To"), ("Beyonce", "Halo"),
        ("Arthur Fiedler;Earl Wild", "Rhapsody In Blue"), ("Silent", "Known, But Without Words"),
        ("No", "One"),
    ])  # fmt: skip
    dump, output = write_dump(tmp_path / "dump.sqlite3"), tmp_path / "lyrics.sqlite"
    result = run("data", "lyrics", songs, "--source", dump, "-o", output)
    assert result.stderr == "6 songs: 3 found, 1 instrumental, 2 not known\n"
    found = rows(output)
    assert [row["status"] for row in found] == ["hit", "hit", "hit", "instrumental", "miss", "miss"]
    assert found[0]["text"] == "Darlin', I don't know much"
    assert found[0]["score"] == 100
    dump.unlink()  # and what is known is not looked up again
    write_dump(dump)
    assert run("data", "lyrics", songs, "--source", dump, "-o", output).stderr == result.stderr


@pytest.mark.parametrize("case", ["absent", "text", "other database"])
def test_a_dump_that_is_none(tmp_path: Path, case: str) -> None:
    dump = tmp_path / "dump.sqlite3"
    if case == "text":
        dump.write_text("no database, " * 100)
    elif case == "other database":
        with closing(sqlite3.connect(dump)) as database, database:
            database.execute("CREATE TABLE tracks (id INTEGER)")
    songs = write_songs(tmp_path, [("a", "b")])
    assert str(dump) in refused(
        run("data", "lyrics", songs, "--source", dump, "-o", tmp_path / "l.sqlite"), 65
    )
    assert not (tmp_path / "l.sqlite").exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["artistName", "trackName", "plainLyrics", "lyrics", "name", "error"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_answer_or_a_failure(body: bytes) -> None:
    for parse in (parse_get, parse_search, parse_words, check_not_found, check_no_words):
        try:
            found = parse(body)
        except Failed:
            continue
        for song in found or []:
            # SQLite takes no lone surrogates, so none may get through.
            (song.lyrics + (song.artist or "") + (song.title or "")).encode()


@given(st.text(max_size=60) | st.integers().map(str))
def test_any_retry_after_is_bounded(value: str) -> None:
    seconds = retry_after(value)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


def test_retry_after_in_both_forms() -> None:
    assert retry_after(" 120 ") == 120
    seconds = retry_after(formatdate(time.time() + 100, usegmt=True))
    assert seconds is not None
    assert 98 <= seconds <= 100
    assert retry_after("9" * 5000) == MAX_RETRY_AFTER
    assert retry_after(None) is retry_after("soon") is None


NAMES = st.text(max_size=40)


@given(NAMES, NAMES, NAMES, NAMES)
def test_a_score_is_a_share_and_the_same_both_ways(artist: str, title: str, other: str, another: str) -> None:
    there = score(artist, title, other, another)
    assert 0 <= there <= 100
    assert there == pytest.approx(score(other, another, artist, title))


@given(NAMES, NAMES)
def test_a_song_is_itself(artist: str, title: str) -> None:
    assert score(artist, title, artist, title) == 100


@given(st.text("abcdefghij ", min_size=3, max_size=30))
def test_case_accents_and_punctuation_do_not_count(title: str) -> None:
    assume(title.strip())
    dressed = title.upper().replace("A", "Á").replace(" ", ", ") + "!"
    assert folded(dressed) == folded(title)


@given(NAMES)
def test_shortened_names_are_parts_of_the_whole(name: str) -> None:
    assert set(bare_title(name)) <= set(name) | {" "}
    assert set(first_artist(name)) <= set(name) | {" "}


@pytest.mark.parametrize(("wanted", "found", "same"), [
    (("Simon & Garfunkel", "The Boxer"), ("Simon and Garfunkel", "The Boxer"), True),
    (("Wyclef Jean featuring will.i.am", "Touch Your Button"), ("Wyclef Jean", "Touch Your Button"), True),
    (("Naughty By Nature;Naughty By Nature featuring Zhane", "Jam"), ("Naughty by Nature", "Jam"), True),
    (("Montserrat Caballé", "O mio babbino caro"), ("Montserrat Caballe", "O Mio Babbino Caro"), True),
    (("Dolly Parton", "Jolene - 2012 Remastered"), ("Dolly Parton", "Jolene"), True),
    (("Prince", "1999"), ("Prince", "1999 (2019 Remaster)"), True),
    (("The Band", "The Weight"), ("Dave Matthews Band", "The Weight"), False),
    (("The Beatles", "Help!"), ("The Beatles", "Hello, Goodbye"), False),
    (("Chicago", "Chapter 1"), ("Chicago", "Chapter 2"), False),
    (("Prince", "1999"), ("The Smashing Pumpkins", "1979"), False),
])  # fmt: skip
def test_songs_that_people_take_for_the_same(
    wanted: tuple[str, str], found: tuple[str, str], same: bool
) -> None:
    assert (score(*wanted, *found) >= 85) == same
