"""That what is written by hand is ONNX."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from model.onnx_graph import Graph

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4).T


def graph() -> tuple[Graph, list[str]]:
    made = Graph()
    rows = made.linear("rows", WEIGHT.T, np.ones(3, dtype=np.float32))
    halves = made.split(made.add("Concat", rows, rows, axis=-1), 2)
    bounded = made.add("Clip", halves[1], made.constant(np.float32(-1)), made.constant(np.float32(300)))
    picked = made.add("Gather", bounded, made.constant(np.array([2, 0])), axis=1)
    return made, [picked, made.add("LeakyRelu", halves[0], alpha=0.5)]


def test_the_onnx_package_finds_it_valid() -> None:
    made, outputs = graph()
    written = b"".join(made._model({"rows": (np.float32, ["rows", 4])}, outputs))
    model = onnx.load_from_string(written)
    # It wants the shapes of outputs to be written down, which the runtime finds by itself.
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(model, strict_mode=True), full_check=True)
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    assert np.array_equal(constants["constant0"], WEIGHT)
    assert {array.dtype.name for array in constants.values()} == {"float32", "int64"}
    attributes = {
        one.name: onnx.helper.get_attribute_value(one) for n in model.graph.node for one in n.attribute
    }
    assert attributes == {"axis": 1, "num_outputs": 2, "alpha": 0.5}


def test_it_computes_what_it_says() -> None:
    made, outputs = graph()
    session = made.session({"rows": (np.float32, ["rows", 4])}, outputs)
    rows = np.array([[1, 2, 3, 4], [-100, 0, 0, 1]], dtype=np.float32)
    expected = rows @ WEIGHT + 1
    picked, leaky = session.run(None, {"rows": rows})
    assert picked == pytest.approx(expected.clip(-1, 300)[:, [2, 0]])
    assert leaky == pytest.approx(np.where(expected < 0, expected / 2, expected))


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, -1, -(2**63)])
def test_whole_numbers_of_every_length(number: int) -> None:
    made = Graph()
    made.add("Dream", depth=number, path=[number, 3], name="deep")
    (node,) = onnx.load_from_string(b"".join(made._model({}, []))).graph.node
    found = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    assert found == {"depth": number, "path": [number, 3], "name": b"deep"}
