import numpy as np
import pytest
from scipy.io import savemat

from data.config import DatasetConfig
from data.datasets import open_labels
from data.errors import InputError
from data.formats.imagenet import SYNSETS, TRUTH
from tests.support.class_trees import write_images

IDS = {1: "n03", 2: "n01", 3: "n02"}  # the devkit's numbers are in another order than the ids


@pytest.fixture
def root(tmp_path):
    """Return a tree of three classes, whose val/ holds images without folders."""
    write_images(tmp_path, [f"train/{name}/{name}_{n}.JPEG" for name in IDS.values() for n in range(2)])
    return write_images(tmp_path, [f"val/ILSVRC2012_val_{n:08d}.JPEG" for n in range(1, 5)])


def write_devkit(root, truth="3\n1\n1\n2\n"):
    folder = root / "ILSVRC2012_devkit_t12" / "data"
    folder.mkdir(parents=True)
    kind = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = [(number, name, "thing", 0) for number, name in IDS.items()] + [(4, "n99", "group", 2)]
    savemat(folder / SYNSETS, {"synsets": np.array(rows, dtype=kind)})
    (folder / TRUTH).write_text(truth)


def open_imagenet(root, role):
    return open_labels(DatasetConfig("imagenet", str(root), "train", "val"), role)


def test_labels_of_val_come_from_the_devkit(root):
    write_devkit(root)
    train, val = open_imagenet(root, "train"), open_imagenet(root, "val")
    assert train.classes.names == val.classes.names == ("n01", "n02", "n03")
    assert [val.classes.names[row.argmax()] for row in val.presence] == ["n02", "n03", "n03", "n01"]
    assert val[0].target.tolist() == [False, True, False]


def test_val_may_have_folders_too(root):
    for path, name in zip(sorted((root / "val").iterdir()), ("n02", "n03", "n03", "n01"), strict=True):
        (root / "val" / name).mkdir(exist_ok=True)
        path.rename(root / "val" / name / path.name)
    val = open_imagenet(root, "val")
    assert val.tally().amounts.tolist() == [1, 1, 2]


def test_val_without_folders_needs_the_devkit(root):
    with pytest.raises(InputError, match=r"val: no folders of classes; expected them, or ILSVRC2012_devkit_t12/data"):
        open_imagenet(root, "val")


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ("1\n2\n", "2 labels for the 4 images"),
        ("1\n2\nx\n1\n", "line 3: 'x'; expected the number of a class"),
        ("1\n2\n9\n1\n", "class 9; expected the numbers in .*, 1 to 3"),
    ],
)
def test_labels_that_do_not_fit_are_refused(root, truth, message):
    write_devkit(root, truth)
    with pytest.raises(InputError, match=message):
        open_imagenet(root, "val")


def test_a_table_of_classes_that_is_none_is_refused(root):
    write_devkit(root)
    (root / "ILSVRC2012_devkit_t12" / "data" / SYNSETS).write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"meta\.mat: not readable .*; expected the devkit's table"):
        open_imagenet(root, "val")
