"""The character network, and how it is stepped; drawing from it is in ``decoding.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from model.checkpoint import Checkpoint, described, fill, load_checkpoint
from model.conditioning import (
    BUCKETS,
    FIRST_STYLES,
    MAX_LINES,
    PLACES,
    ROLES,
    SPELLED,
    STYLES,
    Conditioning,
    ConditioningState,
    plan_roles,
    plan_words,
    spelling,
    style_id,
)
from model.decoding import Context, packed
from model.keywords import MAX_KEYWORDS
from model.lstm import Lstm, dropped
from model.mood import MOODS
from model.rhyme import MAX_SYLLABLES, RHYMES
from model.sampling import Floats, Ids
from model.text import LETTERS
from model.vocabulary import CharVocabulary

# What a cell carries from step to step: its output and, in an LSTM, its memory.
State = tuple[Tensor, ...]

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": Lstm, "gru": nn.GRU}


class Conditions(NamedTuple):
    """What the network is given beside the symbols: a batch of ``Conditioning`` and its progress.

    Id 0 stands for "not asked", or for a word that is not there yet.
    """

    style: Tensor  # (batch,)
    mood: Tensor  # (batch,)
    lines_left: Tensor  # (batch, time)
    keywords: Tensor  # (batch, keywords) lemma ids
    spellings: Tensor  # (batch, keywords, SPELLED)
    waiting: Tensor  # (batch, time, keywords) 0 or 1
    written: Tensor  # (batch, time, 2) buckets of the last words
    syllables: Tensor  # (batch, time) one more than are to come in the line
    rhyme: Tensor  # (batch, time) buckets of rhyme classes
    forms: Tensor  # (batch, PLACES) ids of the plan's words
    letters: Tensor  # (batch, PLACES, SPELLED) of those without an id
    roles: Tensor  # (batch, time, ROLES, PLACES) 0 or 1

    @classmethod
    def none(cls, rows: int, time: int) -> Conditions:
        """Nothing is asked and nothing written."""
        words = torch.zeros((rows, MAX_KEYWORDS), dtype=torch.long)
        return cls(
            style=torch.zeros(rows, dtype=torch.long),
            mood=torch.zeros(rows, dtype=torch.long),
            lines_left=torch.zeros((rows, time), dtype=torch.long),
            keywords=words,
            spellings=words[..., None].repeat(1, 1, SPELLED),
            waiting=torch.zeros((rows, time, MAX_KEYWORDS)),
            written=torch.zeros((rows, time, 2), dtype=torch.long),
            syllables=torch.zeros((rows, time), dtype=torch.long),
            rhyme=torch.zeros((rows, time), dtype=torch.long),
            forms=torch.zeros((rows, PLACES), dtype=torch.long),
            letters=torch.zeros((rows, PLACES, SPELLED), dtype=torch.long),
            roles=torch.zeros((rows, time, ROLES, PLACES)),
        )

    def to(self, device: torch.device) -> Conditions:
        return Conditions(*(tensor.to(device) for tensor in self))


class Generator(nn.Module):
    """Embedding and conditioning, recurrent layers, softmax over characters.

    With ``control`` and ``word`` 0 it is a plain character network: given nothing beside the symbols.

    Args:
        symbols: vocabulary size.
        lemmas: keywords with a vector of their own; others are known by their letters.
        embedding: size of a symbol's embedding.
        word: size of a written word's embedding.
        plan: size of a planned word's embedding; 0 for a network that takes no plan.
        forms: planned words with a vector of their own; others are known by their letters.
        styles: how many of ``STYLES`` it knows.
        control: size of a conditioning's embedding.
        hidden: state size.
        layers: recurrent layers.
        dropout: between layers and before the softmax, in training only.
        cell: one of ``CELLS``.
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
        cell: str = "lstm",
        plan: int = 0,
        forms: Sequence[str] = (),
        styles: int = len(STYLES),
    ) -> None:
        super().__init__()
        self.forms = {form: number for number, form in enumerate(forms, start=1)}
        self.cell, self.plain = cell, control == word == 0
        self.lemmas = {lemma: number for number, lemma in enumerate(lemmas, start=1)}
        self.embedding = nn.Embedding(symbols, embedding)
        self.word = nn.Embedding(BUCKETS + 1, word, padding_idx=0)
        self.style = nn.Embedding(styles + 1, control, padding_idx=0)
        self.mood = nn.Embedding(len(MOODS) + 1, control, padding_idx=0)
        self.lines = nn.Embedding(MAX_LINES + 1, control, padding_idx=0)
        self.keyword = nn.Embedding(len(lemmas) + 1, control, padding_idx=0)
        self.spelling = nn.Embedding(SPELLED * len(LETTERS) + 1, control, padding_idx=0)
        self.syllables = nn.Embedding(MAX_SYLLABLES + 2, control, padding_idx=0)
        self.rhyme = nn.Embedding(RHYMES + 1, control, padding_idx=0)
        self.plan = plan
        if plan:
            self.form = nn.Embedding(len(forms) + 1, plan, padding_idx=0)
            self.letters = nn.Embedding(SPELLED * len(LETTERS) + 1, plan, padding_idx=0)
        between = dropout if layers > 1 else 0.0
        inputs = embedding + control + 2 * word + ROLES * plan
        # Under the cell's own name, so that the weights' names say what they are.
        self.add_module(cell, CELLS[cell](inputs, hidden, layers, batch_first=True, dropout=between))
        self.dropout = dropout
        self.output = nn.Linear(hidden, symbols)
        self._initialise()

    def _initialise(self) -> None:
        # What is asked is beside every character: at full size it drowns the characters at first.
        tables = {
            self.keyword: 0.3, self.spelling: 0.15, self.word: 0.3, self.rhyme: 0.3,
            self.style: 0.1, self.mood: 0.1, self.lines: 0.1, self.syllables: 0.1,
        }  # fmt: skip
        if self.plan:
            tables |= {self.form: 0.5, self.letters: 0.2}
        for table, scale in tables.items():
            table.weight.detach().mul_(scale)

    @property
    def recurrent(self) -> nn.RNNBase:
        """The recurrent layers."""
        return cast("nn.RNNBase", self.get_submodule(self.cell))

    def vectors(self, keywords: Tensor, spellings: Tensor) -> Tensor:
        """Lemma ids (..., ) and letters (..., SPELLED) -> keyword vectors (..., control)."""
        return self.keyword(keywords) + self.spelling(spellings).sum(-2)

    def controls(self, conditions: Conditions) -> Tensor:
        """What is asked at every input, (batch, time, control)."""
        constant = self.style(conditions.style) + self.mood(conditions.mood)
        words = self.vectors(conditions.keywords, conditions.spellings)
        waiting = conditions.waiting.to(words.dtype) @ words
        line = self.syllables(conditions.syllables) + self.rhyme(conditions.rhyme)
        return constant[:, None] + self.lines(conditions.lines_left) + line + waiting

    def planned(self, conditions: Conditions) -> Tensor:
        """What is planned at every input, (batch, time, ROLES x plan): a sum of words for each role."""
        words = self.form(conditions.forms) + self.letters(conditions.letters).sum(-2)
        rows, time = conditions.roles.shape[:2]
        summed = conditions.roles.to(words.dtype).flatten(1, 2) @ words
        return summed.view(rows, time, -1)

    def forward(
        self, symbols: Tensor, conditions: Conditions, state: State | None = None
    ) -> tuple[Tensor, State]:
        """(batch, time) ids -> logits (batch, time, symbols) and the state after the last step."""
        written = self.word(conditions.written).flatten(2)
        given = [self.controls(conditions), written, *([self.planned(conditions)] if self.plan else [])]
        inputs = torch.cat([self.embedding(symbols), *given], 2)
        # Cells with one part of state take and give it bare.
        bare = state[0] if state and len(state) == 1 else state
        hidden, after = self.recurrent(inputs, bare)
        if self.training:
            hidden = dropped(hidden, self.dropout, time=1)
        return self.output(hidden), after if isinstance(after, tuple) else (after,)


def conditions_of(generator: Generator, wanted: Sequence[tuple[Conditioning, str]]) -> Conditions:
    """Conditionings and the text that each comes with -> a batch, with the progress at every input.

    Input 0 is ``<bos>``, input ``n`` the text's n-th character.
    """
    found = Conditions.none(len(wanted), 1 + max(len(text) for _, text in wanted))
    if generator.plain:
        return found
    for row, (conditioning, text) in enumerate(wanted):
        found.style[row] = style_id(conditioning.style, generator.style.num_embeddings)
        found.mood[row] = 1 + MOODS.index(conditioning.mood) if conditioning.mood else 0
        for number, keyword in enumerate(conditioning.keywords):
            # Letters only where the word itself says nothing: they leak into words beside it.
            if keyword in generator.lemmas:
                found.keywords[row, number] = generator.lemmas[keyword]
            else:
                found.spellings[row, number] = torch.tensor(spelling(keyword))
        context = _contexts(conditioning, text)
        found.lines_left[row, : len(text) + 1] = torch.from_numpy(context.lines_left)
        found.waiting[row, : len(text) + 1] = torch.from_numpy(context.waiting)
        for name in ("written", "syllables", "rhyme"):
            getattr(found, name)[row, : len(text) + 1] = torch.from_numpy(getattr(context, name))
        if conditioning.plan and generator.plan:
            _add_plan(generator, found, row, conditioning, context)
    return found


def _add_plan(
    generator: Generator, found: Conditions, row: int, conditioning: Conditioning, context: Context
) -> None:
    for place, word in enumerate(plan_words(conditioning.plan)):
        if word in generator.forms:
            found.forms[row, place] = generator.forms[word]
        elif word:
            found.letters[row, place] = torch.tensor(spelling(word))
    lines, planned = context.line.tolist(), context.planned.tolist()
    for time, progress in enumerate(zip(lines, planned, strict=True)):
        for role, places in enumerate(plan_roles(*progress)):
            found.roles[row, time, role, places] = 1.0


def _contexts(conditioning: Conditioning, text: str) -> Context:
    """One row a symbol: the progress at ``<bos>`` and after each character."""
    progress = ConditioningState(conditioning)
    states = [progress.state]
    for character in text:
        progress.add(character)
        states.append(progress.state)
    return Context.of([packed(0, state) for state in states])


class TorchStepper:
    """Steps a ``Generator`` by one symbol a row (``model.decoding.Stepper``).

    ``nn.LSTM`` one step at a time re-packs its weights on every call on a CPU. Here the
    first layer's input products are tables (a row a symbol, a number of lines, a keyword),
    and every other product is one matrix multiplication with weights laid out once, in bfloat16
    where the device is made for it. A state is (layers x parts, hidden), a layer's parts one after the other.
    """

    def __init__(self, model: Generator, precision: torch.dtype = torch.float32) -> None:
        self.model, self.precision = model, precision
        self.hidden, self.layers = model.recurrent.hidden_size, model.recurrent.num_layers
        self._advance, self._parts = _STEPS[model.cell]
        self.device = model.output.weight.device
        laid_out = [_laid_out(model, layer) for layer in range(self.layers)]
        size = model.embedding.embedding_dim
        sizes = [size, model.keyword.embedding_dim, 2 * model.word.embedding_dim, ROLES * model.plan]
        inputs, first, bias = laid_out[0]
        self._first = first.to(precision)
        symbol_part, self._control_part, self._word_part, plan_part = inputs.split(sizes)
        self._plan_part = plan_part.view(ROLES, model.plan, plan_part.shape[1])
        self._word = model.word.weight.detach()
        self._symbols = model.embedding.weight.detach() @ symbol_part + bias
        self._lines = model.lines.weight.detach() @ self._control_part
        self._syllables = model.syllables.weight.detach() @ self._control_part
        self._rhymes = model.rhyme.weight.detach()
        self._upper = [(torch.cat([below, own]).to(precision), bias) for below, own, bias in laid_out[1:]]
        self._output = model.output.weight.detach().t().contiguous()
        self._output_bias = model.output.bias.detach()

    @torch.inference_mode()
    def start(self, conditionings: Sequence[Conditioning]) -> list[object]:
        given = conditions_of(self.model, [(one, "") for one in conditionings]).to(self.device)
        constant = self.model.style(given.style) + self.model.mood(given.mood)
        words = self.model.vectors(given.keywords, given.spellings)
        self._constant = constant @ self._control_part
        self._keywords = words.flatten(0, 1) @ self._control_part
        if self.model.plan:
            planned = self.model.form(given.forms) + self.model.letters(given.letters).sum(-2)
            # (conditionings, roles x places, gates): what each planned word adds in each role.
            self._planned = (planned[:, None] @ self._plan_part).flatten(1, 2)
            # What of a plan is open stays the same for a word at least.
            self._plans: dict[tuple[int, int, tuple[int, ...]], Tensor] = {}
        fresh = torch.zeros((self.layers * self._parts, self.hidden), device=self.device)
        return [fresh] * len(conditionings)

    @torch.inference_mode()
    def resume(self, states: Sequence[object]) -> None:
        stacked = torch.stack(cast("list[Tensor]", list(states)), 1)
        self._state: list[State] = [layer.unbind() for layer in stacked.split(self._parts)]

    @torch.inference_mode()
    def step(self, ids: Ids, context: Context) -> Floats:
        given = (
            ids,
            context.conditioning,
            context.lines_left,
            context.written,
            context.syllables,
            context.rhyme,
        )
        symbols, conditioning, left, written, syllables, rhyme = (
            torch.from_numpy(array).to(self.device) for array in given
        )
        inputs = self._symbols[symbols] + self._lines[left] + self._constant[conditioning]
        inputs += self._syllables[syllables]
        inputs.addmm_(self._rhymes[rhyme], self._control_part)
        inputs.addmm_(self._word[written].flatten(1), self._word_part)
        inputs.addmm_(self._waiting(context), self._keywords)
        if self.model.plan:
            inputs += self._plan_gates(context)
        inputs += self._product(self._state[0][0], self._first)
        self._state[0] = self._advance(inputs, self._state[0])
        for layer, (weights, bias) in enumerate(self._upper, start=1):
            below = torch.cat([self._state[layer - 1][0], self._state[layer][0]], 1)
            self._state[layer] = self._advance(self._product(below, weights) + bias, self._state[layer])
        logits = torch.addmm(self._output_bias, self._state[-1][0], self._output)
        return logits.double().cpu().numpy()

    @torch.inference_mode()
    def states(self, rows: Sequence[int]) -> list[object]:
        stacked = torch.stack([part for layer in self._state for part in layer])[:, rows]
        return list(stacked.unbind(1))

    def _product(self, rows: Tensor, weights: Tensor) -> Tensor:
        return (rows.to(self.precision) @ weights).float()

    def _plan_gates(self, context: Context) -> Tensor:
        """What each row's plan adds to the first layer's gates, (rows, gates)."""
        planned = map(tuple, context.planned.tolist())
        progress = zip(context.conditioning.tolist(), context.line.tolist(), planned, strict=True)
        return torch.stack([self._open_plan(*one) for one in progress])

    def _open_plan(self, conditioning: int, line: int, planned: tuple[int, ...]) -> Tensor:
        key = conditioning, line, planned
        if key not in self._plans:
            roles = enumerate(plan_roles(line, planned))
            chosen = [role * PLACES + place for role, places in roles for place in places]
            self._plans[key] = self._planned[conditioning, chosen].sum(0)
        return self._plans[key]

    def _waiting(self, context: Context) -> Tensor:
        """Which of all keywords each row still has to write, (rows, conditionings x keywords)."""
        rows, count = context.waiting.shape
        spread = np.zeros((rows, len(self._constant), count), dtype=np.float32)
        spread[np.arange(rows), context.conditioning] = context.waiting
        return torch.from_numpy(spread.reshape(rows, -1)).to(self.device)


def _laid_out(model: Generator, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """A layer's weights from the input and from the state, (size, gates x hidden), and one bias.

    A GRU's candidate takes in the state only after the reset gate: it gets two columns, the
    input's part and the state's.
    """
    weights = {name: p.detach() for name, p in model.recurrent.named_parameters()}
    below, own = weights[f"weight_ih_l{layer}"], weights[f"weight_hh_l{layer}"]
    bias, own_bias = weights[f"bias_ih_l{layer}"], weights[f"bias_hh_l{layer}"]
    if model.cell == "gru":
        gates = 2 * model.recurrent.hidden_size
        nothing = torch.zeros_like(own[gates:])
        below = torch.cat([below, below.new_zeros(len(nothing), below.shape[1])])
        own = torch.cat([own[:gates], nothing, own[gates:]])
        bias = torch.cat([bias, nothing[:, 0]])
        own_bias = torch.cat([own_bias[:gates], nothing[:, 0], own_bias[gates:]])
    return below.t().contiguous(), own.t().contiguous(), bias + own_bias


def _rnn(gates: Tensor, _state: State) -> State:
    return (gates.tanh_(),)


def _lstm(gates: Tensor, state: State) -> State:
    size = gates.shape[1] // 4
    # PyTorch's order: input, forget, candidate, output.
    input_gate, forget_gate = gates[:, : 2 * size].sigmoid_().chunk(2, 1)
    candidate, output_gate = gates[:, 2 * size : 3 * size].tanh_(), gates[:, 3 * size :].sigmoid_()
    memory = torch.addcmul(input_gate * candidate, forget_gate, state[1])
    return output_gate * torch.tanh(memory), memory


def _gru(gates: Tensor, state: State) -> State:
    size = gates.shape[1] // 4
    reset, forget_gate = gates[:, : 2 * size].sigmoid_().chunk(2, 1)
    candidate = torch.addcmul(gates[:, 2 * size : 3 * size], reset, gates[:, 3 * size :]).tanh_()
    return (torch.lerp(candidate, state[0], forget_gate),)


# How a cell goes one step on, and the parts of its state.
_STEPS: dict[str, tuple[Callable[[Tensor, State], State], int]] = {
    "rnn": (_rnn, 1),
    "lstm": (_lstm, 2),
    "gru": (_gru, 1),
}


def fast_stepper(model: Generator) -> TorchStepper:
    """A stepper in bfloat16 on a GPU; on a CPU in float32, so that its recipes are good on every one."""
    on_gpu = model.output.weight.device.type == "cuda"
    return TorchStepper(model, torch.bfloat16 if on_gpu else torch.float32)


def architecture_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """What ``Generator`` takes beside symbols and lemmas. Earlier networks knew five styles and no plan."""
    forms = header.get("forms", [])
    return {"styles": FIRST_STYLES, **header["architecture"], **({"forms": forms} if forms else {})}


def load_generator(path: Path) -> tuple[Generator, CharVocabulary, Checkpoint]:
    """The network a checkpoint holds, in evaluation mode.

    Raises:
        BadCheckpoint: see ``model.checkpoint``.
    """
    checkpoint = load_checkpoint(path, "generator")
    with described(path):
        vocabulary = CharVocabulary(checkpoint.header["alphabet"])
        model = Generator(len(vocabulary), checkpoint.header["lemmas"], **architecture_of(checkpoint.header))
    fill(model, checkpoint.weights, path)
    return model.eval(), vocabulary, checkpoint
