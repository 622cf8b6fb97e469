"""OpenVINO: written from torch's trace, quantised by NNCF, run by OpenVINO on the CPU."""

import math
import re
from pathlib import Path

import numpy as np
import openvino
import torch
from openvino._offline_transformations import compress_quantize_weights_transformation

from data.bounded.content import read_content
from data.bounded.xml_tree import check_levels
from data.errors import InputError
from tasks.formats.conversion import Conversion, Quantization
from tasks.formats.graph import Graph
from tasks.formats.operators import Operator
from tasks.formats.ports import Port
from tasks.formats.settings import INPUT, NETWORK
from tasks.formats.trained_rounding import fake_scales, is_rounded

EXAMPLE = """import openvino

model = openvino.Core().compile_model("{file}", "CPU")
found = model(values)
outputs = {{port.any_name: found[port] for port in model.outputs}}"""
WEIGHED = {"Convolution": 1, "GroupConvolution": 2, "MatMul": 0}  # the first sides of a weight that are its channels
MOST_BYTES = 2**26  # of the description of a graph; its weights are in another file
HEAVY = ("Convolution", "FullyConnected", "MatMul")  # what the CPU's own graph makes of these
INTEGERS = ("i8", "u8")


def convert(graph: Graph, path: Path, conversion: Conversion) -> None:
    """Write a graph as an OpenVINO file, with its weights in a `.bin` beside it."""
    if is_rounded(graph):
        model = trace(fake_scales(graph))
        compress_quantize_weights_transformation(model)  # weights become integers
    else:
        model = trace(graph)
        if conversion.quantization is not None:
            model = quantize(model, conversion.quantization)
    openvino.save_model(model, str(path), compress_to_fp16=conversion.precision == "fp16")


def trace(graph: Graph) -> openvino.Model:
    """Return a graph as a model of OpenVINO, whose nodes bear the names of torch's modules."""
    example = graph.example()
    shape = (-1 if graph.settings.batch is None else example.shape[0], *example.shape[1:])
    with torch.no_grad():
        model = openvino.convert_model(graph, example_input=example, input=[openvino.PartialShape(list(shape))])
    model.inputs[0].set_names({INPUT})
    model.inputs[0].get_node().set_friendly_name(INPUT)
    for name, output in zip(graph.outputs, model.outputs, strict=True):
        output.add_names({name})  # the tensor's, which may be several outputs'
        output.get_node().set_friendly_name(name)
    return model


def quantize(model: openvino.Model, settings: Quantization) -> openvino.Model:
    """Turn a network into one of integers, by the ranges that its tensors take on the calibration images."""
    import nncf  # late: it takes seconds, and files are run without it

    outside = rf"^(?!__module\.(?:{'|'.join(NETWORK)})[./])"
    excluded = [rf"^__module\.{re.escape(name)}[./]" for name in sorted(settings.exclude)]
    scope = nncf.IgnoredScope(patterns=[outside, *excluded], validate=False)
    model = nncf.quantize(
        model,
        nncf.Dataset(list(settings.calibration)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(settings.calibration),
        ignored_scope=scope,
    )
    # What NNCF leaves in float, squeeze-and-excite, is kept in integers too, and computed with in float.
    kept = [rf"^(?:__module|self)\.{re.escape(name)}[./]" for name in sorted(settings.exclude)]
    scope = nncf.IgnoredScope(patterns=kept, types=["MatMul"], validate=False)
    return nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM, ignored_scope=scope)


class OpenvinoSession:
    """An OpenVINO file on the CPU.

    Attributes:
        input: what it takes.
        outputs: what it gives.
    """

    def __init__(self, path: Path, *, threads: int | None) -> None:
        model = read_model(path)
        self.compiled = compile_model(model, threads=threads)
        self.request = self.compiled.create_infer_request()
        self.input = to_port(model.inputs[0])
        self.outputs = tuple(map(to_port, model.outputs))

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the file: outputs by name."""
        found = self.request.infer([images], share_inputs=True)
        return {port.name: found[index] for index, port in enumerate(self.outputs)}


def to_port(node: openvino.Output) -> Port:
    """Return what a file says of an input or output."""
    sides = node.get_partial_shape()
    shape = tuple(side.get_length() if side.is_static else None for side in sides)
    return Port(node.get_node().get_friendly_name(), shape, name_type(node.get_element_type()))


def name_type(kind: openvino.Type) -> str:
    """Return NumPy's name of one of OpenVINO's types."""
    return "bfloat16" if kind == openvino.Type.bf16 else kind.to_dtype().name


def compile_model(model: openvino.Model, *, threads: int | None) -> openvino.CompiledModel:
    """Make a model ready for the CPU.

    One whose weights are float32 computes in it, to the last bit that it can; of others, the device chooses: bfloat16
    where a CPU has it.
    """
    options: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    if not is_compressed(model):
        options["INFERENCE_PRECISION_HINT"] = "f32"
    return openvino.Core().compile_model(model, "CPU", options)


def is_compressed(model: openvino.Model) -> bool:
    """Tell whether a model keeps weights in float16."""
    constants = (node for node in model.get_ops() if node.get_type_name() == "Constant")
    return any(node.get_element_type() == openvino.Type.f16 for node in constants)


def open_session(path: Path, *, threads: int | None) -> OpenvinoSession:
    """Open a file on the CPU.

    Raises:
        InputError: if it cannot be read, or its `.bin` is not beside it.
    """
    try:
        return OpenvinoSession(path, threads=threads)
    except RuntimeError as error:
        raise InputError(f"{path}: OpenVINO cannot run it: {shorten(error)}") from error


def read_model(path: Path) -> openvino.Model:
    """Read a file with its weights.

    Raises:
        InputError: if it is damaged, no OpenVINO file, or its `.bin` is not beside it.
    """
    weights = path.with_suffix(".bin")
    check_header(path)
    if not weights.is_file():
        raise InputError(f"{weights}: missing; {path.name} keeps its weights there")
    try:
        return openvino.Core().read_model(str(path), str(weights))
    except RuntimeError as error:
        raise InputError(f"{path}: not an OpenVINO file, or damaged: {shorten(error)}") from error


def check_header(path: Path) -> None:
    """Check that a file begins as OpenVINO's do: it would read other formats too, and the files that these name.

    Raises:
        InputError: if it does not, cannot be read, or is nested deeper than OpenVINO can follow.
    """
    try:
        content = read_content(path, most=MOST_BYTES)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if re.match(rb"\s*<\?xml[^>]*>\s*<net\s", content) is None:
        raise InputError(f"{path}: not an OpenVINO file; expected <net> as its first element")
    try:
        check_levels(content)
    except ValueError as error:
        raise InputError(f"{path}: not an OpenVINO file, or damaged: {error}") from error


def shorten(error: Exception) -> str:
    """Return the last line of an error of OpenVINO: the ones before name places in its own code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def list_operators(path: Path) -> list[Operator]:
    """Return the operators of a file, in the order of their execution.

    Whether a convolution computes in integers is what the CPU's own graph says, after all of its fusions.
    """
    model = read_model(path)
    integer = find_integer(compile_model(model, threads=1))
    found = []
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind in ("Constant", "Parameter", "Result"):
            continue
        name, output = node.get_friendly_name(), node.output(0)
        shape = tuple(side.get_length() if side.is_static else None for side in output.get_partial_shape())
        dtype = "int8" if name in integer else name_type(output.get_element_type())
        found.append(Operator(name, kind, dtype, shape, count_madds(node, shape)))
    return found


def find_integer(compiled: openvino.CompiledModel) -> set[str]:
    """Return the names of a file's convolutions and products that run in integers."""
    found: set[str] = set()
    for node in compiled.get_runtime_model().get_ordered_ops():
        said = node.get_rt_info()
        if said["layerType"].astype(str) in HEAVY and said["runtimePrecision"].astype(str) in INTEGERS:
            found |= set(said["originalLayersNames"].astype(str).split(","))
    return found


def count_madds(node: openvino.Node, shape: tuple[int | None, ...]) -> int:
    """Count the multiply-adds of a convolution or product for one image."""
    kind = node.get_type_name()
    if kind not in WEIGHED:
        return 0
    if kind == "MatMul":
        side = -2 if node.get_attributes()["transpose_a"] else -1
        own = [node.input_value(0).get_partial_shape()[side].get_length()]
    else:  # each output value takes one product for each weight of its channel
        own = list(node.input_value(1).get_shape())[WEIGHED[kind] :]
    return math.prod(side or 1 for side in (*own, *shape[1:]))
