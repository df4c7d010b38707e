from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import save_checkpoint
from model.decoding import Sampling, sample
from model.errors import BadCheckpoint
from model.generator import Generator, TorchStepper, load_generator, wishes_of
from model.steering import SPELLED, Progress, Steering, spelling
from model.vocabulary import BOS, CharVocabulary

VOCABULARY = CharVocabulary()
LEMMAS = ["dog", "sea"]
SEA = Steering(
    "song", "sad", 3, ("sea", "zebra"), (frozenset({"sea", "seas"}), frozenset({"zebra", "zebras"}))
)  # fmt: skip
TEXT = "the seas, the sea\nand a zebra\nso"


@pytest.fixture(params=[1, 2, 3])
def model(request: pytest.FixtureRequest) -> Generator:
    torch.manual_seed(0)
    return Generator(len(VOCABULARY), LEMMAS, 8, 6, 12, request.param).eval()


@pytest.mark.parametrize("steering", [Steering(), SEA], ids=["free", "steered"])
def test_stepping_equals_the_network_run_at_once(model: Generator, steering: Steering) -> None:
    ids = [BOS, *VOCABULARY.encode(TEXT)]
    with torch.inference_mode():
        expected = model(torch.tensor([ids]), wishes_of(model, [(steering, TEXT)]))[0][0].numpy()
    stepper, progress = TorchStepper(model), Progress(steering)
    stepper.start(steering, 1)
    for time, number in enumerate(ids):
        if time:
            progress.add(TEXT[time - 1])
        left, waiting = np.array([progress.lines_left]), np.array([progress.waiting], dtype=float)
        found = stepper.step(np.array([number]), left, waiting.reshape(1, -1))
        assert found[0] == pytest.approx(expected[time], abs=1e-5)


def test_no_wishes_equal_empty_wishes(model: Generator) -> None:
    symbols = torch.tensor([[BOS, *VOCABULARY.encode(TEXT)]])
    with torch.inference_mode():
        torch.testing.assert_close(
            model(symbols)[0], model(symbols, wishes_of(model, [(Steering(), TEXT)]))[0]
        )


def free(rows: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(rows, dtype=np.int64), np.zeros((rows, 0))


def test_kept_rows_go_on_from_their_own_state(model: Generator) -> None:
    stepper = TorchStepper(model)
    stepper.start(Steering(), 3)
    stepper.step(np.array([5, 6, 7]), *free(3))
    stepper.keep(np.array([2, 0, 2]))
    found = stepper.step(np.array([9, 9, 9]), *free(3))
    assert found[0] == pytest.approx(found[2])
    assert found[0] != pytest.approx(found[1])


def test_start_forgets(model: Generator) -> None:
    stepper = TorchStepper(model)
    stepper.start(Steering(), 1)
    first = stepper.step(np.array([5]), *free(1))
    stepper.start(Steering(), 1)
    assert stepper.step(np.array([5]), *free(1)) == pytest.approx(first)


def test_letters_know_their_place() -> None:
    assert len(spelling("sea")) == SPELLED
    assert spelling("sea")[3:] == [0] * (SPELLED - 3)
    assert len(set(spelling("aaaaaaaaaa"))) == SPELLED
    assert spelling("o'er")[1] == 0


def test_memories_start_between_one_and_a_stanza(model: Generator) -> None:
    hidden = model.lstm.hidden_size
    bias = model.lstm.bias_ih_l0.detach()
    forget = bias[hidden : 2 * hidden]
    assert (forget >= 0).all()
    assert (forget < np.log(151)).all()
    assert torch.equal(bias[:hidden], -forget)
    assert (bias[2 * hidden :] == 0).all()


def test_a_checkpoint_gives_the_same_stanza_again(model: Generator, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    save_checkpoint(path, "generator", header(model.lstm.num_layers), model.state_dict())
    loaded, vocabulary, _ = load_generator(path)
    sampling = Sampling(0.7, max_characters=80)
    texts = [sample(TorchStepper(m), vocabulary, SEA, [1, 2], sampling) for m in (model, loaded)]
    assert texts[0] == texts[1]


def header(layers: int, hidden: int = 12) -> dict[str, object]:
    architecture = {"embedding": 8, "control": 6, "hidden": hidden, "layers": layers}
    return {"architecture": architecture, "alphabet": VOCABULARY.alphabet, "lemmas": LEMMAS}


def test_weights_that_do_not_fit_are_refused(model: Generator, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    save_checkpoint(path, "generator", header(1, hidden=13), model.state_dict())
    with pytest.raises(BadCheckpoint, match="does not fit"):
        load_generator(path)


def test_a_header_that_lacks_something_is_refused(model: Generator, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    lacking = {key: value for key, value in header(1).items() if key != "lemmas"}
    save_checkpoint(path, "generator", lacking, model.state_dict())
    with pytest.raises(BadCheckpoint, match="lemmas"):
        load_generator(path)
