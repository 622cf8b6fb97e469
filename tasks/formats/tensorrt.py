"""An ONNX file held against what TensorRT's parser is documented to take; the parser itself is not here.

Sources: the parser's table of operators, https://github.com/onnx/onnx-tensorrt/blob/main/docs/operators.md (read for
TensorRT 10.15), and TensorRT's pages of operators, https://docs.nvidia.com/deeplearning/tensorrt/latest/ (the limit of
TopK). Passing it is no promise that an engine is built: only `trtexec` on the device says that.
"""

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import numpy_helper, shape_inference

from tasks.formats.onnx_layers import find_givers, find_takers
from tasks.formats.onnx_reading import read_model, read_shapes

NEWEST_OPSET = 24
MOST_BEST = 3840  # what TopK may give stays below
FLOATS = frozenset({"float32", "float16", "bfloat16"})
NUMBERS = FLOATS | {"int32", "int64"}
VALUES = NUMBERS | {"bool"}
BOOL = frozenset({"bool"})
# Operators that vision networks and what follows them are made of, and the types that each takes.
OPERATORS = {
    **dict.fromkeys(
        (
            *("AveragePool", "BatchNormalization", "Ceil", "Clip", "Conv", "ConvTranspose", "Erf", "Exp", "Floor"),
            *("Gemm", "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish", "LayerNormalization"),
            *("LeakyRelu", "Log", "MatMul", "MaxPool", "PRelu", "Reciprocal", "Resize", "Round", "Sigmoid"),
            *("Softmax", "Softplus", "Sqrt", "Tanh", "QuantizeLinear"),
        ),
        FLOATS,
    ),
    **dict.fromkeys(
        (
            *("Abs", "Add", "ArgMax", "ArgMin", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
            *("Max", "Mean", "Min", "Mod", "Mul", "Neg", "Pad", "Pow", "Range", "ReduceL2", "ReduceMax", "ReduceMean"),
            *("ReduceMin", "ReduceProd", "ReduceSum", "Relu", "Sign", "Sub", "Sum", "TopK"),
        ),
        NUMBERS,
    ),
    **dict.fromkeys(
        (
            *("Concat", "Constant", "ConstantOfShape", "Expand", "Flatten", "Gather", "GatherElements", "GatherND"),
            *("Identity", "Reshape", "ScatterElements", "ScatterND", "Shape", "Size", "Slice", "Split", "Squeeze"),
            *("Tile", "Transpose", "Trilu", "Unsqueeze", "Where"),
        ),
        VALUES,
    ),
    **dict.fromkeys(("And", "Not", "Or", "Xor"), BOOL),
    "Cast": VALUES | {"uint8"},
    "DequantizeLinear": frozenset({"int8"}),
}
# Taken, but what comes out has a shape that only values tell, or the parser wants rules kept that are not checked here.
DATA_DEPENDENT = ("Compress", "If", "Loop", "NonMaxSuppression", "NonZero", "Scan", "Unique")
RESIZES = {
    "mode": ("nearest", "linear"),
    "coordinate_transformation_mode": (
        *("half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners"),
    ),
}


def check_tensorrt(path: Path) -> list[str]:
    """Return what in an ONNX file TensorRT's parser is documented not to take; empty where nothing is known against it.

    Raises:
        InputError: if the file is damaged.
    """
    model = shape_inference.infer_shapes(read_model(path), data_prop=True)
    return [*check_opset(model), *check_types(model), *check_bytes(model), *check_values(model)]


def check_opset(model: onnx.ModelProto) -> Iterator[str]:
    """Find operators of another domain, or of a set that is too new."""
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version > NEWEST_OPSET:
            yield f"opset {opset.version}: expected at most {NEWEST_OPSET}"
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            yield f"{describe(node)}: of the domain {node.domain}, which is no part of ONNX"


def check_types(model: onnx.ModelProto) -> Iterator[str]:
    """Find operators that are not taken, or not in the type that goes into them."""
    types = read_shapes(model)[1]
    for node in model.graph.node:
        if node.op_type in DATA_DEPENDENT:
            yield f"{describe(node)}: the shape of what it gives depends on values"
        elif node.op_type not in OPERATORS:
            yield f"{describe(node)}: not in the table of operators"
        else:
            dtype = types.get(node.input[0], "") if node.input else ""
            if dtype and dtype not in OPERATORS[node.op_type]:
                yield f"{describe(node)}: takes {dtype}; expected {', '.join(sorted(OPERATORS[node.op_type]))}"


def check_bytes(model: onnx.ModelProto) -> Iterator[str]:
    """Find uint8 inside the network: it may only come in, or go out, and be turned into another type there."""
    types = read_shapes(model)[1]
    inputs, outputs = ({value.name for value in ports} for ports in (model.graph.input, model.graph.output))
    givers = find_givers(model)
    for name, dtype in types.items():
        if dtype == "uint8" and name in givers and name not in outputs:
            yield f"{describe(givers[name])}: gives uint8; expected it at inputs and outputs alone"
    for name in inputs:
        for node in find_takers(model).get(name, []):
            if types[name] == "uint8" and node.op_type != "Cast":
                yield f"{describe(node)}: takes the uint8 input {name}; expected a Cast"


def check_values(model: onnx.ModelProto) -> Iterator[str]:
    """Find settings of operators that are not taken."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        settings = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and len(node.input) > 2 and node.input[2]:
            zero = weights.get(node.input[2])
            if zero is None or numpy_helper.to_array(zero).any():
                yield f"{describe(node)}: zero point {node.input[2]}; expected 0"
        if node.op_type == "TopK":
            count = weights.get(node.input[1])
            if count is None or int(numpy_helper.to_array(count).item()) >= MOST_BEST:
                yield f"{describe(node)}: K {node.input[1]}; expected a constant below {MOST_BEST}"
        if node.op_type == "Resize":
            for name, allowed in RESIZES.items():
                value = settings.get(name, allowed[0].encode()).decode()
                if value not in allowed:
                    yield f"{describe(node)}: {name} {value}; expected one of {', '.join(allowed)}"


def describe(node: onnx.NodeProto) -> str:
    """Name a node, and its operator where the name does not."""
    return node.name if node.op_type in node.name else f"{node.op_type} {node.name or node.output[0]}"


def write_trtexec(path: Path, *, most: int = 8) -> str:
    """Return the command that builds an engine from a file.

    Args:
        path: of the ONNX file.
        most: images at once that the engine takes, where the file leaves that open.

    Raises:
        InputError: if the file is damaged.
    """
    model = read_model(path)
    shapes = read_shapes(model)[0]
    # Each operator computes in the type that the file gives it.
    words = ["trtexec", f"--onnx={path}", f"--saveEngine={path.with_suffix('.engine')}", "--stronglyTyped"]
    for value in model.graph.input:
        if None in shapes[value.name]:
            for bound, count in (("min", 1), ("opt", 1), ("max", most)):
                sides = "x".join(str(count if side is None else side) for side in shapes[value.name])
                words.append(f"--{bound}Shapes={value.name}:{sides}")
    return " ".join(words)
