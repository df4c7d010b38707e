"""ONNX models written out by hand and the sessions that run them: what serving needs of the onnx package.

A model is a protocol buffer (onnx/onnx.proto in ONNX's repository); the numbers below are its
fields'. Weights go into it where they lie, and are copied once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from model.errors import BadInstallation

Array = npt.NDArray[Any]
Singles = npt.NDArray[np.float32]

# The version of the operators, and of the file format; ONNX Runtime knows both from 1.20 on.
_OPSET, _IR = 21, 10
_KINDS = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
# Of AttributeProto: the field for a value, and the number of its kind.
_FLOAT, _INT, _TEXT, _INTS = (2, 1), (3, 2), (4, 3), (8, 7)
_VARINT, _BYTES, _FIXED = 0, 2, 5

# Part of a message; one that is nested is a list of such parts.
_Part = bytes | memoryview


class Graph:
    """Nodes and constants of a graph, named as they come."""

    def __init__(self) -> None:
        self._nodes: list[list[_Part]] = []
        self._constants: list[list[_Part]] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The output of one more node, which has one."""
        name = f"{operator}{len(self._nodes)}"
        self._node(operator, inputs, [name], attributes)
        return name

    def split(self, rows: str, parts: int, axis: int = 1) -> list[str]:
        names = [f"{rows}.{part}" for part in range(parts)]
        self._node("Split", [rows], names, {"axis": axis, "num_outputs": parts})
        return names

    def constant(self, array: npt.ArrayLike) -> str:
        """Numbers that are part of the model; their type is ONNX's, so float32 and not float64."""
        name = f"constant{len(self._constants)}"
        numbers = np.ascontiguousarray(array).reshape(np.shape(array))
        self._constants.append([
            *(part for size in numbers.shape for part in _number(1, size)),
            *_number(2, _KINDS[numbers.dtype.name]),
            *_text(8, name),
            *_nested(9, [memoryview(numbers.reshape(-1)).cast("B")]),
        ])  # fmt: skip
        return name

    def linear(self, rows: str, weight: Array, bias: Array) -> str:
        """PyTorch's ``nn.Linear``: a weight of (outputs, inputs) and a bias."""
        return self.add("Add", self.add("MatMul", rows, self.constant(weight.T)), self.constant(bias))

    def model(
        self,
        inputs: Mapping[str, tuple[npt.DTypeLike, Sequence[int | str]]],
        outputs: Sequence[str],
    ) -> bytes:
        """The whole model.

        Args:
            inputs: by name the type and the shape; a name in a shape is a size that may change.
            outputs: names of nodes' outputs, all float32.
        """
        graph = [part for node in self._nodes for part in _nested(1, node)]
        graph += _text(2, "songwriter")
        graph += [part for constant in self._constants for part in _nested(5, constant)]
        for name, (kind, shape) in inputs.items():
            graph += _nested(11, _value(name, np.dtype(kind).name, shape))
        for name in outputs:
            graph += _nested(12, _value(name, "float32", None))
        return b"".join([*_number(1, _IR), *_nested(8, list(_number(2, _OPSET))), *_nested(7, graph)])

    def _node(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]
    ) -> None:
        node = [part for name in inputs for part in _text(1, name)]
        node += [part for name in outputs for part in _text(2, name)]
        node += _text(4, operator)
        for name, value in attributes.items():
            node += _nested(5, _attribute(name, value))
        self._nodes.append(node)


def session(model: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """What runs a model on the CPU.

    Raises:
        BadInstallation: the ONNX Runtime that is installed cannot run it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # A thread that waits for work leaves its core to others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # Its errors have no common base; the first line says which operator or version it lacks.
        reason = str(error).strip().partition("\n")[0]
        raise BadInstallation(
            f"ONNX Runtime {onnxruntime.__version__} cannot run the models: install a newer one with "
            f"pip install --upgrade onnxruntime ({reason})."
        ) from error


def _value(name: str, kind: str, shape: Sequence[int | str] | None) -> list[_Part]:
    tensor = list(_number(1, _KINDS[kind]))
    if shape is not None:
        sizes = (_number(1, size) if isinstance(size, int) else _text(2, size) for size in shape)
        tensor += _nested(2, [part for size in sizes for part in _nested(1, list(size))])
    return [*_text(1, name), *_nested(2, _nested(1, tensor))]


def _attribute(name: str, value: Any) -> list[_Part]:
    if isinstance(value, str):
        (field, kind), parts = _TEXT, _text(_TEXT[0], value)
    elif isinstance(value, float):
        (field, kind) = _FLOAT
        parts = iter([_varint(field << 3 | _FIXED), struct.pack("<f", value)])
    elif isinstance(value, int):
        (field, kind), parts = _INT, _number(_INT[0], value)
    else:
        (field, kind) = _INTS
        parts = (part for number in value for part in _number(field, number))
    return [*_text(1, name), *parts, *_number(20, kind)]


def _number(field: int, value: int) -> Iterator[_Part]:
    # Negative numbers are written as 64 bits of two's complement.
    yield _varint(field << 3 | _VARINT) + _varint(value % 2**64)


def _text(field: int, text: str) -> Iterator[_Part]:
    yield from _nested(field, [text.encode()])


def _nested(field: int, parts: list[_Part]) -> list[_Part]:
    return [_varint(field << 3 | _BYTES) + _varint(sum(map(len, parts))), *parts]


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
