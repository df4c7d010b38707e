"""An LSTM that trains in bfloat16 on a CPU, one matrix multiplication a layer and character."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

State = tuple[Tensor, Tensor]

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


def dropped(values: Tensor, share: float, time: int) -> Tensor:
    """Drop out with one mask a row, the same at every character (Gal and Ghahramani, NeurIPS 2016).

    A mask for every character takes a CPU as long to draw as a layer's products to compute.

    Args:
        values: (batch, time, size), or (time, batch, size).
        share: of the values that become 0.
        time: which dimension time is.
    """
    if not share:
        return values
    return values * nn.functional.dropout(torch.ones_like(values.narrow(time, 0, 1)), share)


class Lstm(nn.LSTM):
    """``nn.LSTM``, batch first; in training under a CPU's autocast with steps of its own.

    There PyTorch hands whole layers to oneDNN, whose backward pass takes most of the time. Here
    every product is PyTorch's matrix multiplication in bfloat16; gates are squashed, and memories
    and gradients of states added up, in float32.
    """

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:  # type: ignore[override]
        """(batch, time, inputs) -> (batch, time, hidden) and the state after the last step."""
        if not (self.training and inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
            return super().forward(inputs, state)
        hidden, memory = state or [inputs.new_zeros(self.num_layers, len(inputs), self.hidden_size)] * 2
        output, ends = inputs.transpose(0, 1), []
        for layer in range(self.num_layers):
            below, own, bias, own_bias = self.all_weights[layer]
            if layer:
                output = dropped(output, self.dropout, time=0)
            output, *end = _Layer.apply(output, below, own, bias + own_bias, hidden[layer], memory[layer])
            ends.append(end)
        return output.transpose(0, 1), (torch.stack([h for h, _ in ends]), torch.stack([c for _, c in ends]))


def _tanh(values: Tensor, out: Tensor) -> Tensor:
    return torch.mul(values, 2, out=out).sigmoid_().mul_(2).sub_(1)


class _Layer(torch.autograd.Function):
    """One layer, (time, batch, inputs) -> (time, batch, hidden) in bfloat16 and the last states."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, below: Tensor, own: Tensor, bias: Tensor, start: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        time, rows, _ = inputs.shape
        size = own.shape[1]
        inputs, below, own = inputs.bfloat16(), below.bfloat16(), own.bfloat16()
        # PyTorch's tanh takes five times a sigmoid's time: tanh(x) = 2 sigmoid(2 x) - 1, and the
        # candidate's factor of two costs nothing and loses nothing in its weights.
        twice = torch.tensor([1.0, 1.0, 2.0, 1.0]).repeat_interleave(size).bfloat16()
        turned = (own * twice[:, None]).t()
        gates = (inputs.flatten(0, 1) @ (below * twice[:, None]).t()).view(time, rows, -1)
        bias = bias * twice
        hidden, memories = (inputs.new_empty((time + 1, rows, size)) for _ in range(2))
        memory, gate, squashed = memory.clone(), torch.empty((rows, 4 * size)), torch.empty((rows, size))
        hidden[0], memories[0] = start, memory
        input_gate, forget_gate, candidate, output_gate = gate.chunk(4, 1)
        for now in range(time):
            gate.copy_(gates[now].addmm_(hidden[now], turned)).add_(bias).sigmoid_()
            candidate.mul_(2).sub_(1)
            memory.mul_(forget_gate).addcmul_(input_gate, candidate)
            hidden[now + 1] = _tanh(memory, squashed).mul_(output_gate)
            gates[now], memories[now + 1] = gate, memory
        ctx.save_for_backward(inputs, below, own, gates, hidden, memories)
        return hidden[1:], hidden[-1].float(), memory

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, *after: Tensor) -> tuple[Tensor | None, ...]:
        inputs, below, own, gates, hidden, memories = ctx.saved_tensors
        from_above, d_hidden, d_memory = after[0], after[1].clone(), after[2].clone()
        gate, delta = torch.empty(gates.shape[1:]), torch.empty(gates.shape[1:])
        input_gate, forget_gate, candidate, output_gate = gate.chunk(4, 1)
        d_in, d_keep, d_candidate, d_out = delta.chunk(4, 1)
        inner, inner_gates = delta[:, : 2 * own.shape[1]], gate[:, : 2 * own.shape[1]]
        memory, squashed = torch.empty_like(d_memory), torch.empty_like(d_memory)
        for now in range(len(gates) - 1, -1, -1):
            gate.copy_(gates[now])
            _tanh(memory.copy_(memories[now + 1]), squashed)
            torch.mul(d_hidden.add_(from_above[now]), squashed, out=d_out)
            _tanh_backward(d_hidden.mul_(output_gate), squashed, grad_input=squashed)
            d_memory.add_(squashed)
            torch.mul(d_memory, candidate, out=d_in)
            torch.mul(d_memory, memory.copy_(memories[now]), out=d_keep)
            torch.mul(d_memory, input_gate, out=d_candidate)
            d_memory.mul_(forget_gate)
            _sigmoid_backward(inner, inner_gates, grad_input=inner)
            _tanh_backward(d_candidate, candidate, grad_input=d_candidate)
            _sigmoid_backward(d_out, output_gate, grad_input=d_out)
            # The gates are not needed any more, and fresh memory costs more than what is in it.
            gates[now] = delta
            d_hidden.copy_(gates[now] @ own)
        flat = gates.flatten(0, 1)
        # A product with ones, because PyTorch's sum over bfloat16 rows is twenty times slower.
        d_bias = (flat.new_ones(1, len(flat)) @ flat)[0]
        d_below, d_own = flat.t() @ inputs.flatten(0, 1), flat.t() @ hidden[:-1].flatten(0, 1)
        d_inputs = (flat @ below).view_as(inputs)
        return d_inputs, d_below.float(), d_own.float(), d_bias.float(), d_hidden, d_memory
