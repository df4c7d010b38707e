"""What pages and services put into lyrics and nobody sings. Every line here is made up."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import fold_lines, words
from training.collecting.clean import Report, clean_text
from training.collecting.furniture import tidy_line
from training.collecting.lines import unusable
from training.collecting.refine import refined, stanzas_of, usable
from training.corpora.corpus import read_songs

FENCE = "The bicycle is leaning on the fence\nand waiting for the weather to make sense"


FURNITURE = """
VERSE ONE
Verse II
2nd verse
Last chorus:
[Chorus
CHORUS 2x
OUTRO - fade
Repeat
Outro (fade)
Bridge - Jane Roe
v1:
Ch:
c2.
-- guitar solo --
Guitar solo
*spoken*
~ instrumental ~
(piano break)
Repeat chorus to fade
Intro: Am F C G
Break:
Am  F  C  G
| C | G/B | Am7 | Fmaj7 |
A
F#m7 Bbsus4 (x2)
e|---0---2---3--|
B--1-1-3--
作词 : A. Writer
作曲：A. Writer/B. Writer
编曲 A. Writer
작사: 아무개
作詞 Lyrics：A. Writer
Lyricist : A. Writer
Arranger: B. Writer
Mastering Engineer: C. Writer
Letra: D. Writer
5EmbedShare URLCopyEmbedCopy
12KEmbed
AZLyrics.com
Lyrics from: somewhere
Share URL
Tea Time Lyrics
The Kettles - TEA TIME LYRICS
Lyrics From SomeSite
Thanks to Ann for these lyrics
All lyrics are property and copyright of their owners.
"""


@pytest.mark.parametrize("line", FURNITURE.strip().splitlines())
def test_furniture_goes(line: str) -> None:
    assert tidy_line(line)[0] == ""


@pytest.mark.parametrize(
    "line",
    [
        *("A man, a plan, a bicycle", "Bad to the bone", "Be my baby", "A B C D E F G", "Add a cup of tea"),
        *("Fade away and let me be", "fade out again", "I am solo on the stage", "Guitar in hand I wandered"),
        *("lyrics from the heart", "Copy that, she said", "Both of us were late", "words by the fire"),
        *(
            "C'mon and share the bread",
            "the key: a little patience",
            "B-b-b-bicycle",
            "more lyrics than I know",
        ),
    ],
)
def test_what_is_sung_stays(line: str) -> None:
    assert tidy_line(line) == (line, set())


@pytest.mark.parametrize(
    ("text", "stanzas"),
    [
        (f"X Lyrics\nVERSE ONE\n{FENCE}\n-- solo --\nAm F C\nv2:\nand it rained\nOUTRO - fade\n5Embed",
         [FENCE, "and it rained"]),
        (f"[00:00.00] 作词 : A. Writer/B. Writer\n[00:01.00] 编曲 : C. Writer\n[00:12.50]{FENCE}", [FENCE]),
        (FENCE.replace("\n", "<br>\n") + "<br>\n<br />\r\nand it rained<br>", [FENCE, "and it rained"]),
        (FENCE.replace("\n", "<BR/>"), [FENCE]),
        (FENCE.upper(), [FENCE.lower()]),
        ("Wе paintеd thе wall\nｗide letters, 𝓯ancy ones", ["We painted the wall\nwide letters, fancy ones"]),
        ("I donâ€™t know ZoÃ«\nshe don\x92t, he don\x19t", ["I don’t know Zoë\nshe don’t, he don’t"]),
        ("ANN: I found a cup\nBEN: I broke a cup\nBoth: oh dear", ["I found a cup\nI broke a cup\noh dear"]),
        ("Jane Roe:\nI found a cup\nRemember: it was blue", ["I found a cup\nRemember: it was blue"]),
        ("one two\nнет никого\nthree four\nin 1999\nfive", ["one two", "three four", "five"]),
    ],
)  # fmt: skip
def test_of_a_text_is_left_what_is_sung(text: str, stanzas: list[str]) -> None:
    assert list(clean_text(text)) == stanzas
    assert list(clean_text("\n\n".join(stanzas))) == stanzas


def test_the_report_counts_every_rule_and_shows_a_line() -> None:
    report = Report()
    clean_text("VERSE ONE\nAm F C\nI DON'T KNOW\nthе cup\nнет никого\nin 1999", report)
    assert report.stripped == {"marks": 1, "chords and tabs": 1, "capitals": 1, "look-alike letters": 1}
    assert report.left_out == {"in letters that cannot be written": 1, "with digits": 1}
    assert report.examples["marks"] == "VERSE ONE"
    assert "1 chords and tabs ('Am F C')" in str(report)


LINES = st.one_of(
    st.sampled_from(["I", "OH NO", "in 1999", "нет", "the cat, thе dog", "x" * 80, "Hurrah, &c.", "日本 a"]),
    st.text(max_size=30),
)  # fmt: skip


@given(st.lists(LINES, max_size=12), st.sampled_from([None, 3]))
def test_what_cleaning_and_cutting_keep_training_reads(lines: list[str], size: int | None) -> None:
    cleaned = stanzas_of("\n\n".join(clean_text("\n".join(lines))))
    kept = usable(cleaned)
    assert kept == cleaned
    stanzas = kept if size is None else refined(kept, size)
    if not stanzas:
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "songs.jsonl"
        path.write_text(json.dumps({"stanzas": stanzas}, ensure_ascii=True))
        [song] = read_songs(path)
    assert set(song.stanzas) == {tuple(fold_lines(stanza)) for stanza in stanzas}
    assert all(words(line) for stanza in song.stanzas for line in stanza)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("the cat sat", ""),
        ("the cat sat " * 9, "too long"),
        ("in 1999", "with digits"),
        ("...", "without letters"),
        ("Hurrah, &c.", "cut short with &c."),
        ("he said 你好 to me", "in letters that cannot be written"),
        ("caf\ufffd", "in a wrong encoding"),
        ("Café au lait", ""),
    ],
)
def test_why_training_does_not_take_a_line(line: str, reason: str) -> None:
    assert unusable(line) == reason
