"""Steps the generator on a CPU: an ONNX graph of one step, its weights 8-bit integers. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import onnxruntime

from model.checkpoint import Array, Checkpoint, described, load_checkpoint, quantised
from model.conditioning import (
    BUCKETS,
    FIRST_STYLES,
    MAX_LINES,
    PLACES,
    ROLES,
    SPELLED,
    Conditioning,
    plan_roles,
    plan_words,
    spelling,
    style_id,
)
from model.decoding import Context
from model.errors import BadCheckpoint
from model.keywords import MAX_KEYWORDS
from model.mood import MOODS
from model.onnx_graph import FLOAT, Graph, Session, Singles
from model.plan import MAX_INNER
from model.rhyme import MAX_SYLLABLES, RHYMES
from model.sampling import Floats, Ids
from model.vocabulary import CharVocabulary

# What a conditioning is looked up in.
_TABLES = ("style", "mood", "lines", "syllables", "rhyme", "keyword", "spelling")
# Contexts whose part of the gates is kept: 32 MB where a layer has 2048 gates.
_KEPT = 4096
# Rows that there is memory for from the start; a stanza's candidates are 48.
_ROWS = 64
# What cells put out lies between -1 and 1, so a fixed scale serves. With one that is measured
# on the batch, a stanza would depend on its neighbours.
_UNIT, _ZERO = np.array(1 / 127, np.float32), np.array(128, np.uint8)


class OnnxStepper:
    """Steps a generator's weights by one symbol a row (``model.decoding.Stepper``).

    A layer is one product of its input and state with its weights, all of 8 bits, a scale a
    gate; sums, gates and the output layer are float32. The first layer's input is, but for the
    words before, the sum of two rows of tables: one of symbols, one of contexts as they come up.
    A state is (layers x parts, 1, hidden), a layer's parts one after the other.

    Args:
        weights: of a ``model.generator.Generator``, by their names there.
        lemmas: keywords with a vector of their own.
        cell: "lstm", "gru" or "rnn".
        int8: False for products in float32, the reference.
        forms: planned words with a vector of their own.

    Raises:
        KeyError: weights are missing, or the cell is none of these.
    """

    def __init__(
        self,
        weights: Mapping[str, Array],
        lemmas: Sequence[str],
        cell: str = "lstm",
        int8: bool = True,
        forms: Sequence[str] = (),
    ) -> None:
        self._tables = {name: weights[f"{name}.weight"] for name in _TABLES}
        self._lemmas = {lemma: number for number, lemma in enumerate(lemmas, start=1)}
        layers = _layers(weights, cell)
        self._parts = _CELLS[cell][1] * len(layers)
        size, control = weights["embedding.weight"].shape[1], weights["keyword.weight"].shape[1]
        words = size + control + 2 * weights["word.weight"].shape[1]
        parts = np.split(layers[0][0], [size, size + control, words])
        symbol_part, self._control_part, word_part, plan_part = parts
        self._forms = {form: number for number, form in enumerate(forms, start=1)}
        self._plan_part = plan_part.reshape(ROLES, len(plan_part) // ROLES, plan_part.shape[1])
        if self._forms:
            self._tables |= {name: weights[f"{name}.weight"] for name in ("form", "letters")}
        symbols = weights["embedding.weight"] @ symbol_part + layers[0][2]
        layers[0] = (word_part, *layers[0][1:])
        self._session = _step(weights, symbols, layers, cell, int8)
        self._sizes = symbols.shape[1], *weights["output.weight"].shape
        self._turn = 0
        self._reserve(_ROWS)

    def start(self, conditionings: Sequence[Conditioning]) -> list[object]:
        words = [_word_ids(conditioning, self._lemmas) for conditioning in conditionings]
        ids, letters = (np.array(part) for part in zip(*words, strict=True))
        styles = [style_id(one.style, len(self._tables["style"])) for one in conditionings]
        moods = [1 + MOODS.index(one.mood) if one.mood else 0 for one in conditionings]
        self._keywords = self._vectors("keyword", ids) + self._vectors("spelling", letters).sum(2)
        self._constant = self._vectors("style", styles) + self._vectors("mood", moods)
        self._planned = [self._plan_gates(conditioning) for conditioning in conditionings]
        self._forget()
        fresh = np.zeros((self._parts, 1, self._sizes[-1]), dtype=np.float32)
        return [fresh] * len(conditionings)

    def resume(self, states: Sequence[object]) -> None:
        rows = len(states)
        if rows > len(self._ids):
            self._reserve(max(rows, 2 * len(self._ids)))
        np.concatenate(cast("list[Singles]", list(states)), axis=1, out=self._states[self._turn, :, :rows])

    def step(self, ids: Ids, context: Context) -> Floats:
        rows = len(ids)
        self._ids[:rows] = ids
        self._take_in(context)
        self._session.run_with_iobinding(self._binding(rows))
        self._turn = 1 - self._turn
        return self._logits[:rows].astype(np.float64)

    def states(self, rows: Sequence[int]) -> list[object]:
        kept = self._states[self._turn].take(rows, axis=1)
        return [kept[:, row : row + 1] for row in range(len(rows))]

    def _reserve(self, rows: int) -> None:
        """Memory for so many rows, which the session reads and writes where it lies."""
        gates, symbols, hidden = self._sizes
        self._ids, self._places = np.zeros((2, rows), dtype=np.int64)
        self._written = np.zeros((rows, 2), dtype=np.int64)
        self._contexts = np.zeros((max(_KEPT, rows), gates), dtype=np.float32)
        self._logits = np.zeros((rows, symbols), dtype=np.float32)
        # Those before a step and those after it, by turns.
        self._states = np.zeros((2, self._parts, rows, hidden), dtype=np.float32)
        self._bindings: dict[tuple[int, int], onnxruntime.IOBinding] = {}
        self._forget()

    def _forget(self) -> None:
        """Know no context, and not that of the last step."""
        self._known: dict[int, int] = {}
        self._last = b""

    def _binding(self, rows: int) -> onnxruntime.IOBinding:
        """Where a step of the first rows reads and writes."""
        if (rows, self._turn) not in self._bindings:
            before, after = self._states[self._turn, :, :rows], self._states[1 - self._turn, :, :rows]
            read = [self._ids[:rows], self._written[:rows], self._places[:rows], self._contexts, *before]
            binding = self._session.io_binding()
            for one, array in zip(self._session.get_inputs(), read, strict=True):
                binding.bind_input(one.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            for one, array in zip(self._session.get_outputs(), [self._logits[:rows], *after], strict=True):
                binding.bind_output(one.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            self._bindings[rows, self._turn] = binding
        return self._bindings[rows, self._turn]

    def _take_in(self, context: Context) -> None:
        """Note each row's context, unless all are as at the last step, which within a word they are."""
        whole = b"".join([part.tobytes() for part in context])
        if whole != self._last:
            rows = len(context.conditioning)
            self._written[:rows], self._places[:rows] = context.written, self._find(context)
            self._last = whole

    def _find(self, context: Context) -> list[int]:
        """The place of each row's context in the table of gates; few contexts differ in a batch."""
        parts = (context.conditioning, context.lines_left, context.syllables, context.rhyme, context.line)
        limits = (MAX_LINES + 1, MAX_SYLLABLES + 2, RHYMES + 1, MAX_LINES + 1)
        sizes = (len(self._constant), *limits, *[2] * (MAX_KEYWORDS + MAX_INNER))
        waiting, planned = context.waiting.T.astype(np.int64), context.planned.T
        codes: list[int] = np.ravel_multi_index((*parts, *waiting, *planned), sizes).tolist()
        new = set(codes) - self._known.keys()
        if len(self._known) + len(new) > len(self._contexts):
            self._known, new = {}, set(codes)
        if new:
            first = len(self._known)
            self._contexts[first : first + len(new)] = self._gates(*np.unravel_index(list(new), sizes))
            self._known |= {code: place for place, code in enumerate(new, start=first)}
        return [self._known[code] for code in codes]

    def _gates(
        self, conditioning: Ids, left: Ids, syllables: Ids, rhyme: Ids, line: Ids, *open_: Ids
    ) -> Singles:
        """What contexts add to the first layer's gates, (contexts, gates)."""
        waiting, planned = open_[:MAX_KEYWORDS], open_[MAX_KEYWORDS:]
        controls = self._constant[conditioning] + self._vectors("lines", left)
        controls += self._vectors("syllables", syllables) + self._vectors("rhyme", rhyme)
        controls += (np.stack(waiting, 1)[..., None] * self._keywords[conditioning]).sum(1)
        # One by one: several at once would be rounded by how many they are.
        gates = np.array([control @ self._control_part for control in controls.astype(np.float32)])
        progress = zip(conditioning.tolist(), line.tolist(), np.stack(planned, 1), strict=True)
        for row, one in enumerate(progress):
            self._add_planned(gates[row], *one)
        return gates

    def _add_planned(self, gates: Singles, conditioning: int, line: int, planned: Ids) -> None:
        known = self._planned[conditioning]
        if known is None:
            return
        for role, places in enumerate(plan_roles(line, planned.tolist())):
            for place in places:
                gates += known[role, place]

    def _plan_gates(self, conditioning: Conditioning) -> Singles | None:
        """What each planned word adds to the first layer's gates in each role, (ROLES, PLACES, gates)."""
        if not (conditioning.plan and self._forms):
            return None
        gates = np.zeros((ROLES, PLACES, self._plan_part.shape[2]), dtype=np.float32)
        for place, word in enumerate(plan_words(conditioning.plan)):
            if word in self._forms:
                vector = self._vectors("form", self._forms[word])
            elif word:
                vector = self._vectors("letters", spelling(word)).sum(0)
            else:
                continue
            for role in range(ROLES):
                gates[role, place] = vector @ self._plan_part[role]
        return gates

    def _vectors(self, table: str, ids: npt.ArrayLike) -> Array:
        vectors: Array = self._tables[table][np.asarray(ids)]
        return vectors


def load_stepper(path: Path, int8: bool = True) -> tuple[OnnxStepper, CharVocabulary, Checkpoint]:
    """A stepper of the generator that a checkpoint holds.

    Raises:
        BadCheckpoint: see ``model.checkpoint``.
    """
    checkpoint = load_checkpoint(path, "generator")
    with described(path):
        vocabulary = CharVocabulary(checkpoint.header["alphabet"])
        architecture, lemmas = checkpoint.header["architecture"], checkpoint.header["lemmas"]
        cell, forms = architecture.get("cell", "lstm"), checkpoint.header.get("forms", [])
        fits = {
            "style.weight": (architecture.get("styles", FIRST_STYLES) + 1, architecture["control"]),
            **({"form.weight": (len(forms) + 1, architecture["plan"])} if forms else {}),
            "embedding.weight": (len(vocabulary), architecture["embedding"]),
            "keyword.weight": (len(lemmas) + 1, architecture["control"]),
            "word.weight": (BUCKETS + 1, architecture["word"]),
            "output.weight": (len(vocabulary), architecture["hidden"]),
        }
        layers = len(_layers(checkpoint.arrays, cell))
        if layers != architecture["layers"] or any(
            checkpoint.arrays[name].shape != shape for name, shape in fits.items()
        ):
            raise BadCheckpoint(f"The checkpoint {path} does not fit the network its header names.")
        stepper = OnnxStepper(checkpoint.arrays, lemmas, cell, int8, forms)
    return stepper, vocabulary, checkpoint


def _word_ids(conditioning: Conditioning, lemmas: Mapping[str, int]) -> tuple[list[int], list[list[int]]]:
    """For each keyword its lemma's number, or its letters where it is no lemma."""
    ids, letters = [0] * MAX_KEYWORDS, [[0] * SPELLED for _ in range(MAX_KEYWORDS)]
    for place, keyword in enumerate(conditioning.keywords):
        if keyword in lemmas:
            ids[place] = lemmas[keyword]
        else:
            letters[place] = spelling(keyword)
    return ids, letters


# Weights from the input and from the state, (size, gates), and one bias.
_Layer = tuple[Array, Array, Array]


def _layers(weights: Mapping[str, Array], cell: str) -> list[_Layer]:
    depth = sum(name.startswith(f"{cell}.weight_ih") for name in weights)
    return [_laid_out(weights, cell, layer) for layer in range(depth)]


def _laid_out(weights: Mapping[str, Array], cell: str, layer: int) -> _Layer:
    """A layer's weights; see ``generator._laid_out`` for a GRU's two columns of candidates."""
    below, own, bias, own_bias = (
        weights[f"{cell}.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if cell == "gru":
        gates = 2 * own.shape[1]
        below, bias = (np.concatenate([a, np.zeros_like(a[gates:])]) for a in (below, bias))
        own, own_bias = (
            np.concatenate([a[:gates], np.zeros_like(a[gates:]), a[gates:]]) for a in (own, own_bias)
        )
    return below.T, own.T, bias + own_bias


def _step(
    weights: Mapping[str, Array], symbols: Array, layers: Sequence[_Layer], cell: str, int8: bool
) -> Session:
    """A step: ids, words, contexts' places and table, states -> logits, states after."""
    graph = _Products(int8)
    advance, parts = _CELLS[cell]
    states = [f"state{part}" for part in range(parts * len(layers))]
    # The first layer's is in the table of symbols.
    context = graph.add("Gather", "contexts", "places")
    biases = [graph.add("Add", graph.add("Gather", graph.constant(symbols), "ids"), context)]
    biases += [graph.constant(bias) for _, _, bias in layers[1:]]
    below_rows, scale = graph.words(weights["word.weight"])
    after: list[str] = []
    for number, ((below, own, _), bias) in enumerate(zip(layers, biases, strict=True)):
        state = states[number * parts : (number + 1) * parts]
        matrix = np.concatenate([below if number else scale * below, own])
        product = graph.product(graph.add("Concat", *below_rows, graph.rounded(state[0]), axis=1), matrix)
        moved = advance(graph, graph.add("Add", product, bias), state)
        after += moved
        below_rows = [graph.rounded(moved[0])]
    output = graph.constant(weights["output.weight"].T), graph.constant(weights["output.bias"])
    logits = graph.add("Gemm", moved[0], *output)
    gates, hidden = symbols.shape[1], weights["output.weight"].shape[1]
    # One thread: steps are too small to share; whole batches are shared out among processes.
    return graph.session(
        {"ids": (np.int64, ["rows"]), "written": (np.int64, ["rows", 2]),
         "places": (np.int64, ["rows"]), "contexts": (np.float32, ["kept", gates]),
         **dict.fromkeys(states, (np.float32, ["rows", hidden]))},
        [logits, *after],
    )  # fmt: skip


class _Products(Graph):
    """A graph whose products are of 8-bit integers, or of float32."""

    def __init__(self, int8: bool) -> None:
        super().__init__()
        self.int8 = int8
        self.unit, self.zero = (self.constant(_UNIT), self.constant(_ZERO)) if int8 else ("", "")

    def rounded(self, rows: str) -> str:
        """Numbers from -1 to 1 as they go into a product."""
        return self.add("QuantizeLinear", rows, self.unit, self.zero) if self.int8 else rows

    def words(self, table: Array) -> tuple[list[str], float]:
        """The vectors of the last words as they go into a product, and what they are to be multiplied by.

        None where a network does not take them.
        """
        scale = 1.0
        if table.shape[1] == 0:
            return [], scale
        if self.int8:
            scale = float(np.abs(table).max())
            table = (np.rint(table / scale / _UNIT) + _ZERO).astype(np.uint8)
        found = self.add("Gather", self.constant(table), "written")
        return [self.add("Reshape", found, self.constant(np.array([-1, 2 * table.shape[1]])))], scale

    def product(self, rows: str, matrix: Array) -> str:
        if not self.int8:
            return self.add("MatMul", rows, self.constant(matrix))
        integers, scale = quantised(matrix.T)
        # Both without signs: where a CPU has no instruction for such sums, those of unsigned with
        # signed bytes are cut off at 16 bits, and a stanza would depend on the machine.
        unsigned = (integers.T.astype(np.int16) + _ZERO).astype(np.uint8)
        sums = self.add("MatMulInteger", rows, self.constant(unsigned), self.zero, self.zero)
        # For one row faster than MatMulIntegerToFloat, which does all three, and the same bits.
        return self.add("Mul", self.add("Cast", sums, to=FLOAT), self.constant(_UNIT * scale))


def _rnn(graph: Graph, gates: str, _state: Sequence[str]) -> list[str]:
    return [graph.add("Tanh", gates)]


def _lstm(graph: Graph, gates: str, state: Sequence[str]) -> list[str]:
    # PyTorch's order.
    input_gate, forget_gate, candidate, output_gate = graph.split(gates, 4)
    kept = graph.add("Mul", graph.add("Sigmoid", forget_gate), state[1])
    new = graph.add("Mul", graph.add("Sigmoid", input_gate), graph.add("Tanh", candidate))
    memory = graph.add("Add", kept, new)
    return [graph.add("Mul", graph.add("Sigmoid", output_gate), graph.add("Tanh", memory)), memory]


def _gru(graph: Graph, gates: str, state: Sequence[str]) -> list[str]:
    reset, forget_gate, candidate, own = graph.split(gates, 4)
    recalled = graph.add("Mul", graph.add("Sigmoid", reset), own)
    candidate = graph.add("Tanh", graph.add("Add", candidate, recalled))
    kept = graph.add("Mul", graph.add("Sigmoid", forget_gate), graph.add("Sub", state[0], candidate))
    return [graph.add("Add", candidate, kept)]


# How a cell goes one step on, and the parts of its state.
_CELLS: dict[str, tuple[Callable[[Graph, str, Sequence[str]], list[str]], int]] = {
    "rnn": (_rnn, 1),
    "lstm": (_lstm, 2),
    "gru": (_gru, 1),
}
