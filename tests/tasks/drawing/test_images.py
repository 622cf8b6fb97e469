import numpy as np
import pytest
from PIL import Image

from data.classes import ClassTable
from data.errors import InputError
from data.samples import IGNORE
from tasks.drawing.images import draw_boxes, draw_legend, draw_mask, save_image, side_by_side

CLASSES = ClassTable.create(["cat", "dög"], [1, 2], colors=[(255, 0, 0), (0, 0, 255)])


def grey(height=120, width=160):
    return np.full((height, width, 3), 100, dtype=np.uint8)


def test_a_box_is_drawn_on_its_edges_in_the_colour_of_its_class():
    drawn = draw_boxes(grey(), np.array([[40.2, 50.0, 99.8, 90.0]]), np.array([1]), classes=CLASSES)
    for y, x in ((90, 60), (70, 40), (70, 100), (50, 90)):
        assert drawn[y, x].tolist() == [0, 0, 255]
    assert drawn[70, 70].tolist() == [100, 100, 100]


def test_the_tag_stands_on_the_class_colour_in_a_colour_that_contrasts():
    boxes, labels = np.array([[40.0, 50.0, 100.0, 90.0]]), np.array([1])
    bare = draw_boxes(grey(), boxes, labels, classes=CLASSES)
    scored = draw_boxes(grey(), boxes, labels, classes=CLASSES, scores=np.array([0.75]))
    tags = [(image[:49] != 100).any(axis=2) for image in (bare, scored)]
    assert tags[1].sum() > tags[0].sum() > 0  # the score makes the tag wider
    assert bare[:49][tags[0]].max(axis=0).min() > 200  # near white on blue


@pytest.mark.parametrize("size", [(20, 20), (40, 300), (1500, 900)])
def test_boxes_at_the_corners_of_images_of_any_size_are_drawn(size):
    height, width = size
    boxes = np.array([[0, 0, width / 2, height / 2], [width / 2, height / 2, width, height]])
    drawn = draw_boxes(grey(*size), boxes, np.array([0, 1]), classes=CLASSES, scores=np.array([0.3, 0.9]))
    assert drawn.shape == (height, width, 3)
    assert {(255, 0, 0), (0, 0, 255)} <= {tuple(color) for color in drawn.reshape(-1, 3).tolist()}


def test_lines_and_tags_grow_with_the_image():
    changed = []
    for scale in (1, 4):
        boxes = np.array([[40.0, 50.0, 100.0, 90.0]]) * scale
        drawn = draw_boxes(grey(480 * scale, 640 * scale), boxes, np.array([0]), classes=CLASSES)
        changed.append((drawn != 100).any(axis=2).mean())
    assert changed[0] == pytest.approx(changed[1], rel=0.3)


def test_many_tags_are_smaller_than_few():
    corners = np.stack(np.meshgrid(np.arange(10, 600, 60), np.arange(20, 440, 60)), -1).reshape(-1, 2)
    boxes = np.hstack([corners, corners + 40]).astype(float)
    one, many = (
        draw_boxes(grey(480, 640), boxes[:count], np.zeros(count, int), classes=CLASSES, scores=np.full(count, 0.5))
        for count in (1, 70)
    )
    covered = [(image[: int(boxes[0, 1]), :59] != 100).any(axis=2).sum() for image in (one, many)]
    assert 0 < covered[1] < covered[0]


def test_tags_of_boxes_with_one_corner_do_not_cover_each_other():
    boxes = np.array([[20.0, 40.0, 70.0, 80.0], [20.0, 40.0, 90.0, 110.0]])
    drawn = draw_boxes(grey(), boxes, np.array([0, 1]), classes=CLASSES, scores=np.array([0.9, 0.5]))
    alone = draw_boxes(grey(), boxes[:1], np.array([0]), classes=CLASSES, scores=np.array([0.9]))
    np.testing.assert_array_equal(drawn[:39], alone[:39])


def test_the_highest_score_is_on_top():
    boxes, scores = np.array([[20.0, 40.0, 70.0, 80.0]] * 2), np.array([0.9, 0.5])
    drawn = draw_boxes(grey(), boxes, np.array([0, 1]), classes=CLASSES, scores=scores)
    assert drawn[60, 20].tolist() == [255, 0, 0]


def test_no_boxes_leave_the_image_as_it_is():
    none = np.zeros((0, 4), dtype=np.float32)
    drawn = draw_boxes(grey(), none, np.zeros(0, dtype=np.int64), classes=CLASSES, scores=np.zeros(0))
    np.testing.assert_array_equal(drawn, grey())


def test_a_mask_blends_and_leaves_ignored_pixels():
    mask = np.array([[0, 1, IGNORE]], dtype=np.uint8)
    image = np.full((1, 3, 3), 100, dtype=np.uint8)
    drawn = draw_mask(image, mask, classes=CLASSES, opacity=0.5)
    assert drawn[0].tolist() == [[178, 50, 50], [50, 50, 178], [100, 100, 100]]  # 177.5 rounds to even
    np.testing.assert_array_equal(draw_mask(image, mask, classes=CLASSES, opacity=0.0), image)


def test_a_mask_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"size \(2, 2\)"):
        draw_mask(grey(), np.zeros((2, 2), dtype=np.uint8), classes=CLASSES)
    with pytest.raises(ValueError, match="mask holds 2"):
        draw_mask(grey(2, 2), np.full((2, 2), 2, dtype=np.uint8), classes=CLASSES)


def test_the_legend_lists_the_classes_that_are_present():
    only_cat = draw_legend(np.array([[0, IGNORE]]), classes=CLASSES, width=300)
    colors = {tuple(color) for color in only_cat.reshape(-1, 3).tolist()}
    assert (255, 0, 0) in colors
    assert (0, 0, 255) not in colors
    both = draw_legend(np.array([0, 1]), classes=CLASSES, width=300)
    assert both.shape == only_cat.shape == (only_cat.shape[0], 300, 3)


def test_a_narrow_legend_takes_more_lines():
    wide, narrow = (draw_legend(np.array([0, 1]), classes=CLASSES, width=width) for width in (200, 60))
    assert narrow.shape == (2 * wide.shape[0], 60, 3)
    assert draw_legend(np.array([IGNORE]), classes=CLASSES, width=60).shape == (wide.shape[0], 60, 3)


def test_two_images_stand_side_by_side_under_their_titles():
    left, right = grey(), grey() + 50
    pair = side_by_side(left, right, titles=("image", "prediction"))
    np.testing.assert_array_equal(pair[-120:, :160], left)
    np.testing.assert_array_equal(pair[-120:, -160:], right)
    assert pair.shape[1] > 320
    assert (pair[:-120] < 128).any()
    with pytest.raises(ValueError, match="expected the left one's"):
        side_by_side(left, right[:-1])


def test_drawing_does_not_change_its_inputs():
    image, mask, boxes = grey(), np.zeros((120, 160), dtype=np.uint8), np.array([[10.0, 10.0, 50.0, 50.0]])
    draw_boxes(image, boxes, np.array([0]), classes=CLASSES)
    draw_mask(image, mask, classes=CLASSES)
    side_by_side(image, image)
    np.testing.assert_array_equal(image, grey())
    assert boxes.tolist() == [[10.0, 10.0, 50.0, 50.0]]


@pytest.mark.parametrize(
    ("name", "form", "tolerance"), [("a.png", "PNG", 0), ("a.JPG", "JPEG", 3), ("a.jpeg", "JPEG", 3)]
)
def test_images_are_saved_by_their_suffix(tmp_path, name, form, tolerance):
    save_image(grey(), tmp_path / name)
    with Image.open(tmp_path / name) as saved:
        assert saved.format == form
        assert np.abs(np.array(saved).astype(int) - 100).max() <= tolerance


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(InputError, match="choose from"):
        save_image(grey(), tmp_path / "a.tiff")
