"""A LiteRT file as an object: read and checked, its tensors named, written."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from torch import Tensor, nn

from data.errors import InputError
from tasks.models.quantization import RoundedConv, weight_steps

Model = Any  # ModelT, Operator and Tensor of the schema are generated and untyped
IDENTIFIER = b"TFL3"  # at byte 4
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
KINDS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
TYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.FLOAT16: "float16",
    schema.TensorType.INT8: "int8",
    schema.TensorType.UINT8: "uint8",
    schema.TensorType.INT16: "int16",
    schema.TensorType.INT32: "int32",
    schema.TensorType.INT64: "int64",
    schema.TensorType.BOOL: "bool",
}


def load(path: Path) -> Model:
    """Read a file, checked so that the interpreter, which trusts it, finds nothing past its end.

    Raises:
        InputError: if it cannot be read, is no LiteRT file, or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if content[4:8] != IDENTIFIER:
        raise InputError(f"{path}: not a LiteRT file; expected {IDENTIFIER.decode()} at its fourth byte")
    try:
        model = parse(content)
        check(model)
    except Exception as error:  # what a reader of offsets raises where they point astray has no common base
        raise InputError(f"{path}: a damaged LiteRT file: {type(error).__name__}: {str(error)[:200]}") from error
    return model


def parse(content: bytes) -> Model:
    """Return the object that the bytes of a file hold."""
    return flatbuffer_utils.read_model_from_bytearray(content)


def pack(model: Model) -> bytes:
    """Return the bytes of a file."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def check(model: Model) -> None:
    """Check that every tensor, buffer and operator that is named is there, and that weights are as large as they say.

    Raises:
        ValueError: if one is not.
    """
    graph = model.subgraphs[0]
    ends = [*graph.inputs, *graph.outputs]
    used = [index for operator in graph.operators for index in (*list_of(operator.inputs), *operator.outputs)]
    if not all(-1 <= index < len(graph.tensors) for index in (*ends, *used)) or min(ends) < 0:
        raise ValueError("an operator takes a tensor that is not there")
    if not all(0 <= operator.opcodeIndex < len(model.operatorCodes) for operator in graph.operators):
        raise ValueError("an operator has no code")
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        if data is None or len(data) == 0 or tensor.type not in TYPES:
            continue
        expected = math.prod(list_of(tensor.shape)) * np.dtype(TYPES[tensor.type]).itemsize
        if len(data) != expected:
            raise ValueError(f"{name_of(tensor)} holds {len(data)} bytes; expected {expected}")


def list_of(values: Any) -> list[int]:
    """Return a vector of the schema, which is None where it is empty."""
    return [] if values is None else [int(value) for value in values]


def name_of(tensor: Any) -> str:
    """Return the name of a tensor."""
    return bytes(tensor.name or b"").decode("utf-8", "replace")


def kind_of(model: Model, operator: Any) -> str:
    """Return what kind of operator this is, "CONV_2D"."""
    code = model.operatorCodes[operator.opcodeIndex]
    return KINDS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM")


def name_convolutions(content: bytes, network: nn.Module) -> bytes:
    """Name what each convolution gives as torch names its layer, which is found by its weights.

    The converter's own names lack the containers that a layer is in, so that several share one.
    """
    model = parse(content)
    graph = model.subgraphs[0]
    layers = dict(network.named_modules())
    names = {
        arrange(layer.weight.detach(), layer): name for name, layer in layers.items() if isinstance(layer, nn.Conv2d)
    }
    names |= {
        arrange(weight_steps(layer.conv.weight), layer.conv): f"{name}.conv"
        for name, layer in layers.items()
        if isinstance(layer, RoundedConv)
    }
    for operator in graph.operators:
        if kind_of(model, operator) in CONVOLUTIONS:
            weight = model.buffers[graph.tensors[operator.inputs[1]].buffer].data
            name = names.get(bytes(weight)) if weight is not None else None
            if name is not None:
                graph.tensors[operator.outputs[0]].name = name.encode()
    return pack(model)


def arrange(weight: Tensor, layer: nn.Conv2d) -> bytes:
    """Return the weight of a layer as LiteRT keeps it: (out, kh, kw, in), or (1, kh, kw, channels) of a depthwise."""
    depthwise = layer.groups == layer.in_channels and layer.groups > 1
    order = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
    return weight.permute(*order).contiguous().numpy().tobytes()


def take_integers(content: bytes) -> bytes:
    """Let a file that rounds its input at once take the integers that come of it."""
    model = parse(content)
    graph = model.subgraphs[0]
    (source,) = list_of(graph.inputs)
    takers = [operator for operator in graph.operators if source in list_of(operator.inputs)]
    if [kind_of(model, operator) for operator in takers] == ["QUANTIZE"]:
        graph.inputs = list_of(takers[0].outputs)
        graph.operators = [operator for operator in graph.operators if operator is not takers[0]]
        for signature in model.signatureDefs or []:
            signature.inputs[0].tensorIndex = graph.inputs[0]
    return pack(model)


def name_ports(content: bytes, source: str, outputs: tuple[str, ...]) -> bytes:
    """Name the input and the outputs, as tensors and in the signature."""
    model = parse(content)
    graph = model.subgraphs[0]
    for name, index in zip(outputs, graph.outputs, strict=True):
        graph.tensors[index].name = name.encode()
    graph.tensors[graph.inputs[0]].name = source.encode()
    for signature in model.signatureDefs or []:
        signature.inputs[0].name = source.encode()
        # The quantiser does not follow up which tensors these are.
        for port, name, index in zip(signature.outputs, outputs, graph.outputs, strict=True):
            port.name, port.tensorIndex = name.encode(), index
    return pack(model)


def list_outputs(model: Model) -> list[str]:
    """Return the names of a file's outputs: those of its signature, or of the tensors where it has none."""
    graph = model.subgraphs[0]
    signatures = model.signatureDefs or []
    if signatures:
        return [bytes(port.name).decode("utf-8", "replace") for port in signatures[0].outputs]
    return [name_of(graph.tensors[index]) for index in graph.outputs]
