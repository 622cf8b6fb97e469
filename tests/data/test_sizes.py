import pytest

from data.errors import InputError
from data.samples import space_evenly
from data.sizes import to_size


def test_one_number_is_both_sides():
    assert to_size(320, "size") == (320, 320)
    assert to_size((32, 96), "size") == (32, 96)


@pytest.mark.parametrize(("value", "said"), [(31, "31"), (-64, "-64"), ((64, 16), r"\[64, 16\]")])
def test_a_side_below_the_stride_of_c5_is_refused_by_name(value, said):
    with pytest.raises(InputError, match=rf"^tile: {said}; expected N or \[height, width\], integers from 32$"):
        to_size(value, "tile")


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(9, 3, [0, 4, 8]), (2, 8, [0, 1]), (1, 8, [0]), (10, 1, [0]), (100, 4, [0, 33, 66, 99])],
)
def test_positions_are_spread_from_the_first_to_the_last(count, most, expected):
    assert space_evenly(count, most) == expected
