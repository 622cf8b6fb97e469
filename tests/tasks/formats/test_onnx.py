from pathlib import Path

import numpy as np
import onnx
import pytest

from data.errors import InputError
from tasks.formats.conversion import Conversion
from tasks.formats.onnx import convert, open_session
from tests.support.graphs import run_eager
from tests.support.onnx_files import KINDS, Exporter, build_graph, differ, draw_inputs


@pytest.mark.parametrize(
    "kind", [kind if kind in ("boxes", "labels") else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_each_kind_of_file_computes_what_torch_does(kind: str, exported: Exporter) -> None:
    graph, path = exported(kind)
    session = open_session(path, threads=1)
    for images in draw_inputs(graph, 2):
        expected = run_eager(graph, images)
        found = session(images)
        assert {name: values.dtype for name, values in found.items()} == {n: v.dtype for n, v in expected.items()}
        assert max(differ(found, expected).values()) < 1e-5
        assert min(np.ptp(values) for values in expected.values()) > 0  # nothing is constant


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["raw", "cells"])
def test_a_free_batch_takes_any_number_of_images_and_treats_each_alone(kind: str, exported: Exporter) -> None:
    graph, path = exported(kind)
    session = open_session(path, threads=1)
    assert session.input.shape[0] is None
    images = np.concatenate(draw_inputs(graph))[:3]
    together = session(images)
    for index in range(3):
        alone = session(images[index : index + 1])
        assert (
            max(differ(alone, {name: values[index : index + 1] for name, values in together.items()}).values()) < 1e-5
        )


def test_ports_are_those_of_the_graph(exported: Exporter) -> None:
    _, path = exported("boxes")
    session = open_session(path, threads=1)
    assert (session.input.name, session.input.shape, session.input.dtype) == ("images", (1, 64, 96, 3), "uint8")
    assert [(port.name, port.shape, port.dtype) for port in session.outputs] == [
        ("boxes", (1, 100, 4), "float32"),
        ("scores", (1, 100), "float32"),
        ("labels", (1, 100), "int32"),
    ]


@pytest.mark.slow
def test_files_have_the_operators_that_were_asked_for(exported: Exporter) -> None:
    for kind, (_, settings, opset) in KINDS.items():
        model = onnx.load(str(exported(kind).path))
        types = {node.op_type for node in model.graph.node}
        assert model.opset_import[0].version == opset
        assert ("HardSwish" in types) == (settings.hswish == "native")
        assert not types & {"BatchNormalization", "NonMaxSuppression", "NonZero"}


def test_nodes_bear_the_names_of_layers_and_nothing_of_this_machine(exported: Exporter) -> None:
    graph, path = exported("boxes")
    layers = dict(graph.named_modules())
    model = onnx.load(str(path))
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    named = {node.name.removesuffix("/Conv") for node in convs}
    assert named == {name for name, layer in layers.items() if type(layer).__name__ == "Conv2d"}
    assert len({node.name for node in model.graph.node}) == len(model.graph.node)
    assert b"graph.py" not in path.read_bytes()


@pytest.mark.parametrize("opset", [17, 24])
def test_an_opset_that_is_not_written_is_refused(opset: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"opset: {opset}; expected an integer from 18 to 23"):
        convert(build_graph("labels"), tmp_path / "model.onnx", Conversion(opset=opset))
