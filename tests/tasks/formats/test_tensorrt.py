from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tasks.formats.tensorrt import check_tensorrt, write_trtexec
from tests.support.onnx_files import KINDS, Exporter


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_known_against_the_files_that_are_written(kind: str, exported: Exporter) -> None:
    assert check_tensorrt(exported(kind).path) == []


@pytest.mark.parametrize(
    ("node", "finding"),
    [
        (helper.make_node("NonZero", ["x"], ["y"], name="a/NonZero"), "a/NonZero: the shape of what it gives depends"),
        (helper.make_node("Hardmax", ["x"], ["y"]), "Hardmax y: not in the table of operators"),
        (helper.make_node("TopK", ["x", "k"], ["y", "i"]), "TopK y: K k; expected a constant below 3840"),
        (helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"]), "QuantizeLinear y: zero point zero"),
        (helper.make_node("Cast", ["x"], ["y"], to=TensorProto.UINT8), "Cast y: gives uint8"),
        (helper.make_node("Resize", ["x", "", "s"], ["y"], mode="cubic"), "Resize y: mode cubic"),
        (helper.make_node("Relu", ["u"], ["y"]), "Relu y: takes the uint8 input u; expected a Cast"),
        (helper.make_node("Equal", ["b", "b"], ["y"]), "Equal y: takes bool; expected"),
    ],
)
def test_what_the_parser_does_not_take_is_found(node: onnx.NodeProto, finding: str, tmp_path: Path) -> None:
    constants = {"k": np.array([4000]), "scale": np.float32(1), "zero": np.uint8(3), "s": np.ones(1, dtype=np.float32)}
    kinds = {"x": TensorProto.FLOAT, "u": TensorProto.UINT8, "b": TensorProto.BOOL}
    graph = helper.make_graph(
        [node, helper.make_node("Size", [node.output[0]], ["out"])],
        "g",
        [helper.make_tensor_value_info(name, kind, [9000]) for name, kind in kinds.items()],
        [helper.make_tensor_value_info("out", TensorProto.INT64, [])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString())
    assert any(line.startswith(finding) for line in check_tensorrt(path)), check_tensorrt(path)


def test_the_command_gives_shapes_where_the_number_of_images_is_free(exported: Exporter) -> None:
    fixed, free = (write_trtexec(exported(kind).path) for kind in ("boxes", "cells"))
    assert "Shapes" not in fixed
    assert fixed.endswith("boxes.engine --stronglyTyped")
    assert free.endswith("--minShapes=images:1x64x96x3 --optShapes=images:1x64x96x3 --maxShapes=images:8x64x96x3")
