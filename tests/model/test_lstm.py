"""The LSTM's own steps against PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from model.lstm import Lstm, State, dropped
from model.precision import native_bfloat16

# A bfloat16 keeps eight bits; sums of many of them stay within a few times that.
NEAR = 0.03


@pytest.fixture
def both() -> tuple[nn.LSTM, Lstm]:
    torch.manual_seed(3)
    reference, ours = nn.LSTM(12, 24, 2, batch_first=True), Lstm(12, 24, 2, batch_first=True)
    ours.load_state_dict(reference.state_dict())
    return reference, ours


@pytest.fixture
def autocast() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16):
        yield


def near(ours: Tensor, reference: Tensor) -> bool:
    return bool((ours.float() - reference).norm() <= NEAR * reference.norm())


def state_of(rows: int) -> State:
    return torch.randn(2, rows, 24), torch.randn(2, rows, 24)


@pytest.mark.parametrize(("rows", "time"), [(1, 1), (3, 1), (1, 9), (5, 30)])
@pytest.mark.parametrize("carried", [False, True])
def test_outputs_states_and_gradients_are_those_of_pytorch(
    both: tuple[nn.LSTM, Lstm], rows: int, time: int, carried: bool
) -> None:
    found: list[list[Tensor]] = []
    inputs, weights = torch.randn(rows, time, 12), torch.randn(rows, time, 24)
    state = state_of(rows) if carried else None
    for network, enabled in zip(both, (False, True), strict=True):
        given = inputs.clone().requires_grad_()
        kept = tuple(part.clone().requires_grad_() for part in state) if state else None
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output, (hidden, memory) = network(given, kept)
        ((output.float() * weights).sum() + hidden.sum() + memory.square().sum()).backward()
        gradients = [given.grad, *(part.grad for part in kept or ()), *(p.grad for p in network.parameters())]
        found.append([output, hidden, memory, *(gradient for gradient in gradients if gradient is not None)])
    assert len(found[0]) == len(found[1]) >= 12
    assert all(near(ours, reference) for reference, ours in zip(*found, strict=True))


def test_two_pieces_give_what_the_whole_gives(both: tuple[nn.LSTM, Lstm], autocast: None) -> None:
    inputs = torch.randn(4, 20, 12)
    whole, end = both[1](inputs)
    first, state = both[1](inputs[:, :7])
    second, after = both[1](inputs[:, 7:], state)
    assert torch.equal(torch.cat([first, second], 1), whole)
    # A state goes on in float32, its output was rounded for the layer above.
    assert all(near(part, whole_part.detach()) for part, whole_part in zip(after, end, strict=True))


def test_it_is_pytorchs_own_where_it_does_not_train_in_bfloat16(both: tuple[nn.LSTM, Lstm]) -> None:
    inputs = torch.randn(4, 20, 12)
    assert torch.equal(both[0](inputs)[0], both[1](inputs)[0])
    if not native_bfloat16(torch.device("cpu")):
        pytest.skip("PyTorch has no LSTM in bfloat16 for this CPU")
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(both[0].eval()(inputs)[0], both[1].eval()(inputs)[0])


def test_layers_are_dropped_out_between_only(both: tuple[nn.LSTM, Lstm], autocast: None) -> None:
    single = Lstm(12, 24, 1, batch_first=True)
    inputs = torch.randn(4, 20, 12)
    single.dropout = 0.9
    assert torch.equal(single(inputs)[0], single(inputs)[0])
    both[1].dropout = 0.9
    assert not torch.equal(both[1](inputs)[0], both[1](inputs)[0])


def test_a_mask_is_a_rows_own_and_the_same_at_every_character() -> None:
    torch.manual_seed(1)
    values = dropped(torch.ones(64, 30, 100), 0.25, time=1)
    assert torch.equal(values, values[:, :1].expand_as(values))
    assert values.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert 0.2 < float((values == 0).float().mean()) < 0.3
    assert not torch.equal(values[0], values[1])
