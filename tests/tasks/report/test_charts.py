import numpy as np
import pytest

from tasks.report.charts import MOST_POINTS, Line, draw_lines, linear_axis, log_axis, round_step, thin, widen


@pytest.mark.parametrize(("step", "expected"), [(0.013, 0.02), (0.02, 0.02), (3, 5), (51, 100)])
def test_a_step_is_rounded_up_to_1_2_or_5(step, expected):
    assert round_step(step) == pytest.approx(expected)


def test_an_axis_puts_its_values_between_its_ends():
    axis = linear_axis(0, 10, 100, 0)
    assert (axis.place(0), axis.place(5), axis.place(10)) == (100, 50, 0)
    assert [text for _, text in axis.ticks] == ["0", "2", "4", "6", "8", "10"]


def test_an_axis_of_one_value_still_has_a_place_for_it():
    assert 0 <= linear_axis(3, 3, 0, 100).place(3) <= 100


def test_a_logarithmic_axis_puts_equal_ratios_at_equal_distances():
    axis = log_axis(1, 100, 0, 100)
    assert [axis.place(value) for value in (1, 10, 100)] == pytest.approx([0, 50, 100])
    assert [text for _, text in axis.ticks] == ["1", "2", "5", "10", "20", "50", "100"]


def test_a_range_is_widened_to_round_numbers():
    assert widen(0, 0.87) == pytest.approx((0, 1.0))
    assert widen(0, 13.2) == pytest.approx((0, 15))


def test_many_points_become_means_of_neighbours_and_the_last_stays():
    values = thin(np.arange(10_000.0))
    assert len(values) == MOST_POINTS
    assert (values[0], values[-1]) == (pytest.approx(16.5, abs=1), 9999)


def test_a_chart_without_points_is_none():
    assert draw_lines([Line("a", np.zeros(0), np.zeros(0))], title="", xlabel="") is None


def test_a_line_goes_from_corner_to_corner():
    chart = draw_lines([Line("a", np.array([0.0, 10]), np.array([0.0, 1]))], title="t", xlabel="x", y_range=(0, 1))
    left, top, right, bottom = chart["frame"]
    assert chart["lines"][0]["path"] == f"{left:.1f},{bottom:.1f} {right:.1f},{top:.1f}"
    assert chart["legend"] == [("a", 0)]


def test_one_point_is_a_dot():
    chart = draw_lines([Line("a", np.array([5.0]), np.array([0.5]))], title="t", xlabel="x", x_range=(0, 10))
    left, _, right, _ = chart["frame"]
    assert chart["lines"][0]["mark"][0] == (left + right) / 2


def test_values_that_differ_much_are_drawn_logarithmically_where_allowed():
    line = Line("loss", np.arange(3.0), np.array([100.0, 10, 1]))
    heights = []
    for log in (True, False):
        chart = draw_lines([line], title="", xlabel="", may_be_log=log)
        heights.append([float(point.split(",")[1]) for point in chart["lines"][0]["path"].split()])
    first, second = np.diff(heights[0])
    assert first == pytest.approx(second, abs=0.1)
    first, second = np.diff(heights[1])
    assert first > 5 * second
