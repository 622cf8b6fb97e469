import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data.dealing import Share
from data.errors import InputError
from data.streams.files import unique_names
from data.streams.sources import Timestamp, open_source
from tests.support.videos import GREYS, write_video


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two images, a video and a text."""
    for name in ("b.png", "a.jpg"):
        Image.new("RGB", (40, 30), (200, 100, 0)).save(tmp_path / name)
    write_video(tmp_path / "clip.avi")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.jpg").write_text("macOS")
    return tmp_path


def read(source, **settings):
    return [take() for take in open_source(source, **settings)]


def try_each(source, **settings):
    """Return the names of what can be read, and the messages of what cannot."""
    names, refused = [], []
    for take in open_source(source, **settings):
        try:
            names.append(take().name)
        except InputError as error:
            refused.append(str(error))
    return names, refused


def test_a_folder_gives_its_images_and_videos_by_name(folder):
    frames = read(folder)
    assert [frame.name for frame in frames] == ["a", "b", *(f"clip_{number:06d}" for number in range(10))]
    assert frames[0].image.shape == (30, 40, 3)
    assert frames[0].file == str(folder / "a.jpg")
    assert frames[0].timestamp is None


def test_files_are_dealt_out_in_groups_and_a_video_whole(folder):
    for name in ("d.png", "e.png", "f.png"):
        Image.new("RGB", (8, 8)).save(folder / name)
    alone = [(frame.group, frame.name) for frame in read(folder, together=2)]
    film = [(1, f"clip_{number:06d}") for number in range(10)]
    assert alone == [(0, "a"), (0, "b"), *film, (2, "d"), (2, "e"), (3, "f")]
    for world in (2, 3):
        shares = [read(folder, together=2, share=Share(rank, world)) for rank in range(world)]
        assert [(frame.group, frame.name) for share in shares for frame in share] == sorted(
            alone, key=lambda one: (one[0] % world, one)
        )


def test_several_processes_share_files_alone():
    with pytest.raises(InputError, match="source: camera 0 of 2 processes; expected files, or one process"):
        open_source(0, share=Share(0, 2))


def test_a_pattern_and_a_file_give_what_they_name(folder):
    assert [frame.name for frame in read(str(folder / "*.[jp][pn]g"))] == ["a", "b"]
    assert [frame.name for frame in read(folder / "b.png")] == ["b"]
    np.testing.assert_array_equal(read(folder / "b.png")[0].image[0, 0], [200, 100, 0])


def test_a_video_gives_frames_in_their_order_with_number_and_time(folder):
    frames = read(folder / "clip.avi")
    assert [int(frame.image.mean()) for frame in frames] == pytest.approx(list(GREYS), abs=3)
    assert [frame.timestamp.number for frame in frames] == list(range(10))
    assert [frame.timestamp.seconds for frame in frames] == pytest.approx([n / 10 for n in range(10)])


def test_each_third_frame_is_taken_and_the_rate_falls_with_them(folder):
    frames = read(folder / "clip.avi", every=3)
    assert [int(frame.image.mean()) for frame in frames] == pytest.approx([0, 60, 120, 180], abs=3)
    assert frames[1].timestamp == Timestamp("clip", pytest.approx(10 / 3), 3, pytest.approx(0.3))


def test_arrays_are_images_too():
    image = np.zeros((4, 5, 3), np.uint8)
    assert [frame.name for frame in read(image)] == ["image"]
    assert [frame.name for frame in read(image for _ in range(2))] == ["000001", "000002"]


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((4, 5), np.uint8), r"uint8 \(4, 5\)"),
        (np.zeros((4, 5, 3)), "float64"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
    ],
)
def test_arrays_of_another_form_are_refused(array, found):
    with pytest.raises(InputError, match=found):
        read(array)
    with pytest.raises(InputError, match="str"):
        read(["a.jpg"])


@pytest.mark.parametrize("name", ["nothing", "empty", "none*.jpg", "text.jpg", "text.mp4"])
def test_what_holds_no_image_is_refused_at_once(name, tmp_path):
    (tmp_path / "empty").mkdir()
    for text in ("text.jpg", "text.mp4"):
        (tmp_path / text).write_text("hello")
    with pytest.raises(InputError, match=name.split("*")[0]):
        open_source(tmp_path / name)


def test_a_camera_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="no camera 99"):
        open_source(99)


def test_unreadable_files_among_others_are_refused_when_their_turn_comes(folder):
    (folder / "aa.jpg").write_text("hello")
    (folder / "bb.mp4").write_text("hello")
    names, refused = try_each(folder)
    assert len(names) == 12
    assert [Path(message.split(":")[0]).name for message in refused] == ["aa.jpg", "bb.mp4"]


def test_a_video_that_ends_early_says_so_after_its_frames(folder):
    write_video(folder / "clip.avi", noise=50)  # much to store
    whole = (folder / "clip.avi").read_bytes()
    (folder / "clip.avi").write_bytes(whole[: len(whole) * 2 // 3])
    takes = list(open_source(folder / "clip.avi"))
    assert [take().timestamp.number for take in takes[:-1]] == list(range(len(takes) - 1))
    with pytest.raises(InputError, match=r"clip.avi: ends after \d of 10 frames"):
        takes[-1]()


def test_a_video_without_frames_is_refused_at_once_or_among_others_in_its_turn(folder):
    write_video(folder / "bb.avi", greys=range(0))
    with pytest.raises(InputError, match=r"bb\.avi: no frames; expected at least one"):
        open_source(folder / "bb.avi")
    names, refused = try_each(folder)
    assert len(names) == 12
    assert refused == [f"{folder / 'bb.avi'}: no frames; expected at least one"]


def test_a_camera_without_frames_is_refused(monkeypatch):
    class Blind:
        def isOpened(self):  # noqa: N802
            return True

        def get(self, _):
            return 25.0

        def grab(self):
            return False

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoCapture", lambda _: Blind())
    assert try_each(0) == ([], ["camera 0: no frames; expected at least one"])


def test_what_is_left_out_of_a_folder_is_named_but_for_labels_and_hidden_files(folder, caplog):
    (folder / "IMG_2.HEIC").write_bytes(b"...")
    (folder / "more").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    names, refused = try_each(folder)
    assert (len(names), refused) == (12, [])
    (message,) = caplog.messages
    left_out = "3 left out, not read as images or videos: IMG_2.HEIC, more/, pipe.jpg"
    assert message == f"{folder}: {left_out}; '{folder}/**/*.jpg' looks into folders"


def test_a_link_to_a_folder_is_that_folder_and_a_link_to_nothing_is_refused(folder, tmp_path_factory):
    (folder / "aa.jpg").symlink_to("gone.jpg")
    link = tmp_path_factory.mktemp("links") / "photos"
    link.symlink_to(folder)
    names, refused = try_each(link)
    assert names[:2] == ["a", "b"]
    assert [message.split(";")[0] for message in refused] == [f"{link / 'aa.jpg'}: no such file"]


def test_signs_of_patterns_in_the_name_of_a_folder_are_taken_as_they_are(tmp_path):
    (tmp_path / "photos [1]").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "photos [1]/a.jpg")
    assert [frame.name for frame in read(tmp_path / "photos [1]/*.jpg")] == ["a"]


def test_names_that_are_not_utf8_are_read_and_escaped(folder):
    latin = os.fsdecode("é".encode("latin-1"))
    (folder / "a.jpg").rename(folder / f"{latin}.jpg")
    (folder / "clip.avi").rename(folder / f"{latin}.avi")
    frames = read(folder)
    assert [frame.name for frame in frames] == ["b", *(f"\\xe9_avi_{number:06d}" for number in range(10)), "\\xe9_jpg"]
    assert frames[-1].file == str(folder / f"{latin}.jpg")
    assert frames[1].image.shape == (48, 64, 3)


def test_no_name_is_too_long_for_a_file_that_is_written():
    many = [Path("a" * 250 + ".jpg"), Path("a" * 250 + ".png"), Path(os.fsdecode(b"\xe9" * 200) + ".jpg")]
    names = unique_names(many)
    assert len(set(names)) == 3
    assert max(len(name.encode()) for name in names) <= 240


def test_several_pictures_in_one_file_are_told_of(tmp_path, caplog):
    pages = [Image.new("RGB", (40, 30), (grey, grey, grey)) for grey in (10, 20, 30)]
    pages[0].save(tmp_path / "scan.tiff", save_all=True, append_images=pages[1:])
    assert [int(frame.image.mean()) for frame in read(tmp_path / "scan.tiff")] == [10]
    assert caplog.messages == [f"{tmp_path / 'scan.tiff'}: holds 3 images; only the first is used"]


def test_an_image_of_more_pixels_than_are_allowed_is_refused_by_its_header(tmp_path, monkeypatch):
    Image.new("RGB", (50, 41)).save(tmp_path / "large.png")
    with pytest.raises(InputError, match=r"large\.png: size is height 41 x width 50.* or max_pixels=N"):
        open_source(tmp_path / "large.png", most_pixels=2000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # what has twice as many is refused by Pillow itself
    monkeypatch.setattr("data.image_headers.GUARDED", 2000)
    (frame,) = read(tmp_path / "large.png", most_pixels=2050)
    assert frame.image.shape == (41, 50, 3)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_an_image_that_is_named_like_a_frame_of_a_video_gets_a_name_of_its_own(folder):
    Image.new("RGB", (40, 30)).save(folder / "clip_000001.png")
    names = [frame.name for frame in read(folder)]
    assert len(set(names)) == len(names) == 13
    assert names[-1] == "000004_clip_000001"


def test_a_name_that_was_changed_is_no_other_files_name():
    paths = [Path("000002_x_jpg.png"), Path("a/x.jpg"), Path("b/x.jpg"), Path("b/x.png")]
    assert unique_names(paths) == ["000001_000002_x_jpg", "000002_000002_x_jpg", "000003_x_jpg", "x_png"]


def test_images_of_one_stem_get_names_of_their_own():
    paths = [Path("a/x.jpg"), Path("a/x.png"), Path("a/y.jpg"), Path("b/x.jpg")]
    assert unique_names(paths) == ["000001_x_jpg", "x_png", "y", "000004_x_jpg"]
