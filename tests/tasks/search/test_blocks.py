"""MnasNet's space around the rows of a network, against rows worked out by hand."""

import random
from dataclasses import replace

import pytest
from optuna.trial import FixedTrial

from backbones.mobilenetv3 import scale_width
from backbones.tables import HS, RE, TABLES, Row, Table
from tasks.latency.table import list_layers
from tasks.models.architecture import Arch
from tasks.models.network import build_model
from tasks.search.blocks import Space

WIDE = Row(5, 576, 1104, True, HS, 1)
SMALL, LARGE = Space(TABLES["small"]), Space(TABLES["large"])


@pytest.mark.parametrize(
    ("space", "stages"),
    [
        (SMALL, [(1, 16, 2), (2, 24, 2), (3, 40, 2), (2, 48, 1), (3, 96, 2)]),
        (LARGE, [(1, 16, 1), (2, 24, 2), (3, 40, 2), (4, 80, 2), (2, 112, 1), (3, 160, 2)]),
    ],
)
def test_rows_of_equal_output_are_a_stage(space: Space, stages: list[tuple[int, int, int]]) -> None:
    assert [(stage.layers, stage.out, stage.s) for stage in space.stages] == stages
    assert [stage.number for stage in space.stages] == list(range(1, len(stages) + 1))


def test_there_are_so_many_networks() -> None:
    assert SMALL.count() == (2 * 4 * 2 * 2 * 3) ** 5 * 2 * 3**4  # one layer less of the first stage would be none
    assert LARGE.count() == (2 * 4 * 2 * 2 * 3) ** 6 * 3**6  # of Large's, at stride 1, it may


def test_choices_make_these_rows() -> None:
    chosen = {name: values[0] for name, values in SMALL.choices.items()}
    chosen |= {"stage1.layers": 1, "stage1.width": 1.0, "stage1.expansion": 4}
    chosen |= {"stage2.layers": 2, "stage2.kernel": 5, "stage2.SE": True, "stage2.NL": HS, "stage2.width": 1.25}
    chosen |= {"stage5.expansion": 6, "stage5.layers": 2, "stage5.width": 1.25}
    table = SMALL.build(chosen)
    assert table.rows == (
        Row(3, 64, 16, False, RE, 2),
        Row(5, 32, 32, True, HS, 2),  # 24 x 1.25 = 30, in eighths; 16 x 2
        Row(5, 64, 32, True, HS, 1),
        Row(3, 64, 32, False, RE, 2),  # 40 x .75 = 30; 32 x 2
        Row(3, 64, 32, False, RE, 1),
        Row(3, 64, 40, False, RE, 1),  # 48 x .75 = 36, to 40, as 32 is less than nine tenths
        Row(3, 240, 120, False, RE, 2),
        Row(3, 720, 120, False, RE, 1),
    )
    assert table.last == 720  # 576 x 120 / 96
    assert (table.stem, table.hidden, table.NL) == (16, 1024, HS)


def test_a_stage_that_changes_no_resolution_may_be_left_out() -> None:
    chosen = {name: values[0] for name, values in LARGE.choices.items()}
    assert chosen["stage1.layers"] == 0
    table = LARGE.build(chosen)
    assert table.rows[0] == Row(3, 32, 24, False, RE, 2)  # 24 x .75 = 18, to 24, as 16 is less than nine tenths


@pytest.mark.parametrize("width", [0.35, 1.0])
@pytest.mark.parametrize("name", ["small", "large"])
def test_the_ends_of_the_space_are_networks(name: str, width: float) -> None:
    space = Space(scale_width(TABLES[name], width))
    largest = space.build({name: values[-1] for name, values in space.choices.items()})
    models = [build_model(Arch("ssdlite", "table", 3, table=table)) for table in (space.smallest, largest)]
    smaller, larger = (sum(parameter.numel() for parameter in model.parameters()) for model in models)
    assert smaller < larger


def test_a_trial_draws_what_it_is_given() -> None:
    chosen = {name: values[-1] for name, values in SMALL.choices.items()}
    assert SMALL.draw(FixedTrial(chosen)) == SMALL.build(chosen)  # type: ignore[arg-type]


def around(*rows: Row, **others: int) -> Space:
    """Return the space around a table with these rows in the place of Small's, or other layers around Small's."""
    return Space(replace(TABLES["small"], rows=rows or TABLES["small"].rows, **others))


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (around(*TABLES["small"].rows[:-1], WIDE), "exp_size: 8304; expected an integer from 1 to 8192"),  # 6 x 1384
        (around(last=8000), "last: 10000; expected an integer from 1 to 8192"),
        (around(stem=1400), "exp_size: 8400; expected"),
        (around(*[Row(3, 16, 16, False, RE, 1)] * 185, *TABLES["small"].rows), "rows: 202; expected at most 200"),
        # without the last row, which may be left out, the last convolution is 576 x 120 / 8
        (around(*TABLES["small"].rows, Row(3, 48, 8, False, HS, 1)), "last: 8640"),
    ],
)
def test_a_space_with_networks_too_large_is_refused(space: Space, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        space.check()
    SMALL.check()
    LARGE.check()


@pytest.mark.parametrize("head", ["ssdlite", "lraspp"])
def test_each_layer_that_may_be_drawn_is_in_a_network_of_the_cover(head: str) -> None:
    rows = [Row(3, 16, 16, True, RE, 2), Row(3, 72, 24, False, RE, 2), Row(3, 64, 16, True, HS, 1)]
    rows += [Row(3, 64, 32, True, HS, 1), Row(5, 96, 40, True, HS, 2), Row(5, 96, 96, True, HS, 2)]
    rows += [Row(5, 96, 64, True, HS, 1)]  # stages 3, 4 and 7 may be left out
    space = Space(Table(tuple(rows), last=576, hidden=1024))
    arch = Arch(head, "table", 3, table=space.base, output_stride=16)
    covered = {layer for table in space.cover() for layer in list_layers(replace(arch, table=table), (64, 96))}
    generator = random.Random(0)
    for _ in range(500):
        table = space.build({name: generator.choice(values) for name, values in space.choices.items()})
        assert covered.issuperset(list_layers(replace(arch, table=table), (64, 96)))
