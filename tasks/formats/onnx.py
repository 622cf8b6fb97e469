"""ONNX: written by torch's exporter, run by onnxruntime."""

import math
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, shape_inference

from data.errors import InputError
from tasks.formats.conversion import Conversion
from tasks.formats.graph import Graph
from tasks.formats.operators import Operator
from tasks.formats.ports import Port
from tasks.formats.trained_rounding import check_precision, fix_scales, is_rounded

INPUT = "images"
QUIET = 3  # onnxruntime's level of errors


def convert(graph: Graph, path: Path, conversion: Conversion) -> None:
    """Write a graph as an ONNX file, its weights inside."""
    check_precision(graph, conversion.precision)
    if is_rounded(graph):
        graph = fix_scales(graph, signed=False)
    free = graph.settings.batch is None
    shapes = ({0: torch.export.Dim("batch", min=1, max=1024)},) if free else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            (graph.example(),),
            input_names=[INPUT],
            output_names=list(graph.outputs),
            dynamic_shapes=shapes,
            opset_version=conversion.opset,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise InputError(f"{path}: torch's exporter gave nothing")
    program.optimize()
    program.save(str(path), external_data=False)


class OnnxSession:
    """An ONNX file in onnxruntime.

    Attributes:
        input: what it takes.
        outputs: what it gives.
    """

    def __init__(self, path: Path, *, threads: int | None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        if threads is not None:
            options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.input = to_port(self.session.get_inputs()[0])
        self.outputs = tuple(map(to_port, self.session.get_outputs()))

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the file: outputs by name."""
        found = self.session.run(None, {self.input.name: images})
        return {port.name: values for port, values in zip(self.outputs, found, strict=True)}


def to_port(node: onnxruntime.NodeArg) -> Port:
    """Return what onnxruntime says of an input or output."""
    dtype = {"tensor(float)": "float32", "tensor(float16)": "float16"}.get(node.type, node.type[len("tensor(") : -1])
    return Port(node.name, tuple(side if isinstance(side, int) else None for side in node.shape), dtype)


def open_session(path: Path, *, threads: int | None) -> OnnxSession:
    """Open a file in onnxruntime.

    Raises:
        InputError: if it cannot be read, or wants files beside it.
    """
    check_self_contained(path)
    try:
        return OnnxSession(path, threads=threads)
    except Exception as error:  # onnxruntime's own have no common base
        raise InputError(f"{path}: onnxruntime cannot open it: {str(error).splitlines()[0][:300]}") from error


def check_self_contained(path: Path) -> None:
    """Check that a file is ONNX and keeps its weights inside.

    Raises:
        InputError: if it is damaged, or names another file: that could be any on this machine.
    """
    model = read_model(path)
    outside = [tensor.name for tensor in list_tensors(model) if tensor.data_location == TensorProto.EXTERNAL]
    if outside:
        raise InputError(f"{path}: the weights {outside[0]!r} are in another file; expected all of them inside")


def read_model(path: Path) -> onnx.ModelProto:
    """Read an ONNX file without the files that it may name.

    Raises:
        InputError: if it is damaged.
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's own have no common base
        raise InputError(f"{path}: not an ONNX file, or damaged: {str(error).splitlines()[0][:300]}") from error
    return model


def list_tensors(model: onnx.ModelProto) -> list[TensorProto]:
    """Return the weights of a model and the constants in its nodes."""
    constants = [a.t for node in model.graph.node for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
    return [*model.graph.initializer, *constants]


def list_operators(path: Path) -> list[Operator]:
    """Return the operators of a file, in the order of their execution.

    A convolution computes in integers where all that enters it comes out of DequantizeLinear: onnxruntime fuses these.
    """
    model = shape_inference.infer_shapes(read_model(path), data_prop=True)
    shapes, types = read_shapes(model)
    givers = {name: node for node in model.graph.node for name in node.output}
    found = []
    for node in model.graph.node:
        shape = shapes.get(node.output[0], ())
        dtype = types.get(node.output[0], "")
        if node.op_type in WEIGHED and is_dequantized(node, givers):
            dtype = "int8"
        found.append(Operator(node.name, node.op_type, dtype, shape, count_madds(node, shapes)))
    return found


WEIGHED = ("Conv", "Gemm", "MatMul")  # what has multiply-adds


def is_dequantized(node: onnx.NodeProto, givers: dict[str, onnx.NodeProto]) -> bool:
    """Tell whether image and weight of a node both come out of DequantizeLinear."""
    return all(name in givers and givers[name].op_type == "DequantizeLinear" for name in node.input[:2])


def read_shapes(model: onnx.ModelProto) -> tuple[dict[str, tuple[int | None, ...]], dict[str, str]]:
    """Return shape and type of every tensor that has one."""
    shapes: dict[str, tuple[int | None, ...]] = {}
    types: dict[str, str] = {}
    for value in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        kind = value.type.tensor_type
        sides = kind.shape.dim
        shapes[value.name] = tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)
        types[value.name] = name_type(kind.elem_type)
    for tensor in model.graph.initializer:
        shapes[tensor.name], types[tensor.name] = tuple(tensor.dims), name_type(tensor.data_type)
    return shapes, types


def name_type(code: int) -> str:
    """Return NumPy's name of one of ONNX's types."""
    return str(helper.tensor_dtype_to_np_dtype(code)) if code else ""


def count_madds(node: onnx.NodeProto, shapes: dict[str, tuple[int | None, ...]]) -> int:
    """Count the multiply-adds of a convolution or product for one image."""
    if node.op_type not in WEIGHED:
        return 0
    weight, output = shapes.get(node.input[1], ()), shapes.get(node.output[0], ())
    # Each output value takes one product for each weight of its channel; of a product, for each row of the matrix.
    own = weight[1:] if node.op_type == "Conv" else weight[-2:-1]
    return math.prod(side or 1 for side in (*own, *output[1:]))
