"""ONNX: written by torch's exporter, run by onnxruntime."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxscript import optimizer

from data.errors import InputError, first_line
from tasks.formats.conversion import Conversion
from tasks.formats.graph import Graph
from tasks.formats.onnx_half import halve
from tasks.formats.onnx_layers import name_nodes
from tasks.formats.onnx_quantization import quantize
from tasks.formats.onnx_reading import check_self_contained, list_operators
from tasks.formats.ports import Port
from tasks.formats.settings import INPUT
from tasks.formats.tensorrt import check_tensorrt, write_trtexec
from tasks.formats.trained_rounding import fix_scales, is_rounded

__all__ = ["convert", "list_operators", "open_session"]

EXAMPLE = """\
import onnxruntime

options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.x64quantprecision", "1")  # or integers overflow on x86 without VNNI
session = onnxruntime.InferenceSession("{file}", options)
outputs = dict(zip([port.name for port in session.get_outputs()], session.run(None, {{"{input}": values}})))
"""
OPSETS = (18, 23)  # of ONNX's operators, first and last
LARGEST_CONSTANT = 2**14  # values of a constant that the exporter may compute: larger ones cost more than they save
QUIET = 3  # onnxruntime's level of errors
# On x86 processors without VNNI onnxruntime adds pairs of products in 16 bits, which overflow, unless told not to.
EXACT = ("session.x64quantprecision", "1")


def convert(graph: Graph, path: Path, conversion: Conversion) -> None:
    """Write a graph as an ONNX file, its weights inside; each node bears the name of its layer and operator.

    Raises:
        InputError: if there is no such opset, or what is excluded from quantisation is none of the network's layers.
    """
    first, last = OPSETS
    if not first <= conversion.opset <= last:
        raise InputError(f"opset: {conversion.opset}; expected an integer from {first} to {last}")
    learnt = is_rounded(graph)
    model = trace(fix_scales(graph, signed=False) if learnt else graph, conversion.opset)
    name_nodes(model)
    if conversion.precision == "int8" and not learnt:
        if conversion.quantization is None:
            raise ValueError("int8 needs a quantization")
        quantize(model, path, conversion.quantization)
        return
    if conversion.precision == "fp16":
        halve(model)
    onnx.save(model, str(path))


def trace(graph: Graph, opset: int) -> onnx.ModelProto:
    """Return a graph as torch's exporter writes it, constants computed."""
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
            opset_version=opset,
            dynamo=True,
            verbose=False,
            optimize=False,
        )
    if program is None:
        raise ValueError("torch's exporter gave nothing")
    optimizer.optimize_ir(program.model, output_size_limit=LARGEST_CONSTANT)
    return program.model_proto


class OnnxSession:
    """An ONNX file in onnxruntime.

    Attributes:
        input: what it takes.
        outputs: what it gives.
    """

    def __init__(self, path: Path, *, threads: int | None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        options.add_session_config_entry(*EXACT)
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
        raise InputError(f"{path}: onnxruntime cannot open it: {first_line(error)}") from error


def advise(path: Path) -> list[str]:
    """Say how TensorRT goes on from a file: checked against what its parser is documented to take, not by it."""
    findings = check_tensorrt(path)
    if findings:
        return ["TensorRT's parser is documented not to take this file:", "", *(f"- {finding}" for finding in findings)]
    line = write_trtexec(path).replace(f"{path.parent}/", "")
    return [f"For TensorRT (checked against its parser's documents, not by it): `{line}`"]
