"""The character LSTM, and how it is stepped; drawing from it is in ``decoding.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.checkpoint import Checkpoint, fill, load_checkpoint
from model.decoding import Floats, Ids
from model.vocabulary import CharVocabulary

State = tuple[Tensor, Tensor]


class Generator(nn.Module):
    """Embedding, LSTM layers, softmax over characters.

    Args:
        symbols: vocabulary size.
        embedding: size of a symbol's embedding.
        hidden: LSTM state size.
        layers: LSTM layers.
        dropout: between layers and before the softmax, in training only.
    """

    def __init__(
        self,
        symbols: int,
        embedding: int = 64,
        hidden: int = 640,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, symbols)
        self._initialise()

    def _initialise(self) -> None:
        for name, weights in self.lstm.named_parameters():
            if name.startswith("weight_hh"):
                for gate in weights.detach().chunk(4):
                    nn.init.orthogonal_(gate)
            elif name.startswith("bias_ih"):
                # Forget gates start open (Jozefowicz et al., ICML 2015).
                weights.detach().zero_().chunk(4)[1].fill_(1.0)
            elif name.startswith("bias"):
                weights.detach().zero_()

    def forward(self, symbols: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(batch, time) ids -> logits (batch, time, symbols) and the state after the last step."""
        hidden, state = self.lstm(self.embedding(symbols), state)
        return self.output(self.dropout(hidden)), state


class TorchStepper:
    """Steps a ``Generator`` by one symbol a row (``model.decoding.Stepper``).

    ``nn.LSTM`` one step at a time re-packs its weights on every call on a CPU. Here the
    first layer's input product is a table a symbol, and every other product is one matrix
    multiplication with weights laid out once.
    """

    def __init__(self, model: Generator) -> None:
        self.hidden, self.layers = model.lstm.hidden_size, model.lstm.num_layers
        self.device = model.output.weight.device
        weights = {name: p.detach() for name, p in model.lstm.named_parameters()}
        bias = [weights[f"bias_ih_l{k}"] + weights[f"bias_hh_l{k}"] for k in range(self.layers)]
        self._table = model.embedding.weight.detach() @ weights["weight_ih_l0"].t() + bias[0]
        self._first = weights["weight_hh_l0"].t().contiguous()
        self._upper = [
            torch.cat([weights[f"weight_ih_l{k}"], weights[f"weight_hh_l{k}"]], 1).t().contiguous()
            for k in range(1, self.layers)
        ]
        self._bias = bias
        self._output = model.output.weight.detach().t().contiguous()
        self._output_bias = model.output.bias.detach()
        self.start(1)

    def start(self, rows: int) -> None:
        shape = (self.layers, rows, self.hidden)
        self._h = list(torch.zeros(shape, device=self.device))
        self._c = list(torch.zeros(shape, device=self.device))

    @torch.inference_mode()
    def step(self, ids: Ids) -> Floats:
        symbols = torch.from_numpy(ids).to(self.device)
        gates = torch.addmm(self._table[symbols], self._h[0], self._first)
        self._cell(0, gates)
        for layer, weights in enumerate(self._upper, start=1):
            inputs = torch.cat([self._h[layer - 1], self._h[layer]], 1)
            self._cell(layer, torch.addmm(self._bias[layer], inputs, weights))
        logits = torch.addmm(self._output_bias, self._h[-1], self._output)
        return logits.double().cpu().numpy()

    @torch.inference_mode()
    def keep(self, rows: Ids) -> None:
        index = torch.from_numpy(np.ascontiguousarray(rows)).to(self.device)
        self._h = [state[index] for state in self._h]
        self._c = [state[index] for state in self._c]

    def _cell(self, layer: int, gates: Tensor) -> None:
        size = self.hidden
        # PyTorch's order: input, forget, candidate, output.
        let_in, keep = gates[:, : 2 * size].sigmoid_().chunk(2, 1)
        candidate, let_out = gates[:, 2 * size : 3 * size].tanh_(), gates[:, 3 * size :].sigmoid_()
        self._c[layer] = torch.addcmul(let_in * candidate, keep, self._c[layer])
        self._h[layer] = let_out * torch.tanh(self._c[layer])


def load_generator(path: Path) -> tuple[Generator, CharVocabulary, Checkpoint]:
    """The network a checkpoint holds, in evaluation mode.

    Raises:
        BadCheckpoint: see ``model.checkpoint``.
    """
    checkpoint = load_checkpoint(path, "generator")
    vocabulary = CharVocabulary(checkpoint.header["alphabet"])
    model = Generator(len(vocabulary), **checkpoint.header["architecture"])
    fill(model, checkpoint.weights, path)
    return model.eval(), vocabulary, checkpoint
