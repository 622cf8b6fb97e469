"""What a data set of a stranger may ask for: workers, pixels, scenes, faults, files that are none."""

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from data.classes import MOST_CLASSES, ClassTable
from data.config import DatasetConfig
from data.datasets import open_boxes, open_masks
from data.errors import InputError
from data.findings import MOST_REPORTED, fault, parse_all
from data.images import inspect_image, load_image
from data.streams.sources import open_source
from tasks.dataset_choice import choose_dataset
from tasks.parsing import Partial
from tests.hostile.labels import coco
from tests.hostile.pictures import PLAYLIST, avi, scans

NOTHING = Partial({}, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 100_000}, r"workers: 100000; expected an integer from 0 to 256, or null"),
        ({"scenes": {"train": 10**9, "val": 1}}, r"scenes: .*; expected at most 20000 a split"),
        ({"max_pixels": 0}, r"max_pixels: 0; expected an integer from 1"),
    ],
)
def test_what_a_configuration_may_ask_for_is_bounded(options, message):
    with pytest.raises(ValueError, match=message):
        DatasetConfig("synthetic", "", "train", "val", **options)


def test_a_checkpoints_own_data_take_this_machines_workers_and_the_usual_pixels():
    own = DatasetConfig("coco", "here", "train", "val", workers=200, max_pixels=10**12)
    found = choose_dataset(own, NOTHING, typed_options=())
    assert (found.workers, found.max_pixels) == (None, DatasetConfig("coco", "", "", "").max_pixels)
    assert choose_dataset(DatasetConfig("coco", "", "", "", workers=0), NOTHING, typed_options=()).workers == 0


def test_nothing_is_drawn_because_a_checkpoint_says_so(tmp_path):
    own = DatasetConfig("synthetic", str(tmp_path / "elsewhere"), "train", "val", scenes={"train": 2, "val": 1})
    for _ in range(2):
        with pytest.raises(InputError, match="are gone; dataset=synthetic draws them"):
            choose_dataset(own, NOTHING, typed_options=())
        (tmp_path / "elsewhere").mkdir(exist_ok=True)  # an empty folder is drawn into as well
    assert not any((tmp_path / "elsewhere").iterdir())


def test_an_image_of_a_data_set_has_at_most_so_many_pixels(tmp_path):
    coco()(tmp_path, tmp_path)
    config = DatasetConfig("coco", str(tmp_path / "data"), "t", "t", max_pixels=64 * 64)
    assert len(open_boxes(config, "train")) == 2
    Image.new("RGB", (65, 64)).save(tmp_path / "data/t/1.jpg")
    with pytest.raises(InputError, match=r"1\.jpg: size is height 64 x width 65; expected at most 0.004096 megapixels"):
        open_boxes(config, "train")


def test_a_mask_has_as_many_pixels_as_its_image_may(tmp_path):
    mask = np.zeros((9000, 10_000), dtype=np.uint8)  # more than the default allows
    mask[:9] = 1
    for folder in ("images", "masks"):
        (tmp_path / folder / "train").mkdir(parents=True)
        Image.fromarray(mask).save(tmp_path / folder / "train/1.png", compress_level=1)
    config = DatasetConfig("masks", str(tmp_path), "train", "train", max_pixels=mask.size)  # classes are inferred
    np.testing.assert_array_equal(open_masks(config, "train").read_mask(0), mask)
    for most in (mask.size - 1, DatasetConfig("masks", "", "", "").max_pixels):
        with pytest.raises(InputError, match=r"1\.png: size is height 9000 x width 10000; expected at most"):
            open_masks(replace(config, max_pixels=most), "train")


def test_an_image_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    for read in (load_image, inspect_image):
        with pytest.raises(InputError, match=r"a\.jpg: cannot be read \(is a pipe"):
            read(tmp_path / "a.jpg")


def test_a_jpeg_goes_over_its_pixels_as_often_as_encoders_make_it(tmp_path):
    (tmp_path / "a.jpg").write_bytes(scans())
    with pytest.raises(InputError, match=r"a\.jpg: 10\d\d\d scans; expected at most 200"):
        inspect_image(tmp_path / "a.jpg")
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "b.jpg", progressive=True)
    assert load_image(tmp_path / "b.jpg").shape == (90, 90, 3)


@pytest.mark.parametrize("content", [PLAYLIST, b"ffconcat version 1.0\nfile a.mp4\n", b"v=0\n", b"", b"<MPD/>" * 200])
def test_a_list_of_other_files_is_no_video(content, tmp_path):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.mp4: cannot be decoded; expected a complete video"):
        open_source(tmp_path / "a.mp4")


def test_a_video_of_giant_frames_is_refused_by_its_header(tmp_path):
    (tmp_path / "a.avi").write_bytes(avi(32_000, 32_000))
    with pytest.raises(InputError, match=r"a\.avi: (its frames have 1024 megapixels|cannot be decoded|no frames)"):
        open_source(tmp_path / "a.avi")


def test_faults_without_end_are_counted():
    def parse(index, entry):
        raise fault("bad", f"entry {index}", str(entry), "expected good")

    found = []
    assert not list(parse_all(parse, range(MOST_REPORTED + 5), report=found.append))
    assert len(found) == MOST_REPORTED + 1
    assert found[-1].found == "and 4 before it: 10004"


def test_there_are_at_most_so_many_classes():
    names = [str(number) for number in range(MOST_CLASSES + 1)]
    assert len(ClassTable.create(names[1:], range(MOST_CLASSES))) == MOST_CLASSES
    with pytest.raises(InputError, match="20001 classes; expected at most 20000"):
        ClassTable.create(names, range(len(names)))
