import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from data.classes import ClassTable
from data.images import load_mask
from data.samples import IGNORE
from data.streams.sources import Timestamp
from data.streams.videos import VideoFile
from tasks.predict.prediction import Prediction
from tasks.predict.writers import CsvResults, JsonResults, LabelMasks, Pictures, Tally, Videos

CLASSES = ClassTable.create(["cat", "dog"], [3, 7], colors=[(255, 0, 0), (0, 0, 255)])
IMAGE = np.full((31, 41, 3), 90, np.uint8)


def predict(name="one", *, scores=(0.9, 0.25), timestamp=None, mask=None):
    boxes = np.array([[1.0, 2.0, 11.0, 22.0], [0.0, 0.0, 40.125, 30.0]])[: len(scores)]
    labels = np.array([1, 0])[: len(scores)]
    found = {"boxes": boxes, "labels": labels, "scores": np.array(scores)}
    return Prediction(name, IMAGE, CLASSES, f"{name}.jpg", timestamp, mask=mask, **({} if mask is not None else found))


def test_coco_results_are_whole_after_each_image(tmp_path):
    writer = JsonResults(tmp_path / "r.json")
    counts = []
    for scores in ((), (0.9, 0.25), (), (0.5,)):
        writer.write(predict(scores=scores))
        counts.append(len(json.loads((tmp_path / "r.json").read_text())))
    writer.close()
    assert counts == [0, 2, 2, 3]
    entries = json.loads((tmp_path / "r.json").read_text())
    wanted = {"image_id": 2, "category_id": 7, "bbox": [1.0, 2.0, 10.0, 20.0], "score": 0.9, "file_name": "one.jpg"}
    assert entries[0] == wanted
    assert [entry["image_id"] for entry in entries] == [2, 2, 4]


def test_a_table_has_a_line_for_each_box_at_once(tmp_path):
    writer = CsvResults(tmp_path / "r.csv")
    writer.write(predict(timestamp=Timestamp("one", 25.0, 50, 2.0)))
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    writer.close()
    assert [row["class"] for row in rows] == ["dog", "cat"]
    assert list(rows[1].values()) == ["one.jpg", "50", "2.0", "cat", "0.25", "0.0", "0.0", "40.12", "30.0"]


@pytest.mark.parametrize("make", [JsonResults, CsvResults])
def test_a_file_name_that_is_not_utf8_is_escaped_in_results(make, tmp_path):
    writer = make(tmp_path / "results")
    writer.write(replace(predict(), file="photos/caf\udce9.jpg"))
    writer.close()
    text = (tmp_path / "results").read_text(encoding="utf-8")
    if make is JsonResults:
        assert {entry["file_name"] for entry in json.loads(text)} == {"photos/caf\\xe9.jpg"}
    else:
        assert {row["file"] for row in csv.DictReader(text.splitlines())} == {"photos/caf\\xe9.jpg"}


def test_a_class_name_that_is_not_utf8_is_escaped_in_a_table(tmp_path):
    writer = CsvResults(tmp_path / "r.csv")
    writer.write(replace(predict(), classes=ClassTable.create(["cat", "half \ud83d"], [3, 7])))
    writer.close()
    assert "half \\ud83d" in (tmp_path / "r.csv").read_text(encoding="utf-8")


def test_a_picture_that_is_too_long_for_jpeg_is_a_png(tmp_path, caplog):
    writer = Pictures(tmp_path / "pictures", "jpg", frames=False)
    long = Prediction("long", np.zeros((3, 65_501, 3), np.uint8), CLASSES)
    for prediction in (long, replace(long, name="most", image=long.image[:, 1:])):
        writer.write(prediction)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["long.png", "most.jpg"]
    assert caplog.messages == [
        f"{tmp_path / 'pictures/long.jpg'}: JPEG has no room for 3 x 65501 pixels; written as PNG"
    ]


def test_boxes_are_counted_or_the_classes_in_masks():
    boxes, masks = Tally(), Tally()
    boxes.write(predict(scores=(0.9,)))
    assert str(boxes) == "1 image, 1 box"
    boxes.write(predict())
    boxes.write(predict(scores=()))
    assert str(boxes) == "3 images, 3 boxes"
    masks.write(predict(mask=np.array([[0, 0, IGNORE]], np.uint8)))
    assert str(masks) == "1 image, masks of 1 class"
    masks.write(predict(mask=np.array([[0, 1, IGNORE]], np.uint8)))
    assert str(masks) == "2 images, masks of 2 classes"


def test_a_mask_holds_label_ids_and_shows_the_colours(tmp_path):
    writer = LabelMasks(tmp_path / "masks")
    writer.write(predict(mask=np.array([[0, 1, IGNORE]], np.uint8)))
    assert load_mask(tmp_path / "masks/one.png").tolist() == [[3, 7, 255]]
    with Image.open(tmp_path / "masks/one.png") as image:
        assert np.array(image.convert("RGB")).tolist() == [[[255, 0, 0], [0, 0, 255], [255, 255, 255]]]


@pytest.mark.parametrize("frames", [True, False])
def test_frames_become_pictures_only_where_no_video_is_made(tmp_path, frames):
    writer = Pictures(tmp_path / "pictures", "png", frames=frames)
    writer.write(predict("image"))
    writer.write(predict("frame", timestamp=Timestamp("clip", 25.0, 0, 0.0)))
    assert sorted(path.stem for path in (tmp_path / "pictures").iterdir()) == (["frame"] if frames else []) + ["image"]


def play(path):
    stream = cv2.VideoCapture(str(path))
    frames = []
    while (frame := stream.read())[0]:
        frames.append(frame[1])
    return stream.get(cv2.CAP_PROP_FPS), frames


def test_each_video_of_a_source_becomes_one_of_the_same_length(tmp_path):
    writer = Videos(tmp_path / "videos", names=["cat", "dog"])
    for video, count in (("a", 5), ("b", 3)):
        for number in range(count):
            scores = (0.9,) if number % 2 else ()
            writer.write(predict(scores=scores, timestamp=Timestamp(video, 12.5, number, number / 12.5)))
    writer.write(predict("image"))
    writer.close()
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == ["a.mp4", "b.mp4"]
    rate, frames = play(tmp_path / "videos/a.mp4")
    assert (rate, len(frames)) == (12.5, 5)
    assert {frame.shape for frame in frames} == {(frames[0].shape[0], 42, 3)}  # 41 made even
    assert frames[0].shape[0] > 31  # and the legend


@pytest.mark.parametrize("every", [7, 30, 45, 60, 100])
def test_a_video_of_few_frames_lasts_as_long_as_its_source(tmp_path, every):
    video = VideoFile(tmp_path / "a.mp4", rate=30 / every)  # of 10 seconds
    for number in range(0, 300, every):
        video.write(IMAGE, number / 30)
    video.close()
    rate, frames = play(tmp_path / "a.mp4")
    assert rate >= 1
    assert len(frames) / rate == pytest.approx(10, rel=0.06)


def test_one_frame_of_a_long_video_is_not_copied_for_ever(tmp_path):
    video = VideoFile(tmp_path / "a.mp4", rate=1e-5)
    video.write(IMAGE, 0.0)
    video.close()
    assert len(play(tmp_path / "a.mp4")[1]) == 60


def test_a_frame_is_held_where_a_slow_camera_left_some_out(tmp_path):
    video = VideoFile(tmp_path / "a.mp4", rate=10.0)
    for seconds in (5.0, 5.1, 5.5, 9000.0):
        video.write(IMAGE, seconds)
    video.close()
    assert len(play(tmp_path / "a.mp4")[1]) == 1 + 1 + 4 + 10  # no leap holds longer than a second
