"""ncnn: written by pnnx, run by ncnn.

A pair of files, NAME.ncnn.param and NAME.ncnn.bin. Each takes one image and gives raw predictions. Its input is called
"pixels" where it takes bytes, (1, H, W, 3) uint8, RGB, as `ncnn::Mat::from_pixels(..., PIXEL_RGB, ...)` turns them into
planes of 0 to 255, normalised inside; and "images" where it takes planes that are normalised already.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import ncnn
import numpy as np
import pnnx
import torch

from data.errors import InputError
from tasks.formats.conversion import Conversion
from tasks.formats.graph import Graph, take_planes
from tasks.formats.ncnn_files import Layer, check_weights, fail, format_param, read_param
from tasks.formats.ncnn_trial import FAILED, open_net
from tasks.formats.operators import Operator
from tasks.formats.ports import Port
from tasks.formats.settings import INPUT

EXAMPLE = """\
import ncnn

net = ncnn.Net()
net.load_param("{file}")
net.load_model("{file}".replace(".param", ".bin"))
planes = values[0].transpose(2, 0, 1) if "{input}" == "pixels" else values[0]
extractor = net.create_extractor()
extractor.input("{input}", ncnn.Mat(np.ascontiguousarray(planes, np.float32)))
outputs = {{name: np.array(extractor.extract(name)[1])[None] for name in net.output_names()}}
"""
PIXELS, IMAGES = "pixels", INPUT
LONGEST = 2**14  # side of an image: a longer one is a mistake, and takes all memory
SECONDS = 300  # that a trial may take
WHOLE = {"boxes": "nms=false", "labels": "argmax=none"}  # an output that ncnn has no layers for -> what goes without


def convert(graph: Graph, path: Path, conversion: Conversion) -> None:
    """Write a graph as a .ncnn.param and a .ncnn.bin beside it.

    Raises:
        InputError: if it does more than the network, or has what pnnx cannot convert.
    """
    for output, instead in WHOLE.items():
        if output in graph.outputs:
            raise InputError(f"format=ncnn: it has no layers that give {output!r}; expected {instead}")
    with tempfile.TemporaryDirectory() as folder:
        stem = Path(folder) / "model"
        height, width = graph.settings.size
        trace(take_planes(graph), stem.with_suffix(".pt"))
        # Through the program itself: the package's function also runs the Python code that pnnx writes, not always
        # valid, and writes it and more beside the result.
        half = int(conversion.precision == "fp16")
        command = [pnnx.EXEC_PATH, "model.pt", f"inputshape=[1,3,{height},{width}]f32", f"fp16={half}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
        param, weights = Path(f"{stem}.ncnn.param"), Path(f"{stem}.ncnn.bin")
        if done.returncode or not param.exists() or not weights.exists():
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise InputError(f"{path}: pnnx failed: {' '.join(said)[:300]}")
        layers = name_borders(read_param(param), graph)
        check_weights(layers, weights)
        beside(path).write_bytes(weights.read_bytes())
        path.write_text(format_param(layers), encoding="utf-8")


def trace(graph: Graph, path: Path) -> None:
    """Write a graph as TorchScript, which pnnx reads; by way of torch.export, which makes every shape a number."""
    example = graph.example()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(graph, (example,)).module()
        torch.jit.trace(program, (example,), check_trace=False).save(str(path))


def name_borders(layers: list[Layer], graph: Graph) -> list[Layer]:
    """Return layers whose inputs and outputs bear the graph's names, the input with its shape."""
    entry = PIXELS if graph.settings.input == "uint8" else IMAGES
    names = {"in0": entry} | {f"out{index}": name for index, name in enumerate(graph.outputs)}
    height, width = graph.settings.size
    named = []
    for layer in layers:
        bottoms, tops = (tuple(names.get(blob, blob) for blob in blobs) for blobs in (layer.bottoms, layer.tops))
        options = {0: str(width), 1: str(height), 2: "3"} if layer.type == "Input" else layer.options
        named.append(layer._replace(bottoms=bottoms, tops=tops, options=options))
    return named


def beside(path: Path) -> Path:
    """Return the path of the weights that belong to a .ncnn.param."""
    return path.with_suffix(".bin")


class NcnnSession:
    """A pair of files in ncnn.

    Attributes:
        input: what it takes.
        outputs: what it gives.
    """

    def __init__(self, path: Path, layers: list[Layer], *, threads: int | None) -> None:
        self.input, self.entry = find_input(path, layers)
        shapes = try_out(path, layers)
        used = {blob for layer in layers for blob in layer.bottoms}
        ends = [blob for layer in layers for blob in layer.tops if blob not in used]
        self.outputs = tuple(Port(name, (1, *shapes[name]), "float32") for name in ends)
        self.net = open_net(path, beside(path), threads=threads)

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the files on one image: outputs by name."""
        if not self.input.fits(images.shape):
            raise ValueError(f"images: shape {images.shape}; expected {self.input.shape}")
        planes = images[0].transpose(2, 0, 1) if self.entry == PIXELS else images[0]
        planes = np.ascontiguousarray(planes, np.float32)  # ncnn takes no notice of strides, nor keeps it alive
        extractor = self.net.create_extractor()
        extractor.input(self.entry, ncnn.Mat(planes))
        found = {}
        for port in self.outputs:
            status, values = extractor.extract(port.name)
            if status:
                raise RuntimeError(f"ncnn failed with {status} at {port.name!r}")
            found[port.name] = np.array(values)[None]
        return found


def find_input(path: Path, layers: list[Layer]) -> tuple[Port, str]:
    """Return what the files take, and the input's name.

    Raises:
        InputError: if they have another input than `convert` writes.
    """
    inputs = [layer for layer in layers if layer.type == "Input"]
    names = [blob for layer in inputs for blob in layer.tops]
    if len(names) != 1 or names[0] not in (PIXELS, IMAGES):
        fail(path, f"inputs {names}", f"one, {PIXELS!r} or {IMAGES!r}")
    width, height, channels = (inputs[0].integer(path, key) for key in (0, 1, 2))
    if channels != 3 or min(width, height) < 1 or max(width, height) > LONGEST:
        fail(path, f"an input of {width} x {height} x {channels}", f"sides of 1 to {LONGEST}, and 3 channels")
    if names[0] == PIXELS:
        return Port(PIXELS, (1, height, width, 3), "uint8"), PIXELS
    return Port(IMAGES, (1, 3, height, width), "float32"), IMAGES


def try_out(path: Path, layers: list[Layer]) -> dict[str, tuple[int, ...]]:
    """Run files once, in a process of its own: ncnn trusts what it reads, and a bad number can end a process.

    Returns:
        The shape of every blob.

    Raises:
        InputError: if ncnn refuses the files, or dies of them.
    """
    entry = next(layer for layer in layers if layer.type == "Input")
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [
        sys.executable,
        "-P",
        "-m",
        "tasks.formats.ncnn_trial",
        str(path),
        str(beside(path)),
        *(entry.options[key] for key in (0, 1)),
    ]
    try:
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{path}: ncnn takes more than {SECONDS} seconds for one image") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1][:300]
        what = f"cannot run it: {said}" if done.returncode == FAILED else f"dies of it, with status {done.returncode}"
        raise InputError(f"{path}: ncnn {what}")
    return {name: tuple(shape) for name, shape in json.loads(done.stdout).items()}


def open_session(path: Path, *, threads: int | None) -> NcnnSession:
    """Open files in ncnn.

    Raises:
        InputError: if they cannot be read, or do not belong together.
    """
    return NcnnSession(path, read_files(path), threads=threads)


def read_files(path: Path) -> list[Layer]:
    """Read and check a pair of files.

    Raises:
        InputError: if they cannot be read, or do not belong together.
    """
    layers = read_param(path)
    find_input(path, layers)
    check_weights(layers, beside(path))
    return layers


def list_operators(path: Path) -> list[Operator]:
    """Return the layers of a file, in the order of their execution.

    The type is that of the weights: in which one ncnn computes is for an option of the device's program to say.
    """
    layers = read_files(path)
    types = check_weights(layers, beside(path))
    shapes = try_out(path, layers)
    return [
        Operator(
            layer.name,
            layer.type,
            types.get(layer.name, "float32"),
            (1, *shapes[layer.tops[0]]),
            count_madds(layer, path, shapes),
        )
        for layer in layers
    ]


def count_madds(layer: Layer, path: Path, shapes: dict[str, tuple[int, ...]]) -> int:
    """Count the multiply-adds of a convolution or product."""
    values = math.prod(shapes[layer.tops[0]])
    if layer.type in ("Convolution", "ConvolutionDepthWise", "InnerProduct"):
        return values * layer.integer(path, 6) // layer.integer(path, 0)
    if layer.type in ("Gemm", "MatMul"):
        return values * shapes[layer.bottoms[0]][-1]
    return 0
