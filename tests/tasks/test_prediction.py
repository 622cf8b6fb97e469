import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.images import load_mask
from tasks.evaluation import evaluate
from tasks.predicting.sources import unique_names
from tasks.prediction import predict
from tasks.training import train
from tests.tasks.runs import load_config, small_run


@pytest.fixture(scope="module", params=["ssdlite", "lraspp"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Train each task for one epoch: its name and the run's folder."""
    out = tmp_path_factory.mktemp(request.param) / "run"
    train(small_run(request.param, out, "trainer.max_epochs=1"))
    return request.param, out


def validation_images(run: Path, task: str) -> Path:
    data = run.parent / "synthetic"
    return data / "coco/val" if task == "ssdlite" else data / "cityscapes/leftImg8bit/val/synthetic"


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_every_image_of_a_folder_gets_a_picture_and_results(run: tuple[str, Path], suffix: str, tmp_path: Path) -> None:
    task, folder = run
    source = validation_images(folder, task)
    options = [
        f"checkpoint={folder / 'model.safetensors'}",
        f"source={source}",
        f"out={tmp_path / 'out'}",
        f"pictures={suffix}",
    ]
    assert predict(load_config("predict", *options)) == 4
    pictures = sorted((tmp_path / "out/pictures").glob(f"*.{suffix}"))
    assert [path.stem for path in pictures] == sorted(path.stem for path in source.iterdir())
    assert np.array(Image.open(pictures[0])).shape[1] == 384


@pytest.mark.parametrize("run", ["ssdlite"], indirect=True)
def test_predicted_and_evaluated_boxes_are_the_same(run: tuple[str, Path], tmp_path: Path) -> None:
    predict_and_evaluate(run, tmp_path)
    predicted, evaluated = (json.loads((tmp_path / out / "results.json").read_text()) for out in ("p", "e"))
    assert [{k: v for k, v in result.items() if k != "file_name"} for result in predicted] == evaluated
    assert len(evaluated) > 0


@pytest.mark.parametrize("run", ["lraspp"], indirect=True)
def test_predicted_and_evaluated_masks_are_the_same(run: tuple[str, Path], tmp_path: Path) -> None:
    predict_and_evaluate(run, tmp_path)
    masks = sorted((tmp_path / "e/predictions").iterdir())
    assert len(masks) == 4
    for path in masks:
        np.testing.assert_array_equal(load_mask(tmp_path / "p/predictions" / path.name), load_mask(path))


def predict_and_evaluate(run: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = run
    checkpoint = f"checkpoint={folder / 'checkpoints/best.ckpt'}"
    options = [checkpoint, f"source={validation_images(folder, task)}", f"out={tmp_path / 'p'}"]
    predict(load_config("predict", *options, *(["threshold=0"] if task == "ssdlite" else [])))
    evaluate(load_config("evaluate", checkpoint, f"out={tmp_path / 'e'}", "accelerator=cpu"))


def test_a_file_and_a_pattern_are_sources_too(run: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = run
    images = sorted(validation_images(folder, task).iterdir())
    checkpoint = f"checkpoint={folder / 'model.safetensors'}"
    pattern = f"{images[0].parent}/*0[12]{images[0].suffix if task == 'ssdlite' else '_left*'}"
    assert predict(load_config("predict", checkpoint, f"source={images[0]}", f"out={tmp_path / 'one'}")) == 1
    assert predict(load_config("predict", checkpoint, f"source='{pattern}'", f"out={tmp_path / 'some'}")) == 2


@pytest.mark.parametrize("run", ["ssdlite"], indirect=True)
def test_the_threshold_decides_what_is_drawn_and_written(run: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = run
    image = sorted(validation_images(folder, task).iterdir())[0]
    base = [f"checkpoint={folder / 'model.safetensors'}", f"source={image}", "pictures=png"]
    for threshold in (0.0, 1.0):
        predict(load_config("predict", *base, f"threshold={threshold}", f"out={tmp_path / str(threshold)}"))
    drawn, plain = (np.array(Image.open(tmp_path / f"{t}/pictures/{image.stem}.png")) for t in (0.0, 1.0))
    assert not np.array_equal(drawn, plain)
    np.testing.assert_array_equal(plain, np.array(Image.open(image)))
    all_of_them, none = (json.loads((tmp_path / t / "results.json").read_text()) for t in ("0.0", "1.0"))
    assert len(all_of_them) > 0
    assert none == []


def test_images_of_one_stem_get_names_of_their_own() -> None:
    paths = [Path("a/x.jpg"), Path("a/x.png"), Path("a/y.jpg"), Path("b/x.jpg")]
    assert unique_names(paths) == ["000001_x_jpg", "x_png", "y", "000004_x_jpg"]
