"""Nodes of an ONNX file by the layer of the torch network that they compute: their names say it."""

import ast
from collections import Counter

import onnx

from tasks.formats.settings import NETWORK

SCOPES = "pkg.torch.onnx.name_scopes"  # torch's exporter: the layers that a node is in, and its own name at the end


def name_nodes(model: onnx.ModelProto) -> None:
    """Name each node by its layer and operator, "backbone.stem.conv/Conv", and drop what else the exporter notes.

    Its notes hold paths of this machine, and are a third of a small file.
    """
    seen: Counter[str] = Counter()
    for node in model.graph.node:
        notes = {entry.key: entry.value for entry in node.metadata_props}
        scopes = ast.literal_eval(notes[SCOPES]) if SCOPES in notes else [""]
        layer = scopes[-2] if len(scopes) > 1 else ""
        name = f"{layer}/{node.op_type}" if layer else node.op_type
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}_{seen[name]}"
        del node.metadata_props[:]
    for part in (model, model.graph, *model.graph.initializer, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
    del model.graph.value_info[:]


def find_layer(node: onnx.NodeProto) -> str:
    """Return the layer that a node is part of, "backbone.stem.conv"; "" for none."""
    layer, slash, _ = node.name.rpartition("/")
    return layer if slash else ""


def is_network(node: onnx.NodeProto) -> bool:
    """Tell whether a node belongs to backbone or head, and not to what comes before or after them."""
    return find_layer(node).partition(".")[0] in NETWORK


def find_givers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Return the node that gives each tensor."""
    return {name: node for node in model.graph.node for name in node.output}


def find_takers(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes that take each tensor."""
    takers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    return takers


def drop_unused(model: onnx.ModelProto) -> None:
    """Drop weights that no node takes."""
    taken = find_takers(model)
    kept = [tensor for tensor in model.graph.initializer if tensor.name in taken]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
