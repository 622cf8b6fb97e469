from dataclasses import replace

import pytest

from backbones.tables import TABLES
from tasks.adapt.proposals import Space
from tasks.adapt.widths import change_width, list_groups, list_steps, own_rows, read_width, set_width
from tasks.latency.table import list_layers
from tasks.models.architecture import Arch
from tasks.models.network import build_model

SSDLITE = own_rows(Arch("ssdlite", "small", 5, halving="detection"))


def find(arch: Arch, name: str):
    return next(group for group in list_groups(arch) if group.name == name)


@pytest.mark.parametrize("head", ["ssdlite", "lraspp", "raspp", "classifier"])
@pytest.mark.parametrize("options", [{}, {"width": 0.75}, {"halving": "segmentation", "minimalistic": True}])
def test_a_network_with_rows_of_its_own_has_the_same_layers(head: str, options: dict[str, object]) -> None:
    arch = Arch(head, "large", 5, **options)  # type: ignore[arg-type]
    own = own_rows(arch)
    assert list_layers(own, (96, 96)) == list_layers(arch, (96, 96))
    shapes = [{name: x.shape for name, x in build_model(each).state_dict().items()} for each in (arch, own)]
    assert shapes[0] == shapes[1]


def test_channels_joined_by_residual_connections_are_one_group() -> None:
    names = [group.name for group in list_groups(SSDLITE)]
    # Of Small: rows 3, 5, 6, 8, 10 and 11 have the channels of the rows before them; row 1 has no expansion.
    assert [name for name in names if "joined" in name] == [
        "the stem and 1 joined to it",
        "row 2's output and 1 joined to it",
        "row 4's output and 2 joined to it",
        "row 7's output and 1 joined to it",
        "row 9's output and 2 joined to it",
    ]
    assert "row 1's expansion" not in names
    large = own_rows(Arch("lraspp", "large", 5))
    stem = find(large, "the stem and 2 joined to it")
    assert [str(place) for place in stem.places] == ["the stem", "row 1's output", "row 1's expansion"]
    assert sum(len(group.places) for group in list_groups(large)) == 3 + 2 * len(TABLES["large"].rows) + 1


def test_all_places_of_a_group_change() -> None:
    group = find(SSDLITE, "row 4's output and 2 joined to it")
    smaller = change_width(SSDLITE, group, 32)
    assert smaller is not None
    assert [row.out for row in smaller.table.rows[3:6]] == [32, 32, 32]
    assert read_width(smaller, group) == 32
    assert replace(smaller, table=SSDLITE.table) == SSDLITE
    extra = change_width(SSDLITE, find(SSDLITE, "extra level 2's middle"), 64)
    assert extra is not None
    assert extra.extras == ((256, 512), (64, 256), (128, 256), (64, 128))


def test_no_residual_connection_and_no_expansion_comes_or_goes() -> None:
    assert change_width(SSDLITE, find(SSDLITE, "row 7's output and 1 joined to it"), 40) is None  # 40 enter row 7
    assert change_width(SSDLITE, find(SSDLITE, "row 3's expansion"), 24) is None  # 24 enter row 3
    assert set_width(SSDLITE, find(SSDLITE, "row 3's expansion"), 24).table.rows[2].exp_size == 24
    # Row 9 strides, so that nothing is joined there, unless it is dilated instead.
    assert change_width(SSDLITE, find(SSDLITE, "row 9's output and 2 joined to it"), 40) is not None
    dilated = replace(SSDLITE, output_stride=16)
    joined = next(group for group in list_groups(dilated) if group.name.startswith("row 7's output"))
    assert joined.name == "row 7's output and 4 joined to it"  # 48 enter row 9 and leave it


def test_steps_are_multiples_of_8_on_a_grid_of_shares() -> None:
    assert list_steps(240, step=0.25, least=0.25) == [184, 120, 64]
    assert list_steps(16, step=0.125, least=0.25) == [8]
    assert list_steps(8, step=0.125, least=0.25) == []
    assert list_steps(80, step=0.1, least=0.5) == [72, 64, 56, 48, 40]


@pytest.mark.parametrize(("head", "own"), [("ssdlite", "extra level 4"), ("lraspp", "the head's filters")])
def test_only_channels_on_which_a_layer_depends_are_in_the_space(head: str, own: str) -> None:
    names = {group.name for group in Space(own_rows(Arch(head, "small", 5)), (64, 96), 0.25, 0.25).groups}
    assert own in names
    assert "the hidden layer" not in names
    classifier = Space(own_rows(Arch("classifier", "small", 5)), (64, 64), 0.25, 0.25)
    assert "the hidden layer" in {group.name for group in classifier.groups}


def test_every_layer_of_every_network_on_the_way_is_listed() -> None:
    space = Space(SSDLITE, (64, 96), 0.25, 0.25)
    listed = {layer.name for layer in space.layers()}
    assert len(listed) == len(space.layers())
    arch = SSDLITE
    for turn in range(3):
        for group in space.groups:
            smaller = [width for width in space.steps(group) if width < read_width(arch, group)]
            changed = change_width(arch, group, smaller[turn % len(smaller)]) if smaller else None
            arch = changed or arch
            assert {layer.name for layer in list_layers(arch, space.size)} <= listed
    assert {layer.name for layer in list_layers(space.smallest(), space.size)} <= listed
    assert arch.table != SSDLITE.table
