import json

import pytest

from data.formats.foreign import describe_others, recognise, recognise_file

COCO = {"images": [], "annotations": [], "categories": []}
BOX = {"type": "rectanglelabels", "value": {"x": 10, "y": 10, "width": 20, "height": 40, "rectanglelabels": ["cat"]}}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"version": "5.0.1", "flags": {}, "shapes": [], "imagePath": "a.jpg", "imageData": None}, "labelme"),
        ({"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": [], "file_attributes": {}}}, "VIA"),
        ({"_via_settings": {}, "_via_img_metadata": {}, "_via_attributes": {}}, "VIA"),
        ({"name": "p", "securityToken": "t", "tags": [], "assets": {}}, "VoTT"),
        ([{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {}}]}], "CreateML"),
        ([{"id": 1, "data": {"image": "/data/a.jpg"}, "annotations": [{"result": [BOX]}]}], "Label Studio"),
        ([{"image": "/data/a.jpg", "id": 1, "label": [], "annotator": 1, "annotation_id": 1}], "Label Studio"),
        ({"description": "", "tags": [], "size": {"height": 4, "width": 6}, "objects": []}, "Supervisely"),
        ({"version": "2.0", "schema_ref": "...", "item": {"name": "a.jpg"}, "annotations": []}, "V7"),
        ({"info": {}, "categories": {"label": {"labels": []}}, "items": []}, "Datumaro"),
    ],
)
def test_a_tool_is_recognised_by_its_json(content, name):
    assert name in recognise(content).name


@pytest.mark.parametrize("content", [COCO, {}, [], [1], 3, None, {"a": 1}])
def test_nothing_is_recognised_in_coco_or_in_what_is_unknown(content):
    assert recognise(content) is None


@pytest.mark.parametrize(
    ("name", "content", "cure"),
    [
        ("a.xml", "<annotations><version>1.1</version></annotations>", "export COCO 1.0, PASCAL VOC 1.1"),
        ("a.xml", "<annotation><object/></annotation>", "read it with dataset=voc"),
        ("a.json", json.dumps(COCO), "read it with dataset=coco"),
    ],
)
def test_a_file_of_another_format_says_what_to_do(tmp_path, name, content, cure):
    (tmp_path / name).write_text(content)
    assert recognise_file(tmp_path / name).cure.startswith(cure)


@pytest.mark.parametrize("name", ["a.json", "a.xml", "a.csv"])
def test_a_file_that_is_none_of_them_is_unknown(tmp_path, name):
    (tmp_path / name).write_text("{")
    assert recognise_file(tmp_path / name) is None


def test_what_cannot_be_read_is_unknown(tmp_path):
    (tmp_path / "a.json").mkdir()
    assert recognise_file(tmp_path / "a.json") is None


def test_labels_of_another_tool_are_counted_and_their_cure_is_told(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text('{"shapes": [], "imagePath": "a.jpg"}')
    assert describe_others(tmp_path, "else") == (
        " (2 .json there, labelme's own JSON)",
        "convert it with labelme2coco or labelme2voc.py",
    )


def test_without_any_labels_the_cure_is_the_usual_one(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert describe_others(tmp_path, "else") == ("", "else")
