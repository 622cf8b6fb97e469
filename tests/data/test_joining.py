"""Several splits to train on, `dataset.train=[train,extra]`, in every format."""

import json
import logging

import numpy as np
import pytest
from PIL import Image

from data.config import DatasetConfig
from data.datasets import open_boxes, open_masks
from data.errors import InputError
from data.findings import refuse
from data.joining import check_apart
from data.synthetic.writing import write_synthetic
from tests.data.test_formats import WRITERS, boxes_by_stem, expected_boxes
from tests.support import sound_sets, trees

BOTH = ("train", "val")
SOUND = {"coco": sound_sets.write_coco, "masks": sound_sets.write_masks, "yolo": sound_sets.write_yolo}


def config(name, root, train=BOTH, val="test", **options):
    return DatasetConfig(name, str(root), train, val, **options)


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def write_mask(root, split, stem, values):
    for folder, pixels in (("images", np.zeros((2, 3, 3), np.uint8)), ("masks", np.array(values, np.uint8))):
        path = root / folder / split / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def write_masks(root):
    """Write two splits whose images share a name, as frames that are numbered in each split do."""
    write_mask(root, "train", "0001", [[0, 1, 2], [0, 0, 0]])
    write_mask(root, "val", "0001", [[2, 2, 2], [1, 1, 255]])
    return root


@pytest.mark.parametrize("writer", WRITERS)
def test_the_boxes_of_all_splits_are_those_of_their_own_images_in_every_format(tmp_path, writer):
    name, write = WRITERS[writer]
    reader = open_boxes(config(name, write(tmp_path)), "train")
    assert boxes_by_stem(reader) == expected_boxes("train") | expected_boxes("val")
    assert reader.image_ids.tolist() == [0, 1, 2, 3]  # each file has an id 0 of its own
    stems = [path.rpartition("/")[2][0] for path in reader.image_paths.tolist()]
    assert stems == [*trees.SPLITS["train"], *trees.SPLITS["val"]]
    assert [sample.image.shape[:2] for sample in reader] == [trees.SIZES[stem] for stem in stems]


@pytest.mark.parametrize("writer", WRITERS)
def test_the_list_gives_the_order_of_the_images(tmp_path, writer):
    name, write = WRITERS[writer]
    reader = open_boxes(config(name, write(tmp_path), ("val", "train")), "train")
    assert [str(path)[-5] for path in reader.image_paths] == ["c", "a", "b", "d"]
    first = reader.make_sample(0, None)
    assert np.allclose(first.boxes, [[46, 32, 47, 33], [1, 2, 4, 6]], atol=1e-3)


def test_whatever_counts_boxes_counts_those_of_all_splits(tmp_path):
    reader = open_boxes(config("coco", trees.write_coco(tmp_path)), "train")
    assert reader.count_boxes().tolist() == [2, 1, 2]
    assert reader.names.tolist() == ["train/a.png", "train/b.png", "train/d.png", "val/c.png"]
    truth = reader.ground_truth()
    assert [(e["image_id"], e["bbox"]) for e in truth["annotations"]][2:4] == [(1, [3, 4, 12, 9]), (3, [46, 32, 1, 1])]
    boxes, labels = reader.boxes_at((10, 10))
    assert (len(boxes), labels.tolist()) == (5, [0, 2, 1, 2, 0])
    assert reader.fingerprint()["boxes"] == 5
    assert len(reader.stamp_labels(deep=False)) == 4


def test_a_subset_and_a_cache_of_several_splits_hold_their_images(tmp_path):
    reader = open_boxes(config("coco", trees.write_coco(tmp_path)), "train")
    part = reader.subset([3, 1])
    assert [sample.boxes.tolist() for sample in part] == [[[46, 32, 47, 33], [1, 2, 4, 6]], [[3, 4, 15, 13]]]
    cached = reader.cached()
    for _ in range(2):
        assert all((again.image == first.image).all() for again, first in zip(cached, reader, strict=True))


def test_bad_boxes_are_counted_over_all_splits_and_named_by_their_file(tmp_path, caplog):
    root = trees.write_coco(tmp_path)
    for split in BOTH:
        edit(root / f"annotations/instances_{split}.json", lambda c: c["annotations"][0].update(bbox=[0, 0, 0, 5]))
    reader = open_boxes(config("coco", root), "train")
    assert reader.dropped == {"zero width or height": 2}
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [line.partition(":")[0].rpartition("/")[2] for line in said] == [f"instances_{split}.json" for split in BOTH]


def test_classes_of_another_order_are_those_of_the_first_split(tmp_path):
    root = trees.write_coco(tmp_path)
    edit(root / "annotations/instances_val.json", lambda content: content["categories"].reverse())
    assert boxes_by_stem(open_boxes(config("coco", root), "train"))["c"] == expected_boxes("val")["c"]


@pytest.mark.parametrize(
    ("change", "found"),
    [({"name": "bird"}, r"unknown classes 'bird' \(id 1\)"), ({"id": 9}, r"unknown classes 'dog' \(id 9\)")],
)
def test_classes_that_differ_are_refused_by_name_and_id(tmp_path, change, found):
    root = trees.write_coco(tmp_path)
    edit(root / "annotations/instances_val.json", lambda content: content["categories"][1].update(change))
    with pytest.raises(InputError, match=rf"instances_val\.json: {found}"):
        open_boxes(config("coco", root), "train")


def test_masks_of_all_splits_are_read_in_their_order(tmp_path):
    reader = open_masks(config("masks", write_masks(tmp_path), names=["a", "b", "c"]), "train")
    assert [sample.name for sample in reader] == ["train_0001", "val_0001"]
    assert [sample.mask.tolist() for sample in reader] == [[[0, 1, 2], [0, 0, 0]], [[2, 2, 2], [1, 1, 255]]]
    assert [sample.name for sample in reader.subset([1])] == ["val_0001"]
    assert reader.subset([1])[0].mask.tolist() == [[2, 2, 2], [1, 1, 255]]
    assert reader.tally().amounts.round(3).tolist() == [round(4 / 11, 3), round(3 / 11, 3), round(4 / 11, 3)]


def test_masks_whose_values_mean_something_else_in_each_split_are_read_by_their_own_file(tmp_path):
    write_masks(tmp_path)
    for split, names in (("train", "abc"), ("val", "cba")):
        rows = "".join(f"{value}, {name}\n" for value, name in enumerate(names))
        (tmp_path / "masks" / split / "_classes.csv").write_text(rows)
    reader = open_masks(config("masks", tmp_path), "train")
    assert reader.classes.names == ("a", "b", "c")
    assert reader[0].mask.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert reader[1].mask.tolist() == [[0, 0, 0], [1, 1, 255]]


def test_values_that_only_another_split_has_are_refused_before_they_are_read(tmp_path):
    write_masks(tmp_path)
    write_mask(tmp_path, "val", "0002", [[7, 7, 7], [1, 1, 1]])
    found = r"dataset\.train: the split 'val': unknown classes 'class_7' \(id 7\)"
    with pytest.raises(InputError, match=found):
        open_masks(config("masks", tmp_path), "train")


def test_both_synthetic_trees_have_their_splits_joined(tmp_path):
    write_synthetic(tmp_path, train=3, val=2)
    scenes = config("synthetic", tmp_path, scenes={"train": 3, "val": 2})
    for opened in (open_boxes, open_masks):
        whole = opened(scenes, "train")
        alone = [opened(config("synthetic", tmp_path, split, split, scenes=scenes.scenes), "train") for split in BOTH]
        samples = [sample for reader in alone for sample in reader]
        assert len(whole) == 5
        assert all((ours.image == theirs.image).all() for ours, theirs in zip(whole, samples, strict=True))
    assert all((ours.mask == theirs.mask).all() for ours, theirs in zip(whole, samples, strict=True))


@pytest.mark.parametrize("name", SOUND)
def test_a_share_is_taken_of_every_split(tmp_path, name):
    root = SOUND[name](tmp_path / "set")
    opened = open_masks if name == "masks" else open_boxes
    names = {role: opened(config(name, root, val_share=0.3), role).image_paths.tolist() for role in BOTH}
    alone = [opened(config(name, root, split, val_share=0.3), role) for role in BOTH for split in BOTH]
    assert names["train"] + names["val"] == [path for reader in alone for path in reader.image_paths.tolist()]
    assert all(names.values())
    assert len({*names["train"], *names["val"]}) == sum(sound_sets.COUNTS.values())


def test_a_list_of_one_split_is_that_split(tmp_path):
    root = trees.write_coco(tmp_path)
    plain, listed = (open_boxes(config("coco", root, train), "train") for train in ("train", ("train",)))
    assert plain.names.tolist() == listed.names.tolist() == ["a.png", "b.png", "d.png"]
    assert plain.fingerprint() == listed.fingerprint()


def test_each_split_may_have_its_own_file_of_labels(tmp_path):
    root = trees.write_coco(tmp_path)
    (root / "annotations/instances_val.json").rename(root / "extra.json")
    own = config("coco", root, annotations={"train": (None, "extra.json"), "val": None})
    assert boxes_by_stem(open_boxes(own, "train")) == expected_boxes("train") | expected_boxes("val")


@pytest.mark.parametrize("files", ["a.json", ("a.json",), ("a.json", None, None)])
def test_another_number_of_files_than_of_splits_is_refused(files):
    expected = r"annotations: train: a\.json.*; expected a list of 2, a file or null for each of train, val"
    with pytest.raises(ValueError, match=expected):
        config("coco", "", annotations={"train": files})


@pytest.mark.parametrize("train", [(), ("train", "train")])
def test_no_split_and_the_same_split_twice_are_refused(train):
    with pytest.raises(ValueError, match=r"train: \[.*\]; expected the name of a split, or a list of different names"):
        config("coco", "", train)


def test_a_split_of_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no split 'extra'; expected"):
        open_boxes(config("coco", trees.write_coco(tmp_path), ("train", "extra")), "train")


def test_an_image_of_two_splits_is_refused_whatever_they_are_called(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "ImageSets/Main/more.txt").write_text("c\nb\n")
    with pytest.raises(InputError, match=r"dataset\.train: 1 images of 'more' are in 'train' too \(first: .*b\.png\)"):
        open_boxes(config("voc", root, ("train", "more")), "train")


def test_images_of_several_splits_that_are_evaluated_on_too_are_refused(tmp_path):
    data = config("coco", trees.write_coco(tmp_path), val="val")
    readers = [open_boxes(data, role) for role in BOTH]
    with pytest.raises(InputError, match=r"dataset\.val: 1 of 1 images are in dataset\.train too \(first: .*c\.png\)"):
        check_apart(data, *readers, report=refuse)
    check_apart(config("coco", tmp_path, "val", "val"), readers[1], readers[1], report=refuse)
