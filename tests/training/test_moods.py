"""The judges that say whether a mood is heard in a stanza."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bot.cli.main import main
from model.lexicon import Lexicon
from model.lyrics_generator import PARTS
from model.mood import MOODS, SIGNS
from tests.shipped import LEXICON
from training.evaluation import moods
from training.evaluation.moods import by_lexicon, grown, labelled, trained, without


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return LEXICON


def test_a_lexicon_grown_from_wordnet_hears_what_is_plain(nltk_data: None) -> None:
    lexicon = grown()
    judge = by_lexicon(lexicon)
    said = [
        "they laughed with joy",
        "he mourned in grief",
        "i adore you and caress you",
        "the warriors avenge their enemies",
        "a drowsy twilight reverie",
        "the table has four legs",
    ]
    assert judge(said) == [*MOODS, None]
    words = [word for mood in MOODS for word in lexicon[mood]]
    assert len(words) == len(set(words))
    # Another lexicon, not the lists that steer: few of its words are theirs.
    assert sum(word in SIGNS[mood] for mood in MOODS for word in lexicon[mood]) < 0.1 * len(words)


def test_a_model_learns_what_it_is_told_and_counts_every_mood_the_same() -> None:
    draw = np.random.default_rng(1)
    middles = draw.normal(size=(5, 20)) * 2
    number = np.repeat(np.arange(5), (40, 5, 10, 10, 10))
    vectors = middles[number] + draw.normal(size=(75, 20)) * 0.3
    judge = trained(vectors, [MOODS[n] for n in number])
    assert judge(middles) == list(MOODS)


def test_the_words_that_steer_can_be_taken_out(lexicon: Lexicon) -> None:
    assert without("the weeping moon,\nand i was gladly there", lexicon) == "the\nand i was gladly there"
    assert without("no word of them", lexicon) == "no word of them"


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of which some held-back stanzas count as judged by hand."""
    path = tmp_path / "songs.jsonl"
    lines = {"happy": "we laugh and sing", "sad": "we weep and die", "tender": "i love thee dear",
             "angry": "we fight the foe", "dreamy": "the moon is dim"}  # fmt: skip
    texts = {f"{line} number {'abcdefghij'[n // 10 % 10]}{n * 'o'}": mood
             for n in range(60) for mood, line in lines.items()}  # fmt: skip
    rows = [{"title": text, "author": "A", "stanzas": [[text]]} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    listed = {mood: [hashlib.sha256(t.encode()).hexdigest()[:12] for t, m in texts.items() if m == mood]
              for mood in MOODS}  # fmt: skip
    (tmp_path / "heard.json").write_text(json.dumps(listed))
    monkeypatch.setattr(moods, "HEARD", tmp_path / "heard.json")
    monkeypatch.setattr(moods, "ENOUGH", 5)
    return path


@pytest.mark.usefixtures("models_read_once")
def test_judges_are_asked_about_every_mood(heard: Path, nltk_data: None, tmp_path: Path) -> None:
    options = ("-n", "1", "--candidates", "2", "--output", str(tmp_path / "out.jsonl"), "--json")
    result = CliRunner().invoke(main, ["evaluate", "moods", "--corpus", str(heard), *options])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["stanzas"] == 5
    assert found["chance"] == 0.2
    assert found["labelled"] >= 5
    judges = [name for name in ("reader", "wordnet") if found[name]]
    assert "wordnet" in judges
    for name in judges:
        assert found[name]["low"] - 1e-9 <= found[name]["recovered"] <= found[name]["high"] + 1e-9
        rows = [row for row in found["rows"] if row["judge, asked"].startswith(name)]
        assert [sum(count for key, count in row.items() if key != "judge, asked") for row in rows] == [1] * 6
        right = sum(row[mood] for row, mood in zip(rows, MOODS, strict=False))
        assert right / 5 == pytest.approx(found[name]["recovered"])
    assert found["provenance"]["inputs"].keys() == {"corpus", "generator", "lexicon", *PARTS}
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["mood"] for row in written] == [*MOODS, None]


@pytest.mark.usefixtures("models_read_once")
def test_another_corpus_teaches_no_judge(tmp_path: Path) -> None:
    path = tmp_path / "songs.jsonl"
    path.write_text('{"title": "a", "stanzas": [["we sing"]]}\n')
    result = CliRunner().invoke(main, ["evaluate", "moods", "--corpus", str(path)])
    assert result.exit_code == 65
    assert "judged by hand" in result.stderr
    assert "Traceback" not in result.output


def test_the_stanzas_that_were_judged_are_in_the_corpus(data: Path) -> None:
    if os.environ.get("SONGWRITER_SLOW") is None:
        pytest.skip("splitting the whole corpus takes a while: set SONGWRITER_SLOW to run this")
    texts, found = labelled(data / "lyrics" / "pd_songs.jsonl.xz")
    assert len(texts) == len(set(texts)) == len(found) > 150
    assert set(found) == set(MOODS)
