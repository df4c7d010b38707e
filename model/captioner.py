"""The captioner: CNN encoder, LSTM decoder with adaptive attention, beam search.

Adaptive attention with a visual sentinel: Lu, Xiong, Parikh and Socher, "Knowing When to
Look", CVPR 2017, with scaled dot-product scores (Luong et al., EMNLP 2015) in place of
additive ones, which cost a CPU three times as much. The LSTM reads words and the picture's
mean; attention over regions (and over the sentinel, the memory's own word) only feeds the
softmax, so in training it runs over all time steps at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.checkpoint import Checkpoint, described, fill, load_checkpoint
from model.encoder import Encoder
from model.pictures import Preprocessing
from model.vocabulary import BOS, EOS, PAD, UNK, WordVocabulary

MAX_WORDS = 20
BEAM = 3
# Exponent of the length in the beam's score; tuned on dev, see docs/captioner.md.
LENGTH_NORM = 1.0


class Memory(NamedTuple):
    """What the decoder keeps of a picture: (rows, ...) tensors."""

    values: Tensor  # (rows, regions, hidden)
    keys: Tensor  # (rows, regions, attention)
    mean: Tensor  # (rows, hidden)
    gates: Tensor  # (rows, 5 * hidden), the mean's share of the gates, the same at every word

    def repeat(self, times: int) -> Memory:
        """Each row ``times`` times, in place."""
        return Memory(*(tensor.repeat_interleave(times, 0) for tensor in self))


class Decoder(nn.Module):
    """Word LSTM with a visual sentinel and dot-product attention.

    Args:
        channels: region feature size.
        symbols: vocabulary size.
        hidden: LSTM and embedding size (equal, so that the softmax can be tied).
        attention: size of the attention's keys.
        dropout: on embeddings, on region features and before the softmax.
        tied: share the embedding with the softmax.
    """

    def __init__(
        self,
        channels: int,
        symbols: int,
        hidden: int = 512,
        attention: int = 256,
        dropout: float = 0.5,
        tied: bool = False,
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.architecture = {"hidden": hidden, "attention": attention, "tied": tied}
        self.embedding = nn.Embedding(symbols, hidden, padding_idx=PAD)
        self.region = nn.Linear(channels, hidden)
        self.mean = nn.Linear(channels, hidden)
        self.key = nn.Linear(hidden, attention)
        self.start = nn.Linear(hidden, 2 * hidden)
        # Input, forget, output, candidate and sentinel gates.
        self.gates_input = nn.Linear(2 * hidden, 5 * hidden)
        self.gates_hidden = nn.Linear(hidden, 5 * hidden, bias=False)
        self.query = nn.Linear(hidden, attention)
        self.sentinel_key = nn.Linear(hidden, attention)
        self.mix = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, symbols)
        if tied:
            self.output.weight = self.embedding.weight
        self.dropout = nn.Dropout(dropout)
        self.word_gates: Tensor | None = None
        self._initialise()

    def _initialise(self) -> None:
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)
        bias = self.gates_input.bias.detach().zero_()
        bias[self.hidden : 2 * self.hidden] = 1.0

    def look(self, grid: Tensor) -> Memory:
        """Region features (pictures, regions, channels) -> what decoding needs of them."""
        grid = self.dropout(grid)
        values = torch.relu(self.region(grid))
        mean = torch.relu(self.mean(grid.mean(1)))
        gates = nn.functional.linear(mean, self.gates_input.weight[:, self.hidden :], self.gates_input.bias)
        return Memory(values, self.key(values), mean, gates)

    def begin(self, memory: Memory) -> tuple[Tensor, Tensor]:
        """Initial hidden and cell state, each (rows, hidden)."""
        hidden, cell = torch.tanh(self.start(memory.mean)).chunk(2, 1)
        return hidden, cell

    def forward(self, memory: Memory, words: Tensor) -> Tensor:
        """Teacher forcing: (rows, time) input ids -> logits (rows, time, symbols)."""
        state = self.begin(memory)
        inputs = self._inputs(words, memory)
        hiddens, sentinels = [], []
        for step in range(words.shape[1]):
            state, sentinel = self._cell(inputs[:, step], state)
            hiddens.append(state[0])
            sentinels.append(sentinel)
        logits, _ = self._attend(memory, torch.stack(hiddens, 1), torch.stack(sentinels, 1))
        return logits

    def step(
        self, memory: Memory, words: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """One word: (rows,) ids -> logits (rows, symbols), new state, attention (rows, regions + 1).

        The attention's last entry is the sentinel's share.
        """
        inputs = self._inputs(words[:, None], memory)[:, 0]
        state, sentinel = self._cell(inputs, state)
        logits, attention = self._attend(memory, state[0][:, None], sentinel[:, None])
        return logits[:, 0], state, attention[:, 0]

    @torch.no_grad()
    def tabulate(self) -> None:
        """Compute every word's share of the gates once: for weights that change no more."""
        self.word_gates = self._gates_of(self.embedding.weight)

    def _inputs(self, words: Tensor, memory: Memory) -> Tensor:
        if self.word_gates is not None:
            return self.word_gates[words] + memory.gates[:, None]
        return self._gates_of(self.dropout(self.embedding(words))) + memory.gates[:, None]

    def _gates_of(self, embedded: Tensor) -> Tensor:
        return nn.functional.linear(embedded, self.gates_input.weight[:, : self.hidden])

    def _cell(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], Tensor]:
        gates = (inputs + self.gates_hidden(state[0])).float()
        let_in, keep, let_out, candidate, watch = gates.chunk(5, 1)
        cell = torch.sigmoid(keep) * state[1] + torch.sigmoid(let_in) * torch.tanh(candidate)
        memory = torch.tanh(cell)
        return (torch.sigmoid(let_out) * memory, cell), torch.sigmoid(watch) * memory

    def _attend(self, memory: Memory, hidden: Tensor, sentinel: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, time, hidden) twice -> logits and attention (rows, time, regions + 1)."""
        query = self.query(hidden)
        regions = query @ memory.keys.transpose(1, 2)
        own = (query * self.sentinel_key(sentinel)).sum(2, keepdim=True)
        scores = torch.cat([regions, own], 2).float() / math.sqrt(query.shape[2])
        attention = torch.softmax(scores, 2)
        context = attention[..., :-1] @ memory.values.float() + attention[..., -1:] * sentinel
        return self.output(self.dropout(torch.tanh(self.mix(context + hidden)))), attention


class Caption(NamedTuple):
    """A caption with its log-probability (nats, end token included) and attention (words, regions)."""

    words: list[str]
    log_probability: float
    attention: Tensor

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass
class _Beams:
    """Search state; rows are pictures times beams, beam fastest."""

    tokens: Tensor
    scores: Tensor
    lengths: Tensor
    finished: Tensor
    attention: Tensor


@torch.inference_mode()
def beam_search(
    decoder: Decoder,
    grid: Tensor,
    beam: int = BEAM,
    max_words: int = MAX_WORDS,
    length_norm: float = LENGTH_NORM,
) -> tuple[Tensor, Tensor, Tensor]:
    """Captions for a batch of pictures; a beam of 1 is greedy search.

    No caption holds <unk> or repeats a trigram, and none is empty.

    Args:
        decoder: in evaluation mode.
        grid: (pictures, regions, channels).
        beam: hypotheses a picture.
        max_words: limit, end token not counted.
        length_norm: hypotheses are compared by log-probability / length ** length_norm, the end
            token counted.

    Returns:
        ids (pictures, max_words + 1) with the end token, padded; log-probabilities
        (pictures,); attention (pictures, max_words + 1, regions).
    """
    pictures, device = grid.shape[0], grid.device
    memory = decoder.look(grid).repeat(beam)
    state = decoder.begin(memory)
    rows = pictures * beam
    found = _Beams(
        tokens=torch.full((rows, max_words + 1), PAD, device=device),
        scores=torch.full((pictures, beam), -torch.inf, device=device),
        lengths=torch.ones(rows, device=device),
        finished=torch.zeros(rows, dtype=torch.bool, device=device),
        attention=torch.zeros(rows, max_words + 1, grid.shape[1], device=device),
    )
    found.scores[:, 0] = 0.0
    words = torch.full((rows,), BOS, device=device)
    base = torch.arange(pictures, device=device)[:, None] * beam
    for step in range(max_words + 1):
        logits, state, attention = decoder.step(memory, words, state)
        steps = torch.log_softmax(logits.float(), 1)
        _forbid(steps, found, step, max_words)
        total = found.scores.view(rows, 1) + steps
        lengths = torch.where(found.finished, found.lengths, torch.full_like(found.lengths, step + 1))
        ranking = (total / lengths[:, None] ** length_norm).view(pictures, -1)
        best = ranking.topk(beam, 1).indices
        parent = (base + best // steps.shape[1]).flatten()
        words = (best % steps.shape[1]).flatten()
        found.scores = total.view(pictures, -1).gather(1, best)
        found.attention[:, step] = attention[:, :-1].float()
        found.tokens, found.attention = found.tokens[parent], found.attention[parent]
        found.lengths, was_finished = lengths[parent], found.finished[parent]
        found.tokens[:, step] = torch.where(was_finished, PAD, words)
        found.finished = was_finished | (words == EOS)
        state = (state[0][parent], state[1][parent])
        if bool(found.finished.all()):
            break
    # Beams are in order of their normalised score, so the first is the best.
    first = base.flatten()
    return found.tokens[first], found.scores[:, 0], found.attention[first]


def _forbid(steps: Tensor, found: _Beams, step: int, max_words: int) -> None:
    """Set to minus infinity what a hypothesis must not say next."""
    ended = found.finished
    steps[:, [PAD, BOS, UNK]] = -torch.inf
    if step == 0:
        steps[:, EOS] = -torch.inf
    if step >= max_words:
        steps[~ended, :EOS] = steps[~ended, EOS + 1 :] = -torch.inf
    for row, word in _repeats(found.tokens[:, :step]):
        steps[row, word] = -torch.inf
    steps[ended] = -torch.inf
    # An ended hypothesis goes on at no cost.
    steps[ended, PAD] = 0.0


def _repeats(tokens: Tensor) -> list[tuple[int, int]]:
    """(row, word) pairs that would repeat one of the row's trigrams."""
    if tokens.shape[1] < 3:
        return []
    found = []
    for row, ids in enumerate(tokens.tolist()):
        pair = ids[-2:]
        found += [
            (row, ids[at + 2]) for at in range(len(ids) - 2) if ids[at : at + 2] == pair and ids[at + 2] > UNK
        ]
    return found


class Captioner(nn.Module):
    """Encoder, decoder and vocabulary in one."""

    def __init__(self, encoder: Encoder, decoder: Decoder, vocabulary: WordVocabulary) -> None:
        super().__init__()
        self.encoder, self.decoder, self.vocabulary = encoder, decoder, vocabulary

    def freeze(self, device: str | torch.device) -> Captioner:
        """Move to a device for good, and compute there what depends on weights alone."""
        self.encoder.fold_norms()
        self.to(device).to(memory_format=torch.channels_last)
        self.decoder.tabulate()
        return self

    @torch.inference_mode()
    def caption(self, pictures: Tensor, beam: int = BEAM) -> list[Caption]:
        """(batch, 3, size, size) normalised pictures -> a caption each."""
        return self.describe(self.encoder(pictures), beam)

    @torch.inference_mode()
    def describe(self, grid: Tensor, beam: int = BEAM) -> list[Caption]:
        """(batch, regions, channels) features -> a caption each."""
        tokens, scores, attention = beam_search(self.decoder, grid, beam)
        captions = []
        for ids, score, weights in zip(tokens.tolist(), scores.tolist(), attention, strict=True):
            words = self.vocabulary.decode(ids)
            captions.append(Caption(words, score, weights[: len(words)]))
        return captions


def load_captioner(path: Path, dropout: float = 0.0) -> tuple[Captioner, Preprocessing, Checkpoint]:
    """The captioner a checkpoint holds, in evaluation mode, and how it wants its pictures.

    Args:
        path: checkpoint file.
        dropout: the decoder's, where training goes on.

    Raises:
        BadCheckpoint: see ``model.checkpoint``.
    """
    checkpoint = load_checkpoint(path, "captioner")
    header = checkpoint.header
    with described(path):
        preprocessing = Preprocessing.from_header(header["preprocessing"])
        encoder = Encoder(**header["encoder"])
        vocabulary = WordVocabulary(header["words"])
        decoder = Decoder(encoder.channels, len(vocabulary), dropout=dropout, **header["decoder"])
    captioner = Captioner(encoder, decoder, vocabulary).eval()
    fill(captioner, checkpoint.weights, path)
    return captioner, preprocessing, checkpoint
