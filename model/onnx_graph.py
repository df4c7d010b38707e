"""ONNX graphs and the sessions that run them: the little that serving needs of the onnx package.

A model is a protocol buffer (onnx/onnx.proto in ONNX's repository); the numbers below are its
fields'. A message is a list of parts until it is whole, so that weights are copied once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from model.errors import BadInstallation

Array = npt.NDArray[Any]
Singles = npt.NDArray[np.float32]
Session: TypeAlias = onnxruntime.InferenceSession
# Types and shapes by name; a name in a shape is a size that may change.
Inputs = Mapping[str, tuple[npt.DTypeLike, Sequence[int | str]]]

# The version of the operators, and of the file format; ONNX Runtime knows both from 1.20 on.
_OPSET, _IR = 21, 10
# TensorProto's number for float32, of which all outputs are.
FLOAT = 1
_KINDS = {"float32": FLOAT, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
# Of AttributeProto: the field for a value, and the number of its kind.
_FLOAT, _INT, _TEXT, _INTS = (2, 1), (3, 2), (4, 3), (8, 7)
_VARINT, _BYTES, _FIXED = 0, 2, 5

_Message = list[bytes | memoryview]


class Graph:
    """Nodes and constants of a graph, named as they come."""

    def __init__(self) -> None:
        self._nodes: list[_Message] = []
        self._constants: list[_Message] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """One more node, which puts out one thing: its name."""
        name = f"{operator}{len(self._nodes)}"
        self._node(operator, inputs, [name], attributes)
        return name

    def split(self, rows: str, parts: int, axis: int = 1) -> list[str]:
        names = [f"{rows}.{part}" for part in range(parts)]
        self._node("Split", [rows], names, {"axis": axis, "num_outputs": parts})
        return names

    def constant(self, array: npt.ArrayLike) -> str:
        """Numbers of the model's own; not to be changed before the session is there."""
        name = f"constant{len(self._constants)}"
        numbers = np.array(array, order="C", copy=None)
        self._constants.append([
            *chain.from_iterable(_number(1, size) for size in numbers.shape),
            *_number(2, _KINDS[numbers.dtype.name]),
            *_text(8, name),
            *_nested(9, [numbers.reshape(-1).view(np.uint8).data]),
        ])  # fmt: skip
        return name

    def linear(self, rows: str, weight: Array, bias: Array) -> str:
        """PyTorch's ``nn.Linear``: a weight of (outputs, inputs) and a bias."""
        return self.add("Add", self.add("MatMul", rows, self.constant(weight.T)), self.constant(bias))

    def session(self, inputs: Inputs, outputs: Sequence[str], threads: int = 1) -> Session:
        """What runs the graph on the CPU.

        Args:
            inputs: what it is given.
            outputs: names of nodes; all are float32.
            threads: that share a run.

        Raises:
            BadInstallation: the ONNX Runtime that is installed cannot run it.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        # A thread that waits for work leaves its core to others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = b"".join(self._model(inputs, outputs))
        try:
            session: Session = Session(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # Its errors have no common base; their first line says which operator or version it lacks.
            reason = str(error).strip().partition("\n")[0]
            raise BadInstallation(
                f"ONNX Runtime {onnxruntime.__version__} cannot run the models, so install a newer one "
                f"with pip install --upgrade onnxruntime: {reason}"
            ) from error
        # It keeps these for other providers to try, and they are as large as the weights.
        session._model_bytes = None
        return session

    def _model(self, inputs: Inputs, outputs: Sequence[str]) -> _Message:
        graph = _repeated(1, self._nodes) + _text(2, "songwriter") + _repeated(5, self._constants)
        graph += _repeated(11, (_value(name, *kind) for name, kind in inputs.items()))
        graph += _repeated(12, (_value(name, np.float32) for name in outputs))
        return _number(1, _IR) + _nested(8, _number(2, _OPSET)) + _nested(7, graph)

    def _node(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]
    ) -> None:
        names = [_text(1, name) for name in inputs] + [_text(2, name) for name in outputs]
        written = _repeated(5, (_attribute(*one) for one in attributes.items()))
        self._nodes.append([*chain.from_iterable(names), *_text(4, operator), *written])


def _value(name: str, kind: npt.DTypeLike, shape: Sequence[int | str] | None = None) -> _Message:
    tensor = _number(1, _KINDS[np.dtype(kind).name])
    if shape is not None:
        sizes = (_number(1, size) if isinstance(size, int) else _text(2, size) for size in shape)
        tensor += _nested(2, _repeated(1, sizes))
    return _text(1, name) + _nested(2, _nested(1, tensor))


def _attribute(name: str, value: Any) -> _Message:
    written: _Message
    if isinstance(value, float):
        (field, kind), written = _FLOAT, [_tag(_FLOAT[0], _FIXED), struct.pack("<f", value)]
    elif isinstance(value, int):
        (field, kind), written = _INT, _number(_INT[0], value)
    elif isinstance(value, str):
        (field, kind), written = _TEXT, _text(_TEXT[0], value)
    else:
        (field, kind) = _INTS
        written = list(chain.from_iterable(_number(field, number) for number in value))
    return [*_text(1, name), *written, *_number(20, kind)]


def _repeated(field: int, messages: Iterable[_Message]) -> _Message:
    return list(chain.from_iterable(_nested(field, message) for message in messages))


def _nested(field: int, message: _Message) -> _Message:
    return [_tag(field, _BYTES) + _varint(sum(map(len, message))), *message]


def _text(field: int, text: str) -> _Message:
    return _nested(field, [text.encode()])


def _number(field: int, value: int) -> _Message:
    # Negative numbers are 64 bits of two's complement.
    return [_tag(field, _VARINT) + _varint(value % 2**64)]


def _tag(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
