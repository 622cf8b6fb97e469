import random

import pytest

from tasks.adapt.proposals import Space, choose_best, find_cut, list_cuts
from tasks.adapt.widths import change_width, own_rows, read_width
from tasks.latency.table import LARGE, SMALL, LatencyTable, count_values
from tasks.models.architecture import Arch

SPACE = Space(own_rows(Arch("ssdlite", "small", 5, halving="detection")), (64, 96), 0.125, 0.25)


def make_table(seed: int) -> LatencyTable:
    """Return made-up latencies under which more channels are slower, by another factor for each kind of layer."""
    generator = random.Random(seed)
    kinds: dict[str, float] = {}
    known = {SMALL.name: 1e-9, LARGE.name: 2e-9}
    for layer in SPACE.layers():
        work = sum(value for name, value in layer.settings if name in ("c_in", "exp_size", "out", "half"))
        kinds.setdefault(layer.kind, generator.uniform(0.5, 2.0))
        known[layer.name] = kinds[layer.kind] * work * count_values(layer) * 1e-7
    return LatencyTable(known)


TABLE = make_table(0)
SEED = SPACE.predict(SPACE.seed, TABLE)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05])
def test_each_proposal_is_the_smallest_cut_that_saves_enough(share: float) -> None:
    cuts = {cut.group: cut for cut in list_cuts(SPACE, SPACE.seed, TABLE, reduction=share * SEED)}
    assert len(cuts) > 3
    for group in SPACE.groups:
        changed = [(width, change_width(SPACE.seed, group, width)) for width in SPACE.steps(group)]
        possible = [(w, a) for w, a in changed if a is not None and SPACE.predict(a, TABLE) <= SEED - share * SEED]
        assert (group in cuts) == bool(possible)
        if possible:
            cut = cuts[group]
            assert (cut.before, cut.after) == (read_width(SPACE.seed, group), possible[0][0])
            assert cut.arch == possible[0][1]
            assert cut.latency == pytest.approx(SPACE.predict(cut.arch, TABLE))


def test_few_layers_are_looked_up_for_a_cut() -> None:
    group = next(group for group in SPACE.groups if group.name == "row 5's expansion")
    asked: list[Arch] = []

    class Counting(Space):
        def predict(self, arch: Arch, table: LatencyTable) -> float:
            asked.append(arch)
            return super().predict(arch, table)

    space = Counting(SPACE.seed, SPACE.size, SPACE.step, SPACE.least)
    assert find_cut(space, SPACE.seed, group, TABLE, most=0.0) is None
    assert len(asked) == 1  # the narrowest is not enough
    assert find_cut(space, SPACE.seed, group, TABLE, most=SEED) is not None
    assert len(asked) <= 1 + 4


def test_the_best_proposal_loses_least_for_the_time_that_it_saves() -> None:
    # Losses of .02, .03 and .10 for 1, 2 and 10 ms: .02, .015 and .01 a millisecond.
    assert choose_best([0.58, 0.57, 0.50], [19.0, 18.0, 10.0], metric=0.6, latency=20.0) == 2
    # Gains: .01 for 1 ms is more a millisecond than .02 for 4.
    assert choose_best([0.61, 0.62], [19.0, 16.0], metric=0.6, latency=20.0) == 0


def test_the_best_of_many_is_what_all_ratios_say() -> None:
    generator = random.Random(1)
    metrics = [generator.uniform(0.3, 0.7) for _ in range(50)]
    latencies = [generator.uniform(5.0, 9.9) for _ in range(50)]
    ratios = [(metric - 0.6) / (10.0 - latency) for metric, latency in zip(metrics, latencies, strict=True)]
    assert choose_best(metrics, latencies, metric=0.6, latency=10.0) == ratios.index(max(ratios))


def test_the_smallest_network_is_narrower_everywhere() -> None:
    smallest = SPACE.smallest()
    for group in SPACE.groups:
        assert read_width(smallest, group) < read_width(SPACE.seed, group)
    assert SPACE.predict(smallest, TABLE) < 0.5 * SEED
