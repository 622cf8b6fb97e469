import cv2
import numpy as np
import pytest

from data.streams.videos import VideoFile

IMAGE = np.full((31, 41, 3), 90, np.uint8)


def play(path):
    stream = cv2.VideoCapture(str(path))
    frames = []
    while (frame := stream.read())[0]:
        frames.append(frame[1])
    return stream.get(cv2.CAP_PROP_FPS), frames


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
