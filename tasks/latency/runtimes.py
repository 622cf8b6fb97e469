"""One layer, or a whole network, timed in a runtime."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from tasks.formats.conversion import Conversion
from tasks.formats.graph import Graph, Stages
from tasks.formats.rewriting import copy_of, rewrite
from tasks.formats.settings import GraphSettings
from tasks.formats.table import FORMATS, Format
from tasks.hardware import limit_threads
from tasks.latency.settings import FORMAT_OF
from tasks.models.layers import Shape
from tasks.models.preprocessing import Preprocessing

MILLISECONDS = 1e3
WARM, LEAST = 5, 20  # calls that are not timed, and that are at least


class LayerGraph(Graph):
    """A module that is exported by itself: (1, C, H, W) float32 in, whatever tensors it gives out.

    Args:
        module: in evaluation mode.
        shape: (C, H, W).
    """

    def __init__(self, module: nn.Module, shape: Shape) -> None:
        settings = GraphSettings(size=shape[1:], input="float")
        super().__init__(settings, Preprocessing(None), outputs=())
        self.shape = shape
        self.network = copy_of(module)
        self.outputs = self.raw = tuple(self.stages(self.example()))
        rewrite(self, self.example(), parts=False)

    def example(self) -> Tensor:
        """Return noise."""
        return torch.randn(1, *self.shape, generator=torch.Generator().manual_seed(0))

    def stages(self, images: Tensor) -> Stages:
        """Return what the module gives, numbered."""
        given = self.network(images)
        tensors = [given] if isinstance(given, Tensor) else given
        return {f"output_{index}": tensor for index, tensor in enumerate(tensors)}


@dataclass(frozen=True)
class Clock:
    """How modules are timed.

    Attributes:
        runtime: a key of `tasks.latency.settings.FORMAT_OF`.
        threads: of it; None for as many as it takes.
        seconds: that a module is run for, at least.
    """

    runtime: str
    threads: int | None = 1
    seconds: float = 0.1

    def measure(self, module: nn.Module, shape: Shape) -> float:
        """Time a module on one input (1, C, H, W).

        Returns:
            Milliseconds of the quickest call: whatever else the machine does makes calls slower, never quicker.

        Raises:
            InputError: if a package is missing, or the runtime's format cannot hold the module.
        """
        graph = LayerGraph(module, shape)
        kind = find_format(self.runtime)
        if kind is None:
            return self._measure_torch(graph)
        with TemporaryDirectory() as folder:
            path = write_graph(graph, Path(folder) / "layer", kind)
            session, values = kind.code.open_session(path, threads=self.threads), graph.example().numpy()
            return self._time(lambda: session(values))

    @torch.inference_mode()
    def _measure_torch(self, graph: LayerGraph) -> float:
        values = graph.example()
        with limit_threads(self.threads):
            return self._time(lambda: graph.network(values))

    def _time(self, call: Callable[[], object]) -> float:
        for _ in range(WARM):
            call()
        times: list[float] = []
        end = time.perf_counter() + self.seconds
        while len(times) < LEAST or time.perf_counter() < end:
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return MILLISECONDS * min(times)


def choose_clock(device: str, *, threads: int | None) -> Clock | None:
    """Return what times layers on a device; None for a table, which has the times of all."""
    return Clock(device, threads=threads) if device in FORMAT_OF else None


def find_format(runtime: str) -> Format | None:
    """Return the format of a runtime's files; None for torch, which needs none."""
    name = FORMAT_OF[runtime]
    return None if name is None else FORMATS[name]


def write_graph(graph: LayerGraph, path: Path, kind: Format) -> Path:
    """Write a graph as a float32 file, whose suffix is added to the path; return the path."""
    path = path.with_name(path.name + kind.suffix)
    kind.convert(graph, path, Conversion())
    return path
