from dataclasses import replace

import pytest
import torch
from torch import Tensor

from backbones.tables import HS, NO_SE, SE, Row, Table
from tasks.adapt.widths import change_width, list_groups, own_rows, read_width
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.models.truncation import Narrowing, choose, fold, sum_squares, truncate
from tests.support.random_weights import randomize

SMALL = Arch("ssdlite", "small", 3, halving="detection")


def narrow(arch: Arch, name: str, width: int) -> tuple[Arch, Narrowing]:
    group = next(group for group in list_groups(arch) if group.name == name)
    changed = change_width(arch, group, width)
    assert changed is not None
    return changed, Narrowing(read_width(arch, group), width)


def run(arch: Arch, weights: dict[str, Tensor]) -> list[Tensor]:
    model = build_model(arch).eval()
    model.load_state_dict(weights)
    with torch.no_grad():
        found = model(torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)))
    return [found] if isinstance(found, Tensor) else list(found)


def random_weights(arch: Arch) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return randomize(build_model(arch)).state_dict()


def test_the_largest_stay_in_their_own_order() -> None:
    assert choose(torch.tensor([3.0, 1.0, 5.0, 4.0]), 2).tolist() == [2, 3]
    assert sum_squares([torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[1.0], [2.0]])]).tolist() == [26.0, 5.0]


def test_a_filter_is_as_large_as_its_norm_makes_it() -> None:
    weights = {
        "a.conv.weight": torch.ones(2, 1, 1, 1),
        "a.norm.weight": torch.tensor([2.0, 3.0]),
        "a.norm.running_var": torch.tensor([3.0, 8.0]),
        "b.weight": torch.ones(2, 1, 1, 1),
    }
    assert fold(weights, "a.conv.weight", 1.0).flatten().tolist() == [1.0, 1.0]  # 2 / sqrt(3 + 1), 3 / sqrt(8 + 1)
    assert fold(weights, "b.weight", 1.0).flatten().tolist() == [1.0, 1.0]


def test_channels_of_known_filters_are_cut_from_all_layers_that_have_them() -> None:
    rows = (Row(3, 16, 8, NO_SE, HS, 2), Row(3, 24, 8, SE, HS, 1), *(Row(3, 24, 16, NO_SE, HS, 2) for _ in range(3)))
    arch = Arch("classifier", "table", 2, table=Table(rows, last=16, hidden=8, stem=8))
    weights = {name: torch.zeros_like(value) for name, value in build_model(arch).state_dict().items()}
    for name in ("expand", "depthwise"):
        weights[f"backbone.blocks.1.{name}.norm.weight"] += 1
        weights[f"backbone.blocks.1.{name}.norm.running_var"] += 1
    kept = [1, 2, 3, 5, 8, 13, 21, 23]
    weights["backbone.blocks.1.expand.conv.weight"][kept[:4]] = 1.0
    weights["backbone.blocks.1.depthwise.conv.weight"][kept[4:]] = -1.0
    for index in range(24):  # so that each channel is known by its numbers
        weights["backbone.blocks.1.project.conv.weight"][:, index] = index
        weights["backbone.blocks.1.se.expand.bias"][index] = index
    smaller, narrowing = narrow(arch, "row 2's expansion", 16)
    with pytest.raises(StopIteration):
        narrow(arch, "row 2's output", 8)  # joined to row 1's
    found = truncate(weights, arch, smaller, narrowing)
    chosen = found["backbone.blocks.1.project.conv.weight"][0].flatten().tolist()
    assert set(kept) <= set(chosen)
    assert chosen == sorted(chosen)
    assert found["backbone.blocks.1.se.expand.bias"].tolist() == chosen
    shapes = {name: value.shape for name, value in build_model(smaller).state_dict().items()}
    assert {name: value.shape for name, value in found.items()} == shapes


@pytest.mark.parametrize(
    ("arch", "name", "width", "takers"),
    [  # group, and the layers that take its channels
        (SMALL, "row 3's expansion", 64, ["blocks.2.project.conv"]),
        (SMALL, "row 5's expansion", 120, ["blocks.4.project.conv", "blocks.4.se.reduce"]),
        (SMALL, "the last convolution", 144, ["head.extras.0.0.conv"]),
        (SMALL, "extra level 2", 128, ["head.extras.2.0.conv"]),
        (replace(SMALL, head="classifier"), "the hidden layer", 256, ["head.classify"]),
        (replace(SMALL, head="classifier"), "the last convolution", 144, ["head.hidden"]),
        (replace(SMALL, head="lraspp"), "the head's filters", 64, ["head.classify"]),
        (replace(SMALL, head="lraspp"), "the last convolution", 144, ["head.project.conv", "head.gate.0"]),
        (SMALL, "row 7's output and 1 joined to it", 24, ["blocks.7.expand.conv", "blocks.8.expand.conv"]),
    ],
)
def test_channels_that_nobody_takes_can_be_cut(arch: Arch, name: str, width: int, takers: list[str]) -> None:
    """A network whose cut channels are masked, where they are taken, computes what the truncated one does."""
    arch = own_rows(arch)
    weights = random_weights(arch)
    smaller, narrowing = narrow(arch, name, width)
    marked = {key: value.clone() for key, value in weights.items()}
    names = [key for key in weights if any(key == f"{t}.weight" or key == f"backbone.{t}.weight" for t in takers)]
    assert len(names) == len(takers)
    for key in names:  # to see which are kept
        marked[key][:] = torch.arange(narrowing.before, dtype=torch.float32).reshape(1, -1, 1, 1)
    kept = {tuple(truncate(marked, arch, smaller, narrowing)[key][0].flatten().int().tolist()) for key in names}
    if "se.reduce" in " ".join(takers):  # whose own channels follow from what it takes
        marked = {**marked, **{key: weights[key] for key in names if "se.reduce" in key}}
    (indices,) = kept
    cut = sorted(set(range(narrowing.before)) - set(indices))
    masked = {key: value.clone() for key, value in weights.items()}
    for key in names:
        masked[key][:, cut] = 0
    found = truncate(weights, arch, smaller, narrowing)
    for key in names:
        if "se.reduce" in key:  # of its own channels those that are cut are masked too
            small = found[key]
            stay = [i for i, row in enumerate(masked[key][:, list(indices)]) if (small == row).flatten(1).all(1).any()]
            gone = sorted(set(range(len(masked[key]))) - set(stay))
            masked[key.replace("reduce", "expand")][:, gone] = 0
            assert len(stay) == len(small)
    others = [(a, b) for a, b in zip(run(arch, masked), run(smaller, found), strict=True)]
    if name.startswith(("the last", "extra")) and arch.head == "ssdlite":
        # the predictors of that level lose channels too; all other levels stay
        others = [(a[:, -6:], b[:, -6:]) for a, b in others]
    for a, b in others:
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-4)
        assert a.std() > 1e-3


def test_both_copies_that_raspp_joins_are_cut() -> None:
    arch = own_rows(Arch("raspp", "small", 3, filters=32))
    weights = random_weights(arch)
    smaller, narrowing = narrow(arch, "the head's filters", 16)
    found = truncate(weights, arch, smaller, narrowing)
    assert found["head.fuse.conv.weight"].shape == (16, 32, 1, 1)
    fuse = found["head.fuse.conv.weight"]
    rows = [
        i
        for i, row in enumerate(weights["head.pool.conv.weight"])
        if (found["head.pool.conv.weight"] == row).flatten(1).all(1).any()
    ]
    both = rows + [32 + row for row in rows]
    assert torch.equal(fuse, weights["head.fuse.conv.weight"][rows][:, both])
