import random
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.findings import EntryError, Finding, refuse
from data.formats.yolo import parse_lines
from data.formats.yolo_layout import YoloLayout
from data.formats.yolo_lines import BOXES, POLYGONS, find_meaning, pack_lines, parse_line, to_box
from tests.support import trees


def parse(text, **options):
    return parse_line(text.encode(), "a.txt: line 1", trees.NAMES, **options)


def find_boxes(*lines, task="", keypoints=0, report=refuse):
    """Return what the lines of a split mean, and their boxes."""
    values = [parse(line, task=task, keypoints=keypoints)[1] for line in lines]
    meaning = find_meaning(values, task=task, keypoints=keypoints, source="data.yaml", report=report)
    return meaning, [to_box(line, meaning) for line in values]


def test_a_line_by_hand():
    assert parse("2 0.5 0.25 0.2 0.1") == (2, [0.5, 0.25, 0.2, 0.1])
    meaning, (box,) = find_boxes("2 0.5 0.25 0.2 0.1")
    assert meaning is None
    assert box == pytest.approx([0.4, 0.2, 0.2, 0.1])


TRIANGLE = "1 0.1 0.2 0.5 0.3 0.4 0.9"  # xywh 0.1 0.2 0.4 0.7
ORIENTED = "1 0.3 0.4 0.5 0.3 0.6 0.5 0.4 0.6"  # a square on its corner: xywh 0.3 0.3 0.3 0.3
FACE = "0 0.5 0.5 0.2 0.2 0.45 0.45 0.55 0.45 0.5 0.5"  # three landmarks in the box 0.4 0.4 0.2 0.2


@pytest.mark.parametrize(
    ("lines", "options", "meaning", "box"),
    [
        ([TRIANGLE], {}, POLYGONS, [0.1, 0.2, 0.4, 0.7]),  # as a box it would leave the image
        ([ORIENTED], {}, POLYGONS, [0.3, 0.3, 0.3, 0.3]),  # a parallelogram
        ([FACE, TRIANGLE], {}, POLYGONS, [0.2, 0.2, 0.35, 0.3]),  # as many numbers as each needs
        ([FACE], {"task": "segment"}, POLYGONS, [0.2, 0.2, 0.35, 0.3]),
        ([FACE], {"task": "detect"}, BOXES, [0.4, 0.4, 0.2, 0.2]),
        ([FACE], {"keypoints": 6}, BOXES, [0.4, 0.4, 0.2, 0.2]),
        (["0 .5 .5 .2 .2 .87 3"], {}, BOXES, [0.4, 0.4, 0.2, 0.2]),  # a score and the number of a track
        (["0 .5 .5 .2 .2 .87"], {"task": "detect"}, BOXES, [0.4, 0.4, 0.2, 0.2]),
        (["0 .5 .5 .2 .2 .87", "0 .5 .5 .2 .2"], {}, BOXES, [0.4, 0.4, 0.2, 0.2]),  # no polygon has half a point
        (["0 .5 .5 .2 .2 .45 .45 2 0 0 0"], {"keypoints": 6}, BOXES, [0.4, 0.4, 0.2, 0.2]),
    ],
)
def test_longer_lines_are_read_as_what_they_are_and_that_is_said(lines, options, meaning, box):
    findings = []
    found, boxes = find_boxes(*lines, report=findings.append, **options)
    assert (found, boxes[0]) == (meaning, pytest.approx(box))
    assert [(f.level, f.found.endswith(f"values: {meaning}")) for f in findings] == [("note", True)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([FACE, FACE], "2 of 2 lines hold 11 values, which fit both polygons and boxes followed by other values"),
        (["0 .5 .5 .2 .2 .87 1"], "1 of 1 lines hold 7 values, which fit both polygons and boxes"),
        (["0 .9 .9 .4 .4 3 4"], "which fit neither polygons nor boxes followed by other values"),
    ],
)
def test_lines_that_fit_two_meanings_or_none_are_refused_with_the_way_to_say_it(lines, message):
    with pytest.raises(
        InputError, match=rf"data\.yaml: .*{message}.*; expected in data\.yaml task: segment .*kpt_shape"
    ):
        find_boxes(*lines)


def test_polygons_that_a_few_sloppy_points_leave_stay_polygons():
    lines = ["1 0.9 0.9 0.95 0.9 0.95 0.95"] * 19 + ["1 0.9 0.9 1.05 0.9 0.95 0.95"]
    assert find_boxes(*lines)[0] == POLYGONS


def test_a_class_may_be_written_as_a_float_and_lines_may_be_empty():
    assert parse("2.0 .5 .5 .2 .2")[0] == 2
    assert parse("  \t") is None


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite_make_a_box_that_is_left_out(value):
    assert find_boxes(f"0 {value} .5 .2 .2")[1] == [[float("inf")] * 4]
    assert find_boxes(f"0 {value} .5 .2 .2 .3 .3")[1] == [[float("inf")] * 4]


def test_key_points_are_as_many_as_the_yaml_says():
    with pytest.raises(
        InputError, match=r"12 values; expected 11, a class, a box and 6 of key points, as kpt_shape says"
    ):
        parse(f"{FACE} 0.5", keypoints=6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 .5 .5 .2", "4 values; expected class, centre"),
        ("0 .5 .5 .2 .2 .9 .1 .3", "8 values; expected"),
        ("cat .5 .5 .2 .2", "'cat .5 .5 .2 .2'; expected"),
        ("3 .5 .5 .2 .2", "class 3; expected 0 to 2"),
        ("-1 .5 .5 .2 .2", "class -1; expected 0 to 2"),
        ("0.5 .5 .5 .2 .2", "class 0.5; expected 0 to 2"),
        ("nan .5 .5 .2 .2", "class nan; expected 0 to 2"),
        ("\xff\x00", "expected class"),
    ],
)
def test_a_malformed_line_is_refused_by_its_place(text, message):
    with pytest.raises(EntryError, match=message) as info:
        parse(text)
    assert str(info.value).startswith("a.txt: line 1: ")


@pytest.mark.parametrize("number", [3, -0.7, 1.2])
def test_a_number_behind_a_box_that_is_no_score_is_refused(number):
    """CVAT's number of a track, or the angle of a turned box."""
    with pytest.raises(InputError, match="2 of 2 lines hold 6 values, which fit both boxes with the number of a track"):
        find_boxes("0 .5 .5 .2 .2 0", f"0 .5 .5 .2 .2 {number}")


def test_lines_with_a_score_among_polygons_are_refused():
    with pytest.raises(InputError, match="fit neither polygons nor boxes followed by other values; expected in"):
        find_boxes("0 .5 .5 .2 .2 .87", TRIANGLE)


LINES = (  # as most files have them; and others
    (
        b"0 .5 .5 .2 .2",
        b"1 0.1 0.9 1e-3 0.25",
        b"",
        b"2.0 .5 .5 1 1",
        b"  1\t.3 .3 .1 .1 ",
        b"-0 .5 .5 .2 .2",
        b"0 nan .5 .5 inf",
        b"1 1_0 .5 .2 .3",
    ),
    (
        b"3 .5 .5 .2 .2",
        b"x .5 .5 .2 .2",
        b"0 .5 .5 .2",
        b"0.5 .5 .5 .2 .2",
        b"nan 1 1 1 1",
        b"inf 1 1 1 1",
        b"0 .1 .1 .9 .1 .9 .9",
        b"-1 1 1 1 1",
    ),
)


@pytest.mark.parametrize("oddness", [0.0, 0.1])
def test_lines_say_the_same_read_at_once_as_one_by_one(oddness):
    generator, packed = random.Random(0), 0
    for _ in range(300):
        counts = [generator.choice([None, 0, 1, 3]) for _ in range(generator.randint(1, 4))]
        files = [
            None if count is None else [generator.choice(LINES[generator.random() < oddness]) for _ in range(count)]
            for count in counts
        ]
        layout = YoloLayout(Path("set"), Path("set"), [], ["a", "b", "c"])
        findings: list[Finding] = []
        expected = parse_lines([Path(f"{n}.txt") for n in range(len(files))], files, layout, report=findings.append)
        found = pack_lines(files, count=3)
        if found is None:
            assert findings or any(len(line.split()) > 5 for lines in files for line in lines or ())
            continue
        packed += 1
        assert not findings
        for name, column in vars(expected).items():
            np.testing.assert_array_equal(vars(found)[name], column, err_msg=name)
            assert vars(found)[name].dtype == column.dtype
    assert packed == 300 if not oddness else packed > 100
