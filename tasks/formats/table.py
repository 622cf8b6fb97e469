"""The formats that a model is exported to: a row each, and a file of the same name with its code."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from data.errors import InputError
from tasks.formats.settings import Precision
from tasks.formats.silence import silenced

if TYPE_CHECKING:  # what these need is imported late
    from tasks.formats.conversion import Conversion
    from tasks.formats.graph import Graph
    from tasks.formats.operators import Operator
    from tasks.formats.session import Session


class Code(Protocol):
    """What is in each format's file."""

    EXAMPLE: str  # Python that runs {file} on `values`, its {input}, and leaves `outputs`, its {outputs} by name

    def convert(self, graph: "Graph", path: Path, conversion: "Conversion") -> None:
        """Write a graph as a file; raises InputError if the format cannot hold it."""

    def open_session(self, path: Path, *, threads: int | None) -> "Session":
        """Open a file in the format's own runtime; raises InputError if it cannot be read."""

    def open_check(self, path: Path) -> "Session":
        """Open a file of a format that does not run here, to be compared; no other format has this."""

    def advise(self, path: Path) -> list[str]:
        """Say how other tools go on from a file, line by line; not every format has this."""

    def list_operators(self, path: Path) -> "list[Operator]":
        """Return the operators of a file, in the order of their execution."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: as in `format=`, and of its file beside this one.
        title: for people.
        suffix: of its files.
        parts: suffixes of further files that belong to one, beside it.
        packages: that converting needs, as they are imported; the extra that installs them bears its name.
        runtime: packages that running a file in Python needs, as they are imported.
        precisions: that it has.
        runs: whether its files run on this kind of machine.
        batch: how many images it takes at once: "free", where that can be left open; "fixed"; or "one".
        advises: whether its code can say how other tools go on from a file.
        whole: whether decoding and suppression, or the best class of each pixel, can be in the file.
        options: those of tasks.export that are this format's own.
    """

    name: str
    title: str
    suffix: str
    packages: tuple[str, ...]
    runtime: tuple[str, ...]
    precisions: tuple[Precision, ...]
    parts: tuple[str, ...] = ()
    runs: bool = True
    batch: Literal["free", "fixed", "one"] = "fixed"
    advises: bool = False
    whole: bool = True
    options: tuple[str, ...] = ()

    @property
    def code(self) -> Code:
        """The format's code.

        Raises:
            InputError: if a package is missing, with the command that installs it.
        """
        missing = [package for package in self.packages if find_spec(package) is None]
        if missing:
            raise InputError(
                f"format={self.name}: {', '.join(missing)} is not installed; pip install 'bneck[{self.name}]' does it"
            )
        with silenced():
            return cast(Code, import_module(f"tasks.formats.{self.name}"))

    def convert(self, graph: "Graph", path: Path, conversion: "Conversion") -> None:
        """Write a graph as a file, without a word of the converters on the screen.

        Raises:
            InputError: if a package is missing, the format cannot hold the graph, or it has no layer that is named.
        """
        if conversion.quantization is not None:
            check_layers(conversion.quantization.exclude, graph)
        with silenced():
            self.code.convert(graph, path, conversion)

    def open_check(self, path: Path) -> "Session":
        """Open a file to be compared with its model: in its own runtime, or as far as this machine can go.

        Raises:
            InputError: if a package is missing, or the file cannot be read.
        """
        return self.code.open_session(path, threads=None) if self.runs else self.code.open_check(path)

    def list_files(self, path: Path) -> list[Path]:
        """Return the files that make up an exported file, itself first."""
        stem = path.name.removesuffix(self.suffix)
        return [path, *(path.with_name(stem + suffix) for suffix in self.parts)]


def to_distributions(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of packages as they are installed."""
    return tuple(package.replace("_", "-") for package in packages)


FORMATS = {
    row.name: row
    for row in (
        Format(
            "onnx",
            "ONNX",
            ".onnx",
            packages=("onnx", "onnxscript", "onnxruntime"),
            runtime=("onnxruntime",),
            precisions=("fp32", "fp16", "int8"),
            batch="free",
            advises=True,
            options=("opset",),
        ),
        Format(
            "openvino",
            "OpenVINO",
            ".xml",
            parts=(".bin",),
            packages=("openvino", "nncf"),
            runtime=("openvino",),
            precisions=("fp32", "fp16", "int8"),
            batch="free",
        ),
        Format(
            "executorch",
            "ExecuTorch (XNNPACK)",
            ".pte",
            packages=("executorch", "torchao"),
            runtime=("executorch", "torch"),
            precisions=("fp32", "fp16", "int8"),
        ),
        Format(
            "litert",
            "LiteRT",
            ".tflite",
            packages=("litert_torch", "ai_edge_litert", "ai_edge_quantizer"),
            runtime=("ai_edge_litert",),
            precisions=("fp32", "fp16", "int8"),
        ),
        Format(
            "coreml",
            "Core ML",
            ".mlpackage",
            packages=("coremltools",),
            runtime=("coremltools",),
            precisions=("fp32", "fp16"),
            runs=False,
            batch="one",
            options=("deployment_target",),
        ),
        Format(
            "ncnn",
            "ncnn",
            ".ncnn.param",
            parts=(".ncnn.bin",),
            packages=("ncnn", "pnnx"),
            runtime=("ncnn",),
            precisions=("fp32", "fp16"),
            whole=False,
            batch="one",
        ),
    )
}


def check_layers(names: frozenset[str], graph: "Graph") -> None:
    """Check that layers that are to stay in float are layers of a graph.

    Raises:
        InputError: naming the first that is not.
    """
    known = {name for name, _ in graph.named_modules()}
    unknown = sorted(names - known)
    if unknown:
        raise InputError(f"exclude: no layer {unknown[0]!r}; expected such as 'backbone.stem.conv'")


def find_format(path: Path) -> Format | None:
    """Return the format of a file, by its suffix; None for checkpoints and all else."""
    return next((row for row in FORMATS.values() if path.name.endswith(row.suffix)), None)
