"""What may be cut next, and which cut is best (NetAdapt, arXiv:1804.03230; arXiv:1905.02244, section 4.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from data.sizes import Size
from tasks.adapt.widths import Group, change_width, list_groups, list_steps, read_width, set_width, shrink_all
from tasks.latency.table import LatencyTable, list_layers
from tasks.models.architecture import Arch
from tasks.models.layers import Layer


@dataclass(frozen=True)
class Cut:
    """A network with fewer channels in one group.

    Attributes:
        group: of channels.
        before: how many there are.
        after: how many are left.
        arch: the network.
        latency: of it, in milliseconds, as the table predicts.
    """

    group: Group
    before: int
    after: int
    arch: Arch
    latency: float


@dataclass(frozen=True)
class Space:
    """All networks that a network may be cut down to.

    Attributes:
        seed: the network, with rows of its own.
        size: (height, width) of its input in pixels.
        step: between the numbers of channels of a group, as a share of the seed's.
        least: share of the seed's channels that a group keeps.
    """

    seed: Arch
    size: Size
    step: float
    least: float

    @property
    def groups(self) -> list[Group]:
        """The groups of channels on which some layer depends."""
        layers = list_layers(self.seed, self.size)
        narrow = {group: self._narrow(group) for group in list_groups(self.seed)}
        return [g for g, arch in narrow.items() if arch is not None and list_layers(arch, self.size) != layers]

    def _narrow(self, group: Group) -> Arch | None:
        smaller = shrink_all(self.seed, [group], step=self.step, least=self.least)
        return None if smaller == self.seed else smaller

    def steps(self, group: Group) -> list[int]:
        """Return the numbers of channels that a group may have instead of the seed's, largest first."""
        return list_steps(read_width(self.seed, group), step=self.step, least=self.least)

    def smallest(self) -> Arch:
        """Return the network in which all groups have as few channels as they may."""
        return shrink_all(self.seed, self.groups, step=self.step, least=self.least)

    def predict(self, arch: Arch, table: LatencyTable) -> float:
        """Return the milliseconds of a network, as a table predicts."""
        return table.predict(list_layers(arch, self.size))

    def layers(self) -> list[Layer]:
        """Return every layer that any of the networks may have, each once; some that none has are among them."""
        seed, groups = list_layers(self.seed, self.size), self.groups
        found = dict.fromkeys(seed)
        touched = {
            group: [a != b for a, b in zip(seed, list_layers(self._narrow(group) or self.seed, self.size), strict=True)]
            for group in groups
        }
        for index in range(len(seed)):
            own = [group for group in groups if touched[group][index]]
            widths = [[read_width(self.seed, group), *self.steps(group)] for group in own]
            for chosen in product(*widths):
                arch = self.seed
                for group, width in zip(own, chosen, strict=True):
                    arch = set_width(arch, group, width)
                found[list_layers(arch, self.size)[index]] = None
        return list(found)


def list_cuts(space: Space, arch: Arch, table: LatencyTable, *, reduction: float) -> Iterator[Cut]:
    """Yield a cut for each group that can take `reduction` milliseconds off a network, its smallest such cut."""
    latency = space.predict(arch, table)
    for group in space.groups:
        cut = find_cut(space, arch, group, table, most=latency - reduction)
        if cut is not None:
            yield cut


def find_cut(space: Space, arch: Arch, group: Group, table: LatencyTable, *, most: float) -> Cut | None:
    """Return the network with the most channels of a group that takes at most `most` milliseconds.

    Fewer channels are taken to be no slower, so that few layers have to be timed.
    """
    before = read_width(arch, group)
    smaller = [(width, change_width(arch, group, width)) for width in space.steps(group) if width < before]
    choices = [(width, changed) for width, changed in smaller if changed is not None]
    best, low, high = None, 0, len(choices) - 1
    middle = high  # first, whether any is quick enough
    while low <= high:
        width, changed = choices[middle]
        latency = space.predict(changed, table)
        if latency <= most:
            best, high = Cut(group, before, width, changed, latency), middle - 1
        else:
            low = middle + 1
        middle = (low + high) // 2
    return best


def choose_best(metrics: Sequence[float], latencies: Sequence[float], *, metric: float, latency: float) -> int:
    """Return the index of the network with the best change of the metric for the time that it saves.

    Args:
        metrics: of the networks.
        latencies: of them, each below `latency`.
        metric: of the network that they were cut from.
        latency: of it.
    """
    ratios = [(m - metric) / (latency - each) for m, each in zip(metrics, latencies, strict=True)]
    return max(range(len(ratios)), key=lambda index: ratios[index])
