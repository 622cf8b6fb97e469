import numpy as np
import pytest

from data.errors import InputError
from data.findings import refuse
from data.formats.voc_xml import read_xml

OBJECT = "<object><name>cat</name>{}<bndbox><xmin>{}</xmin><ymin>2</ymin><xmax>8</xmax><ymax>9</ymax></bndbox></object>"


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
    with pytest.raises(InputError, match=rf"x\.xml: .*{message}.*; expected Pascal VOC XML"):
        read_xml(tmp_path / "x.xml")


def test_a_box_that_cvat_turned_is_the_box_around_it(tmp_path):
    turned = "<attributes><attribute><name>rotation</name><value>90.0</value></attribute></attributes>"
    (found,) = write_one(tmp_path, OBJECT.format(turned, 2)).objects
    assert found.box == pytest.approx([1.5, 2.5, 7, 6])  # 6 x 7 about (5, 5.5)


@pytest.mark.parametrize("rotation", ["", "x", "inf"])
def test_a_turn_by_no_number_makes_a_box_that_is_left_out(tmp_path, rotation):
    turned = f"<attributes><attribute><name>rotation</name><value>{rotation}</value></attribute></attributes>"
    (found,) = write_one(tmp_path, OBJECT.format(turned, 2)).objects
    assert np.isnan(found.box).all()


def test_an_encoding_that_only_python_knows_is_read(tmp_path):
    objects = OBJECT.format("", 1).replace("cat", "猫")
    text = f'<?xml version="1.0" encoding="gb2312"?><annotation>{objects}</annotation>'
    (tmp_path / "x.xml").write_bytes(text.encode("gb2312"))
    assert [entry.name for entry in read_xml(tmp_path / "x.xml").objects] == ["猫"]


def test_cvats_own_xml_says_what_to_export(tmp_path):
    (tmp_path / "x.xml").write_text("<annotations><version>1.1</version></annotations>")
    with pytest.raises(InputError, match=r"x\.xml: holds <annotations>, CVAT's own XML; export COCO 1\.0, PASCAL VOC"):
        read_xml(tmp_path / "x.xml")
