"""Channels that change together, and how many of them there may be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from backbones.mobilenetv3 import place_rows
from backbones.tables import list_inputs
from heads.ssdlite import scale_extras
from tasks.models.architecture import OWN_TABLE, Arch
from tasks.models.network import resolve_table
from tasks.models.table_file import HEADS

MULTIPLE = 8  # of channels
OF_TABLE = ("stem", "last", "hidden")
OF_ROW = ("exp_size", "out")


class Place(NamedTuple):
    """A number of channels in a network.

    Attributes:
        field: of a row, of the table, or of the head: "half", "extra" of its levels, "filters".
        number: of the row or level from 1; 0 for what there is one of.
    """

    field: str
    number: int = 0

    def __str__(self) -> str:
        names = {"exp_size": "row {}'s expansion", "out": "row {}'s output", "half": "extra level {}'s middle"}
        names |= {"extra": "extra level {}", "last": "the last convolution", "hidden": "the hidden layer"}
        names |= {"stem": "the stem", "filters": "the head's filters"}
        return names[self.field].format(self.number)


@dataclass(frozen=True)
class Group:
    """Places with one number of channels: joined by residual connections, or a single one."""

    places: tuple[Place, ...]

    @property
    def name(self) -> str:
        """What it is, in words: "row 4's expansion", or "row 4's output and 2 joined to it"."""
        joined = f" and {len(self.places) - 1} joined to it" if len(self.places) > 1 else ""
        return f"{self.places[0]}{joined}"


def own_rows(arch: Arch) -> Arch:
    """Return the same network with rows, and extra levels, of its own, whose channels can be changed one by one."""
    extras = arch.extras or (scale_extras(arch.width) if HEADS.get(arch.head) == "extras" else None)
    plain: dict[str, object] = {"width": 1.0, "minimalistic": False, "halving": "none"}
    return replace(arch, backbone=OWN_TABLE, table=resolve_table(arch), extras=extras, **plain)  # type: ignore[arg-type]


def list_places(arch: Arch) -> list[Place]:
    """Return every number of channels of a network with rows of its own."""
    rows = [Place(field, number) for number in range(1, len(resolve_table(arch).rows) + 1) for field in OF_ROW]
    extras = [Place(field, n) for n in range(1, len(arch.extras or ()) + 1) for field in ("half", "extra")]
    return [*map(Place, OF_TABLE), *rows, *extras, Place("filters")]


def list_groups(arch: Arch) -> list[Group]:
    """Return the channels of a network that change together, first to last."""
    groups = {place: [place] for place in list_places(arch)}
    for number, (joined, bare) in enumerate(list_ties(arch), start=1):
        before = Place("out", number - 1) if number > 1 else Place("stem")
        for tied, place in ((joined, Place("out", number)), (bare, Place("exp_size", number))):
            if tied and groups[place] is not groups[before]:
                groups[before] += groups[place]
                groups |= dict.fromkeys(groups[place], groups[before])
    return [Group(places) for places in dict.fromkeys(tuple(places) for places in groups.values())]


def list_ties(arch: Arch) -> list[tuple[bool, bool]]:
    """Return of each row whether a residual connection ties its output to its input, and whether it has no expansion.

    Neither may come about, or end, by a change of channels: it would be another network.
    """
    table = resolve_table(arch)
    places = place_rows(table, output_stride=arch.output_stride, dilate_strided=False)
    return [
        (place.stride == 1 and channels == row.out, channels == row.exp_size)
        for row, place, channels in zip(table.rows, places, list_inputs(table), strict=True)
    ]


def read_width(arch: Arch, group: Group) -> int:
    """Return the number of channels of a group."""
    place, table = group.places[0], resolve_table(arch)
    if place.field in OF_ROW:
        return int(getattr(table.rows[place.number - 1], place.field))
    if place.field in OF_TABLE:
        return int(getattr(table, place.field))
    if place.field == "filters":
        return arch.filters
    return (arch.extras or ())[place.number - 1][place.field == "extra"]


def set_width(arch: Arch, group: Group, width: int) -> Arch:
    """Return the network with another number of a group's channels."""
    for place in group.places:
        arch = _set(arch, place, width)
    return arch


def change_width(arch: Arch, group: Group, width: int) -> Arch | None:
    """Return the same; None where residual connections or expansions come about or end by it."""
    changed = set_width(arch, group, width)
    return changed if list_ties(changed) == list_ties(arch) else None


def _set(arch: Arch, place: Place, width: int) -> Arch:
    table, index = resolve_table(arch), place.number - 1
    change: dict[str, Any] = {place.field: width}
    if place.field in OF_ROW:
        rows = tuple(replace(row, **change) if n == index else row for n, row in enumerate(table.rows))
        return replace(arch, table=replace(table, rows=rows))
    if place.field in OF_TABLE:
        return replace(arch, table=replace(table, **change))
    if place.field == "filters":
        return replace(arch, filters=width)
    pairs = [list(pair) for pair in arch.extras or ()]
    pairs[index][place.field == "extra"] = width
    return replace(arch, extras=tuple((half, out) for half, out in pairs))


def list_steps(width: int, *, step: float, least: float) -> list[int]:
    """Return the numbers of channels that a group of `width` may have instead, largest first.

    Args:
        width: of the network that is adapted.
        step: between two shares of it.
        least: share of it.
    """
    shares = _count_down(step, least)
    steps = {max(MULTIPLE, int(width * share + MULTIPLE / 2) // MULTIPLE * MULTIPLE) for share in shares}
    return sorted((each for each in steps if each < width), reverse=True)


def _count_down(step: float, least: float) -> Iterator[float]:
    """Yield shares below 1, a step apart, down to the least one."""
    count = 1
    while 1 - count * step >= least - 1e-9:
        yield 1 - count * step
        count += 1


def shrink_all(arch: Arch, groups: Sequence[Group], *, step: float, least: float) -> Arch:
    """Return the smallest network that the steps of all groups lead to."""
    for group in groups:
        for width in reversed(list_steps(read_width(arch, group), step=step, least=least)):
            smaller = change_width(arch, group, width)
            if smaller is not None:
                arch = smaller
                break
    return arch
