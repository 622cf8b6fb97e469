"""The network of an ONNX graph in float16; what comes before and after it stays in float32."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from tasks.formats.onnx_layers import drop_unused, find_takers, is_network
from tasks.formats.onnx_reading import read_shapes

SUFFIX = "_half"
KEPT = {"Resize": 1}  # operators that want float32 behind so many inputs


def halve(model: onnx.ModelProto) -> None:
    """Let backbone and head compute in float16, in place; inputs and outputs of the graph keep their types.

    A tensor that both sides take has two forms: its own in float32, and one with a suffix in float16.
    """
    graph = model.graph
    types = read_shapes(shape_inference.infer_shapes(model, data_prop=True))[1]
    floats = {name for name, dtype in types.items() if dtype == "float32"}
    takers = find_takers(model)
    results = {value.name for value in graph.output}
    inner = {name for node in graph.node if is_network(node) for name in node.output} & floats
    leaving = {name for name in inner if name in results or not all(map(is_network, takers.get(name, [])))}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    entered: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if not is_network(node):
            nodes.append(node)
            continue
        for place, name in enumerate(node.input[: KEPT.get(node.op_type)]):
            if name not in floats or name in inner - leaving:
                continue
            node.input[place] = name + SUFFIX
            if name in inner or name in entered:
                continue
            entered.add(name)
            if name in weights:
                graph.initializer.append(halve_weight(weights[name]))
            else:
                nodes.append(cast(name, name + SUFFIX, TensorProto.FLOAT16))
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name in leaving:
                node.output[place] = name + SUFFIX
                nodes.append(cast(name + SUFFIX, name, TensorProto.FLOAT))
    del graph.node[:]
    graph.node.extend(nodes)
    drop_unused(model)


def halve_weight(tensor: TensorProto) -> TensorProto:
    """Return weights in float16."""
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name + SUFFIX)


def cast(name: str, to: str, kind: int) -> onnx.NodeProto:
    """Return a node that turns a tensor into one of another type."""
    return helper.make_node("Cast", [name], [to], name=f"Cast_{to}", to=kind)
