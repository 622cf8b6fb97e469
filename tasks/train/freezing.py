"""Parts of a model that fine-tuning leaves as they are."""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from torch import nn

from backbones.mobilenetv3 import MobileNetV3
from data.errors import InputError

if TYPE_CHECKING:
    from tasks.parts import Model

NONE, BACKBONE = "none", "backbone"
BLOCK = re.compile(r"blocks\.\d+\.\d+")  # timm's names
FIRST = ("conv_stem", "bn1")


def list_rows(model: "Model") -> list[list[nn.Module]]:
    """Return the layers of each row of the backbone: of the stem, then of row 1, 2, ... of the paper's table.

    For timm's networks the rows are their blocks.
    """
    backbone = model.backbone
    if isinstance(backbone, MobileNetV3):
        return [[backbone.stem], *([block] for block in backbone.blocks)]
    layers = dict(backbone.net.named_modules())
    stem = [layers[name] for name in FIRST if name in layers]
    return [stem, *([layer] for name, layer in layers.items() if BLOCK.fullmatch(name))]


def list_frozen(model: "Model", freeze: str) -> list[nn.Module]:
    """Return the parts that are frozen.

    Args:
        model: whole.
        freeze: "none", "backbone", or the number of the last frozen row; the stem goes with it.

    Raises:
        InputError: if it is none of these.
    """
    if freeze == NONE:
        return []
    if freeze == BACKBONE:
        return [model.backbone]
    rows = list_rows(model)
    if not freeze.isdecimal() or not 1 <= int(freeze) < len(rows):
        raise InputError(
            f"freeze: {freeze!r}; expected none, backbone or the number of a row from 1 to {len(rows) - 1}"
        )
    return [layer for row in rows[: int(freeze) + 1] for layer in row]


def freeze_model(model: "Model", freeze: str, *, new: Collection[str] = ()) -> None:
    """Take the frozen parts out of training: no gradient, no weight decay; `FreezeBatchNorm` does the rest.

    Args:
        model: whole.
        freeze: see `list_frozen`.
        new: names of tensors that no weights were loaded for.

    Raises:
        InputError: as `list_frozen`, or if something new would be frozen.
    """
    parts = list_frozen(model, freeze)
    frozen = {id(parameter) for part in parts for parameter in part.parameters()}
    random = [name for name, parameter in model.named_parameters() if name in new and id(parameter) in frozen]
    if random:
        raise InputError(
            f"freeze={freeze}: {random[0]} is new, as the weights' tail is not halved, and would be frozen as it is; "
            "expected the number of a row before it, or none"
        )
    for part in parts:
        part.requires_grad_(False)
