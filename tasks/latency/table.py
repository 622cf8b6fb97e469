"""Tables of layers and their latency: measured here when one is asked for, or on another device by its owner."""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from math import prod
from pathlib import Path

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from data.bounded.csv_rows import read_rows
from data.errors import InputError
from data.sizes import Size
from tasks.files import write_text
from tasks.latency.runtimes import Clock
from tasks.models.architecture import Arch
from tasks.models.layers import Layer, find_maps, list_backbone
from tasks.task import find_task

COLUMNS = ("layer", "milliseconds")


def make_scale(*, c_in: int) -> nn.Module:
    """Build a layer that does next to nothing: a factor and an addend for each channel."""
    return nn.Conv2d(c_in, c_in, 1, groups=c_in)


# What a call costs beside its layer, and what values cost to enter and to leave it, which inside of a network they do
# not: runtimes copy them, and put channels in their own order. Every table has these two layers.
SMALL, LARGE = (Layer("scale", (("c_in", c),), (c, h, w), make_scale) for c, h, w in ((8, 4, 4), (64, 24, 36)))


@cache
def count_values(layer: Layer) -> int:
    """Return how many values enter and leave a layer."""
    with torch.device("meta"):
        found = tree_leaves(layer.build()(torch.empty(1, *layer.shape)))
    return prod(layer.shape) + sum(tensor.numel() for tensor in found)


def list_layers(arch: Arch, size: Size) -> list[Layer]:
    """Return the layers of a network for an input of (height, width) pixels, first to last."""
    head = find_task(arch.head).parts.list_layers(arch, find_maps(arch, size))
    return [*list_backbone(arch, size), *head]


class LatencyTable:
    """Milliseconds of layers, by name.

    Args:
        known: those that are known.
        clock: times the others; None for a table of another device, which has no others.
        path: of the file that those timed here are kept in.
    """

    def __init__(self, known: dict[str, float], *, clock: Clock | None = None, path: Path | None = None) -> None:
        self.known = dict(known)
        self.clock = clock
        self.path = path

    def look_up(self, layer: Layer) -> float:
        """Return the milliseconds of a call of a layer by itself.

        Raises:
            InputError: naming the layer that the table of another device lacks.
        """
        if layer.name not in self.known:
            if self.clock is None:
                raise InputError(f"device: {self.path} has no layer {layer.name!r}; expected all of a network")
            self.known[layer.name] = self.clock.measure(layer.build(), layer.shape)
            if self.path is not None:
                write_table(self.path, self.known)
        return self.known[layer.name]

    def predict(self, layers: Iterable[Layer]) -> float:
        """Return the milliseconds of a network: the sum of its layers, less what calls cost by themselves, but one.

        Raises:
            InputError: as `look_up`.
        """
        small, large = count_values(SMALL), count_values(LARGE)
        each = max(self.look_up(LARGE) - self.look_up(SMALL), 0.0) / (large - small)
        call = max(self.look_up(SMALL) - each * small, 0.0)
        return call + sum(max(self.look_up(layer) - call - each * count_values(layer), 0.0) for layer in layers)

    def check_complete(self, layers: Iterable[Layer]) -> None:
        """Check that the table of another device has all of these layers.

        Raises:
            InputError: naming the first that is missing, and how many are.
        """
        names = dict.fromkeys(layer.name for layer in (SMALL, LARGE, *layers))
        missing = [name for name in names if name not in self.known]
        if missing:
            raise InputError(
                f"device: {self.path}: {len(missing)} of the {len(names)} layers that networks may have here are "
                f"missing, the first is {missing[0]!r}; expected all"
            )

    def check(self, layers: Sequence[Layer]) -> None:
        """Check that the table of another device has just these layers.

        Raises:
            InputError: naming the first that is missing or unknown.
        """
        names = {layer.name: None for layer in (SMALL, LARGE, *layers)}
        for found, wanted, what in ((self.known, names, "unknown"), (names, self.known, "missing")):
            wrong = [name for name in found if name not in wanted]
            if wrong:
                raise InputError(
                    f"device: {self.path}: layer {wrong[0]!r} is {what} (and {len(wrong) - 1} others); expected the "
                    "layers that tasks.adapt lists for this checkpoint and step"
                )


def write_table(path: Path, known: dict[str, float]) -> None:
    """Write a table as CSV."""
    lines = [f"{name},{milliseconds!r}" for name, milliseconds in known.items()]
    write_text(path, "\n".join([",".join(COLUMNS), *lines, ""]))


def read_table(path: Path) -> dict[str, float]:
    """Read a table: layer -> milliseconds.

    Raises:
        InputError: naming the file and the row that cannot be used.
    """
    known: dict[str, float] = {}
    for number, row in enumerate(read_rows(path), start=2):
        missing = [name for name in COLUMNS if row.get(name) in (None, "")]
        if missing:
            raise InputError(f"{path}: line {number}: no {missing[0]}; expected the columns {', '.join(COLUMNS)}")
        name, text = (str(row[column]) for column in COLUMNS)
        try:
            milliseconds = float(text)
        except ValueError:
            milliseconds = math.nan
        if not 0 < milliseconds < math.inf:
            raise InputError(f"{path}: line {number}: milliseconds: {text!r}; expected a number above 0")
        if name in known:
            raise InputError(f"{path}: line {number}: layer {name!r} appears twice; expected it once")
        known[name] = milliseconds
    if not known:
        raise InputError(f"{path}: no rows; expected the columns {', '.join(COLUMNS)}")
    return known


def open_table(device: str, path: Path, *, clock: Clock | None) -> LatencyTable:
    """Return the table of a device: a file, or one of the runtimes, whose layers are timed when they are asked for.

    Args:
        device: FILE.csv or a runtime.
        path: of the file that layers timed here are kept in, and taken from.
        clock: times layers in the runtime; None for a file.

    Raises:
        InputError: if a file cannot be used.
    """
    if clock is None:
        return LatencyTable(read_table(Path(device)), path=Path(device))
    return LatencyTable(read_table(path) if path.is_file() else {}, clock=clock, path=path)
