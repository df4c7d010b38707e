"""The captioner on a CPU: ONNX graphs of the encoder and of the decoder, from a checkpoint. Free of torch.

The same network as ``model.captioner``, in float32. Batch normalisation is folded into the
convolutions before it when the graph is built.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import numpy as np

from model.beam import BEAM, Caption, Ids, Steps, captions
from model.checkpoint import Array, Checkpoint, described
from model.errors import BadCheckpoint
from model.guidance import Guided
from model.onnx_graph import Graph, Session, Singles
from model.pictures import Preprocessing
from model.vocabulary import WordVocabulary

# What can be built without timm: its EfficientNets for mobile devices, all of one plan.
_KNOWN = re.compile(r"tf_efficientnet_lite[0-4]")
# How much the first block of each stage shrinks its grid.
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
# Of these networks' batch normalisation, in TensorFlow's fashion.
_EPSILON = 1e-3
_CEILING = 6.0


class OnnxCaptioner:
    """Pictures to captions.

    Args:
        weights: of a ``model.captioner.Captioner``, by their names there; they are taken out of it, so that
            few are in memory twice.
        vocabulary: its words.
        backbone: its encoder's name.
        tunable: how many of the last stages are under "top".
        mirrored: look at a picture's mirror image, too.
        guidance: see ``model.captioner.Captioner``.
        threads: that share a picture's work.

    Raises:
        KeyError: weights are missing.
    """

    def __init__(
        self,
        weights: MutableMapping[str, Array],
        vocabulary: WordVocabulary,
        backbone: str,
        tunable: int = 4,
        mirrored: bool = False,
        guidance: float = 0.0,
        threads: int = 1,
    ) -> None:
        self.vocabulary, self.backbone = vocabulary, backbone
        self.mirrored, self.guidance = mirrored, guidance
        self._encoder = _encoder(_taken(weights, "encoder"), tunable, threads)
        decoder = _taken(weights, "decoder")
        self._look, self._step = _look(decoder, threads), _step(decoder, threads)

    def features(self, pictures: Singles) -> Singles:
        """(batch, 3, size, size) normalised pictures -> (batch, views * regions, channels).

        The mirror image's regions follow the picture's, in the same order.
        """
        grid = self._grid(pictures)
        if self.mirrored:
            grid = np.concatenate([grid, self._grid(pictures[..., ::-1])[:, :, ::-1]], axis=1)
        return grid.reshape(len(grid), -1, grid.shape[3])

    def _grid(self, pictures: Singles) -> Singles:
        """(batch, height, width, channels)"""
        # One by one: a batch is no faster on a CPU.
        return np.concatenate([self._encoder.run(None, {"pixels": picture[None]})[0] for picture in pictures])

    def describe(self, grid: Singles, beam: int = BEAM) -> list[Caption]:
        """(batch, views * regions, channels) features -> a caption each."""
        seen = np.concatenate([grid, np.zeros_like(grid)]) if self.guidance else grid
        steps: Steps = _Steps(self, seen, beam, 2 if self.mirrored else 1)
        if self.guidance:
            steps = Guided(steps, self.guidance)
        return captions(steps, len(grid), self.vocabulary, beam)


class _Steps:
    """See ``beam.Steps``."""

    def __init__(self, captioner: OnnxCaptioner, grid: Singles, beam: int, views: int = 1) -> None:
        self.regions = grid.shape[1] // views
        self._step = captioner._step
        values, keys, gates, hidden, cell = captioner._look.run(None, {"grid": grid})
        self._picture = {"values": values, "keys": keys, "gates": gates}
        self._shape = len(grid), beam, hidden.shape[2]
        self._state = [state.repeat(beam, axis=1).reshape(-1, state.shape[2]) for state in (hidden, cell)]

    def step(self, words: Ids, parents: Ids) -> tuple[Singles, Singles]:
        hidden, cell = (state[parents].reshape(self._shape) for state in self._state)
        asked = {"words": words.reshape(self._shape[:2]), "hidden": hidden, "cell": cell}
        nats, attention, *state = self._step.run(None, self._picture | asked)
        self._state = [part.reshape(-1, part.shape[2]) for part in state]
        # A region's attention is the sum of its views'.
        regions = attention.reshape(len(parents), -1, self.regions).sum(1)
        return nats.reshape(-1, nats.shape[2]), regions


def fits(checkpoint: Checkpoint) -> bool:
    """Whether a captioner's encoder can run here."""
    encoder = checkpoint.header.get("encoder")
    return isinstance(encoder, dict) and _KNOWN.fullmatch(str(encoder.get("backbone"))) is not None


def build(checkpoint: Checkpoint, path: Path, threads: int = 1) -> tuple[OnnxCaptioner, Preprocessing]:
    """The captioner that a checkpoint holds, and how it wants its pictures.

    Args:
        checkpoint: one that ``fits``.
        path: its file, to be named in an error.
        threads: see ``OnnxCaptioner``.

    Raises:
        BadCheckpoint: it does not hold what its header says.
        BadInstallation: see ``Graph.session``.
    """
    header, weights = checkpoint.header, checkpoint.arrays
    with described(path):
        preprocessing = Preprocessing.from_header(header["preprocessing"])
        vocabulary = WordVocabulary(header["words"])
        sizes = header["decoder"]
        fitting = {
            "embedding.weight": (len(vocabulary), sizes["hidden"]),
            "output.weight": (len(vocabulary), sizes["hidden"]),
            "query.weight": (sizes["attention"], sizes["hidden"]),
        }
        if any(weights[f"decoder.{name}"].shape != shape for name, shape in fitting.items()):
            raise BadCheckpoint(f"The checkpoint {path} does not fit the network its header names.")
        guidance = float(header.get("guidance", 0.0))
        captioner = OnnxCaptioner(
            weights, vocabulary, **header["encoder"], guidance=guidance, threads=threads
        )
    return captioner, preprocessing


def _part(weights: Mapping[str, Array], name: str) -> dict[str, Array]:
    start = name + "."
    return {key.removeprefix(start): array for key, array in weights.items() if key.startswith(start)}


def _taken(weights: MutableMapping[str, Array], name: str) -> dict[str, Array]:
    start = name + "."
    return {key.removeprefix(start): weights.pop(key) for key in list(weights) if key.startswith(start)}


def _encoder(weights: Mapping[str, Array], tunable: int, threads: int) -> Session:
    """Pixels (pictures, 3, size, size) -> grid (pictures, height, width, channels)."""
    graph, stages = _Convolutions(), _stages(weights, tunable)
    stem, stem_norm, *middle, head, head_norm = stages
    rows = graph.normed("pixels", stem["weight"], stem_norm, stride=2)
    for stage, stride in zip(middle, _STRIDES, strict=True):
        for block in range(len({name.partition(".")[0] for name in stage})):
            rows = graph.block(rows, _part(stage, str(block)), 1 if block else stride)
    grid = graph.add("Transpose", graph.normed(rows, head["weight"], head_norm), perm=[0, 2, 3, 1])
    return graph.session({"pixels": (np.float32, ["pictures", 3, "size", "size"])}, [grid], threads)


def _stages(weights: Mapping[str, Array], tunable: int) -> list[dict[str, Array]]:
    """Stem, its normalisation, seven stages of blocks, head, its normalisation."""
    below = len(_STRIDES) + 4 - tunable
    places = [f"trunk.{number}" for number in range(below)] + [f"top.{number}" for number in range(tunable)]
    return [_part(weights, place) for place in places]


class _Convolutions(Graph):
    """A graph of convolutions, each with its batch normalisation folded into it."""

    def block(self, rows: str, weights: Mapping[str, Array], stride: int) -> str:
        """A depthwise convolution between two of a single pixel, or before one; what came in is added."""
        names = ["conv_pw", "conv_dw", "conv_pwl"] if "conv_pwl.weight" in weights else ["conv_dw", "conv_pw"]
        found = rows
        for number, name in enumerate(names, start=1):
            found = self.normed(
                found,
                weights[f"{name}.weight"],
                _part(weights, f"bn{number}"),
                stride if name == "conv_dw" else 1,
                bounded=number < len(names),
            )
        first, last = weights[f"{names[0]}.weight"], weights[f"{names[-1]}.weight"]
        # A depthwise convolution has as many channels as it puts out.
        taken = first.shape[0] if names[0] == "conv_dw" else first.shape[1]
        return self.add("Add", found, rows) if stride == 1 and taken == last.shape[0] else found

    def normed(
        self, rows: str, weight: Array, norm: Mapping[str, Array], stride: int = 1, bounded: bool = True
    ) -> str:
        """A convolution with its normalisation, then (``bounded``) numbers kept from 0 to 6."""
        scale = norm["weight"] / np.sqrt(norm["running_var"] + np.float32(_EPSILON))
        bias = norm["bias"] - norm["running_mean"] * scale
        # Padded as TensorFlow pads, where these weights are from.
        found = self.add(
            "Conv",
            rows,
            self.constant(weight * scale[:, None, None, None]),
            self.constant(bias),
            strides=[stride, stride],
            group=len(weight) if weight.shape[1] == 1 else 1,
            auto_pad="SAME_UPPER",
        )
        return self.add("Clip", found, self._bound(0.0), self._bound(_CEILING)) if bounded else found

    def _bound(self, value: float) -> str:
        return self.constant(np.float32(value))


def _look(weights: Mapping[str, Array], threads: int) -> Session:
    """Grid (pictures, regions, channels) -> what ``_step`` asks for, and the first state."""
    graph, hidden = Graph(), len(weights["mean.bias"])

    def linear(rows: str, name: str) -> str:
        return graph.linear(rows, weights[f"{name}.weight"], weights[f"{name}.bias"])

    values = graph.add("Relu", linear("grid", "region"))
    keys = graph.add("Transpose", linear(values, "key"), perm=[0, 2, 1])
    middle = graph.add("ReduceMean", "grid", graph.constant(np.array([1])), keepdims=1)
    mean = graph.add("Relu", linear(middle, "mean"))
    # The mean's share of the gates is the same at every word.
    gates = graph.linear(mean, weights["gates_input.weight"][:, hidden:], weights["gates_input.bias"])
    begun = graph.split(graph.add("Tanh", linear(mean, "start")), 2, axis=2)
    channels = weights["region.weight"].shape[1]
    return graph.session(
        {"grid": (np.float32, ["pictures", "regions", channels])}, [values, keys, gates, *begun], threads
    )


def _step(weights: Mapping[str, Array], threads: int) -> Session:
    """A word on: log-probabilities, attention and the state, each (pictures, beam, …)."""
    graph, hidden, attention = Graph(), len(weights["mix.bias"]), len(weights["query.bias"])

    def linear(rows: str, name: str) -> str:
        return graph.linear(rows, weights[f"{name}.weight"], weights[f"{name}.bias"])

    embedded = graph.add("Gather", graph.constant(weights["embedding.weight"]), "words")
    matrix = np.concatenate([weights["gates_input.weight"][:, :hidden], weights["gates_hidden.weight"]], 1)
    product = graph.add("MatMul", graph.add("Concat", embedded, "hidden", axis=2), graph.constant(matrix.T))
    input_gate, forget_gate, output_gate, candidate, sentinel_gate = graph.split(
        graph.add("Add", product, "gates"), 5, axis=2
    )
    kept = graph.add("Mul", graph.add("Sigmoid", forget_gate), "cell")
    new = graph.add("Mul", graph.add("Sigmoid", input_gate), graph.add("Tanh", candidate))
    cell = graph.add("Add", kept, new)
    memory = graph.add("Tanh", cell)
    state = graph.add("Mul", graph.add("Sigmoid", output_gate), memory)
    sentinel = graph.add("Mul", graph.add("Sigmoid", sentinel_gate), memory)

    query = linear(state, "query")
    last = graph.constant(np.array([2]))
    own = graph.add("ReduceSum", graph.add("Mul", query, linear(sentinel, "sentinel_key")), last, keepdims=1)
    scores = graph.add("Concat", graph.add("MatMul", query, "keys"), own, axis=2)
    scaled = graph.add("Mul", scores, graph.constant(np.float32(1 / math.sqrt(attention))))
    shares = graph.add("Softmax", scaled, axis=2)
    end, all_but_it = graph.constant(np.array([2**31])), graph.constant(np.array([-1]))
    regions = graph.add("Slice", shares, graph.constant(np.array([0])), all_but_it, last)
    watched = graph.add("Mul", graph.add("Slice", shares, all_but_it, end, last), sentinel)
    seen = graph.add("Add", graph.add("MatMul", regions, "values"), watched)
    mixed = graph.add("Tanh", linear(graph.add("Add", seen, state), "mix"))
    nats = graph.add("LogSoftmax", linear(mixed, "output"), axis=2)
    rows: list[int | str] = ["pictures", "beam", hidden]
    return graph.session(
        {"words": (np.int64, ["pictures", "beam"]), "hidden": (np.float32, rows), "cell": (np.float32, rows),
         "values": (np.float32, ["pictures", "regions", hidden]),
         "keys": (np.float32, ["pictures", attention, "regions"]),
         "gates": (np.float32, ["pictures", 1, 5 * hidden])},
        [nats, regions, state, cell],
        threads,
    )  # fmt: skip
