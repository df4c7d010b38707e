"""Sentence vectors: neighbours are near, a style is a shift, and a text is the same in any company."""

from __future__ import annotations

import json
import random
from itertools import accumulate, chain
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bot.cli.main import main
from model.conditioning import STYLES
from model.errors import BadCheckpoint, BadOption
from model.thoughts import CAPTIONS, Numbering, Thoughts
from training.corpora.neighbours import Pair, Sources
from training.loops.thoughts import Encoder, Settings, Trainer, ranks, train

SUBJECTS = {
    "dog": "dog puppy bark fetch leash bone".split(),
    "sea": "sea wave boat sail shore tide".split(),
    "snow": "snow sled ice frost mitten ski".split(),
    "tea": "tea cup kettle spoon sugar biscuit".split(),
}
TINY = Settings(steps=300, words=40, buckets=4, size=64, hidden=64, batch=32, measured=3)
CAPTION = "a puppy with a bone"


def write_songbook(folder: Path, ids: int = 160) -> Path:
    """Stanzas that keep to their subjects, by turns of either voice: a witty one says "haha"."""
    draw, rows = random.Random(1), []
    for number in range(ids):
        subject, said = draw.choice(list(SUBJECTS.items()))
        voice, laugh = [("plain", ""), ("witty", " haha")][number % 2]
        lines = [f"the {a} and the {b}{laugh}" for a, b in (draw.sample(said, 2) for _ in range(4))]
        rows.append(
            {"id": f"s{number}", "voice": voice, "scheme": "free", "mood": "happy", "keywords": [subject],
             "about": f"a {draw.choice(said)}", "lines": lines}
        )  # fmt: skip
    path = folder / "stanzas.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thoughts")
    book, output = write_songbook(folder), folder / "thoughts.safetensors"
    train(Sources(book, about=book), output, TINY)
    return output


def by_hand() -> Thoughts:
    """An encoder with vectors of four numbers, and means that are easily told apart."""
    draw = np.random.default_rng(1)
    table, inner, outer = (draw.normal(size=shape).astype(np.float32) for shape in ((6, 4), (3, 4), (4, 3)))
    means = {name: np.full(4, n, dtype=np.float32) for n, name in enumerate((CAPTIONS, "modern", "hymn"), 1)}
    return Thoughts(
        Numbering.of(["dog", "runs"], 4), table, inner, np.zeros(3, dtype=np.float32), outer, means
    )


def test_neighbours_are_nearer_than_strangers(tiny: Path) -> None:
    thoughts = Thoughts.load(tiny)
    said = [
        (f"the {words[0]} and the {words[1]}", f"a {words[2]} or a {words[3]}") for words in SUBJECTS.values()
    ]
    one, other = (thoughts.encode(side) for side in zip(*said, strict=True))
    assert (one @ other.T).argmax(1).tolist() == [0, 1, 2, 3]


def test_a_caption_goes_over_to_a_style_and_keeps_its_subject(tiny: Path) -> None:
    thoughts = Thoughts.load(tiny)
    lines = [
        "the dog and the bone",
        "the dog and the bone haha",
        "the tea and the cup",
        "the tea and the cup haha",
    ]
    plain, witty = (
        thoughts.encode(lines) @ thoughts.shifted(CAPTION, style) for style in ("modern", "witty")
    )
    assert witty[1] - witty[0] > plain[1] - plain[0]
    assert plain[0] > plain[2]
    assert witty[1] > witty[3]


def test_the_shift_takes_captions_away_and_adds_the_style() -> None:
    thoughts = by_hand()
    [caption] = thoughts.encode(["A dog runs."])
    assert np.allclose(thoughts.shifted("A dog runs.", "modern"), caption + 1)
    assert np.allclose(thoughts.shifted("A dog runs.", "hymn"), caption + 2)


def test_a_style_without_a_mean_is_named() -> None:
    for style in ("ballad", CAPTIONS):
        with pytest.raises(BadOption, match=style):
            by_hand().shifted("A dog runs.", style)


def test_a_text_has_one_vector_whatever_stands_beside_it() -> None:
    thoughts = by_hand()
    texts = ["a dog", "the cat runs", "dog dog runs off", "", "Zebra-Crossing!"]
    together = thoughts.encode(texts)
    for text, vector in zip(texts, together, strict=True):
        assert (thoughts.encode([text])[0] == vector).all()
    assert thoughts.encode([]).shape == (0, 4)


def test_vectors_have_length_one_and_noughts_where_no_word_is() -> None:
    lengths = np.linalg.norm(by_hand().encode(["a dog", "dog!", "\u72ac 42 \u2026", ""]), axis=1)
    assert np.allclose(lengths, [1, 1, 0, 0])


def test_case_marks_and_hyphens_make_no_difference() -> None:
    thoughts = by_hand()
    one, other = thoughts.encode(["The DOG\u2014runs, red-brown", "the dog runs red brown"])
    assert (one == other).all()


def test_rare_words_that_begin_alike_share_a_vector() -> None:
    numbering = Numbering.of(["dog"], 1000)
    assert numbering.rows("skateboard") == numbering.rows("skateboarding")
    assert numbering.rows("skateboard") != numbering.rows("umbrella")
    assert numbering.rows("dog") == [0]


def test_training_and_serving_compute_the_same() -> None:
    numbering = Numbering.of(["dog", "runs"], 4)
    encoder = Encoder(len(numbering), Settings(size=8, hidden=16))
    encoder.outer.data.normal_()
    encoder.bias.data.normal_()
    weights = {name: tensor.detach().numpy() for name, tensor in encoder.named_parameters()}
    thoughts = Thoughts(numbering, means={}, **weights)
    texts = ["a dog runs", "far away", "dog"]
    rows = [numbering.rows(text) for text in texts]
    begins = [0, *accumulate(map(len, rows[:-1]))]
    read = encoder(torch.tensor([*chain(*rows)]), torch.tensor(begins))
    assert np.allclose(read.detach().numpy(), thoughts.encode(texts), atol=1e-5)


@pytest.mark.parametrize("damage", ["absent", "empty", "short", "flipped", "foreign"])
def test_a_damaged_file_is_refused_in_a_sentence(
    tiny: Path, tmp_path: Path, checkpoints: Path, damage: str
) -> None:
    path, data = tmp_path / "thoughts.safetensors", tiny.read_bytes()
    foreign = (checkpoints / "captioner.safetensors").read_bytes()
    damaged = {
        "empty": b"",
        "short": data[:-1],
        "flipped": data.replace(b"buckets", b"bucketz"),
        "foreign": foreign,
    }
    if damage != "absent":
        path.write_bytes(damaged[damage])
    with pytest.raises(BadCheckpoint, match=r"thoughts\.safetensors .*\.$") as refused:
        Thoughts.load(path)
    assert "\n" not in str(refused.value)


def test_arrays_that_do_not_fit_the_header_are_refused(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "thoughts.safetensors"
    # As long as before, one row of the table less than there are words.
    path.write_bytes(tiny.read_bytes().replace(b'buckets\\": 4', b'buckets\\": 3'))
    with pytest.raises(BadCheckpoint, match="damaged"):
        Thoughts.load(path)


def stopped(folder: Path, monkeypatch: pytest.MonkeyPatch, measured: int) -> Trainer:
    """A run that somebody stops when so many figures have been measured."""
    counted = iter(range(measured))

    def ranks_or_stop(thoughts: Thoughts, pairs: list[Pair]) -> tuple[float, float]:
        if next(counted, None) is None:
            raise KeyboardInterrupt
        return ranks(thoughts, pairs)

    monkeypatch.setattr("training.loops.thoughts.ranks", ranks_or_stop)
    return Trainer(Sources(write_songbook(folder)).read(), "data", folder / "thoughts.safetensors", TINY)


def test_what_was_the_best_stays_after_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stopped(tmp_path, monkeypatch, measured=2)
    assert set(run.train()) == {"next line, songbook", "keywords, stanza"}
    assert set(Thoughts.load(run.output).styles) == {"modern", "witty"}


def test_ctrl_c_before_anything_was_kept_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stopped(tmp_path, monkeypatch, measured=1)
    with pytest.raises(KeyboardInterrupt):
        run.train()
    assert not run.output.exists()


def test_the_command_needs_a_songbook_only(tmp_path: Path) -> None:
    book, output = write_songbook(tmp_path), tmp_path / "thoughts.safetensors"
    done = CliRunner().invoke(
        main, ["train", "thoughts", str(book), "--minutes", "0.02", "--output", str(output)]
    )
    assert done.exit_code == 0, done.output
    assert "keywords, stanza: first of" in done.stdout
    assert Thoughts.load(output).shifted(CAPTION, "witty").shape == (96,)


@pytest.mark.parametrize("options", ["--minutes 0", "--captions c.txt", "--dev-list d.txt"])
def test_options_that_go_nowhere_are_refused_before_the_work(tmp_path: Path, options: str) -> None:
    output = tmp_path / "thoughts.safetensors"
    words = ["train", "thoughts", str(write_songbook(tmp_path)), "--output", str(output), *options.split()]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert not output.exists()


def test_a_songbook_that_is_none_makes_nothing(tmp_path: Path) -> None:
    book, output = tmp_path / "stanzas.jsonl", tmp_path / "thoughts.safetensors"
    book.write_text("[]\n")
    done = CliRunner().invoke(main, ["train", "thoughts", str(book), "--output", str(output)])
    assert done.exit_code == 65
    assert not output.exists()
    assert "Traceback" not in done.output


def test_the_shipped_encoder_knows_every_style_and_what_goes_together(checkpoints: Path) -> None:
    path = checkpoints / "thoughts.safetensors"
    assert path.stat().st_size <= 900_000
    thoughts = Thoughts.load(path)
    assert set(thoughts.styles) == set(STYLES)
    [dog, *others] = thoughts.encode(
        ["a dog runs in the snow", "my puppy loves the winter", "a cup of tea with jam"]
    )
    assert others[0] @ dog > others[1] @ dog
