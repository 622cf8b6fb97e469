import math

import pytest

from data.formats.turning import surround


@pytest.mark.parametrize(
    ("degrees", "box"),
    [
        (90, [40, -30, 20, 80]),  # 80 x 20 about (50, 10) stands upright
        (180, [10, 0, 80, 20]),
        (-30, [50 - 39.64102, 10 - 28.66025, 79.28203, 57.32051]),  # 80 cos 30 + 20 sin 30, 80 sin 30 + 20 cos 30
    ],
)
def test_the_box_around_a_turned_rectangle_has_its_centre(degrees, box):
    assert surround([10, 0, 80, 20], degrees) == pytest.approx(box, abs=1e-5)


@pytest.mark.parametrize("degrees", [math.nan, math.inf])
def test_an_angle_that_is_no_number_leaves_no_box(degrees):
    assert all(math.isnan(value) for value in surround([10, 0, 80, 20], degrees))
