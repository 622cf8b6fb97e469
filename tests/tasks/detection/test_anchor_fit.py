import pytest

from data.config import DatasetConfig
from data.datasets import open_boxes
from data.errors import InputError
from tasks.detection.anchor_fit import are_visible, gather_boxes
from tasks.detection.examination import check_use
from tests.support import trees


@pytest.fixture
def reader(tmp_path):
    """Return a reader of one image of 47 x 33 pixels, with boxes of 1 x 1 and 3 x 4."""
    return open_boxes(DatasetConfig("coco", str(trees.write_coco(tmp_path)), "train", "val"), "val")


def use(reader, size, split):
    findings = []
    check_use(reader, size, report=findings.append, split=split)
    return [(finding.level, finding.kind, finding.found) for finding in findings]


def test_boxes_are_visible_from_a_pixel_of_the_input_on(reader):
    boxes, _ = gather_boxes(reader, (33, 47))
    assert are_visible(boxes).tolist() == [True, True]
    boxes, _ = gather_boxes(reader, (16, 24))
    assert sorted(are_visible(boxes).tolist()) == [False, True]


def test_boxes_that_all_vanish_at_the_input_are_refused(reader):
    with pytest.raises(
        InputError, match=r"all 2 boxes are under 1 pixel wide or high at size=\[8,8\]; expected boxes in"
    ):
        gather_boxes(reader, (8, 8))
    found = "all 2 boxes are under 1 pixel wide or high at size=[8,8]"
    assert use(reader, (8, 8), "train") == [("error", "nothing to learn", found)]
    assert use(reader, (8, 8), "val") == use(reader, (16, 24), "train") == []


def test_crowds_alone_neither_teach_nor_measure(tmp_path):
    root = trees.write_voc(tmp_path, difficult=True)
    crowds = open_boxes(DatasetConfig("voc", str(root), "train", "val"), "train")
    none = "no boxes but crowds and difficult objects"
    assert use(crowds, (32, 32), "train") == [("error", "nothing to learn", none)]
    assert use(crowds, (32, 32), "val") == [("error", "nothing to measure", none)]
