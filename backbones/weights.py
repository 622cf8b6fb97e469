"""Published weights: what each publisher calls the layers of MobileNetV3, and its tensors under our names.

The names are derived from the network, never from the order of tensors: a safetensors file may be sorted.
"""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from backbones.mobilenetv3 import MobileNetV3
from backbones.tables import TABLES

Names = dict[str, str]  # our module -> the publisher's
PARTS = ("expand", "depthwise", "se", "project")
COUNT = "num_batches_tracked"  # of batch norm; matters to no output, and some files lack it


class MismatchError(ValueError):
    """A tensor that a network needs is missing or of another shape; names it, with both shapes."""


def name_torchvision(net: MobileNetV3) -> Names:
    """Return torchvision's names (`torchvision/models/mobilenetv3.py`)."""
    names = pair("stem", "features.0.0", "features.0.1")
    for number, block in enumerate(net.blocks, start=1):
        for index, part in enumerate(list_parts(block)):
            ours, theirs = f"blocks.{number - 1}.{part}", f"features.{number}.block.{index}"
            if part == "se":
                names |= pair_gate(ours, f"{theirs}.fc1", f"{theirs}.fc2")
            else:
                names |= pair(ours, f"{theirs}.0", f"{theirs}.1")
    last = f"features.{len(net.blocks) + 1}"
    return names | pair("last", f"{last}.0", f"{last}.1")


def name_timm(net: MobileNetV3) -> Names:
    """Return timm's names (`timm/models/mobilenetv3.py`); its stages are the paper's rows of equal output."""
    names = pair("stem", "conv_stem", "bn1")
    (rows,) = (table.rows for table in TABLES.values() if len(table.rows) == len(net.blocks))
    stage, index = 0, -1
    for number, block in enumerate(net.blocks):
        new = number > 0 and rows[number].out != rows[number - 1].out
        stage, index = (stage + 1, 0) if new else (stage, index + 1)
        ours, theirs = f"blocks.{number}", f"blocks.{stage}.{index}"
        parts = list_parts(block)
        convolutions = [part for part in parts if part != "se"]
        labels = ("conv_pw", "conv_dw", "conv_pwl") if "expand" in parts else ("conv_dw", "conv_pw")
        for position, (part, label) in enumerate(zip(convolutions, labels, strict=True), start=1):
            names |= pair(f"{ours}.{part}", f"{theirs}.{label}", f"{theirs}.bn{position}")
        if "se" in parts:
            names |= pair_gate(f"{ours}.se", f"{theirs}.se.conv_reduce", f"{theirs}.se.conv_expand")
    return names | pair("last", f"blocks.{stage + 1}.0.conv", f"blocks.{stage + 1}.0.bn1")


def name_dli14(net: MobileNetV3) -> Names:
    """Return the names of d-li14/mobilenetv3.pytorch; its squeeze-and-excite has linear layers."""
    names = pair("stem", "features.0.0", "features.0.1")
    for number, block in enumerate(net.blocks, start=1):
        parts = list_parts(block)
        places = {"expand": 0, "depthwise": 3, "se": 5, "project": 7}
        if "expand" not in parts:
            places = {"depthwise": 0, "se": 3, "project": 4}
        for part in parts:
            ours, theirs, place = f"blocks.{number - 1}.{part}", f"features.{number}.conv", places[part]
            if part == "se":
                names |= pair_gate(ours, f"{theirs}.{place}.fc.0", f"{theirs}.{place}.fc.2")
            else:
                names |= pair(ours, f"{theirs}.{place}", f"{theirs}.{place + 1}")
    return names | pair("last", "conv.0", "conv.1")


# publisher -> names of the backbone's layers; of the classifier's two, which are `heads.classifier.ClassifierHead`'s.
NAMINGS: dict[str, Callable[[MobileNetV3], Names]] = {
    "torchvision": name_torchvision,
    "timm": name_timm,
    "d-li14": name_dli14,
}
CLASSIFIERS: dict[str, Names] = {
    "torchvision": {"hidden": "classifier.0", "classify": "classifier.3"},
    "timm": {"hidden": "conv_head", "classify": "classifier"},
    "d-li14": {"hidden": "classifier.0", "classify": "classifier.3"},
}


def list_parts(block: nn.Module) -> list[str]:
    """Return which of `PARTS` a block has."""
    return [part for part in PARTS if not isinstance(getattr(block, part), nn.Identity)]


def pair(ours: str, conv: str, norm: str) -> Names:
    """Return the names of a convolution with its norm."""
    return {f"{ours}.conv": conv, f"{ours}.norm": norm}


def pair_gate(ours: str, reduce: str, expand: str) -> Names:
    """Return the names of a squeeze-and-excite."""
    return {f"{ours}.reduce": reduce, f"{ours}.expand": expand}


def convert(state: Mapping[str, Tensor], names: Mapping[str, str], *, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a publisher's tensors our names and shapes.

    Args:
        state: the publisher's tensors.
        names: our module -> the publisher's, for every module of `like`.
        like: our tensors, whose names and shapes alone count; they may be on the meta device.

    Returns:
        A tensor for every entry of `like`; linear layers and 1x1 convolutions turn into each other.

    Raises:
        MismatchError: naming the first tensor that is missing or of another shape.
    """
    converted = {}
    for name, wanted in like.items():
        module, _, leaf = name.rpartition(".")
        theirs = f"{names[module]}.{leaf}"
        if theirs in state and strip(state[theirs].shape) == strip(wanted.shape):
            converted[name] = state[theirs].reshape(wanted.shape)
        elif theirs in state:
            found = tuple(state[theirs].shape)
            raise MismatchError(f"{theirs} has the shape {found}; {name} has {tuple(wanted.shape)}")
        elif leaf == COUNT:
            converted[name] = torch.zeros((), dtype=torch.int64)
        else:
            raise MismatchError(f"{theirs} is missing; {name} has the shape {tuple(wanted.shape)}")
    return converted


def strip(shape: Iterable[int]) -> tuple[int, ...]:
    """Return a shape without its trailing ones."""
    sizes = list(shape)
    while sizes and sizes[-1] == 1:
        sizes.pop()
    return tuple(sizes)


def find_unused(state: Iterable[str], names: Mapping[str, str], *, like: Iterable[str]) -> list[str]:
    """Return the publisher's tensors that `convert` has no use for, but for the counters of batch normalisation."""
    used = {f"{names[module]}.{leaf}" for module, _, leaf in (name.rpartition(".") for name in like)}
    return [name for name in state if name not in used and not name.endswith(COUNT)]
