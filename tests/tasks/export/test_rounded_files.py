"""Files of integers: a right one passes, a layer with a wrong scale is found at its own stage."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from tasks.export.parity import compare_stages
from tasks.formats.onnx import open_session
from tests.tasks.export.faults import right, show


class Shown(CalibrationDataReader):
    """The images that calibration sees."""

    def __init__(self):
        self.images = iter(show(8))

    def get_next(self):
        image = next(self.images, None)
        return None if image is None else {"images": image[None]}


@pytest.fixture(scope="module")
def quantized(exported, tmp_path_factory):
    """Quantise the convolutions of the segmenter and return the file."""
    out = tmp_path_factory.mktemp("quantized") / "int8.onnx"
    quantize_static(
        exported("lraspp"),
        out,
        Shown(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["Conv"],
    )
    return out


def double_scale(path, layer, out):
    """Write a file whose weights of one layer are twice too large."""
    model = onnx.load(path)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    (node,) = [node for node in model.graph.node if node.input and node.input[0] == f"{layer}.weight_quantized"]
    scale = tensors[node.input[1]]
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale) * np.float32(2), scale.name))
    onnx.save(model, out)
    return out


def test_a_right_file_of_integers_passes(quantized):
    parity = compare_stages(right("lraspp"), open_session(quantized, threads=1), show(), precision="int8")
    assert parity.first is None, parity.first


@pytest.mark.parametrize(
    ("layer", "stage"),
    [
        ("backbone.stem.conv", "row_1"),
        ("backbone.blocks.4.project.conv", "row_5"),
        ("backbone.blocks.2.depthwise.conv", "skip"),
        ("backbone.last.conv", "C5"),
        ("head.classify", "logits"),
    ],
)
def test_a_layer_with_a_wrong_scale_is_found_at_its_own_stage(layer, stage, quantized, tmp_path):
    wrong = open_session(double_scale(quantized, layer, tmp_path / "wrong.onnx"), threads=1)
    parity = compare_stages(right("lraspp"), wrong, show(), precision="int8")
    assert parity.first is not None
    assert parity.first.name == stage
