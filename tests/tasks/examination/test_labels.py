import numpy as np
import pytest
import torch

from data.classes import ClassTable
from data.samples import IGNORE
from heads.anchor_layouts import TENSORFLOW
from tasks.detection.anchor_fit import Anchors, check_recall
from tasks.detection.box_table import BoxTable, check_repeats, check_sizes, count_boxes, enlarge, measure_sizes
from tasks.examination.counts import Counts, check_classes, check_empty, name_some
from tasks.segmentation.mask_table import MaskTable, check_masks, count_mask, count_masks

CLASSES = ClassTable.create(["cat", "dog", "fox"], [1, 2, 3])


def table(boxes, labels, rows, *, crowd=None, sizes=((100, 200), (100, 200), (50, 50))):
    return BoxTable(
        np.array(["a.jpg", "b.jpg", "c.jpg"]),
        np.array(sizes),
        np.array(rows, np.int64),
        np.array(labels, np.int64),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(len(rows), bool) if crowd is None else np.array(crowd),
    )


def counts(images, *, amounts=None, empty=(), total=100):
    return Counts("boxes", np.array(amounts or images), np.array(images), empty, total)


def kinds(check, *args, **options):
    found = []
    check(*args, report=found.append, **options)
    return [(finding.level, finding.kind) for finding in found], [str(finding) for finding in found]


def test_boxes_are_counted_by_class_and_image():
    own = table([[0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]], [0, 0, 2], [0, 0, 1])
    found = count_boxes(own, CLASSES)
    assert found.amounts.tolist() == [2, 0, 1]
    assert found.images.tolist() == [1, 0, 1]
    assert found.empty == ("c.jpg",)
    assert found.shares == pytest.approx([2 / 3, 0, 1 / 3])


def test_sizes_are_those_of_coco_and_those_at_the_input():
    own = table([[0, 0, 31, 31], [0, 0, 32, 32], [0, 0, 100, 96], [0, 0, 10, 2]], [0] * 4, [0, 0, 0, 1])
    found = measure_sizes(own, (200, 200))  # width x 1, height x 2
    assert {key: found[key] for key in ("small", "medium", "large", "tiny", "lost")} == {
        "small": 2,
        "medium": 1,
        "large": 1,
        "tiny": 1,
        "lost": 0,
    }
    assert found["side_at_input"]["median"] == pytest.approx((31 * 62) ** 0.25 * (32 * 64) ** 0.25, abs=0.6)


def test_crowds_are_neither_counted_nor_measured():
    own = table([[0, 0, 9, 9], [0, 0, 1, 80], [0, 0, 9, 9]], [0, 1, 1], [0, 0, 1], crowd=[False, True, True])
    found = count_boxes(own, CLASSES)
    assert (found.amounts.tolist(), found.images.tolist(), found.empty) == ([1, 0, 0], [1, 0, 0], ("c.jpg",))
    sizes = measure_sizes(own, (100, 200))
    assert (sizes["small"], sizes["medium"], sizes["tiny"]) == (1, 0, 0)
    assert kinds(check_sizes, own, (50, 50), split="train")[0] == [("note", "tiny boxes")]  # the box of 9: 2.25 wide


def test_sizes_of_no_boxes_are_none():
    assert measure_sizes(table([], [], []), (32, 32))["side_at_input"] == {"p5": None, "median": None, "p95": None}


def test_boxes_under_a_pixel_are_reported_one_by_one_and_many_tiny_ones_together():
    own = table([[0, 0, 3, 50], [10, 5, 60, 95]], [0, 1], [0, 1])
    found, texts = kinds(check_sizes, own, (50, 50), split="train")  # 3 x 50 pixels become .75 x 25
    assert found == [("warning", "box too small to be seen"), ("note", "tiny boxes")]
    assert "a.jpg: box at (0, 0): 3 x 50 pixels, 0.75 at size=[50,50]" in texts[0]
    assert "size=[64,64]" in texts[1]


def test_boxes_that_stand_twice_are_found_in_one_image_alone_and_not_among_crowds():
    box = [10, 10, 50, 50]
    found, _ = kinds(check_repeats, table([box, box, [10, 10, 50, 40]], [0, 0, 0], [0, 0, 0]), CLASSES)
    assert found == [("warning", "duplicate box")]
    assert kinds(check_repeats, table([box, box], [0, 0], [0, 1]), CLASSES)[0] == []
    assert kinds(check_repeats, table([box, box], [0, 0], [0, 0], crowd=[True, False]), CLASSES)[0] == []
    assert kinds(check_repeats, table([box, box], [0, 2], [1, 1]), CLASSES)[0] == [("warning", "box of two classes")]


def test_a_larger_size_is_a_multiple_of_the_stride():
    assert enlarge((320, 320)) == (480, 480)
    assert enlarge((300, 500)) == (448, 736)


@pytest.mark.parametrize(
    ("train", "val", "expected"),
    [
        ([50, 50, 50], [9, 9, 9], []),
        ([50, 50, 0], [9, 9, 9], [("warning", "class missing in training")]),
        ([50, 50, 0], [9, 9, 0], [("note", "class never used")]),
        ([50, 50, 50], [9, 9, 0], [("note", "class that is not evaluated")]),
        ([50, 50, 9], [9, 9, 9], [("note", "rare class")]),
        ([99, 50, 4], [9, 9, 9], [("note", "rare class"), ("note", "classes out of balance")]),
    ],
)
def test_classes_that_are_missing_or_rare_are_reported(train, val, expected):
    splits = {"train": counts(train), "val": counts(val)}
    assert kinds(check_classes, splits, CLASSES)[0] == expected


def test_one_split_alone_says_nothing_of_evaluation():
    assert kinds(check_classes, {"train": counts([50, 50, 50])}, CLASSES)[0] == []


@pytest.mark.parametrize(("empty", "level"), [(0, None), (3, "note"), (51, "warning")])
def test_images_without_labels_are_a_warning_where_they_are_most(empty, level):
    found, _ = kinds(check_empty, counts([1, 1, 1], empty=tuple("x" * empty)), split="train")
    assert found == ([(level, "image without labels")] if level else [])


def test_long_lists_of_names_are_cut():
    assert name_some(["a"] * 8) == "a, a, a, a, a, a, a, a"
    assert name_some(["a"] * 9).endswith("a and 1 more")


def test_the_pixels_of_a_mask_are_counted_with_the_ignored_last():
    assert count_mask(np.array([[0, 0, 2], [IGNORE, 2, 2]], np.uint8), 3).tolist() == [2, 0, 3, 1]


def test_masks_are_counted_by_class_and_image_and_unreadable_ones_are_not_empty():
    masks = MaskTable(np.array(["a", "b", "c", "d"]), np.array([[4, 0, 6, 0], [0, 0, 9, 1], [0, 0, 0, 10], [0] * 4]))
    found = count_masks(masks, CLASSES)
    assert found.amounts.tolist() == [4, 0, 15]
    assert found.images.tolist() == [1, 0, 2]
    assert found.empty == ("c",)
    assert masks.ignored.tolist() == [0, 0.1, 1, 0]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[500, 500, 0, 0], [500, 500, 0, 0]], []),
        ([[20, 20, 0, 960], [5000, 5000, 0, 0]], [("warning", "mask that is nearly all ignored")]),
        ([[200, 200, 0, 600], [200, 200, 0, 600]], [("warning", "split that is mostly ignored")]),
        ([[0, 0, 0, 600], [0, 0, 0, 600]], [("error", "nothing labelled")]),
        ([[5000, 2, 0, 0], [5000, 2, 0, 0]], [("note", "class that is very rare")]),
    ],
)
def test_masks_that_teach_little_are_reported(counts, expected):
    assert kinds(check_masks, MaskTable(np.array(["a", "b"]), np.array(counts)), CLASSES, split="train")[0] == expected


def test_the_recall_of_anchors_is_reported_with_what_would_mend_it():
    anchors = Anchors(TENSORFLOW, (16, 32, 64, 107, 160, 320), (320, 320))
    centres = torch.tensor([[x, y, x, y] for x in (56, 120, 248) for y in (72, 200)]).float()
    fits, small = (centres + torch.tensor([-w / 2, -h / 2, w / 2, h / 2]) for w, h in ((32, 32), (22, 22)))
    boxes, labels = torch.cat([fits, small]), torch.tensor([0] * 6 + [1] * 6)
    found = []
    recall = check_recall(anchors, boxes, labels, names=("cat", "dog"), split="train", report=found.append)
    assert recall.by_class == {0: 1.0, 1: 0.0}
    assert "50% of all boxes overlap" in found[0].found
    assert "dog (0%)" in found[0].found
    assert "100% with model.shapes=data" in found[0].cure


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Cat", "dog", "cat"), ["'Cat' and 'cat'"]),
        (
            ("traffic light", "Traffic_light", "trafficlight"),
            ["'traffic light' and 'Traffic_light' and 'trafficlight'"],
        ),
        (("cat", "cats", "catdog"), []),
    ],
)
def test_names_that_are_written_alike_are_warned_of(names, expected):
    _, said = kinds(check_classes, {"train": counts([50, 50, 50])}, ClassTable.create(names, range(3)))
    assert [text.split("written alike: ")[1].split(";")[0] for text in said] == expected
