import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from data.classes import ClassTable
from data.streams.sources import Timestamp
from tasks.detection.prediction import BoxPrediction
from tasks.detection.results import BoxTally, CsvResults, JsonResults

CLASSES = ClassTable.create(["cat", "dog"], [3, 7])
FOUND = BoxPrediction(
    image=np.full((31, 41, 3), 90, np.uint8),
    name="one",
    file="one.jpg",
    classes=CLASSES,
    boxes=np.array([[1.0, 2.0, 11.0, 22.0], [0.0, 0.0, 40.125, 30.0]]),
    labels=np.array([1, 0]),
    scores=np.array([0.9, 0.25]),
)


def test_coco_results_are_whole_after_each_image(tmp_path):
    writer = JsonResults(tmp_path / "r.json")
    counts = []
    for threshold in (1.0, 0.0, 1.0, 0.5):
        writer.write(FOUND.keep(threshold=threshold))
        counts.append(len(json.loads((tmp_path / "r.json").read_text())))
    writer.close()
    assert counts == [0, 2, 2, 3]
    entries = json.loads((tmp_path / "r.json").read_text())
    wanted = {"image_id": 2, "category_id": 7, "bbox": [1.0, 2.0, 10.0, 20.0], "score": 0.9, "file_name": "one.jpg"}
    assert entries[0] == wanted
    assert [entry["image_id"] for entry in entries] == [2, 2, 4]


def test_a_table_has_a_line_for_each_box_at_once(tmp_path):
    writer = CsvResults(tmp_path / "r.csv")
    writer.write(replace(FOUND, timestamp=Timestamp("one", 25.0, 50, 2.0)))
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    writer.close()
    assert [row["class"] for row in rows] == ["dog", "cat"]
    assert list(rows[1].values()) == ["one.jpg", "50", "2.0", "cat", "0.25", "0.0", "0.0", "40.12", "30.0"]


@pytest.mark.parametrize("make", [JsonResults, CsvResults])
def test_a_file_name_that_is_not_utf8_is_escaped_in_results(make, tmp_path):
    writer = make(tmp_path / "results")
    writer.write(replace(FOUND, file="photos/caf\udce9.jpg"))
    writer.close()
    text = (tmp_path / "results").read_text(encoding="utf-8")
    if make is JsonResults:
        assert {entry["file_name"] for entry in json.loads(text)} == {"photos/caf\\xe9.jpg"}
    else:
        assert {row["file"] for row in csv.DictReader(text.splitlines())} == {"photos/caf\\xe9.jpg"}


def test_a_class_name_that_is_not_utf8_is_escaped_in_a_table(tmp_path):
    writer = CsvResults(tmp_path / "r.csv")
    writer.write(replace(FOUND, classes=ClassTable.create(["cat", "half \ud83d"], [3, 7])))
    writer.close()
    assert "half \\ud83d" in (tmp_path / "r.csv").read_text(encoding="utf-8")


def test_boxes_are_counted():
    tally = BoxTally()
    tally.write(FOUND.keep(threshold=0.5))
    assert str(tally) == "1 box"
    tally.write(FOUND)
    tally.write(FOUND.keep(classes=[]))
    assert str(tally) == "3 boxes"
