"""The character LSTM: networks only; sampling is in ``decoding.py``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=dropout)
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
