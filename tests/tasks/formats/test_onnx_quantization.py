from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from data.errors import InputError
from tasks.formats.conversion import Quantization
from tasks.formats.onnx import open_session
from tasks.formats.onnx_quantization import quantize
from tasks.formats.onnx_reading import list_operators
from tasks.formats.operators import integer_share
from tests.support.graphs import run_eager
from tests.support.onnx_files import Exporter, draw_inputs

FLOAT = frozenset({"backbone.stem.conv", "backbone.blocks.3.se"})


def quantized(exported: Exporter, kind: str, path: Path, exclude: frozenset[str] = frozenset()) -> Path:
    graph, whole = exported(kind)
    quantize(onnx.load(str(whole)), path, Quantization(draw_inputs(graph), exclude))
    return path


def what_runs(path: Path) -> Counter[str]:
    """Return the operators that onnxruntime makes of a file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(path.with_suffix(".optimized"))
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)


@pytest.mark.parametrize("kind", [pytest.param("boxes", marks=pytest.mark.slow), "logits"])
def test_the_listed_types_are_those_that_onnxruntime_computes_in(kind: str, exported: Exporter, tmp_path: Path) -> None:
    path = quantized(exported, kind, tmp_path / "int8.onnx", FLOAT)
    runs, listed = what_runs(path), Counter(op.type for op in list_operators(path) if op.dtype == "int8")
    assert listed["Conv"] == runs["QLinearConv"] > 40
    assert [listed[name] for name in ("Mul", "Add")] == [runs["QLinearMul"], runs["QLinearAdd"]]
    assert listed["GlobalAveragePool"] == runs["QLinearGlobalAveragePool"] > 0


def test_layers_that_are_excluded_stay_in_float_and_all_others_do_not(exported: Exporter, tmp_path: Path) -> None:
    path = quantized(exported, "labels", tmp_path / "int8.onnx", FLOAT)
    convs = {op.name: op.dtype for op in list_operators(path) if op.type == "Conv"}
    left = {name.removesuffix("/Conv") for name, dtype in convs.items() if dtype == "float32"}
    assert left == {"backbone.stem.conv", "backbone.blocks.3.se.reduce", "backbone.blocks.3.se.expand"}


def test_a_quantised_file_is_near_the_whole_one_smaller_and_in_integers(exported: Exporter, tmp_path: Path) -> None:
    graph, whole = exported("logits")
    path = quantized(exported, "logits", tmp_path / "int8.onnx")
    session = open_session(path, threads=1)
    assert (session.input, session.outputs) == (open_session(whole, threads=1).input, session.outputs)
    assert integer_share(list_operators(path)) > 0.99
    assert path.stat().st_size < 0.35 * whole.stat().st_size
    images = draw_inputs(graph)[0]
    found, expected = session(images)["logits"], run_eager(graph, images)["logits"]
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95


def test_weights_are_signed_with_a_scale_for_each_channel_and_activations_unsigned(
    exported: Exporter, tmp_path: Path
) -> None:
    model = onnx.load(str(quantized(exported, "labels", tmp_path / "int8.onnx")))
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in weights:
            stored, scale = weights[node.input[0]], weights[node.input[1]]
            assert stored.dtype in (np.int8, np.int32)
            assert scale.shape == stored.shape[:1]
        elif node.op_type == "QuantizeLinear":
            assert (weights[node.input[1]].shape, weights[node.input[2]].dtype) == ((), np.uint8)


def test_excluding_all_is_refused(exported: Exporter, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names all layers"):
        quantized(exported, "labels", tmp_path / "int8.onnx", frozenset({"backbone", "head"}))
