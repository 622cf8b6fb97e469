import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from data.samples import IGNORE
from tasks.detection.prediction import BoxPrediction
from tasks.models.checkpoint import load_checkpoint, save_safetensors
from tasks.predict import Predictor
from tasks.segmentation.prediction import MaskPrediction
from tests.support.untrained import write_untrained


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return an untrained checkpoint of each task."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return {task: write_untrained(task, folder) for task in ("ssdlite", "lraspp")}


@pytest.fixture
def images() -> list[np.ndarray]:
    """Return images of several sizes."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((60, 80), (90, 70), (60, 80), (64, 200))]


@pytest.mark.slow
def test_the_predictor_is_imported_from_its_package_and_torch_only_for_it():
    program = """
import sys, tasks.predict
print("torch" in sys.modules)
from tasks.predict import Predictor
print("torch" in sys.modules, Predictor.__module__)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True", "tasks.predict.predictor"]


def test_a_detector_gives_boxes_in_pixels_of_the_image_best_first(checkpoints, images):
    for prediction, image in zip(Predictor(checkpoints["ssdlite"], threshold=0.0)(images), images, strict=True):
        assert isinstance(prediction, BoxPrediction)
        assert len(prediction.boxes) == len(prediction.labels) == len(prediction.scores) > 0
        assert prediction.image is image
        assert (prediction.boxes >= 0).all()
        assert (prediction.boxes[:, 2:] <= image.shape[1::-1]).all()
        assert (np.diff(prediction.scores) <= 0).all()


def test_a_segmenter_gives_a_mask_of_each_images_size(checkpoints, images):
    for prediction, image in zip(Predictor(checkpoints["lraspp"])(images), images, strict=True):
        assert isinstance(prediction, MaskPrediction)
        assert prediction.mask.shape == image.shape[:2]
        assert prediction.mask.max() < 3


def test_at_another_size_it_is_the_model_described_at_that_size(checkpoints, images, tmp_path):
    description, weights = load_checkpoint(checkpoints["ssdlite"])
    assert description.preprocessing.size != (96, 160)
    entry = replace(description.preprocessing, size=(96, 160))
    save_safetensors(tmp_path / "other.safetensors", replace(description, preprocessing=entry), weights)
    found = list(Predictor(checkpoints["ssdlite"], threshold=0.0, size=(96, 160))(images))
    expected = list(Predictor(tmp_path / "other.safetensors", threshold=0.0)(images))
    usual = list(Predictor(checkpoints["ssdlite"], threshold=0.0)(images))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)
    assert not np.array_equal(found[0].boxes, usual[0].boxes)
    with pytest.raises(InputError, match="size: 16; expected N"):
        Predictor(checkpoints["ssdlite"], size=16)


@pytest.mark.parametrize("task", ["ssdlite", "lraspp"])
def test_the_batch_changes_nothing(task, checkpoints, images):
    one, many = (list(Predictor(checkpoints[task], batch_size=size)(images)) for size in (1, 3))
    for first, second in zip(one, many, strict=True):
        if task == "lraspp":
            assert (first.mask != second.mask).mean() < 1e-3
        else:
            np.testing.assert_allclose(first.boxes, second.boxes, atol=1e-3)


def test_threshold_and_classes_are_those_of_keep(checkpoints, images):
    (everything,) = Predictor(checkpoints["ssdlite"], threshold=0.0)(images[0])
    middle = float(np.median(everything.scores))
    (some,) = Predictor(checkpoints["ssdlite"], threshold=middle, classes=["dog", "cow"])(images[0])
    np.testing.assert_array_equal(some.boxes, everything.keep(threshold=middle, classes=["dog", "cow"]).boxes)
    (mask,) = Predictor(checkpoints["lraspp"], classes="cat")(images[0])
    assert set(np.unique(mask.mask)) <= {0, IGNORE}


def test_the_checkpoints_own_thresholds_are_the_default(checkpoints, images, tmp_path):
    predictor = Predictor(checkpoints["ssdlite"])
    assert predictor.threshold == 0.5
    own = replace(predictor.description, thresholds=(0.25, 0.5, 1.0))
    save_safetensors(tmp_path / "own.safetensors", own, predictor.model.state_dict())
    assert Predictor(tmp_path / "own.safetensors").threshold == (0.25, 0.5, 1.0)
    assert Predictor(tmp_path / "own.safetensors", threshold=0.3).threshold == 0.3


def test_an_image_within_a_tile_is_predicted_whole(checkpoints, images):
    (tiled,), (plain,) = (Predictor(checkpoints["ssdlite"], threshold=0.0, tile=t)(images[0]) for t in (100, None))
    np.testing.assert_array_equal(tiled.boxes, plain.boxes)


def test_tiles_are_predicted_as_images_of_their_own_and_set_in_place(checkpoints):
    image = np.random.default_rng(0).integers(0, 256, (64, 200, 3), dtype=np.uint8)
    predictor = Predictor(checkpoints["ssdlite"], threshold=0.0, tile=(64, 100), overlap=0.0)
    (tiled,) = predictor(image)
    own = [box for part, left in ((image[:, :100], 0), (image[:, 100:], 100)) for box in shifted(predictor, part, left)]
    from_tiles = [box for box in tiled.boxes.round(3).tolist() if box in own]
    assert len(from_tiles) > 0
    (mask,) = Predictor(checkpoints["lraspp"], tile=(64, 100), overlap=0.0)(image)
    (right,) = Predictor(checkpoints["lraspp"])(np.ascontiguousarray(image[:, 100:]))
    np.testing.assert_array_equal(mask.mask[:, 100:], right.mask)


def shifted(predictor: Predictor, part: np.ndarray, left: int) -> list[list[float]]:
    (prediction,) = predictor(np.ascontiguousarray(part))
    return (prediction.boxes + np.array([left, 0, left, 0])).round(3).tolist()


def test_images_that_cannot_be_read_are_reported_and_the_others_predicted(checkpoints, images, tmp_path):
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(whole[: len(whole) // 2])
    refused: list[InputError] = []
    found = Predictor(checkpoints["lraspp"])(tmp_path, report=refused.append)
    assert [prediction.name for prediction in found] == ["0", "2", "3"]
    assert [str(tmp_path / "1.png") in str(error) for error in refused] == [True]


def test_an_endless_source_is_a_stream(checkpoints, images):
    def camera():
        while True:
            yield images[0]

    predictions = Predictor(checkpoints["ssdlite"], batch_size=2)(camera())
    assert [next(predictions).name for _ in range(5)] == [f"{number:06d}" for number in range(1, 6)]
    predictions.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 2.0}, "threshold: 2.0; expected a number from 0 to 1"),
        ({"threshold": "high"}, "threshold: 'high'; expected a number"),
        ({"classes": ["bird"]}, "choose from cat, dog, cow"),
        ({"tile": 16}, "tile: 16; expected N or"),
        ({"tile": (64,)}, "tile: .*expected N or"),
        ({"overlap": 1.0}, "overlap: 1.0; expected a number from 0 to 0.9"),
        ({"batch_size": 0}, "batch_size: 0; expected an integer from 1"),
        ({"batch_size": 2.5}, "batch_size: 2.5; expected an integer from 1"),
        ({"accelerator": "tpu"}, "accelerator: unknown 'tpu'; choose from"),
    ],
)
def test_an_option_that_cannot_be_is_refused(settings, message, checkpoints):
    with pytest.raises(InputError, match=message):
        Predictor(checkpoints["ssdlite"], **settings)


def test_masks_have_no_threshold(checkpoints):
    with pytest.raises(InputError, match="lraspp gives masks"):
        Predictor(checkpoints["lraspp"], threshold=0.5)
