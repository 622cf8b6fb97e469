"""Weights of a whole backbone in one whose channels behind C4 are halved: what fits is carried over, row by row.

The paper halves these channels for detection and segmentation (arXiv:1905.02244, sections 6.3 and 6.4), and nobody
publishes weights of such a network.
"""

import logging
import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from tasks.models.architecture import Arch

logger = logging.getLogger(__name__)

BACKBONE = "backbone."
# Our blocks, then timm's stages and blocks; what else there is stands by its own name.
ROW = re.compile(r"backbone\.(?:net\.)?(blocks\.\d+(?:\.\d+)?|\w+)\.?(.*)")


def may_carry(theirs: Arch, ours: Arch, *, head: str | None) -> bool:
    """Tell whether rows that are not halved are carried over: from a whole backbone below another head, or none."""
    return head != ours.head and theirs.halving == "none" and ours.halving != "none"


def keep_fitting(tensors: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of layers all of whose tensors have the shapes of fresh ones."""
    wrong = {
        find_layer(name) for name, value in fresh.items() if name not in tensors or tensors[name].shape != value.shape
    }
    return {name: value for name, value in tensors.items() if name in fresh and find_layer(name) not in wrong}


def find_layer(name: str) -> str:
    """Return the layer of a tensor; a convolution and its norm, which have one part of a row, are one."""
    module = name.rpartition(".")[0]
    return module.removesuffix(".conv").removesuffix(".norm")


def log_carried(source: str, arch: Arch, kept: Iterable[str], fresh: Iterable[str]) -> None:
    """Log which layers are carried over and which are new, one line a row; rows that are carried whole are one line.

    Args:
        source: of the weights.
        arch: of the network that takes them.
        kept: names of the tensors that are carried over.
        fresh: names of all tensors of the backbone.
    """
    carried = {find_layer(name) for name in kept}
    rows: dict[str, dict[str, bool]] = {}
    for layer in dict.fromkeys(find_layer(name) for name in fresh):
        row, part = name_row(layer)
        rows.setdefault(row, {})[part] = layer in carried
    whole = [row for row, parts in rows.items() if all(parts.values())]
    lines = [f"  {row:<12} {say_parts(parts)}" for row, parts in rows.items() if row not in whole]
    logger.info(
        "weights=%s: of a whole backbone; model.halving=%s halves its tail\n%s",
        source,
        arch.halving,
        "\n".join([*lines, f"  and {len(whole)} rows carried over, {whole[0]} to {whole[-1]}"]),
    )


def name_row(layer: str) -> tuple[str, str]:
    """Return the row that a layer is in, as the paper's table counts them where it is one of ours, and its part."""
    found = ROW.fullmatch(layer)
    row, part = (layer, "") if found is None else found.groups()
    number = row.removeprefix("blocks.")
    return (f"row {int(number) + 1}" if row != number and number.isdecimal() else row), part


def say_parts(parts: Mapping[str, bool]) -> str:
    """Say which parts of a row are carried over, and which are new."""
    kept, new = ([part for part, carried in parts.items() if carried is wanted] for wanted in (True, False))
    return f"{', '.join(kept)} carried over; {', '.join(new)} new" if kept else "new"
