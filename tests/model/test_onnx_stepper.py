"""What writes stanzas on a CPU, beside the network that it stands for."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import save_checkpoint
from model.conditioning import Conditioning, ConditioningState
from model.decoding import Context, SamplingJob, Stepper, packed, sample
from model.errors import BadCheckpoint
from model.generator import Generator, TorchStepper, load_generator
from model.onnx_stepper import OnnxStepper, load_stepper
from model.plan import LinePlan
from model.rhyme import RHYMES
from model.sampling import Sampling
from model.vocabulary import BOS, CharVocabulary
from training.evaluation.losses import stanza_nats
from training.evaluation.lyrics import stepped_nats

VOCABULARY = CharVocabulary()
LEMMAS = ["dog", "sea"]
SEA = Conditioning(
    "song", "sad", 3, ("sea", "zebra"), (frozenset({"sea", "seas"}), frozenset({"zebra", "zebras"})),
    syllables=(5, 4), rhymes=(7, RHYMES),
)  # fmt: skip
CONDITIONINGS = [
    Conditioning(),
    SEA,
    Conditioning("poem", lines=2),
    Conditioning(keywords=("dog",), forms=(frozenset({"dog"}),)),
    Conditioning(
        "modern", lines=3, plan=(LinePlan(("seas",), "sea"), LinePlan(("unheard",), "zebra"), LinePlan())
    ),
]
TEXT = "the seas, the sea\nand a zebra\nso"


@pytest.fixture(params=["lstm 1", "lstm 2", "gru 2", "rnn 2", "plain lstm 2", "planned lstm 2"])
def model(request: pytest.FixtureRequest) -> Generator:
    *kind, cell, layers = request.param.split()
    torch.manual_seed(0)
    sizes = {"control": 0, "word": 0} if kind == ["plain"] else {"control": 6, "word": 4}
    plan = {"plan": 5, "forms": ["sea", "seas", "zebra"]} if kind == ["planned"] else {}
    return Generator(
        len(VOCABULARY), LEMMAS, 8, hidden=12, layers=int(layers), cell=cell, **sizes, **plan
    ).eval()


def onnx(model: Generator, int8: bool = False) -> OnnxStepper:
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return OnnxStepper(weights, list(model.lemmas), model.cell, int8, list(model.forms))


def read(stepper: Stepper, requests: list[int]) -> list[np.ndarray]:
    """Logits while every row reads the text, each with one of ``CONDITIONINGS``."""
    states = stepper.start(CONDITIONINGS)
    stepper.resume([states[number] for number in requests])
    progress, found = [ConditioningState(CONDITIONINGS[number]) for number in requests], []
    for symbol, character in zip([BOS, *VOCABULARY.encode(TEXT)], [*TEXT, ""], strict=True):
        rows = [packed(number, row.state) for number, row in zip(requests, progress, strict=True)]
        found.append(stepper.step(np.full(len(requests), symbol), Context.of(rows)))
        for row in progress:
            row.add(character or " ")
    return found


def test_in_float32_it_is_the_network(model: Generator) -> None:
    for found, expected in zip(
        read(onnx(model), [0, 1, 2, 3, 4]), read(TorchStepper(model), [0, 1, 2, 3, 4]), strict=True
    ):
        assert found == pytest.approx(expected, abs=1e-5)
        assert found.dtype == np.float64


def test_with_8_bits_it_is_close_to_the_network(model: Generator) -> None:
    rows = [0, 1, 4] if model.plan else [0, 1]
    for found, expected in zip(
        read(onnx(model, int8=True), rows), read(TorchStepper(model), rows), strict=True
    ):
        assert found == pytest.approx(expected, abs=0.05)


def test_a_row_does_not_depend_on_its_neighbours(model: Generator) -> None:
    together = read(onnx(model, int8=True), [1, 0, 3, 2, 1])
    for place, request in ((0, 1), (1, 0), (4, 1)):
        for found, expected in zip(together, read(onnx(model, int8=True), [request]), strict=True):
            assert np.array_equal(found[place], expected[0])


def test_contexts_that_no_room_is_left_for_are_worked_out_again(
    model: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(onnx(model), [0, 1, 2, 3])
    monkeypatch.setattr("model.onnx_stepper._KEPT", 2)
    for found, before in zip(read(onnx(model), [0, 1, 2, 3]), expected, strict=True):
        assert found == pytest.approx(before, abs=1e-6)


def free(rows: int) -> Context:
    return Context.of([packed(0, ConditioningState(Conditioning()).state)] * rows)


@pytest.mark.parametrize("int8", [False, True])
def test_rows_go_on_from_their_own_state(model: Generator, int8: bool) -> None:
    stepper, reference = onnx(model, int8), TorchStepper(model)
    found = []
    for one in (stepper, reference):
        one.resume(one.start([Conditioning()]) * 3)
        one.step(np.array([5, 6, 7]), free(3))
        saved = one.states([1])
        one.resume(one.states([2, 0]))
        kept = one.step(np.array([9, 9]), free(2))
        one.resume([*saved, *saved])
        found.append((kept, one.step(np.array([9, 9]), free(2))))
    for ours, theirs in zip(*found, strict=True):
        assert ours == pytest.approx(theirs, abs=0.05 if int8 else 1e-5)
    kept, resumed = found[0]
    assert resumed[0] == pytest.approx(resumed[1])
    assert kept[0] != pytest.approx(resumed[0])


@pytest.mark.parametrize("int8", [False, True])
def test_rows_of_before_leave_nothing_behind(model: Generator, int8: bool) -> None:
    stepper = onnx(model, int8)
    ruined = np.full_like(stepper.start(CONDITIONINGS)[0], np.nan)
    stepper.resume([ruined] * 9)
    for _ in range(2):
        stepper.step(np.full(9, 5), free(9))
    assert np.array_equal(read(stepper, [0, 1]), read(onnx(model, int8), [0, 1]))


def test_more_rows_than_ever_go_on_from_the_state_of_one(
    model: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.onnx_stepper._ROWS", 2)
    stepper = onnx(model, int8=True)
    stepper.resume(stepper.start(CONDITIONINGS)[1:2])
    sea = Context.of([packed(1, ConditioningState(SEA).state)])
    stepper.step(np.array([5]), sea)
    [state] = stepper.states([0])
    expected = stepper.step(np.array([9]), sea)
    stepper.resume([state] * 5)
    found = stepper.step(np.full(5, 9), Context(*(np.repeat(part, 5, 0) for part in sea)))
    assert np.array_equal(found, np.repeat(expected, 5, 0))


def test_states_outlive_the_steps_after_them(model: Generator) -> None:
    stepper = onnx(model)
    stepper.resume(stepper.start([Conditioning()]) * 2)
    stepper.step(np.array([5, 6]), free(2))
    kept = stepper.states([0, 1])
    expected = stepper.step(np.array([9, 9]), free(2))
    for _ in range(3):
        stepper.step(np.array([7, 8]), free(2))
    stepper.resume(kept)
    assert np.array_equal(stepper.step(np.array([9, 9]), free(2)), expected)


def test_start_forgets(model: Generator) -> None:
    stepper = onnx(model, int8=True)
    before = read(stepper, [1])
    stepper.start([Conditioning("poem", "happy", 4)])
    assert np.array_equal(before, read(stepper, [1]))


def test_a_new_conditioning_counts_though_the_same_of_it_is_open(model: Generator) -> None:
    def begun(stepper: Stepper, request: Conditioning) -> np.ndarray:
        stepper.resume(stepper.start([request]))
        return stepper.step(np.array([5]), free(1))

    stepper, happy = onnx(model), Conditioning("poem", "happy")
    begun(stepper, SEA)
    assert np.array_equal(begun(stepper, happy), begun(onnx(model), happy))


def test_greedy_text_is_that_of_torch(checkpoints: Path) -> None:
    """Two hundred seeds are compared by ``tests.bench.engine``."""
    path = checkpoints / "generator.safetensors"
    ours, vocabulary, _ = load_stepper(path, int8=False)
    theirs = TorchStepper(load_generator(path)[0])
    for prompt in ("the sea", "a dog", "my love"):
        job = SamplingJob(Conditioning("song", lines=2), [0], Sampling(top_k=1), prompt)
        assert sample(ours, vocabulary, job)[0].text == sample(theirs, vocabulary, job)[0].text


def test_8_bits_lose_little_on_the_shipped_checkpoint(checkpoints: Path) -> None:
    path = checkpoints / "generator.safetensors"
    texts = ["o'er the hills and far away", "the moon was shining on the sea\nand all the stars were bright"]
    model, vocabulary, _ = load_generator(path)
    expected = stanza_nats(model, texts, vocabulary)
    assert stepped_nats(load_stepper(path, int8=False)[0], texts, vocabulary) == pytest.approx(
        expected, rel=1e-4
    )
    assert stepped_nats(load_stepper(path)[0], texts, vocabulary) == pytest.approx(expected, rel=0.01)


def header(**architecture: object) -> dict[str, object]:
    sizes = {"embedding": 8, "control": 6, "hidden": 12, "layers": 2, "word": 4, "styles": 7} | architecture
    return {"architecture": sizes, "alphabet": VOCABULARY.alphabet, "lemmas": LEMMAS}


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    return Generator(len(VOCABULARY), LEMMAS, 8, 6, 12, 2, word=4).state_dict()


@pytest.mark.parametrize(
    ("described", "complaint"),
    [
        (header(hidden=13), "does not fit"),
        (header(layers=3), "does not fit"),
        (header(word=5), "does not fit"),
        (header() | {"lemmas": ["dog"]}, "does not fit"),
        (header() | {"alphabet": "abc"}, "does not fit"),
        (header(cell="gru"), "does not fit"),
        ({"alphabet": "abc"}, "architecture"),
    ],
)
def test_weights_that_do_not_fit_their_header_are_refused(
    weights: dict[str, torch.Tensor], tmp_path: Path, described: dict[str, object], complaint: str
) -> None:
    path = tmp_path / "generator.safetensors"
    save_checkpoint(path, "generator", described, weights)
    with pytest.raises(BadCheckpoint, match=complaint):
        load_stepper(path)


def test_weights_that_lack_something_are_refused(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    save_checkpoint(path, "generator", header(), {n: w for n, w in weights.items() if n != "rhyme.weight"})
    with pytest.raises(BadCheckpoint, match=r"rhyme\.weight"):
        load_stepper(path)


@pytest.mark.parametrize("sizes", [{}, {"control": 0, "word": 0}], ids=["conditioned", "plain"])
def test_what_memory_held_before_does_not_matter(tmp_path: Path, sizes: dict[str, int]) -> None:
    """glibc fills what it hands out and takes back with a byte that can be chosen; others do not."""
    path, wanted = tmp_path / "generator.safetensors", {"control": 6, "word": 4} | sizes
    torch.manual_seed(0)
    generator = Generator(len(VOCABULARY), LEMMAS, 8, hidden=12, **wanted)
    save_checkpoint(path, "generator", header(**wanted), generator.state_dict())
    script = f"""
from pathlib import Path
import numpy as np
from model.decoding import Context, packed
from model.onnx_stepper import load_stepper
from model.conditioning import Conditioning, ConditioningState
for int8 in (False, True):
    stepper = load_stepper(Path({str(path)!r}), int8)[0]
    for rows in (1, 70, 3):
        stepper.resume(stepper.start([Conditioning("song", "sad", 3, ("sea", "zebra"))]) * rows)
        context = Context.of([packed(0, ConditioningState(Conditioning(lines=3)).state)] * rows)
        for symbol in range(3, 9):
            logits = stepper.step(np.full(rows, symbol), context)
            assert np.isfinite(logits).all()
            print(logits[[0, -1]].tobytes().hex())
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True, capture_output=True, env=os.environ | {"MALLOC_PERTURB_": filling},
        ).stdout
        for filling in ("0", "1", "128")
    }  # fmt: skip
    assert len(found) == 1


def test_it_works_without_torch(checkpoints: Path) -> None:
    script = f"""
import sys
sys.modules["torch"] = None
from pathlib import Path
from model.onnx_stepper import load_stepper
load_stepper(Path({str(checkpoints)!r}) / "generator.safetensors")
"""
    subprocess.run([sys.executable, "-c", script], check=True)
