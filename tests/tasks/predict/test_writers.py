import cv2
import numpy as np
import pytest

from data.classes import ClassTable
from data.streams.sources import Timestamp
from tasks.detection.prediction import BoxPrediction
from tasks.predict.writers import Pictures, Videos

CLASSES = ClassTable.create(["cat", "dog"], [3, 7])


def predict(name="one", *, scores=(), timestamp=None, size=(31, 41)):
    boxes = np.tile([1.0, 2.0, 11.0, 22.0], (len(scores), 1))
    labels, image = np.zeros(len(scores), np.int64), np.full((*size, 3), 90, np.uint8)
    found = {"boxes": boxes, "labels": labels, "scores": np.array(scores)}
    return BoxPrediction(image=image, name=name, timestamp=timestamp, classes=CLASSES, **found)


def test_a_picture_that_is_too_long_for_jpeg_is_a_png(tmp_path, caplog):
    writer = Pictures(tmp_path / "pictures", "jpg", frames=False)
    writer.write(predict("long", size=(3, 65_501)))
    writer.write(predict("most", size=(3, 65_500)))
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["long.png", "most.jpg"]
    assert caplog.messages == [f"{tmp_path / 'pictures/long.jpg'}: JPEG cannot hold 3 x 65501 pixels; written as PNG"]


@pytest.mark.parametrize("frames", [True, False])
def test_frames_become_pictures_only_where_no_video_is_made(tmp_path, frames):
    writer = Pictures(tmp_path / "pictures", "png", frames=frames)
    writer.write(predict("image"))
    writer.write(predict("frame", timestamp=Timestamp("clip", 25.0, 0, 0.0)))
    assert sorted(path.stem for path in (tmp_path / "pictures").iterdir()) == (["frame"] if frames else []) + ["image"]


def test_each_video_of_a_source_becomes_one_of_the_same_length(tmp_path):
    writer = Videos(tmp_path / "videos", names=["cat", "dog"])
    for video, count in (("a", 5), ("b", 3)):
        for number in range(count):
            scores = (0.9,) if number % 2 else ()
            writer.write(predict(scores=scores, timestamp=Timestamp(video, 12.5, number, number / 12.5)))
    writer.write(predict("image"))
    writer.close()
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == ["a.mp4", "b.mp4"]
    stream, frames = cv2.VideoCapture(str(tmp_path / "videos/a.mp4")), []
    while (frame := stream.read())[0]:
        frames.append(frame[1])
    assert (stream.get(cv2.CAP_PROP_FPS), len(frames)) == (12.5, 5)
    assert {frame.shape for frame in frames} == {(frames[0].shape[0], 42, 3)}  # 41 made even
    assert frames[0].shape[0] > 31  # and the legend
