import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadInput
from training.corpora.corpus import cut, pieces, read_songs, split, training_weight
from training.corpora.flickr8k import read_captions, read_split
from training.corpora.stanzas import plainness
from training.evaluation.ngram import AdaptiveNgram


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


def song(title: str, *stanzas: list[str], **more: object) -> dict[str, object]:
    return {"title": title, "author": "A", "style": "song", "archaic": 0.0, "stanzas": stanzas, **more}


@given(st.lists(st.integers(), max_size=30), st.integers(1, 5), st.integers(0, 4))
def test_cutting_loses_nothing_and_keeps_to_the_size(lines: list[int], size: int, offset: int) -> None:
    found = list(cut([str(n) for n in lines], size, min(offset, size)))
    assert [int(n) for piece in found for n in piece] == lines
    assert all(0 < len(piece) <= size for piece in found)


@pytest.mark.parametrize("name", ["songs.jsonl", "songs.jsonl.xz"])
def test_songs_are_folded_and_choruses_counted_once(tmp_path: Path, name: str) -> None:
    chorus = ["Oh, “the” Sea", "The sea!"]
    path = write(tmp_path / name, [song("One", chorus, ["Verse é"], chorus)])
    assert read_songs(path)[0].stanzas == (("oh, the sea", "the sea!"), ("verse e",))


def test_prose_and_page_furniture_are_dropped(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        [song("One", ["x" * 100], ["Page 12"], ["CHORUS OF MEN", "ALL"], ["a line", "another line"])],
    )
    assert read_songs(path)[0].stanzas == (("a line", "another line"),)


def test_choruses_that_the_printer_did_not_set_again_are_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [song("One", ["He sang", "Hurrah, &c."], ["Tra la, & c."])])
    assert read_songs(path)[0].stanzas == (("he sang",),)


def test_plain_stanzas_outweigh_dialect() -> None:
    common = {"the", "sun", "is", "on", "sea"}
    assert plainness(["the sun is on the sea"], common) == 1
    assert plainness(["the sun is on the brae"], common) < 1
    assert plainness(["the bairn gaed doun the brae"], common) < 0.01


def test_songs_that_share_a_stanza_stay_together(tmp_path: Path) -> None:
    shared = ["the very same opening of a song", "printed in two anthologies"]
    own = (f"a line of its own, {chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(300))
    rows = [song(f"t{n}", [line, "and more of it here"]) for n, line in enumerate(own)]
    rows += [song("first", shared), song("second printing", shared)]
    parts = split(read_songs(write(tmp_path / "s.jsonl", rows)))
    assert sum(map(len, parts.values())) == 302
    home = [name for name, songs in parts.items() for s in songs if s.stanzas[0] == tuple(shared)]
    assert len(set(home)) == 1
    assert parts["dev"]
    assert parts["test"]


def test_the_split_is_the_same_every_time(tmp_path: Path) -> None:
    rows = [song(f"t{n}", [f"line {'x' * n}"]) for n in range(60)]
    path = write(tmp_path / "s.jsonl", rows)
    keys = [{name: [s.key for s in songs] for name, songs in split(read_songs(path)).items()} for _ in "ab"]
    assert keys[0] == keys[1]


def test_pieces_are_distinct(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [song("a", ["la la la"]), song("b", ["la la la"], ["b", "c"])])
    assert pieces(read_songs(path)) == ["la la la", "b\nc"]


def test_songs_outweigh_hymns_and_modern_outweighs_old(tmp_path: Path) -> None:
    rows = [song("a", ["x"]), song("b", ["y"], style="hymn"), song("c", ["z"], archaic=0.1)]
    new, hymn, old = read_songs(write(tmp_path / "s.jsonl", rows))
    assert training_weight(new) > training_weight(hymn)
    assert training_weight(new) > training_weight(old)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no stanzas"),
        (b"not json\n", "not JSON"),
        (b'{"title": "x"}\n', "line 1"),
        (b"[1, 2]\n", "line 1"),
        (b'{"stanzas": 3}\n', "line 1"),
        (b'{"stanzas": ["one text\\na stanza"]}\n', "a list of lists of lines"),
        (b"[" * 99_999, "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b"\xff\xfe\n", "UTF-8"),
    ],
)
def test_malformed_corpora_say_what_is_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        read_songs(path)


def test_what_other_programs_write_is_read(tmp_path: Path) -> None:
    """A mark at the beginning, as on Windows, and half a character that JSON can name."""
    path = write(tmp_path / "s.jsonl", [song("half \ud83d", ["two birds"])])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    [found] = read_songs(path)
    assert found.stanzas == (("two birds",),)
    assert sum(map(len, split([found]).values())) == 1


def test_a_damaged_archive_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl.xz", [song("a", ["b"])])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="intact"):
        read_songs(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_songs(tmp_path / "missing.jsonl.xz")


def test_both_caption_layouts(tmp_path: Path) -> None:
    token = tmp_path / "token.txt"
    token.write_text("a.jpg#0\tA dog .\na.jpg#1\tOne dog .\n2258277193_586949ec62.jpg.1#0\tno picture\n")
    csv = tmp_path / "captions.txt"
    csv.write_text('image,caption\na.jpg,A dog .\na.jpg,"One dog, running ."\n')
    assert read_captions(token) == {"a.jpg": ["A dog .", "One dog ."]}
    assert read_captions(csv) == {"a.jpg": ["A dog .", "One dog, running ."]}


def test_a_caption_table_as_spreadsheets_write_it(tmp_path: Path) -> None:
    table = tmp_path / "captions.txt"
    table.write_bytes(
        '\ufeff"Image","Caption"\r\na.jpg,"A dog, brown\r\nand wet ."\r\n'
        'b.jpg,A girl says ""go"" to a horse, twice .\r\n"b.jpg","A ""sign"" ."\r\n'.encode()
    )
    assert read_captions(table) == {
        "a.jpg": ["A dog, brown and wet ."],
        "b.jpg": ['A girl says "go" to a horse, twice .', 'A "sign" .'],
    }
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.jpg\n")
    assert read_split(tmp_path / "list.txt") == ["a.jpg"]


def test_bad_caption_files(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("no tab here\n")
    with pytest.raises(BadInput, match="line 1"):
        read_captions(bad)
    bad.write_text("\n")
    with pytest.raises(BadInput, match="lists no pictures"):
        read_split(bad)
    with pytest.raises(BadInput, match="cannot be read"):
        read_split(tmp_path / "none")


def test_the_ngram_model_is_uniform_at_first_and_learns() -> None:
    bits, characters = AdaptiveNgram(4).bits(["a"])
    assert (bits, characters) == (2.0, 1)
    text = "over and over and over again " * 20
    early = AdaptiveNgram(30).bits([text[:58]])[0] / 58
    late = AdaptiveNgram(30).bits([text])[0] / len(text)
    assert late < 0.5 * early


@given(st.text(alphabet="abc", min_size=1, max_size=40), st.text(alphabet="abc", max_size=8))
def test_ngram_probabilities_sum_to_one(text: str, context: str) -> None:
    model = AdaptiveNgram(3)
    model.bits([text])
    total = sum(model._probability(context[-5:], character) for character in "abc")
    assert total == pytest.approx(1)
