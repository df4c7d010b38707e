from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import save_checkpoint
from model.decoding import Sampling, sample
from model.errors import BadCheckpoint
from model.generator import Generator, TorchStepper, load_generator
from model.vocabulary import CharVocabulary

VOCABULARY = CharVocabulary()


@pytest.fixture(params=[1, 2, 3])
def model(request: pytest.FixtureRequest) -> Generator:
    torch.manual_seed(0)
    return Generator(len(VOCABULARY), embedding=8, hidden=12, layers=request.param).eval()


def test_stepping_equals_the_network_run_at_once(model: Generator) -> None:
    symbols = torch.randint(1, len(VOCABULARY), (4, 9))
    with torch.inference_mode():
        expected = model(symbols)[0].numpy()
    stepper = TorchStepper(model)
    stepper.start(4)
    for time in range(9):
        logits = stepper.step(symbols[:, time].numpy())
        assert logits == pytest.approx(expected[:, time], abs=1e-5)


def test_kept_rows_go_on_from_their_own_state(model: Generator) -> None:
    stepper = TorchStepper(model)
    stepper.start(3)
    stepper.step(np.array([5, 6, 7]))
    stepper.keep(np.array([2, 0, 2]))
    found = stepper.step(np.array([9, 9, 9]))
    assert found[0] == pytest.approx(found[2])
    assert found[0] != pytest.approx(found[1])


def test_start_forgets(model: Generator) -> None:
    stepper = TorchStepper(model)
    stepper.start(1)
    first = stepper.step(np.array([5]))
    stepper.start(1)
    assert stepper.step(np.array([5])) == pytest.approx(first)


def test_forget_gates_start_open(model: Generator) -> None:
    hidden = model.lstm.hidden_size
    bias = model.lstm.bias_ih_l0.detach()
    assert (bias[hidden : 2 * hidden] == 1).all()
    assert (bias[:hidden] == 0).all()


def test_a_checkpoint_gives_the_same_stanza_again(model: Generator, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    architecture = {"embedding": 8, "hidden": 12, "layers": model.lstm.num_layers}
    header = {"architecture": architecture, "alphabet": VOCABULARY.alphabet}
    save_checkpoint(path, "generator", header, model.state_dict())
    loaded, vocabulary, _ = load_generator(path)
    sampling = Sampling(0.7, max_characters=80)
    texts = [
        sample(TorchStepper(m), vocabulary, vocabulary.header(["sea"]), [1, 2], sampling)
        for m in (model, loaded)
    ]
    assert texts[0] == texts[1]


def test_weights_that_do_not_fit_are_refused(model: Generator, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    header = {
        "architecture": {"embedding": 8, "hidden": 13, "layers": 1},
        "alphabet": VOCABULARY.alphabet,
    }
    save_checkpoint(path, "generator", header, model.state_dict())
    with pytest.raises(BadCheckpoint, match="does not fit"):
        load_generator(path)
