import numpy as np
import pytest

from data.config import DatasetConfig
from data.datasets import open_boxes, open_masks
from data.synthetic.writing import write_synthetic
from tests.support import trees


@pytest.fixture
def boxes(tmp_path):
    """Return the reader of a, b and d, in this order; a has two boxes, b one, d none."""
    return open_boxes(DatasetConfig("coco", str(trees.write_coco(tmp_path)), "train", "val"), "train")


@pytest.fixture
def masks(tmp_path):
    write_synthetic(tmp_path, train=3, val=1)
    config = DatasetConfig("synthetic", str(tmp_path), "train", "val", scenes={"train": 3, "val": 1})
    return open_masks(config, "train")


def test_a_subset_of_boxes_holds_its_images_alone_in_its_order(boxes):
    part = boxes.subset([2, 0])
    assert (part.names.tolist(), part.image_ids.tolist()) == (["d.png", "a.png"], [2, 0])
    assert part.sizes.tolist() == part.pixel_sizes.tolist() == [[64, 64], [40, 60]]
    assert [sample.boxes.tolist() for sample in part] == [[], [[10, 5, 30, 35], [0, 0, 60, 40]]]
    assert part.classes is boxes.classes


def test_whatever_counts_boxes_counts_those_of_a_subset(boxes):
    part = boxes.subset(range(1, 3))
    assert part.count_boxes().tolist() == [0, 1, 0]
    assert part.fingerprint()["boxes"] == len(part.boxes_at((10, 10))[0]) == 1
    truth = part.ground_truth()
    assert [image["file_name"] for image in truth["images"]] == ["b.png", "d.png"]
    assert [(entry["id"], entry["image_id"], entry["bbox"]) for entry in truth["annotations"]] == [
        (1, 1, [3, 4, 12, 9])
    ]


def test_a_subset_may_hold_an_image_twice_or_none(boxes):
    assert [len(sample.boxes) for sample in boxes.subset([1, 1])] == [1, 1]
    assert len(boxes.subset([]).ground_truth()["annotations"]) == len(boxes.subset([])) == 0


def test_a_subset_leaves_its_reader_as_it_was(boxes):
    before = boxes.ground_truth()
    boxes.subset([2])
    assert boxes.ground_truth() == before


def test_a_subset_of_masks_holds_its_images_alone_in_its_order(masks):
    part = masks.subset([2, 0])
    assert [sample.name for sample in part] == [masks[2].name, masks[0].name]
    np.testing.assert_array_equal(part[0].mask, masks[2].mask)
    assert part.mask_paths.tolist() == [masks.mask_paths[2], masks.mask_paths[0]]
    with pytest.raises(IndexError):
        part[2]


def test_a_subset_of_what_is_cached_reads_its_own_images(boxes):
    cached = boxes.cached()
    assert cached[0].image.shape == (40, 60, 3)
    assert cached.subset([1])[0].image.shape == (50, 30, 3)
