"""The character LSTM, and how it is stepped; drawing from it is in ``decoding.py``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from model.checkpoint import Checkpoint, described, fill, load_checkpoint
from model.decoding import Floats, Ids
from model.mood import MOODS
from model.steering import MAX_LINES, SPELLED, STYLES, Progress, Steering, spelling
from model.text import LETTERS
from model.vocabulary import CharVocabulary

State = tuple[Tensor, Tensor]

# The longest memory that a unit starts with, in characters: about a stanza.
_LONGEST_MEMORY = 150


class Wishes(NamedTuple):
    """A batch of ``Steering`` with its progress at every input; id 0 stands for "not asked"."""

    style: Tensor  # (batch,)
    mood: Tensor  # (batch,)
    lines_left: Tensor  # (batch, time)
    keywords: Tensor  # (batch, keywords) lemma ids
    spellings: Tensor  # (batch, keywords, SPELLED)
    waiting: Tensor  # (batch, time, keywords) 0 or 1

    def to(self, device: torch.device) -> Wishes:
        return Wishes(*(tensor.to(device) for tensor in self))


class Generator(nn.Module):
    """Embedding and wish, LSTM layers, softmax over characters.

    Args:
        symbols: vocabulary size.
        lemmas: keywords with a vector of their own; others are known by their letters.
        embedding: size of a symbol's embedding.
        control: size of a wish's embedding.
        hidden: LSTM state size.
        layers: LSTM layers.
        dropout: between layers and before the softmax, in training only.
    """

    def __init__(
        self,
        symbols: int,
        lemmas: Sequence[str],
        embedding: int = 64,
        control: int = 128,
        hidden: int = 512,
        layers: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.lemmas = {lemma: number for number, lemma in enumerate(lemmas, start=1)}
        self.embedding = nn.Embedding(symbols, embedding)
        self.style = nn.Embedding(len(STYLES) + 1, control, padding_idx=0)
        self.mood = nn.Embedding(len(MOODS) + 1, control, padding_idx=0)
        self.lines = nn.Embedding(MAX_LINES + 1, control, padding_idx=0)
        self.keyword = nn.Embedding(len(lemmas) + 1, control, padding_idx=0)
        self.spelling = nn.Embedding(SPELLED * len(LETTERS) + 1, control, padding_idx=0)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(embedding + control, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, symbols)
        self._initialise()

    def _initialise(self) -> None:
        for table, scale in ((self.keyword, 0.3), (self.spelling, 0.15)):
            with torch.no_grad():
                table.weight.mul_(scale)
        for name, weights in self.lstm.named_parameters():
            if name.startswith("weight_hh"):
                for gate in weights.detach().chunk(4):
                    nn.init.orthogonal_(gate)
            elif name.startswith("bias_ih"):
                _chrono(weights.detach())
            elif name.startswith("bias"):
                weights.detach().zero_()

    def vectors(self, keywords: Tensor, spellings: Tensor) -> Tensor:
        """Lemma ids (..., ) and letters (..., SPELLED) -> keyword vectors (..., control)."""
        return self.keyword(keywords) + self.spelling(spellings).sum(-2)

    def controls(self, wishes: Wishes) -> Tensor:
        """What is asked at every input, (batch, time, control)."""
        constant = self.style(wishes.style) + self.mood(wishes.mood)
        words = self.vectors(wishes.keywords, wishes.spellings)
        return constant[:, None] + self.lines(wishes.lines_left) + wishes.waiting.to(words.dtype) @ words

    def forward(
        self, symbols: Tensor, wishes: Wishes | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """(batch, time) ids -> logits (batch, time, symbols) and the state after the last step."""
        embedded = self.embedding(symbols)
        if wishes is None:
            size = self.keyword.embedding_dim
            asked = embedded.new_zeros((*symbols.shape, size))
        else:
            asked = self.controls(wishes)
        hidden, state = self.lstm(torch.cat([embedded, asked], 2), state)
        return self.output(self.dropout(hidden)), state


def _chrono(bias: Tensor) -> None:
    """Input and forget biases for memories of 1 to 150 characters (Tallec and Ollivier, ICLR 2018)."""
    size = len(bias) // 4
    memory = torch.exp(torch.rand(size) * math.log(_LONGEST_MEMORY))
    bias.zero_()
    bias[:size] = -torch.log(memory)
    bias[size : 2 * size] = torch.log(memory)


def wishes_of(generator: Generator, wanted: Sequence[tuple[Steering, str]]) -> Wishes:
    """Steering and the text it comes with -> a batch, with the progress at every input.

    Input 0 is ``<bos>``, input ``n`` the text's n-th character.
    """
    time = 1 + max(len(text) for _, text in wanted)
    count = max(1, max(len(steering.keywords) for steering, _ in wanted))
    rows = len(wanted)
    style, mood = torch.zeros(rows, dtype=torch.long), torch.zeros(rows, dtype=torch.long)
    lines = torch.zeros((rows, time), dtype=torch.long)
    keywords = torch.zeros((rows, count), dtype=torch.long)
    spellings = torch.zeros((rows, count, SPELLED), dtype=torch.long)
    waiting = torch.zeros((rows, time, count))
    for row, (steering, text) in enumerate(wanted):
        style[row] = 1 + STYLES.index(steering.style) if steering.style else 0
        mood[row] = 1 + MOODS.index(steering.mood) if steering.mood else 0
        for number, keyword in enumerate(steering.keywords):
            keywords[row, number] = generator.lemmas.get(keyword, 0)
            spellings[row, number] = torch.tensor(spelling(keyword))
        if steering.lines is None and not steering.keywords:
            continue
        left, open_words = _progress(steering, text)
        lines[row, : len(left)] = torch.tensor(left)
        waiting[row, : len(left), : len(steering.keywords)] = torch.tensor(open_words, dtype=torch.float)
    return Wishes(style, mood, lines, keywords, spellings, waiting)


def _progress(steering: Steering, text: str) -> tuple[list[int], list[list[bool]]]:
    progress = Progress(steering)
    left, waiting = [progress.lines_left], [list(progress.waiting)]
    for character in text:
        progress.add(character)
        left.append(progress.lines_left)
        waiting.append(list(progress.waiting))
    return left, waiting


class TorchStepper:
    """Steps a ``Generator`` by one symbol a row (``model.decoding.Stepper``).

    ``nn.LSTM`` one step at a time re-packs its weights on every call on a CPU. Here the
    first layer's input products are tables (a row a symbol, a number of lines, a keyword),
    and every other product is one matrix multiplication with weights laid out once.
    """

    def __init__(self, model: Generator) -> None:
        self.model = model
        self.hidden, self.layers = model.lstm.hidden_size, model.lstm.num_layers
        self.device = model.output.weight.device
        weights = {name: p.detach() for name, p in model.lstm.named_parameters()}
        self._bias = [weights[f"bias_ih_l{k}"] + weights[f"bias_hh_l{k}"] for k in range(self.layers)]
        size = model.embedding.embedding_dim
        inputs = weights["weight_ih_l0"].t().contiguous()
        symbol_part, self._control_part = inputs[:size], inputs[size:]
        self._symbols = model.embedding.weight.detach() @ symbol_part + self._bias[0]
        self._lines = model.lines.weight.detach() @ self._control_part
        self._first = weights["weight_hh_l0"].t().contiguous()
        self._upper = [
            torch.cat([weights[f"weight_ih_l{k}"], weights[f"weight_hh_l{k}"]], 1).t().contiguous()
            for k in range(1, self.layers)
        ]
        self._output = model.output.weight.detach().t().contiguous()
        self._output_bias = model.output.bias.detach()
        self.start(Steering(), 1)

    @torch.inference_mode()
    def start(self, steering: Steering, rows: int) -> None:
        wishes = wishes_of(self.model, [(steering, "")]).to(self.device)
        constant = self.model.style(wishes.style) + self.model.mood(wishes.mood)
        words = self.model.vectors(wishes.keywords[0], wishes.spellings[0])[: len(steering.keywords)]
        self._constant = constant @ self._control_part
        self._words = words @ self._control_part
        shape = (self.layers, rows, self.hidden)
        self._h = list(torch.zeros(shape, device=self.device))
        self._c = list(torch.zeros(shape, device=self.device))

    @torch.inference_mode()
    def step(self, ids: Ids, lines_left: Ids, waiting: Floats) -> Floats:
        symbols, left = torch.from_numpy(ids).to(self.device), torch.from_numpy(lines_left).to(self.device)
        inputs = self._symbols[symbols] + self._lines[left] + self._constant
        if waiting.shape[1]:
            inputs.addmm_(torch.from_numpy(waiting).float().to(self.device), self._words)
        self._cell(0, inputs.addmm_(self._h[0], self._first))
        for layer, weights in enumerate(self._upper, start=1):
            below = torch.cat([self._h[layer - 1], self._h[layer]], 1)
            self._cell(layer, torch.addmm(self._bias[layer], below, weights))
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
    with described(path):
        vocabulary = CharVocabulary(checkpoint.header["alphabet"])
        model = Generator(len(vocabulary), checkpoint.header["lemmas"], **checkpoint.header["architecture"])
    fill(model, checkpoint.weights, path)
    return model.eval(), vocabulary, checkpoint
