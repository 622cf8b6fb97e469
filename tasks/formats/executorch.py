"""ExecuTorch: lowered to XNNPACK, all that it does not take to portable operators; run by ExecuTorch's own runtime."""

from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import numpy as np
import torch

from data.errors import InputError, first_line
from tasks.formats.conversion import Conversion
from tasks.formats.executorch_names import NAMES
from tasks.formats.graph import Graph
from tasks.formats.operators import Operator
from tasks.formats.ports import Port
from tasks.formats.settings import INPUT
from tasks.formats.silence import silenced

EXAMPLE = """\
import torch
from executorch.runtime import Runtime

method = Runtime.get().load_program("{file}").load_method("forward")
names = {outputs}
outputs = dict(zip(names, method.execute([torch.from_numpy(values)])))
"""
TYPES = {0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32"}  # torch's ScalarType
MAGIC = slice(4, 8)  # of a flatbuffer: the name of its layout
LAYOUT = b"ET12"
HEADER = slice(8, 40)  # behind it: "eh00", its length, size of the program, begin and size of what follows
HEADER_NAME = b"eh00"


def convert(graph: Graph, path: Path, conversion: Conversion) -> None:
    """Write a graph as an ExecuTorch program, its weights inside."""
    with silenced():
        from tasks.formats.executorch_lowering import lower  # seconds of imports, which warn

        content = lower(graph, conversion)
    path.write_bytes(content)


class ExecuTorchSession:
    """A program in ExecuTorch's runtime.

    Its threads are those of the process: the last session that asked for a number of them decides for all.

    Attributes:
        input: what it takes.
        outputs: what it gives.
    """

    def __init__(self, path: Path, *, threads: int | None) -> None:
        # The runtime writes of threads and processors to Python's own stream, wherever that leads.
        with silenced(), redirect_stderr(StringIO()):
            from executorch.extension.pybindings import portable_lib
            from executorch.runtime import Runtime, Verification

            if threads is not None:
                portable_lib._unsafe_reset_threadpool(threads)
            program = Runtime.get().load_program(path, verification=Verification.InternalConsistency)
            method = program.load_method("forward")
            names = program.load_method(NAMES).execute([])[0].split(",")
        self.program, self.method = program, method  # the method does not keep the program alive
        meta = method.metadata
        self.input = to_port(INPUT, meta.input_tensor_meta(0))
        outputs = [meta.output_tensor_meta(index) for index in range(meta.num_outputs())]
        self.outputs = tuple(to_port(name, output) for name, output in zip(names, outputs, strict=True))

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the file: outputs by name."""
        if images.shape != self.input.shape or images.dtype != self.input.dtype:
            raise ValueError(f"{images.dtype} {images.shape}; expected {self.input.dtype} {self.input.shape}")
        found = self.method.execute([torch.from_numpy(np.ascontiguousarray(images))])
        return {port.name: values.numpy() for port, values in zip(self.outputs, found, strict=True)}


def to_port(name: str, meta: object) -> Port:
    """Return what the runtime says of an input or output."""
    return Port(name, tuple(meta.sizes()), TYPES[meta.dtype()])  # type: ignore[attr-defined]


def open_session(path: Path, *, threads: int | None) -> ExecuTorchSession:
    """Open a file in ExecuTorch's runtime.

    Raises:
        InputError: if it cannot be read, or is no program of ours.
    """
    check_whole(path)
    try:
        return ExecuTorchSession(path, threads=threads)
    except Exception as error:  # the runtime's own have no common base
        raise InputError(f"{path}: ExecuTorch cannot open it: {first_line(error)}") from error


def check_whole(path: Path) -> bytes:
    """Check that a file is an ExecuTorch program and as long as it says: the runtime would stop the process.

    Returns:
        Its content.

    Raises:
        InputError: if it is not.
    """
    content = path.read_bytes()
    if content[MAGIC] != LAYOUT:
        raise InputError(f"{path}: not an ExecuTorch program, or damaged: expected {LAYOUT!r}, got {content[MAGIC]!r}")
    header = content[HEADER]
    if header[:4] != HEADER_NAME or len(header) < HEADER.stop - HEADER.start:
        raise InputError(f"{path}: not an ExecuTorch program, or damaged: it does not say how long it is")
    program, begin, size = (int.from_bytes(header[at : at + 8], "little") for at in (8, 16, 24))
    expected = max(program, begin + size)
    if len(content) < expected:
        raise InputError(f"{path}: damaged: {len(content)} bytes, expected {expected}")
    return content


def list_operators(path: Path) -> list[Operator]:
    """Return the operators of a file in the order of their execution, those inside XNNPACK's parts in their place."""
    content = check_whole(path)
    with silenced():
        from tasks.formats.executorch_operators import read_operators

        try:
            return read_operators(content)
        except Exception as error:  # flatbuffers' readers fail in many ways on damaged bytes
            raise InputError(f"{path}: not an ExecuTorch program, or damaged: {error}") from error
