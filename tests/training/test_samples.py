import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bot.cli.main import main
from model.errors import BadOption
from model.lyrics_generator import PARTS
from training.evaluation.samples import slips
from training.evaluation.temperature import temperatures

SAMPLES = (
    "stanzas temperature candidates dictionary_words ended one_keyword two_keywords copied_span_median "
    "copied_span_p99 copied_span_longest characters_median distinct_1 distinct_2 distinct_3 repeated_4grams "
    "novel_20grams lines_per_stanza rhymes corpus generator random_seed provenance "
    "copied_over_30 copied_over_40 looping filtered"
).split()
COPIED = "i hear the silver river run"

# Drawing is cheap beside reading the models and the word lists.
pytestmark = pytest.mark.usefixtures("models_read_once", "word_lists_read_once")


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Two hundred songs of one stanza; some two in a hundred are held back."""
    path = tmp_path / "songs.jsonl"
    rows = [
        {"title": f"{a}{b}{c}", "stanzas": [[f"the {a}{b}{c}rk sings to the tree", COPIED]]}
        for a in "bcdfghklmn"
        for b in "aeiou"
        for c in "nmls"
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def songwriter(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_samples_are_measured_beside_the_songs(songs: Path, tmp_path: Path) -> None:
    words = ("evaluate", "samples", "--corpus", songs, "-n", "2", "--candidates", "2")
    result = songwriter(*words, "--json", "--save", tmp_path / "result.json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert json.loads((tmp_path / "result.json").read_text()) == found
    assert set(SAMPLES) <= set(found)
    assert 0 <= found["dictionary_words"] <= 1
    assert found["provenance"]["inputs"].keys() == {"corpus", "generator", "lexicon", *PARTS}
    # Held-back songs share their second line with the training songs, and the words around it.
    assert found["corpus"]["copied_span_longest"] >= len("rk sings to the tree\n" + COPIED)
    assert found["corpus"]["lines_per_stanza"] == 2
    assert found["corpus"]["copied_over_40"] == 1
    assert found["corpus"]["looping"] == found["corpus"]["filtered"] == 0
    again = songwriter(*words, "--json")
    assert json.loads(again.stdout) == found | {"provenance": json.loads(again.stdout)["provenance"]}


def test_more_samples_than_held_back_songs_are_refused(songs: Path) -> None:
    result = songwriter("evaluate", "samples", "--corpus", songs, "-n", "100")
    assert result.exit_code == 65
    assert "held-back stanzas" in result.stderr
    assert "Traceback" not in result.output


def test_quality_falls_as_the_temperature_rises(songs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    words = ("evaluate", "temperature", "--from", "0.3", "--to", "2", "--step", "1.7", "-n", "3")
    result = songwriter(*words, "--corpus", songs, "--output", folder)
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "temperature.json").read_text())
    cold, hot = found["rows"]
    assert (cold["temperature"], hot["temperature"]) == (0.3, 2.0)
    assert cold["dictionary_words"] > hot["dictionary_words"]
    assert cold["nats_per_char"] < hot["nats_per_char"]
    assert cold["distinct_1"] < hot["distinct_1"]
    assert hot["whole"] < cold["whole"]
    # Half of the stanzas that end by themselves, in words, are enough.
    assert found["structure_lost_at"] == (None if hot["whole"] >= 0.5 else 2.0)
    assert 0 <= found["corpus"]["novel_20grams"] < 1
    assert (folder / "temperature.png").read_bytes().startswith(b"\x89PNG")
    assert [line.split()[0] for line in result.stdout.splitlines()[-3:]] == ["0.3000", "2.0000", "corpus"]


def test_a_study_needs_nothing_but_a_generator(checkpoints: Path, tmp_path: Path) -> None:
    (tmp_path / "generator.safetensors").symlink_to(checkpoints / "generator.safetensors")
    words = ("--from", "0.4", "--to", "0.4", "-n", "1", "--json", "--checkpoints", tmp_path)
    result = songwriter("evaluate", "temperature", *words)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["corpus"] is None
    assert [row["novel_20grams"] for row in found["rows"]] == [None]
    # A run's folder has no lexicon: the shipped one serves.
    assert found["provenance"]["inputs"]["lexicon"]["path"] == str(checkpoints / "lexicon.json.xz")


def test_the_steps_of_a_study() -> None:
    assert temperatures(0.1, 1.2, 0.1) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
    assert temperatures(0.1, 1.0, 0.4) == [0.1, 0.5, 0.9]
    assert temperatures(0.5, 0.5, 3) == [0.5]


@pytest.mark.parametrize("bad", [(0.01, 1, 0.1), (0.5, 0.4, 0.1), (0.5, 3, 0.1), (0.1, 1, 0), (0.1, 1, -1)])
def test_a_range_that_no_sampler_takes_is_refused(bad: tuple[float, float, float]) -> None:
    with pytest.raises(BadOption, match="--"):
        temperatures(*bad)


def test_the_shipped_generator_keeps_its_promises(data: Path) -> None:
    """A small draw of what the model card measures on 500 stanzas, with room for chance."""
    if os.environ.get("SONGWRITER_SLOW") is None:
        pytest.skip("drawing forty stanzas takes half a minute: set SONGWRITER_SLOW to run this")
    corpus = data / "lyrics" / "pd_songs.jsonl.xz"
    result = songwriter("evaluate", "samples", "--corpus", corpus, "-n", "40", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["dictionary_words"] > 0.95
    assert found["ended"] > 0.9
    assert found["one_keyword"] > 0.5
    assert found["copied_span_median"] <= 25


def test_what_the_guards_are_to_keep_out_is_counted() -> None:
    texts = ["oh the big bad wolf, the big bad wolf, the sea", "oh big bad wolf", "a wolf", "the wolves"]
    spans = [np.array([length]) for length in (41, 40, 31, 30)]
    found = slips(texts, spans, frozenset({"wolf"}))
    assert found == {"copied_over_30": 0.75, "copied_over_40": 0.25, "looping": 0.25, "filtered": 0.75}
