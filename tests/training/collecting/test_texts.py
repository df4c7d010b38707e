"""Songs from the files that people have. Every word is made up."""

import json
from pathlib import Path

import pytest

from model.errors import BadInput
from training.collecting.answers import parse_get
from training.collecting.texts import read_texts

WORDS = "the water boils\nthe window steams"


def read(path: Path, columns: dict[str, str] | None = None) -> tuple[list[tuple[str, str, str]], list[str]]:
    skipped: list[str] = []
    found = [(text.artist, text.title, text.text) for text in read_texts(path, columns, skipped)]
    return found, skipped


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "header",
    [
        "Artist,Title,Lyrics",
        "artist,song,text",
        "Artist Name,Track_Name,lyric",
        "\ufeffband,name,song_lyrics",
    ],
)
def test_a_table_is_read_by_its_usual_columns(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "songs.csv", f'{header}\nThe Kettles,Tea Time,"{WORDS}"\n')
    assert read(path) == ([("The Kettles", "Tea Time", WORDS)], [])


def test_other_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "songs.csv", f'who,what,"The Words"\nThe Kettles,Tea Time,"{WORDS}"\n')
    with pytest.raises(BadInput, match="--columns"):
        read(path)
    assert read(path, {"artist": "who", "title": "what", "text": "The Words"})[0][0][2] == WORDS


def test_a_bad_row_costs_itself_only(tmp_path: Path) -> None:
    rows = [b"A,one,tea", b"A,two", b'A,"th"ree,tea', b"A,fo\xfcr,tea", b"A,six," + b"x" * 200_000]
    found, skipped = read(write(tmp_path / "songs.csv", b"\n".join([b"artist,title,text", *rows])))
    assert [title for _, title, _ in found] == ["one", "six"]
    assert [one.partition(", ")[2].partition(":")[0] for one in skipped] == ["line 3", "line 4", "line 5"]


def test_an_unclosed_quote_is_named_where_it_opens(tmp_path: Path) -> None:
    path = write(tmp_path / "songs.csv", 'artist,title,text\nA,t,"said ""good day"""\nB,u,"never\nC,v,fine\n')
    with pytest.raises(BadInput, match="line 3: a quotation mark opens here"):
        read(path)


def test_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    write(tmp_path / "The Kettles - Tea Time.txt", "\ufeff" + WORDS)
    write(tmp_path / "more" / "x.LRC", f"[ar:Ann]\n[ti:Fence]\n[00:01.00]{WORDS}")
    write(tmp_path / "more" / "y.txt", WORDS.encode("utf-16"))
    write(tmp_path / "more" / "z.txt", b"caf\xe9")
    found, skipped = read(tmp_path)
    assert [one[:2] for one in found] == [("The Kettles", "Tea Time"), ("Ann", "Fence"), ("", "y")]
    assert [found[0][2], found[2][2]] == [WORDS, WORDS]
    assert len(skipped) == 1
    assert "z.txt is not UTF-8" in skipped[0]
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match=r"no \.txt and no \.lrc"):
        read(tmp_path / "none")


@pytest.mark.parametrize(
    "saved",
    [
        {"name": "Ann", "songs": [{"title": "Fence", "lyrics": WORDS}]},
        {"name": "Fences", "tracks": [{"song": {"title": "Fence", "artist": "Ann", "lyrics": WORDS}}]},
        {"title": "Fence", "primary_artist": {"name": "Ann"}, "lyrics": WORDS},
        [{"title": "Fence", "artist": "Ann", "lyrics": WORDS}],
    ],
)
def test_what_lyricsgenius_saves(tmp_path: Path, saved: object) -> None:
    assert read(write(tmp_path / "Lyrics_Ann.json", json.dumps(saved))) == ([("Ann", "Fence", WORDS)], [])


@pytest.mark.parametrize("content", ["[3]", '{"songs": 3}', "{}", "no", '{"songs": [{"title": "x"}]}'])
def test_json_that_is_something_else(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadInput, match=r"x\.json"):
        read(write(tmp_path / "x.json", content))


def test_plain_words_without_line_ends_give_way_to_those_with_time_stamps() -> None:
    stamped = "[00:01.00] the water boils\n[00:02.00] the window steams"
    answer = {
        "artistName": "A",
        "trackName": "T",
        "plainLyrics": WORDS.replace("\n", ""),
        "syncedLyrics": stamped,
    }
    assert parse_get(json.dumps(answer).encode())[0].lyrics == stamped
    assert parse_get(json.dumps(answer | {"plainLyrics": WORDS}).encode())[0].lyrics == WORDS
