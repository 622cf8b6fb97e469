from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import shape_inference

from tasks.formats.onnx import open_session
from tasks.formats.onnx_half import halve
from tasks.formats.onnx_layers import is_network
from tasks.formats.onnx_reading import read_shapes
from tests.support.graphs import run_eager
from tests.support.onnx_files import Exporter, differ, draw_inputs


@pytest.fixture
def halved(exported: Exporter, tmp_path: Path) -> onnx.ModelProto:
    model = onnx.load(str(exported("labels").path))
    halve(model)
    onnx.save(model, str(tmp_path / "half.onnx"))
    return model


def test_the_network_is_float16_and_what_is_around_it_float32(halved: onnx.ModelProto) -> None:
    onnx.checker.check_model(halved, full_check=True)
    types = read_shapes(shape_inference.infer_shapes(halved))[1]
    given = {(is_network(node), types[node.output[0]]) for node in halved.graph.node if node.op_type != "Cast"}
    assert {dtype for network, dtype in given if network} == {"float16"}
    assert "float16" not in {dtype for network, dtype in given if not network}
    assert {
        name for name, dtype in types.items() if dtype == "float32" and name.startswith(("backbone", "head"))
    } == set()


def test_a_file_in_float16_keeps_its_ports_and_computes_nearly_the_same(
    halved: onnx.ModelProto, exported: Exporter, tmp_path: Path
) -> None:
    graph, whole = exported("labels")
    session, before = (open_session(path, threads=1) for path in (tmp_path / "half.onnx", whole))
    assert (session.input, session.outputs) == (before.input, before.outputs)
    assert (tmp_path / "half.onnx").stat().st_size < 0.52 * whole.stat().st_size
    images = draw_inputs(graph)[0]
    found, expected = session(images), run_eager(graph, images)
    assert 0 < differ(found, expected)["scores"] < 0.02
    assert (found["labels"] == expected["labels"]).mean() > 0.98


def test_stages_that_leave_the_network_leave_in_float32(exported: Exporter) -> None:
    model = onnx.load(str(exported("raw").path))
    halve(model)
    types = read_shapes(shape_inference.infer_shapes(model))[1]
    assert {types[value.name] for value in model.graph.output} == {"float32"}
    assert types[model.graph.input[0].name] == "float32"
    assert np.isin(["float16"], list(types.values())).all()
