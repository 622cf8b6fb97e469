from dataclasses import replace

import pytest

from backbones.tables import HS, SE, TABLES, Row, Table, find_tail, find_taps


def test_the_maps_of_the_published_networks_are_where_the_paper_has_them():
    assert find_taps(TABLES["large"]) == {
        "C4": (13, "expand"),
        "C5": ("last", "out"),
        "skip": (6, "depthwise"),
        "low": (4, "out"),
    }
    assert find_taps(TABLES["small"]) == {
        "C4": (9, "expand"),
        "C5": ("last", "out"),
        "skip": (3, "depthwise"),
        "low": (2, "out"),
    }


def test_the_maps_of_other_rows_follow_their_strides():
    rows = tuple(Row(3, 24, 8, SE, HS, s) for s in (2, 1, 2, 2, 1, 1, 2))  # strides of 4, 4, 8, 16, 16, 16, 32
    table = Table(rows, last=16, hidden=16)
    assert find_tail(table) == 7
    assert find_taps(table)["skip"] == (3, "depthwise")
    assert find_taps(table)["low"] == (3, "out")


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"out": 0}, "out: 0"), ({"s": 4}, "s: unknown 4"), ({"NL": "ReLU"}, "NL: unknown"), ({"SE": 1}, "SE: unknown 1")],
)
def test_a_row_that_cannot_be_is_refused_by_its_column(changes, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        replace(TABLES["small"].rows[3], **changes)


def test_rows_that_do_not_reach_stride_32_are_refused():
    with pytest.raises(ValueError, match=r"rows: .* make 16; expected 32"):
        replace(TABLES["small"], rows=TABLES["small"].rows[:8])
