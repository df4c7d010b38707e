"""The captioner in PyTorch: CNN encoder and LSTM decoder with adaptive attention.

Adaptive attention with a visual sentinel: Lu, Xiong, Parikh and Socher, "Knowing When to
Look", CVPR 2017, with scaled dot-product scores (Luong et al., EMNLP 2015) in place of
additive ones, which cost a CPU three times as much. The LSTM reads words and the picture's
mean; attention over regions (and over the sentinel, the memory's own word) only feeds the
softmax, so in training it runs over all time steps at once. It is what is trained, what runs on a GPU,
and what ``onnx_captioner`` is held against.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.beam import BEAM, Caption, Ids, Singles, Steps, captions
from model.checkpoint import Checkpoint, described, fill, load_checkpoint
from model.encoder import Encoder
from model.guidance import Guided
from model.pictures import Preprocessing
from model.vocabulary import PAD, WordVocabulary


class EncodedImage(NamedTuple):
    """What the decoder keeps of a picture: (rows, ...) tensors."""

    values: Tensor  # (rows, regions, hidden)
    keys: Tensor  # (rows, regions, attention)
    mean: Tensor  # (rows, hidden)
    gates: Tensor  # (rows, 5 * hidden), the mean's share of the gates, the same at every word

    def repeat(self, times: int) -> EncodedImage:
        """Each row ``times`` times, in place."""
        return EncodedImage(*(tensor.repeat_interleave(times, 0) for tensor in self))


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

    def look(self, grid: Tensor) -> EncodedImage:
        """Region features (pictures, regions, channels) -> what decoding needs of them."""
        grid = self.dropout(grid)
        values = torch.relu(self.region(grid))
        mean = torch.relu(self.mean(grid.mean(1)))
        gates = nn.functional.linear(mean, self.gates_input.weight[:, self.hidden :], self.gates_input.bias)
        return EncodedImage(values, self.key(values), mean, gates)

    def begin(self, memory: EncodedImage) -> tuple[Tensor, Tensor]:
        """Initial hidden and cell state, each (rows, hidden)."""
        hidden, cell = torch.tanh(self.start(memory.mean)).chunk(2, 1)
        return hidden, cell

    def forward(self, memory: EncodedImage, words: Tensor) -> Tensor:
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
        self, memory: EncodedImage, words: Tensor, state: tuple[Tensor, Tensor]
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

    def _inputs(self, words: Tensor, memory: EncodedImage) -> Tensor:
        if self.word_gates is not None:
            return self.word_gates[words] + memory.gates[:, None]
        return self._gates_of(self.dropout(self.embedding(words))) + memory.gates[:, None]

    def _gates_of(self, embedded: Tensor) -> Tensor:
        return nn.functional.linear(embedded, self.gates_input.weight[:, : self.hidden])

    def _cell(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], Tensor]:
        gates = (inputs + self.gates_hidden(state[0])).float()
        input_gate, forget_gate, output_gate, candidate, sentinel_gate = gates.chunk(5, 1)
        cell = torch.sigmoid(forget_gate) * state[1] + torch.sigmoid(input_gate) * torch.tanh(candidate)
        memory = torch.tanh(cell)
        return (torch.sigmoid(output_gate) * memory, cell), torch.sigmoid(sentinel_gate) * memory

    def _attend(self, memory: EncodedImage, hidden: Tensor, sentinel: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, time, hidden) twice -> logits and attention (rows, time, regions + 1)."""
        query = self.query(hidden)
        regions = query @ memory.keys.transpose(1, 2)
        own = (query * self.sentinel_key(sentinel)).sum(2, keepdim=True)
        scores = torch.cat([regions, own], 2).float() / math.sqrt(query.shape[2])
        attention = torch.softmax(scores, 2)
        context = attention[..., :-1] @ memory.values.float() + attention[..., -1:] * sentinel
        return self.output(self.dropout(torch.tanh(self.mix(context + hidden)))), attention


class TorchSteps:
    """A decoder as ``beam.Steps``, on its own device.

    Args:
        decoder: in evaluation mode.
        grid: (pictures, views * regions, channels).
        beam: hypotheses a picture.
        views: of a picture; a region's attention is the sum of theirs.
    """

    def __init__(self, decoder: Decoder, grid: Tensor, beam: int, views: int = 1) -> None:
        self.decoder, self.regions = decoder, grid.shape[1] // views
        self.memory = decoder.look(grid).repeat(beam)
        self.state = decoder.begin(self.memory)

    @torch.inference_mode()
    def step(self, words: Ids, parents: Ids) -> tuple[Singles, Singles]:
        device = self.memory.mean.device
        rows = torch.from_numpy(parents).to(device)
        state = self.state[0][rows], self.state[1][rows]
        logits, self.state, attention = self.decoder.step(
            self.memory, torch.from_numpy(words).to(device), state
        )
        nats = torch.log_softmax(logits.float(), 1)
        regions = attention[:, :-1].unflatten(1, (-1, self.regions)).sum(1)
        return nats.cpu().numpy(), regions.float().cpu().numpy()


class Captioner(nn.Module):
    """Encoder, decoder and vocabulary in one.

    Args:
        encoder: sees.
        decoder: says.
        vocabulary: the decoder's words.
        guidance: how far it is led away from what it would say without a picture, 0 for not at all.
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, vocabulary: WordVocabulary, guidance: float = 0.0
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.vocabulary = encoder, decoder, vocabulary
        self.guidance = guidance

    def freeze(self, device: str | torch.device) -> Captioner:
        """Move to a device for good, and compute there what depends on weights alone."""
        self.encoder.fold_norms()
        self.to(device).to(memory_format=torch.channels_last)
        self.decoder.tabulate()
        return self

    @property
    def backbone(self) -> str:
        return self.encoder.backbone

    @torch.inference_mode()
    def features(self, pictures: Singles) -> Singles:
        """(batch, 3, size, size) normalised pictures -> what ``describe`` reads."""
        pixels = torch.from_numpy(pictures).to(self._device, memory_format=torch.channels_last)
        grid: Singles = self.encoder(pixels).float().cpu().numpy()
        return grid

    @torch.inference_mode()
    def describe(self, grid: Singles | Tensor, beam: int = BEAM) -> list[Caption]:
        """(batch, views * regions, channels) features -> a caption each."""
        pictures = torch.as_tensor(grid, device=self._device)
        if self.guidance:
            pictures = torch.cat([pictures, torch.zeros_like(pictures)])
        steps: Steps = TorchSteps(self.decoder, pictures, beam, self.encoder.views)
        if self.guidance:
            steps = Guided(steps, self.guidance)
        return captions(steps, len(grid), self.vocabulary, beam)

    @property
    def _device(self) -> torch.device:
        return self.decoder.embedding.weight.device


def load_captioner(path: Path, dropout: float = 0.0) -> tuple[Captioner, Preprocessing, Checkpoint]:
    """The captioner a file holds; see ``build``.

    Raises:
        BadCheckpoint: see ``model.checkpoint``.
    """
    checkpoint = load_checkpoint(path, "captioner")
    return *build(checkpoint, path, dropout), checkpoint


def build(checkpoint: Checkpoint, path: Path, dropout: float = 0.0) -> tuple[Captioner, Preprocessing]:
    """The captioner a checkpoint holds, in evaluation mode, and how it wants its pictures.

    Args:
        checkpoint: of kind "captioner".
        path: its file, to be named in an error.
        dropout: the decoder's, where training goes on.

    Raises:
        BadCheckpoint: it does not hold what its header says.
    """
    header = checkpoint.header
    with described(path):
        preprocessing = Preprocessing.from_header(header["preprocessing"])
        encoder = Encoder(**header["encoder"])
        vocabulary = WordVocabulary(header["words"])
        decoder = Decoder(encoder.channels, len(vocabulary), dropout=dropout, **header["decoder"])
        captioner = Captioner(encoder, decoder, vocabulary, float(header.get("guidance", 0.0))).eval()
    fill(captioner, checkpoint.weights, path)
    return captioner, preprocessing
