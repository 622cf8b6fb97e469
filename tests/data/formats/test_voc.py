import numpy as np
import pytest
from torchvision.datasets import VOCDetection

from data.boxes import BoxDataset
from data.errors import InputError
from data.findings import refuse
from data.formats.voc import read_voc
from data.formats.voc_xml import read_xml
from data.splits import Part
from tests.support import trees

TRAIN = Part("train", "train")
OBJECT = "<object><name>cat</name>{}<bndbox><xmin>{}</xmin><ymin>2</ymin><xmax>8</xmax><ymax>9</ymax></bndbox></object>"


def read(root, *, names=None, report=refuse):
    return read_voc(root, TRAIN, names=names, report=report)


def write_one(tmp_path, objects, *, database="Unknown", size="<width>10</width><height>20</height>"):
    path = tmp_path / "x.xml"
    source = f"<source><database>{database}</database></source>"
    path.write_text(f"<annotation>{source}<size>{size}</size>{objects}</annotation>")
    return read_xml(path)


def test_corners_of_labelimg_are_edges_from_0(tmp_path):
    found = write_one(tmp_path, OBJECT.format("", 1))
    assert found.size == (20, 10)
    assert [(entry.name, entry.box, entry.difficult) for entry in found.objects] == [("cat", [1, 2, 7, 7], False)]


def test_corners_of_the_challenge_are_pixels_from_1_inclusive(tmp_path):
    """(xmin, xmax) = (1, W) is the whole width."""
    (found,) = write_one(tmp_path, OBJECT.format("", 1), database="The VOC2012 Database").objects
    assert found.box == [0, 1, 8, 8]


def test_difficult_objects_become_crowds(tmp_path):
    reader = BoxDataset(read(trees.write_voc(tmp_path, difficult=True)))
    assert reader[0].crowd.all()
    assert {entry["iscrowd"] for entry in reader.ground_truth()["annotations"]} == {1}
    assert len(reader.boxes_at((32, 32))[0]) == 0


@pytest.mark.parametrize("size", ["", "<width>0</width><height>0</height>", "<width>x</width><height>3</height>"])
def test_a_size_that_says_nothing_is_left_to_the_image(tmp_path, size):
    assert write_one(tmp_path, OBJECT.format("", 1), size=size).size is None


@pytest.mark.parametrize(
    ("value", "box"), [("", np.nan), ("x", np.nan), ("nan", np.inf), ("inf", np.inf), ("1e99", np.inf)]
)
def test_corners_that_are_no_numbers_make_a_box_that_is_left_out(tmp_path, value, box):
    (found,) = write_one(tmp_path, OBJECT.format("", value)).objects
    np.testing.assert_array_equal(found.box, [box] * 4)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ("<object><bndbox/></object>", r"x\.xml: object 1: no <name>; expected"),
        ("<object><name>cat</name></object>", r"x\.xml: object 1: no <bndbox>; expected"),
    ],
)
def test_objects_that_lack_something_are_told_apart_from_the_good(tmp_path, objects, message):
    found = write_one(tmp_path, objects + OBJECT.format("", 1))
    assert [entry.number for entry in found.objects] == [2]
    (finding,) = found.faults
    with pytest.raises(InputError, match=message):
        refuse(finding)


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><annotation>&b;</annotation>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB.encode(), "it has a DOCTYPE"),
        (BOMB.encode("utf-16"), "it has a DOCTYPE"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "it has a DOCTYPE"),
        (b"<annotation>&b;</annotation>", "undefined entity"),
        (b"<annotation>", "cannot be read"),
        (b"", "cannot be read"),
        (b"<html/>", "holds <html>"),
        (b"<?xml version='1.0' encoding='nope'?><annotation/>", "cannot be read"),
    ],
)
def test_what_is_no_such_xml_is_refused(tmp_path, content, message):
    (tmp_path / "x.xml").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.xml: .*{message}.*; expected XML as Pascal VOC's"):
        read_xml(tmp_path / "x.xml")


def test_classes_are_those_of_all_splits_sorted(tmp_path):
    for write in (trees.write_voc, trees.write_flat_voc):
        root = write(tmp_path / write.__name__)
        for split in ("train", "val"):
            labels = read_voc(root, Part("val", split), names=None, report=refuse)
            assert labels.classes.names == ("axolotl", "cat", "dog")


def test_names_that_are_given_set_the_order_and_leave_no_other(tmp_path):
    root = trees.write_voc(tmp_path)
    assert read(root, names=trees.NAMES).classes.names == tuple(trees.NAMES)
    with pytest.raises(InputError, match=r"a\.xml: object 2: 'axolotl'; expected one of \['cat', 'dog'\]"):
        read(root, names=["cat", "dog"])


def test_a_list_may_say_more_than_names(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "ImageSets/Main/train.txt").write_text("a  1\n\nb -1\n")
    assert read(root).images.names.tolist() == ["a.png", "b.png"]


def test_a_listed_image_without_xml_is_refused(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "Annotations" / "b.xml").unlink()
    with pytest.raises(InputError, match=r"1 of 3 files(.|\n)*b\.xml: no such file; expected XML"):
        read(root)


def test_xml_without_its_image_is_refused(tmp_path):
    root = trees.write_flat_voc(tmp_path)
    (root / "train" / "b.png").unlink()
    with pytest.raises(InputError, match=r"b\.jpg: no such file; expected"):
        BoxDataset(read(root))


def test_a_data_set_without_splits_is_taken_whole_for_a_share(tmp_path):
    root = trees.write_voc(tmp_path)
    (root / "ImageSets").rename(root / "unused")
    labels = read_voc(root, Part("train", "train", 0.5), names=None, report=refuse)
    assert [str(name) for name in labels.images.names] == ["a.png", "b.png", "c.png", "d.png"]
    with pytest.raises(InputError, match="no split 'train'; expected"):
        read(root)


def test_objects_are_those_of_torchvision(tmp_path):
    root = trees.write_voc(tmp_path / "VOCdevkit" / "VOC2012")
    for path in (root / "JPEGImages").iterdir():
        path.rename(path.with_suffix(".jpg"))
    reader = BoxDataset(read(root))
    peer = VOCDetection(str(tmp_path), year="2012", image_set="train")
    assert len(reader) == len(peer) == 3
    for index, (image, target) in enumerate(peer):
        sample = reader[index]
        objects = target["annotation"]["object"]
        corners = [[float(e["bndbox"][c]) for c in ("xmin", "ymin", "xmax", "ymax")] for e in objects]
        assert sample.boxes.tolist() == corners
        assert [reader.classes.names[k] for k in sample.labels] == [entry["name"] for entry in objects]
        np.testing.assert_array_equal(sample.image, np.asarray(image))
