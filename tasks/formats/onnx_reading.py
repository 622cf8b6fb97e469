"""What an ONNX file holds: whether it is whole, and its operators."""

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import AttributeProto, GraphProto, TensorProto, helper, shape_inference

from data.bounded.content import read_content
from data.errors import InputError, first_line
from tasks.formats.onnx_layers import find_givers, find_takers
from tasks.formats.operators import Operator

Shape = tuple[int | None, ...]
REPEATING = ("If", "Loop", "Scan", "SequenceMap")  # what runs a graph of its own
MOST_VALUES = 2**28  # of what an operator gives, as far as the file says its shape
MOST_BYTES = 2**30
WEIGHED = ("Conv", "MatMul")  # what has multiply-adds
# Of what files here hold, the operators that onnxruntime has in integers: it puts one of these in the place of
# DequantizeLinear, operator and QuantizeLinear.
INTEGER = {"Conv": 2, "MatMul": 2, "Add": 2, "Mul": 2, "GlobalAveragePool": 1}  # inputs that are dequantised


def check_self_contained(path: Path) -> None:
    """Check that a file is ONNX, keeps its weights inside, and computes no more than a network does.

    Raises:
        InputError: if it is damaged, names another file, which could be any on this machine, or computes without end.
    """
    model = read_model(path)
    outside = [tensor.name for tensor in list_tensors(model.graph) if is_outside(tensor)]
    if outside:
        raise InputError(f"{path}: the weights {outside[0]!r} are in another file; expected all of them inside")
    endless = next((node.op_type for node in model.graph.node if node.op_type in REPEATING), None)
    if endless or model.functions:
        raise InputError(f"{path}: has {endless or 'functions'}; expected the operators that tasks.export writes")
    shapes, _ = read_shapes(infer(path, model))
    large = next((name for name, shape in shapes.items() if math.prod(side or 1 for side in shape) > MOST_VALUES), None)
    if large:
        raise InputError(f"{path}: {large!r} has the shape {shapes[large]}; expected at most {MOST_VALUES} values")


def infer(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model with the shapes of what its operators give.

    Raises:
        InputError: if they do not fit.
    """
    try:
        return shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # onnx's own have no common base
        raise InputError(f"{path}: not an ONNX file, or damaged: {first_line(error)}") from error


def is_outside(tensor: TensorProto) -> bool:
    """Tell whether the values of a tensor are in another file."""
    return bool(tensor.data_location == TensorProto.EXTERNAL or tensor.external_data)


def read_model(path: Path) -> onnx.ModelProto:
    """Read an ONNX file without the files that it may name.

    Raises:
        InputError: if it is damaged.
    """
    try:
        model = onnx.load_from_string(read_content(path, most=MOST_BYTES))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's own have no common base
        raise InputError(f"{path}: not an ONNX file, or damaged: {first_line(error)}") from error
    return model


def list_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Give the weights of a graph and the constants in its nodes, those of the graphs in its nodes too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield from list_constants(attribute)


def list_constants(attribute: AttributeProto) -> Iterator[TensorProto]:
    """Give the tensors in an attribute of a node."""
    yield from (attribute.t, *attribute.tensors)
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield from (sparse.values, sparse.indices)
    for graph in (attribute.g, *attribute.graphs):
        yield from list_tensors(graph)


def list_operators(path: Path) -> list[Operator]:
    """Return the operators of a file, in the order of their execution, with the type that onnxruntime computes in."""
    model = infer(path, read_model(path))
    shapes, types = read_shapes(model)
    integer = find_integer(model)
    return [
        Operator(
            node.name,
            node.op_type,
            "int8" if node.output[0] in integer else types.get(node.output[0], ""),
            shapes.get(node.output[0], ()),
            count_madds(node, shapes),
        )
        for node in model.graph.node
    ]


def find_integer(model: onnx.ModelProto) -> set[str]:
    """Return the first output of each node that is computed in integers: what it takes and gives are integers."""
    givers, takers = find_givers(model), find_takers(model)
    outputs = {value.name for value in model.graph.output}
    found = set()
    for node in model.graph.node:
        taken = node.input[: INTEGER.get(node.op_type, 0)]
        given = [taker.op_type for taker in find_takers_behind(node, takers)]
        entered = [givers[name].op_type if name in givers else "" for name in taken]
        if entered and {*entered} == {"DequantizeLinear"} and {*given} == {"QuantizeLinear"}:
            found.add(node.output[0])
    return found - outputs


def find_takers_behind(node: onnx.NodeProto, takers: dict[str, list[onnx.NodeProto]]) -> list[onnx.NodeProto]:
    """Return what takes the first output of a node; behind a rectifier, which the range of unsigned integers makes."""
    found = takers.get(node.output[0], [])
    if len(found) == 1 and found[0].op_type in ("Relu", "Clip"):
        return takers.get(found[0].output[0], [])
    return found


def read_shapes(model: onnx.ModelProto) -> tuple[dict[str, Shape], dict[str, str]]:
    """Return shape and type of every tensor that has one."""
    shapes: dict[str, Shape] = {}
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


def count_madds(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int:
    """Count the multiply-adds of a convolution or product for one image."""
    if node.op_type not in WEIGHED:
        return 0
    weight, output = shapes.get(node.input[1], ()), shapes.get(node.output[0], ())
    # Each output value takes one product for each weight of its channel; of a product, for each row of the matrix.
    own = weight[1:] if node.op_type == "Conv" else weight[-2:-1]
    return math.prod(side or 1 for side in (*own, *output[1:]))
