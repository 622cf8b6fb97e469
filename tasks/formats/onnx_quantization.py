"""The network of an ONNX graph in integers: QuantizeLinear and DequantizeLinear around what onnxruntime fuses."""

from collections.abc import Collection, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from data.errors import InputError
from tasks.formats.conversion import Quantization
from tasks.formats.onnx_layers import drop_unused, find_givers, find_layer, find_takers, is_network

# What onnxruntime has in integers. H-swish and h-sigmoid are not among it: they take and give integers, and compute in
# float between them.
TYPES = ("Conv", "MatMul", "Add", "Mul", "GlobalAveragePool", "Relu", "Clip")
# Of the values of a tensor that its integers cover. MinMax gave .2 and .9 points less on two detectors, the same on a
# segmenter: near the noise of the images that are drawn.
PERCENTILE = 99.999
BOUNDS = {"HardSwish": (-3.0,), "HardSigmoid": (-3.0, 3.0)}  # beyond them these are constant, or do not change a value


def quantize(model: onnx.ModelProto, path: Path, quantization: Quantization) -> None:
    """Write a model as a file whose network computes in integers.

    Activations are unsigned, weights signed and of a scale for each channel, in all their 8 bits.

    Raises:
        InputError: if no layers are left.
    """
    pool_globally(model)
    chosen = choose_nodes(model, quantization.exclude)
    bound_inputs(model, chosen)
    add_pre_process_metadata(model)  # or onnxruntime warns, as it expects norms that are not folded
    with redirect_stdout(StringIO()):  # it prints what it does
        quantize_static(
            model,
            path,
            Inputs(model.graph.input[0].name, quantization.calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(TYPES),
            nodes_to_quantize=chosen,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENTILE, "CalibStridedMinMax": 1},  # maps of one image at a time
        )
    written = onnx.load(str(path))
    slim(written)
    onnx.save(written, str(path))


class Inputs(CalibrationDataReader):
    """Inputs of the graph, one after the other.

    Args:
        name: of the graph's input.
        arrays: that it takes.
    """

    def __init__(self, name: str, arrays: Sequence[np.ndarray]) -> None:
        self.name, self.arrays = name, arrays
        self.set_range(0, len(arrays))

    def __len__(self) -> int:
        return len(self.arrays)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Go on with those from the first index up to the second."""
        self.left = iter(self.arrays[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next one; None after the last."""
        return next(({self.name: array} for array in self.left), None)


def choose_nodes(model: onnx.ModelProto, exclude: Collection[str]) -> list[str]:
    """Return the names of the nodes that are quantised: those of the network, but for the layers in `exclude`."""
    network = {node.name: find_layer(node) for node in model.graph.node if is_network(node)}
    chosen = [node for node, layer in network.items() if not any(is_part(layer, name) for name in exclude)]
    if not chosen:
        raise InputError("exclude: names all layers; expected some that are left to quantise")
    return chosen


def is_part(layer: str, name: str) -> bool:
    """Tell whether a layer is the one of that name, or inside it."""
    return layer == name or layer.startswith(f"{name}.")


def pool_globally(model: onnx.ModelProto) -> None:
    """Put GlobalAveragePool, which onnxruntime has in integers, for means over the whole map."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "ReduceMean" or not is_network(node):
            continue
        keeps = all(attribute.i for attribute in node.attribute if attribute.name == "keepdims")
        if keeps and sorted(numpy_helper.to_array(weights[node.input[1]]) % 4) == [2, 3]:  # of N, C, h, w
            node.op_type = "GlobalAveragePool"
            node.name = f"{find_layer(node)}/{node.op_type}"
            del node.input[1:], node.attribute[:]
    drop_unused(model)


def bound_inputs(model: onnx.ModelProto, chosen: list[str]) -> None:
    """Clip what enters h-swish and h-sigmoid to where it matters, so that no integer is spent on the rest.

    onnxruntime's quantisation takes the clipping into the integers' range and drops it.
    """
    takers, givers = find_takers(model), find_givers(model)
    outputs = {value.name for value in model.graph.output}
    names = {value: f"bound{value:+.0f}" for values in BOUNDS.values() for value in values}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, dtype=np.float32), name) for value, name in names.items()
    )
    nodes = []
    for node in model.graph.node:
        bounds = [names[value] for value in BOUNDS.get(node.op_type, ())]
        name = node.input[0]
        if bounds and name in givers and givers[name].name in chosen and len(takers[name]) == 1 and name not in outputs:
            clip = helper.make_node("Clip", [name, *bounds], [f"{name}_bound"], name=f"{find_layer(node)}/Clip")
            node.input[0] = clip.output[0]
            chosen.append(clip.name)
            nodes.append(clip)
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    drop_unused(model)


def slim(model: onnx.ModelProto) -> None:
    """Drop from a quantised file what it can be read without: zero points that are 0, and long names of tensors.

    Names are a tenth of a small file otherwise; the operators keep theirs, which say what a tensor is of.
    """
    del model.graph.value_info[:], model.metadata_props[:]
    zeros = {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type in (TensorProto.INT8, TensorProto.INT32) and not numpy_helper.to_array(tensor).any()
    }
    names = {value.name: value.name for value in (*model.graph.input, *model.graph.output)} | {"": ""}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[2] in zeros:
            del node.input[2]
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.name = ""
        for place in (node.input, node.output):
            place[:] = [names.setdefault(name, f"t{len(names)}") for name in place]
    for tensor in model.graph.initializer:
        tensor.name = names.setdefault(tensor.name, f"t{len(names)}")
    drop_unused(model)
