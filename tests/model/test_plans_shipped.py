"""Plans with the models that ship: what a stanza was to say, and what it says."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli.main import main
from model.explanation import explain
from model.known_lines import KnownLines
from model.lyrics_generator import LyricsGenerator, Song
from model.pipeline import Description, write
from model.request import GenerationRequest
from model.rhyme import last_word
from model.rules import SLACK
from model.sampling import Sampling
from model.sampling_jobs import stanza_jobs
from model.text import fold

SHIPPED = Path("data/checkpoints")


pytestmark = pytest.mark.usefixtures("models_read_once")


@pytest.fixture(scope="module")
def writer(lyrics_generator: LyricsGenerator) -> LyricsGenerator:
    return lyrics_generator


def _song(writer: LyricsGenerator, caption: str | None, request: GenerationRequest) -> Song:
    return write(writer, [(Description(caption), request)])[0]


def planned(song: Song) -> tuple[str, ...] | None:
    return song.candidates[0].plan and tuple(line.end for line in song.candidates[0].plan)


def test_lines_end_in_what_was_planned_and_are_nobodys(writer: LyricsGenerator) -> None:
    song = _song(writer, "two dogs are running in the grass", GenerationRequest(seed=3))
    assert tuple(last_word(fold(line)) for line in song.lines) == planned(song)
    lines = KnownLines.load(SHIPPED / "lines.safetensors")
    assert not any(fold(line) in lines for line in song.lines)
    why = explain(song, writer.lexicon, None)
    assert why.plan is not None
    assert [line.split(", ")[-1] for line in why.plan] == list(planned(song) or ())
    assert why.scheme == "AABB"


def test_a_seed_begins_a_planned_stanza(writer: LyricsGenerator) -> None:
    song = _song(writer, None, GenerationRequest(seed=3, prompt="a kiss"))
    assert song.lines[0].lower().startswith("a kiss")
    assert planned(song)


def test_a_line_is_planned_anew(writer: LyricsGenerator) -> None:
    request = GenerationRequest(seed=3)
    before = _song(writer, "a man rides a bike", request)
    after = _song(writer, "a man rides a bike", GenerationRequest(seed=3, rewritten=((2, 9),)))
    assert [a == b for a, b in zip(before.lines, after.lines, strict=True)] == [True, False, True, True]
    line = after.candidates[0].plan[1]
    assert last_word(fold(after.lines[1])) == line.end
    spoken = [writer.lexicon.sounds.spoken(fold(song.lines[1])) for song in (before, after)]
    assert abs(spoken[0] - spoken[1]) <= SLACK


@pytest.mark.parametrize(
    ("keywords", "asked"),
    [
        (("zzxq",), GenerationRequest(seed=3, candidates=8)),
        (
            (),
            GenerationRequest(seed=3, candidates=8, prompt="all through the long and lonely night of winter"),
        ),
        (("dog",), GenerationRequest(seed=3, candidates=8, style="ballad")),
    ],
    ids=["a word that nobody knows", "a seed of many syllables", "an old style"],
)
def test_where_no_plan_fits_it_is_written_without(
    writer: LyricsGenerator, keywords: tuple[str, ...], asked: GenerationRequest
) -> None:
    [song] = writer.sung([(keywords, asked)])
    assert song.lines
    assert not song.candidates[0].plan
    assert explain(song, writer.lexicon, None).plan == (None if asked.style == "ballad" else ())


def test_a_generator_without_planner_writes(writer: LyricsGenerator) -> None:
    alone = LyricsGenerator(
        writer.stepper,
        writer.vocabulary,
        writer.lexicon,
        writer.digest,
        backend=writer.backend,
    )
    [song] = alone.sung([(("dog", "grass"), GenerationRequest(seed=3, candidates=8))])
    assert song.lines
    assert not song.candidates[0].plan


def test_planned_words_are_drawn_warmer(writer: LyricsGenerator) -> None:
    cool, warm = (
        stanza_jobs(writer.tools, ("dog", "grass"), GenerationRequest(Sampling(temperature), seed=3))[0]
        for temperature in (0.3, 1.0)
    )
    assert cool.job.conditioning.plan
    assert 0.6 < cool.job.sampling.temperature < warm.job.sampling.temperature < 1.3
    old = stanza_jobs(writer.tools, ("dog",), GenerationRequest(Sampling(0.3), seed=3, style="song"))[0]
    assert old.job.sampling.temperature == 0.3


def test_chance_decides_more_at_a_higher_temperature(
    writer: LyricsGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All of the nearest are weighed.
    monkeypatch.setattr("model.sampling_jobs._WEIGHED", 1.0)

    def followed(temperature: float) -> int:
        requests = [GenerationRequest(Sampling(temperature), seed=seed) for seed in range(4)]
        jobs = [stanza_jobs(writer.tools, ("dog", "grass", "run"), one) for one in requests]
        return len({job.job.conditioning.plan for some in jobs for job in some})

    assert followed(1.2) > followed(0.2)


def book_of(path: Path, *keywords: str, count: int = 12) -> Path:
    row = {
        "voice": "plain", "scheme": "AABB", "mood": "happy", "keywords": keywords,
        "lines": ["the dog runs down the hill", "and then he stands so still", "he barks at me", "and runs"],
    }  # fmt: skip
    path.write_text("\n".join(json.dumps({"id": f"p{number}", **row}) for number in range(count)))
    return path


@pytest.mark.parametrize("kind", [[], ["--plans"], ["--adapted"]], ids="".join)
def test_negatives_are_stanzas_or_plans_of_its_own(tmp_path: Path, kind: list[str]) -> None:
    book = book_of(tmp_path / "book.jsonl", "dog", "hill")
    words = ["train", "negatives", str(book), "-n", "2", *kind]
    texts = []
    for name in ("one.jsonl", "two.jsonl"):
        result = CliRunner().invoke(main, [*words, "--output", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    rows = [json.loads(line) for line in texts[0].splitlines()]
    assert len(rows) >= 2
    for row in rows:
        assert row["keywords"] == ["dog", "hill"]
        assert row["lines"] != json.loads(book.read_text().splitlines()[0])["lines"]
        assert "--plans" in kind or len(row["lines"]) == 4
        if "--adapted" in kind:
            assert {"dog", "dogs", "hill", "hills"} & set(" ".join(row["lines"]).split())


def test_negatives_need_a_planner(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("generator.safetensors", "lexicon.json.xz"):
        (folder / name).symlink_to((SHIPPED / name).resolve())
    book, output = book_of(tmp_path / "book.jsonl", "dog"), tmp_path / "none.jsonl"
    words = ["train", "negatives", str(book), "--output", str(output), "--checkpoints", str(folder)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 65
    assert "train one first" in result.output
    assert not output.exists()


def test_a_plan_makes_a_stanza_likelier(tmp_path: Path) -> None:
    book = book_of(tmp_path / "book.jsonl", "dog", count=3)
    result = CliRunner().invoke(main, ["evaluate", "songbook", str(book), "--split", "all", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["result"] if "result" in result.stdout else json.loads(result.stdout)
    assert found["stanzas"] == 3
    assert 0 < found["plain_planned"] < found["plain"] < 2
    missing = CliRunner().invoke(main, ["evaluate", "songbook", str(tmp_path / "no.jsonl")])
    assert missing.exit_code == 65
    assert "no.jsonl" in missing.output
