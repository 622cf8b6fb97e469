"""LiteRT: written by litert-torch, quantised by ai-edge-quantizer, run by LiteRT's interpreter."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from data.errors import InputError, first_line
from tasks.formats.conversion import Conversion
from tasks.formats.graph import Graph
from tasks.formats.litert_file import (
    CONVOLUTIONS,
    TYPES,
    kind_of,
    list_of,
    list_outputs,
    load,
    name_of,
    name_ports,
)
from tasks.formats.litert_lowering import enter_in_float, enter_in_integers, lower, lower_learnt
from tasks.formats.operators import Operator
from tasks.formats.ports import Port
from tasks.formats.settings import INPUT
from tasks.formats.silence import silenced
from tasks.formats.trained_rounding import is_rounded

EXAMPLE = """from ai_edge_litert.interpreter import Interpreter

model = Interpreter("{file}")
model.allocate_tensors()
model.set_tensor(model.get_input_details()[0]["index"], values)
model.invoke()
outputs = {{port["name"]: model.get_tensor(port["index"]) for port in model.get_output_details()}}"""
WEIGHED = (*CONVOLUTIONS, "FULLY_CONNECTED", "BATCH_MATMUL")  # what has multiply-adds


def convert(graph: Graph, path: Path, conversion: Conversion) -> None:
    """Write a graph as a LiteRT file.

    Of one in integers the image is int8, each value less 128, and raw outputs are int8, or float32 where the network
    learnt its scales in training; labels are the integers that they are, boxes, scores and probabilities float32.
    """
    from tasks.formats.litert_quantization import halve, quantize  # late, as `litert_torch`

    settings, pixels = conversion.quantization, graph.settings.input == "uint8"
    if is_rounded(graph):
        content = lower_learnt(enter_in_integers(graph) if pixels else graph, graph.example().float())
    elif settings is None:
        content = lower(enter_in_float(graph) if pixels else graph, graph.example())
        content = halve(content) if conversion.precision == "fp16" else content
    else:
        content = lower(enter_in_integers(graph) if pixels else graph, graph.example().float())
        content = quantize(content, settings, pixels=pixels, whole=not set(graph.raw).issuperset(graph.outputs))
    path.write_bytes(name_ports(content, INPUT, graph.outputs))


class LitertSession:
    """A LiteRT file in the interpreter.

    Attributes:
        input: what it takes.
        outputs: what it gives.
    """

    def __init__(self, path: Path, names: list[str], *, threads: int | None) -> None:
        self.interpreter = Interpreter(str(path), num_threads=threads or os.cpu_count())
        self.interpreter.allocate_tensors()
        (source,), found = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        self.input = to_port(source)
        # Not by the tensors' own names: one that leaves as it came in has that of the input.
        self.outputs = tuple(replace(to_port(port), name=name) for port, name in zip(found, names, strict=True))
        self.places = source["index"], [output["index"] for output in found]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the file: outputs by name."""
        source, places = self.places
        self.interpreter.set_tensor(source, images)
        self.interpreter.invoke()
        found = map(self.interpreter.get_tensor, places)
        return {port.name: values for port, values in zip(self.outputs, found, strict=True)}


def to_port(details: dict[str, Any]) -> Port:
    """Return what the interpreter says of an input or output."""
    scale, zero_point = details["quantization"]
    port = Port(details["name"], tuple(map(int, details["shape"])), np.dtype(details["dtype"]).name)
    return replace(port, scale=float(scale), zero_point=int(zero_point)) if scale else port


def open_session(path: Path, *, threads: int | None) -> LitertSession:
    """Open a file in the interpreter.

    Raises:
        InputError: if it cannot be read.
    """
    names = list_outputs(load(path))
    try:
        with silenced():
            return LitertSession(path, names, threads=threads)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: LiteRT cannot open it: {first_line(error)}") from error


def list_operators(path: Path) -> list[Operator]:
    """Return the operators of a file, in the order of their execution.

    A convolution computes in integers where image, weight and what it gives are int8.
    """
    model = load(path)
    tensors = model.subgraphs[0].tensors
    found = []
    for operator in model.subgraphs[0].operators:
        kind, given = kind_of(model, operator), tensors[operator.outputs[0]]
        taken = [tensors[index] for index in list_of(operator.inputs) if index >= 0]
        dtypes = [TYPES.get(tensor.type, "") for tensor in (given, *taken[:2])]
        dtype = dtypes[0]
        if kind in WEIGHED:
            dtype = "int8" if set(dtypes) == {"int8"} else "float32"
        shapes = [list_of(tensor.shape) for tensor in taken[:2]]
        shape = tuple(list_of(given.shape))
        found.append(Operator(name_of(given), kind, dtype, shape, count_madds(kind, shapes, shape)))
    return found


def count_madds(kind: str, taken: list[list[int]], given: tuple[int, ...]) -> int:
    """Count the multiply-adds of a convolution or product for one image, from the shapes that it takes and gives."""
    if kind not in WEIGHED:
        return 0
    # Each output value takes one product for each weight of its channel; of a product, for each value of a row.
    own = {"CONV_2D": taken[1][1:], "DEPTHWISE_CONV_2D": taken[1][1:3]}.get(kind, taken[0][-1:])
    return math.prod((*own, *given[1:]))
