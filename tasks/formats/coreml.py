"""Core ML: an ML Program, written by coremltools; it runs on Apple's systems alone.

Bytes enter as an image: Core ML has no tensors of uint8 (float32 and int32 from iOS 15, float16 from iOS 16, int8 from
iOS 26), and an image is what an app has: a CVPixelBuffer of H x W, of whatever colour format, which Core ML turns into
planes of red, green and blue, 0 to 255, and the program normalises. Labels are int32, for the same reason.
"""

from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from data.errors import InputError
from tasks.formats.conversion import Conversion
from tasks.formats.coreml_program import count_madds, name_type, read_operations, run_program
from tasks.formats.graph import Graph, take_planes
from tasks.formats.operators import Operator
from tasks.formats.ports import Port
from tasks.formats.settings import INPUT
from tasks.formats.silence import silenced

with silenced():
    import coremltools as ct

EXAMPLE = """\
import coremltools  # on macOS

model = coremltools.models.MLModel("{file}")
outputs = model.predict({{"{input}": Image.fromarray(image) if values.dtype == np.uint8 else values}})
"""
# It gives a scaling and a shift as a batch norm whose epsilon is not made up for: 5e-6 too small.
INEXACT = "common::fuse_elementwise_to_batchnorm"


def convert(graph: Graph, path: Path, conversion: Conversion) -> None:
    """Write a graph as an .mlpackage, a folder.

    With "fp16" the maps of the network are float16; tensors of less than four sides, which boxes and places among
    them are, stay float32: from 256 on, float16 has steps of a quarter of a pixel.
    """
    graph = take_planes(graph)
    example = graph.example()
    precision = ct.precision.FLOAT32
    if conversion.precision == "fp16":
        precision = ct.transform.FP16ComputePrecision(
            op_selector=lambda operation: all(len(output.shape) == 4 for output in operation.outputs)
        )
    passes = ct.PassPipeline.DEFAULT
    passes.remove_passes({INEXACT})
    with silenced(), torch.no_grad():
        package = ct.convert(
            keep_integers(torch.export.export(Parted(graph), (example,)).run_decompositions({})),
            inputs=[describe_input(graph, example.shape)],
            outputs=[describe_output(name, values) for name, values in zip(graph.outputs, graph(example), strict=True)],
            convert_to="mlprogram",
            minimum_deployment_target=ct.target[conversion.deployment_target],
            compute_precision=precision,
            pass_pipeline=passes,
            skip_model_load=True,
        )
        package.save(str(path))


class Parted(nn.Module):
    """A graph that gives no input as it is: coremltools cannot name such a value twice."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.whole = graph

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return what the graph gives."""
        found: tuple[Tensor, ...] = self.whole(images * 1.0)
        return found


def describe_input(graph: Graph, shape: torch.Size) -> ct.ImageType | ct.TensorType:
    """Say what enters: an image, or a tensor."""
    if graph.planes:
        return ct.ImageType(name=INPUT, shape=tuple(shape), color_layout=ct.colorlayout.RGB)
    return ct.TensorType(name=INPUT, shape=tuple(shape), dtype=np.float32)


def describe_output(name: str, values: Tensor) -> ct.TensorType:
    """Say what leaves: numbers as float32, integers as int32."""
    return ct.TensorType(name=name, dtype=np.float32 if values.is_floating_point() else np.int32)


def keep_integers(program: ExportedProgram) -> ExportedProgram:
    """Return a program whose whole quotients are integers again: coremltools makes numbers of them."""
    operators = torch.ops.aten
    quotients = (operators.floor_divide.default, operators.div.Tensor_mode, operators.div.Scalar_mode)
    for node in program.graph.nodes:
        if node.target in quotients and not node.meta["val"].is_floating_point():
            with program.graph.inserting_after(node):
                whole = program.graph.call_function(operators._to_copy.default, (node,), {"dtype": torch.int32})
            whole.meta = dict(node.meta)
            node.replace_all_uses_with(whole, delete_user_cb=lambda user, own=whole: user is not own)
    return program


def describe_ports(path: Path) -> tuple[Port, tuple[Port, ...]]:
    """Return what a file takes and what it gives; an image is one of bytes, (1, H, W, 3).

    Raises:
        InputError: if it cannot be read.
    """
    program = read_operations(path)
    entry = next(iter(program.inputs.values()))
    shape = tuple(entry.shape)
    taken = Port(entry.name, shape, name_type(entry))
    if program.takes_image:
        taken = Port(entry.name, (shape[0], *shape[2:], shape[1]), "uint8")
    return taken, tuple(Port(value.name, tuple(value.shape), name_type(value)) for value in program.outputs)


class CheckedProgram:
    """A file whose operations torch computes one by one: by the meaning that they are documented to have, not by Apple.

    Attributes:
        input: what it takes.
        outputs: what it gives.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.input, self.outputs = describe_ports(path)

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the file: outputs by name."""
        return run_program(self.path, images)


def open_check(path: Path) -> CheckedProgram:
    """Open a file to be compared with the model that it came from.

    Raises:
        InputError: if it cannot be read.
    """
    return CheckedProgram(path)


def open_session(path: Path, *, threads: int | None) -> NoReturn:
    """Refuse to open a file.

    Raises:
        InputError: always.
    """
    raise InputError(f"{path}: Core ML runs on Apple's systems alone, not here; its program can be checked, not run")


def list_operators(path: Path) -> list[Operator]:
    """Return the operators of a file, in the order of their execution."""
    return [
        Operator(
            operation.name,
            operation.op_type,
            name_type(operation.outputs[0]),
            tuple(operation.outputs[0].shape),
            count_madds(operation),
        )
        for operation in read_operations(path).operations
    ]
