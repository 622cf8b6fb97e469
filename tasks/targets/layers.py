"""The layers of a graph, as torch itself traces them: what the rules about accelerators are asked of."""

import torch
from torch import Tensor, fx

from tasks.formats.graph import Graph
from tasks.targets.network import Layer, Shape


def read_layers(graph: Graph) -> list[Layer]:
    """Trace a graph and return its operators in the order of their execution."""
    program = torch.export.export(graph, (graph.example(),))
    return [describe(node) for node in program.graph.nodes if node.op == "call_function" and is_tensor(node)]


def describe(node: fx.Node) -> Layer:
    """Return what is known of one operator: its settings are all arguments that are no tensors."""
    schema = getattr(node.target, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema else []
    given = dict(zip(names, node.args, strict=False)) | node.kwargs
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return Layer(
        name=(stack[-1][0] if stack else "") or node.name,
        op=read_name(node),
        inputs=tuple(shape_of(other) for other in node.all_input_nodes if is_tensor(other)),
        constant=any(other.op == "placeholder" and other.name.startswith("b_") for other in node.all_input_nodes),
        output=shape_of(node),
        options={name: value for name, value in given.items() if not isinstance(value, fx.Node)},
    )


def read_name(node: fx.Node) -> str:
    """Return the name of an operator without its library and variant: "conv2d" of aten.conv2d.default."""
    parts = str(node.target).split(".")
    return parts[1] if parts[0] == "aten" else parts[0]


def is_tensor(node: fx.Node) -> bool:
    """Tell whether a node gives one tensor, or several, the first of which then stands for all."""
    return isinstance(first_of(node), Tensor)


def shape_of(node: fx.Node) -> Shape:
    """Return the shape of what a node gives."""
    value = first_of(node)
    return tuple(int(side) for side in value.shape) if isinstance(value, Tensor) else ()


def first_of(node: fx.Node) -> object:
    """Return what a node gives; of several tensors, as topk's, the first."""
    value = node.meta.get("val")
    return value[0] if isinstance(value, tuple | list) and value else value
