"""The operations of a Core ML program, read from a file and computed one by one in torch.

Core ML itself is not on this system, so this is how a file is checked: as it was saved, each operation as the
reference of MIL describes it (coremltools' `converters/mil/mil/ops/defs`). In a program of float16 values are rounded
where the program rounds them on entry, and computed in float32.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data.errors import InputError, first_line
from tasks.formats.silence import silenced

with silenced():
    from coremltools.converters.mil.frontend.milproto.load import load
    from coremltools.converters.mil.mil import Operation, Var, types
    from coremltools.models.utils import load_spec

Given = dict[str, Any]  # an operation's inputs by name: tensors, and for "values" a list of them


class Program(NamedTuple):
    """What a file computes."""

    inputs: dict[str, Var]
    outputs: list[Var]
    operations: list[Operation]  # in the order of their execution, constants left out
    takes_image: bool


def read_operations(path: Path) -> Program:
    """Read the program of an .mlpackage.

    Raises:
        InputError: if it cannot be read.
    """
    weights = path / "Data" / "com.apple.CoreML" / "weights"
    try:
        with silenced():
            spec = load_spec(str(path))
            function = load(spec, spec.specificationVersion, str(weights)).functions["main"]
    except Exception as error:  # coremltools' own have no common base
        raise InputError(f"{path}: not an .mlpackage with an ML Program, or damaged: {first_line(error)}") from error
    operations = [operation for operation in function.operations if operation.op_type != "const"]
    image = spec.description.input[0].type.WhichOneof("Type") == "imageType"
    return Program(dict(function.inputs), list(function.outputs), operations, image)


def name_type(value: Var) -> str:
    """Return NumPy's name of the type of a value."""
    return str(np.dtype(types.nptype_from_builtin(value.dtype)))


def count_madds(operation: Operation) -> int:
    """Count the multiply-adds of a convolution or product for one image."""
    inputs, values = operation.inputs, math.prod(operation.outputs[0].shape)
    if operation.op_type == "conv":
        return values * math.prod(inputs["weight"].shape[1:])
    if operation.op_type == "matmul":
        return values * inputs["x"].shape[-2 if inputs["transpose_x"].val else -1]
    return values * inputs["weight"].shape[-1] if operation.op_type == "linear" else 0


@torch.no_grad()
def run_program(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    """Compute what a file gives.

    Args:
        path: of an .mlpackage.
        images: (1, H, W, 3) uint8 where it takes an image, else (1, 3, H, W) float32.

    Returns:
        Outputs by name.

    Raises:
        InputError: if it cannot be read, or has an operation that is not in `OPERATIONS`.
    """
    program = read_operations(path)
    planes = torch.from_numpy(images.transpose(0, 3, 1, 2) if program.takes_image else images).float()
    known: dict[Var, Any] = {next(iter(program.inputs.values())): planes.contiguous()}
    for operation in program.operations:
        if operation.op_type not in OPERATIONS:
            raise InputError(f"{path}: operation {operation.op_type!r}; expected one of {', '.join(OPERATIONS)}")
        given = {name: look_up(value, known) for name, value in operation.inputs.items()}
        found = OPERATIONS[operation.op_type](given | {"shape of output": operation.outputs[0].shape})
        for value, result in zip(operation.outputs, found if isinstance(found, tuple) else (found,), strict=True):
            if tuple(result.shape) != tuple(value.shape):
                raise InputError(f"{path}: {operation.name} gives {tuple(result.shape)}; expected {value.shape}")
            known[value] = result
    return {value.name: look_up(value, known).numpy() for value in program.outputs}


def look_up(value: Any, known: dict[Var, Any]) -> Any:
    """Return a value that was computed, or a constant: a tensor, or a plain string, number, truth value or list."""
    if isinstance(value, list | tuple):
        return [look_up(one, known) for one in value]
    if value is None or value in known:
        return known.get(value)
    constant = np.asarray(value.val)
    if constant.dtype.kind not in "fiub":
        return str(value.val)
    if constant.dtype.kind == "f":
        return torch.from_numpy(constant.astype(np.float32))
    return torch.from_numpy(constant.copy()) if constant.ndim > 1 else constant.tolist()


def convolve(given: Given) -> Tensor:
    """Compute a convolution; "custom" padding is top, bottom, left, right."""
    x = given["x"]
    if given["pad_type"] == "custom":
        top, bottom, left, right = given["pad"]
        x = F.pad(x, (left, right, top, bottom))
    elif given["pad_type"] != "valid":
        raise InputError(f"padding {given['pad_type']!r}; expected 'custom' or 'valid'")
    options = given["strides"], 0, given["dilations"], given["groups"]
    return F.conv2d(x, given["weight"], given.get("bias"), *options)


def cut(given: Given) -> Tensor:
    """Compute a slice; where a mask is true, its limit is not."""
    x, sides = given["x"], given["x"].ndim
    if any(given.get("squeeze_mask") or ()):
        raise InputError("a slice that drops sides; expected none")
    masks = [given.get(name) or [False] * sides for name in ("begin_mask", "end_mask")]
    limits = zip(given["begin"], given["end"], given.get("stride") or [1] * sides, *masks, strict=True)
    return x[tuple(slice(None if open_a else a, None if open_b else b, step) for a, b, step, open_a, open_b in limits)]


def resize(given: Given) -> Tensor:
    """Compute a bilinear resize; the scale is that of the sides, whatever the factor says."""
    factors = float(given["scale_factor_height"]), float(given["scale_factor_width"])
    sides = tuple(math.floor(side * factor) for side, factor in zip(given["x"].shape[2:], factors, strict=True))
    return F.interpolate(given["x"], size=sides, mode="bilinear", align_corners=given["align_corners"])


def pad(given: Given) -> Tensor:
    """Compute padding: begin and end of each side, the first side first."""
    pairs = list(zip(given["pad"][::2], given["pad"][1::2], strict=True))
    flat = [number for pair in reversed(pairs) for number in pair]
    return F.pad(given["x"], flat, mode=given["mode"], value=float(given["constant_val"]))


def join(given: Given) -> Tensor:
    """Join tensors one behind the other, or one value of each in turn."""
    axis, values = given["axis"], given["values"]
    if given["interleave"]:
        return torch.stack(values, axis + 1).flatten(axis, axis + 1)
    return torch.cat(values, axis)


def multiply(given: Given) -> Tensor:
    """Compute a matrix product."""
    x, y = (given[name].mT if given.get(f"transpose_{name}") else given[name] for name in ("x", "y"))
    return x @ y


def choose_best(given: Given) -> tuple[Tensor, Tensor]:
    """Return the largest values and where they are."""
    values, places = given["x"].topk(given["k"], dim=given["axis"], largest=not given["ascending"])
    return values, places.int()


def cast(given: Given) -> Tensor:
    """Convert: float16 is a rounding, for all is computed in float32."""
    x = torch.as_tensor(given["x"])
    casts: dict[str, Callable[[Tensor], Tensor]] = {
        "fp16": lambda x: x.half().float(),
        "fp32": Tensor.float,
        "int32": Tensor.int,
        "bool": Tensor.bool,
    }
    return casts[given["dtype"]](x)


def pair_with(compute: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Given], Tensor]:
    """Return an operation of two inputs, one of which may be a number."""
    return lambda given: compute(torch.as_tensor(given["x"]), torch.as_tensor(given["y"]))


OPERATIONS: dict[str, Callable[[Given], Tensor | tuple[Tensor, ...]]] = {
    "abs": lambda given: given["x"].abs(),
    "add": pair_with(torch.add),
    "cast": cast,
    "clip": lambda given: given["x"].clamp(given["alpha"], given["beta"]),
    "concat": join,
    "conv": convolve,
    "exp": lambda given: given["x"].exp(),
    "expand_dims": lambda given: given["x"].reshape(given["shape of output"]),
    "fill_like": lambda given: torch.full(given["ref_tensor"].shape, float(given["value"])),
    "floor": lambda given: given["x"].floor(),
    "floor_div": pair_with(torch.floor_divide),
    "gather_along_axis": lambda given: given["x"].gather(given["axis"], given["indices"].long()),
    "greater": pair_with(torch.gt),
    "identity": lambda given: given["x"],
    "less": pair_with(torch.lt),
    "matmul": multiply,
    "maximum": pair_with(torch.maximum),
    "minimum": pair_with(torch.minimum),
    "mul": pair_with(torch.mul),
    "pad": pad,
    "real_div": pair_with(torch.div),
    "reduce_argmax": lambda given: given["x"].argmax(given["axis"], keepdim=given["keep_dims"]).int(),
    "reduce_max": lambda given: given["x"].amax(given["axes"], keepdim=given["keep_dims"]),
    "reduce_mean": lambda given: given["x"].mean(given["axes"], keepdim=given["keep_dims"]),
    "reduce_sum": lambda given: given["x"].sum(given["axes"], keepdim=given["keep_dims"]),
    "relu": lambda given: given["x"].relu(),
    "relu6": lambda given: F.relu6(given["x"]),
    "reshape": lambda given: given["x"].reshape(given["shape"]),
    "sigmoid": lambda given: given["x"].sigmoid(),
    "sigmoid_hard": lambda given: (given["alpha"] * given["x"] + given["beta"]).clamp(0, 1),
    "slice_by_index": cut,
    "softmax": lambda given: given["x"].softmax(given["axis"]),
    "split": lambda given: given["x"].split(given["split_sizes"], given["axis"]),
    "squeeze": lambda given: given["x"].reshape(given["shape of output"]),
    "sign": lambda given: given["x"].sign(),
    "sub": pair_with(torch.sub),
    "thresholded_relu": lambda given: torch.where(given["x"] >= given["alpha"], given["x"], 0.0),
    "tile": lambda given: given["x"].repeat(given["reps"]),
    "topk": choose_best,
    "transpose": lambda given: given["x"].permute(given["perm"]),
    "upsample_bilinear": resize,
}
