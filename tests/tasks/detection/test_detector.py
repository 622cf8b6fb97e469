"""A detector in use: images in, detections out."""

from dataclasses import replace

import pytest
import torch

from data.classes import ClassTable
from data.config import DatasetConfig
from tasks.detection.detector import Detector, scale_to
from tasks.detection.postprocess import postprocess
from tasks.models.architecture import Arch
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.postprocessing import Postprocessing
from tasks.models.preprocessing import Preprocessing
from tests.support.peers import show_images
from tests.support.random_weights import randomize

SIZE = (64, 96)
DESCRIPTION = Description(
    Arch("ssdlite", "small", 3, scores="sigmoid"),
    ClassTable.create(["cat", "dog", "cow"], [3, 7, 8]),
    Preprocessing(SIZE, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
    Postprocessing(score_threshold=0.3, max_detections=20),
    DatasetConfig("coco", "data", "train", "val"),
)


@pytest.fixture(scope="module")
def detector():
    """Return a detector whose detections vary from image to image."""
    return randomize(Detector(DESCRIPTION))


@torch.no_grad()
def test_an_image_alone_gives_what_it_gives_in_a_batch(detector):
    images = show_images(SIZE, scenes=3)
    together, alone = detector(images), [detector(image[None])[0] for image in images]
    assert len({tuple(found.scores.tolist()) for found in alone}) == 4
    for one, other in zip(together, alone, strict=True):
        assert len(one.labels) == 20
        for value, expected in zip(one, other, strict=True):
            torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [SIZE, (96, 64), (160, 224), (33, 97)])
def test_anchors_at_another_size_are_those_of_a_model_of_that_size(detector, size):
    other = Detector(replace(DESCRIPTION, preprocessing=replace(DESCRIPTION.preprocessing, size=size)))
    assert torch.equal(detector.anchors_at(size), other.anchors)
    assert detector.anchors_at(size) is detector.anchors_at(size)


@torch.no_grad()
def test_bytes_are_normalised_and_what_the_head_says_of_them_is_decoded(detector):
    images = show_images(SIZE)
    assert images.dtype == torch.uint8
    mean, std = torch.tensor([0.4, 0.5, 0.6]).reshape(3, 1, 1), torch.tensor([0.2, 0.3, 0.4]).reshape(3, 1, 1)
    raw = detector.head(detector.backbone((images / 255 - mean) / std))
    anchors, settings = detector.head.anchors(SIZE), DESCRIPTION.postprocessing
    expected = postprocess(raw, anchors, size=SIZE, scores="sigmoid", settings=settings)
    for found, other in zip(detector(images), expected, strict=True):
        for value, wanted in zip(found, other, strict=True):
            torch.testing.assert_close(value, wanted, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_boxes_lie_within_the_images_best_first(detector):
    for found in detector(show_images(SIZE)):
        assert (found.boxes >= 0).all()
        assert (found.boxes <= torch.tensor([96, 64, 96, 64])).all()
        assert (found.boxes[:, :2] <= found.boxes[:, 2:]).all()
        assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
        assert set(found.labels.tolist()) <= {0, 1, 2}


def test_its_weights_bear_the_names_of_the_network_and_hold_no_anchors(detector):
    assert list(detector.state_dict()) == list(build_model(DESCRIPTION.arch).state_dict())
    assert torch.equal(detector.anchors, detector.head.anchors(SIZE))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": Arch("lraspp", "small", 3)}, "the head ssdlite; got lraspp"),
        ({"preprocessing": Preprocessing(None)}, "an input size and postprocessing; expected both"),
        ({"postprocessing": None}, "an input size and postprocessing; expected both"),
    ],
)
def test_what_describes_no_detector_is_refused(changes, message):
    with pytest.raises(ValueError, match=f"a detector needs {message}"):
        Detector(replace(DESCRIPTION, **changes))


def test_the_factors_to_an_images_own_pixels_are_those_of_x_and_y():
    assert scale_to((480, 320), (240, 640)) == (0.5, 2.0)
