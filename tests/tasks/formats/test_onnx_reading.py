from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from data.errors import InputError
from tasks.formats.onnx import list_operators, open_session
from tasks.models.network import build_model
from tasks.profiling.counting import count_madds
from tests.support.onnx_files import SIZE, Exporter
from tests.support.runs import describe, load_config
from tests.support.untrained import CLASSES


@pytest.mark.parametrize(("kind", "task"), [("raw", "ssdlite"), ("cells", "lraspp")])
def test_multiply_adds_of_a_file_are_those_of_the_network(kind: str, task: str, exported: Exporter) -> None:
    config = load_config("train", f"task={task}", "backbone=small", f"size=[{SIZE[0]},{SIZE[1]}]")
    with torch.device("meta"):
        network = build_model(describe(config, CLASSES).arch).eval()
    size = SIZE if task == "ssdlite" else (65, 97)  # as segmenters pad it
    listed = list_operators(exported(kind).path)
    assert sum(operator.madds for operator in listed) == count_madds(network, size, formulas={})


def test_operators_are_listed_in_order_with_types_and_open_sides(exported: Exporter) -> None:
    listed = list_operators(exported("cells").path)
    stem = next(operator for operator in listed if operator.type == "Conv")
    assert (stem.name, stem.dtype, stem.shape) == ("backbone.stem.conv/Conv", "float32", (None, 16, 33, 49))
    assert stem.madds == 33 * 49 * 16 * 27
    assert [operator.dtype for operator in listed if operator.name.startswith("Cast")] == ["float32", "uint8"]


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_refused_by_name(kept: float, exported: Exporter, tmp_path: Path) -> None:
    whole = exported("labels").path.read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(InputError, match=r"cut\.onnx: not an ONNX file, or damaged"):
        open_session(path, threads=1)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip file", b"\x89PNG\r\n\x1a\n" + bytes(100), b"import os\n"])
def test_other_bytes_are_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    for read in (lambda: open_session(path, threads=1), lambda: list_operators(path)):
        with pytest.raises(InputError, match=r"other\.onnx: not an ONNX file, or damaged"):
            read()


def weights(name: str, *, outside: str | None) -> TensorProto:
    """Return two weights, in a file of that name."""
    tensor = numpy_helper.from_array(np.ones(2, dtype=np.float32), name)
    if outside:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=outside)
    return tensor


def write_model(path: Path, nodes: list[onnx.NodeProto], initializers: list[TensorProto]) -> Path:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_in_another_file_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones(2, dtype=np.float32).tobytes())
    bad = weights("w", outside="secret")
    branch = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])],
        [bad],
    )
    yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
    cases = {
        "initializer": ([helper.make_node("Add", ["x", "w"], ["y"])], [bad]),
        "constant": (
            [helper.make_node("Constant", [], ["w"], value=bad), helper.make_node("Add", ["x", "w"], ["y"])],
            [],
        ),
        "subgraph": ([yes, helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)], []),
    }
    for name, (nodes, initializers) in cases.items():
        path = write_model(tmp_path / f"{name}.onnx", nodes, initializers)
        with pytest.raises(InputError, match=rf"{name}\.onnx"):
            open_session(path, threads=1)


def test_the_same_model_with_its_weights_inside_opens(tmp_path: Path) -> None:
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    path = write_model(tmp_path / "good.onnx", nodes, [weights("w", outside=None)])
    assert open_session(path, threads=1)(np.zeros(2, dtype=np.float32))["y"].tolist() == [1, 1]


def test_a_graph_that_onnxruntime_cannot_run_is_refused_by_name(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Gather", ["x", "w"], ["z"])]
    path = write_model(tmp_path / "wrong.onnx", nodes, [weights("w", outside=None)])
    with pytest.raises(InputError, match=r"wrong\.onnx: "):
        open_session(path, threads=1)
