"""The character LSTM, and how it is stepped; drawing from it is in ``decoding.py``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from model.checkpoint import Checkpoint, described, fill, load_checkpoint
from model.decoding import Context, Floats, Ids
from model.keywords import MAX_KEYWORDS
from model.mood import MOODS
from model.steering import BUCKETS, MAX_LINES, SPELLED, STYLES, Progress, Steering, spelling
from model.text import LETTERS
from model.vocabulary import CharVocabulary

State = tuple[Tensor, Tensor]

# The longest memory that a unit starts with, in characters: about a stanza.
_LONGEST_MEMORY = 150


class Conditions(NamedTuple):
    """What the network is told beside the symbols: a batch of ``Steering`` and its progress.

    Id 0 stands for "not asked", or for a word that is not there yet.
    """

    style: Tensor  # (batch,)
    mood: Tensor  # (batch,)
    lines_left: Tensor  # (batch, time)
    keywords: Tensor  # (batch, keywords) lemma ids
    spellings: Tensor  # (batch, keywords, SPELLED)
    waiting: Tensor  # (batch, time, keywords) 0 or 1
    written: Tensor  # (batch, time, 2) buckets of the last words

    def to(self, device: torch.device) -> Conditions:
        return Conditions(*(tensor.to(device) for tensor in self))


class Generator(nn.Module):
    """Embedding and wish, LSTM layers, softmax over characters.

    Args:
        symbols: vocabulary size.
        lemmas: keywords with a vector of their own; others are known by their letters.
        embedding: size of a symbol's embedding.
        word: size of a written word's embedding.
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
        word: int = 64,
    ) -> None:
        super().__init__()
        self.lemmas = {lemma: number for number, lemma in enumerate(lemmas, start=1)}
        self.embedding = nn.Embedding(symbols, embedding)
        self.word = nn.Embedding(BUCKETS + 1, word, padding_idx=0)
        self.style = nn.Embedding(len(STYLES) + 1, control, padding_idx=0)
        self.mood = nn.Embedding(len(MOODS) + 1, control, padding_idx=0)
        self.lines = nn.Embedding(MAX_LINES + 1, control, padding_idx=0)
        self.keyword = nn.Embedding(len(lemmas) + 1, control, padding_idx=0)
        self.spelling = nn.Embedding(SPELLED * len(LETTERS) + 1, control, padding_idx=0)
        between = dropout if layers > 1 else 0.0
        inputs = embedding + control + 2 * word
        self.lstm = nn.LSTM(inputs, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, symbols)
        self._initialise()

    def _initialise(self) -> None:
        for table, scale in ((self.keyword, 0.3), (self.spelling, 0.15), (self.word, 0.3)):
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

    def controls(self, conditions: Conditions) -> Tensor:
        """What is asked at every input, (batch, time, control)."""
        constant = self.style(conditions.style) + self.mood(conditions.mood)
        words = self.vectors(conditions.keywords, conditions.spellings)
        waiting = conditions.waiting.to(words.dtype) @ words
        return constant[:, None] + self.lines(conditions.lines_left) + waiting

    def forward(
        self, symbols: Tensor, conditions: Conditions, state: State | None = None
    ) -> tuple[Tensor, State]:
        """(batch, time) ids -> logits (batch, time, symbols) and the state after the last step."""
        written = self.word(conditions.written).flatten(2)
        inputs = torch.cat([self.embedding(symbols), self.controls(conditions), written], 2)
        hidden, state = self.lstm(inputs, state)
        return self.output(self.dropout(hidden)), state


def _chrono(bias: Tensor) -> None:
    """Input and forget biases for memories of 1 to 150 characters (Tallec and Ollivier, ICLR 2018)."""
    size = len(bias) // 4
    memory = torch.exp(torch.rand(size) * math.log(_LONGEST_MEMORY))
    bias.zero_()
    bias[:size] = -torch.log(memory)
    bias[size : 2 * size] = torch.log(memory)


def conditions_of(generator: Generator, wanted: Sequence[tuple[Steering, str]]) -> Conditions:
    """Steering and the text it comes with -> a batch, with the progress at every input.

    Input 0 is ``<bos>``, input ``n`` the text's n-th character.
    """
    time = 1 + max(len(text) for _, text in wanted)
    rows = len(wanted)
    style, mood = torch.zeros(rows, dtype=torch.long), torch.zeros(rows, dtype=torch.long)
    lines = torch.zeros((rows, time), dtype=torch.long)
    keywords = torch.zeros((rows, MAX_KEYWORDS), dtype=torch.long)
    spellings = torch.zeros((rows, MAX_KEYWORDS, SPELLED), dtype=torch.long)
    waiting = torch.zeros((rows, time, MAX_KEYWORDS))
    written = torch.zeros((rows, time, 2), dtype=torch.long)
    for row, (steering, text) in enumerate(wanted):
        style[row] = 1 + STYLES.index(steering.style) if steering.style else 0
        mood[row] = 1 + MOODS.index(steering.mood) if steering.mood else 0
        for number, keyword in enumerate(steering.keywords):
            # Letters only where the word itself says nothing: they leak into words beside it.
            if keyword in generator.lemmas:
                keywords[row, number] = generator.lemmas[keyword]
            else:
                spellings[row, number] = torch.tensor(spelling(keyword))
        context = _contexts(steering, text)
        lines[row, : len(text) + 1] = torch.from_numpy(context.lines_left)
        waiting[row, : len(text) + 1] = torch.from_numpy(context.waiting)
        written[row, : len(text) + 1] = torch.from_numpy(context.written)
    return Conditions(style, mood, lines, keywords, spellings, waiting, written)


def _contexts(steering: Steering, text: str) -> Context:
    """One row a symbol: the progress at ``<bos>`` and after each character."""
    progress = Progress(steering)
    states = [progress.state]
    for character in text:
        progress.add(character)
        states.append(progress.state)
    return Context.of(states, [0] * len(states))


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
        sizes = [size, model.keyword.embedding_dim, 2 * model.word.embedding_dim]
        inputs = weights["weight_ih_l0"].t().contiguous()
        symbol_part, self._control_part, self._word_part = inputs.split(sizes)
        self._word = model.word.weight.detach()
        self._symbols = model.embedding.weight.detach() @ symbol_part + self._bias[0]
        self._lines = model.lines.weight.detach() @ self._control_part
        self._first = weights["weight_hh_l0"].t().contiguous()
        self._upper = [
            torch.cat([weights[f"weight_ih_l{k}"], weights[f"weight_hh_l{k}"]], 1).t().contiguous()
            for k in range(1, self.layers)
        ]
        self._output = model.output.weight.detach().t().contiguous()
        self._output_bias = model.output.bias.detach()

    @torch.inference_mode()
    def start(self, steerings: Sequence[Steering]) -> list[object]:
        asked = conditions_of(self.model, [(steering, "") for steering in steerings]).to(self.device)
        constant = self.model.style(asked.style) + self.model.mood(asked.mood)
        words = self.model.vectors(asked.keywords, asked.spellings)
        self._constant = constant @ self._control_part
        self._keywords = words.flatten(0, 1) @ self._control_part
        fresh = torch.zeros((2 * self.layers, self.hidden), device=self.device)
        return [fresh] * len(steerings)

    @torch.inference_mode()
    def resume(self, states: Sequence[object]) -> None:
        both = torch.stack(cast("list[Tensor]", list(states)), 1)
        self._h, self._c = list(both[: self.layers]), list(both[self.layers :])

    @torch.inference_mode()
    def step(self, ids: Ids, context: Context) -> Floats:
        symbols, asked, left, written = (
            torch.from_numpy(array).to(self.device)
            for array in (ids, context.asked, context.lines_left, context.written)
        )
        inputs = self._symbols[symbols] + self._lines[left] + self._constant[asked]
        inputs.addmm_(self._word[written].flatten(1), self._word_part)
        inputs.addmm_(self._waiting(context), self._keywords)
        self._cell(0, inputs.addmm_(self._h[0], self._first))
        for layer, weights in enumerate(self._upper, start=1):
            below = torch.cat([self._h[layer - 1], self._h[layer]], 1)
            self._cell(layer, torch.addmm(self._bias[layer], below, weights))
        logits = torch.addmm(self._output_bias, self._h[-1], self._output)
        return logits.double().cpu().numpy()

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        self._h = [state[rows] for state in self._h]
        self._c = [state[rows] for state in self._c]

    @torch.inference_mode()
    def states(self, rows: Sequence[int]) -> list[object]:
        both = torch.stack([*self._h, *self._c])[:, rows]
        return list(both.unbind(1))

    def _waiting(self, context: Context) -> Tensor:
        """Which of all the steerings' keywords each row still has to write, (rows, steerings x keywords)."""
        rows, count = context.waiting.shape
        spread = np.zeros((rows, len(self._constant), count), dtype=np.float32)
        spread[np.arange(rows), context.asked] = context.waiting
        return torch.from_numpy(spread.reshape(rows, -1)).to(self.device)

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
