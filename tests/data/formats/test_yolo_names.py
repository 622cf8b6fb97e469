import pytest

from data.errors import InputError
from data.findings import refuse
from data.formats.yolo import read_yolo
from data.splits import Part
from tests.support import trees


def names_of(root, split="train", *, report=refuse, names=None):
    return list(read_yolo(root, Part(split, split), names=names, report=report).classes.names)


@pytest.mark.parametrize(
    ("file", "labels"),
    [
        ("labels/train/classes.txt", "labels/{}"),  # LabelImg
        ("images/train/_darknet.labels", "images/{}"),  # Roboflow's darknet
        ("images/train/obj.names", "images/{}"),  # FiftyOne's YOLOv4
    ],
)
def test_names_may_lie_beside_the_images_or_the_labels_of_a_split(tmp_path, file, labels):
    trees.write_yolo(tmp_path, labels=labels, yaml="")
    trees.write_text(tmp_path / file, "\n".join(trees.NAMES))
    assert names_of(tmp_path) == trees.NAMES


def test_each_split_has_the_order_of_its_own_list(tmp_path):
    """LabelImg numbers classes as they are first drawn, folder by folder."""
    trees.write_yolo(tmp_path, yaml="")
    for split, names in (("train", trees.NAMES), ("val", trees.NAMES[::-1])):
        trees.write_text(tmp_path / "labels" / split / "classes.txt", "\n".join(names))
    train, val = (read_yolo(tmp_path, Part(s, s), names=None, report=refuse) for s in ("train", "val"))
    assert val.boxes.labels.tolist() == [2, 0]  # as written: axolotl, cat; the list says cat, axolotl
    assert val.take_classes(train.classes).boxes.labels.tolist() == [0, 2]


def test_lists_that_differ_are_refused_unless_the_names_are_given(tmp_path):
    trees.write_yolo(tmp_path, yaml="")
    trees.write_text(tmp_path / "classes.txt", "cat\ndog\naxolotl")
    trees.write_text(tmp_path / "labels/train/classes.txt", "dog\ncat\naxolotl")
    with pytest.raises(InputError, match=r"train/classes\.txt: says dog, cat, axolotl, where \S+ says cat, dog, axol"):
        names_of(tmp_path)
    assert names_of(tmp_path, names=trees.NAMES) == trees.NAMES


def test_a_list_that_differs_from_data_yaml_is_warned_of(tmp_path):
    trees.write_yolo(tmp_path)
    trees.write_text(tmp_path / "labels/train/classes.txt", "dog\ncat\naxolotl")
    findings = []
    assert names_of(tmp_path, report=findings.append) == trees.NAMES
    assert [(f.level, f.kind) for f in findings if f.kind == "names that differ"] == [("warning", "names that differ")]


def test_names_that_powershell_wrote_are_read(tmp_path):
    trees.write_yolo(tmp_path, yaml="")
    (tmp_path / "classes.txt").write_bytes("\r\n".join(trees.NAMES).encode("utf-16"))
    assert names_of(tmp_path) == trees.NAMES
