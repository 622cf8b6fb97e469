import time

import numpy as np
import pytest

from data.classes import ClassTable
from tasks.drawing.images import add_title, draw_boxes, draw_legend
from tasks.drawing.lettering import measure

PAPER = np.full((100, 150, 3), 255, np.uint8)


def test_the_end_of_a_long_title_is_shown():
    title = "images/2024/" + "x" * 100 + "/frame 7.jpg"
    shown = next(title[start:] for start in range(len(title)) if measure(f"…{title[start:]}", 9) <= 150)
    np.testing.assert_array_equal(add_title(PAPER, title), add_title(PAPER, f"…{shown}"))
    assert shown.endswith("x/frame 7.jpg")


def test_a_title_of_ten_thousand_letters_takes_no_time():
    start = time.perf_counter()
    titled = add_title(PAPER, "x" * 10_000)
    assert time.perf_counter() - start < 5  # where each letter less was tried, minutes
    assert titled.shape[1:] == (150, 3)


@pytest.mark.parametrize("name", ["two\nlines", "a\tb", "\udce9", "x" * 10_000])
def test_names_that_are_no_plain_line_are_drawn_in_one_line(name):
    plain, odd = (ClassTable.create([text], [1]) for text in ("plain", name))
    heights = [draw_legend(np.zeros(1, int), classes=classes, width=150).shape[0] for classes in (plain, odd)]
    assert heights[0] == heights[1]
    drawn = draw_boxes(PAPER, np.array([[20.0, 40.0, 60.0, 80.0]]), np.array([0]), classes=odd)
    np.testing.assert_array_equal(drawn[82:], PAPER[82:])


def test_tags_of_ones_own_take_the_place_of_names():
    classes = ClassTable.create(["right"], [1])
    box = np.array([[20.0, 40.0, 60.0, 80.0]])
    named, tagged, other = (
        draw_boxes(PAPER, box, np.array([0]), classes=classes, tags=tags) for tags in (None, ["right"], ["cat, missed"])
    )
    np.testing.assert_array_equal(named, tagged)
    assert (named != other).any()
