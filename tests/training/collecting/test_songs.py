"""Song metadata in every shape it comes in."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.main import main
from training.collecting.songs import COLUMNS, parse_list_line, read_csv, read_metadata, to_csv

FIRST = "TRAAAAW128F429D538", "SOMZWCG12A8C13C480"
SECOND = "TRAAABD128F429CF47", "SOCIWDW12A8C13D406"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", "songs", *map(str, words)])


def refused(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    said = result.stderr.strip().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("songwriter: ")
    return said[0]


def write_h5(path: Path, rows: list[tuple[bytes, bytes, bytes, bytes, bytes, int, float]]) -> Path:
    """HDF5 in the documented layout: track, song, artist, title, release, year, duration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = np.dtype(
        [
            ("artist_name", "S1024"),
            ("genre", "S1024"),
            ("release", "S1024"),
            ("song_id", "S32"),
            ("title", "S1024"),
        ]
    )
    names = [(artist, b"", release, song, title) for _, song, artist, title, release, _, _ in rows]
    with h5py.File(path, "w") as file:
        file["metadata/songs"] = np.array(names, metadata)
        sounds = [(row[6], row[0]) for row in rows]
        file["analysis/songs"] = np.array(sounds, np.dtype([("duration", "f8"), ("track_id", "S32")]))
        file["musicbrainz/songs"] = np.array([(row[5],) for row in rows], np.dtype([("year", "i4")]))
    return path


def song(number: int) -> tuple[bytes, bytes, bytes, bytes, bytes, int, float]:
    track = f"TR{number:016d}".encode()
    return track, f"SO{number:016d}".encode(), "Beyoncé".encode(), b"Title %d" % number, b"Release", 0, 61.5


def write_database(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE songs (track_id text PRIMARY KEY, title text, song_id text, release text, "
            "artist_id text, artist_mbid text, artist_name text, duration real, artist_familiarity real, "
            "artist_hotttnesss real, year int, track_7digitalid int, shs_perf int, shs_work int)"
        )
        box_tops = (SECOND[0], "Soul Deep", SECOND[1], "Dimensions", "The Box Tops", 148.03, 1969)
        casual = (FIRST[0], "I Didn't Mean To", FIRST[1], "Fear Itself", "Casual", 218.9, 0)
        database.executemany(
            "INSERT INTO songs (track_id, title, song_id, release, artist_name, duration, year) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [box_tops, casual],
        )
    return path


@pytest.mark.parametrize("separator", ["<SEP>", ";"])
def test_a_track_list(tmp_path: Path, separator: str) -> None:
    source, output = tmp_path / "tracks.txt", tmp_path / "out" / "songs.csv"
    rows = [[*FIRST, "Casual", "I Didn\x19t Mean To"], [*SECOND, "The Box Tops", "Soul, \x1cDeep\x1d"]]
    source.write_bytes("".join(separator.join(row) + "\r\n" for row in rows).encode())
    result = run("--msd", source, "-o", output)
    assert result.exit_code == 0, result.output
    assert output.read_text() == (
        "track_id,song_id,artist,title,release,year,duration\n"
        f"{FIRST[0]},{FIRST[1]},Casual,I Didn't Mean To,,,\n"
        f'{SECOND[0]},{SECOND[1]},The Box Tops,"Soul, ""Deep""",,,\n'
    )
    assert result.stderr == f"2 songs: {output}\n"


def test_odd_and_bad_lines_are_reported(tmp_path: Path) -> None:
    source, output = tmp_path / "tracks.txt", tmp_path / "songs.csv"
    good = ";".join([*FIRST, "Casual", "I Didn't Mean To"])
    odd = ";".join([*SECOND, "Dolce", " Oscar G.", "Fire"])
    source.write_text(f"{good}\n{odd}\nno song\n\n", encoding="utf-8-sig")
    result = run("--msd", source, "-o", output)
    assert result.exit_code == 0, result.output
    assert list(read_csv(output)["artist"]) == ["Casual", "Dolce; Oscar G."]
    assert "1 row has more than four fields (line 2)" in result.stderr
    assert "1 line is no song and was skipped (line 3)" in result.stderr


def test_the_real_list(data: Path, tmp_path: Path) -> None:
    result = run("--msd", data / "msd/subset_unique_tracks.txt", "-o", tmp_path / "songs.csv")
    assert result.exit_code == 0, result.output
    assert "38 rows have more than four fields" in result.stderr
    table = pandas.read_csv(tmp_path / "songs.csv")
    assert list(table.columns) == COLUMNS
    assert len(table) == table["track_id"].nunique() == 10_000
    byname = table.set_index("track_id")
    assert byname.loc["TRABAXR128F426515F", "artist"] == "Nick Ingman;Gavyn Wright"
    assert byname.loc["TRABAXR128F426515F", "title"] == "Wessex Loses a Bride"
    assert not table["title"].astype(str).str.contains("[\x00-\x1f]").any()


def test_real_hdf5_files_and_a_broken_one(data: Path, tmp_path: Path) -> None:
    result = run("--msd", data / "msd", "-o", tmp_path / "songs.csv")
    assert result.exit_code == 0, result.output
    assert "TRAAAAW128F429D538.h5 is damaged" in result.stderr
    table = pandas.read_csv(tmp_path / "songs.csv")
    assert list(table["title"]) == ["Soul Deep", "Amor De Cabaret"]
    assert table["year"][0] == 1969
    assert pandas.isna(table["year"][1])
    assert table["duration"][0] == pytest.approx(148.03546)
    alone = run("--msd", data / "msd/broken/TRAAAAW128F429D538.h5", "-o", tmp_path / "none.csv")
    assert "TRAAAAW128F429D538.h5" in refused(alone, 65)
    assert not (tmp_path / "none.csv").exists()


def test_a_tree_with_truncated_files(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(3):
        write_h5(tree / f"A/{number}/B/TR{number}.h5", [song(number)])
    whole = (tree / "A/0/B/TR0.h5").read_bytes()
    (tree / "A/cut.h5").write_bytes(whole[: len(whole) // 2])
    (tree / "A/empty.h5").touch()
    (tree / "A/notes.txt").write_text("no song")
    result = run("--msd", tree, "-o", tmp_path / "songs.csv")
    assert result.exit_code == 0, result.output
    assert "cut.h5 is truncated" in result.stderr
    assert "empty.h5" in result.stderr
    table = pandas.read_csv(tmp_path / "songs.csv")
    assert list(table["title"]) == ["Title 0", "Title 1", "Title 2"]
    assert set(table["artist"]) == {"Beyoncé"}
    assert table["year"].isna().all()


def test_a_summary_file_of_many_songs(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "summary.h5", [song(number) for number in range(5)])
    assert list(read_metadata(path).table["title"]) == [f"Title {number}" for number in range(5)]


def test_the_metadata_database(tmp_path: Path) -> None:
    result = run("--msd", write_database(tmp_path / "track_metadata.db"), "-o", tmp_path / "songs.csv")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "songs.csv").read_text() == (
        "track_id,song_id,artist,title,release,year,duration\n"
        f"{SECOND[0]},{SECOND[1]},The Box Tops,Soul Deep,Dimensions,1969,148.03\n"
        f"{FIRST[0]},{FIRST[1]},Casual,I Didn't Mean To,Fear Itself,,218.9\n"
    )


@pytest.mark.parametrize(
    "case",
    [
        "absent",
        "empty",
        "prose",
        "latin-1",
        "no h5",
        "cut tree",
        "cut db",
        "other db",
        "other h5",
        "bad name",
    ],
)
def test_input_that_cannot_be_used(tmp_path: Path, case: str) -> None:
    source = tmp_path / "source"
    if case == "empty":
        source.touch()
    elif case == "prose":
        source.write_text("It was; the best; of times;\n")
    elif case == "latin-1":
        source.write_bytes(f"{FIRST[0]};{FIRST[1]};Beyoncé;Halo\n".encode("latin-1"))
    elif case == "no h5":
        source.mkdir()
    elif case == "cut tree":
        write_h5(source / "a.h5", [song(1)])
        (source / "a.h5").write_bytes((source / "a.h5").read_bytes()[:900])
    elif case == "cut db":
        source.write_bytes(write_database(tmp_path / "whole.db").read_bytes()[:5000])
    elif case == "other db":
        with closing(sqlite3.connect(source)) as database, database:
            database.execute("CREATE TABLE songs (name text)")
    elif case == "other h5":
        with h5py.File(source, "w") as file:
            file["metadata/songs"] = [1, 2, 3]
    elif case == "bad name":
        write_h5(source, [(*song(1)[:2], b"Beyonc\xe9", *song(1)[3:])])
    assert str(source) in refused(run("--msd", source, "-o", tmp_path / "songs.csv"), 65)
    assert not list(tmp_path.glob("songs.csv*"))


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    source = write_database(tmp_path / "tracks.db")
    (tmp_path / "file").touch()
    refused(run("--msd", source, "-o", tmp_path / "file" / "songs.csv"), 1)
    assert run("--msd", source, "-o", tmp_path).exit_code == 2
    assert run("--msd", source).exit_code == 2


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    source, output = tmp_path / "tracks.txt", tmp_path / "songs.csv"
    source.write_text("".join(f"TR{n:016d};SO{n:016d};An Artist;Title {n}\n" for n in range(2_000)))
    output.write_text("old")
    ended = subprocess.run(
        [sys.executable, "-m", "bot.cli.main", "data", "songs", "--msd", source, "-o", output],
        capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert ended.returncode == 1
    assert len(ended.stderr.strip().splitlines()) == 1
    assert output.read_text() == "old"
    assert not list(tmp_path.glob("*.partial"))


def test_names_that_look_like_something_else_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("title,artist,mood\n1999,Prince,glad\nNone,NA,sad\n1999,Prince,again\n")
    table = read_csv(path)
    assert list(table.columns) == COLUMNS
    assert list(table["title"]) == ["1999", "None"]
    assert list(table["artist"]) == ["Prince", "NA"]


def test_the_csv_is_read_back_as_it_was(data: Path, tmp_path: Path) -> None:
    table = read_metadata(data / "msd/subset_unique_tracks.txt").table
    path = tmp_path / "songs.csv"
    path.write_bytes(to_csv(table))
    back = read_csv(path)
    for name in ("track_id", "song_id", "artist", "title"):
        assert list(back[name]) == list(table[name])


PART = st.text(st.characters(exclude_characters="\n\r"), max_size=30)


@given(PART)
def test_any_line_is_a_song_or_none(line: str) -> None:
    assert parse_list_line(line) is None


@given(st.lists(PART.filter(lambda part: ";" not in part and "<SEP>" not in part), min_size=2, max_size=6))
def test_the_middle_fields_are_the_artist(parts: list[str]) -> None:
    parsed = parse_list_line(";".join([*FIRST, *parts]))
    assert parsed is not None
    row, odd = parsed
    assert row["title"] == parts[-1]
    assert row["artist"] == ";".join(parts[:-1])
    assert odd == (len(parts) > 2)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
def test_whatever_a_name_holds_the_csv_keeps_its_rows(titles: list[str]) -> None:
    lines = "\n".join(
        f"TR{n:016d}<SEP>SO{n:016d}<SEP>x<SEP>{t}".replace("\n", " ") for n, t in enumerate(titles)
    )
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "tracks.txt").write_text(lines, encoding="utf-8", newline="")
        (folder / "songs.csv").write_bytes(to_csv(read_metadata(folder / "tracks.txt").table))
        assert len(read_csv(folder / "songs.csv")) == len(titles)
    finally:
        shutil.rmtree(folder)
