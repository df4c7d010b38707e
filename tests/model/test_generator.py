from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.checkpoint import save_checkpoint
from model.conditioning import FIRST_STYLES, SPELLED, STYLES, Conditioning, ConditioningState, spelling
from model.decoding import Context, SamplingJob, packed, sample
from model.errors import BadCheckpoint
from model.generator import Conditions, Generator, TorchStepper, conditions_of, load_generator
from model.plan import LinePlan
from model.sampling import Sampling
from model.vocabulary import BOS, CharVocabulary

VOCABULARY = CharVocabulary()
LEMMAS = ["dog", "sea"]
SEA = Conditioning(
    "song", "sad", 3, ("sea", "zebra"), (frozenset({"sea", "seas"}), frozenset({"zebra", "zebras"}))
)  # fmt: skip
PLANNED = Conditioning("witty", lines=3, plan=(LinePlan(("seas",), "sea"), LinePlan(("strange",), "zebra")))
TEXT = "the seas, the sea\nand a zebra\nso"


@pytest.fixture(params=["lstm 1", "lstm 2", "lstm 3", "gru 1", "gru 2", "rnn 1", "rnn 2", "lstm 2 planned"])
def model(request: pytest.FixtureRequest) -> Generator:
    cell, layers, *planned = request.param.split()
    torch.manual_seed(0)
    plan = {"plan": 5, "forms": ["sea", "zebra"]} if planned else {}
    return Generator(len(VOCABULARY), LEMMAS, 8, 6, 12, int(layers), word=4, cell=cell, **plan).eval()


@pytest.fixture(params=["lstm", "gru", "rnn"])
def plain(request: pytest.FixtureRequest) -> Generator:
    torch.manual_seed(0)
    return Generator(len(VOCABULARY), [], 8, 0, 12, 2, word=0, cell=request.param).eval()


def contexts(conditioning: Conditioning, number: int = 0) -> list[Context]:
    progress, found = ConditioningState(conditioning), []
    for character in ["", *TEXT]:
        if character:
            progress.add(character)
        found.append(Context.of([packed(number, progress.state)]))
    return found


@pytest.mark.parametrize(
    "conditioning", [Conditioning(), SEA, PLANNED], ids=["free", "conditioned", "planned"]
)
def test_stepping_equals_the_network_run_at_once(model: Generator, conditioning: Conditioning) -> None:
    ids = [BOS, *VOCABULARY.encode(TEXT)]
    with torch.inference_mode():
        expected = model(torch.tensor([ids]), conditions_of(model, [(conditioning, TEXT)]))[0][0].numpy()
    # Other conditionings in the batch change nothing.
    stepper = TorchStepper(model)
    stepper.resume(stepper.start([SEA, conditioning, Conditioning(lines=2)])[:1])
    for time, (number, context) in enumerate(zip(ids, contexts(conditioning, number=1), strict=True)):
        found = stepper.step(np.array([number]), context)
        assert found[0] == pytest.approx(expected[time], abs=1e-5)


def test_a_plain_network_knows_nothing_but_the_text(plain: Generator) -> None:
    ids = [BOS, *VOCABULARY.encode(TEXT)]
    with torch.inference_mode():
        expected, free = (
            plain(torch.tensor([ids]), conditions_of(plain, [(conditioning, TEXT)]))[0][0].numpy()
            for conditioning in (SEA, Conditioning())
        )
    assert (expected == free).all()
    stepper = TorchStepper(plain)
    stepper.resume(stepper.start([Conditioning(), SEA])[1:])
    for time, (number, context) in enumerate(zip(ids, contexts(SEA, number=1), strict=True)):
        assert stepper.step(np.array([number]), context)[0] == pytest.approx(expected[time], abs=1e-5)


def test_a_carried_state_goes_on_where_the_text_was_cut(model: Generator) -> None:
    symbols = torch.tensor([[BOS, *VOCABULARY.encode(TEXT)]])
    conditions = conditions_of(model, [(SEA, TEXT)])
    first, second = _time(conditions, slice(0, 9)), _time(conditions, slice(9, None))
    with torch.inference_mode():
        whole, _ = model(symbols, conditions)
        before, state = model(symbols[:, :9], first)
        after, _ = model(symbols[:, 9:], second, state)
    torch.testing.assert_close(torch.cat([before, after], 1), whole)


def test_the_words_before_matter(model: Generator) -> None:
    symbols = torch.tensor([[5, 6]])
    first, second = (conditions_of(model, [(Conditioning(), text)]) for text in ("a ", "b "))
    with torch.inference_mode():
        assert not torch.equal(model(symbols, _last(first))[0], model(symbols, _last(second))[0])


def _last(conditions: Conditions) -> Conditions:
    return _time(conditions, slice(-2, None))


def _time(conditions: Conditions, part: slice) -> Conditions:
    over = ("lines_left", "waiting", "written", "syllables", "rhyme", "roles")
    return conditions._replace(**{name: getattr(conditions, name)[:, part] for name in over})


def free(rows: int) -> Context:
    return Context.of([packed(0, ConditioningState(Conditioning()).state)] * rows)


def test_rows_go_on_from_their_own_state(model: Generator) -> None:
    stepper = TorchStepper(model)
    stepper.resume(stepper.start([Conditioning()]) * 3)
    stepper.step(np.array([5, 6, 7]), free(3))
    saved = stepper.states([1])
    stepper.resume(stepper.states([2, 0]))
    kept = stepper.step(np.array([9, 9]), free(2))
    stepper.resume([*saved, *saved])
    resumed = stepper.step(np.array([9, 9]), free(2))
    assert resumed[0] == pytest.approx(resumed[1])
    assert kept[0] != pytest.approx(kept[1])
    assert kept[0] != pytest.approx(resumed[0])


def test_start_forgets(model: Generator) -> None:
    stepper = TorchStepper(model)
    found = []
    for _ in range(2):
        stepper.resume(stepper.start([Conditioning()]))
        found.append(stepper.step(np.array([5]), free(1)))
    assert found[0] == pytest.approx(found[1])


def test_letters_know_their_place() -> None:
    assert len(spelling("sea")) == SPELLED
    assert spelling("sea")[3:] == [0] * (SPELLED - 3)
    assert len(set(spelling("aaaaaaaaaa"))) == SPELLED
    assert spelling("o'er")[1] == 0


def test_a_checkpoint_gives_the_same_stanza_again(model: Generator, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    saved = header(model.recurrent.num_layers, cell=model.cell, plan=model.plan) | {"forms": [*model.forms]}
    save_checkpoint(path, "generator", saved, model.state_dict())
    loaded, vocabulary, _ = load_generator(path)
    sampling = Sampling(0.7, max_characters=80)
    texts = [sample(TorchStepper(m), vocabulary, SamplingJob(SEA, [1, 2], sampling)) for m in (model, loaded)]
    assert texts[0] == texts[1]


def header(layers: int, hidden: int = 12, **more: str | int) -> dict[str, Any]:
    architecture = {"embedding": 8, "control": 6, "hidden": hidden, "layers": layers, "word": 4, **more}
    architecture = {"styles": len(STYLES)} | architecture
    return {"architecture": architecture, "alphabet": VOCABULARY.alphabet, "lemmas": LEMMAS}


def test_a_checkpoint_that_names_no_cell_is_an_lstm(tmp_path: Path) -> None:
    network = Generator(len(VOCABULARY), LEMMAS, 8, 6, 12, 2, word=4, styles=FIRST_STYLES)
    old = header(2)
    del old["architecture"]["styles"]
    save_checkpoint(tmp_path / "old.safetensors", "generator", old, network.state_dict())
    assert isinstance(load_generator(tmp_path / "old.safetensors")[0].recurrent, torch.nn.LSTM)


def test_a_cell_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    network = Generator(len(VOCABULARY), LEMMAS, 8, 6, 12, 2, word=4)
    path = tmp_path / "new.safetensors"
    save_checkpoint(path, "generator", header(2, cell="xlstm"), network.state_dict())
    with pytest.raises(BadCheckpoint, match="xlstm"):
        load_generator(path)


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
