"""The two files of ncnn, read by hand: a text of layers, and their weights one after another.

ncnn trusts what it reads; what does not hold together is refused here, before ncnn sees it. The forms are those of
ncnn's documents: docs/developer-guide/param-and-model-file-structure.md and operators.md.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from data.errors import InputError

MAGIC = "7767517"
HALF, SINGLE = 0x01306B47, 0  # before weights: as float16, or as float32
ARITHMETIC = (
    "BinaryOp",
    "Clip",
    "HardSigmoid",
    "HardSwish",
    "MatMul",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Swish",
    "UnaryOp",
)
MOVING = ("Concat", "Crop", "ExpandDims", "Flatten", "Padding", "Permute", "Reshape", "Slice", "Split", "Squeeze")
PLAIN = frozenset({"Input", "Dropout", "Noop", "Interp", "Pooling", "Reduction", *ARITHMETIC, *MOVING})  # no weights
CONVOLUTIONS = frozenset({"Convolution", "ConvolutionDepthWise"})
WEIGHED = CONVOLUTIONS | {"Gemm", "InnerProduct", "MemoryData"}


class Layer(NamedTuple):
    """One line of a .ncnn.param."""

    type: str
    name: str
    bottoms: tuple[str, ...]  # blobs that it takes
    tops: tuple[str, ...]  # blobs that it gives
    options: dict[int, str]

    def integer(self, path: Path, key: int, default: int = 0) -> int:
        """Return an option that is a whole number.

        Raises:
            InputError: if it is something else.
        """
        text = self.options.get(key, str(default))
        if not re.fullmatch(r"-?\d{1,9}", text):
            fail(path, f"{self.name}: {key}={text}", "a whole number")
        return int(text)


def fail(path: Path, got: str, expected: str) -> NoReturn:
    """Refuse a file.

    Raises:
        InputError: always.
    """
    raise InputError(f"{path}: {got}; expected {expected}")


def read_param(path: Path) -> list[Layer]:
    """Read a .ncnn.param.

    Raises:
        InputError: if it is missing, none, cut off, or has layers that this project's networks do not become.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a .ncnn.param: {error}") from error
    if lines[0].strip() != MAGIC:
        fail(path, f"line 1: {lines[0][:20]!r}", f"{MAGIC}, with which a .ncnn.param begins")
    counts = lines[1].split() if len(lines) > 1 else []
    if len(counts) != 2 or not all(re.fullmatch(r"\d{1,5}", count) for count in counts):
        fail(path, f"line 2: {' '.join(counts)[:40]!r}", "the numbers of layers and of blobs")
    layers = [parse_layer(path, number, line.split()) for number, line in enumerate(lines[2:], 3) if line.strip()]
    if len(layers) != int(counts[0]):
        fail(path, f"{len(layers)} layers", f"the {counts[0]} of line 2")
    check_blobs(path, layers, int(counts[1]))
    return layers


def parse_layer(path: Path, number: int, words: list[str]) -> Layer:
    """Parse a line: type, name, how many blobs come in and go out, their names, options."""
    if len(words) < 4 or not (words[2].isdecimal() and words[3].isdecimal()):
        fail(path, f"line {number}: {' '.join(words)[:60]!r}", "a layer's type, name, and numbers of blobs")
    kind, name = words[:2]
    taken, given = int(words[2]), int(words[3])
    blobs, options = words[4 : 4 + taken + given], words[4 + taken + given :]
    if kind not in PLAIN | WEIGHED:
        fail(path, f"line {number}: a layer {kind!r}", f"one of {', '.join(sorted(PLAIN | WEIGHED))}")
    pairs = [option.partition("=") for option in options]
    if len(blobs) != taken + given or not given or not all(re.fullmatch(r"-?\d{1,5}", key) for key, _, _ in pairs):
        fail(path, f"line {number}: {' '.join(words)[:60]!r}", f"{taken} + {given} blobs and options KEY=VALUE")
    return Layer(kind, name, tuple(blobs[:taken]), tuple(blobs[taken:]), {int(key): value for key, _, value in pairs})


def check_blobs(path: Path, layers: list[Layer], count: int) -> None:
    """Check that each blob is given once, before it is taken."""
    known: set[str] = set()
    for layer in layers:
        missing = [blob for blob in layer.bottoms if blob not in known]
        again = [blob for blob in layer.tops if blob in known]
        if missing or again:
            what = f"takes {missing[0]!r}, which no layer before it gives" if missing else f"gives {again[0]!r} again"
            fail(path, f"{layer.name}: {what}", "each blob to be given once, before it is taken")
        known.update(layer.tops)
    if len(known) != count:
        fail(path, f"{len(known)} blobs", f"the {count} of line 2")


def format_param(layers: list[Layer]) -> str:
    """Return the text of a .ncnn.param."""
    lines = [MAGIC, f"{len(layers)} {sum(len(layer.tops) for layer in layers)}"]
    for layer in layers:
        options = [f"{key}={value}" for key, value in layer.options.items()]
        counts = [str(len(layer.bottoms)), str(len(layer.tops))]
        lines.append(" ".join([f"{layer.type:<24} {layer.name:<24}", *counts, *layer.bottoms, *layer.tops, *options]))
    return "\n".join(lines) + "\n"


def list_weights(path: Path, layer: Layer) -> Iterator[tuple[int, bool]]:
    """Yield how many numbers each of a layer's weights has, and whether their type stands before them."""
    if layer.type == "MemoryData":
        sides = [layer.integer(path, key) for key in (0, 1, 11, 2)]  # a side that is 0 is none
        yield int(np.prod([side for side in sides if side])), False
    elif layer.type == "Gemm":
        m, n, k = (layer.integer(path, key) for key in (7, 8, 9))
        yield from ((size, True) for key, size in ((4, m * k), (5, n * k)) if layer.integer(path, key))
        if layer.integer(path, 6) and layer.integer(path, 10) != -1:
            fail(path, f"{layer.name}: a Gemm with an addend", "none")
    elif layer.type in WEIGHED:
        yield layer.integer(path, 6 if layer.type in CONVOLUTIONS else 2), True
        if layer.integer(path, 5 if layer.type in CONVOLUTIONS else 1):
            yield layer.integer(path, 0), False


def check_weights(layers: list[Layer], path: Path) -> dict[str, str]:
    """Check that a .ncnn.bin holds the weights of these layers and nothing else.

    Returns:
        NumPy's name of the type of each layer's weights.

    Raises:
        InputError: if it is missing, or does not fit.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: the weights of the .ncnn.param beside it cannot be read: {error}") from error
    types, place = {}, 0
    for layer in layers:
        for count, typed in list_weights(path, layer):
            flag = int.from_bytes(content[place : place + 4], "little") if typed else SINGLE
            if count < 0 or flag not in (HALF, SINGLE):
                fail(path, f"{layer.name}: {count} numbers of type {flag:#x}", f"{HALF:#x} or {SINGLE:#x}")
            place += 4 * typed + (-(-count * 2 // 4) * 4 if flag == HALF else count * 4)
            if typed:
                types[layer.name] = "float16" if flag == HALF else "float32"
        if place > len(content):
            fail(path, f"{len(content)} bytes, which end in the weights of {layer.name!r}", f"{place} so far")
    if place != len(content):
        fail(path, f"{len(content)} bytes", f"{place}, as the .ncnn.param beside it has weights")
    return types
